package backends_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Ten thousand guesses at once are ten thousand, on every store, and so are fewer from
// wherever else they may come.
func TestTenThousand(t *testing.T) {
	onAll(t, []raceCase{
		{"at an account", manyAtOneAccount},
		{"from a network", manyFromOneNetwork},
		{"at somebody", manyAtSomebody},
		{"at a cap", manyAtACap},
		{"from a known browser", manyFromAKnownBrowser},
		{"from a site", manyFromOneSite},
	})
}

// many is how many guesses: at SQLite fewer under the race detector, where its code is
// twenty times as slow.
func many(p place) int {
	if raced && p.b.Name == "SQLite" {
		return 1000
	}
	return 10_000
}

// few is how many guesses where it is not about how many, since each costs a write.
const few = 300

// A guess is at whose account, whose that is, and where it comes from.
type guess struct {
	account, userID, addr string
	cookies               map[string]string
}

// storm makes n guesses, as many at once as a process has connections for, by two
// processes, and returns how many could have been compared.
func storm(t *testing.T, n int, sites []*site, of func(i int) guess) (made int64) {
	t.Helper()
	var allowed, next atomic.Int64
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			s := sites[w%len(sites)]
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				g := of(int(i))
				if g.userID == "" {
					g.userID = s.m.Nobody()
				}
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/auth/login", nil)
				r.RemoteAddr = g.addr
				for name, value := range g.cookies {
					r.AddCookie(&http.Cookie{Name: name, Value: value})
				}
				_, err := s.m.Attempt(r, "password", g.account, g.userID)
				var p *auth.Problem
				switch {
				case err == nil:
					allowed.Add(1)
				case !errors.As(err, &p) || p.Status != http.StatusTooManyRequests:
					t.Errorf("guess %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return allowed.Load()
}

func fromEverywhere(i int) string { return fmt.Sprintf("10.%d.%d.%d:1", i>>16&255, i>>8&255, i&255) }

// atSomebody is a guess at a user, from anywhere.
func atSomebody(userID string) func(i int) guess {
	return func(i int) guess { return guess{account: "user:" + userID, userID: userID, addr: fromEverywhere(i)} }
}

// inBrowser is a guess at a user, from anywhere, with the cookies of a browser.
func inBrowser(userID string, b *browser) func(i int) guess {
	return func(i int) guess {
		g := atSomebody(userID)(i)
		g.cookies = b.cookies
		return g
	}
}

// byDefault gives accounts the limits that they have by default.
func byDefault(c *config) {
	c.Limits.Account, c.Limits.Free = auth.Limit{Max: 10, Per: 15 * time.Minute}, 5
}

// told returns how many events of that name the sites have told of.
func told(name string, sites []*site) (all []auth.Event) {
	for _, s := range sites {
		all = append(all, s.events.Named(name)...)
	}
	return all
}

// At one account the free ones are made, and no other: nor is one when, a moment later,
// all come again, but the one whose turn it is.
func manyAtOneAccount(t *testing.T, p place) {
	sites := []*site{p.open(t, byDefault), p.open(t, byDefault)}
	one := func(i int) guess { return guess{account: "user:ada", addr: fromEverywhere(i)} }
	if n := storm(t, many(p), sites, one); n != 5 {
		t.Errorf("%d of %d guesses at once were made; want 5", n, many(p))
	}
	for range 3 {
		p.clock.Advance(time.Hour)
		if n := storm(t, 100, sites, one); n > 1 {
			t.Errorf("%d at once after a wait; want 1", n)
		}
	}
}

// From one network all but ten are made if the limit is ten less.
func manyFromOneNetwork(t *testing.T, p place) {
	limited := func(c *config) { c.Limits.Network = auth.Limit{Max: int64(many(p)) - 10, Per: time.Minute} }
	sites := []*site{p.open(t, limited), p.open(t, limited)}
	each := func(i int) guess { return guess{account: fmt.Sprint("email:", i%2500), addr: "203.0.113.7:1"} }
	if n := storm(t, many(p), sites, each); n != int64(many(p))-10 {
		t.Errorf("%d of %d guesses at once were made; want all but 10", n, many(p))
	}
}

// What is counted of somebody who is there has no end: a year later, when all that has one
// was swept away, there are no free ones again.
func manyAtSomebody(t *testing.T, p place) {
	sites := []*site{p.open(t, byDefault), p.open(t, byDefault)}
	ada := atSomebody(sites[0].register(email))
	if n := storm(t, few, sites, ada); n != 5 {
		t.Errorf("%d of %d guesses at once were made; want 5", n, few)
	}
	for _, later := range []time.Duration{time.Hour, 400 * 24 * time.Hour} {
		p.clock.Advance(later)
		if _, ok := auth.As[auth.Sweeper](sites[0].m.Store()); ok {
			sites[0].sweep()
		}
		if n := storm(t, 100, sites, ada); n > 1 {
			t.Errorf("%v later %d were made at once; want 1", later, n)
		}
	}
}

// The cap is met by one guess of any number at once, in whichever process, which locks the
// account.
func manyAtACap(t *testing.T, p place) {
	sites := []*site{p.open(t), p.open(t)}
	id := sites[0].register(email)
	for _, want := range []int64{100, 0} {
		if n := storm(t, few, sites, atSomebody(id)); n != want {
			t.Errorf("%d of %d guesses at once were made; want %d", n, few, want)
		}
	}
	if all := told("account.locked", sites); len(all) != 1 || all[0].UserID != id {
		t.Errorf("told: %+v", all)
	}
}

// A known browser and all others share nothing: neither what is free nor the cap, which
// locks no account.
func manyFromAKnownBrowser(t *testing.T, p place) {
	sites := []*site{p.open(t, byDefault), p.open(t, byDefault)}
	id := sites[0].register(email)
	known := inBrowser(id, sites[0].browser().mustLogIn(email))
	for who, guesses := range map[string]func(i int) guess{"strangers": atSomebody(id), "a known browser": known} {
		if n := storm(t, few, sites, guesses); n != 5 {
			t.Errorf("%s made %d of %d guesses at once; want 5", who, n, few)
		}
	}

	sites = []*site{p.open(t), p.open(t)}
	ada := "ada2@example.com"
	id = sites[0].register(ada)
	known = inBrowser(id, sites[0].browser().mustLogIn(ada))
	if n := storm(t, few, sites, known); n != 100 {
		t.Errorf("a known browser made %d of %d guesses at once; want 100", n, few)
	}
	if all := told("account.locked", sites); len(all) != 0 {
		t.Errorf("told: %+v", all)
	}
	sites[1].browser().mustLogIn(ada)
}

// From one IPv6 /48 all but ten are made if its limit is ten less, each from a /64 of its own
// and at an account of its own; from another all are.
func manyFromOneSite(t *testing.T, p place) {
	limited := func(c *config) { c.Limits.Site = auth.Limit{Max: few - 10, Per: time.Hour} }
	sites := []*site{p.open(t, limited), p.open(t, limited)}
	from := func(far int) func(i int) guess {
		return func(i int) guess {
			return guess{account: fmt.Sprint("email:", far, " ", i), addr: fmt.Sprintf("[2001:db8:%x:%x::1]:1", far, i)}
		}
	}
	if n := storm(t, few, sites, from(1)); n != few-10 {
		t.Errorf("%d of %d guesses at once were made; want all but 10", n, few)
	}
	if n := storm(t, 10, sites, from(2)); n != 10 {
		t.Errorf("%d of 10 from another /48 were made; want all", n)
	}
}

// A limiter of its own that is down locks nobody out: a stand-in counts, more strictly.
func TestLimiterOfItsOwnDown(t *testing.T) {
	onAll(t, []raceCase{{"RC-23 split", splitLimiterDown}})
}

func splitLimiterDown(t *testing.T, p place) {
	limiter := authtest.NewFaults(memory.New(nil))
	s := p.open(t, func(c *config) {
		c.Limits = auth.Limits{}
		c.store = func(s auth.Store) auth.Store { return auth.Combine(s, auth.Parts{Limiter: limiter}) }
	})
	s.register(email)
	standsIn(t, p, s, limiter)
}

// standsIn requires that people log in while the limiter is down, and that less is free.
func standsIn(t *testing.T, p place, s *site, limiter *faults) {
	for name, order := range map[string]func(o order) *fault{
		"fails": func(o order) *fault { return o.Fail(errors.New("down")) },
		"lost":  func(o order) *fault { return o.Lose(errors.New("timeout")) },
	} {
		x := order(limiter.On("Count", "Forget"))
		before := s.hasher.verified.Load()
		s.browser().mustLogIn(email)
		if got := s.hasher.verified.Load() - before; got != 1 {
			t.Errorf("%s: a login compares %d passwords", name, got)
		}
		replies := make([]reply, 50)
		browsers := make([]*browser, len(replies))
		for i := range browsers {
			browsers[i] = s.browser()
		}
		atOnce(len(replies), func(i int) { replies[i] = browsers[i].logIn(email, wrong) })
		if n := s.hasher.verified.Load() - before - 1; n != 2 || count(replies, http.StatusTooManyRequests) != len(replies)-2 {
			t.Errorf("%s: %d wrong passwords were compared, want 2: %d", name, n, statuses(replies))
		}
		x.Stop()
		p.clock.Advance(25 * time.Hour)
		s.browser().mustLogIn(email)
		p.clock.Advance(25 * time.Hour)
	}
}

// In the place of what was refused nothing is hashed, whatever refuses it.
func TestNothingIsHashedWhileLimited(t *testing.T) {
	onAll(t, []raceCase{{"limited", nothingIsHashed}})
}

func nothingIsHashed(t *testing.T, p place) {
	s := p.open(t, byDefault)
	s.register(email)
	for _, who := range []string{email, "nobody@example.com"} {
		before := s.hasher.verified.Load()
		for i := range 5 {
			if r := s.browser().logIn(who, wrong); r.status != http.StatusUnauthorized {
				t.Fatalf("%s, guess %d: %d", who, i, r.status)
			}
		}
		for _, pw := range []string{wrong, good} {
			if r := s.browser().logIn(who, pw); r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != "1" ||
				r.header.Get("RateLimit") != `"attempts";r=0;t=1` || r.header.Get("RateLimit-Policy") != `"attempts";q=10;w=900` {
				t.Errorf("%s, too early: %d %v", who, r.status, r.header)
			}
		}
		if n := s.hasher.verified.Load() - before; n != 5 {
			t.Errorf("%s: %d passwords were compared; want 5", who, n)
		}
		p.clock.Advance(time.Second)
		if r := s.browser().logIn(who, wrong); r.status != http.StatusUnauthorized {
			t.Errorf("%s, in time: %d", who, r.status)
		}
	}
	p.clock.Advance(2 * time.Second)
	s.browser().mustLogIn(email)
}
