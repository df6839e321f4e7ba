package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// broken is a factor whose store is down, in words that might be mistaken.
type broken struct{ err error }

func (broken) Name() string                                                  { return "broken" }
func (broken) Mount(*auth.Manager, auth.Mux) error                           { return nil }
func (f broken) Owed(context.Context, auth.User, []auth.Proof) (bool, error) { return false, f.err }

// A factor that cannot be asked is neither "not owed" nor "wrong password".
func TestFactorOutage(t *testing.T) {
	for _, err := range []error{errDown, auth.ErrBadCredentials, auth.ErrNotFound, context.Canceled} {
		s := newSite(t, func(o *auth.Options) { o.Providers = append(o.Providers, broken{err}) })
		v := s.visitor()
		if res := v.post("/auth/trust?user=ada", ""); res.StatusCode != 503 || len(v.cookies) != 0 {
			t.Errorf("%v: %s, cookies %v", err, res.Status, v.cookies)
		}
	}
}

// An outage is not nobody, for Authorize either.
func TestAuthorizeOutage(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return nil }) // even if nobody may
	})
	ada := s.visitor().logIn("ada")
	s.store.fails("LoadSession", errDown)
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := s.m.Authorize(r.Context(), "read", nil); !errors.Is(err, errDown) {
			t.Errorf("%v", err)
		}
	})).ServeHTTP(httptest.NewRecorder(), ada.request("GET", "/x", ""))
}

// A change of what one can log in with makes every browser unknown.
func TestChangeForgetsBrowsers(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		a, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "test", "ada", "ada")
		if err != nil {
			t.Fatal(err)
		}
		a.Succeeded(httptest.NewRecorder(), asAda(s.visitor().request("POST", "/", "")), "ada")
		if held, err := store.UserCredentials(t.Context(), "ada", "device"); err != nil || len(held) != 1 {
			t.Fatalf("%v, %v", held, err)
		}
		s.addKey("ada", "new")
		if held, err := store.UserCredentials(t.Context(), "ada", "device"); err != nil || len(held) != 0 {
			t.Errorf("left: %v, %v", held, err)
		}
	})
}

func TestExpiredCredentialLogsNobodyIn(t *testing.T) {
	s := newSite(t, nil)
	s.addKey("ada", "adas")
	old := s.key("adas")
	next := old
	next.ExpiresAt = t0.Add(time.Hour)
	if err := s.store.ChangeCredentials(t.Context(), auth.Change{Old: &old, New: &next}); err != nil {
		t.Fatal(err)
	}
	if got := s.visitor().post("/auth/trust?user=ada&key=adas", "").StatusCode; got != 200 {
		t.Fatalf("before it expires: %d", got)
	}
	s.clock.Advance(time.Hour)
	v := s.visitor()
	if got := v.post("/auth/trust?user=ada&key=adas", "").StatusCode; got != 401 || len(v.cookies) != 0 {
		t.Errorf("when it has expired: %d, %v", got, v.cookies)
	}
}

// A session that was refused at the last moment is deleted although the client
// has gone.
func TestRefusedSessionIsDeletedAnyway(t *testing.T) {
	s := newSite(t, nil)
	s.addKey("ada", "adas")
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	s.store.before["LoadCredential"] = func() {
		if n++; n == 2 { // the gate's last look
			cancel()
		}
	}
	s.h.ServeHTTP(httptest.NewRecorder(), s.visitor().request("POST", "/auth/trust?user=ada&key=adas", "").WithContext(ctx))
	if left, err := s.store.UserSessions(t.Context(), "ada"); n < 2 || err != nil || len(left) != 0 {
		t.Errorf("after %d looks: %v, %v", n, left, err)
	}
}

