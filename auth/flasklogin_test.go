package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// TestQuirks has a subtest for each behaviour of Flask-Login that surprises people
// and that no other test here is about. The numbers are those of
// docs/flask-login.md, which says what proves the others.
func TestQuirks(t *testing.T) {
	withKeys := func(o *auth.Options) { o.Loaders = []auth.RequestLoader{&keyLoader{}} }

	t.Run("R-2", func(t *testing.T) { // an inactive user is refused with an error, and nothing is touched
		s := newSite(t, nil)
		v := s.visitor().logIn("ada")
		s.accounts.change("bob", func(a *account) { a.disabled = true })
		var err error
		w := httptest.NewRecorder()
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err = s.m.LogIn(w, r, "bob", auth.Proof{Method: "trust"}, auth.Remember())
		})).ServeHTTP(w, v.request("POST", "/", ""))
		if !errors.Is(err, auth.ErrBadCredentials) || len(w.Header()["Set-Cookie"]) != 0 {
			t.Errorf("%v, %q", err, w.Header()["Set-Cookie"])
		}
		if got := v.who(); got != "ada" {
			t.Errorf("who was logged in before: %s", got)
		}
		if len(s.sessions("bob"))+len(s.families("bob")) != 0 {
			t.Error("something was made for bob")
		}
	})

	t.Run("R-3", func(t *testing.T) { // a disabled user is out at once, by every path, and back when enabled
		s := newSite(t, withKeys)
		session, remembered := s.visitor().logIn("ada"), s.remembered("ada").reopen()
		key := s.visitor("X-Key", "ada")
		s.accounts.change("ada", func(a *account) { a.disabled = true })
		for path, v := range map[string]*visitor{"session": session, "remembered": remembered, "request": key} {
			if got := v.get("/me").StatusCode; got == 200 {
				t.Errorf("%s: a disabled user gets %d", path, got)
			}
		}
		if got := session.reasonAt("/me"); got != "unauthenticated disabled" {
			t.Errorf("the reason is %s", got)
		}
		s.accounts.change("ada", func(a *account) { a.disabled = false })
		s.clock.Advance(time.Minute)
		for path, v := range map[string]*visitor{"session": session, "remembered": remembered, "request": key} {
			if got := v.who(); got != "ada" {
				t.Errorf("%s: an enabled user is %s", path, got)
			}
		}
	})

	t.Run("R-4", func(t *testing.T) { // freshness ends by itself
		s := newSite(t, nil)
		v := s.visitor().logIn("ada")
		s.clock.Advance(10 * time.Minute)
		if got := v.get("/fresh").StatusCode; got != 200 {
			t.Errorf("after 10 minutes: %d", got)
		}
		s.clock.Advance(time.Second)
		if got := v.reasonAt("/fresh"); got != "not_fresh not_fresh" {
			t.Errorf("and a second: %s", got)
		}
	})

	t.Run("R-8", func(t *testing.T) { // nothing is written for nobody
		s := newSite(t, func(o *auth.Options) {
			o.Binding.To = []func(*http.Request, netip.Addr) string{func(r *http.Request, _ netip.Addr) string { return r.UserAgent() }}
		})
		v := s.browser()
		for _, path := range []string{"/open", "/me", "/fresh", "/admin", "/auth/login", "/bare"} {
			if res := v.get(path); len(res.Header["Set-Cookie"]) != 0 {
				t.Errorf("%s sets %q", path, res.Header["Set-Cookie"])
			}
		}
		for verb, n := range s.store.calls {
			t.Errorf("%d calls of %s", n, verb)
		}
	})

	t.Run("R-12", func(t *testing.T) { // who is asking is found out once, also by many at once
		s := newSite(t, nil)
		v := s.visitor().logIn("ada")
		loads := 0
		m, err := auth.New(auth.UserFunc(func(ctx context.Context, id string) (*account, error) {
			loads++ // under the lock of the request
			time.Sleep(time.Millisecond)
			return s.accounts.byID(ctx, id)
		}), s.store, &auth.Options{Now: s.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		before := s.store.count("LoadSession")
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			start := make(chan bool)
			var wg sync.WaitGroup
			for range 16 {
				wg.Go(func() {
					<-start
					if a, ok := auth.UserFrom[*account](r.Context()); !ok || a.id != "ada" {
						t.Errorf("%v, %v", a, ok)
					}
				})
			}
			close(start)
			wg.Wait()
		})).ServeHTTP(httptest.NewRecorder(), v.request("GET", "/", ""))
		if n := s.store.count("LoadSession") - before; n != 1 || loads != 1 {
			t.Errorf("%d looks at the session and %d at the user, want one of each", n, loads)
		}
	})

	t.Run("R-13", func(t *testing.T) { // a session of a user who is gone is nobody's, and fresh nowhere
		s := newSite(t, nil)
		v := s.visitor().logIn("ada")
		delete(s.accounts.m, "ada")
		for _, path := range []string{"/me", "/fresh"} {
			if got := v.reasonAt(path); got != "unauthenticated revoked" {
				t.Errorf("%s: %s", path, got)
			}
		}
		// An outage of the host's users is another thing: the session is still there afterwards.
		s.accounts.m["ada"] = account{id: "ada"}
		s.accounts.fails(errDown)
		if got := v.get("/me").StatusCode; got != 503 {
			t.Errorf("outage: %d", got)
		}
		s.accounts.fails(nil)
		if got := v.who(); got != "ada" {
			t.Errorf("after the outage: %s", got)
		}
	})

	t.Run("R-14", func(t *testing.T) { // what remembers a user who is gone is not renewed
		s := newSite(t, nil)
		v := s.remembered("ada").reopen()
		delete(s.accounts.m, "ada")
		res := v.get("/open")
		if body(res) != "nobody" || len(res.Header["Set-Cookie"]) != 0 || len(s.sessions("ada")) != 1 { // that of the login
			t.Errorf("%q, %d sessions", res.Header["Set-Cookie"], len(s.sessions("ada")))
		}
	})

	t.Run("R-15", func(t *testing.T) { // no remember cookie, valid or not, gets in the way of what the request carries
		s := newSite(t, withKeys)
		valid := s.remembered("ada").cookies[rememberCookie]
		for _, cookie := range []string{"", "junk", strings.Repeat("A", 43) + "." + strings.Repeat("A", 43), valid} {
			v := s.browser().with(cookie)
			v.header.Set("X-Key", "bob")
			if got := v.who(); got != "bob" {
				t.Errorf("with %.10q: %s", cookie, got)
			}
		}
		if got := s.families("ada")[0].Version; got != 1 {
			t.Error("the token was used up")
		}
	})

	t.Run("R-16", func(t *testing.T) { // what the request carries beats the session, and a bad one is not helped by it
		s := newSite(t, withKeys)
		v := s.remembered("ada")
		for _, tt := range [][2]string{{"bob", "bob"}, {"wrong", "401 Unauthorized"}} {
			key, want := tt[0], tt[1]
			v.header.Set("X-Key", key)
			if got := v.who(); got != want {
				t.Errorf("with the key of %s: %s", key, got)
			}
			if got := v.reopen().who(); got != want {
				t.Errorf("with the key of %s and no session: %s", key, got)
			}
		}
		if got := v.reasonAt("/me"); got != "bad_credentials bad_credentials" {
			t.Errorf("a bad one: %s", got)
		}
	})

	t.Run("R-17", func(t *testing.T) { // one login's length says nothing of the next
		s := newSite(t, nil)
		v := s.browser()
		s.logInWith(v, "ada", auth.RememberFor(2*time.Hour))
		s.logInWith(v, "ada", auth.Remember())
		s.clock.Advance(29 * 24 * time.Hour)
		if got := v.reopen().who(); got != "ada" {
			t.Errorf("%s", got)
		}
	})

	t.Run("R-19", func(t *testing.T) { // a cookie that is merely there makes no login a remembered one
		s := newSite(t, func(o *auth.Options) { o.RememberMax = 60 * 24 * time.Hour })
		adas := s.remembered("ada").cookies[rememberCookie]
		for _, planted := range []string{"junk", adas, strings.Repeat("A", 43) + "." + strings.Repeat("A", 43)} {
			v := s.browser().with(planted)
			v.post("/auth/trust?user=bob", "")
			for range 3 {
				s.clock.Advance(time.Minute)
				v.get("/open")
			}
			if len(s.families("bob")) != 0 {
				t.Errorf("%.10q: bob is remembered", planted)
			}
			if got := v.reopen().who(); got != "nobody" {
				t.Errorf("%.10q: after the session: %s", planted, got)
			}
		}
	})

	t.Run("R-20", func(t *testing.T) { // the length that was asked for outlives the session
		s := newSite(t, func(o *auth.Options) { o.RememberMax = 60 * 24 * time.Hour })
		v := s.browser()
		s.logInWith(v, "ada", auth.RememberFor(3*24*time.Hour))
		s.clock.Advance(2 * 24 * time.Hour)
		res := v.reopen().get("/open")
		for _, c := range res.Cookies() {
			if want := map[string]int{rememberCookie: 3 * 24 * 60 * 60}[c.Name]; c.MaxAge != want {
				t.Errorf("%s, want Max-Age %d", c.Raw, want)
			}
		}
		if got := s.families("ada")[0].ExpiresAt; !got.Equal(t0.Add(5 * 24 * time.Hour)) {
			t.Errorf("it ends at %v", got)
		}
	})

	t.Run("R-21", func(t *testing.T) { // a log-out does not depend on what the host does with the response
		s := newSite(t, nil)
		v := s.remembered("ada")
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := s.m.LogOut(w, r); err != nil {
				t.Error(err)
			}
			w.Header().Del("Set-Cookie")
		})).ServeHTTP(httptest.NewRecorder(), v.request("POST", "/", ""))
		if got := v.who(); got != "nobody" {
			t.Errorf("%s", got)
		}
		if got := v.reopen().who(); got != "nobody" {
			t.Errorf("reopened: %s", got)
		}
	})

	t.Run("R-25", func(t *testing.T) { // IDs are strings everywhere, and one that is empty is nobody's
		seen := map[string]bool{}
		s := newSite(t, withKeys)
		m, err := auth.New(auth.UserFunc(func(ctx context.Context, id string) (*account, error) {
			seen[id] = true
			return &account{id: id}, nil
		}), memory.New(nil), &auth.Options{Now: s.clock.Now, Loaders: []auth.RequestLoader{&keyLoader{}}})
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]bool{"42": true, "佐藤": true, "None": true, "": false, "a\x00": false, strings.Repeat("a", 256): false} {
			m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				err = m.LogIn(w, r, id, auth.Proof{Method: "trust"}, auth.Remember())
			})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
			if (err == nil) != want {
				t.Errorf("%.10q: %v", id, err)
			}
		}
		if seen[""] {
			t.Error("the host was asked for the user without an ID")
		}
	})

	t.Run("R-26", func(t *testing.T) { // a copy of a token is dead after the log-out and after its end
		s := newSite(t, nil)
		v := s.remembered("ada")
		copied := v.cookies[rememberCookie]
		v.post("/auth/logout", "")
		if got := v.with(copied).who(); got != "nobody" {
			t.Errorf("after the log-out: %s", got)
		}
		v = s.remembered("ada")
		copied = v.cookies[rememberCookie]
		s.clock.Advance(30 * 24 * time.Hour) // and no browser that dropped it
		if got := v.with(copied).who(); got != "nobody" {
			t.Errorf("after its end: %s", got)
		}
	})

	t.Run("R-27", func(t *testing.T) { // only what can be asked for again is gone back to
		s := newSite(t, nil)
		for method, want := range map[string]string{"GET": "/auth/login?next=%2Fme%3Fa%3D1", "HEAD": "/auth/login?next=%2Fme%3Fa%3D1",
			"POST": "/auth/login", "PUT": "/auth/login", "DELETE": "/auth/login", "OPTIONS": "/auth/login"} {
			if got := s.browser().do(method, "/me?a=1", "").Header.Get("Location"); got != want {
				t.Errorf("%s: %q, want %q", method, got, want)
			}
		}
	})

	t.Run("R-28", func(t *testing.T) { // what the client calls the host goes nowhere
		s := newSite(t, nil)
		for _, path := range []string{"/me?tok=1", "/fresh"} {
			r := s.browser().request("GET", path, "")
			r.Host = "evil.test"
			r.Header.Set("X-Forwarded-Host", "evil.test")
			w := httptest.NewRecorder()
			s.h.ServeHTTP(w, r)
			if got := w.Header().Get("Location"); w.Code != 303 || strings.Contains(got, "evil") || !strings.HasPrefix(got, "/auth/") {
				t.Errorf("%s: %d to %q", path, w.Code, got)
			}
		}
	})

	t.Run("R-30", func(t *testing.T) { // there is no key to set, and no cookie for requests that carry their own credential
		s := newSite(t, withKeys)
		v := s.visitor("X-Key", "ada")
		for _, path := range []string{"/me", "/open", "/bare", "/auth/session"} {
			if res := v.get(path); res.StatusCode != 200 || len(res.Header["Set-Cookie"]) != 0 {
				t.Errorf("%s: %s, %q", path, res.Status, res.Header["Set-Cookie"])
			}
		}
	})

	t.Run("Q-4", func(t *testing.T) { // two kinds of users, with the same IDs, in one store and one browser
		store := memory.New(nil)
		customers := newSiteOn(t, store, nil)
		staff, err := auth.New(authtest.NewUsers("ada", "bob"), store, &auth.Options{Realm: "staff", Now: customers.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		who := staff.Handler(customers.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, m := range []*auth.Manager{customers.m, staff} {
				id, err := m.IdentityFrom(r.Context())
				if err != nil {
					fmt.Fprint(w, "nobody ")
					continue
				}
				fmt.Fprintf(w, "%T %s ", id.User, id.UserID)
			}
		})))
		v := customers.browser()
		login := func(m *auth.Manager, user string) {
			v.serve(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := m.LogIn(w, r, user, auth.Proof{Method: "trust"}, auth.Remember()); err != nil {
					t.Error(err)
				}
			})), "POST", "/")
		}
		login(customers.m, "ada")
		login(staff, "bob")
		const both = "*auth_test.account ada authtest.User bob "
		if got := body(v.serve(who, "GET", "/")); got != both {
			t.Errorf("%q", got)
		}
		delete(v.cookies, sidCookie)
		delete(v.cookies, sidCookie+"-staff")
		if got := body(v.serve(who, "GET", "/")); got != both {
			t.Errorf("remembered: %q", got)
		}
		if err := staff.RevokeUserSessions(t.Context(), "ada"); err != nil { // another ada
			t.Fatal(err)
		}
		v.serve(staff.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := staff.LogOut(w, r); err != nil {
				t.Error(err)
			}
		})), "POST", "/")
		if got := body(v.serve(who, "GET", "/")); got != "*auth_test.account ada nobody " {
			t.Errorf("after the log-out of one: %q", got)
		}
		for name, value := range v.cookies { // no cookie of one is of use to the other
			other := customers.browser()
			other.cookies[name+"-staff"] = value
			if got := body(other.serve(who, "GET", "/")); got != "nobody nobody " {
				t.Errorf("%s as that of the staff: %q", name, got)
			}
		}
	})

	t.Run("W2", func(t *testing.T) { // a log-out is one for every copy of the session's cookie
		s := newSite(t, nil)
		v := s.visitor().logIn("ada")
		copied := v.cookies[sidCookie]
		v.post("/auth/logout", "")
		v.cookies[sidCookie] = copied
		if got := v.who(); got != "nobody" {
			t.Errorf("%s", got)
		}
	})

	t.Run("W13", func(t *testing.T) { // nobody cannot be confirmed, and no proof of yesterday confirms
		s := newSite(t, withKeys)
		for name, v := range map[string]*visitor{"nobody": s.visitor(), "a key": s.visitor("X-Key", "ada"), "a dead session": s.browser().with("x")} {
			w := httptest.NewRecorder()
			s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := s.m.Reauthenticate(w, r, auth.Proof{Method: "trust"}); !errors.Is(err, auth.ErrNoCredentials) {
					t.Errorf("%s: %v", name, err)
				}
			})).ServeHTTP(w, v.request("POST", "/", ""))
			if len(w.Header()["Set-Cookie"]) != 0 {
				t.Errorf("%s: %q", name, w.Header()["Set-Cookie"])
			}
		}
		v := s.visitor().logIn("ada")
		for _, age := range []time.Duration{time.Minute + time.Second, -time.Minute - time.Second, 24 * time.Hour} {
			s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				err := s.m.Reauthenticate(w, r, auth.Proof{Method: "trust", At: s.clock.Now().Add(-age)})
				if !errors.Is(err, auth.ErrInvalid) {
					t.Errorf("a proof %v old: %v", age, err)
				}
			})).ServeHTTP(httptest.NewRecorder(), v.request("POST", "/", ""))
		}
	})

	t.Run("W15", func(t *testing.T) { // no handler runs for nobody, whatever the method
		s := newSite(t, nil)
		ran := false
		guards := map[string]func(http.Handler) http.Handler{"RequireUser": s.m.RequireUser, "RequireFresh": s.m.RequireFresh(time.Hour), "Require": s.m.Require("x")}
		for name, guard := range guards {
			h := s.m.Handler(guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true })))
			for _, method := range []string{"OPTIONS", "HEAD", "TRACE", "PROPFIND", "options"} {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, s.visitor().request(method, "/", ""))
				if ran || w.Code != 401 {
					t.Errorf("%s, %s: %d, the handler ran: %v", name, method, w.Code, ran)
				}
			}
			// A preflight is answered, says nothing, and runs nothing either: not for a user, too.
			for _, v := range []*visitor{s.visitor(), s.visitor().logIn("ada")} {
				r := v.request("OPTIONS", "/", "")
				r.Header.Set("Origin", "https://other.example")
				r.Header.Set("Access-Control-Request-Method", "PUT")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if ran || w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s, preflight: %d, %v, the handler ran: %v", name, w.Code, w.Header(), ran)
				}
			}
		}
	})

	t.Run("W17", func(t *testing.T) { // nobody is logged out by a link or an image
		s := newSite(t, nil)
		v := s.visitor().logIn("ada")
		if res := v.get("/auth/logout"); res.StatusCode != 405 || res.Header.Get("Allow") != "POST" {
			t.Errorf("%s, Allow %q", res.Status, res.Header.Get("Allow"))
		}
		if got := v.who(); got != "ada" {
			t.Errorf("%s", got)
		}
	})
}
