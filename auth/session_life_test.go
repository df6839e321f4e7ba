package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

func TestLoginAndLogOut(t *testing.T) {
	s := newSite(t, nil)
	ada := s.browser()
	if got := ada.who(); got != "nobody" {
		t.Fatalf("before the login: %s", got)
	}
	ada.logIn("ada")
	if got := ada.who(); got != "ada" {
		t.Fatalf("after the login: %s", got)
	}
	copied := ada.cookies["__Host-sid"]
	res := ada.post("/auth/logout", "")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
		t.Errorf("log-out: %s to %q", res.Status, res.Header.Get("Location"))
	}
	if got := ada.who(); got != "nobody" {
		t.Errorf("after the log-out: %s", got)
	}
	thief := s.browser()
	thief.cookies["__Host-sid"] = copied
	if got := thief.who(); got != "nobody" {
		t.Errorf("a cookie copied before the log-out is %s", got)
	}
	if n := len(s.named("login")); n != 1 {
		t.Errorf("%d login events; want 1", n)
	}
	if n := len(s.named("logout")); n != 1 {
		t.Errorf("%d logout events; want 1", n)
	}
}

// A log-in or log-out is visible to whoever asks later in the same request.
func TestVisibleInTheSameRequest(t *testing.T) {
	s := newSite(t, nil)
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.m.IdentityFrom(r.Context()); !errors.Is(err, auth.ErrNoCredentials) {
			t.Errorf("before: %v", err)
		}
		if err := s.m.LogIn(w, r, "ada", auth.Proof{Method: "host"}); err != nil {
			t.Fatal(err)
		}
		if a, ok := auth.UserFrom[*account](r.Context()); !ok || a.id != "ada" {
			t.Errorf("after the login: %v, %v", a, ok)
		}
		if err := s.m.LogOut(w, r); err != nil {
			t.Fatal(err)
		}
		if _, ok := auth.UserFrom[*account](r.Context()); ok {
			t.Error("after the log-out somebody is still there")
		}
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || cookies[0].MaxAge >= 0 {
		t.Errorf("cookies sent: %v; want the deletion alone", cookies)
	}
	if got, err := s.store.UserSessions(context.Background(), "ada"); err != nil || len(got) != 0 {
		t.Errorf("sessions left: %v, %v", got, err)
	}
}

// RC-01: a request that began before the log-out and ends after it brings
// nothing back, although it also writes down that the session was used.
func TestLoggedOutStaysLoggedOut(t *testing.T) {
	for _, end := range []struct {
		name string
		end  func(s *site, ada *visitor)
	}{
		{"log-out", func(_ *site, ada *visitor) { ada.post("/auth/logout", "") }},
		{"revoked", func(s *site, _ *visitor) {
			live, _ := s.m.Sessions(context.Background(), "ada")
			if err := s.m.RevokeSession(context.Background(), "ada", live[0].Handle()); err != nil {
				t.Error(err)
			}
		}},
		{"all revoked", func(s *site, _ *visitor) {
			if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(end.name, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, store auth.Store) {
				s := newSiteOn(t, store, nil)
				ada := s.browser().logIn("ada")
				slow := s.browser()
				slow.cookies["__Host-sid"] = ada.cookies["__Host-sid"]
				s.clock.Advance(2 * time.Minute) // a touch is due

				reached, ended := make(chan bool), make(chan bool)
				var first atomic.Bool
				s.store.before["UpdateSession"] = func() {
					if first.CompareAndSwap(false, true) {
						close(reached)
						<-ended
					}
				}
				answer := make(chan string)
				go func() { answer <- slow.who() }()
				<-reached
				end.end(s, ada)
				close(ended)
				if got := <-answer; got != "nobody" {
					t.Errorf("the slow request was answered as %s", got)
				}
				if got := slow.who(); got != "nobody" {
					t.Errorf("afterwards the cookie is %s", got)
				}
			})
		})
	}
}

