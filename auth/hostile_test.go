package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// second is a factor that accepts 000000.
type second struct {
	on   *atomic.Bool
	kind string // of the credential named in its proofs
}

func (second) Name() string { return "second" }
func (f second) Owed(_ context.Context, _ auth.User, proofs []auth.Proof) (bool, error) {
	for _, p := range proofs {
		if p.Method == "second" {
			return false, nil
		}
	}
	return f.on.Load(), nil
}
func (f second) Mount(m *auth.Manager, mux auth.Mux) error {
	mux.Handle("GET /second", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	mux.Handle("POST /second", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, err := m.Pending(r)
		if err != nil {
			m.Refuse(w, r, err)
			return
		}
		a, err := m.Attempt(r, "second", "user:"+user, user)
		if err == nil && r.URL.Query().Get("code") != "000000" {
			err = auth.ErrBadCredentials
		}
		if err != nil {
			m.Refuse(w, r, err)
			return
		}
		err = m.LogIn(w, r, user, auth.Proof{Method: "second", Kind: f.kind, Key: user})
		if err == nil {
			a.Succeeded(w, r, user)
		}
		m.Finish(w, r, err, "")
	}))
	return nil
}

func withFactor(on *atomic.Bool) func(*auth.Options) {
	return func(o *auth.Options) { o.Providers = append(o.Providers, second{on: on}) }
}

// enrolling a factor races with a login.
func TestHostileFactorEnrolledMeanwhile(t *testing.T) {
	var on atomic.Bool
	s := newSite(t, withFactor(&on))
	s.addKey("ada", "adas")
	var once sync.Once
	s.store.before["CreateSession"] = func() {
		once.Do(func() {
			on.Store(true) // the owner enrols, which is a change of credentials
			c := auth.Credential{Kind: "totp", Key: "ada", UserID: "ada"}
			if err := s.m.ChangeCredentials(context.Background(), "ada", auth.Change{New: &c}); err != nil {
				t.Error(err)
			}
		})
	}
	thief := s.visitor()
	res := thief.post("/auth/trust?user=ada&key=adas", "")
	if got := thief.who(); got != "nobody" {
		t.Errorf("%s: with the password alone, after the factor was enrolled, the thief is %s", res.Status, got)
	}
}

// a second factor with an unknown kind is a login by itself.
func TestHostileFactorAlone(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	s := newSite(t, func(o *auth.Options) { o.Providers = append(o.Providers, second{&on, "totp"}) })
	c := auth.Credential{Kind: "totp", Key: "ada", UserID: "ada"}
	if err := s.m.ChangeCredentials(context.Background(), "ada", auth.Change{New: &c}); err != nil {
		t.Fatal(err)
	}
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.m.LogIn(w, r, "ada", auth.Proof{Method: "second", Kind: "totp", Key: "ada"})
		if !errors.Is(err, auth.ErrBadCredentials) {
			t.Errorf("a second factor alone: %v", err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), s.visitor().request("POST", "/", ""))
}

// half a login makes the browser known; each has a bucket for the second factor.
func TestHostileGuessSecondFactor(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	s := newSite(t, withFactor(&on))
	guesses := 0
	for range 20 { // one address, one minute
		thief := s.visitor()
		w := httptest.NewRecorder()
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as providers/password does
			a, err := s.m.Attempt(r, "password", "user:ada", "ada")
			if err != nil {
				return
			}
			err = s.m.LogIn(w, r, "ada", auth.Proof{Method: "trust"})
			var owed *auth.OwedError
			if err == nil || errors.As(err, &owed) {
				a.Succeeded(w, r, "ada")
			}
		})).ServeHTTP(w, thief.request("POST", "/", ""))
		for _, c := range w.Result().Cookies() {
			thief.cookies[c.Name] = c.Value
		}
		for range 12 {
			if res := thief.post("/auth/second?code=1", ""); res.StatusCode == 401 {
				guesses++
			}
		}
	}
	if guesses > 20 {
		t.Errorf("%d guesses at the second factor of one account from one address in no time; account allows 10", guesses)
	}
}

