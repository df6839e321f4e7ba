package apikey_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What an attack on API keys tried, and must not find again.

// late is a body that is sent when something has happened.
type late struct {
	io.Reader
	first func()
}

func (l *late) Read(b []byte) (int, error) {
	if l.first != nil {
		l.first()
		l.first = nil
	}
	return l.Reader.Read(b)
}

// Whoever has a stolen session holds back the body until it was ended.
func TestHostileKeyForALoginThatHasEnded(t *testing.T) {
	for name, end := range map[string]func(s *site, c *client){
		"all sessions revoked": func(s *site, _ *client) {
			if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
				t.Fatal(err)
			}
		},
		"log-out": func(s *site, c *client) { c.form("/auth/logout") },
		"AuthVersion changed": func(s *site, c *client) {
			s.users.Change("ada", func(u *authtest.User) { u.Version = "2" })
		},
		"suspended and back": func(s *site, c *client) { s.users.Change("ada", func(u *authtest.User) { u.Disabled = true }) },
		"fresh no more":      func(s *site, c *client) { s.clock.Advance(30 * time.Minute) },
		"session expired":    func(s *site, c *client) { s.clock.Advance(30 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, nil)
			c := s.client("ada")
			r := httptest.NewRequest("POST", authtest.Origin+"/auth/keys", &late{strings.NewReader(`{"name":"thief"}`), func() { end(s, c) }})
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept", "application/json")
			a := c.send(r)
			if a.Code != http.StatusUnauthorized {
				t.Errorf("%d %s", a.Code, a.text)
			}
			if n := len(s.list("ada")); n != 0 {
				t.Errorf("%d keys were made", n)
			}
		})
	}
}

// The same, if it ends while the key is being written.
func TestHostileKeyWhileALoginEnds(t *testing.T) {
	store := &interrupted{Store: memory.New(nil)}
	s := newSiteOn(t, store, nil)
	c := s.client("ada")
	store.change = func() {
		if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
			t.Error(err)
		}
	}
	if a := c.json("/auth/keys", `{"name":"thief"}`); a.Code != http.StatusUnauthorized || strings.Contains(a.text, "gk_") {
		t.Errorf("%d %s", a.Code, a.text)
	}
	if n := len(s.list("ada")); n != 0 {
		t.Errorf("%d keys were made", n)
	}
}

// interrupted does something once, before credentials are changed.
type interrupted struct {
	auth.Store
	change func()
}

func (s *interrupted) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	if do := s.change; do != nil {
		s.change = nil
		do()
	}
	return s.Store.ChangeCredentials(ctx, changes...)
}

// A live connection by a key ends at once when the key is revoked here.
func TestRevokeReachesLiveConnections(t *testing.T) {
	s := newSite(t, nil)
	made := s.create("ada", apikey.NewKey{})
	var ctx context.Context
	var stop context.CancelFunc
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, stop = s.m.Watch(context.WithoutCancel(r.Context()), time.Hour)
	})).ServeHTTP(httptest.NewRecorder(), bearer(made.Secret))
	defer stop()
	if ctx.Err() != nil {
		t.Fatal(context.Cause(ctx))
	}
	if err := s.keys.Revoke(t.Context(), "ada", made.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(2 * time.Second):
		t.Errorf("two seconds after the key was revoked here the connection lives on")
	}
}

// A key does not reach the pages about one's own account, whatever its scopes, and
// is no way to guess the password.
func TestHostileKeyOnOwnRoutes(t *testing.T) {
	pw := password.New(nil)
	s := newSite(t, &apikey.Options{Scopes: scopes()}, func(o *auth.Options) { o.Providers = append(o.Providers, pw) })
	const secret = "correct horse battery staple"
	if err := pw.Set(t.Context(), "ada", secret); err != nil {
		t.Fatal(err)
	}
	key := s.client("", "Authorization", "Bearer "+s.create("ada", apikey.NewKey{}).Secret)
	ada := s.client("ada")
	for _, path := range []string{"/auth/sessions", "/auth/account", "/auth/password", "/auth/confirm", "/auth/keys"} {
		if a := key.get(path); a.Code != http.StatusForbidden {
			t.Errorf("GET %s: %d %s", path, a.Code, a.text)
		}
	}
	for path, body := range map[string]string{
		"/auth/sessions/revoke": `{"all":"others"}`,
		"/auth/confirm":         `{"password":"` + secret + `"}`,
		"/auth/password":        `{"current":"` + secret + `","password":"another horse battery staple"}`,
	} {
		if a := key.json(path, body); a.Code != http.StatusForbidden {
			t.Errorf("POST %s: %d %s", path, a.Code, a.text)
		}
	}
	if got := ada.get("/me").Code; got != http.StatusOK {
		t.Errorf("ada was logged out: %d", got)
	}
	if _, err := pw.Change(t.Context(), "ada", secret, "yet another horse battery staple"); err != nil {
		t.Errorf("the password was changed: %v", err)
	}
	if got := key.get("/auth/session").Code; got != http.StatusOK {
		t.Errorf("who am I: %d", got)
	}
}

// What is a key to some servers is one here, and no session answers for it.
func TestHostileTabs(t *testing.T) {
	s := newSite(t, nil)
	made := s.create("bob", apikey.NewKey{})
	if err := s.keys.Revoke(t.Context(), "bob", made.ID); err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"Bearer\t" + made.Secret, "Bearer \t" + made.Secret, "Bearer  " + made.Secret, "bearer\t " + made.Secret} {
		c := s.client("ada", "Authorization", header)
		if a := c.get("/me"); a.Code != http.StatusUnauthorized {
			t.Errorf("%.12q: %d %s", header, a.Code, a.text)
		}
	}
}

// Names that cannot be seen, or make others look different, are none.
func TestHostileNames(t *testing.T) {
	c := newSite(t, nil).client("ada")
	for _, name := range []string{"\u202egnp.exe", "\u200b", "a\u2028b", "\ufeff", "\u00ad", "a\u0007"} {
		if a := c.json("/auth/keys", `{"name":"`+name+`"}`); a.code() != "invalid_field" && a.code() != "malformed" {
			t.Errorf("%q: %d %s", name, a.Code, a.text)
		}
	}
}
