package auth_test

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	texttemplate "text/template"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// within runs f with a request as the handler of v's sees it.
func (v *visitor) within(target string, f func(r *http.Request)) {
	v.s.t.Helper()
	w := httptest.NewRecorder()
	v.s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(r) })).ServeHTTP(w, v.request("GET", target, ""))
}

// render executes text for a request of v's.
func (v *visitor) render(text string, data any) (out string, err error) {
	v.s.t.Helper()
	page, err := template.New("page").Funcs(v.s.m.TemplateFuncs(nil)).Parse(text)
	if err != nil {
		v.s.t.Fatal(err)
	}
	v.within("/page?a=b", func(r *http.Request) {
		var b bytes.Buffer
		err = page.Funcs(v.s.m.TemplateFuncs(r)).Execute(&b, data)
		out = b.String()
	})
	return out, err
}

func TestTemplateFuncs(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.Loaders = []auth.RequestLoader{scoped{}}
		o.Authorizer = auth.AuthorizerFunc(func(_ context.Context, a auth.Access) error {
			switch {
			case a.Action == "read" && a.Object == nil, a.Identity != nil && a.Object == a.Identity.UserID:
				return nil
			}
			return auth.ErrForbidden
		})
	})
	nobody, ada, remembered := s.visitor(), s.visitor().logIn("ada"), s.visitor()
	remembered.post("/auth/trust?user=ada&remember=1", "")
	delete(remembered.cookies, "__Host-sid")
	remembered.who()
	key := s.visitor("X-Scope", "read")
	for text, want := range map[string][4]string{ // nobody, a user, a remembered one, a key
		`{{with user}}{{.AuthID}}{{else}}-{{end}}`: {"-", "ada", "ada", "ada"},
		`{{loggedIn}}`:            {"false", "true", "true", "true"},
		`{{fresh "10m"}}`:         {"false", "true", "false", "false"},
		`{{remembered}}`:          {"false", "false", "true", "false"},
		`{{hasScope "read"}}`:     {"false", "true", "true", "true"},
		`{{hasScope "write"}}`:    {"false", "true", "true", "false"},
		`{{can "read"}}`:          {"true", "true", "true", "true"},
		`{{can "edit" "ada"}}`:    {"false", "true", "true", "false"},
		`{{can "edit" .}}`:        {"false", "false", "false", "false"},
		`{{can "edit"}}`:          {"false", "false", "false", "false"},
		`{{loginURL}}`:            {"/auth/login?next=%2Fpage%3Fa%3Db", "/auth/login?next=%2Fpage%3Fa%3Db", "/auth/login?next=%2Fpage%3Fa%3Db", "/auth/login?next=%2Fpage%3Fa%3Db"},
		`{{logoutURL}}`:           {"/auth/logout", "/auth/logout", "/auth/logout", "/auth/logout"},
		`<a href="{{loginURL}}">`: {`<a href="/auth/login?next=%2Fpage%3Fa%3Db">`, `<a href="/auth/login?next=%2Fpage%3Fa%3Db">`, `<a href="/auth/login?next=%2Fpage%3Fa%3Db">`, `<a href="/auth/login?next=%2Fpage%3Fa%3Db">`},
		`{{if and loggedIn (not (fresh "5m"))}}confirm{{end}}`: {"", "", "confirm", "confirm"},
	} {
		for i, v := range []*visitor{nobody, ada, remembered, key} {
			if got, err := v.render(text, "bob"); err != nil || got != want[i] {
				t.Errorf("%s, %d: %q, %v; want %q", text, i, got, err, want[i])
			}
		}
	}
	s.clock.Advance(11 * time.Minute)
	if got, err := ada.render(`{{fresh "10m"}} {{fresh "1h"}}`, nil); err != nil || got != "false true" {
		t.Errorf("%q, %v", got, err)
	}
	if n := len(s.named("forbidden")); n != 0 {
		t.Errorf("asking was told of as %d refusals", n)
	}
	for _, wrong := range []string{`{{fresh "soon"}}`, `{{can "a" 1 2}}`} {
		if got, err := ada.render(wrong, nil); err == nil {
			t.Errorf("%s is %q", wrong, got)
		}
	}
}

