package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// onFaults is a site on one store of faults, with a key of ada's.
func onFaults(t *testing.T) (*site, *faults) {
	t.Helper()
	f := newFaults(memory.New(nil))
	s := newSiteOn(t, f, nil)
	key := auth.Credential{Kind: "key", Key: "1", UserID: "ada", Generation: 1, CreatedAt: t0}
	if err := s.m.ChangeCredentials(t.Context(), "ada", auth.Change{New: &key}); err != nil {
		t.Fatal(err)
	}
	f.heal()
	return s, f
}

// live returns how many sessions ada has.
func (s *site) live() int {
	s.t.Helper()
	all, err := s.m.Sessions(s.t.Context(), "ada")
	if err != nil {
		s.t.Fatal(err)
	}
	return len(all)
}

// FT-01, FT-02: whichever call of a flow fails, before it is done or after, nobody
// is logged in who was told that they are not, nothing is left behind, and the
// next attempt works.
func TestEveryCallOfALoginFails(t *testing.T) {
	for _, query := range []string{"?user=ada&key=1", "?user=ada&key=1&remember"} {
		for at := 2; ; at++ { // the first is trust's own
			called := 0
			for _, after := range []bool{false, true} {
				name := fmt.Sprintf("%s: call %d fails, after it was done: %v", query, at, after)
				s, f := onFaults(t)
				v := s.visitor()
				f.failAt(at, after)
				res := v.post("/auth/trust"+query, "")
				called = len(f.heal())
				_, has := v.cookies["__Host-sid"]
				switch {
				case res.StatusCode == 503:
					if has {
						t.Errorf("%s: a cookie was set", name)
					}
					if got := res.Header.Get("Retry-After"); got == "" {
						t.Errorf("%s: nothing says when to try again", name)
					}
					if n := s.live(); n != 0 {
						t.Errorf("%s: %d sessions are left", name, n)
					}
					if got := v.who(); got != "nobody" {
						t.Errorf("%s: %s is logged in", name, got)
					}
				case res.StatusCode >= 400:
					t.Errorf("%s: %s", name, res.Status)
				case !has || v.who() != "ada" || s.live() != 1:
					t.Errorf("%s: %s, and nobody is logged in", name, res.Status)
				}
				v.post("/auth/trust"+query, "")
				if got := v.who(); got != "ada" || s.live() != 1 {
					t.Errorf("%s: then %s is logged in, %d times", name, got, s.live())
				}
			}
			if called < at {
				break
			}
		}
	}
}

// FT-04, FT-05: who was told that they are logged out, or that all else is, can
// believe it; who was not can say it again.
func TestEveryCallOfALogOutFails(t *testing.T) {
	for _, path := range []string{"/auth/logout", "/auth/sessions/revoke"} {
		for at := 1; ; at++ {
			called := 0
			for _, after := range []bool{false, true} {
				name := fmt.Sprintf("%s: call %d fails, after it was done: %v", path, at, after)
				s, f := onFaults(t)
				v, other := s.visitor(), s.visitor()
				v.post("/auth/trust?user=ada&key=1&remember", "")
				other.post("/auth/trust?user=ada&key=1&remember", "")
				stolen := s.visitor()
				body, left, dead := "", 1, v
				if path != "/auth/logout" {
					body, dead = "all=others", other
				}
				for k, val := range dead.cookies {
					stolen.cookies[k] = val
				}
				f.failAt(at, after)
				res := v.post(path, body)
				called = len(f.heal())
				if res.StatusCode < 400 {
					if n := s.live(); n != left {
						t.Errorf("%s: %s, and %d sessions are left", name, res.Status, n)
					}
					if got := stolen.who(); got != "nobody" {
						t.Errorf("%s: %s, and %s is logged in", name, res.Status, got)
					}
					continue
				}
				if res.StatusCode != 503 {
					t.Errorf("%s: %s", name, res.Status)
				}
				if path == "/auth/logout" {
					if len(v.cookies) > 1 { // the device's stays
						t.Errorf("%s: the browser still has %v", name, v.cookies)
					}
					continue
				}
				if res := v.post(path, body); res.StatusCode >= 400 {
					t.Errorf("%s: again: %s", name, res.Status)
				}
				if got := stolen.who(); got != "nobody" || s.live() != left {
					t.Errorf("%s: then %s is logged in; %d are left", name, got, s.live())
				}
			}
			if called < at {
				break
			}
		}
	}
}

