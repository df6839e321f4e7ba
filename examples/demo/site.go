package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/binding"
	"github.com/gatehouse-go/gatehouse/auth/event"
	"github.com/gatehouse-go/gatehouse/auth/flash"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// fresh is how lately somebody must have proved who they are to see their
// settings.
const fresh = 10 * time.Minute

// A site is the demo, put together.
type site struct {
	manager *auth.Manager
	handler http.Handler
	idp     *oauthtest.Server // nil: there is none
	letters letters
	run     []func(context.Context) error // beside the manager's
	close   func() error
	logger  *slog.Logger

	users      people
	posts      posts
	roles      assignments
	authorizer auth.Authorizer

	firstAdmin string // the address of the account that is to be the first admin, or ""
	origin     string
	stdout     io.Writer
	admins     sync.Mutex // of who takes the role away, and gives it to the first
	linkUntil  time.Time  // a link on the console is good until then
}

// newSite puts the demo together, for browsers that find it at origin.
func newSite(ctx context.Context, c config, origin string, logger *slog.Logger) (*site, error) {
	open := openStore
	if c.open != nil {
		open = c.open
	}
	kept, err := open(ctx, c.db)
	if err != nil {
		return nil, err
	}
	store, closeSessions, err := keepElsewhere(kept.store, c.sessions, c.prefix)
	if err != nil {
		kept.close()
		return nil, err
	}
	closeStore := func() error { return errors.Join(closeSessions(), kept.close()) }
	html, err := fs.Sub(files, "html")
	if err != nil {
		closeStore()
		return nil, err
	}
	keys := apikey.New(&apikey.Options{Scopes: scopes, Logger: logger})
	letters, err := newLetters(c, kept, origin, logger)
	if err != nil {
		closeStore()
		return nil, err
	}
	providers := append(letters.providers, password.New(&password.Options{Words: []string{"gatehouse", "demo"}, Hasher: c.hasher, Logger: logger}), keys)
	others, err := newElsewhere(c, origin, logger)
	if err != nil {
		closeStore()
		return nil, err
	}
	if others.provider != nil {
		providers = append(providers, others.provider)
	}
	s := &site{logger: logger, letters: letters, idp: others.idp, close: func() error { return errors.Join(others.close(), closeStore()) },
		users: kept.users, posts: kept.posts, roles: kept.roles, firstAdmin: c.firstAdmin, origin: origin, stdout: c.stdout}
	if s.stdout == nil {
		s.stdout = os.Stdout
	}
	authorizer, run, err := newAuthorizer(c, kept.roles, logger)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.authorizer, s.run = authorizer, run
	m, err := auth.New(kept.users, store, &auth.Options{
		Providers:       providers,
		Loaders:         []auth.RequestLoader{keys},
		Flashes:         flash.NewCookie(&flash.Options{Insecure: true}),
		Pages:           pages.New(&pages.Options{Site: "Gatehouse demo", Templates: html, UserName: called, Texts: texts, Translations: translations(pages.Translations(), pages.PseudoRTL()), CSS: css}),
		Authorizer:      authorizer,
		Events:          []func(context.Context, auth.Event){event.On(s.sawLogin, event.Login, event.Registered, event.Remembered, "email.verified", "account.reclaimed")},
		TrustedProxies:  c.proxies,
		Binding:         bound(c.binding),
		RememberOverlap: c.overlap,
		Now:             c.now,
		Logger:          logger,
		InsecureCookies: true, // plain HTTP, on the loopback interface only: see listen
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.manager = m

	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /{$}", m.WithUser(http.HandlerFunc(s.home)))
	mux.Handle("GET /me", m.RequireUser(http.HandlerFunc(s.me)))
	mux.Handle("GET /dev/mail", m.WithUser(http.HandlerFunc(s.devMail)))
	mux.Handle("GET /settings", m.RequireFresh(fresh)(http.HandlerFunc(s.settings)))
	s.mountPosts(mux)
	s.mountAdmin(mux)
	s.mountFirst(mux)
	s.handler = m.Handler(mux)
	if err := s.lookForFirst(ctx, ""); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// bound returns what -binding says. What a session is bound to does not change
// when a browser is updated, or taken along to another network.
func bound(mode string) auth.Binding {
	if mode == "off" {
		return auth.Binding{}
	}
	return auth.Binding{To: []func(*http.Request, netip.Addr) string{binding.UserAgent}, Strict: mode == "strict"}
}

// texts are the titles of the demo's own pages.
var texts = map[string]string{
	"home.title":     "Welcome",
	"me.title":       "Your page",
	"settings.title": "Settings",
	"posts.title":    "Posts",
	"admin.title":    "Administration",
	"first.title":    "Become the first admin",
	"mail.title":     "Mail",

	"flash.posts.created":  "Your post is there.",
	"flash.posts.saved":    "Saved.",
	"flash.posts.deleted":  "The post is gone.",
	"flash.roles.changed":  "Done. It counts from the next request on.",
	"flash.sessions.ended": "Logged out.",
	"flash.first.done":     "You are the first admin.",
}

// scopes are what API keys can be limited to. A key does none of it that its user may
// not do; and one without any is still good for /me, which nobody decides about.
var scopes = []apikey.Scope{
	{Name: "posts:list", Description: "List posts"},
	{Name: "posts:read", Description: "Read posts"},
	{Name: "posts:create", Description: "Write posts"},
	{Name: "posts:edit", Description: "Edit posts"},
	{Name: "posts:delete", Description: "Delete posts"},
}

//go:embed html
var files embed.FS

//go:embed html/style.css
var css string

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	s.manager.Render(w, r, &auth.Page{Name: "home", Data: s.asks(r)})
}

func (s *site) settings(w http.ResponseWriter, r *http.Request) {
	s.manager.Render(w, r, &auth.Page{Name: "settings", Data: s.asks(r)})
}

func (s *site) me(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	accept := r.Header.Get("Accept")
	id, err := s.manager.IdentityFrom(r.Context())
	program := err == nil && id.Session == nil // who sends a key with the request
	if !program && (!strings.Contains(accept, "application/json") || strings.Contains(accept, "text/html")) {
		s.manager.Render(w, r, &auth.Page{Name: "me", Data: s.asks(r)})
		return
	}
	p, _ := auth.UserFrom[*person](r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	err = json.NewEncoder(w).Encode(map[string]string{"id": p.AuthID(), "email": p.Email, "name": p.Name})
	if err != nil {
		s.logger.Warn("demo: answering /me", "error", err)
	}
}
