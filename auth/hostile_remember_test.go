package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// What an attack on remembered browsers tried, and must not find again.

// serve sends a request to a handler of the test's choice.
func (v *visitor) serve(h http.Handler, method, target string) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, v.request(method, target, ""))
	res := w.Result()
	for _, c := range res.Cookies() {
		v.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
	return res
}

// owe makes ada owe a factor from now on.
func (s *site) owe() {
	s.t.Helper()
	code := authtest.CodeCredential("ada")
	if err := s.store.ChangeCredentials(context.Background(), auth.Change{New: &code}); err != nil {
		s.t.Fatal(err)
	}
}

func withCode(o *auth.Options) { o.Providers = append(o.Providers, &authtest.Factor{}) }

// The browser that changes the password, or says "everywhere else", goes on; a copy
// of its cookie does not, and it is remembered by a new one.
func TestHostileCopyOfTheBrowserThatStays(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		change := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := s.m.ChangeCredentials(r.Context(), "ada", auth.Change{New: &auth.Credential{Kind: "key", Key: "k", UserID: "ada"}}); err != nil {
				t.Error(err)
			}
		}))
		v := s.remembered("ada")
		thief := v.with(v.cookies[rememberCookie])
		v.serve(change, "POST", "/")
		if got := thief.reasonAt("/me"); got != "unauthenticated revoked" {
			t.Errorf("a copy, after the password was changed: %s", got)
		}
		if got := v.who(); got != "ada" {
			t.Errorf("the browser itself: %s", got)
		}
		v.post("/auth/trust/confirm", "")
		if got := v.reopen().who(); got != "ada" {
			t.Errorf("once it has been confirmed, it is remembered: %s", got)
		}

		v = s.remembered("ada")
		thief = v.with(v.cookies[rememberCookie])
		if got := thief.who(); got != "ada" {
			t.Fatal(got)
		}
		v.post("/auth/sessions/revoke", "all=others")
		for _, got := range []string{thief.who(), thief.reopen().who()} {
			if got != "nobody" {
				t.Errorf("a thief after the log-out everywhere else: %s", got)
			}
		}
		// That the thief came back is what a copy is known by.
		if got := v.reopen().who(); got != "nobody" || len(s.named("remember.reused")) != 1 {
			t.Errorf("%s, alarms %v", got, s.named("remember.reused"))
		}
	})
}

// An outage in the middle of a theft leaves neither the thief nor the silence.
func TestHostileTheftDuringAnOutage(t *testing.T) {
	for _, verb := range []string{"DeleteSession", "ChangeCredentials"} {
		s := newSite(t, nil)
		v := s.remembered("ada").reopen()
		thief := v.with(v.cookies[rememberCookie])
		thief.who()
		s.clock.Advance(2 * time.Minute)
		s.store.fails(verb, errDown)
		if got := v.who(); got != "503 Service Unavailable" {
			t.Errorf("%s: %s", verb, got)
		}
		s.store.fails(verb, nil)
		if got := v.reasonAt("/me"); got != "unauthenticated reused" {
			t.Errorf("%s: again: %s", verb, got)
		}
		if n := len(s.named("remember.reused")); n != 1 {
			t.Errorf("%s: %d alarms", verb, n)
		}
		if got := thief.who(); got != "nobody" {
			t.Errorf("%s: the thief: %s", verb, got)
		}
		if n := len(s.sessions("ada")) + len(s.families("ada")); n != 0 {
			t.Errorf("%s: %d things are left", verb, n)
		}
	}
}

