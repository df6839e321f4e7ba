package backends_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// The races of what is good once, security.md §5.2.
func TestSingleUseRaces(t *testing.T) {
	onAll(t, []raceCase{
		{"RC-10", func(t *testing.T, p place) { redeemedAtOnce(t, p, p.open(t, withFactor)) }},
		{"RC-11", func(t *testing.T, p place) { redeemedAtOnce(t, p, p.open(t, withFactor), p.open(t, withFactor)) }},
		{"RC-12", guessedAtOnce},
		{"RC-13", replacedMeanwhile},
		{"RC-14", addressesAtOnce},
		{"RC-15", crashAfterRedeeming},
	})
}

func withFactor(c *config) { c.factor = true }

// halfDone returns a browser whose login owes the code.
func (s *site) halfDone(email string) *browser {
	s.t.Helper()
	b := s.browser()
	if r := b.logIn(email, good); r.status == http.StatusOK && b.who() != "" {
		s.t.Fatalf("no factor is owed: %s", r.text)
	}
	return b
}

// owesCode makes the user owe the factor.
func (s *site) owesCode(id string) {
	s.t.Helper()
	c := authtest.CodeCredential(id)
	s.must(s.m.ChangeCredentials(s.t.Context(), id, auth.Change{New: &c}))
}

// Of fifty who complete the same half-done login with the right code exactly one
// is logged in, whichever processes they come to.
func redeemedAtOnce(t *testing.T, p place, sites ...*site) {
	const n = 50
	s := sites[0]
	id := s.register(email)
	s.owesCode(id)
	var all []*faults
	for _, s := range sites {
		all = append(all, s.faults)
	}
	for round := range 3 {
		b := s.halfDone(email)
		tabs := make([]*browser, n)
		for i := range tabs {
			tabs[i] = b.tab().at(sites[i%len(sites)])
		}
		stop := func() {}
		if round < 2 { // all have read it before one of them takes it; then as it comes
			stop = meetAfter(n, "LoadTicket", all...)
		}
		replies := make([]reply, n)
		atOnce(n, func(i int) { replies[i] = tabs[i].post("/auth/code", "code", authtest.Code) })
		stop()
		in := 0
		for _, tab := range tabs {
			if tab.who() != "" {
				in++
			}
		}
		if in != 1 || len(s.live(id)) != 1 {
			t.Errorf("round %d: %d are logged in, %d sessions are kept, want 1 and 1: %d", round, in, len(s.live(id)), statuses(replies))
		}
		s.must(s.m.RevokeUserSessions(t.Context(), id))
	}
}

// Of sixty guesses at once, one of them right, no more than the limit are compared.
func guessedAtOnce(t *testing.T, p place) {
	const n, limit = 60, 10
	s := p.open(t, withFactor, func(c *config) { c.Limits.Account = auth.Limit{Max: limit, Per: 15 * time.Minute} })
	id := s.register(email)
	s.owesCode(id)
	b := s.halfDone(email)
	x := s.faults.On("Count").Meet(n)
	// The right one forgets what it met, and so comes last.
	var wrong sync.WaitGroup
	wrong.Add(n - 1)
	last := s.faults.On("CreateSession").Before(func(context.Context) error { wrong.Wait(); return nil })
	defer last.Stop()
	replies := make([]reply, n)
	atOnce(n, func(i int) {
		if i != n/2 {
			defer wrong.Done()
		}
		code := fmt.Sprintf("%06d", i+1)
		if i == n/2 {
			code = authtest.Code
		}
		tab := b.tab()
		tab.addr = b.addr
		replies[i] = tab.post("/auth/code", "code", code)
	})
	x.Stop()
	compared := count(replies, http.StatusOK)
	for _, r := range replies {
		if r.code() == "bad_credentials" {
			compared++
		}
	}
	if compared > limit || compared < limit-1 { // the right one forgets what it met
		t.Errorf("%d guesses were compared, want %d: %d", compared, limit, statuses(replies))
	}
	if got := count(replies, http.StatusTooManyRequests); got < n-limit-1 {
		t.Errorf("%d guesses were refused unseen, want %d", got, n-limit)
	}
}

