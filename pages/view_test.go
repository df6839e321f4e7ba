package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
)

type user struct{ name string }

func (u user) AuthID() string { return "1" }

func TestSessions(t *testing.T) {
	seen := time.Date(2026, 5, 12, 9, 41, 0, 0, time.UTC)
	here := &auth.Session{ID: auth.SessionID{1}, Label: "Firefox on Linux", Addr: netip.MustParseAddr("2001:db8::1"), SeenAt: seen}
	there := &auth.Session{ID: auth.SessionID{2}, SeenAt: seen}
	page := auth.Page{Name: "sessions", Sessions: []*auth.Session{there, here}, Identity: &auth.Identity{UserID: "1", Session: here}}
	html := render(t, pages.New(&pages.Options{Location: time.FixedZone("CEST", 7200)}), page)
	all := checkPage(t, html)

	if ids := find(all, "input", "name", "id"); len(ids) != 1 || ids[0].attrs["value"] != there.Handle() {
		t.Errorf("can be revoked: %v", ids)
	}
	for what, want := range map[string]element{
		"log out here":            {"form", map[string]string{"action": "/logout"}},
		"revoke":                  {"form", map[string]string{"action": "/sessions/revoke"}},
		"log out everywhere else": {"input", map[string]string{"name": "all", "value": "others"}},
		"time":                    {"time", map[string]string{"datetime": "2026-05-12T11:41:00+02:00"}},
	} {
		var pairs []string
		for k, v := range want.attrs {
			pairs = append(pairs, k, v)
		}
		if len(find(all, want.name, pairs...)) == 0 {
			t.Errorf("nothing to %s", what)
		}
	}
	if a, b := strings.Index(html, "Firefox on Linux"), strings.Index(html, "Unknown device"); a < 0 || b < a {
		t.Errorf("this device is at %d, the other at %d", a, b)
	}
	for _, want := range []string{"2001:db8::1", "12 May 2026, 11:41 CEST"} {
		if !strings.Contains(html, want) {
			t.Errorf("does not say %q", want)
		}
	}
	page.Sessions = page.Sessions[1:]
	if html := render(t, pages.New(nil), page); strings.Contains(html, "everywhere else") {
		t.Error("offers to log out elsewhere where there is nothing")
	}
}

func TestWays(t *testing.T) {
	page := auth.Page{Name: "account", Ways: []auth.Credential{
		{Kind: "email", Key: "ada@example.com"},
		{Kind: "oauth:github", Key: "583231", Label: "GitHub"},
		{Kind: "odd", Key: "secretdigest"},
		{Kind: "password", Key: "user-1"},
	}}
	html := render(t, pages.New(&pages.Options{Texts: map[string]string{"way.odd": "A strange thing"}}), page)
	checkPage(t, html)
	for _, want := range []string{"ada@example.com", "<h3>GitHub</h3>", "<h3>A strange thing</h3>", "<h3>Password</h3>"} {
		if !strings.Contains(html, want) {
			t.Errorf("does not show %q", want)
		}
	}
	for _, not := range []string{"583231", "secretdigest", "user-1"} {
		if strings.Contains(html, not) {
			t.Errorf("shows the key %q", not)
		}
	}
}

// A way in is called what the host says, or else its provider, or else its label.
func TestWayTitles(t *testing.T) {
	for name, tt := range map[string]struct {
		text, kind, label string
		title, detail     string
	}{
		"host":         {"Code hub", "hub:github", "ada", "Code hub", "ada"},
		"provider":     {"", "hub:github", "ada", "GitHub", "ada"},
		"twice":        {"", "hub:github", "GitHub", "GitHub", ""},
		"label":        {"", "hub:corp", "Corp", "Corp", ""},
		"only a kind":  {"", "hub:corp", "", "hub:corp", ""},
		"not its kind": {"", "other", "", "other", ""},
	} {
		opts := &pages.Options{Texts: map[string]string{}}
		if tt.text != "" {
			opts.Texts["way."+tt.kind] = tt.text
		}
		m, err := auth.New(auth.UserFunc(func(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound }),
			struct{ auth.Store }{}, &auth.Options{Pages: pages.New(opts), Providers: []auth.Provider{hub{}}})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.Render(w, r, &auth.Page{Name: "account", Ways: []auth.Credential{{Kind: tt.kind, Key: "583231", Label: tt.label}}})
		}))
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		html := w.Body.String()
		checkPage(t, html)
		if !strings.Contains(html, "<h3>"+tt.title+"</h3>") || strings.Contains(html, `class="detail"`) != (tt.detail != "") ||
			!strings.Contains(html, tt.detail) || strings.Contains(html, "583231") {
			t.Errorf("%s: does not show %q and %q: %s", name, tt.title, tt.detail, body(html))
		}
	}
}

