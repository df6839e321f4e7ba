package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/flash"
)

const flashCookie = "__Host-flash"

func withFlashes(o *auth.Options) { o.Flashes = flash.NewCookie(nil) }

// told returns what messages the browser has for its next page, as in the cookie.
func (v *visitor) told() string { return v.cookies[flashCookie] }

// Why somebody is sent to log in, or to confirm, is shown there, once.
func TestRefusalsFlash(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(o *auth.Options)
		happens func(s *site, v *visitor)
		path    string
		want    string
	}{
		{"nobody", nil, nil, "/me", "unauthenticated:info"},
		{"expired", nil, func(s *site, v *visitor) { v.logIn("ada"); s.clock.Advance(2 * time.Hour) }, "/me", "unauthenticated.expired:warning"},
		{"revoked", nil, func(s *site, v *visitor) {
			v.logIn("ada")
			if err := s.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
				t.Fatal(err)
			}
		}, "/me", "unauthenticated.revoked:warning"},
		{"disabled", nil, func(s *site, v *visitor) {
			v.logIn("ada")
			s.accounts.change("ada", func(a *account) { a.disabled = true })
		}, "/me", "unauthenticated.disabled:warning"},
		{"changed", nil, func(s *site, v *visitor) {
			v.logIn("ada")
			s.accounts.change("ada", func(a *account) { a.version = "2" })
		}, "/me", "unauthenticated.changed:warning"},
		{"binding", func(o *auth.Options) { o.Binding = byAgent(true) }, func(_ *site, v *visitor) {
			v.logIn("ada")
			v.header.Set("User-Agent", "other")
		}, "/me", "unauthenticated.binding:warning"},
		{"not fresh", nil, func(s *site, v *visitor) { v.logIn("ada"); s.clock.Advance(time.Hour - time.Second) }, "/fresh", "not_fresh:info"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(o *auth.Options) {
				withFlashes(o)
				if tt.change != nil {
					tt.change(o)
				}
			})
			v := s.browser()
			if tt.happens != nil {
				tt.happens(s, v)
			}
			res := v.get(tt.path)
			if res.StatusCode != http.StatusSeeOther || v.told() != tt.want {
				t.Fatalf("%s: told %q, want %q", res.Status, v.told(), tt.want)
			}
			id, _, _ := strings.Cut(tt.want, ":")
			if page := body(v.get(res.Header.Get("Location"))); !strings.Contains(page, fmt.Sprintf("%q", id)) {
				t.Errorf("the next page does not have %s: %s", id, page)
			}
			if v.told() != "" {
				t.Errorf("still told %q after the page", v.told())
			}
			if page := body(v.get(res.Header.Get("Location"))); strings.Contains(page, id) {
				t.Errorf("the page after has it again: %s", page)
			}
		})
	}
}

func byAgent(strict bool) auth.Binding {
	return auth.Binding{Strict: strict, To: []func(*http.Request, netip.Addr) string{
		func(r *http.Request, _ netip.Addr) string { return r.UserAgent() },
	}}
}

// What somebody did is told on the page that they are sent to.
func TestDoneFlashes(t *testing.T) {
	s := newSite(t, withFlashes)
	v := s.browser().logIn("ada")
	if v.told() != "" {
		t.Errorf("a login tells %q", v.told())
	}
	s.browser().logIn("ada")
	if res := v.post("/auth/sessions/revoke", "all=others"); res.StatusCode != 303 || v.told() != "sessions.revoked.others:success" {
		t.Errorf("%s: ending the others tells %q", res.Status, v.told())
	}
	if page := body(v.get("/auth/sessions")); !strings.Contains(page, "sessions.revoked") || v.told() != "" {
		t.Errorf("the page of the sessions, told %q: %s", v.told(), page)
	}
	s.clock.Advance(time.Second)
	s.browser().logIn("ada")
	list, err := s.m.Sessions(t.Context(), "ada") // the newest first
	if err != nil || len(list) != 2 {
		t.Fatalf("%d sessions, error %v", len(list), err)
	}
	if res := v.post("/auth/sessions/revoke", "id="+list[0].Handle()); res.StatusCode != 303 || v.told() != "sessions.revoked:success" {
		t.Errorf("%s: ending another tells %q", res.Status, v.told())
	}
	delete(v.cookies, flashCookie)
	if res := v.post("/auth/logout", ""); res.StatusCode != 303 || v.told() != "logged_out:success" {
		t.Errorf("%s: a log-out tells %q", res.Status, v.told())
	}

	v = s.browser().logIn("ada")
	list, err = s.m.Sessions(t.Context(), "ada")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sessions, error %v", len(list), err)
	}
	if res := v.post("/auth/sessions/revoke", "id="+list[0].Handle()); res.StatusCode != 303 || v.told() != "logged_out:success" {
		t.Errorf("%s: ending one's own session tells %q", res.Status, v.told())
	}
}