// A ticket that replaces another while that is redeemed: the old one dies or wins,
// and of all that were ever issued only the last is left.
func replacedMeanwhile(t *testing.T, p place) {
	s, elsewhere := p.open(t), p.open(t)
	store, now := s.m.Store(), s.m.Now()
	ctx := t.Context()
	put := func(key string) error {
		return elsewhere.m.Store().PutTicket(ctx, auth.Ticket{Purpose: "reset", Key: key, UserID: "ada", Slot: "ada", CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
	}
	s.must(put("1"))
	x := s.faults.On("TakeTicket").Before(func(context.Context) error { return put("2") })
	if _, err := store.TakeTicket(ctx, "reset", "1"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("a ticket that was replaced before it was taken: %v", err)
	}
	x.Stop()
	x = s.faults.On("TakeTicket").After(func(context.Context) error { return put("3") })
	if _, err := store.TakeTicket(ctx, "reset", "2"); err != nil {
		t.Errorf("a ticket that was taken before it was replaced: %v", err)
	}
	x.Stop()
	if _, err := store.TakeTicket(ctx, "reset", "3"); err != nil {
		t.Errorf("the last one: %v", err)
	}

	const n = 24
	var taken atomic.Int64
	atOnce(n, func(i int) {
		if i%2 == 0 {
			if err := put(fmt.Sprint("n", i)); err != nil {
				t.Error(err)
			}
			return
		}
		for j := range n {
			if _, err := store.TakeTicket(ctx, "reset", fmt.Sprint("n", j)); err == nil {
				taken.Add(1)
			} else if !errors.Is(err, auth.ErrNotFound) {
				t.Error(err)
			}
		}
	})
	left := 0
	for i := range n {
		if _, err := store.LoadTicket(ctx, "reset", fmt.Sprint("n", i)); err == nil {
			left++
		}
	}
	if left > 1 || taken.Load() > n/2 {
		t.Errorf("%d tickets are left, want 1 at most; %d were taken of %d", left, taken.Load(), n/2)
	}
}

// Two requests for one user, each with an address of its own: whoever redeems one of
// them gets the address that it was made for.
func addressesAtOnce(t *testing.T, p place) {
	const n = 20
	s, elsewhere := p.open(t), p.open(t)
	now := s.m.Now()
	var redeemed atomic.Int64
	atOnce(n, func(i int) {
		store := []auth.Store{s.m.Store(), elsewhere.m.Store()}[i%2]
		key, address := fmt.Sprint("k", i), []byte(fmt.Sprintf("ada%d@example.com", i))
		err := store.PutTicket(t.Context(), auth.Ticket{Purpose: "address", Key: key, UserID: "ada", Slot: "ada", Data: address, CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
		if err != nil {
			t.Error(err)
			return
		}
		got, err := store.TakeTicket(t.Context(), "address", key)
		switch {
		case err == nil && bytes.Equal(got.Data, address):
			redeemed.Add(1)
		case err == nil:
			t.Errorf("redeeming the ticket for %s gives %s", address, got.Data)
		case !errors.Is(err, auth.ErrNotFound):
			t.Error(err)
		}
	})
	if redeemed.Load() == 0 {
		t.Error("not even the last one can be redeemed")
	}
}

// A process dies at any point of completing a half-done login: nobody is logged in
// by a ticket that can be used again, and whoever begins anew is let in.
func crashAfterRedeeming(t *testing.T, p place) {
	next := p.open(t, withFactor)
	id := next.register(email)
	next.owesCode(id)
	crashes(t, p, func(t *testing.T, s *site, crash func() *fault) {
		b := next.halfDone(email).at(s)
		x := crash()
		r := b.tab().post("/auth/code", "code", authtest.Code)
		if x.Hits() > 0 && r.status < 500 && r.status != http.StatusOK {
			t.Errorf("the status is %d", r.status)
		}
		made := len(next.live(id))
		ticket := slices.ContainsFunc([]*browser{b.tab().at(next)}, func(b *browser) bool {
			return b.post("/auth/code", "code", authtest.Code).status == http.StatusOK
		})
		if made > 0 && ticket {
			t.Error("there is a session, and the ticket that it was made from is good")
		}
		again := next.halfDone(email)
		if r := again.post("/auth/code", "code", authtest.Code); r.status != http.StatusOK || again.who() != id {
			t.Errorf("beginning anew: %d %s", r.status, r.text)
		}
		next.must(next.m.RevokeUserSessions(t.Context(), id))
	}, withFactor)
}
