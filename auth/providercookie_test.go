package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestProviderCookies(t *testing.T) {
	for _, tt := range []struct {
		realm    string
		insecure bool
		addr     string
		want     string // of the cookie when set; "" if it is refused
	}{
		{"", false, "203.0.113.7:1", "__Host-oauth=secret; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"},
		{"staff", false, "203.0.113.7:1", "__Host-oauth-staff=secret; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"},
		{"", true, "127.0.0.1:1", "oauth=secret; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"},
		{"", true, "203.0.113.7:1", ""},
	} {
		m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{Realm: tt.realm, InsecureCookies: tt.insecure})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, authtest.Origin+"/", nil)
		r.RemoteAddr = tt.addr
		w := httptest.NewRecorder()
		err = m.SetCookie(w, r, "oauth", "secret", 10*time.Minute)
		if got := w.Header().Get("Set-Cookie"); got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%+v: %q, %v", tt, got, err)
		}
		if err != nil {
			continue
		}
		c := w.Result().Cookies()[0]
		r.AddCookie(c)
		if got := m.Cookie(r, "oauth"); got != "secret" {
			t.Errorf("%+v: read back as %q", tt, got)
		}
		r.AddCookie(c)
		if got := m.Cookie(r, "oauth"); got != "" {
			t.Errorf("%+v: of two it is %q", tt, got)
		}
		w = httptest.NewRecorder()
		if err := m.SetCookie(w, r, "oauth", "", -1); err != nil || w.Result().Cookies()[0].MaxAge != -1 {
			t.Errorf("%+v: deleted by %q, %v", tt, w.Header().Get("Set-Cookie"), err)
		}
	}
}

func TestWaysIn(t *testing.T) {
	clock := authtest.NewClock(time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC))
	m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{Now: clock.Now, Providers: []auth.Provider{waysOwner{}}})
	if err != nil {
		t.Fatal(err)
	}
	ways := func() int {
		t.Helper()
		n, err := m.WaysIn(t.Context(), "ada")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := ways(); n != 0 {
		t.Errorf("%d ways in without any", n)
	}
	for _, c := range []auth.Credential{
		{Kind: "first", Key: "1"}, {Kind: "first", Key: "2", ExpiresAt: clock.Now().Add(time.Hour)}, {Kind: "second", Key: "1"},
		{Kind: "email", Key: "ada@example.com"}, {Kind: "elsewhere", Key: "1"},
	} {
		c.UserID = "ada"
		if err := m.Store().ChangeCredentials(t.Context(), auth.Change{New: &c}); err != nil {
			t.Fatal(err)
		}
	}
	if n := ways(); n != 2 {
		t.Errorf("%d ways in, want 2", n)
	}
	clock.Advance(time.Hour)
	if n := ways(); n != 1 {
		t.Errorf("%d ways in after one has expired, want 1", n)
	}
}

type waysOwner struct{}

func (waysOwner) Name() string                        { return "ways" }
func (waysOwner) Mount(*auth.Manager, auth.Mux) error { return nil }
func (waysOwner) Kinds() []auth.Kind {
	return []auth.Kind{{Name: "first", Role: auth.FirstFactor}, {Name: "second", Role: auth.SecondFactor}}
}
