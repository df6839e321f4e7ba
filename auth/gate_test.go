package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// addKey gives a user a credential to prove who they are by.
func (s *site) addKey(user, key string) auth.Credential {
	s.t.Helper()
	c := auth.Credential{Kind: "key", Key: key, UserID: user, CreatedAt: t0}
	if err := s.m.ChangeCredentials(context.Background(), user, auth.Change{New: &c}); err != nil {
		s.t.Fatal(err)
	}
	return s.key(key)
}

func (s *site) key(key string) auth.Credential {
	s.t.Helper()
	c, err := s.store.Store.LoadCredential(context.Background(), "key", key)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestRefusedLogins(t *testing.T) {
	for _, tt := range []struct {
		name   string
		user   string
		query  string
		setUp  func(s *site)
		status int
		reason string // in the log, not in the answer
	}{
		{name: "unknown user", user: "eve", status: 401, reason: "no such user"},
		{name: "no user", user: "", status: 401, reason: "no such user"},
		{name: "disabled user", user: "ada", status: 401, reason: "not active",
			setUp: func(s *site) { s.accounts.change("ada", func(a *account) { a.disabled = true }) }},
		{name: "credential that is gone", user: "ada", query: "&key=gone", status: 401, reason: "changed meanwhile"},
		{name: "somebody else's credential", user: "ada", query: "&key=bobs", status: 401, reason: "changed meanwhile",
			setUp: func(s *site) { s.addKey("bob", "bobs") }},
		{name: "users down", user: "ada", status: 503, setUp: func(s *site) { s.accounts.fails(errDown) }},
		{name: "sessions down", user: "ada", status: 503, setUp: func(s *site) { s.store.fails("CreateSession", errDown) }},
		{name: "credentials down", user: "ada", query: "&key=adas", status: 503,
			setUp: func(s *site) { s.addKey("ada", "adas"); s.store.fails("LoadCredential", errDown) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, nil)
			if tt.setUp != nil {
				tt.setUp(s)
			}
			v := s.visitor()
			res := v.post("/auth/trust?user="+tt.user+tt.query, "")
			if res.StatusCode != tt.status {
				t.Errorf("%s", res.Status)
			}
			if b := body(res); tt.reason != "" && strings.Contains(b, tt.reason) {
				t.Errorf("the client is told why: %s", b)
			}
			if len(v.cookies) != 0 {
				t.Errorf("cookies were set: %v", v.cookies)
			}
			if tt.status == 401 {
				if refused := s.named("login.refused"); len(refused) != 1 || !strings.Contains(refused[0].Reason, tt.reason) {
					t.Errorf("events: %+v", refused)
				}
			}
			s.accounts.fails(nil)
			s.store.fails("CreateSession", nil)
			s.store.fails("LoadCredential", nil)
			for _, id := range []string{"ada", "bob"} {
				if left, err := s.m.Sessions(context.Background(), id); err != nil || len(left) != 0 {
					t.Errorf("%s has sessions left: %v, %v", id, left, err)
				}
			}
		})
	}
}

func TestBeforeLogIn(t *testing.T) {
	for _, tt := range []struct {
		verdict error
		status  int
	}{
		{nil, 200},
		{auth.ErrBadCredentials, 401},
		{&auth.Problem{Status: 403, Code: "office_hours"}, 403},
		{errDown, 503},
	} {
		s := newSite(t, func(o *auth.Options) {
			o.BeforeLogIn = func(_ context.Context, u auth.User, proofs []auth.Proof) error {
				if u.AuthID() != "ada" || len(proofs) != 1 || proofs[0].Method != "trust" {
					t.Errorf("asked about %v, %v", u, proofs)
				}
				return tt.verdict
			}
		})
		v := s.visitor()
		if res := v.post("/auth/trust?user=ada", ""); res.StatusCode != tt.status {
			t.Errorf("%v: %s", tt.verdict, res.Status)
		}
		if _, in := v.cookies["__Host-sid"]; in != (tt.verdict == nil) {
			t.Errorf("%v: session cookie %v", tt.verdict, in)
		}
	}
}