func TestTimeouts(t *testing.T) {
	s := newSite(t, nil)
	ada := s.browser().logIn("ada")

	s.clock.Advance(59 * time.Minute)
	if got := ada.who(); got != "ada" {
		t.Fatalf("within the idle timeout: %s", got)
	}
	s.clock.Advance(59 * time.Minute)
	if got := ada.who(); got != "ada" {
		t.Fatalf("use did not extend the session: %s", got)
	}
	s.clock.Advance(time.Hour)
	if got := ada.who(); got != "nobody" {
		t.Errorf("after an hour idle: %s", got)
	}

	ada = s.browser().logIn("ada")
	for range 47 {
		s.clock.Advance(30 * time.Minute)
		if got := ada.who(); got != "ada" {
			t.Fatalf("in constant use: %s", got)
		}
	}
	if live, err := s.m.Sessions(context.Background(), "ada"); err != nil || len(live) != 1 || live[0].ExpiresAt.After(live[0].EndsAt) {
		t.Errorf("near its end the session is %+v, %v", live, err)
	}
	s.clock.Advance(30 * time.Minute)
	if got := ada.who(); got != "nobody" {
		t.Errorf("after 24 hours of constant use: %s", got)
	}
}

func TestLastSeenIsThrottled(t *testing.T) {
	s := newSite(t, nil)
	ada := s.browser().logIn("ada")
	for range 120 { // two minutes of a request a second
		s.clock.Advance(time.Second)
		ada.who()
	}
	if n := s.store.count("UpdateSession"); n != 2 {
		t.Errorf("%d writes in two minutes; want 2", n)
	}
	reads := s.store.count("LoadSession")
	ada.who()
	if n := s.store.count("LoadSession") - reads; n != 1 {
		t.Errorf("%d reads for one request; want 1", n)
	}

	s.clock.Advance(2 * time.Minute)
	s.store.fails("UpdateSession", auth.ErrConflict)
	if got := ada.who(); got != "ada" {
		t.Errorf("a touch that met a conflict made the request %s", got)
	}
	s.store.fails("UpdateSession", errDown)
	if got := ada.who(); got != "ada" {
		t.Errorf("a touch that failed made the request %s", got)
	}
	if !strings.Contains(s.log.String(), errDown.Error()) {
		t.Error("a touch that failed was not logged")
	}
}

func TestLoginRotatesEverything(t *testing.T) {
	s := newSite(t, nil)
	v := s.browser()
	planted := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	v.cookies["__Host-sid"] = planted
	v.logIn("ada")
	first := v.cookies["__Host-sid"]
	if first == planted {
		t.Fatal("the login took over a session ID that the client chose")
	}
	v.logIn("bob")
	second := v.cookies["__Host-sid"]
	if first == second {
		t.Fatal("the second login kept the session ID")
	}
	old := s.browser()
	old.cookies["__Host-sid"] = first
	if got := old.who(); got != "nobody" {
		t.Errorf("the session before the second login is %s", got)
	}
	if got := v.who(); got != "bob" {
		t.Errorf("after the second login: %s", got)
	}
	if left, _ := s.m.Sessions(context.Background(), "ada"); len(left) != 0 {
		t.Errorf("ada still has %d sessions", len(left))
	}
}

func TestEndedByTheUser(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*account)
	}{
		{"disabled", func(a *account) { a.disabled = true }},
		{"version changed", func(a *account) { a.version = "2" }},
		{"deleted", func(a *account) { a.id = "somebody else" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, nil)
			ada := s.browser().logIn("ada")
			if tt.name == "deleted" {
				s.accounts.mu.Lock()
				delete(s.accounts.m, "ada")
				s.accounts.mu.Unlock()
			} else {
				s.accounts.change("ada", tt.change)
			}
			if got := ada.who(); got != "nobody" {
				t.Errorf("still %s", got)
			}
		})
	}
}