// A client that is answered in JSON sees no page.
func TestNoFlashesForJSON(t *testing.T) {
	s := newSite(t, withFlashes)
	v := s.visitor("Accept", "application/json").logIn("ada")
	for _, do := range []func() *http.Response{
		func() *http.Response { return v.post("/auth/sessions/revoke", "all=others") },
		func() *http.Response { return v.post("/auth/logout", "") },
		func() *http.Response { return v.get("/me") },
	} {
		if do(); v.told() != "" {
			t.Errorf("told %q", v.told())
		}
	}
}

// A host with pages of its own adds and takes messages through the Manager.
func TestHostFlashes(t *testing.T) {
	for _, pages := range []auth.Pages{plain{}, nil} {
		s := newSite(t, func(o *auth.Options) {
			withFlashes(o)
			o.Pages = pages
		})
		add := httptest.NewRecorder()
		post := s.browser().request("POST", "/save", "a=b")
		s.m.Flash(add, post, auth.Flash{ID: "saved", Category: "success"})
		cookies := add.Result().Cookies()
		if len(cookies) != 1 {
			t.Fatalf("with pages %T: Flash sets %v", pages, add.Header())
		}
		for _, method := range []string{"HEAD", "GET"} {
			get := s.browser().request(method, "/", "")
			get.AddCookie(cookies[0])
			w := httptest.NewRecorder()
			got := s.m.Flashes(w, get)
			want := []auth.Flash{{ID: "saved", Category: "success"}}
			if method == "HEAD" {
				want = nil
			}
			if !slices.Equal(got, want) || w.Header().Get("Vary") != "Cookie" || (len(w.Result().Cookies()) == 1) != (method == "GET") {
				t.Errorf("with pages %T: %s: %v, header %v", pages, method, got, w.Header())
			}
		}
	}
}

// Without Options.Flashes nothing is kept, and nothing goes wrong.
func TestNoFlashes(t *testing.T) {
	s := newSite(t, nil)
	v := s.browser()
	if res := v.get("/me"); res.StatusCode != 303 || len(v.cookies) != 0 {
		t.Errorf("%s, cookies %v", res.Status, v.cookies)
	}
	w := httptest.NewRecorder()
	s.m.Flash(w, v.request("GET", "/", ""), auth.Flash{ID: "a"})
	if got := s.m.Flashes(w, v.request("GET", "/", "")); got != nil || len(w.Header()) != 0 {
		t.Errorf("Flashes: %v, header %v", got, w.Header())
	}
}

// brokenFlashes cannot reach what keeps its messages.
type brokenFlashes struct{}

func (brokenFlashes) Add(http.ResponseWriter, *http.Request, auth.Flash) error { return errDown }
func (brokenFlashes) Take(http.ResponseWriter, *http.Request) ([]auth.Flash, error) {
	return []auth.Flash{{ID: "half"}}, errDown
}

// A message that cannot be kept or taken is logged, and all goes on.
func TestFlashesFail(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Flashes = brokenFlashes{} })
	v := s.browser()
	if res := v.get("/me"); res.StatusCode != 303 {
		t.Errorf("a refusal: %s", res.Status)
	}
	if res := v.get("/auth/login"); res.StatusCode != 200 || strings.Contains(body(res), "half") {
		t.Errorf("a page: %s", res.Status)
	}
	for _, want := range []string{"keeping a message for the next page failed", "taking the messages for a page failed", errDown.Error()} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, s.log)
		}
	}
}

func TestFlashValidate(t *testing.T) {
	for _, f := range []auth.Flash{
		{ID: "a"}, {ID: "unauthenticated.expired", Category: "warning"}, {ID: "az_09.-", Category: "az_09.-"},
		{ID: strings.Repeat("a", 64), Category: strings.Repeat("a", 32)},
	} {
		if err := f.Validate(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
	for _, f := range []auth.Flash{
		{}, {Category: "info"}, {ID: "A"}, {ID: "a b"}, {ID: "a:b"}, {ID: "a~b"}, {ID: "ä"}, {ID: "a`"}, {ID: "a{"}, {ID: "a/"}, {ID: "a\n"},
		{ID: strings.Repeat("a", 65)}, {ID: "a", Category: strings.Repeat("a", 33)}, {ID: "a", Category: "A"}, {ID: "a", Category: " "},
	} {
		if err := f.Validate(); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%+q: %v", f, err)
		}
	}
}