// reauthentication in flight outlives RevokeUserSessions.
func TestHostileRotationOutlivesRevocation(t *testing.T) {
	s := newSite(t, nil)
	thief := s.visitor().logIn("ada")
	var once sync.Once
	s.store.before["CreateSession"] = func() {
		once.Do(func() {
			if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
				t.Error(err)
			}
		})
	}
	res := thief.post("/auth/trust/confirm", "")
	if got := thief.who(); got != "nobody" {
		t.Errorf("%s: after RevokeUserSessions the session from before it is %s", res.Status, got)
	}
}

// the same with a log-out in between.
func TestHostileRotationOutlivesLogOut(t *testing.T) {
	s := newSite(t, nil)
	ada := s.visitor().logIn("ada")
	tab := s.visitor()
	tab.cookies["__Host-sid"] = ada.cookies["__Host-sid"]
	var once sync.Once
	s.store.before["CreateSession"] = func() {
		once.Do(func() {
			if res := tab.post("/auth/logout", ""); res.StatusCode != 200 {
				t.Error(res.Status)
			}
		})
	}
	ada.post("/auth/trust/confirm", "")
	if got := ada.who(); got != "nobody" {
		t.Errorf("after the log-out: %s", got)
	}
}

// the client goes away once the password is changed.
func TestHostileChangeThenClientGone(t *testing.T) {
	s := newSite(t, nil)
	s.addKey("ada", "adas")
	thief := s.visitor().logIn("ada")
	ctx, cancel := context.WithCancel(context.Background())
	s.store.before["DeleteUserSessions"] = cancel
	old := s.key("adas")
	next := old
	next.Generation++
	err := s.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &old, New: &next})
	if got := thief.who(); got != "nobody" {
		t.Errorf("changed (%v), the client has gone, and the thief is %s", err, got)
	}
}

// a log-out whose client does not wait.
func TestHostileLogOutClientGone(t *testing.T) {
	s := newSite(t, nil)
	ada := s.visitor().logIn("ada")
	ctx, cancel := context.WithCancel(context.Background())
	s.store.before["DeleteSession"] = cancel
	r := ada.request("POST", "/auth/logout", "").WithContext(ctx)
	s.h.ServeHTTP(httptest.NewRecorder(), r)
	if got := ada.who(); got != "nobody" {
		t.Errorf("the log-out was received, the client has gone, and ada is %s", got)
	}
}

