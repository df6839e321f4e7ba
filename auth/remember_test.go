package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const (
	sidCookie      = "__Host-sid"
	rememberCookie = "__Host-remember"
)

// remembered is a browser in which the user asked to be remembered.
func (s *site) remembered(user string) *visitor {
	s.t.Helper()
	v := s.browser()
	if res := v.post("/auth/trust?remember&user="+user, ""); res.StatusCode != 303 || v.cookies[rememberCookie] == "" {
		s.t.Fatalf("logging in %s: %s, %q", user, res.Status, res.Header["Set-Cookie"])
	}
	return v
}

// reopen is the browser after it was closed: without session.
func (v *visitor) reopen() *visitor {
	delete(v.cookies, sidCookie)
	return v
}

// with is another browser with a copy of the remember cookie.
func (v *visitor) with(remember string) *visitor {
	c := v.s.browser()
	c.cookies[rememberCookie] = remember
	return c
}

func (s *site) families(user string) []auth.Credential {
	s.t.Helper()
	held, err := s.store.UserCredentials(context.Background(), user, "remember")
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(held, func(c auth.Credential) bool { return strings.Contains(string(c.Data), `"done":true`) })
}

func (s *site) sessions(user string) []*auth.Session {
	s.t.Helper()
	live, err := s.store.UserSessions(context.Background(), user)
	if err != nil {
		s.t.Fatal(err)
	}
	return live
}

// reasonAt is why a program is refused at path.
func (v *visitor) reasonAt(path string) string {
	v.s.t.Helper()
	accept := v.header.Get("Accept")
	v.header.Set("Accept", "application/json")
	defer v.header.Set("Accept", accept)
	res := v.get(path)
	var p struct{ Code, Reason string }
	if err := json.Unmarshal([]byte(body(res)), &p); err != nil {
		return res.Status
	}
	return p.Code + " " + p.Reason
}

func TestRememberRestores(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		v := s.remembered("ada")
		first, sid := v.cookies[rememberCookie], v.cookies[sidCookie]
		if got := v.get("/fresh").StatusCode; got != 200 {
			t.Errorf("the login itself is not fresh: %d", got)
		}
		for range 3 { // each time the browser is opened
			old := v.cookies[rememberCookie]
			s.clock.Advance(2 * time.Hour)
			if got := v.reopen().who(); got != "ada" {
				t.Fatalf("restored: %s", got)
			}
			if v.cookies[rememberCookie] == old || v.cookies[sidCookie] == "" || v.cookies[sidCookie] == sid {
				t.Error("the cookies are the old ones")
			}
			if got := v.reasonAt("/fresh"); got != "not_fresh not_fresh" {
				t.Errorf("a restored login where a fresh one is required: %s", got)
			}
		}
		// A dead session cookie is no hindrance: sessions end before the browser.
		s.clock.Advance(2 * time.Hour)
		if got := v.who(); got != "ada" {
			t.Errorf("with the cookie of an ended session: %s", got)
		}
		if n := len(s.named("remembered")); n != 4 {
			t.Errorf("%d events, want 4", n)
		}
		if got := v.post("/auth/trust/confirm", "").StatusCode; got != 303 {
			t.Fatalf("confirming: %d", got)
		}
		if got := v.get("/fresh").StatusCode; got != 200 {
			t.Errorf("after confirming: %d", got)
		}
		live := s.sessions("ada")
		if id := (auth.Identity{Proofs: live[0].Proofs}); !id.Remembered() {
			t.Error("the confirmed login is remembered no more")
		}
		if got := s.browser().with(first).who(); got != "nobody" {
			t.Errorf("the first token: %s", got)
		}
	})
}

// The proof of a session says that it was restored, and never counts as fresh.
func TestRestoredIsNeverFresh(t *testing.T) {
	s := newSite(t, nil)
	s.remembered("ada").reopen().who()
	sess := s.sessions("ada")[0]
	id := auth.Identity{Session: sess, Proofs: sess.Proofs}
	if len(id.Proofs) != 1 || id.Proofs[0].Method != "remember" || !id.Remembered() {
		t.Errorf("%+v", id.Proofs)
	}
	if id.Fresh(s.clock.Now(), 1000*time.Hour) {
		t.Error("fresh")
	}
}