func TestRevoke(t *testing.T) {
	s := newSite(t, nil)
	laptop, phone, tablet := s.browser().logIn("ada"), s.browser().logIn("ada"), s.browser().logIn("ada")
	bob := s.browser().logIn("bob")

	var list struct {
		Sessions []struct {
			ID      string
			Label   string
			Current bool
		}
	}
	read := func() {
		t.Helper()
		laptop.header.Set("Accept", "application/json")
		defer laptop.header.Set("Accept", "text/html")
		decode(t, laptop.get("/auth/sessions"), &list)
	}
	read()
	if len(list.Sessions) != 3 {
		t.Fatalf("%d sessions; want 3", len(list.Sessions))
	}
	for _, l := range list.Sessions {
		if l.Label != "Firefox on Linux" {
			t.Errorf("label %q", l.Label)
		}
		for _, v := range []*visitor{laptop, phone, tablet} {
			if l.ID == v.cookies["__Host-sid"] {
				t.Error("a handle is a token")
			}
			imposter := s.browser()
			imposter.cookies["__Host-sid"] = l.ID
			if got := imposter.who(); got != "nobody" {
				t.Errorf("a handle as cookie is %s", got)
			}
		}
	}

	handleOf := func(v *visitor) string {
		var one struct{ Session struct{ ID string } }
		v.header.Set("Accept", "application/json")
		defer v.header.Set("Accept", "text/html")
		decode(t, v.get("/auth/session"), &one)
		return one.Session.ID
	}
	if res := bob.post("/auth/sessions/revoke", "id="+handleOf(phone)); res.StatusCode != 404 {
		t.Errorf("bob revoking ada's session: %s", res.Status)
	}
	if got := phone.who(); got != "ada" {
		t.Fatalf("bob ended ada's session: %s", got)
	}
	if res := laptop.post("/auth/sessions/revoke", "id="+handleOf(phone)); res.StatusCode != 303 {
		t.Errorf("revoking: %s", res.Status)
	}
	if got := phone.who(); got != "nobody" {
		t.Errorf("the revoked phone is %s", got)
	}
	if _, kept := phone.cookies["__Host-sid"]; !kept {
		t.Error("a dead cookie was deleted: that races with a new one")
	}
	if res := laptop.post("/auth/sessions/revoke", "all=others"); res.StatusCode != 303 {
		t.Errorf("revoking all others: %s", res.Status)
	}
	if got := tablet.who() + laptop.who() + bob.who(); got != "nobodyadabob" {
		t.Errorf("tablet, laptop, bob are %s", got)
	}
	if res := laptop.post("/auth/sessions/revoke", "id="+handleOf(laptop)); res.Header.Get("Location") != "/" {
		t.Errorf("revoking oneself leads to %q", res.Header.Get("Location"))
	}
	if _, kept := laptop.cookies["__Host-sid"]; kept {
		t.Error("revoking oneself left the cookie")
	}
	for body, status := range map[string]int{"": 422, "id=": 422, "all=x": 422, "id=a&all=others": 422, "id=a&id=b": 400} {
		if res := bob.post("/auth/sessions/revoke", body); res.StatusCode != status {
			t.Errorf("revoking with %q: %s; want %d", body, res.Status, status)
		}
	}
}