// A login that was decided before a change of what it rests on, and ends after
// it, is dead: whichever of the two is the faster at each step.
func TestLoginRacesWithChange(t *testing.T) {
	change := map[string]func(s *site){
		"credential changed": func(s *site) {
			old := s.key("adas")
			next := old
			next.Generation++
			if err := s.m.ChangeCredentials(context.Background(), "ada", auth.Change{Old: &old, New: &next}); err != nil {
				s.t.Error(err)
			}
		},
		"disabled": func(s *site) {
			s.accounts.change("ada", func(a *account) { a.disabled = true })
			if err := s.m.RevokeUserSessions(context.Background(), "ada"); err != nil {
				s.t.Error(err)
			}
		},
		"version raised": func(s *site) { s.accounts.change("ada", func(a *account) { a.version = "2" }) },
	}
	for name, apply := range change {
		for _, at := range []string{"CreateSession", "after CreateSession"} {
			t.Run(name+" at "+at, func(t *testing.T) {
				onEveryStore(t, func(t *testing.T, store auth.Store) {
					s := newSiteOn(t, store, nil)
					s.addKey("ada", "adas")
					var once sync.Once
					verb := at
					if at == "after CreateSession" {
						verb = "LoadCredential"
					}
					n := 0
					s.store.before[verb] = func() {
						if n++; verb == "LoadCredential" && n < 2 {
							return // the provider's own look
						}
						once.Do(func() { s.store.before[verb] = nil; apply(s) })
					}
					attacker := s.visitor()
					res := attacker.post("/auth/trust?user=ada&key=adas", "")
					s.store.before[verb] = nil
					if got := attacker.who(); got != "nobody" {
						t.Errorf("%s, and the attacker is %s", res.Status, got)
					}
					if name == "version raised" && at == "after CreateSession" {
						return // the session is there, and refused at every request
					}
					if left, _ := s.m.Sessions(context.Background(), "ada"); len(left) != 0 {
						t.Errorf("%d sessions are left", len(left))
					}
				})
			})
		}
	}
}

func TestChangeEndsTheOtherSessions(t *testing.T) {
	s := newSite(t, nil)
	s.addKey("ada", "adas")
	owner, thief, bob := s.visitor().logIn("ada"), s.visitor().logIn("ada"), s.visitor().logIn("bob")
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		old := s.key("adas")
		next := old
		next.Generation++
		if err := s.m.ChangeCredentials(r.Context(), "ada", auth.Change{Old: &old, New: &next}); err != nil {
			t.Error(err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), owner.request("POST", "/change", ""))
	if got := owner.who() + thief.who() + bob.who(); got != "adanobodybob" {
		t.Errorf("owner, thief, bob are %s", got)
	}
	if n := len(s.named("credential.changed")); n != 2 {
		t.Errorf("%d events; want 2", n)
	}
}

func TestChangeCredentials(t *testing.T) { onEveryStore(t, testChangeCredentials) }

func testChangeCredentials(t *testing.T, store auth.Store) {
	ctx := context.Background()
	s := newSiteOn(t, store, nil)
	first, second := s.addKey("ada", "1"), s.addKey("ada", "2")

	// Two removals of the last two ways in, at once: one of them stays.
	errs := meet(s, "UserCredentials", func(i int) error {
		c := []auth.Credential{first, second}[i]
		return s.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &c})
	})
	if conflicts := count(errs, auth.ErrConflict); conflicts != 1 {
		t.Errorf("%d of two removals met a conflict: %v", conflicts, errs)
	}
	left, err := s.store.UserCredentials(ctx, "ada", "key")
	if err != nil || len(left) != 1 {
		t.Fatalf("left: %v, %v; errors: %v", left, err, errs)
	}
	if err := s.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &left[0]}); !errors.Is(err, auth.ErrLastCredential) {
		t.Errorf("removing the last: %v", err)
	}
	third := auth.Credential{Kind: "key", Key: "3", UserID: "ada"}
	if err := s.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &left[0]}, auth.Change{New: &third}); err != nil {
		t.Errorf("replacing the last: %v", err)
	}
	if err := s.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &left[0]}); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("removing it again: %v", err)
	}
	if err := s.m.ChangeCredentials(ctx, "bob", auth.Change{New: &auth.Credential{Kind: "key", Key: "3", UserID: "bob"}}); !errors.Is(err, auth.ErrExists) {
		t.Errorf("taking ada's: %v", err)
	}
}

// meet runs f twice at once, so that both have looked, by verb, before either
// changes anything.
func meet(s *site, verb string, f func(i int) error) []error {
	var wg, looked sync.WaitGroup
	looked.Add(2)
	var n atomic.Int32
	s.store.after[verb] = func() {
		if n.Add(1) <= 2 {
			looked.Done()
			looked.Wait()
		}
	}
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	s.store.after[verb] = nil
	return errs
}

func count(errs []error, target error) (n int) {
	for _, err := range errs {
		if errors.Is(err, target) {
			n++
		}
	}
	return n
}

// Two first changes meet as well, although there is nothing yet to meet on.
func TestTwoFirstChanges(t *testing.T) { onEveryStore(t, testTwoFirstChanges) }

