package backends_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The races of sessions, security.md §5.1: what is asked for at the same time, in
// the order that is worst.
func TestSessionRaces(t *testing.T) {
	onAll(t, []raceCase{
		{"RC-01", logOutMeanwhile},
		{"RC-02", endedMeanwhile},
		{"RC-03", touchedAtOnce},
		{"RC-04", renewedAtOnce},
		{"RC-05", loggedInAtOnce},
		{"RC-06", loginAndChange},
		{"RC-07", manyBrowsers},
		{"RC-08", renewalAndLogOut},
		{"RC-09", sweptMeanwhile},
	})
}

// A request that is under way brings no session back that was logged out
// meanwhile, wherever it is.
func logOutMeanwhile(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	id := s.register(email)
	between(t, func(t *testing.T, order func(f *faults, happens func()) *fault) {
		b := s.browser().mustLogIn(email)
		p.clock.Advance(2 * time.Minute) // it is written down that it was used
		x := order(s.faults, func() { b.tab().at(elsewhere).post("/auth/logout") })
		r := b.tab().get("/me")
		x.Stop()
		if r.status != http.StatusOK && r.status != http.StatusUnauthorized {
			t.Errorf("the request under way: %d %s", r.status, r.text)
		}
		if x.Hits() == 0 {
			b.post("/auth/logout")
			return
		}
		isNobody(t, "logged out meanwhile", b.tab(), b.tab().at(elsewhere))
		if n := len(s.live(id)); n != 0 {
			t.Errorf("%d sessions are kept", n)
		}
	})

	// And one that is in the host's own handler all the while.
	b := s.browser().mustLogIn(email)
	p.clock.Advance(2 * time.Minute)
	s.hold = func() { b.tab().at(elsewhere).post("/auth/logout") }
	if r := b.tab().get("/hold"); r.status != http.StatusOK {
		t.Errorf("the request under way: %d", r.status)
	}
	isNobody(t, "logged out while a handler ran", b)
}

