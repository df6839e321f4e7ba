package password_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func Example() {
	m, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{
		Providers: []auth.Provider{password.New(nil)},
		Logger:    slog.New(slog.DiscardHandler), // or the default
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	site := m.Handler(mux)

	post := func(path, body string) {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		fmt.Println(path, w.Code)
	}
	post("/auth/register", `{"email": "ada@example.com", "password": "four unrelated words, say"}`)
	post("/auth/login", `{"email": "ada@example.com", "password": "four unrelated words, say"}`)
	// Output:
	// /auth/register 201
	// /auth/login 200
}

// The routes' work can be done by a host's own code.
func ExampleProvider_Register() {
	p := password.New(&password.Options{Words: []string{"Meadow"}, Hasher: password.Argon2id{}})
	_, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{p}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, pw := range []string{"meadow meadow 12", "four unrelated words, say"} {
		_, err := p.Register(ctx, auth.Profile{Email: "ada@example.com"}, pw)
		var problem *auth.Problem
		if errors.As(err, &problem) {
			fmt.Println(problem.Code)
		} else {
			fmt.Println(err)
		}
	}
	_, proof, err := p.Verify(ctx, "ada@example.com", "four unrelated words, say")
	fmt.Println(proof.Method, err)
	// Output:
	// password_blocklisted
	// <nil>
	// password <nil>
}

// Argon2id instead of bcrypt: every login moves one hash over.
func ExampleOptions_hasher() {
	p := password.New(&password.Options{Hasher: password.Argon2id{}})
	fmt.Println(p.Name())
	// Output: password
}

// A host's own users table, with hashes that PHP has made.
func ExampleTable() {
	type row struct{ id, login, hash string }
	users := []row{{"2", "bob", "$2y$10$vTKkampfYmSOISYvXRxlY.oUpY/M17c7jLDPPlbAaaskXu82cDCs6"}}

	p := password.New(&password.Options{
		Hasher: password.Argon2id{},
		Table: &password.Table{
			LookUp: func(_ context.Context, login string) (userID, hash string, err error) {
				for _, u := range users { // SELECT id, hash FROM users WHERE login = $1
					if u.login == login {
						return u.id, u.hash, nil
					}
				}
				return "", "", auth.ErrNotFound
			},
			Name: func(_ context.Context, userID string) (login string, err error) {
				for _, u := range users { // SELECT login FROM users WHERE id = $1
					if u.id == userID {
						return u.login, nil
					}
				}
				return "", auth.ErrNotFound
			},
			Save: func(_ context.Context, userID, oldHash, newHash string) error {
				for i, u := range users { // UPDATE users SET hash = $3 WHERE id = $1 AND hash = $2
					if u.id == userID && u.hash == oldHash {
						users[i].hash = newHash
						return nil
					}
				}
				return auth.ErrConflict
			},
		},
	})
	load := func(_ context.Context, id string) (tableUser, error) {
		for _, u := range users {
			if u.id == id {
				return tableUser(u.id), nil
			}
		}
		return "", auth.ErrNotFound
	}
	if _, err := auth.New(auth.UserFunc(load), memory.New(nil), &auth.Options{Providers: []auth.Provider{p}}); err != nil {
		fmt.Println(err)
		return
	}
	userID, _, err := p.Verify(context.Background(), "bob", "tr0mbone & 3 sisters")
	fmt.Println(userID, err, users[0].hash[:9])
	// Output: 2 <nil> $argon2id
}

type tableUser string

func (u tableUser) AuthID() string { return string(u) }