// scoped is a loader of keys that are limited.
type scoped struct{}

func (scoped) LoadRequest(r *http.Request) (*auth.Identity, error) {
	switch scope := r.Header.Get("X-Scope"); scope {
	case "":
		return nil, auth.ErrNoCredentials
	case "bad":
		return nil, auth.ErrBadCredentials
	default:
		return &auth.Identity{UserID: "ada", Scopes: []string{scope}}, nil
	}
}

var asking = []string{`{{user}}`, `{{loggedIn}}`, `{{fresh "1m"}}`, `{{remembered}}`, `{{hasScope "x"}}`, `{{can "x"}}`}

// A template that does not ask costs no look; one that asks for much, one.
func TestTemplateFuncsAreLazy(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Authorizer = anything })
	ada := s.browser().logIn("ada")
	before := s.store.total()
	if _, err := ada.render(`{{if false}}{{user}}{{can "x"}}{{end}} {{loginURL}} {{logoutURL}}`, nil); err != nil {
		t.Fatal(err)
	}
	if n := s.store.total() - before; n != 0 {
		t.Errorf("nobody asked, and there were %d calls of the store", n)
	}
	if _, err := ada.render(strings.Join(asking, ""), nil); err != nil {
		t.Fatal(err)
	}
	if n := s.store.total() - before; n != 1 {
		t.Errorf("%d calls of the store, want 1", n)
	}
}

// An outage or a wrong key is neither nobody nor a no.
func TestTemplateFuncsFail(t *testing.T) {
	var verdict error
	s := newSite(t, func(o *auth.Options) {
		o.Loaders = []auth.RequestLoader{scoped{}}
		o.Nobody = func(*http.Request) auth.User { return guest{"guest"} }
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return verdict })
	})
	ada := s.browser().logIn("ada")
	verdict = errDown
	if got, err := ada.render(`{{can "x"}}`, nil); !errors.Is(err, errDown) || got != "" {
		t.Errorf("an authorizer that is down: %q, %v", got, err)
	}
	if n := len(s.named("undecided")); n != 0 {
		t.Errorf("told as %d events", n)
	}
	verdict = &auth.Denial{MaxAge: time.Minute}
	if got, err := ada.render(`{{can "x"}}`, nil); err != nil || got != "false" {
		t.Errorf("another proof is wanted: %q, %v", got, err)
	}
	verdict = nil
	if got, err := ada.render(`{{can "x" .}}`, (*post)(nil)); err != nil || got != "true" {
		t.Errorf("an object that nobody looks at: %q, %v", got, err)
	}
	s.store.fails("LoadSession", errDown)
	for _, text := range asking {
		if got, err := ada.render(text, nil); !errors.Is(err, errDown) || got != "" {
			t.Errorf("outage: %s is %q, %v", text, got, err)
		}
		if got, err := s.visitor("X-Scope", "bad").render(text, nil); !errors.Is(err, auth.ErrBadCredentials) || got != "" {
			t.Errorf("wrong key: %s is %q, %v", text, got, err)
		}
	}
}