func testTwoFirstChanges(t *testing.T, store auth.Store) {
	s := newSiteOn(t, store, nil)
	errs := meet(s, "LoadCredential", func(i int) error {
		c := auth.Credential{Kind: "key", Key: string(rune('a' + i)), UserID: "ada"}
		return s.m.ChangeCredentials(context.Background(), "ada", auth.Change{New: &c})
	})
	if count(errs, auth.ErrConflict) != 1 || count(errs, nil) != 1 {
		t.Errorf("%v; want one conflict and one success", errs)
	}
}

// What was changed is said to be changed, also if the sessions live on.
func TestChangeWithSessionsDown(t *testing.T) {
	s := newSite(t, nil)
	s.store.fails("DeleteUserSessions", errDown)
	c := auth.Credential{Kind: "key", Key: "1", UserID: "ada"}
	err := s.m.ChangeCredentials(context.Background(), "ada", auth.Change{New: &c})
	if err == nil || !strings.Contains(err.Error(), "not every session was ended") {
		t.Errorf("%v", err)
	}
	s.key("1")
}

func TestFreshness(t *testing.T) {
	s := newSite(t, nil)
	ada := s.browser().logIn("ada")
	if got := ada.get("/fresh").StatusCode; got != 200 {
		t.Fatalf("just logged in: %d", got)
	}
	s.clock.Advance(10 * time.Minute)
	if got := ada.get("/fresh").StatusCode; got != 200 {
		t.Fatalf("after ten minutes: %d", got)
	}
	s.clock.Advance(time.Second)
	res := ada.get("/fresh?a=1")
	if res.StatusCode != 303 || res.Header.Get("Location") != "/auth/confirm?next=%2Ffresh%3Fa%3D1" {
		t.Errorf("later: %s to %q", res.Status, res.Header.Get("Location"))
	}
	if got := ada.get("/auth/confirm").StatusCode; got != 200 {
		t.Errorf("the page to confirm: %d", got)
	}
	program := s.visitor()
	program.cookies = ada.cookies
	res = program.get("/fresh")
	if want := `Cookie realm="gatehouse", error="insufficient_user_authentication", max_age=600`; res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") != want {
		t.Errorf("a program: %s, %q", res.Status, res.Header.Get("WWW-Authenticate"))
	}
	if got := code(res); got != "not_fresh" {
		t.Errorf("code %s", got)
	}

	before, copied := ada.cookies["__Host-sid"], s.browser()
	copied.cookies["__Host-sid"] = before
	ended, _ := s.m.Sessions(context.Background(), "ada")
	if res := ada.post("/auth/trust/confirm", ""); res.StatusCode != 303 {
		t.Fatalf("confirming: %s", res.Status)
	}
	if got := ada.get("/fresh").StatusCode; got != 200 {
		t.Errorf("confirmed: %d", got)
	}
	if ada.cookies["__Host-sid"] == before || copied.who() != "nobody" {
		t.Error("confirming did not change the session's ID")
	}
	renewed, _ := s.m.Sessions(context.Background(), "ada")
	if len(renewed) != 1 || !renewed[0].EndsAt.Equal(ended[0].EndsAt) || len(renewed[0].Proofs) != 1 {
		t.Errorf("confirming made %+v of %+v", renewed, ended)
	}

	if got := s.visitor().post("/auth/trust/confirm", "").StatusCode; got != 401 {
		t.Errorf("nobody confirms: %d", got)
	}
	s.addKey("bob", "bobs")
	if got := program.post("/auth/trust/confirm?key=bobs", "").StatusCode; got != 401 {
		t.Errorf("confirmed by somebody else's credential: %d", got)
	}
}

// A confirmation that meets a log-out brings nothing back.
func TestReauthenticateMeetsLogOut(t *testing.T) { onEveryStore(t, testReauthenticateMeetsLogOut) }

func testReauthenticateMeetsLogOut(t *testing.T, store auth.Store) {
	s := newSiteOn(t, store, nil)
	ada := s.visitor().logIn("ada")
	other := s.visitor()
	other.cookies["__Host-sid"] = ada.cookies["__Host-sid"]
	done := false
	s.store.before["DeleteSession"] = func() {
		if !done {
			done = true
			other.post("/auth/logout", "")
		}
	}
	if res := ada.post("/auth/trust/confirm", ""); res.StatusCode != 401 {
		t.Errorf("confirming: %s", res.Status)
	}
	if got := ada.who(); got != "nobody" {
		t.Errorf("ada is %s", got)
	}
	if left, _ := s.m.Sessions(context.Background(), "ada"); len(left) != 0 {
		t.Errorf("%d sessions are left", len(left))
	}
}