// Six tabs are opened at once, with one token and no session.
func TestRememberSixTabs(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		v := s.remembered("ada").reopen()
		const tabs = 6
		var all [tabs]*visitor
		var wg sync.WaitGroup
		for i := range all {
			all[i] = v.with(v.cookies[rememberCookie])
			wg.Go(func() {
				if got := all[i].who(); got != "ada" {
					t.Errorf("tab %d: %s", i, got)
				}
			})
		}
		wg.Wait()
		if n := len(s.families("ada")); n != 1 {
			t.Fatalf("%d families", n)
		}
		if n := len(s.named("remember.reused")); n != 0 {
			t.Errorf("%d false alarms", n)
		}
		tokens := map[string]bool{}
		for _, tab := range all {
			tokens[tab.cookies[rememberCookie]] = true
		}
		if len(tokens) != tabs {
			t.Errorf("%d different successors", len(tokens))
		}
		// The browser has kept one of them; which, nobody knows.
		s.clock.Advance(2 * time.Hour)
		kept := all[3].reopen()
		if got := kept.who(); got != "ada" {
			t.Errorf("the one that was kept: %s", got)
		}
		if got := kept.reopen().who(); got != "ada" {
			t.Errorf("and its successor: %s", got)
		}
		// Another one is a copy.
		if got := all[1].reopen().reasonAt("/me"); got != "unauthenticated reused" {
			t.Errorf("a dead sibling: %s", got)
		}
		if n := len(s.families("ada")) + len(s.sessions("ada")); n != 0 {
			t.Errorf("%d things are left of the family", n)
		}
	})
}

// The answer with the successor was lost: the browser sends the old one again.
func TestRememberLostResponse(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada").reopen()
	old := v.cookies[rememberCookie]
	v.get("/open") // its answer is lost
	s.clock.Advance(59 * time.Second)
	again := v.with(old)
	if got := again.who(); got != "ada" {
		t.Fatalf("within the overlap: %s", got)
	}
	if len(s.named("remember.reused")) != 0 {
		t.Error("a false alarm")
	}
	s.clock.Advance(2 * time.Hour)
	if got := again.reopen().who(); got != "ada" {
		t.Errorf("the second successor: %s", got)
	}
}

// A token that comes back after the overlap was copied: nobody knows by whom.
func TestRememberTheft(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		other := s.remembered("ada") // a second browser of hers
		v := s.remembered("ada")
		stolen := v.cookies[rememberCookie]
		login := v.cookies[sidCookie]
		v.reopen().get("/open")
		s.clock.Advance(time.Minute) // and no more than the overlap
		thief := v.with(stolen)
		if got := thief.reasonAt("/me"); got != "unauthenticated reused" {
			t.Errorf("the thief: %s", got)
		}
		if e := s.named("remember.reused"); len(e) != 1 || e[0].UserID != "ada" || e[0].Method != "remember" || e[0].Label == "" {
			t.Errorf("events %+v", e)
		}
		if got := v.who(); got != "nobody" {
			t.Errorf("the session that was restored lives: %s", got)
		}
		before := s.store.total()
		for range 2 { // the owner, who comes second, is told as well, and it costs no more than to look
			if got := v.reopen().reasonAt("/me"); got != "unauthenticated reused" {
				t.Errorf("the successor: %s", got)
			}
		}
		if n := s.store.total() - before; n != 2 {
			t.Errorf("%d store calls to say so twice", n)
		}
		v.cookies[sidCookie] = login
		if got := v.who(); got != "nobody" {
			t.Errorf("the session that began the family lives: %s", got)
		}
		if got := other.who(); got != "ada" {
			t.Errorf("another browser: %s", got)
		}
		if got := other.reopen().who(); got != "ada" {
			t.Errorf("another browser, reopened: %s", got)
		}
		if e := s.named("remember.reused"); len(e) != 1 {
			t.Errorf("%d alarms", len(e))
		}
		v.post("/auth/trust?user=ada", "")
		if got := v.reopen().reasonAt("/me"); got != "unauthenticated none" {
			t.Errorf("after the next login: %s", got)
		}
	})
}

// Whoever steals a token and uses it first is found out by the owner.
func TestRememberTheftBeforeUse(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada").reopen()
	thief := v.with(v.cookies[rememberCookie])
	if got := thief.who(); got != "ada" {
		t.Fatalf("the thief: %s", got)
	}
	if got := v.who(); got != "ada" { // within the overlap
		t.Fatalf("the owner: %s", got)
	}
	if got := v.reopen().who(); got != "ada" { // the owner's successor is used first
		t.Fatalf("the owner again: %s", got)
	}
	if got := thief.reopen().who(); got != "nobody" {
		t.Errorf("the thief again: %s", got)
	}
	if len(s.named("remember.reused")) != 1 {
		t.Error("nobody was told")
	}
}