// Parsed without a request, and even executed so, there is nobody.
func TestTemplateFuncsWithoutRequest(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.Nobody = func(r *http.Request) auth.User { return guest{r.URL.Path} }
		o.LoginPage = func(r *http.Request) string { return r.URL.Path }
	})
	if got, err := s.visitor().render(`{{with user}}{{.AuthID}}{{end}} {{loggedIn}}`, nil); err != nil || got != "guest false" {
		t.Errorf("with a request: %q, %v", got, err)
	}
	page := texttemplate.Must(texttemplate.New("").Funcs(s.m.TemplateFuncs(nil)).Parse(
		`{{with user}}{{.}}{{end}} {{loggedIn}} {{fresh "1m"}} {{remembered}} {{hasScope "x"}} {{can "x"}} {{loginURL}} {{logoutURL}}`))
	var b bytes.Buffer
	if err := page.Execute(&b, nil); err != nil || b.String() != " false false false false false /auth/login /auth/logout" {
		t.Errorf("%q, %v", b.String(), err)
	}
	// The map is the caller's.
	f := s.m.TemplateFuncs(nil)
	delete(f, "user")
	if s.m.TemplateFuncs(nil)["user"] == nil {
		t.Error("it is gone for all")
	}
}

// A clone per request and a pool keep requests apart.
func TestTemplateFuncsConcurrently(t *testing.T) {
	s := newSite(t, nil)
	parsed := template.Must(template.New("").Funcs(s.m.TemplateFuncs(nil)).Parse(`{{user.AuthID}}`))
	pool := sync.Pool{New: func() any { return template.Must(parsed.Clone()) }}
	visitors := []*visitor{s.browser().logIn("ada"), s.browser().logIn("bob")}
	var all sync.WaitGroup
	for i := range 8 {
		v, want := visitors[i%2], []string{"ada", "bob"}[i%2]
		all.Go(func() {
			for range 50 {
				v.within("/", func(r *http.Request) {
					cloned, pooled := template.Must(parsed.Clone()), pool.Get().(*template.Template)
					for _, page := range []*template.Template{cloned, pooled} {
						var b bytes.Buffer
						if err := page.Funcs(s.m.TemplateFuncs(r)).Execute(&b, nil); err != nil || b.String() != want {
							t.Errorf("%q, %v", b.String(), err)
						}
					}
					pool.Put(pooled)
				})
			}
		})
	}
	all.Wait()
}

// The login page is that of the group, and one does not come back to it.
func TestTemplateFuncsLoginURL(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.LoginPage = func(r *http.Request) string { return "/" + r.Host + "/login" }
	})
	urlOf := func(h func(http.Handler) http.Handler, target string) (got string) {
		h(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = s.m.TemplateFuncs(r)["loginURL"].(func() string)()
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
		return got
	}
	group := s.m.LoginAt(func(*http.Request) string { return "/team/login#form" })
	for target, want := range map[string]string{"/x": "/example.com/login?next=%2Fx", "/example.com/login?a=b": "/example.com/login"} {
		if got := urlOf(s.m.Handler, target); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	if got := urlOf(group, "/x"); got != "/team/login?next=%2Fx#form" {
		t.Errorf("in a group: %q", got)
	}
}

// benchPage is a page of a common size.
var benchPage = `<!doctype html><title>{{.}}</title><nav>{{if loggedIn}}<a href="/u/{{user.AuthID}}">me</a>{{else}}<a href="{{loginURL}}">in</a>{{end}}</nav>` +
	strings.Repeat(`<p class="{{.}}" onclick="f({{.}})">{{.}}</p>`, 20)

func BenchmarkTemplateFuncs(b *testing.B) {
	m, err := auth.New(auth.UserFunc((&accounts{}).byID), &hooked{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{User: &account{id: "ada"}}))
	parsed := template.Must(template.New("").Funcs(m.TemplateFuncs(nil)).Parse(benchPage))
	pool := sync.Pool{New: func() any { return template.Must(parsed.Clone()) }}
	for name, get := range map[string]func() *template.Template{
		"clone": func() *template.Template { return template.Must(parsed.Clone()) },
		"pool":  func() *template.Template { return pool.Get().(*template.Template) },
	} {
		b.Run(name, func(b *testing.B) {
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				page := get()
				if err := page.Funcs(m.TemplateFuncs(r)).Execute(&out, "x"); err != nil {
					b.Fatal(err)
				}
				if name == "pool" {
					pool.Put(page)
				}
			}
		})
	}
}