// An outage of a moment, at whichever write, silences nothing either.
func TestHostileTheftDuringAMoment(t *testing.T) {
	for n := 1; n <= 2; n++ {
		s := newSite(t, nil)
		v := s.remembered("ada").reopen()
		stolen := v.cookies[rememberCookie]
		v.get("/open")
		s.clock.Advance(2 * time.Minute)
		s.store.Store = &failsOnce{Store: s.store.Store, at: n}
		if got := v.with(stolen).who(); got != "503 Service Unavailable" {
			t.Errorf("write %d: %s", n, got)
		}
		for _, token := range []string{stolen, v.cookies[rememberCookie]} {
			if got := v.with(token).reasonAt("/me"); got != "unauthenticated reused" {
				t.Errorf("write %d: afterwards: %s", n, got)
			}
		}
		if got := v.who(); got != "nobody" || len(s.sessions("ada")) != 0 {
			t.Errorf("write %d: %s, %d sessions", n, got, len(s.sessions("ada")))
		}
		if alarms := len(s.named("remember.reused")); alarms != 1 {
			t.Errorf("write %d: %d alarms", n, alarms)
		}
	}
}

// failsOnce fails one write of credentials.
type failsOnce struct {
	auth.Store
	at int
}

func (f *failsOnce) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	if f.at--; f.at == 0 {
		return errDown
	}
	return f.Store.ChangeCredentials(ctx, changes...)
}

// Two who find out about a theft at once tell it once.
func TestHostileTheftIsToldOnce(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada").reopen()
	tok := v.cookies[rememberCookie]
	v.with(tok).get("/open")
	s.clock.Advance(2 * time.Minute)
	once := false
	s.store.after["LoadCredential"] = func() {
		if !once {
			once = true
			v.with(tok).get("/open")
		}
	}
	v.with(tok).get("/open")
	clear(s.store.after)
	if n := len(s.named("remember.reused")); n != 1 {
		t.Errorf("%d alarms", n)
	}
}

// A token makes a bounded number of sessions, and being over it is no theft.
func TestHostileRestoresWithoutEnd(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada").reopen()
	tok := v.cookies[rememberCookie]
	for range 200 { // by the overlap
		v.with(tok).get("/open")
	}
	if n := len(s.sessions("ada")); n > 65 {
		t.Errorf("%d sessions by one token", n)
	}
	s.clock.Advance(restoreWindow)
	v = s.remembered("ada").reopen()
	for range 200 { // one after the other
		v.reopen().get("/open")
	}
	if n := len(s.sessions("ada")); n > 65+1+101 {
		t.Errorf("%d sessions by a chain of tokens", n)
	}
	if got := v.reasonAt("/me"); got != "unauthenticated limited" {
		t.Errorf("%s", got)
	}
	if n := len(s.named("remember.reused")); n != 0 {
		t.Errorf("%d false alarms", n)
	}
	s.clock.Advance(restoreWindow)
	if got := v.who(); got != "ada" {
		t.Errorf("afterwards: %s", got)
	}
}

const restoreWindow = 10 * time.Minute

// What says that its answer is for everybody does not know that a cookie is in it.
func TestHostileRestoredOnACacheablePage(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("Vary", "Accept-Encoding")
		w.Header().Del("Set-Cookie")
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		if r.URL.Path == "/flush" {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
		fmt.Fprint(w, "body{}")
	})
	for _, path := range []string{"/static/app.css", "/flush"} {
		for name, h := range map[string]http.Handler{"plain": page, "timeout": http.TimeoutHandler(page, time.Minute, "slow")} {
			if name == "timeout" && path == "/flush" {
				continue // it cannot be flushed
			}
			for _, owes := range []bool{false, true} {
				s := newSite(t, withCode)
				v := s.remembered("ada").reopen()
				if owes {
					s.owe()
				}
				res := v.serve(s.m.Handler(h), "GET", path)
				if res.Header.Get("Cache-Control") != "no-store" || fmt.Sprint(res.Header["Vary"]) != "[Accept-Encoding Cookie]" {
					t.Errorf("%s %s, owes %v: %q", name, path, owes, res.Header)
				}
				if names := cookieNames(res); owes && names["__Host-login"] == 0 || !owes && (names[sidCookie] != 1 || names[rememberCookie] != 1) || names["theme"] != 1 {
					t.Errorf("%s %s, owes %v: cookies %v", name, path, owes, names)
				}
			}
		}
	}
	// Where the handler has logged out, that stays so.
	s := newSite(t, nil)
	v := s.remembered("ada").reopen()
	res := v.serve(s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogOut(w, r); err != nil {
			t.Error(err)
		}
	})), "POST", "/")
	for _, c := range res.Cookies() {
		if c.MaxAge >= 0 {
			t.Errorf("after the log-out: %s", c.Raw)
		}
	}
	// An ordinary request of a remembered browser is handed on with the writer it came with.
	v = s.remembered("ada")
	w := httptest.NewRecorder()
	s.m.Handler(http.HandlerFunc(func(inner http.ResponseWriter, _ *http.Request) {
		if inner != http.ResponseWriter(w) {
			t.Errorf("wrapped: %T", inner)
		}
	})).ServeHTTP(w, v.request("GET", "/", ""))
}