// hub has several ways to log in.
type hub struct{}

func (hub) Name() string                        { return "hub" }
func (hub) Mount(*auth.Manager, auth.Mux) error { return nil }
func (hub) Kinds() []auth.Kind {
	return []auth.Kind{{Name: "hub:github", Role: auth.FirstFactor, Title: "GitHub"}, {Name: "hub:corp", Role: auth.FirstFactor}}
}

func TestUserName(t *testing.T) {
	id := &auth.Identity{UserID: "1", User: user{"Ada Lovelace"}}
	ways := []auth.Credential{{Kind: "email", Key: "ada@example.com"}}
	name := func(u auth.User) string { return u.(user).name }
	tests := []struct {
		name string
		opts *pages.Options
		page auth.Page
		want string
	}{
		{"by option", &pages.Options{UserName: name}, auth.Page{Identity: id, Ways: ways}, "Logged in as Ada Lovelace"},
		{"by ways", nil, auth.Page{Identity: id, Ways: ways}, "Logged in as ada@example.com"},
		{"not known", nil, auth.Page{Identity: id}, ""},
		{"nobody", &pages.Options{UserName: name}, auth.Page{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.page.Name = "account"
			html := render(t, pages.New(tt.opts), tt.page)
			if got := strings.Contains(html, "Logged in as"); got != (tt.want != "") || !strings.Contains(html, tt.want) {
				t.Errorf("does not say %q", tt.want)
			}
		})
	}
}

// A page that the composition does not have is not linked to, one that it has
// is, and takes along where the visitor wanted to go.
func TestLinks(t *testing.T) {
	get := func(t *testing.T, providers ...auth.Provider) string {
		t.Helper()
		m, err := auth.New(auth.UserFunc(func(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound }),
			struct{ auth.Store }{}, &auth.Options{Pages: pages.New(nil), Providers: providers})
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		m.Mount(mux)
		r := httptest.NewRequest("GET", "/auth/login?next=/me%3Fa=1%26b=2", nil)
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		m.Handler(mux).ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("status %d", w.Code)
		}
		return w.Body.String()
	}
	if html := get(t); strings.Contains(html, "register") {
		t.Error("leads to a page that is not there")
	}
	html := get(t, registration{})
	checkPage(t, html)
	if want := `href="/auth/register?next=%2Fme%3Fa%3D1%26b%3D2"`; !strings.Contains(html, want) {
		t.Errorf("has no %s", want)
	}
	if want := `action="/auth/register"`; !strings.Contains(html, want) {
		t.Errorf("has no %s", want)
	}
}

type registration struct{}

func (registration) Name() string { return "registration" }

func (registration) Mount(_ *auth.Manager, mux auth.Mux) error {
	mux.Handle("GET /register", http.NotFoundHandler())
	return nil
}

func (registration) PageForms(*http.Request, string) []auth.Form {
	return []auth.Form{{Name: "registration", Action: "/register", Submit: "Register"}}
}

// A device stays logged in if its session hangs on a remembered browser.
func TestRememberedSessions(t *testing.T) {
	page := auth.Page{Name: "sessions", Sessions: []*auth.Session{
		{ID: auth.SessionID{1}, Label: "One", Proofs: []auth.Proof{{Method: "password", Kind: "password"}, {Method: "remember", Kind: "remember"}}},
		{ID: auth.SessionID{2}, Label: "Two", Proofs: []auth.Proof{{Method: "password", Kind: "password"}}},
	}}
	html := render(t, pages.New(nil), page)
	checkPage(t, html)
	before, after, found := strings.Cut(html, "Stays logged in")
	if !found || !strings.Contains(before, "One") || strings.Contains(before, "Two") || strings.Contains(after, "Stays logged in") {
		t.Errorf("remembered is not the first alone: %s", body(html))
	}
}
