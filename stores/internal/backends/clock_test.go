package backends_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// Clocks that differ and jump, security.md §5.5. That of the database is the machine's:
// it is never asked, and what is thrown away by it (Redis) is thrown away late.
func TestClocks(t *testing.T) {
	onAll(t, []raceCase{
		{"CK-01", clocksDiffer},
		{"CK-02", clockJumpsBack},
		{"CK-03", clockJumpsForward},
		{"CK-04", zonesAndPrecision},
	})
}

// fast returns a clock that is ahead of the place's.
func fast(p place, d time.Duration) func(c *config) {
	return func(c *config) { c.clock = func() time.Time { return p.clock.Now().Add(d) } }
}

// Two hosts, the clocks of which are ten minutes apart, and neither of which is that
// of the database: what one begins the other goes on with, what one ends has ended,
// and nobody lives longer or shorter than the clocks differ.
func clocksDiffer(t *testing.T, p place) {
	const apart = 10 * time.Minute
	for name, offset := range map[string]time.Duration{"before the database": -apart / 2, "after the database": apart / 2} {
		t.Run(name, func(t *testing.T) {
			at := newPlace(p.b, "ck-01")
			at.clock.Advance(offset)
			slow, quick := at.open(t, withFactor), at.open(t, withFactor, fast(at, apart))
			for _, hosts := range [][2]*site{{slow, quick}, {quick, slow}} {
				here, there := hosts[0], hosts[1]
				address := map[*site]string{slow: "slow", quick: "quick"}[here] + "@example.com"
				id := here.register(address)
				b := here.browser().mustLogInRemembered(address)
				if b.tab().at(there).who() != id || b.who() != id {
					t.Error("a session is good at one host only")
				}
				at.clock.Advance(30 * time.Minute) // both write that it was used, one after the other
				if b.tab().at(there).who() != id || b.tab().who() != id {
					t.Error("after half an hour the session is good at one host only")
				}
				// The idle time of an hour: over for both when it is over for the slow one.
				at.clock.Advance(time.Hour - apart - time.Minute)
				idle := b.tab()
				for name := range idle.cookies {
					if name[:len("__Host-re")] == "__Host-re" {
						delete(idle.cookies, name)
					}
				}
				if idle.tab().at(slow).who() != id {
					t.Error("the session ends more than the difference too early")
				}
				at.clock.Advance(time.Hour + apart + time.Minute)
				isNobody(t, "after an idle hour and the difference", idle.tab(), idle.tab().at(there))

				// Remembered, restored here and at once there: the overlap of a minute is
				// far exceeded by the difference, see auth.Options.RememberOverlap, but
				// logging in anew is always possible.
				b = here.browser().mustLogIn(address)
				there.must(there.m.RevokeUserSessions(t.Context(), id))
				isNobody(t, "revoked at the other host", b)

				there.owesCode(id)
				half := here.halfDone(address)
				if here == slow { // ten minutes, by which the other is ahead
					if r := half.at(there).post("/auth/code", "code", authtest.Code); r.status != http.StatusUnauthorized {
						t.Errorf("a half-done login that the other host finds too old: %d", r.status)
					}
				} else if r := half.at(there).post("/auth/code", "code", authtest.Code); r.status != http.StatusOK {
					t.Errorf("completing at the other host: %d %s", r.status, r.text)
				}
				half = there.halfDone(address)
				if r := half.post("/auth/code", "code", authtest.Code); r.status != http.StatusOK {
					t.Errorf("beginning anew: %d %s", r.status, r.text)
				}
			}
			// Sweeping by the quick clock takes nothing that lives by the slow one for
			// longer than the difference.
			id := slow.register("swept@example.com")
			b := slow.browser().mustLogIn("swept@example.com")
			at.clock.Advance(time.Hour - apart - time.Minute)
			quick.sweep()
			if b.who() != id {
				t.Error("the quick host has swept away what lives")
			}
		})
	}
}