func cookieNames(res *http.Response) map[string]int {
	names := map[string]int{}
	for _, c := range res.Cookies() {
		names[c.Name]++
	}
	return names
}

// A login that falls into the middle of a revocation ends with it, and does not
// come back.
func TestHostileLoginInTheMiddleOfARevocation(t *testing.T) {
	s := newSite(t, nil)
	var v *visitor
	s.store.before["DeleteUserSessions"] = func() {
		delete(s.store.before, "DeleteUserSessions")
		v = s.remembered("ada")
	}
	if err := s.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if got := v.who(); got != "nobody" {
		t.Errorf("%s", got)
	}
}

// What is revoked while it is logged out, or confirmed, is revoked all the same.
func TestHostileRevocationMeetsOthers(t *testing.T) {
	t.Run("log-out", func(t *testing.T) {
		s := newSite(t, nil)
		v := s.remembered("ada")
		target := s.sessions("ada")[0]
		sibling := v.with(v.cookies[rememberCookie])
		sibling.get("/open")
		s.store.before["DeleteSession"] = func() {
			clear(s.store.before)
			if err := s.store.Store.DeleteSession(context.Background(), target.ID); err != nil {
				t.Error(err)
			}
		}
		if err := s.m.RevokeSession(t.Context(), "ada", target.Handle()); err != nil {
			t.Error(err)
		}
		if got := sibling.who(); got != "nobody" {
			t.Errorf("what hangs on the same browser: %s", got)
		}
	})
	for name, verb := range map[string]string{"remembered": "LoadCredential", "plain": "DeleteSession"} {
		t.Run("a confirmation, "+name, func(t *testing.T) {
			s := newSite(t, nil)
			v := s.browser().logIn("ada")
			if name == "remembered" {
				v = s.remembered("ada")
			}
			target := s.sessions("ada")[0]
			s.store.before[verb] = func() {
				clear(s.store.before)
				v.post("/auth/trust/confirm", "")
			}
			if err := s.m.RevokeSession(t.Context(), "ada", target.Handle()); err != nil {
				t.Error(err)
			}
			if got := v.who(); got != "nobody" {
				t.Errorf("%s", got)
			}
		})
	}
	t.Run("a client that goes away", func(t *testing.T) {
		s := newSite(t, nil)
		v := s.remembered("ada")
		ctx, cancel := context.WithCancel(t.Context())
		s.store.before["LoadCredential"] = cancel
		s.store.Store = ctxStore{s.store.Store}
		if err := s.m.RevokeSession(ctx, "ada", s.sessions("ada")[0].Handle()); err != nil {
			t.Error(err)
		}
		clear(s.store.before)
		if got := v.who(); got != "nobody" {
			t.Errorf("%s", got)
		}
	})
}

// ctxStore looks at its context, as a database does.
type ctxStore struct{ auth.Store }

func (s ctxStore) DeleteSession(ctx context.Context, id auth.SessionID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Store.DeleteSession(ctx, id)
}