func TestRememberEnds(t *testing.T) {
	const day = 24 * time.Hour
	long := func(o *auth.Options) { o.RememberLifetime, o.RememberMax = 10*day, 25*day }
	t.Run("at its end, however often it is used", func(t *testing.T) {
		s := newSite(t, nil)
		v := s.remembered("ada")
		for range 29 {
			s.clock.Advance(day)
			if got := v.reopen().who(); got != "ada" {
				t.Fatalf("after %v: %s", s.clock.Now().Sub(t0), got)
			}
		}
		ends := s.sessions("ada")[0].EndsAt
		s.clock.Advance(day - time.Second)
		if got := v.reopen().who(); got != "ada" {
			t.Fatalf("a second before: %s", got)
		}
		if got := s.sessions("ada")[0].EndsAt; !got.Equal(t0.Add(30 * day)) {
			t.Errorf("the session ends at %v, after what remembers it (before: %v)", got, ends)
		}
		s.clock.Advance(time.Second)
		if got := v.who(); got != "nobody" {
			t.Errorf("with its session, after the end: %s", got)
		}
		if got := v.reopen().reasonAt("/me"); got != "unauthenticated expired" {
			t.Errorf("after the end: %s", got)
		}
	})
	t.Run("sliding, up to its maximum", func(t *testing.T) {
		s := newSite(t, long)
		v := s.remembered("ada")
		for _, at := range []time.Duration{9, 18, 24} {
			s.clock.Advance(t0.Add(at * day).Sub(s.clock.Now()))
			if got := v.reopen().who(); got != "ada" {
				t.Fatalf("at day %d: %s", at, got)
			}
		}
		if got := s.families("ada")[0].ExpiresAt; !got.Equal(t0.Add(25 * day)) {
			t.Errorf("it ends at %v", got)
		}
		s.clock.Advance(day)
		if got := v.reopen().who(); got != "nobody" {
			t.Errorf("after the maximum: %s", got)
		}
	})
	t.Run("sliding, and not used", func(t *testing.T) {
		s := newSite(t, long)
		v := s.remembered("ada").reopen()
		s.clock.Advance(10 * day)
		if got := v.who(); got != "nobody" {
			t.Errorf("%s", got)
		}
	})
	t.Run("sliding once a day", func(t *testing.T) {
		s := newSite(t, long)
		v := s.remembered("ada")
		s.clock.Advance(day - time.Second)
		v.reopen().get("/open")
		if got := s.families("ada")[0].ExpiresAt; !got.Equal(t0.Add(10 * day)) {
			t.Errorf("moved to %v within the first day", got)
		}
		s.clock.Advance(time.Second)
		res := v.reopen().get("/open")
		moved := s.families("ada")[0].ExpiresAt
		if !moved.Equal(t0.Add(11 * day)) {
			t.Errorf("moved to %v", moved)
		}
		if !strings.Contains(strings.Join(res.Header["Set-Cookie"], "\n")+"\n", "Max-Age=864000\n") {
			t.Errorf("the browser was told %q", res.Header["Set-Cookie"])
		}
		s.clock.Advance(23 * time.Hour)
		v.reopen().get("/open")
		if got := s.families("ada")[0].ExpiresAt; !got.Equal(moved) {
			t.Errorf("moved again, to %v", got)
		}
	})
	t.Run("by the policy that it was issued with", func(t *testing.T) {
		store := memory.New(nil)
		s := newSiteOn(t, store, nil)
		v := s.remembered("ada")
		after := newSiteOn(t, store, long)
		v.s = after
		after.clock.Advance(29 * day)
		if got := v.reopen().who(); got != "ada" {
			t.Errorf("a shorter lifetime was applied afterwards: %s", got)
		}
		after.clock.Advance(day)
		if got := v.reopen().who(); got != "nobody" {
			t.Errorf("sliding was applied afterwards: %s", got)
		}
	})
	t.Run("RememberFor", func(t *testing.T) {
		s := newSite(t, nil)
		for d, want := range map[time.Duration]string{2 * time.Hour: "nobody", 4 * time.Hour: "ada"} {
			v := s.browser()
			s.logInWith(v, "ada", auth.RememberFor(d))
			s.clock.Advance(3 * time.Hour)
			if got := v.reopen().who(); got != want {
				t.Errorf("RememberFor(%v) after 3 hours: %s, want %s", d, got, want)
			}
		}
	})
}