// The clock goes back by more than an hour, so that whoever logs in now has a session
// that is over by the database's clock: sessions live that much longer and no more, and
// a limit holds that much longer and no more.
func clockJumpsBack(t *testing.T, p place) {
	limited := func(c *config) { c.Limits.Account = auth.Limit{Max: 3, Per: 15 * time.Minute} }
	s := p.open(t, limited)
	id := s.register(email)
	s.register("bob@example.com")
	b := s.browser().mustLogIn(email)
	for range 3 {
		s.browser().logIn("bob@example.com", wrong)
	}
	const back = 65 * time.Minute // Redis keeps what is over for an hour more
	p.clock.Advance(-back)
	if b.who() != id {
		t.Error("the session is gone")
	}
	if n := len(s.live(id)); n != 1 {
		t.Errorf("%d sessions live", n)
	}
	if r := s.browser().logIn("bob@example.com", good); r.status != http.StatusTooManyRequests {
		t.Errorf("the limit is forgotten: %d", r.status)
	}
	now := s.browser().mustLogIn(email)
	if now.who() != id || now.post("/auth/confirm", "password", good).status != http.StatusOK {
		t.Error("who logs in now is not logged in")
	}
	p.clock.Advance(back + 16*time.Minute)
	s.browser().mustLogIn("bob@example.com")
	p.clock.Advance(45 * time.Minute)
	idle := b.tab()
	isNobody(t, "an hour after the clock was right again", idle)
}

// The clock goes forward by years: everybody is out, nothing breaks, and people can
// log in. Lifetimes as long as they can be written down are no shorter for it, and a
// session without an end has ended.
func clockJumpsForward(t *testing.T, p place) {
	s := p.open(t)
	id := s.register(email)
	b := s.browser().mustLogInRemembered(email)
	p.clock.Advance(20 * 365 * 24 * time.Hour)
	for _, path := range []string{"/me", "/fresh", "/auth/session"} {
		if r := b.tab().get(path); r.status != http.StatusUnauthorized {
			t.Errorf("GET %s twenty years later: %d %s", path, r.status, r.text)
		}
	}
	s.sweep()
	if again := s.browser().mustLogInRemembered(email); again.who() != id {
		t.Error("who logs in twenty years later is not logged in")
	}

	for name, now := range map[string]time.Time{"now": p.clock.Now(), "in 2200": time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)} {
		long := newPlace(p.b, "ck-03")
		long.clock.Advance(now.Sub(long.clock.Now()))
		s := long.open(t, func(c *config) { c.IdleTimeout, c.Lifetime = math.MaxInt64, math.MaxInt64 })
		id := s.register(email)
		b := s.browser().mustLogIn(email)
		long.clock.Advance(10 * 365 * 24 * time.Hour)
		if b.who() != id {
			t.Errorf("%s: a session that lasts for ever is over after ten years", name)
		}
	}

	forever := &auth.Session{ID: auth.SessionID{1, 2, 3}, UserID: id, CreatedAt: p.clock.Now(), SeenAt: p.clock.Now()}
	s.must(s.m.Store().CreateSession(t.Context(), forever))
	for _, v := range s.live(id) {
		if v.ID == forever.ID {
			t.Error("a session without an end is listed as alive")
		}
	}
}

// Zones and fractions of a millisecond make no difference.
func zonesAndPrecision(t *testing.T, p place) {
	east, west := time.FixedZone("+1400", 14*3600), time.FixedZone("-1200", -12*3600)
	in := func(zone *time.Location) func(c *config) {
		return func(c *config) { c.clock = func() time.Time { return p.clock.Now().In(zone) } }
	}
	s, elsewhere := p.open(t, in(east)), p.open(t, in(west))
	id := s.register(email)
	p.clock.Advance(p.clock.Now().Truncate(time.Second).Add(time.Second + 999_999*time.Nanosecond).Sub(p.clock.Now()))
	began := p.clock.Now()
	b := s.browser().mustLogIn(email)
	if b.tab().at(elsewhere).who() != id {
		t.Error("a session of the east is not there in the west")
	}
	v := s.live(id)[0]
	if v.CreatedAt.Location() != time.UTC || !v.CreatedAt.Equal(began.Truncate(time.Millisecond)) || !v.ExpiresAt.Equal(v.CreatedAt.Add(time.Hour)) {
		t.Errorf("the session begins %v and ends %v, want %v and an hour later", v.CreatedAt, v.ExpiresAt, began.UTC())
	}
	p.clock.Advance(v.ExpiresAt.Add(-time.Nanosecond).Sub(p.clock.Now()))
	// Not with GET /me: being used, it would live on.
	if n := len(elsewhere.live(id)); n != 1 {
		t.Errorf("a nanosecond before its end %d sessions live", n)
	}
	p.clock.Advance(time.Nanosecond)
	isNobody(t, "at its end", b.tab(), b.tab().at(elsewhere))
}