// Whoever hammers on a browser's row does not keep its sessions alive.
func TestHostileRevocationWhileHammered(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada")
	busy := &hammered{Store: s.store.Store}
	s.store.Store = busy
	err := s.m.RevokeUserSessions(t.Context(), "ada")
	busy.stop = true
	if err == nil || len(s.sessions("ada")) != 0 {
		t.Errorf("%v, %d sessions", err, len(s.sessions("ada")))
	}
	if got := v.who(); got != "ada" { // which the error has said
		t.Logf("%s", got)
	}
	if err := s.m.RevokeUserSessions(t.Context(), "ada"); err != nil || len(s.families("ada")) != 0 {
		t.Errorf("again: %v", err)
	}
}

// hammered always has somebody else who was faster with a remembered browser.
type hammered struct {
	auth.Store
	stop bool
}

func (h *hammered) ChangeCredentials(ctx context.Context, changes ...auth.Change) error {
	if !h.stop && len(changes) == 1 && changes[0].Old != nil && changes[0].Old.Kind == "remember" {
		return auth.ErrConflict
	}
	return h.Store.ChangeCredentials(ctx, changes...)
}

// A factor on top does not spare the token from being used up, nor a copy from
// being found out.
func TestHostileCopyThatPassesTheFactor(t *testing.T) {
	s := newSite(t, withCode)
	v := s.remembered("ada").reopen()
	thief := v.with(v.cookies[rememberCookie])
	s.owe()
	pass := func(v *visitor) {
		v.reopen().get("/me")
		v.post("/auth/code", "code=000000")
	}
	if pass(v); v.who() != "ada" {
		t.Fatal("the owner")
	}
	s.clock.Advance(24 * time.Hour)
	if pass(thief); thief.who() != "nobody" || len(s.named("remember.reused")) != 1 {
		t.Errorf("the thief: %s, alarms %v", thief.who(), s.named("remember.reused"))
	}
	// And it is completed in the browser that is remembered, and no other.
	v = s.browser()
	v.post("/auth/trust?remember&user=ada", "")
	v.post("/auth/code", "code=000000")
	if got := v.who(); got != "ada" {
		t.Fatal(got)
	}
	v.reopen().get("/me")
	other := s.browser()
	other.cookies["__Host-login"] = v.cookies["__Host-login"]
	other.post("/auth/code", "code=000000")
	if got := other.who(); got != "nobody" {
		t.Errorf("another browser: %s", got)
	}
}

// A second factor does not lengthen for ever what stands in for the first.
func TestHostileRememberedForEver(t *testing.T) {
	s := newSite(t, withCode)
	v := s.remembered("ada")
	s.owe()
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.m.LogIn(w, r, "ada", auth.Proof{Method: "code", Kind: "code", Key: "ada", Generation: 1}, auth.Remember())
		if err != nil {
			t.Error(err)
		}
	}))
	for range 2 {
		s.clock.Advance(14 * 24 * time.Hour)
		v.reopen().get("/me")
		v.serve(h, "POST", "/code")
		if got := v.who(); got != "ada" {
			t.Fatal(got)
		}
	}
	s.clock.Advance(2 * 24 * time.Hour)
	v.reopen().get("/me")
	if v.cookies["__Host-login"] != "" || v.who() != "nobody" {
		t.Error("remembered beyond 30 days without a first factor")
	}
}

// Another site that has a credential of its own does not make this browser forget.
func TestHostileExemptedLogOut(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&keyLoader{}} })
	v := s.remembered("ada").reopen()
	r := v.request("POST", "/host/logout", "")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("X-Key", "bob")
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogOut(w, r); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	if len(s.families("ada")) != 1 {
		t.Error("ada's browser was forgotten")
	}
}

// Who is remembered and cannot be loaded still sees where to log in.
func TestHostileNoLoginPage(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada").reopen()
	s.accounts.fails(errDown)
	res := v.get("/auth/login")
	var p auth.Page
	decode(t, res, &p)
	if res.StatusCode != 503 || p.Name != "login" || len(p.Forms) == 0 || p.Problem == nil {
		t.Errorf("%s: %+v", res.Status, p)
	}
}