// logInWith logs the user in with options of the test's choice.
func (s *site) logInWith(v *visitor, user string, opts ...auth.LoginOption) {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogIn(w, r, user, auth.Proof{Method: "trust"}, opts...); err != nil {
			s.t.Errorf("logging in: %v", err)
		}
	})).ServeHTTP(w, v.request("POST", "/", ""))
	for _, c := range w.Result().Cookies() {
		v.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
}

func TestRememberForIsChecked(t *testing.T) {
	s := newSite(t, nil)
	for _, d := range []time.Duration{-1, time.Millisecond, 401 * 24 * time.Hour} {
		var err error
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err = s.m.LogIn(w, r, "ada", auth.Proof{Method: "trust"}, auth.RememberFor(d))
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
		if !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%v: %v", d, err)
		}
	}
	if n := len(s.sessions("ada")); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// What ends a user's logins ends what remembers them.
func TestWhatForgets(t *testing.T) {
	for _, tt := range []struct {
		name   string
		do     func(s *site, v *visitor)
		reason string
	}{
		{"log-out", func(s *site, v *visitor) { v.post("/auth/logout", "") }, "revoked"},
		{"log-out after the session has ended", func(s *site, v *visitor) { v.reopen().post("/auth/logout", "") }, "revoked"},
		{"log-out everywhere", func(s *site, v *visitor) {
			if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
				s.t.Error(err)
			}
		}, "revoked"},
		{"its session is revoked", func(s *site, v *visitor) {
			if err := s.m.RevokeSession(context.Background(), "ada", s.sessions("ada")[0].Handle()); err != nil {
				s.t.Error(err)
			}
		}, "revoked"},
		{"the password is changed", func(s *site, v *visitor) {
			if err := s.m.ChangeCredentials(context.Background(), "ada", auth.Change{New: &auth.Credential{Kind: "key", Key: "k", UserID: "ada"}}); err != nil {
				s.t.Error(err)
			}
		}, "revoked"},
		{"the user is changed", func(s *site, v *visitor) { s.accounts.change("ada", func(a *account) { a.version = "2" }) }, "changed"},
		{"the user is disabled", func(s *site, v *visitor) { s.accounts.change("ada", func(a *account) { a.disabled = true }) }, "disabled"},
		{"the user is gone", func(s *site, v *visitor) {
			s.accounts.mu.Lock()
			defer s.accounts.mu.Unlock()
			delete(s.accounts.m, "ada")
		}, "revoked"},
		{"a new epoch", func(s *site, v *visitor) {
			*s = *newSiteOn(s.t, s.store.Store, func(o *auth.Options) { o.Epoch = "2" })
		}, "revoked"},
		{"another realm", func(s *site, v *visitor) {
			*s = *newSiteOn(s.t, s.store.Store, func(o *auth.Options) { o.Realm = "r" })
			for name, value := range v.cookies {
				v.cookies[name+"-r"] = value
			}
		}, "revoked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, store auth.Store) {
				s := newSiteOn(t, store, nil)
				v := s.remembered("ada")
				copied := map[string]string{}
				for name, value := range v.cookies {
					copied[name] = value
				}
				tt.do(s, v)
				for name, value := range copied { // whoever has copied the cookies has nothing
					v.cookies[name] = value
				}
				v.s = s
				bare := s.browser()
				for name, value := range v.cookies {
					if !strings.HasPrefix(name, sidCookie) {
						bare.cookies[name] = value
					}
				}
				if got := bare.reasonAt("/me"); got != "unauthenticated "+tt.reason {
					t.Errorf("without its session: %s, want %s", got, tt.reason)
				}
				if got := v.who(); got != "nobody" {
					t.Errorf("with its session: %s", got)
				}
			})
		})
	}
}

