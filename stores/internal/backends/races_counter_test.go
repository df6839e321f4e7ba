package backends_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The races of counters, security.md §5.3.
func TestCounterRaces(t *testing.T) {
	onAll(t, []raceCase{
		{"RC-20", wrongAtOnce},
		{"RC-21", networkAtOnce},
		{"RC-22", successAmongFailures},
		{"RC-23", limiterDown},
	})
}

// Of a hundred wrong passwords at once, sent from everywhere to two processes, no
// more than the limit are compared; the account is limited then, for the right one
// as well.
func wrongAtOnce(t *testing.T, p place) {
	const n, limit = 100, 10
	limited := func(c *config) { c.Limits.Account = auth.Limit{Max: limit, Per: 15 * time.Minute} }
	sites := []*site{p.open(t, limited), p.open(t, limited)}
	sites[0].register(email)
	before := sites[0].hasher.verified.Load() + sites[1].hasher.verified.Load()
	x := sites[0].faults.On("LoadCredential").MeetAfter(n / 2)
	replies := make([]reply, n)
	browsers := make([]*browser, n)
	for i := range browsers {
		browsers[i] = sites[i%2].browser()
	}
	atOnce(n, func(i int) { replies[i] = browsers[i].logIn(email, wrong) })
	x.Stop()
	compared := sites[0].hasher.verified.Load() + sites[1].hasher.verified.Load() - before
	if compared != limit || count(replies, http.StatusUnauthorized) != limit || count(replies, http.StatusTooManyRequests) != n-limit {
		t.Errorf("%d passwords were compared, want %d: %d", compared, limit, statuses(replies))
	}
	for _, s := range sites {
		if r := s.browser().logIn(email, good); r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" {
			t.Errorf("the right password afterwards: %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
		}
	}
	p.clock.Advance(16 * time.Minute)
	sites[1].browser().mustLogIn(email)
}

// The same from one network at as many accounts.
func networkAtOnce(t *testing.T, p place) {
	const n, limit = 60, 20
	s := p.open(t, func(c *config) { c.Limits.Network = auth.Limit{Max: limit, Per: time.Minute} })
	before := s.hasher.verified.Load()
	x := s.faults.On("Count").Meet(n)
	replies := make([]reply, n)
	browsers := make([]*browser, n)
	for i := range browsers {
		browsers[i] = s.browser()
		browsers[i].addr = "203.0.113.7:1234"
	}
	atOnce(n, func(i int) { replies[i] = browsers[i].logIn(fmt.Sprintf("nobody%d@example.com", i), wrong) })
	x.Stop()
	if got := s.hasher.verified.Load() - before; got != limit || count(replies, http.StatusTooManyRequests) != n-limit {
		t.Errorf("%d passwords were compared, want %d: %d", got, limit, statuses(replies))
	}
	if r := s.browser().logIn("nobody@example.com", wrong); r.status != http.StatusUnauthorized {
		t.Errorf("from elsewhere: %d", r.status)
	}
}

// A success forgets what was counted for the account until then, nothing that was
// counted for the network, and nothing that comes after it.
func successAmongFailures(t *testing.T, p place) {
	const limit = 5
	s := p.open(t, func(c *config) {
		c.Limits.Account = auth.Limit{Max: limit, Per: 15 * time.Minute}
		c.Limits.Network = auth.Limit{Max: 3 * limit, Per: time.Minute}
	})
	s.register(email)
	guess := func() int { return s.browser().logIn(email, wrong).status }
	for range limit - 1 {
		if got := guess(); got != http.StatusUnauthorized {
			t.Fatalf("a guess below the limit: %d", got)
		}
	}
	// One guess in the middle of the success, before it forgets, and one after it.
	for name, order := range map[string]func(do func(context.Context) error) *fault{
		"before": s.faults.On("Forget").At(1).Before,
		"after":  s.faults.On("Forget").At(1).After,
	} {
		var meanwhile int
		x := order(func(context.Context) error { meanwhile = guess(); return nil })
		if r := s.browser().logIn(email, good); r.status != http.StatusOK {
			t.Fatalf("%s: the right password: %d", name, r.status)
		}
		x.Stop()
		allowed := 0
		for allowed < 2*limit && guess() == http.StatusUnauthorized {
			allowed++
		}
		want := limit
		if name == "after" && meanwhile == http.StatusUnauthorized {
			want-- // that one counts
		}
		if x.Hits() != 1 || allowed != want {
			t.Errorf("%s: %d guesses are free after a success, want %d", name, allowed, want)
		}
		p.clock.Advance(16 * time.Minute)
	}
	s.browser().mustLogIn(email)
	p.clock.Advance(2 * time.Minute)
	one := s.browser()
	from := func(pw string) int {
		b := s.browser()
		b.addr = one.addr
		return b.logIn(email, pw).status
	}
	failed := 0
	for i := range 6 * limit {
		pw := wrong
		if i%limit == limit-1 {
			pw = good
		}
		if from(pw) == http.StatusUnauthorized {
			failed++
		}
	}
	if failed < 2*limit || failed > 3*limit {
		t.Errorf("%d wrong answers from one network among right ones; want no more than %d", failed, 3*limit)
	}
}

// While nothing can be counted nobody can guess, and nobody is let in: unless the
// limiter is a part of its own, for which there is a stand-in.
func limiterDown(t *testing.T, p place) {
	if p.b.Name == "Redis" {
		s := p.open(t, func(c *config) { c.Limits = auth.Limits{} })
		s.register(email)
		standsIn(t, p, s, s.faults)
		return
	}
	s := p.open(t)
	s.register(email)
	b := s.browser().mustLogIn(email)
	for name, order := range map[string]func(o order) *fault{
		"fails": func(o order) *fault { return o.Fail(errors.New("down")) },
		"lost":  func(o order) *fault { return o.Lose(context.DeadlineExceeded) },
	} {
		before := s.hasher.verified.Load()
		x := order(s.faults.On("Count"))
		for _, pw := range []string{good, wrong} {
			if r := s.browser().logIn(email, pw); r.status != http.StatusServiceUnavailable || r.sets("sid") {
				t.Errorf("%s: a login: %d", name, r.status)
			}
		}
		if r := b.tab().post("/auth/confirm", "password", good); r.status != http.StatusServiceUnavailable {
			t.Errorf("%s: a confirmation: %d", name, r.status)
		}
		x.Stop()
		if got := s.hasher.verified.Load() - before; got != 0 || x.Hits() == 0 {
			t.Errorf("%s: %d passwords were compared", name, got)
		}
		if b.who() == "" {
			t.Errorf("%s: who was logged in is not", name)
		}
		s.browser().mustLogIn(email)
	}
}