// Who acts as somebody goes on doing so when they confirm it.
func TestRenewalKeepsActor(t *testing.T) {
	s := newSite(t, nil)
	v := s.visitor().logIn("ada")
	live, err := s.store.UserSessions(t.Context(), "ada")
	if err != nil || len(live) != 1 {
		t.Fatal(live, err)
	}
	acting := *live[0]
	acting.Actor = "root"
	if err := s.store.DeleteSession(t.Context(), acting.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.store.CreateSession(t.Context(), &acting); err != nil {
		t.Fatal(err)
	}
	if got := v.post("/auth/trust/confirm", "").StatusCode; got != 200 {
		t.Fatal(got)
	}
	live, err = s.store.UserSessions(t.Context(), "ada")
	if err != nil || len(live) != 1 || live[0].Actor != "root" || live[0].ID == acting.ID {
		t.Errorf("%+v, %v", live, err)
	}
}

func TestFresh(t *testing.T) {
	for _, tt := range []struct {
		name string
		id   *auth.Identity
		want bool
	}{
		{"nobody", nil, false},
		{"no proof", &auth.Identity{}, false},
		{"now", &auth.Identity{Proofs: []auth.Proof{{At: t0}}}, true},
		{"just", &auth.Identity{Proofs: []auth.Proof{{At: t0.Add(-time.Minute)}}}, true},
		{"too old", &auth.Identity{Proofs: []auth.Proof{{At: t0.Add(-time.Minute - 1)}}}, false},
		{"one of two", &auth.Identity{Proofs: []auth.Proof{{At: t0.Add(-time.Hour)}, {At: t0}}}, true},
		{"at no time", &auth.Identity{Proofs: []auth.Proof{{}}}, false},
		{"binding changed", &auth.Identity{Proofs: []auth.Proof{{At: t0}}, Session: &auth.Session{Stale: true}}, false},
	} {
		if got := tt.id.Fresh(t0, time.Minute); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if (&auth.Identity{Proofs: []auth.Proof{{}}}).Fresh(time.Time{}.Add(time.Second), time.Minute) {
		t.Error("a proof of no time is fresh at the beginning of time")
	}
}

// What a loader says beyond who it is counts for nothing.
type boasting struct{}

func (boasting) LoadRequest(*http.Request) (*auth.Identity, error) {
	return &auth.Identity{UserID: "ada", Proofs: []auth.Proof{{Method: "x", At: t0}}, Session: &auth.Session{UserID: "ada"}}, nil
}

func TestLoaderHasNoSession(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{boasting{}} })
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if id, err := s.m.IdentityFrom(r.Context()); err != nil || id.Session != nil || len(id.Proofs) != 0 {
			t.Errorf("%+v, %v", id, err)
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if got := s.visitor().post("/auth/trust/confirm", "").StatusCode; got != 401 {
		t.Errorf("there was a session to confirm: %d", got)
	}
}

// Of two device cookies neither is believed.
func TestTwoDeviceCookies(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Limits.Account = auth.Limit{Max: 1, Per: time.Hour} })
	a, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "test", "ada", "ada")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.Succeeded(w, asAda(s.visitor().request("POST", "/", "")), "ada")
	device := strings.SplitN(w.Header().Get("Set-Cookie"), ";", 2)[0]
	if _, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "test", "ada", "ada"); err != nil {
		t.Fatal(err)
	}
	for cookies, free := range map[string]bool{device: true, device + "; " + device: false, device + "; __Host-device=x": false} {
		r := s.visitor().request("POST", "/", "")
		r.Header["Cookie"] = []string{cookies}
		if _, err := s.m.Attempt(r, "test", "ada", "ada"); (err == nil) != free {
			t.Errorf("%d cookies: %v", strings.Count(cookies, "="), err)
		}
	}
}

// A browser is known for 180 days.
func TestDeviceExpires(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Limits.Account = auth.Limit{Max: 1, Per: 400 * 24 * time.Hour} })
	v := s.visitor()
	a, err := s.m.Attempt(v.request("POST", "/", ""), "test", "ada", "ada")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.Succeeded(w, asAda(v.request("POST", "/", "")), "ada")
	v.cookies["__Host-device"] = w.Result().Cookies()[0].Value
	if _, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "test", "ada", "ada"); err != nil {
		t.Fatal(err) // a stranger uses up the account's only guess
	}
	s.clock.Advance(180*24*time.Hour - time.Second)
	if _, err := s.m.Attempt(v.request("POST", "/", ""), "test", "ada", "ada"); err != nil {
		t.Errorf("just before: %v", err)
	}
	s.clock.Advance(time.Second)
	if _, err := s.m.Attempt(v.request("POST", "/", ""), "test", "ada", "ada"); err == nil {
		t.Error("after 180 days the browser is known")
	}
}

