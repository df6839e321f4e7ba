package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// tokens is a provider that is also a request loader, and has a page with data.
type tokens struct {
	name string
	m    *auth.Manager
	load func(r *http.Request) (*auth.Identity, error)
}

func (p *tokens) Name() string { return p.name }

func (p *tokens) Mount(m *auth.Manager, mux auth.Mux) error {
	p.m = m
	for _, status := range []int{0, 201} {
		mux.Handle("GET /data"+strings.Repeat("-created", status/200), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.Answer(w, r, &auth.Page{Name: "data", Status: status, Data: map[string]int{"answer": 42}}, nil)
		}))
	}
	return nil
}

func (p *tokens) LoadRequest(r *http.Request) (*auth.Identity, error) { return p.load(r) }

// lent is tokens, lent to somebody who decorates it.
type lent struct{ *tokens }

func (l lent) Unwrap() any { return l.tokens }

// opaque is a loader of which nobody can say whether it is the same as another.
type opaque struct {
	*tokens
	_ []string // which cannot be compared
}

func TestProviderThatLoads(t *testing.T) {
	p, other := &tokens{name: "tokens"}, &tokens{name: "tokens"}
	provider := func(p auth.Provider) []auth.Provider { return []auth.Provider{p} }
	loader := func(l auth.RequestLoader) []auth.RequestLoader { return []auth.RequestLoader{l} }
	for _, tt := range []struct {
		name      string
		providers []auth.Provider
		loaders   []auth.RequestLoader
		want      string
	}{
		{"both", provider(p), loader(p), ""},
		{"decorated as loader", provider(p), loader(struct {
			auth.RequestLoader
			unwraps
		}{p, unwraps{p}}), ""},
		{"decorated alike", provider(lent{p}), loader(lent{p}), ""},
		{"cannot be compared", provider(opaque{tokens: p}), loader(opaque{tokens: p}), ""},
		{"provider only", provider(p), nil, `Options.Providers[0], "tokens"`},
		{"loader only", nil, loader(p), `Options.Loaders[0] is the provider "tokens"`},
		{"two of them", provider(p), loader(other), `Options.Providers[0], "tokens"`},
		{"a loader that is none", provider(named{name: "x"}), loader(&keyLoader{}), ""},
		{"nil", provider((*tokens)(nil)), nil, "Options.Providers[0] is nil"},
	} {
		_, err := auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), &auth.Options{Providers: tt.providers, Loaders: tt.loaders})
		if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

type unwraps struct{ v any }

func (u unwraps) Unwrap() any { return u.v }

func TestPageData(t *testing.T) {
	p := &tokens{name: "tokens", load: func(*http.Request) (*auth.Identity, error) { return nil, auth.ErrNoCredentials }}
	s := newSite(t, func(o *auth.Options) {
		o.Providers, o.Loaders = append(o.Providers, p), []auth.RequestLoader{p}
	})
	for path, status := range map[string]int{"/auth/data": 200, "/auth/data-created": 201} {
		res := s.visitor("Accept", "application/json").get(path)
		if got := body(res); res.StatusCode != status || got != "{\"answer\":42}\n" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s, %q, %v", path, res.Status, got, res.Header)
		}
		res = s.browser().get(path)
		if got := body(res); res.StatusCode != status || !strings.Contains(got, `"Data":{"answer":42}`) {
			t.Errorf("%s in a browser: %s, %q", path, res.Status, got)
		}
	}
}

// knownAs is a user as a credential remembers it.
type knownAs struct{ id, version string }

func (k knownAs) AuthID() string      { return k.id }
func (k knownAs) AuthVersion() string { return k.version }

// unversioned is a user of whom a loader knows no version.
type unversioned string

func (u unversioned) AuthID() string { return string(u) }

func TestCarriedCredential(t *testing.T) {
	carried := &auth.Credential{Kind: "token", Key: "t1", UserID: "ada", Label: "a token"}
	var as auth.User
	p := &tokens{name: "tokens", load: func(*http.Request) (*auth.Identity, error) {
		return &auth.Identity{UserID: "ada", User: as, Credential: carried}, nil
	}}
	s := newSite(t, func(o *auth.Options) {
		o.Providers, o.Loaders = append(o.Providers, p), []auth.RequestLoader{p}
	})
	s.accounts.change("ada", func(a *account) { a.version = "2" })
	for _, tt := range []struct {
		as   auth.User
		want int
	}{{nil, 200}, {unversioned("ada"), 200}, {knownAs{"ada", "2"}, 200}, {knownAs{"ada", "1"}, 401}, {knownAs{"ada", ""}, 401}} {
		as = tt.as
		if res := s.visitor().get("/me"); res.StatusCode != tt.want {
			t.Errorf("as %#v: %s, want %d", tt.as, res.Status, tt.want)
		}
	}

	as, *s.events = nil, nil
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, err := s.m.IdentityFrom(r.Context())
		if err != nil || id.Credential != carried || id.User.(*account).id != "ada" {
			t.Errorf("%+v, %v", id, err)
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if len(*s.events) != 1 || (*s.events)[0].Name != "loaded" || (*s.events)[0].Method != "token" {
		t.Errorf("events %+v", *s.events)
	}
}

// An event that is told from somewhere inside has the address of the request
// that it belongs to.
func TestEmitContext(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Realm = "shop" })
	if got := s.m.Realm(); got != "shop" {
		t.Errorf("Realm is %q", got)
	}
	s.m.EmitContext(context.Background(), auth.Event{Name: "outside"})
	r := httptest.NewRequest("POST", "/", nil)
	r.RemoteAddr = "192.0.2.7:1234"
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.m.EmitContext(r.Context(), auth.Event{Name: "inside", UserID: "ada"})
	})).ServeHTTP(httptest.NewRecorder(), r)
	if len(*s.events) != 2 {
		t.Fatalf("%d events", len(*s.events))
	}
	outside, inside := (*s.events)[0], (*s.events)[1]
	if outside.Name != "outside" || outside.Addr.IsValid() || outside.At != t0 {
		t.Errorf("outside: %+v", outside)
	}
	if inside.Name != "inside" || inside.UserID != "ada" || inside.Addr.String() != "192.0.2.7" || inside.Label == "" {
		t.Errorf("inside: %+v", inside)
	}
}
