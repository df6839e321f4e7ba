package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"log/slog"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestHostilePendingCarriedOver(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	s := newSite(t, withFactor(&on))
	v := s.browser()
	v.post("/auth/trust?user=ada", "")
	on.Store(false)
	v.logIn("bob")
	on.Store(true)
	if u, _, err := s.m.Pending(v.request("POST", "/", "")); err == nil {
		t.Errorf("bob has logged in, and the browser still has a half-done login of %s", u)
	}
	v.post("/auth/second?code=000000", "")
	if got := v.who(); got != "bob" {
		t.Errorf("now %s", got)
	}
}

func TestHostileStripPrefix(t *testing.T) {
	s := newSite(t, nil)
	inner := http.NewServeMux()
	s.m.Mount(inner)
	outer := http.NewServeMux()
	outer.Handle("/app/", http.StripPrefix("/app", inner))
	w := httptest.NewRecorder()
	s.m.Handler(outer).ServeHTTP(w, s.visitor().request("GET", "/app/auth/login", ""))
	if w.Code != 200 {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestHostileDeviceExpires(t *testing.T) {
	s := newSite(t, nil)
	v := s.visitor()
	in := func() error {
		w, r := httptest.NewRecorder(), v.request("POST", "/", "")
		a, err := s.m.Attempt(r, "password", "user:ada", "ada")
		if err != nil {
			return err
		}
		a.Succeeded(w, asAda(r), "ada")
		for _, c := range w.Result().Cookies() {
			v.cookies[c.Name] = c.Value
		}
		return nil
	}
	in()
	s.clock.Advance(181 * 24 * time.Hour)
	in()
	for range 11 {
		_, _ = s.m.Attempt(s.visitor().request("POST", "/", ""), "password", "user:ada", "ada")
	}
	if err := in(); err != nil {
		t.Errorf("a browser that has just logged in: %v", err)
	}
}

type upserting struct {
	*accounts
	deleted string
}

func (u *upserting) LoadUser(ctx context.Context, id string) (auth.User, error) {
	return u.byID(ctx, id)
}
func (u *upserting) CreateUser(context.Context, auth.Profile) (string, error) { return "ada", nil }
func (u *upserting) DeleteUser(_ context.Context, id string) error            { u.deleted = id; return nil }
func TestHostileDiscard(t *testing.T) {
	u := &upserting{accounts: &accounts{m: map[string]account{"ada": {id: "ada"}}}}
	m, err := auth.New(u, memory.New(nil), &auth.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.ChangeCredentials(context.Background(), "ada", auth.Change{New: &auth.Credential{Kind: "oauth:x", Key: "1", UserID: "ada"}}); err != nil {
		t.Fatal(err)
	}
	_, err = m.CreateUser(context.Background(), auth.Profile{Email: "ada@example.com"}, nil)
	if u.deleted != "" {
		t.Errorf("registering (%v) deleted %s, who was there before", err, u.deleted)
	}
}

func TestHostileExemptPending(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	s := newSite(t, func(o *auth.Options) { withFactor(&on)(o); o.Loaders = []auth.RequestLoader{queryKey{}} })
	v := s.visitor()
	v.post("/auth/trust?user=ada", "")
	v.header.Set("Origin", "https://evil.example")
	v.header.Set("Sec-Fetch-Site", "cross-site")
	res := v.post("/auth/logout?api_key=x", "")
	if _, _, err := s.m.Pending(v.request("POST", "/", "")); errors.Is(err, auth.ErrNoCredentials) {
		t.Errorf("%s: another site ended a half-done login", res.Status)
	}
}

func TestHostileEmptyOwed(t *testing.T) {
	s := newSite(t, nil)
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic %v", p)
		}
	}()
	v := s.browser()
	s.m.Finish(httptest.NewRecorder(), v.request("POST", "/", ""), &auth.OwedError{}, "")
}

func TestHostileLoginUnderKey(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&keyLoader{}} })
	v := s.visitor().logIn("ada")
	v.header.Set("X-Key", "bob")
	v.post("/auth/logout", "")
	e := s.named("logout")
	if len(e) != 1 || e[0].UserID == "bob" {
		t.Errorf("ada's session ended, and the event is %+v", e)
	}
}

func TestHostilePanicValueLogged(t *testing.T) {
	s := newSite(t, nil)
	s.visitor().post("/auth/panic", "")
	if strings.Contains(s.log.String(), "secret detail") {
		t.Error("the value of a panic is in the log")
	}
}
