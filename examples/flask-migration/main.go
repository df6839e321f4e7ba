// Flask-migration is a site that has moved from Flask-Login: it goes on with the
// users table of the Flask application, and with the hashes in it.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/password"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

func main() {
	site, err := newSite(context.Background(), "file:app.db")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:5000", site))
}

func newSite(ctx context.Context, database string) (http.Handler, error) {
	db, err := open.DB(database)
	if err != nil {
		return nil, err
	}
	store, err := bunstore.New(db, &bunstore.Options{NoUsers: true})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx); err != nil { // tables of its own, beside those that are there
		return nil, err
	}
	users := users{store}
	m, err := auth.New(auth.UserFunc(users.byID), store, &auth.Options{
		Providers: []auth.Provider{password.New(&password.Options{
			Login:      password.ByUsername,
			Table:      &password.Table{LookUp: users.lookUp, Name: users.name, Save: users.save},
			OldHashers: []password.Hasher{password.Werkzeug{}},
		})},
		Pages:           pages.New(nil),
		InsecureCookies: true, // plain HTTP on this machine; leave it out behind TLS
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	m.Mount(mux) // /auth/login, /auth/logout, /auth/confirm and more
	mux.Handle("GET /{$}", m.WithUser(http.HandlerFunc(home)))
	mux.Handle("GET /me", m.RequireUser(http.HandlerFunc(me)))
	mux.Handle("GET /settings", m.RequireFresh(10*time.Minute)(http.HandlerFunc(settings)))
	return m.Handler(mux), nil
}

func home(w http.ResponseWriter, r *http.Request) {
	if u, ok := auth.UserFrom[*User](r.Context()); ok {
		fmt.Fprintf(w, "Hello %s!\n", u.Username)
		return
	}
	fmt.Fprintln(w, "Hello stranger!")
}

func me(w http.ResponseWriter, r *http.Request) {
	u, _ := auth.UserFrom[*User](r.Context()) // behind RequireUser there is one
	fmt.Fprintf(w, "You are number %d.\n", u.ID)
}

func settings(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, "You have just proved that it is you.")
}

// A User is a row of the table that the Flask application has made.
type User struct {
	ID           int64
	Username     string
	PasswordHash string
	Active       bool
}

// AuthID is get_id.
func (u *User) AuthID() string { return strconv.FormatInt(u.ID, 10) }

// IsActive is is_active, and is asked with every request.
func (u *User) IsActive() bool { return u.Active }

type users struct{ store *bunstore.Store }

func (t users) byID(ctx context.Context, id string) (*User, error) {
	n, _ := strconv.ParseInt(id, 10, 64) // 0, which is nobody's, for what is no number
	u, err := t.find(ctx, "id = ?", n)
	if err == nil && u.AuthID() != id { // 01 is nobody's either
		err = auth.ErrNotFound
	}
	return u, err
}

func (t users) lookUp(ctx context.Context, login string) (userID, hash string, err error) {
	u, err := t.find(ctx, "username = ?", login)
	if err != nil {
		return "", "", err
	}
	return u.AuthID(), u.PasswordHash, nil
}

func (t users) name(ctx context.Context, userID string) (login string, err error) {
	u, err := t.byID(ctx, userID)
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

func (t users) find(ctx context.Context, where string, value any) (*User, error) {
	u := new(User)
	err := t.store.DB(ctx).NewSelect().Model(u).Where(where, value).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = auth.ErrNotFound
	}
	return u, err
}

func (t users) save(ctx context.Context, userID, oldHash, newHash string) error {
	res, err := t.store.DB(ctx).NewUpdate().Table("users").Set("password_hash = ?", newHash).
		Where("id = ? AND password_hash = ?", userID, oldHash).Exec(ctx)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return auth.ErrConflict // somebody was faster
	}
	return err
}