// A renewal of which a call fails leaves one session, the old or the new one, or
// none; never two, and never one that is fresh for somebody who was told otherwise.
func TestEveryCallOfARenewalFails(t *testing.T) {
	for at := 1; ; at++ { // the first is trust's own
		called := 0
		for _, after := range []bool{false, true} {
			name := fmt.Sprintf("call %d fails, after it was done: %v", at, after)
			s, f := onFaults(t)
			v := s.visitor()
			v.post("/auth/trust?user=ada&key=1", "")
			old := s.visitor()
			old.cookies["__Host-sid"] = v.cookies["__Host-sid"]
			s.clock.Advance(11 * time.Minute)
			f.failAt(at, after)
			res := v.post("/auth/trust/confirm?key=1", "")
			called = len(f.heal())
			if n := s.live(); n > 1 {
				t.Errorf("%s: %s, and there are %d sessions", name, res.Status, n)
			}
			fresh := v.get("/fresh").StatusCode == 200
			if told := res.StatusCode < 400; told != fresh {
				t.Errorf("%s: %s, and fresh: %v", name, res.Status, fresh)
			}
			if res.StatusCode >= 400 && res.StatusCode != 503 && at != 1 {
				t.Errorf("%s: %s", name, res.Status)
			}
			if got := old.get("/fresh").StatusCode; got == 200 {
				t.Errorf("%s: the old session became fresh", name)
			}
		}
		if called < at {
			break
		}
	}
}

// One part of a composition is down: what needs it says so (503), what does not
// goes on, and afterwards everything is as it was.
func TestPartDown(t *testing.T) {
	for name, tt := range map[string]struct {
		down                func(p parts) *faults
		me, open, in, admin int // answers to who is logged in, and to a login
	}{
		"sessions":    {func(p parts) *faults { return p.sessions }, 503, 503, 503, 503},
		"credentials": {func(p parts) *faults { return p.credentials }, 200, 200, 503, 403},
		"tickets":     {func(p parts) *faults { return p.tickets }, 200, 200, 200, 403},
		"limiter":     {func(p parts) *faults { return p.limiter }, 200, 200, 200, 403},
	} {
		t.Run(name, func(t *testing.T) {
			p := parts{newFaults(memory.New(nil)), newFaults(memory.New(nil)), newFaults(memory.New(nil)), newFaults(memory.New(nil))}
			s := newSiteOn(t, auth.Combine(nil, auth.Parts{Sessions: p.sessions, Credentials: p.credentials, Tickets: p.tickets, Limiter: p.limiter}), nil)
			key := auth.Credential{Kind: "key", Key: "1", UserID: "ada", Generation: 1, CreatedAt: t0}
			if err := s.m.ChangeCredentials(t.Context(), "ada", auth.Change{New: &key}); err != nil {
				t.Fatal(err)
			}
			ada, guest, newcomer := s.visitor().logIn("ada"), s.visitor(), s.visitor()
			before := s.live()
			down := tt.down(p)
			down.failAll()
			for range 3 {
				for target, want := range map[string]int{"/me": tt.me, "/open": tt.open, "/admin": tt.admin} {
					res := ada.get(target)
					if res.StatusCode != want || len(res.Cookies()) != 0 {
						t.Errorf("%s: %s, %d cookies; want %d", target, res.Status, len(res.Cookies()), want)
					}
					if (res.StatusCode == 503) != (res.Header.Get("Retry-After") != "") {
						t.Errorf("%s: %s, Retry-After %q", target, res.Status, res.Header.Get("Retry-After"))
					}
				}
				if res := guest.get("/open"); res.StatusCode != 200 {
					t.Errorf("nobody on a page for all: %s", res.Status)
				}
				if res := guest.get("/me"); res.StatusCode != 401 {
					t.Errorf("nobody on a page for users: %s", res.Status)
				}
				res := newcomer.post("/auth/trust?user=ada&key=1", "")
				if res.StatusCode != tt.in || (len(newcomer.cookies) == 0) != (tt.in == 503) {
					t.Errorf("a login: %s, cookies %v; want %d", res.Status, newcomer.cookies, tt.in)
				}
			}
			down.heal()
			if got := ada.who(); got != "ada" {
				t.Errorf("afterwards %s is logged in", got)
			}
			if want := "nobody"; tt.in == 503 && (newcomer.who() != want || s.live() != before) {
				t.Errorf("who was refused is %s; there are %d sessions", newcomer.who(), s.live())
			}
			newcomer.post("/auth/trust?user=ada&key=1", "")
			if got := newcomer.who(); got != "ada" {
				t.Errorf("a login afterwards: %s", got)
			}
		})
	}
}

