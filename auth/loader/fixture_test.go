package loader_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/loader"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var errDown = errors.New("the database is down")

// verify knows bob's key, and what else can become of one.
func verify(_ context.Context, key string) (*auth.Identity, error) {
	switch key {
	case "bobs-key":
		return &auth.Identity{UserID: "bob", Scopes: []string{"read"}, Proofs: []auth.Proof{{Method: "key", At: t0}}}, nil
	case "nobodys-key":
		return &auth.Identity{UserID: "eve"}, nil
	case "revoked":
		return &auth.Identity{UserID: "bob"}, fmt.Errorf("key: %w", auth.ErrBadCredentials)
	case "missing-key":
		return nil, fmt.Errorf("key: %w", auth.ErrNotFound)
	case "none":
		return nil, fmt.Errorf("key: %w", auth.ErrNoCredentials)
	case "both":
		return nil, errors.Join(auth.ErrNoCredentials, auth.ErrBadCredentials)
	case "broken":
		return &auth.Identity{UserID: "bob"}, errDown
	case "forbidden":
		return nil, auth.ErrForbidden
	case "nothing":
		return nil, nil
	}
	return nil, auth.ErrBadCredentials
}

func verifyPassword(ctx context.Context, user, password string) (*auth.Identity, error) {
	if user != "bob" {
		return nil, auth.ErrNotFound
	}
	return verify(ctx, password)
}

// A kind of loader, and how a request carries a key for it.
type kind struct {
	name      string
	new       func(opts *loader.Options) auth.RequestLoader
	put       func(r *http.Request, key string)
	ambient   bool
	challenge string // "": the loader has none
	bad       string
}

const (
	cookieChallenge = `Cookie realm="gatehouse"`
	bearerChallenge = `Bearer realm="gatehouse"`
	basicChallenge  = `Basic realm="gatehouse", charset="UTF-8"`
)

var kinds = []kind{
	{
		name:      "Bearer",
		new:       func(opts *loader.Options) auth.RequestLoader { return loader.Bearer(verify, opts) },
		put:       func(r *http.Request, key string) { r.Header.Set("Authorization", "Bearer "+key) },
		challenge: bearerChallenge,
		bad:       bearerChallenge + `, error="invalid_token"`,
	},
	{
		name:      "Basic",
		new:       func(opts *loader.Options) auth.RequestLoader { return loader.Basic(verifyPassword, opts) },
		put:       func(r *http.Request, key string) { r.SetBasicAuth("bob", key) },
		ambient:   true,
		challenge: basicChallenge,
		bad:       basicChallenge,
	},
	{
		name: "Header",
		new:  func(opts *loader.Options) auth.RequestLoader { return loader.Header("X-API-Key", verify, opts) },
		put:  func(r *http.Request, key string) { r.Header.Set("X-API-Key", key) },
	},
	{
		name: "InsecureQueryKey",
		new: func(opts *loader.Options) auth.RequestLoader {
			return loader.InsecureQueryKey("api_key", verify, opts)
		},
		put:     func(r *http.Request, key string) { r.URL.RawQuery = "a=b&api_key=" + key + "&c" },
		ambient: true,
	},
}

// onEveryKind runs a test with each of the loaders.
func onEveryKind(t *testing.T, test func(t *testing.T, k kind)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// site is a host whose users are ada, who logs in, and bob, who has keys.
type site struct {
	t     *testing.T
	h     http.Handler
	users *authtest.Users
	clock *authtest.Clock

	mu     sync.Mutex
	events []auth.Event
}

func newSite(t *testing.T, loaders ...auth.RequestLoader) *site {
	t.Helper()
	s := &site{t: t, users: authtest.NewUsers("ada", "bob"), clock: authtest.NewClock(t0)}
	m, err := auth.New(s.users, memory.New(nil), &auth.Options{
		Loaders: loaders,
		Now:     s.clock.Now,
		Logger:  slog.New(slog.DiscardHandler),
		Events: []func(context.Context, auth.Event){func(_ context.Context, e auth.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		err := m.LogIn(w, r, "ada", auth.Proof{Method: "test"}, auth.Remember())
		m.Finish(w, r, err, "")
	})
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := m.IdentityFrom(r.Context())
		if err != nil {
			fmt.Fprint(w, "nobody")
			return
		}
		fmt.Fprint(w, id.UserID, strings.Join(id.Scopes, " "))
	})
	mux.Handle("/me", m.RequireUser(who))
	mux.Handle("/open", m.WithUser(who))
	mux.Handle("/fresh", m.RequireFresh(time.Hour)(who))
	s.h = m.Handler(mux)
	return s
}

func (s *site) named(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Name == name {
			n++
		}
	}
	return n
}

// do sends a request, with what change makes of it, and returns the answer and its
// body.
func (s *site) do(method, path string, change ...func(r *http.Request)) (*http.Response, string) {
	s.t.Helper()
	r := httptest.NewRequest(method, authtest.Origin+path, nil)
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

// logIn returns the cookies of ada, remembered: the session's and the browser's.
func (s *site) logIn() (session, remember *http.Cookie) {
	s.t.Helper()
	res, text := s.do("POST", "/login")
	for _, c := range res.Cookies() {
		if strings.HasSuffix(c.Name, "sid") {
			session = c
		} else {
			remember = c
		}
	}
	if session == nil || remember == nil {
		s.t.Fatalf("logging in: %s: %s, cookies %v", res.Status, text, res.Cookies())
	}
	return session, remember
}

func with(cookies ...*http.Cookie) func(r *http.Request) {
	return func(r *http.Request) {
		for _, c := range cookies {
			r.AddCookie(c)
		}
	}
}

func (k kind) with(key string) func(r *http.Request) {
	return func(r *http.Request) { k.put(r, key) }
}

func fromElsewhere(r *http.Request) {
	r.Header.Set("Origin", "https://evil.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
}
