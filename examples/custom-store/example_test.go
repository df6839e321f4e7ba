package customstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// A site on the store: who has registered is known after a restart, and still logged in.
func Example() {
	folder, err := os.MkdirTemp("", "custom-store")
	check(err)
	defer os.RemoveAll(folder)
	jar, err := cookiejar.New(nil)
	check(err)
	browser := &http.Client{Jar: jar}

	db, site := start(filepath.Join(folder, "site.db"))
	server := httptest.NewServer(site)
	ada := url.Values{"email": {"ada@example.com"}, "password": {"correct horse battery staple"}}
	resp, err := browser.PostForm(server.URL+"/auth/register", ada)
	check(err)
	check(resp.Body.Close())
	fmt.Print(visit(browser, server.URL))
	check(db.Close())

	db, site = start(filepath.Join(folder, "site.db"))
	defer db.Close()
	server.Config.Handler = site // at the same address
	fmt.Print(visit(browser, server.URL))
	server.Close()
	// Output:
	// Hello ada@example.com!
	// Hello ada@example.com!
}

// start starts the site. Its users are in the same file, another sort of thing.
func start(file string) (*bolt.DB, http.Handler) {
	db, err := open(file)
	check(err)
	s, err := newStore(db)
	check(err)
	m, err := auth.New(users{db}, s, &auth.Options{
		Providers: []auth.Provider{password.New(nil)}, InsecureCookies: true,
	})
	check(err)
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /{$}", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.UserFrom[user](r.Context())
		fmt.Fprintf(w, "Hello %s!\n", u.Email)
	})))
	return db, m.Handler(mux)
}

// open opens the file, or makes it. If another process has it open, that is an error after a second.
func open(file string) (*bolt.DB, error) {
	return bolt.Open(file, 0o600, &bolt.Options{Timeout: time.Second})
}

type users struct{ db *bolt.DB }

type user struct {
	ID string
	auth.Profile
}

func (u user) AuthID() string { return u.ID }

func (u users) CreateUser(ctx context.Context, p auth.Profile) (id string, err error) {
	id = rand.Text()
	err = in(ctx, u.db.Update, func(b *bolt.Bucket) error { return put(b, join("user", id), user{id, p}) })
	return id, err
}

func (u users) LoadUser(ctx context.Context, id string) (auth.User, error) {
	var v user
	err := in(ctx, u.db.View, func(b *bolt.Bucket) error { return get(b, join("user", id), &v) })
	return v, err
}

func TestUsers(t *testing.T) {
	u := users{openStore(t).(store).db}
	id, err := u.CreateUser(t.Context(), auth.Profile{Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	authtest.TestUserLoader(t, u, id)
}

func visit(browser *http.Client, address string) string {
	resp, err := browser.Get(address)
	check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(err)
	return string(body)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