// two realms, one store, users with the same IDs.
func TestHostileRealmsShareUserIDs(t *testing.T) {
	store := memory.New(nil)
	build := func(realm, prefix string) *auth.Manager {
		a := &accounts{m: map[string]account{"1": {id: "1"}}}
		m, err := auth.New(auth.UserFunc(a.byID), store, &auth.Options{Realm: realm, Prefix: prefix, Providers: []auth.Provider{trust{}}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	site, admin := build("", "/auth"), build("admin", "/admin/auth")
	mux := http.NewServeMux()
	site.Mount(mux)
	admin.Mount(mux)
	mux.Handle("/admin/me", admin.RequireUser(http.NotFoundHandler()))
	h := site.Handler(admin.Handler(mux))
	root, eve := &jar{h: h}, &jar{h: h}
	root.do(t, "POST", "/admin/auth/trust?user=1")
	eve.do(t, "POST", "/auth/trust?user=1")
	var list struct{ Sessions []struct{ ID string } }
	decode(t, eve.do(t, "GET", "/auth/sessions"), &list)
	if len(list.Sessions) != 1 {
		t.Errorf("customer 1 sees %d sessions: also those of admin 1", len(list.Sessions))
	}
	// A credential that customer 1 made is a proof for admin 1.
	if err := site.ChangeCredentials(context.Background(), "1", auth.Change{New: &auth.Credential{Kind: "key", Key: "eves", UserID: "1"}}); err != nil {
		t.Fatal(err)
	}
	evil := &jar{h: h}
	if got := evil.do(t, "POST", "/admin/auth/trust?user=1&key=eves").StatusCode; got == 200 {
		t.Errorf("admin 1 logged in with the credential of customer 1: %d", got)
	}
}

// behind a guard of one Manager the user of another.
func TestHostileUserFromOfAnotherManager(t *testing.T) {
	users := &accounts{m: map[string]account{"eve": {id: "eve"}}}
	build := func(realm, prefix string) *auth.Manager {
		m, err := auth.New(auth.UserFunc(users.byID), memory.New(nil), &auth.Options{Realm: realm, Prefix: prefix, Providers: []auth.Provider{trust{}}, Logger: slog.New(slog.DiscardHandler),
			Authorizer: auth.AuthorizerFunc(func(context.Context, auth.Access) error { return nil })})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	site, admin := build("", "/auth"), build("admin", "/admin/auth")
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := auth.UserFrom[*account](r.Context()); ok {
			fmt.Fprint(w, "admin ", a.id)
			return
		}
		fmt.Fprint(w, "nobody")
	})
	mux := http.NewServeMux()
	site.Mount(mux)
	mux.Handle("/admin/bare", admin.Handler(who))
	mux.Handle("/admin/with", admin.Handler(admin.WithUser(who)))
	mux.Handle("/admin/guest", admin.Handler(admin.RequireGuest(who)))
	mux.Handle("/admin/require", admin.Handler(admin.Require("x")(who)))
	h := site.Handler(mux)
	eve := &jar{h: h}
	eve.do(t, "POST", "/auth/trust?user=eve")
	for _, p := range []string{"/admin/bare", "/admin/with", "/admin/guest", "/admin/require"} {
		if got := body(eve.do(t, "GET", p)); got != "nobody" {
			t.Errorf("GET %s: %s", p, got)
		}
		if got := body(eve.do(t, "POST", p)); got != "nobody" {
			t.Errorf("POST %s: %s", p, got)
		}
	}
}

// login CSRF through the exemption.
type queryKey struct{}

func (queryKey) LoadRequest(r *http.Request) (*auth.Identity, error) {
	if r.URL.Query().Has("api_key") {
		return nil, auth.ErrBadCredentials
	}
	return nil, auth.ErrNoCredentials
}
func TestHostileExemptedLogin(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{queryKey{}} })
	victim := s.visitor("Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	victim.cookies = s.visitor().logIn("ada").cookies
	res := victim.post("/auth/trust?user=bob&api_key=wrong", "")
	victim.header = http.Header{}
	if got := victim.who(); got != "ada" {
		t.Errorf("%s: a form on another site has made ada's browser %s", res.Status, got)
	}
}

// a decorated ambient loader is exempt.
type decorated struct{ auth.RequestLoader }

func (d decorated) Unwrap() any { return d.RequestLoader }
func TestHostileDecoratedAmbient(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{decorated{&keyLoader{ambient: true}}} })
	v := s.visitor("Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "X-Key", "bob")
	if got := v.post("/me", "").StatusCode; got != 403 {
		t.Errorf("cross-site with an ambient credential whose loader is decorated: %d", got)
	}
}

// a loader's proofs are fresh.
type proving struct{}

func (proving) LoadRequest(r *http.Request) (*auth.Identity, error) {
	return &auth.Identity{UserID: "ada", Proofs: []auth.Proof{{Method: "key", At: t0}}}, nil
}
func TestHostileLoaderIsFresh(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{proving{}} })
	if got := s.visitor().get("/fresh").StatusCode; got != 401 {
		t.Errorf("a credential that came with the request is fresh: %d", got)
	}
}

// the empty user.
type emptyID struct{}

func (emptyID) LoadRequest(r *http.Request) (*auth.Identity, error) { return &auth.Identity{}, nil }

type valueUser struct{ ID string }