// A log-out tells the browser to forget, in the same words as it was told.
func TestLogoutDeletesRememberCookie(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada")
	v.post("/auth/logout", "")
	if len(v.cookies) != 0 {
		t.Errorf("left: %v", v.cookies)
	}
	// It is told of, as any other, also if there is no session.
	s.remembered("ada").reopen().post("/auth/logout", "")
	if e := s.named("logout"); len(e) != 2 || e[0].UserID != "ada" || e[1].UserID != "ada" {
		t.Errorf("log-outs %+v, want two of ada", e)
	}
	// Logged in and out again within one request, nothing is left at all.
	w := httptest.NewRecorder()
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogIn(w, r, "ada", auth.Proof{Method: "trust"}, auth.Remember()); err != nil {
			t.Error(err)
		}
		if err := s.m.LogOut(w, r); err != nil {
			t.Error(err)
		}
		if _, err := s.m.IdentityFrom(r.Context()); !errors.Is(err, auth.ErrNoCredentials) {
			t.Errorf("who is asking: %v", err)
		}
	})).ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	for _, c := range w.Result().Cookies() {
		if c.MaxAge >= 0 {
			t.Errorf("%s", c.Raw)
		}
	}
	if n := len(s.families("ada")) + len(s.sessions("ada")); n != 0 {
		t.Errorf("%d things are left", n)
	}
}

// Who logs in where somebody else is remembered takes their place for good.
func TestRememberOfAnother(t *testing.T) {
	for _, remember := range []string{"", "&remember"} {
		s := newSite(t, nil)
		v := s.remembered("ada")
		adas := v.cookies[rememberCookie]
		v.post("/auth/trust?user=bob"+remember, "")
		if got := v.who(); got != "bob" {
			t.Fatalf("%q: %s", remember, got)
		}
		want := "nobody"
		if remember != "" {
			want = "bob"
		}
		if got := v.reopen().who(); got != want {
			t.Errorf("%q: after the session: %s, want %s", remember, got, want)
		}
		if got := v.with(adas).who(); got != "nobody" {
			t.Errorf("%q: the cookie of before: %s", remember, got)
		}
		if len(s.sessions("ada")) != 0 || len(s.families("ada")) != 0 {
			t.Errorf("%q: something of ada's is left", remember)
		}
		if e := s.named("user.switched"); len(e) != 1 || e[0].UserID != "bob" || !strings.Contains(e[0].Reason, "ada") {
			t.Errorf("%q: events %+v", remember, e)
		}
		if e := s.named("logout"); len(e) != 1 || e[0].UserID != "ada" {
			t.Errorf("%q: log-outs %+v", remember, e)
		}
	}
	// The same for the same user: not asking to be remembered means that.
	s := newSite(t, nil)
	v := s.remembered("ada")
	v.post("/auth/trust?user=ada", "")
	if got := v.reopen().who(); got != "nobody" {
		t.Errorf("logged in again, not to be remembered: %s", got)
	}
}

// What ends one browser leaves the others.
func TestRememberOfOtherBrowsers(t *testing.T) {
	s := newSite(t, nil)
	one, two := s.remembered("ada"), s.remembered("ada")
	if one.cookies[rememberCookie] == two.cookies[rememberCookie] {
		t.Fatal("both have the same token")
	}
	one.post("/auth/logout", "")
	if got := two.reopen().who(); got != "ada" {
		t.Errorf("the other one: %s", got)
	}
	// "Everywhere else" keeps this one, and what remembers it.
	three := s.remembered("ada")
	if res := three.post("/auth/sessions/revoke", "all=others"); res.StatusCode != 303 {
		t.Fatal(res.Status)
	}
	if got := two.reopen().who(); got != "nobody" {
		t.Errorf("logged out elsewhere: %s", got)
	}
	if got := three.reopen().who(); got != "ada" {
		t.Errorf("this one: %s", got)
	}
}

