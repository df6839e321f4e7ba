// Flask-tutorial is the site that tutorials of Flask and Flask-Login build, in Go:
// all read the comments, users write them, authors and admins delete them, and
// programs come with an API key. Whoever registers first is the admin.
//
//	go run ./examples/flask-tutorial
package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/flash"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/providers/password"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

func main() {
	s, err := newSite(context.Background(), "file:flaskr.db")
	if err != nil {
		log.Fatal(err)
	}
	go s.auth.Run(context.Background()) // sweeps away what has expired
	log.Fatal(http.ListenAndServe("localhost:5000", s.handler))
}

// A site is what its handlers share.
type site struct {
	db      *bunstore.Store
	auth    *auth.Manager
	handler http.Handler
}

// newSite opens an SQLite file, for the site's own tables and those of Gatehouse.
func newSite(ctx context.Context, database string) (*site, error) {
	bun, err := open.DB(database)
	if err != nil {
		return nil, err
	}
	db, err := bunstore.New(bun, &bunstore.Options{NoUsers: true, CloseDB: true})
	if err == nil {
		err = db.Migrate(ctx)
	}
	for _, table := range []any{(*User)(nil), (*Comment)(nil)} {
		if err == nil {
			_, err = bun.NewCreateTable().Model(table).IfNotExists().Exec(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	scopes := []apikey.Scope{{Name: "comments:write", Description: "Write comments"}, {Name: "comments:delete", Description: "Delete comments"}}
	keys := apikey.New(&apikey.Options{Scopes: scopes})
	m, err := auth.New(users{db}, db, &auth.Options{
		Providers:       []auth.Provider{password.New(&password.Options{Login: password.ByUsername}), keys},
		Loaders:         []auth.RequestLoader{keys},
		Authorizer:      auth.AuthorizerFunc(allow),
		Pages:           pages.New(&pages.Options{Site: "Flaskr", UserName: func(u auth.User) string { return u.(*User).Username }}),
		Flashes:         flash.NewCookie(&flash.Options{Insecure: true}),
		InsecureCookies: true, // both: plain HTTP on this machine; leave them out behind TLS
	})
	if err != nil {
		return nil, err
	}
	s := &site{db: db, auth: m}
	return s, s.routes()
}

// routes says what there is. Only users get it, unless a line says otherwise.
func (s *site) routes() error {
	m, mux := s.auth, http.NewServeMux()
	m.Mount(mux) // /auth/login, /auth/register, /auth/logout, /auth/keys and more
	identity := func(r *http.Request) (*auth.Identity, error) { return m.IdentityFrom(r.Context()) }
	write := m.Require("comments:write")
	mux.Handle("GET /{$}", m.WithUser(page(s, "home.html", s.list)))
	mux.Handle("GET /me", page(s, "me.html", identity))
	mux.Handle("GET /settings", m.RequireFresh(10*time.Minute)(page(s, "settings.html", identity)))
	mux.Handle("GET /admin", m.Require("admin")(page(s, "admin.html", users{s.db}.list)))
	mux.Handle("POST /comments", write(form(s, "comment.added", s.add)))
	mux.Handle("POST /comments/{id}/delete", form(s, "comment.deleted", s.remove)) // asks itself whose it is
	mux.Handle("GET /api/comments", api(s, http.StatusOK, s.list))
	mux.Handle("POST /api/comments", write(api(s, http.StatusCreated, s.add)))
	mux.Handle("DELETE /api/comments/{id}", api(s, http.StatusOK, s.remove))
	protected, err := m.Protect(mux, "GET /{$}")
	s.handler = http.MaxBytesHandler(m.Handler(protected), 64<<10)
	return err
}