func TestRevokeWithTheStoreDown(t *testing.T) {
	s := newSite(t, nil)
	ada := s.visitor().logIn("ada")
	s.visitor().logIn("ada")
	live, err := s.m.Sessions(context.Background(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	s.store.fails("DeleteSession", errDown)
	token := ada.cookies["__Host-sid"]
	for _, l := range live {
		ada.cookies["__Host-sid"] = token // one of the two is ada's own
		if res := ada.post("/auth/sessions/revoke", "id="+l.Handle()); res.StatusCode != 503 {
			t.Errorf("revoking: %s", res.Status)
		}
	}
	if n := len(s.named("sessions.revoked")); n != 0 {
		t.Error("what failed was told as done")
	}
	if err := s.m.RevokeSession(context.Background(), "ada", "no such handle"); !errors.Is(err, auth.ErrNotFound) {
		t.Error(err)
	}
}

// The store is down: nobody is told that they are logged out, and what the
// client holds goes in any case.
func TestLogOutWithTheStoreDown(t *testing.T) {
	s := newSite(t, nil)
	ada := s.browser().logIn("ada")
	s.store.fails("DeleteSession", errDown)
	res := ada.post("/auth/logout", "")
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("log-out: %s", res.Status)
	}
	if _, kept := ada.cookies["__Host-sid"]; kept {
		t.Error("the cookie was kept")
	}
	if n := len(s.named("logout")); n != 0 {
		t.Error("a log-out that failed was told as one")
	}
}

// Every kind of secret in the place of every other, of this and of another
// realm or epoch, is nobody.
func TestSecretsDoNotMix(t *testing.T) {
	shared := newSite(t, nil)
	ada := shared.browser().logIn("ada")
	token := ada.cookies["__Host-sid"]
	for _, tt := range []struct {
		name   string
		cookie string
		change func(*auth.Options)
	}{
		{"another realm", "__Host-sid-b", func(o *auth.Options) { o.Realm = "b" }},
		{"another epoch", "__Host-sid", func(o *auth.Options) { o.Epoch = "2" }},
		{"realm and epoch run together", "__Host-sid-ab", func(o *auth.Options) { o.Realm, o.Epoch = "ab", "" }},
	} {
		o := auth.Options{Providers: []auth.Provider{trust{}}, Now: shared.clock.Now}
		tt.change(&o)
		m, err := auth.New(auth.UserFunc(shared.accounts.byID), shared.store, &o)
		if err != nil {
			t.Fatal(err)
		}
		other := *shared
		other.m = m
		other.h = m.Handler(m.WithUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := m.IdentityFrom(r.Context()); err == nil {
				_, _ = w.Write([]byte("somebody"))
			}
		})))
		v := other.browser()
		v.cookies[tt.cookie] = token
		if got := v.who(); got != "" {
			t.Errorf("%s: a session's token is %s", tt.name, got)
		}
	}
	v := shared.browser()
	v.cookies["__Host-login"] = token
	if _, _, err := shared.m.Pending(v.request("POST", "/", "")); !errors.Is(err, auth.ErrNoCredentials) {
		t.Errorf("a session's token as half-done login: %v", err)
	}
	live, err := shared.m.Sessions(context.Background(), "ada")
	if err != nil || len(live) != 1 {
		t.Fatal(live, err)
	}
	v = shared.browser()
	v.cookies["__Host-sid"] = base64.RawURLEncoding.EncodeToString(live[0].ID[:])
	if got := v.who(); got != "nobody" {
		t.Errorf("what the store keeps, as cookie, is %s", got)
	}
}

// A token has one spelling.
func TestMalformedCookies(t *testing.T) {
	s := newSite(t, nil)
	token := s.browser().logIn("ada").cookies["__Host-sid"]
	before := s.store.count("LoadSession")
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", token[42])
	sibling := token[:42] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last^1])
	for _, value := range []string{"", "x", token[:42], token + "A", token + "=", sibling, " " + token, `"` + token + `"`,
		strings.Repeat("A", 44), strings.Repeat("é", 21) + "A", strings.Repeat("=", 43), strings.Repeat("+", 43), strings.Repeat("A", 1<<20), "' OR 1=1--"} {
		r := httptest.NewRequest("GET", "/open", nil)
		r.Header["Cookie"] = []string{"__Host-sid=" + value}
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		want := "nobody"
		if value == " "+token {
			want = "nobody" // a cookie value does not begin with a space
		}
		if got := w.Body.String(); got != want {
			t.Errorf("%.60q is %s", value, got)
		}
	}
	if n := s.store.count("LoadSession") - before; n != 0 {
		t.Errorf("malformed cookies cost %d store calls; want none", n)
	}
	for _, header := range [][]string{
		{"__Host-sid=" + token + "; __Host-sid=" + token},
		{"__Host-sid=" + token, "a=b; __Host-sid=x"},
	} {
		r := httptest.NewRequest("GET", "/open", nil)
		r.Header["Cookie"] = header
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		if got := w.Body.String(); got != "nobody" {
			t.Errorf("two cookies of our name are %s", got)
		}
	}
	for _, header := range []string{"a=b; __Host-sid=" + token + ";c=d", "__Host-sid=" + token + ";", "a; ;=; __Host-sid=" + token} {
		r := httptest.NewRequest("GET", "/open", nil)
		r.Header["Cookie"] = []string{header}
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		if got := w.Body.String(); got != "ada" {
			t.Errorf("%.30q is %s", header, got)
		}
	}
}