// While it cannot be said who is asking, nothing is used up and nobody is anybody.
func TestRememberOutage(t *testing.T) {
	for _, verb := range []string{"LoadCredential", "ChangeCredentials", "CreateSession"} {
		t.Run(verb, func(t *testing.T) {
			s := newSite(t, nil)
			v := s.remembered("ada").reopen()
			s.store.fails(verb, errDown)
			if got := v.who(); got != "503 Service Unavailable" {
				t.Errorf("%s", got)
			}
			if !strings.Contains(s.log.String(), errDown.Error()) {
				t.Error("the log does not say so")
			}
			s.store.fails(verb, nil)
			s.clock.Advance(2 * time.Hour)
			if got := v.who(); got != "ada" {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
	t.Run("users", func(t *testing.T) {
		s := newSite(t, nil)
		v := s.remembered("ada").reopen()
		before := v.cookies[rememberCookie]
		s.accounts.fails(errDown)
		if got := v.who(); got != "503 Service Unavailable" || v.cookies[rememberCookie] != before {
			t.Errorf("%s", got)
		}
		s.accounts.fails(nil)
		s.clock.Advance(2 * time.Hour)
		if got := v.who(); got != "ada" {
			t.Errorf("afterwards: %s", got)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		s := newSite(t, nil)
		v := s.remembered("ada").reopen()
		c := s.families("ada")[0]
		bad := c
		bad.Data = []byte(`{"v":2}`)
		if err := s.store.ChangeCredentials(t.Context(), auth.Change{Old: &c, New: &bad}); err != nil {
			t.Fatal(err)
		}
		if got := v.who(); got != "nobody" {
			t.Errorf("%s", got)
		}
		if !strings.Contains(s.log.String(), "cannot be read") {
			t.Error("the log does not say so")
		}
	})
}

// Requests that do not get the successor do not use the token up.
func TestRememberIsNotUsedUp(t *testing.T) {
	type change func(r *http.Request)
	pass := func(w http.ResponseWriter) http.ResponseWriter { return w }
	for _, tt := range []struct {
		name   string
		change change
		w      func(http.ResponseWriter) http.ResponseWriter
		status int
	}{
		{"an upgrade", func(r *http.Request) { r.Header.Set("Connection", "Upgrade"); r.Header.Set("Upgrade", "websocket") }, pass, 200},
		{"written already", nil, func(w http.ResponseWriter) http.ResponseWriter { return outer{writtenWriter{w, true}} }, 200},
		{"from another site", func(r *http.Request) { r.Method = "POST"; r.Header.Set("Sec-Fetch-Site", "cross-site") }, pass, 403},
		{"a half-done login", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "__Host-login", Value: "x"}) }, pass, 200},
		{"two cookies of the name", func(r *http.Request) { r.AddCookie(&http.Cookie{Name: rememberCookie, Value: "x"}) }, pass, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, nil)
			v := s.remembered("ada").reopen()
			r := v.request("GET", "/open", "")
			if tt.change != nil {
				tt.change(r)
			}
			w := httptest.NewRecorder()
			before := s.families("ada")[0].Version
			s.h.ServeHTTP(tt.w(w), r)
			if w.Code != tt.status || w.Code == 200 && w.Body.String() != "nobody" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if c := w.Header()["Set-Cookie"]; len(c) != 0 {
				t.Errorf("cookies %q", c)
			}
			if got := s.families("ada")[0].Version; got != before {
				t.Error("the token was used")
			}
			s.clock.Advance(2 * time.Hour)
			if got := v.who(); got != "ada" {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
	t.Run("not yet written", func(t *testing.T) {
		s := newSite(t, nil)
		v := s.remembered("ada").reopen()
		w := httptest.NewRecorder()
		s.h.ServeHTTP(outer{writtenWriter{w, false}}, v.request("GET", "/open", ""))
		if w.Body.String() != "ada" {
			t.Error(w.Body)
		}
	})
}

// writtenWriter knows whether the header is written, and outer wraps it.
type writtenWriter struct {
	http.ResponseWriter
	written bool
}

func (w writtenWriter) Written() bool { return w.written }

type outer struct{ inner http.ResponseWriter }

func (w outer) Header() http.Header         { return w.inner.Header() }
func (w outer) Write(b []byte) (int, error) { return w.inner.Write(b) }
func (w outer) WriteHeader(status int)      { w.inner.WriteHeader(status) }
func (w outer) Unwrap() http.ResponseWriter { return w.inner }

// It is known who is asking before the handler runs, whatever the handler does
// first, and a page that was made for nobody is not kept for somebody.
func TestRestoredBeforeTheHandler(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada").reopen()
	w := httptest.NewRecorder()
	s.m.Handler(s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // even twice
		w.WriteHeader(http.StatusAccepted)
		u, _ := auth.UserFrom[*account](r.Context())
		fmt.Fprint(w, u.AuthID())
	}))).ServeHTTP(w, v.request("GET", "/", ""))
	res := w.Result()
	if body(res) != "ada" || len(res.Cookies()) != 2 {
		t.Errorf("%d, %q", w.Code, res.Header)
	}
	if res.Header.Get("Cache-Control") != "no-store" || !slices.Contains(res.Header["Vary"], "Cookie") {
		t.Errorf("%q", res.Header)
	}
	if n := len(s.sessions("ada")); n != 2 { // that of the login, and one
		t.Errorf("%d sessions", n)
	}
}

// Hostile cookies are no more than none.
func TestRememberHostileCookies(t *testing.T) {
	s := newSite(t, nil)
	ada, bob := s.remembered("ada"), s.remembered("bob")
	a, b := ada.cookies[rememberCookie], bob.cookies[rememberCookie]
	aSelector, aVerifier, _ := strings.Cut(a, ".")
	bSelector, _, _ := strings.Cut(b, ".")
	before := s.store.total()
	for _, value := range []string{
		"", ".", "junk", aSelector, aSelector + ".", "." + aVerifier, aSelector + aVerifier, a + ".", a + "A", a[1:],
		aSelector + "|" + aVerifier, strings.Repeat("A", 20_000), "ada|0e9e6e98", "\"" + a + "\"", aSelector + "." + aVerifier[:42] + "\u00e9", aSelector + "." + aVerifier[:42] + "=",
		aSelector + "." + aVerifier[:42] + "B", // bits that no encoder leaves
	} {
		r := s.browser().request("GET", "/open", "")
		r.Header["Cookie"] = []string{rememberCookie + "=" + value}
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		if w.Code != 200 || w.Body.String() != "nobody" || len(w.Header()["Set-Cookie"]) != 0 {
			t.Errorf("%.100q: %d %s %q", value, w.Code, w.Body, w.Header()["Set-Cookie"])
		}
	}
	if n := s.store.total() - before; n != 0 {
		t.Errorf("%d store calls for what cannot be a token", n)
	}
	// The parts of two do not make one, and whoever sends that has seen both.
	if got := s.browser().with(bSelector + "." + aVerifier).who(); got != "nobody" {
		t.Errorf("bob's selector with ada's verifier: %s", got)
	}
	if len(s.families("bob")) != 0 || len(s.families("ada")) != 1 {
		t.Error("the family whose selector is known is not ended, or another is")
	}
	// Other secrets in its place.
	if got := s.browser().with(ada.cookies[sidCookie] + "." + ada.cookies[sidCookie]).who(); got != "nobody" {
		t.Errorf("the session's token: %s", got)
	}
	v := s.visitor()
	v.cookies[sidCookie] = aSelector
	if got := v.who(); got != "nobody" {
		t.Errorf("the selector as a session: %s", got)
	}
}

// What the store has of a remembered browser is of no use.
func TestRememberAtRest(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada")
	v.reopen().get("/open")
	selector, verifier, _ := strings.Cut(v.cookies[rememberCookie], ".")
	c := s.families("ada")[0]
	dump := fmt.Sprintf("%+v %s %+v %s", c, c.Data, s.sessions("ada")[0], s.log)
	for _, secret := range []string{selector, verifier, v.cookies[sidCookie]} {
		if strings.Contains(dump, secret) {
			t.Errorf("%q is in %s", secret, dump)
		}
	}
	for _, at := range []string{c.Key + "." + c.Key, c.Key + "." + between(string(c.Data), `"live":["`, `"`)} {
		if got := s.browser().with(at).who(); got != "nobody" {
			t.Errorf("what is stored, sent as a token: %s", got)
		}
	}
}

func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, _ = strings.Cut(s, after)
	return s
}

