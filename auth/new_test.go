package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

type named struct {
	name  string
	kind  string
	kinds []auth.Kind // more
	mount func(auth.Mux) error
}

func (n named) Name() string { return n.name }

func (n named) Kinds() []auth.Kind {
	if n.kind == "" {
		return n.kinds
	}
	return append([]auth.Kind{{Name: n.kind, Role: auth.FirstFactor}}, n.kinds...)
}

func (n named) Mount(_ *auth.Manager, mux auth.Mux) error {
	if n.mount == nil {
		return nil
	}
	return n.mount(mux)
}

func nothing(http.ResponseWriter, *http.Request) {}

// faulty is a loader that says what is wrong with it.
type faulty struct{ keyLoader }

func (*faulty) Validate() error { return errors.New("no verify function") }

// A faultyPolicy is an authorizer that says what is wrong with it.
type faultyPolicy struct{ auth.AuthorizerFunc }

func (faultyPolicy) Validate() error { return errors.New("no rule is left") }

// inFront is a decorator of an authorizer.
type inFront struct{ auth.Authorizer }

func (f inFront) Unwrap() any { return f.Authorizer }

// What is wrong with an authorizer is known when the site starts, also behind another.
func TestNewAsksTheAuthorizer(t *testing.T) {
	for name, a := range map[string]auth.Authorizer{"itself": faultyPolicy{anything}, "decorated": inFront{faultyPolicy{anything}}} {
		_, err := auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), &auth.Options{Authorizer: a})
		if err == nil || !strings.Contains(err.Error(), "Options.Authorizer: no rule is left") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// New says everything that is wrong at once, and how to mend it.
func TestNewReportsEverything(t *testing.T) {
	_, err := auth.New(nil, (*memory.Store)(nil), &auth.Options{
		Providers:   []auth.Provider{named{name: "A b"}, nil, named{name: "x", kind: "k"}, named{name: "x", kind: "k"}, named{name: "y", kind: "email"}},
		Pages:       (*plain)(nil),
		Loaders:     []auth.RequestLoader{(*keyLoader)(nil), decorated{&faulty{}}},
		Authorizer:  auth.AuthorizerFunc(nil),
		Prefix:      "auth/",
		Home:        "//evil.example",
		Realm:       "Ä",
		IdleTimeout: time.Hour,
		Lifetime:    time.Minute,

		AuthorizerTimeout: time.Millisecond - 1,
		TrustedProxies:    make([]netip.Prefix, 1),
		Limits:            auth.Limits{Account: auth.Limit{Max: -1}},
	})
	if err == nil {
		t.Fatal("New was content")
	}
	for _, part := range []string{"UserLoader", "Store", `"A b"`, "Providers[1] is nil", `two named "x"`, `kind "k"`, `kind "email"`,
		"Options.Pages", "Options.Loaders[0]", "Options.Loaders[1]: no verify function", "Options.Authorizer", "Options.Prefix", "Options.Home", "Options.Realm",
		"Options.Lifetime", "Options.AuthorizerTimeout", "Options.TrustedProxies[0]", "Options.Limits.Account"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("nothing about %s in:\n%v", part, err)
		}
	}
}

func TestNewAsksProviders(t *testing.T) {
	users := auth.UserFunc((&accounts{}).byID)
	_, err := auth.New(users, memory.New(nil), &auth.Options{Providers: []auth.Provider{
		named{name: "a", mount: func(mux auth.Mux) error { mux.Handle("POST /x", http.HandlerFunc(nothing)); return nil }},
		named{name: "b", mount: func(mux auth.Mux) error { mux.Handle("POST /x", http.HandlerFunc(nothing)); return nil }},
		named{name: "c", mount: func(mux auth.Mux) error { mux.Handle("/y", http.HandlerFunc(nothing)); return nil }},
		named{name: "d", mount: func(mux auth.Mux) error { mux.Handle("GET /{rest...}", http.HandlerFunc(nothing)); return nil }},
		named{name: "e", mount: func(auth.Mux) error { return errors.New("needs a key") }},
	}})
	for _, part := range []string{`"POST /x" is mounted twice`, `"/y"`, `"GET /{rest...}"`, `"e": needs a key`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("nothing about %s in:\n%v", part, err)
		}
	}
}

func TestNewNeedsLittle(t *testing.T) {
	m, err := auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.URL("/login") != "" {
		t.Error("without Pages there is a login page")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRunSweeps(t *testing.T) {
	s := newSite(t, nil)
	s.visitor().logIn("ada")
	s.clock.Advance(25 * time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.m.Run(ctx) }()
	for range 1000 {
		left, err := s.store.UserSessions(context.Background(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			cancel()
			<-done
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("what had expired was not swept")
	cancel()
	<-done
}

func TestNextIsSafe(t *testing.T) {
	for next, want := range map[string]string{
		"":                     "/home",
		"/me":                  "/me",
		"/me?a=b":              "/me?a=b",
		"//evil.example":       "/home",
		"https://evil.example": "/home",
		`/\evil.example`:       "/home",
		"/auth/logout":         "/home",
		"/auth/login?next=/x":  "/home",
		"/auth/./login":        "/home",
		"/x/../auth/logout":    "/home",
		"/auth":                "/home",
		"/auth/sessions":       "/auth/sessions",
		"/auth/keys":           "/auth/keys",
		"/auth/accounts":       "/auth/accounts",
		"/authors":             "/authors",
	} {
		s := newSite(t, func(o *auth.Options) { o.Home = "/home" })
		v := s.browser()
		r := v.request("POST", "/auth/trust?user=ada", "")
		q := r.URL.Query()
		q.Set("next", next)
		r.URL.RawQuery = q.Encode()
		res := v.do("POST", r.URL.String(), "")
		if got := res.Header.Get("Location"); res.StatusCode != 303 || got != want {
			t.Errorf("next %q leads to %q (%s); want %q", next, got, res.Status, want)
		}
		v = s.browser()
		res = v.get("/auth/login?" + q.Encode())
		var p auth.Page
		decode(t, res, &p)
		if shown := strings.Replace(want, "/home", "", 1); p.Next != shown {
			t.Errorf("the login page for next %q has %q; want %q", next, p.Next, shown)
		}
	}
}