// A hundred guesses an hour are all that a network has, however slow they come.
func TestNetworkLong(t *testing.T) {
	s := newSite(t, nil)
	free := 0
	for i := range 200 {
		if _, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "test", fmt.Sprint(i), s.m.Nobody()); err == nil {
			free++
		}
		s.clock.Advance(15 * time.Second)
	}
	if free != 100 {
		t.Errorf("%d were free; want 100", free)
	}
}

// Scopes and realms count apart.
func TestCountersApart(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Limits.Account = auth.Limit{Max: 1, Per: time.Hour} })
	other := newSiteOn(t, s.store, func(o *auth.Options) { o.Realm, o.Limits.Account = "x", auth.Limit{Max: 1, Per: time.Hour} })
	for _, m := range []*auth.Manager{s.m, other.m} {
		for _, scope := range []string{"a", "b"} {
			r := s.visitor().request("POST", "/", "")
			if _, err := m.Attempt(r, scope, "ada", "ada"); err != nil {
				t.Errorf("%s: %v", scope, err)
			}
			if _, err := m.Attempt(r, scope, "ada", "ada"); err == nil {
				t.Errorf("%s: the second is free", scope)
			}
		}
	}
}

// A session ends at its end, whatever its idle time-out says.
func TestEndsAtIsTheEnd(t *testing.T) {
	s := newSite(t, nil)
	v := s.visitor().logIn("ada")
	live, err := s.store.UserSessions(t.Context(), "ada")
	if err != nil || len(live) != 1 {
		t.Fatal(live, err)
	}
	odd := *live[0]
	odd.EndsAt, odd.ExpiresAt = t0.Add(time.Minute), t0.Add(time.Hour)
	if err := s.store.DeleteSession(t.Context(), odd.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.store.CreateSession(t.Context(), &odd); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(time.Minute)
	if got := v.who(); got != "nobody" {
		t.Error(got)
	}
}

// A request with an Authorization header is never taken for nobody's unseen.
func TestAuthorizationIsLookedAt(t *testing.T) {
	s := newSite(t, nil)
	r := httptest.NewRequest("GET", "/page", nil)
	r.Header.Set("Authorization", "Bearer x")
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, inner *http.Request) {
		if inner == r {
			t.Error("handed on untouched")
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// All that Gatehouse answers itself is for this visitor, now, and is what it
// says it is.
func TestHeadersOfOwnRoutes(t *testing.T) {
	s := newSite(t, nil)
	ada := s.visitor().logIn("ada")
	for _, v := range []*visitor{s.visitor(), s.browser(), ada} {
		for _, path := range []string{"/auth/login", "/auth/session", "/auth/sessions", "/auth/account", "/auth/confirm"} {
			for _, method := range []string{"GET", "HEAD", "DELETE"} {
				h := v.do(method, path, "").Header
				if h.Get("Cache-Control") != "no-store" || h.Get("Vary") != "Cookie" || h.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s %s: %v", method, path, h)
				}
			}
		}
	}
	evil := s.visitor("Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	h := evil.post("/me", "").Header
	if h.Get("Cache-Control") != "no-store" || h.Get("Vary") != "Cookie" {
		t.Errorf("a refusal for its origin: %v", h)
	}
}

// Whoever the core asks can only say what their contract lets them say: anything
// else is an outage, whatever sentinel or Problem it wraps.
func TestNobodyCanDisguiseAnOutage(t *testing.T) {
	var verdict, loaded error
	build := func(t *testing.T) *site {
		verdict, loaded = nil, auth.ErrNoCredentials
		return newSite(t, func(o *auth.Options) {
			o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return verdict })
			o.Loaders = []auth.RequestLoader{loaderFunc(func(*http.Request) (*auth.Identity, error) { return nil, loaded })}
		})
	}
	sentinels := []error{
		auth.ErrNotFound, auth.ErrExists, auth.ErrConflict, auth.ErrInvalid, auth.ErrNoCredentials, auth.ErrBadCredentials,
		auth.ErrForbidden, auth.ErrNotFresh, auth.ErrCrossOrigin, auth.ErrLastCredential,
		&auth.OwedError{Factors: []string{"x"}}, &auth.Problem{Status: 200, Code: "fine"}, &auth.Problem{Status: 404, Code: "gone"},
	}
	for _, c := range []struct {
		name string
		may  []error // what the contract lets them say
		fail func(s *site, err error)
		path string
	}{
		{"user loader", []error{auth.ErrNotFound}, func(s *site, err error) { s.accounts.fails(err) }, "/open"},
		{"session store", []error{auth.ErrNotFound}, func(s *site, err error) { s.store.fails("LoadSession", err) }, "/open"},
		{"request loader", []error{auth.ErrNoCredentials, auth.ErrBadCredentials}, func(_ *site, err error) { loaded = err }, "/open"},
		{"authorizer", []error{auth.ErrForbidden}, func(_ *site, err error) { verdict = err }, "/admin"},
	} {
		for _, err := range sentinels {
			if slices.Contains(c.may, err) {
				continue
			}
			s := build(t)
			ada := s.visitor().logIn("ada")
			c.fail(s, fmt.Errorf("the database says: %w", err))
			if got := ada.get(c.path).StatusCode; got != 503 {
				t.Errorf("%s, %v: %d", c.name, err, got)
			}
		}
	}
	for _, err := range sentinels {
		for _, verb := range []string{"CreateSession", "DeleteSession", "LoadCredential", "Count"} {
			s := build(t)
			s.addKey("ada", "adas")
			ada := s.visitor().logIn("ada")
			if verb == "DeleteSession" && err == auth.ErrNotFound || verb == "LoadCredential" && err == auth.ErrNotFound {
				continue // that is what they may say
			}
			s.store.fails(verb, fmt.Errorf("the database says: %w", err))
			if verb == "Count" {
				_, got := s.m.Attempt(ada.request("POST", "/", ""), "test", "ada", "ada")
				var p *auth.Problem
				var owed *auth.OwedError
				typed := errors.As(err, &p) || errors.As(err, &owed)
				if errors.As(got, &p) || errors.As(got, &owed) || !typed && errors.Is(got, err) {
					t.Errorf("%s, %v: %v", verb, err, got)
				}
				continue
			}
			if got := ada.post("/auth/trust?user=ada&key=adas", "").StatusCode; got != 503 {
				t.Errorf("%s, %v: %d", verb, err, got)
			}
		}
	}
}

// The same for what ends sessions.
func TestRevokingDisguisesNoOutage(t *testing.T) {
	for _, sentinel := range []error{auth.ErrNotFound, auth.ErrForbidden, auth.ErrBadCredentials} {
		s := newSite(t, nil)
		ada := s.visitor().logIn("ada")
		s.store.fails("DeleteUserSessions", fmt.Errorf("the database says: %w", sentinel))
		if err := s.m.RevokeUserSessions(t.Context(), "ada"); err == nil || errors.Is(err, sentinel) {
			t.Errorf("%v: %v", sentinel, err)
		}
		if got := ada.post("/auth/sessions/revoke", "all=others").StatusCode; got != 503 {
			t.Errorf("%v: %d", sentinel, got)
		}
	}
}

type loaderFunc func(*http.Request) (*auth.Identity, error)

func (f loaderFunc) LoadRequest(r *http.Request) (*auth.Identity, error) { return f(r) }

// What happens during a request says where it came from.
func TestEventsHaveAnAddress(t *testing.T) {
	s := newSite(t, nil)
	v := s.browser().logIn("ada")
	v.post("/auth/sessions/revoke", "all=others")
	v.get("/admin")
	for _, name := range []string{"login", "sessions.revoked", "forbidden"} {
		e := s.named(name)
		if len(e) != 1 || e[0].Addr.String() != "192.0.2.1" || e[0].Label != "Firefox on Linux" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// GET /auth/session is for scripts.
func TestSessionIsJSON(t *testing.T) {
	s := newSite(t, nil)
	for _, v := range []*visitor{s.visitor(), s.browser()} {
		if res := v.get("/auth/session"); res.StatusCode != 401 || code(res) != "unauthenticated" {
			t.Errorf("nobody: %s", res.Status)
		}
		if res := v.logIn("ada").get("/auth/session"); res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("ada: %s %s", res.Status, res.Header.Get("Content-Type"))
		}
	}
}