// The gate decides about a remembered browser as about everybody.
func TestRememberAtTheGate(t *testing.T) {
	refuse := false
	s := newSite(t, func(o *auth.Options) {
		o.BeforeLogIn = func(_ context.Context, u auth.User, proofs []auth.Proof) error {
			if refuse {
				return &auth.Problem{Status: 403, Code: "closed"}
			}
			return nil
		}
	})
	v := s.remembered("ada").reopen()
	refuse = true
	before := v.cookies[rememberCookie]
	if got := v.who(); got != "nobody" || v.cookies[rememberCookie] != before {
		t.Errorf("refused by the host: %s", got)
	}
	refuse = false
	s.clock.Advance(time.Hour)
	if got := v.who(); got != "ada" {
		t.Errorf("and then not: %s", got)
	}
}

// A second factor is owed by who is remembered as well: what remembers them stands
// in for the first only.
func TestRememberedOwesFactor(t *testing.T) {
	factor := &authtest.Factor{}
	s := newSite(t, func(o *auth.Options) { o.Providers = append(o.Providers, factor) })
	v := s.remembered("ada").reopen()
	code := authtest.CodeCredential("ada")
	if err := s.store.ChangeCredentials(t.Context(), auth.Change{New: &code}); err != nil {
		t.Fatal(err)
	}
	if res := v.get("/me"); res.StatusCode != 303 || res.Header.Get("Location") != "/auth/code?next=%2Fme" {
		t.Fatalf("without the factor: %s, %s", res.Status, res.Header.Get("Location"))
	}
	if v.cookies["__Host-login"] == "" {
		t.Fatal("the login is not half done")
	}
	if n := len(s.sessions("ada")); n != 1 { // that of before
		t.Errorf("%d sessions", n)
	}
	before := s.store.total()
	if got := v.who(); got != "nobody" || s.store.total() != before {
		t.Errorf("asked again at once: %s, %d store calls", got, s.store.total()-before)
	}
	if res := v.get("/me?again"); res.StatusCode != 303 || res.Header.Get("Location") != "/auth/code?next=%2Fme%3Fagain" {
		t.Errorf("and then: %s, %s", res.Status, res.Header.Get("Location"))
	}
	if got := v.reasonAt("/me"); got != "unauthenticated none" {
		t.Errorf("a program: %s", got)
	}
	if res := v.post("/auth/code", "code=000000"); res.StatusCode != 303 {
		t.Fatalf("the factor: %s", res.Status)
	}
	if got := v.who(); got != "ada" {
		t.Errorf("with the factor: %s", got)
	}
	sess := s.sessions("ada")[0]
	if id := (auth.Identity{Proofs: sess.Proofs}); !id.Remembered() || sess.EndsAt.After(s.families("ada")[0].ExpiresAt) {
		t.Errorf("%+v", sess)
	}
	// Without the family, the half-done login that rests on it is worth nothing.
	v.reopen().get("/open")
	if err := s.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if v.post("/auth/code", "code=000000"); v.who() != "nobody" {
		t.Error("a half-done login outlives the browser that it rests on")
	}
}