func (u valueUser) AuthID() string { return u.ID }
func TestHostileEmptyUser(t *testing.T) {
	table := map[string]valueUser{}
	m, err := auth.New(auth.UserFunc(func(_ context.Context, id string) (valueUser, error) { return table[id], nil }), memory.New(nil),
		&auth.Options{Loaders: []auth.RequestLoader{emptyID{}}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	m.Handler(m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code == 200 {
		t.Errorf("a user whose ID is empty passed RequireUser")
	}
}

// (nil, nil) from the host's function.
func TestHostileNilUser(t *testing.T) {
	m, err := auth.New(auth.UserFunc(func(_ context.Context, id string) (*account, error) { return nil, nil }), memory.New(nil),
		&auth.Options{Loaders: []auth.RequestLoader{&keyLoader{}}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic in a request: %v", p)
		}
	}()
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Key", "ada")
	m.Handler(m.RequireUser(http.HandlerFunc(nothing))).ServeHTTP(w, r)
	if w.Code != 503 {
		t.Errorf("%d", w.Code)
	}
}

// counters fill up from one address that is limited already.
func TestHostileFillCounters(t *testing.T) {
	s := newSite(t, nil)
	s.store.Store = memory.New(&memory.Options{Counters: 500})
	for i := range 600 {
		r := s.visitor().request("POST", "/", "")
		_, _ = s.m.Attempt(r, "password", fmt.Sprint("email:", i), s.m.Nobody())
	}
	r := s.visitor().request("POST", "/", "")
	r.RemoteAddr = "198.51.100.9:1"
	if _, err := s.m.Attempt(r, "password", "user:ada", "ada"); err != nil {
		t.Errorf("another address, another account: %v", err)
	}
}

// a limited network goes on using up the account's guesses.
func TestHostileLimitedNetworkLocksAccounts(t *testing.T) {
	s := newSite(t, nil)
	for i := range 20 {
		_, _ = s.m.Attempt(s.visitor().request("POST", "/", ""), "password", fmt.Sprint(i), s.m.Nobody())
	}
	for range 11 { // all of them answered 429
		_, _ = s.m.Attempt(s.visitor().request("POST", "/", ""), "password", "user:ada", "ada")
	}
	r := s.visitor().request("POST", "/", "")
	r.RemoteAddr = "198.51.100.9:1"
	if _, err := s.m.Attempt(r, "password", "user:ada", "ada"); err != nil {
		t.Errorf("requests that were refused for their address have locked the account: %v", err)
	}
}

// devices without end.
func TestHostileDevicesWithoutEnd(t *testing.T) {
	s := newSite(t, nil)
	for i := range 300 {
		r := s.visitor().request("POST", "/", "")
		r.RemoteAddr = fmt.Sprintf("[2001:db8:0:%x::1]:1", i)
		a, err := s.m.Attempt(r, "password", "user:ada", "ada")
		if err != nil {
			t.Fatal(err)
		}
		a.Succeeded(httptest.NewRecorder(), asAda(r), "ada")
	}
	held, _ := s.store.UserCredentials(context.Background(), "ada", "device")
	before := s.store.count("ChangeCredentials")
	s.addKey("ada", "new")
	if len(held) > 50 {
		t.Errorf("%d devices of one user; changing a credential takes %d writes", len(held), s.store.count("ChangeCredentials")-before)
	}
}

// a known browser has no limit at all on right answers.
func TestHostileKnownBrowserUnlimited(t *testing.T) {
	s := newSite(t, nil)
	v := s.visitor()
	n := 0
	for range 500 {
		r := v.request("POST", "/", "")
		a, err := s.m.Attempt(r, "password", "user:ada", "ada")
		if err != nil {
			break
		}
		n++
		w := httptest.NewRecorder()
		a.Succeeded(w, asAda(r), "ada")
		for _, c := range w.Result().Cookies() {
			v.cookies[c.Name] = c.Value
		}
	}
	if n > 200 {
		t.Errorf("%d hashes in one moment from one address: no limit", n)
	}
}

// after a change the owner's own browser is unknown.
func TestHostileOwnerLockedOutAfterChange(t *testing.T) {
	s := newSite(t, nil)
	c := s.addKey("ada", "adas")
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
	if err := in(); err != nil {
		t.Fatal(err)
	}
	// as providers/password.guess does it
	w, r := httptest.NewRecorder(), v.request("POST", "/", "")
	a, err := s.m.Attempt(r, "password.change", "user:ada", "ada")
	if err != nil {
		t.Fatal(err)
	}
	next := c
	next.Generation++
	if err := s.m.ChangeCredentials(r.Context(), "ada", auth.Change{Old: &c, New: &next}); err != nil {
		t.Fatal(err)
	}
	a.Succeeded(w, asAda(r), "ada")
	for _, c := range w.Result().Cookies() {
		v.cookies[c.Name] = c.Value
	}
	for i := range 11 {
		r := s.visitor().request("POST", "/", "")
		r.RemoteAddr = fmt.Sprintf("198.51.100.%d:1", i)
		_, _ = s.m.Attempt(r, "password", "user:ada", "ada")
	}
	if err := in(); err != nil {
		t.Errorf("the owner, in the browser that changed the password: %v", err)
	}
}

// changing somebody else's credential.
func TestHostileSomebodyElsesCredential(t *testing.T) {
	s := newSite(t, nil)
	s.addKey("bob", "bobs")
	s.addKey("ada", "adas")
	bobs := s.key("bobs")
	err := s.m.ChangeCredentials(context.Background(), "ada", auth.Change{Old: &auth.Credential{Kind: "key", Key: "bobs", Version: bobs.Version}})
	if err == nil {
		t.Error("ada removed bob's last credential")
	}
}

// LogIn then LogOut in an untouched GET.
func TestHostileLogOutInUntouched(t *testing.T) {
	s := newSite(t, nil)
	v := s.visitor()
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogIn(w, r, "ada", auth.Proof{Method: "host"}); err != nil {
			t.Fatal(err)
		}
		if err := s.m.LogOut(w, r); err != nil {
			t.Fatal(err)
		}
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, v.request("GET", "/magic", ""))
	for _, c := range w.Result().Cookies() {
		if c.MaxAge >= 0 {
			v.cookies[c.Name] = c.Value
		}
	}
	if got := v.who(); got != "nobody" {
		t.Errorf("after LogOut returned nil: %s", got)
	}
}

// AuthVersion changes and a half-done login lives on.
func TestHostilePendingOutlivesAuthVersion(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	s := newSite(t, withFactor(&on))
	thief := s.visitor()
	thief.post("/auth/trust?user=ada", "")
	s.accounts.change("ada", func(a *account) { a.version = "2" })
	res := thief.post("/auth/second?code=000000", "")
	if got := thief.who(); got != "nobody" {
		t.Errorf("%s: everything from before should be dead; the thief is %s", res.Status, got)
	}
}

// WithIdentity through Handler.
func TestHostileWithIdentityAndHandler(t *testing.T) {
	s := newSite(t, nil)
	ctx := auth.WithIdentity(context.Background(), &auth.Identity{User: &account{id: "ada"}})
	for _, method := range []string{"GET", "POST"} {
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, s.visitor().request(method, "/me", "").WithContext(ctx))
		if w.Code != 200 {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

// a proof from the future.
func TestHostileFutureProof(t *testing.T) {
	s := newSite(t, nil)
	v := s.visitor().logIn("ada")
	s.clock.Advance(-20 * time.Hour)
	_ = v
	id := &auth.Identity{Proofs: []auth.Proof{{Method: "x", At: t0}}}
	if id.Fresh(t0.Add(-20*time.Hour), 10*time.Minute) {
		t.Error("a proof of 20 hours in the future is fresh")
	}
}

// uncomparable store.
type tagged struct {
	auth.Store
	tags []string
}

func (s tagged) Unwrap() any { return s.Store }
func TestHostileUncomparableStore(t *testing.T) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("New panics: %v", p)
		}
	}()
	_, err := auth.New(auth.UserFunc((&accounts{}).byID), tagged{Store: memory.New(nil), tags: []string{"not comparable"}}, nil)
	if err != nil {
		t.Error(err)
	}
}

// decorated factor is no factor.
type decoratedProvider struct{ auth.Provider }

func (d decoratedProvider) Unwrap() any { return d.Provider }
func TestHostileDecoratedFactor(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	s := newSite(t, func(o *auth.Options) { o.Providers = append(o.Providers, decoratedProvider{second{on: &on}}) })
	v := s.visitor()
	v.post("/auth/trust?user=ada", "")
	if got := v.who(); got != "nobody" {
		t.Errorf("the factor's decorator has hidden it: %s", got)
	}
}

// an expired credential counts as a way in.
func TestHostileExpiredLastWay(t *testing.T) {
	s := newSite(t, nil)
	c := s.addKey("ada", "good")
	_ = s.addKey("ada", "x")
	old := s.key("x")
	next := old
	next.ExpiresAt = t0.Add(-time.Hour)
	if err := s.m.ChangeCredentials(context.Background(), "ada", auth.Change{Old: &old, New: &next}); err != nil {
		t.Fatal(err)
	}
	if err := s.m.ChangeCredentials(context.Background(), "ada", auth.Change{Old: &c}); !errors.Is(err, auth.ErrLastCredential) {
		t.Errorf("removing the last that has not expired: %v", err)
	}
}

// options are kept.
func TestHostileOptionsKept(t *testing.T) {
	loaders := []auth.RequestLoader{&keyLoader{}}
	s := newSite(t, func(o *auth.Options) { o.Loaders = loaders })
	loaders[0] = proving{}
	if got := s.visitor().get("/me").StatusCode; got != 401 {
		t.Errorf("%d: what New was given is kept", got)
	}
}

// loaded error wraps both.
type both struct{}

func (both) LoadRequest(r *http.Request) (*auth.Identity, error) {
	return nil, fmt.Errorf("%w: %w", auth.ErrBadCredentials, auth.ErrNoCredentials)
}
func TestHostileBothSentinels(t *testing.T) {
	s := newSite(t, nil)
	tok := s.visitor().logIn("ada").cookies
	s2, _ := auth.New(auth.UserFunc(s.accounts.byID), s.store, &auth.Options{Loaders: []auth.RequestLoader{both{}}, Now: s.clock.Now, Logger: slog.New(slog.DiscardHandler)})
	v := s.visitor()
	v.cookies = tok
	w := httptest.NewRecorder()
	s2.Handler(s2.RequireUser(http.HandlerFunc(nothing))).ServeHTTP(w, v.request("GET", "/x", ""))
	if w.Code != 401 {
		t.Errorf("bad and none: %d, answered from the session", w.Code)
	}
}

// parallel completion of one half-done login.
func TestHostileParallelCompletion(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	s := newSite(t, withFactor(&on))
	v := s.visitor()
	v.post("/auth/trust?user=ada", "")
	var wg sync.WaitGroup
	var in atomic.Int64
	for range 20 {
		wg.Go(func() {
			c := s.visitor()
			for k, x := range v.cookies {
				c.cookies[k] = x
			}
			w := httptest.NewRecorder()
			s.h.ServeHTTP(w, c.request("POST", "/auth/second?code=000000", ""))
			if w.Code == 200 {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d logins of one half-done login", in.Load())
	}
}

// pending of one user, proof of another; expired pending; replays.
func TestHostilePendingMixing(t *testing.T) {
	var on atomic.Bool
	on.Store(true)
	s := newSite(t, withFactor(&on))
	v := s.visitor()
	v.post("/auth/trust?user=ada", "")
	keep := v.cookies["__Host-login"]
	w := httptest.NewRecorder()
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogIn(w, r, "bob", auth.Proof{Method: "second"}); !errors.Is(err, auth.ErrBadCredentials) {
			t.Errorf("ada's first and bob's second factor: %v", err)
		}
	})).ServeHTTP(w, v.request("POST", "/", ""))
	s.clock.Advance(10 * time.Minute)
	if res := v.post("/auth/second?code=000000", ""); res.StatusCode != 401 {
		t.Errorf("after ten minutes: %s", res.Status)
	}
	v.cookies["__Host-sid"] = keep
	if got := v.who(); got != "nobody" {
		t.Errorf("a pending login as session: %s", got)
	}
}

func asAda(r *http.Request) *http.Request { return as(r, "ada") }

func as(r *http.Request, userID string) *http.Request {
	return r.WithContext(auth.WithIdentity(r.Context(), &auth.Identity{User: &account{id: userID}}))
}

func BenchmarkUntouchedServerContext(b *testing.B) {
	m, err := auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), nil)
	if err != nil {
		b.Fatal(err)
	}
	h := m.Handler(http.HandlerFunc(nothing))
	ctx, cancel := context.WithCancel(context.WithValue(context.WithValue(context.Background(), http.ServerContextKey, 1), http.LocalAddrContextKey, 2))
	defer cancel()
	r := httptest.NewRequest("GET", "/x", nil).WithContext(ctx)
	r.Header.Set("Cookie", "theme=dark")
	w := httptest.NewRecorder()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

// A login that fails has not ended what was there before.
func TestHostileFailedLogin(t *testing.T) {
	s := newSite(t, nil)
	ada := s.visitor().logIn("ada")
	s.store.fails("CreateSession", errDown)
	if res := ada.post("/auth/trust?user=bob", ""); res.StatusCode != 503 {
		t.Error(res.Status)
	}
	s.store.fails("CreateSession", nil)
	if got := ada.who(); got != "ada" {
		t.Errorf("after a login as bob that failed: %s", got)
	}
}

// A page for the owner of a key is no page for a shared cache.
func TestHostileCacheOfLoader(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&keyLoader{}} })
	if got := s.visitor("X-Key", "bob").get("/open").Header.Get("Cache-Control"); got != "private" {
		t.Errorf("Cache-Control %q", got)
	}
}
