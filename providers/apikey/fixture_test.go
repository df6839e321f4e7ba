package apikey_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var t0 = time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)

// scopes are what a site offers that has any.
func scopes() []apikey.Scope {
	return []apikey.Scope{{Name: "orders:read", Description: "Read orders"}, {Name: "orders:write", Description: "Change orders"}, {Name: "admin"}}
}

// onEveryStore runs a test on every store that there is.
func onEveryStore(t *testing.T, test func(t *testing.T, store auth.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, memory.New(nil)) })
	t.Run("SQLite", func(t *testing.T) {
		db, err := open.Open("file:" + filepath.Join(t.TempDir(), "test.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(t, db)
	})
}

// A site is a composition to test, with users ada and bob.
type site struct {
	t      testing.TB
	keys   *apikey.Provider
	m      *auth.Manager
	users  *authtest.Users
	store  *authtest.Recorder
	clock  *authtest.Clock
	events *authtest.Outbox
	log    *lockedBuffer
	h      http.Handler

	messages []string // the IDs of those for the next page
}

// Add and Take implement auth.Flashes for one browser.
func (s *site) Add(_ http.ResponseWriter, _ *http.Request, f auth.Flash) error {
	s.messages = append(s.messages, f.ID)
	return f.Validate()
}

func (s *site) Take(http.ResponseWriter, *http.Request) ([]auth.Flash, error) { return nil, nil }

// newSite makes a site in memory.
func newSite(t testing.TB, opts *apikey.Options, change ...func(*auth.Options)) *site {
	t.Helper()
	return newSiteOn(t, memory.New(nil), opts, change...)
}

func newSiteOn(t testing.TB, store auth.Store, opts *apikey.Options, change ...func(*auth.Options)) *site {
	t.Helper()
	s := &site{
		t:      t,
		users:  authtest.NewUsers("ada", "bob"),
		store:  authtest.NewRecorder(store),
		clock:  authtest.NewClock(t0),
		events: &authtest.Outbox{},
		log:    &lockedBuffer{},
	}
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var o apikey.Options
	if opts != nil {
		o = *opts
	}
	if o.Logger == nil {
		o.Logger = logger
	}
	s.keys = apikey.New(&o)
	ao := &auth.Options{
		Providers: []auth.Provider{s.keys},
		Loaders:   []auth.RequestLoader{s.keys},
		Pages:     pages.New(nil),
		Flashes:   s,
		Now:       s.clock.Now,
		Logger:    logger,
		Events:    []func(context.Context, auth.Event){s.events.Record},
	}
	for _, f := range change {
		f(ao)
	}
	m, err := auth.New(s.users, s.store, ao)
	if err != nil {
		t.Fatal(err)
	}
	s.m = m
	mux := http.NewServeMux()
	m.Mount(mux)
	who := func(w http.ResponseWriter, r *http.Request) {
		id, err := m.IdentityFrom(r.Context())
		if err != nil {
			t.Error(err)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"user": id.UserID, "scopes": id.Scopes, "session": id.Session != nil})
	}
	mux.Handle("/me", m.RequireUser(http.HandlerFunc(who)))
	mux.Handle("/fresh", m.RequireFresh(time.Hour)(http.HandlerFunc(who)))
	s.h = m.Handler(mux)
	return s
}

// create makes a key by the Go call.
func (s *site) create(userID string, k apikey.NewKey) apikey.Created {
	s.t.Helper()
	if k.Name == "" {
		k.Name = "a key"
	}
	made, err := s.keys.Create(s.t.Context(), userID, k)
	if err != nil {
		s.t.Fatalf("Create: %v", err)
	}
	return made
}

// list returns the user's keys.
func (s *site) list(userID string) []apikey.Key {
	s.t.Helper()
	keys, err := s.keys.List(s.t.Context(), userID)
	if err != nil {
		s.t.Fatalf("List: %v", err)
	}
	return keys
}

// request returns a request with these headers, given by twos.
func request(method, target string, header ...string) *http.Request {
	r := httptest.NewRequest(method, authtest.Origin+target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func bearer(key string) *http.Request {
	return request(http.MethodGet, "/me", "Authorization", "Bearer "+key)
}

// load asks the loader alone, with a request that carries the key.
func (s *site) load(key string) (*auth.Identity, error) { return s.keys.LoadRequest(bearer(key)) }

// A reply is an answer, with its JSON read.
type reply struct {
	*httptest.ResponseRecorder
	text string
	body map[string]any
}

func (r reply) code() string {
	code, _ := r.body["code"].(string)
	return code
}

func (s *site) do(r *http.Request) reply {
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	a := reply{ResponseRecorder: w, text: w.Body.String()}
	_ = json.Unmarshal([]byte(a.text), &a.body) // not everything is JSON
	return a
}

// status is what a request by the key is answered.
func (s *site) status(key string) int { return s.do(bearer(key)).Code }

// A client is a browser, or a program that speaks JSON, in which somebody may be
// logged in.
type client struct {
	s      *site
	cookie *http.Cookie
	header []string
}

// client returns one in which the user has just logged in, nobody if it is "".
func (s *site) client(userID string, header ...string) *client {
	s.t.Helper()
	c := &client{s: s, header: header}
	if userID != "" {
		c.cookie = s.logIn(userID)
	}
	return c
}

// logIn logs the user in and returns the session's cookie.
func (s *site) logIn(userID string) *http.Cookie {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogIn(w, r, userID, auth.Proof{Method: "test", At: s.m.Now()}); err != nil {
			s.t.Fatalf("logging in %s: %v", userID, err)
		}
	})).ServeHTTP(w, request(http.MethodGet, "/"))
	return w.Result().Cookies()[0]
}

func (c *client) send(r *http.Request) reply {
	if c.cookie != nil {
		r.AddCookie(c.cookie)
	}
	for i := 0; i < len(c.header); i += 2 {
		r.Header.Add(c.header[i], c.header[i+1])
	}
	return c.s.do(r)
}

func (c *client) get(path string) reply {
	return c.send(request(http.MethodGet, path, "Accept", "application/json"))
}

func (c *client) html(path string) reply {
	return c.send(request(http.MethodGet, path, "Accept", "text/html"))
}

func (c *client) json(path, body string) reply {
	r := httptest.NewRequest(http.MethodPost, authtest.Origin+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	return c.send(r)
}

// form posts a form as a browser does; fields are given by twos.
func (c *client) form(path string, fields ...string) reply {
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, authtest.Origin+path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	return c.send(r)
}

// lockedBuffer is a log that may be written from several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// codeOf returns the code of the problem in err and its field, "" for nil, and the
// text of any other error.
func codeOf(err error) string {
	var p *auth.Problem
	switch {
	case err == nil:
		return ""
	case errors.As(err, &p):
		return strings.TrimSpace(p.Code + " " + p.Field)
	}
	return err.Error()
}