// Whatever ends everything wins against a restoration that is under way.
func TestRememberRaces(t *testing.T) {
	for _, verb := range []string{"LoadCredential", "ChangeCredentials", "CreateSession"} {
		for n := 1; n <= 3; n++ {
			t.Run(fmt.Sprint(verb, n), func(t *testing.T) {
				s := newSite(t, nil)
				v := s.remembered("ada").reopen()
				calls := 0
				s.store.before[verb] = func() {
					if calls++; calls == n {
						if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
							t.Error(err)
						}
					}
				}
				v.get("/open")
				clear(s.store.before)
				if calls < n && n == 1 {
					t.Fatalf("%s was not called", verb)
				}
				if calls >= n {
					if n := len(s.sessions("ada")) + len(s.families("ada")); n != 0 {
						t.Errorf("%d things are left", n)
					}
				}
				if got := v.who(); calls >= n && got != "nobody" {
					t.Errorf("afterwards: %s", got)
				}
			})
		}
	}
}

// A user's browsers are bounded; the one that was used longest ago makes room.
func TestRememberedBrowsersAreBounded(t *testing.T) {
	s := newSite(t, nil)
	var all []*visitor
	for range 31 {
		all = append(all, s.remembered("ada"))
		s.clock.Advance(time.Second)
		if len(all) == 30 {
			all[0].reopen().get("/open") // used lately
			s.clock.Advance(time.Second)
		}
	}
	if n := len(s.families("ada")); n != 30 {
		t.Errorf("%d families", n)
	}
	if got := all[1].who(); got != "nobody" {
		t.Errorf("the session of the one that made room: %s", got)
	}
	for _, i := range []int{0, 2, 30} {
		if got := all[i].reopen().who(); got != "ada" {
			t.Errorf("browser %d: %s", i, got)
		}
	}
}

// Whoever confirms a remembered login keeps it remembered, and whoever has ended
// the family meanwhile wins.
func TestConfirmingRemembered(t *testing.T) {
	s := newSite(t, nil)
	v := s.remembered("ada")
	v.reopen().get("/open")
	s.store.before["CreateSession"] = func() {
		if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
			t.Error(err)
		}
	}
	v.post("/auth/trust/confirm", "")
	clear(s.store.before)
	if got := v.who(); got != "nobody" {
		t.Errorf("confirmed while it was ended: %s", got)
	}
}

// Nobody who is not remembered pays for it.
func TestRememberCosts(t *testing.T) {
	s := newSite(t, nil)
	v := s.browser().logIn("ada")
	before := s.store.total()
	v.get("/open")
	if n := s.store.total() - before; n != 1 {
		t.Errorf("%d store calls with a session, want 1", n)
	}
	v = s.remembered("ada")
	before = s.store.total()
	v.get("/open")
	if n := s.store.total() - before; n != 1 {
		t.Errorf("%d store calls with both cookies, want 1", n)
	}
}