type parts struct{ sessions, credentials, tickets, limiter *faults }

// RC-02: what ends a session while it is being written to, other than a log-out.
func TestEndedStaysEnded(t *testing.T) {
	for name, end := range map[string]func(s *site) error{
		"credential changed": func(s *site) error {
			key := auth.Credential{Kind: "key", Key: "2", UserID: "ada", CreatedAt: t0}
			return s.m.ChangeCredentials(context.Background(), "ada", auth.Change{New: &key})
		},
		"swept": func(s *site) error {
			_, err := s.store.Store.(auth.Sweeper).Sweep(context.Background(), t0.Add(2*time.Hour), 100)
			return err
		},
		"another login in this browser": func(s *site) error {
			return s.store.DeleteSession(context.Background(), s.onlySession())
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, store auth.Store) {
				s := newSiteOn(t, store, nil)
				v := s.visitor().logIn("ada")
				s.clock.Advance(2 * time.Minute) // a touch is due
				s.store.before["UpdateSession"] = func() {
					delete(s.store.before, "UpdateSession")
					if err := end(s); err != nil {
						t.Error(err)
					}
				}
				if got := v.who(); got != "nobody" {
					t.Errorf("the request that was on its way is %s's", got)
				}
				if got := v.who(); got != "nobody" || s.live() != 0 {
					t.Errorf("then %s is logged in; %d sessions", got, s.live())
				}
			})
		})
	}
}

func (s *site) onlySession() auth.SessionID {
	s.t.Helper()
	all, err := s.m.Sessions(s.t.Context(), "ada")
	if err != nil || len(all) != 1 {
		s.t.Fatal(all, err)
	}
	return all[0].ID
}

// The page of an outage and its JSON both say when to come again.
func TestRetryAfter(t *testing.T) {
	s, f := onFaults(t)
	f.failAll()
	for name, v := range map[string]*visitor{"browser": s.browser(), "program": s.visitor()} {
		v.cookies["__Host-sid"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		for _, target := range []string{"/me", "/auth/session", "/auth/login"} {
			if target == "/auth/login" && name == "program" {
				continue
			}
			res := v.get(target)
			if res.StatusCode != http.StatusServiceUnavailable {
				continue // it needs no store
			}
			if got := res.Header.Get("Retry-After"); got != "5" {
				t.Errorf("%s, %s: Retry-After %q", name, target, got)
			}
		}
		if res := v.get("/me"); res.StatusCode != 503 {
			t.Errorf("%s: %s", name, res.Status)
		}
	}
}