// The same for all other ways in which a session ends.
func endedMeanwhile(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	for name, end := range map[string]func(id string, b *browser) error{
		"everywhere": func(id string, _ *browser) error { return elsewhere.m.RevokeUserSessions(context.Background(), id) },
		"by handle": func(id string, _ *browser) error {
			return elsewhere.m.RevokeSession(context.Background(), id, elsewhere.live(id)[0].Handle())
		},
		"password": func(id string, _ *browser) error {
			_, err := elsewhere.pw.Change(context.Background(), id, good, other)
			return err
		},
		"disabled": func(id string, _ *browser) error { return elsewhere.users.SetDisabled(context.Background(), id, true) },
		"deleted":  func(id string, _ *browser) error { return elsewhere.users.DeleteUser(context.Background(), id) },
		"swept": func(string, *browser) error {
			p.clock.Advance(time.Hour)
			elsewhere.sweep()
			return nil
		},
	} {
		n := 0
		between(t, func(t *testing.T, order func(f *faults, happens func()) *fault) {
			n++
			address := fmt.Sprintf("%d@%s.example", n, strings.ReplaceAll(name, " ", "-"))
			id := s.register(address)
			b := s.browser().mustLogIn(address)
			p.clock.Advance(2 * time.Minute)
			x := order(s.faults, func() {
				if err := end(id, b); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
			r := b.tab().get("/me")
			x.Stop()
			if r.status != http.StatusOK && r.status != http.StatusUnauthorized {
				t.Errorf("%s: the request under way: %d %s", name, r.status, r.text)
			}
			if x.Hits() > 0 {
				isNobody(t, name, b.tab(), b.tab().at(elsewhere))
			}
		})
	}
}

// Of fifty requests that find the same session exactly one writes that it was used,
// and none of them is refused; who logged in how is not among what is written.
func touchedAtOnce(t *testing.T, p place) {
	const n = 50
	s := p.open(t)
	id := s.register(email)
	b := s.browser().mustLogIn(email)
	before := s.live(id)[0]
	p.clock.Advance(2 * time.Minute)
	x := s.faults.On("LoadSession").MeetAfter(n)
	replies := make([]reply, n)
	atOnce(n, func(i int) { replies[i] = b.tab().get("/me") })
	x.Stop()
	if got := count(replies, http.StatusOK); got != n {
		t.Errorf("the statuses are %d", statuses(replies))
	}
	after := s.live(id)[0]
	if after.Version != before.Version+1 || !after.SeenAt.After(before.SeenAt) {
		t.Errorf("version %d, seen %v, was version %d, seen %v", after.Version, after.SeenAt, before.Version, before.SeenAt)
	}

	// Whoever has seen an older state is told, and changes nothing.
	stale := *before
	stale.Stale = true
	if err := s.faults.UpdateSession(t.Context(), inRealm(p, &stale)); !errors.Is(err, auth.ErrConflict) {
		t.Errorf("an update of what has changed: %v", err)
	}
	forged := *after
	forged.UserID, forged.Proofs, forged.AuthVersion, forged.EndsAt = "somebody else", nil, "other", after.EndsAt.Add(time.Hour)
	s.must(s.faults.UpdateSession(t.Context(), &forged))
	if got := s.live(id); len(got) != 1 || got[0].Stale || len(got[0].Proofs) != len(before.Proofs) || got[0].AuthVersion != before.AuthVersion || !got[0].EndsAt.Equal(before.EndsAt) {
		t.Errorf("an update has changed more than it may: %+v", got)
	}
}

// inRealm returns a session as the store knows it.
func inRealm(p place, s *auth.Session) *auth.Session {
	in := *s
	in.UserID = "\x1e" + p.realm + "\x1f" + s.UserID
	return &in
}

// Eight tabs confirm who they are at the same time: one of them has the new
// session, and the old one is nobody's.
func renewedAtOnce(t *testing.T, p place) {
	const n = 8
	s, elsewhere := p.open(t), p.open(t)
	id := s.register(email)
	for _, verb := range []string{"LoadSession", "CreateSession"} {
		b := s.browser().mustLogIn(email)
		old := b.tab()
		tabs := make([]*browser, n)
		replies := make([]reply, n)
		// Both processes at once, each with half of them, who have all found the session.
		stop := []func(){meetAfter(n, "LoadSession", s.faults, elsewhere.faults)}
		if verb != "LoadSession" {
			stop = append(stop, meetAfter(n, verb, s.faults, elsewhere.faults))
		}
		for i := range tabs {
			tabs[i] = b.tab()
			if i%2 == 1 {
				tabs[i] = tabs[i].at(elsewhere)
			}
		}
		atOnce(n, func(i int) { replies[i] = tabs[i].post("/auth/confirm", "password", good) })
		for _, f := range stop {
			f()
		}
		in := 0
		for i, tab := range tabs {
			if tab.who() != "" {
				in++
				if replies[i].status != http.StatusOK {
					t.Errorf("%s: a tab that was told %d is logged in", verb, replies[i].status)
				}
			}
		}
		if got := count(replies, http.StatusOK); got != 1 || in != 1 {
			t.Errorf("%s: %d renewals, %d tabs are logged in, want 1 and 1: %d", verb, got, in, statuses(replies))
		}
		isNobody(t, verb+": the old session", old)
		if n := len(s.live(id)); n != 1 {
			t.Errorf("%s: %d sessions are kept, want 1: %d", verb, n, statuses(replies))
		}
		s.must(s.m.RevokeUserSessions(t.Context(), id))
	}
}

// Logins at once, of two users: each browser is who it said, and each session is
// listed.
func loggedInAtOnce(t *testing.T, p place) {
	const n = 12
	s, elsewhere := p.open(t), p.open(t)
	emails := []string{email, "bob@example.com"}
	ids := []string{s.register(emails[0]), s.register(emails[1])}
	stop := meetAfter(n, "CreateSession", s.faults, elsewhere.faults)
	browsers := make([]*browser, n)
	for i := range browsers {
		browsers[i] = s.browser()
		if i >= n/2 {
			browsers[i] = browsers[i].at(elsewhere)
		}
	}
	replies := make([]reply, n)
	atOnce(n, func(i int) { replies[i] = browsers[i].logIn(emails[i%2], good) })
	stop()
	if got := count(replies, http.StatusOK); got != n {
		t.Errorf("the statuses are %d", statuses(replies))
	}
	for i, b := range browsers {
		if who := b.who(); who != ids[i%2] {
			t.Errorf("browser %d is %q, want %q", i, who, ids[i%2])
		}
	}
	for i, id := range ids {
		if got := len(elsewhere.live(id)); got != n/2 {
			t.Errorf("%s has %d sessions, want %d", emails[i], got, n/2)
		}
	}
}

// A login that meets whatever ends logins, at each of its calls to the store, has
// made no session that can be used.
func loginAndChange(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	for name, change := range map[string]func(id string) error{
		"disabled": func(id string) error { return elsewhere.users.SetDisabled(context.Background(), id, true) },
		"deleted":  func(id string) error { return elsewhere.users.DeleteUser(context.Background(), id) },
		"password": func(id string) error {
			_, err := elsewhere.pw.Change(context.Background(), id, good, other)
			return err
		},
	} {
		n := 0
		between(t, func(t *testing.T, order func(f *faults, happens func()) *fault) {
			n++
			address := fmt.Sprintf("%d@%s.example", n, strings.ReplaceAll(name, " ", "-"))
			id := s.register(address)
			b := s.browser()
			x := order(s.faults, func() {
				if err := change(id); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
			r := b.logInRemembered(address, good)
			x.Stop()
			if r.status != http.StatusOK && r.status != http.StatusUnauthorized {
				t.Errorf("%s: the login: %d %s", name, r.status, r.text)
			}
			if x.Hits() == 0 {
				return
			}
			isNobody(t, name, b.tab(), b.tab().at(elsewhere))
			b.endSession()
			isNobody(t, name+", remembered", b)
		})
	}
}

// There is no bound on sessions. Of remembered browsers there are thirty, and what
// has come in at the same time is made good by the next one.
func manyBrowsers(t *testing.T, p place) {
	const bound, n = 30, 36
	s := p.open(t)
	id := s.register(email)
	x := s.faults.On("UserCredentials").MeetAfter(n)
	replies := make([]reply, n)
	browsers := make([]*browser, n)
	for i := range browsers {
		browsers[i] = s.browser()
	}
	atOnce(n, func(i int) { replies[i] = browsers[i].logInRemembered(email, good) })
	x.Stop()
	if got := count(replies, http.StatusOK); got != n {
		t.Errorf("the statuses are %d", statuses(replies))
	}
	last := s.browser().mustLogInRemembered(email)
	held, err := s.m.Store().UserCredentials(t.Context(), id, "remember")
	s.must(err)
	if len(held) > bound {
		t.Errorf("%d browsers are remembered, want %d at most", len(held), bound)
	}
	in := 0
	for _, b := range append(browsers, last) {
		if b.who() != "" {
			in++
		}
	}
	if in != len(held) {
		t.Errorf("%d browsers are logged in and %d are remembered: what was forgotten has ended", in, len(held))
	}
}

// A renewal that meets a log-out, at each of its calls to the store, has left no
// session.
func renewalAndLogOut(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	id := s.register(email)
	for name, end := range map[string]func(b *browser){
		"log-out":    func(b *browser) { b.post("/auth/logout") },
		"everywhere": func(b *browser) { b.s.must(b.s.m.RevokeUserSessions(context.Background(), id)) },
	} {
		between(t, func(t *testing.T, order func(f *faults, happens func()) *fault) {
			b := s.browser().mustLogIn(email)
			old := b.tab()
			x := order(s.faults, func() { end(old.tab().at(elsewhere)) })
			r := b.post("/auth/confirm", "password", good)
			x.Stop()
			if r.status != http.StatusOK && r.status != http.StatusUnauthorized {
				t.Errorf("%s: the renewal: %d %s", name, r.status, r.text)
			}
			if x.Hits() == 0 {
				s.must(s.m.RevokeUserSessions(context.Background(), id))
				return
			}
			isNobody(t, name+": the old session", old)
			if name == "everywhere" || r.status != http.StatusOK {
				isNobody(t, name+": the new one", b)
				if n := len(s.live(id)); n != 0 {
					t.Errorf("%s: %d sessions are kept", name, n)
				}
			}
			s.must(s.m.RevokeUserSessions(context.Background(), id))
		})
	}
}

// Sweeping at each call of a request to the store deletes no session that lives,
// and Run ends when it is told to, as often as one likes.
func sweptMeanwhile(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	s.register(email)
	dead, alive := s.browser().mustLogIn(email), s.browser()
	p.clock.Advance(30 * time.Minute)
	alive.mustLogIn(email)
	p.clock.Advance(31 * time.Minute)
	if alive.who() == "" {
		t.Fatal("a session that lives is not there")
	}
	between(t, func(t *testing.T, order func(f *faults, happens func()) *fault) {
		p.clock.Advance(58 * time.Minute)
		x := order(s.faults, elsewhere.sweep)
		defer x.Stop()
		if r := alive.get("/me"); r.status != http.StatusOK {
			alive = s.browser().mustLogIn(email)
			t.Errorf("a session that lives is swept: %d", r.status)
		}
		if time.Until(p.clock.Now()) > 20*time.Hour { // its absolute end is near
			alive = s.browser().mustLogIn(email)
		}
	})
	isNobody(t, "a session that has expired", dead)

	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.m.Run(ctx) }()
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("Run goes on")
		}
	}
}