func TestParallelLogins(t *testing.T) {
	s := newSite(t, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		user := []string{"ada", "bob"}[i%2]
		wg.Go(func() {
			v := s.visitor().logIn(user)
			for range 5 {
				if got := v.who(); got != user {
					t.Errorf("%s is %s", user, got)
				}
			}
		})
	}
	wg.Wait()
	if live, _ := s.m.Sessions(context.Background(), "ada"); len(live) != 10 {
		t.Errorf("%d sessions; want 10", len(live))
	}
}

// tenFree leaves the limits of an account without waits between the ten.
func tenFree(o *auth.Options) { o.Limits.Account = auth.Limit{Max: 10, Per: 15 * time.Minute} }

func TestAttempts(t *testing.T) {
	s := newSite(t, tenFree)
	limited := func(v *visitor, account, user string) (*auth.Attempt, time.Duration) {
		a, err := s.m.Attempt(v.request("POST", "/", ""), "test", account, user)
		var p *auth.Problem
		if err != nil && !(errors.As(err, &p) && p.Status == 429 && p.Code == "rate_limited") {
			t.Fatal(err)
		}
		if p != nil {
			return nil, p.RetryAfter
		}
		return a, 0
	}
	ada, n := s.visitor(), 0
	for ; n < 30; n++ {
		if _, wait := limited(ada, "ada", "ada"); wait > 0 {
			if wait != 15*time.Minute {
				t.Errorf("wait %v", wait)
			}
			break
		}
	}
	if n != 10 {
		t.Errorf("%d attempts were free; want 10", n)
	}
	if _, wait := limited(ada, "bob", "bob"); wait != 0 {
		t.Error("another account is limited with it")
	}
	s.clock.Advance(15 * time.Minute)
	a, wait := limited(ada, "ada", "ada")
	if wait != 0 {
		t.Fatal("still limited after the window")
	}
	w := httptest.NewRecorder()
	a.Succeeded(w, asAda(ada.request("POST", "/", "")), "ada")
	for _, c := range w.Result().Cookies() {
		ada.cookies[c.Name] = c.Value
	}
	if ada.cookies["__Host-device"] == "" {
		t.Fatal("the browser was not made known")
	}

	// A stranger uses up the account's attempts; the known browser is free.
	s.clock.Advance(time.Hour)
	for range 12 {
		limited(s.visitor(), "ada", "ada")
	}
	if _, wait := limited(s.visitor(), "ada", "ada"); wait == 0 {
		t.Fatal("the account is not limited")
	}
	if _, wait := limited(ada, "ada", "ada"); wait != 0 {
		t.Error("the owner is locked out of a browser that is known")
	}
	for n = 1; n < 30; n++ {
		if _, wait := limited(ada, "ada", "ada"); wait > 0 {
			break
		}
	}
	if n != 10 {
		t.Errorf("a known browser has %d attempts; want 10", n)
	}
	// Known to ada is not known to bob.
	s.clock.Advance(time.Hour)
	for range 10 {
		limited(s.visitor(), "bob", "bob")
	}
	if _, wait := limited(ada, "bob", "bob"); wait == 0 {
		t.Error("a browser known to ada has a bucket of its own for bob")
	}

	// The network's count is not forgotten by a success.
	s.clock.Advance(2 * time.Hour)
	for n = 0; n < 100; n++ {
		if _, wait := limited(s.visitor(), fmt.Sprint(n), s.m.Nobody()); wait > 0 {
			if wait > time.Minute {
				t.Errorf("wait %v", wait)
			}
			break
		}
		if a, wait := limited(s.visitor(), "carl", "carl"); wait == 0 {
			a.Succeeded(httptest.NewRecorder(), asAda(s.visitor().request("POST", "/", "")), "carl")
		}
	}
	if n < 14 || n > 20 {
		t.Errorf("a network had %d wrong attempts in a minute among right ones; want 20 at most", n)
	}

	s.store.fails("Count", errDown)
	if _, err := s.m.Attempt(ada.request("POST", "/", ""), "test", "x", "x"); !errors.Is(err, errDown) {
		t.Errorf("with the limiter down: %v", err)
	}
}

// A hundred guesses at once are a hundred.
func TestParallelAttempts(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		tenFree(o)
		o.Limits.Network = auth.Limit{Max: 1000, Per: time.Minute}
	})
	var wg sync.WaitGroup
	var mu sync.Mutex
	free := 0
	for range 100 {
		wg.Go(func() {
			if _, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "test", "ada", "ada"); err == nil {
				mu.Lock()
				free++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if free != 10 {
		t.Errorf("%d were free; want 10", free)
	}
}
