package authtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// TestStore tests every rule of [auth.Store]: its four parts, with the suite
// for each, and the abilities that are there. It calls open once for each
// subtest; open returns an empty store.
func TestStore(t *testing.T, open func(t *testing.T) auth.Store) {
	t.Run("Sessions", func(t *testing.T) {
		TestSessionStore(t, func(t *testing.T) auth.SessionStore { return open(t) })
	})
	t.Run("Credentials", func(t *testing.T) {
		TestCredentialStore(t, func(t *testing.T) auth.CredentialStore { return open(t) })
	})
	t.Run("Tickets", func(t *testing.T) {
		TestTicketStore(t, func(t *testing.T) auth.TicketStore { return open(t) })
	})
	t.Run("Limiter", func(t *testing.T) {
		TestLimiter(t, func(t *testing.T) auth.Limiter { return open(t) })
	})
	testAbilities(t, open)
}

// testAbilities tests what needs a whole store.
func testAbilities(t *testing.T, open func(t *testing.T) auth.Store) {
	run := func(name string, f func(t *testing.T, s auth.Store)) {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	run("PartsApart", storePartsApart)
	first := open(t)
	if _, ok := auth.As[auth.Sweeper](first); ok {
		t.Run("Sweep", func(t *testing.T) {
			run := func(name string, f func(t *testing.T, s auth.Store, w auth.Sweeper)) {
				t.Run(name, func(t *testing.T) {
					s := open(t)
					w, _ := auth.As[auth.Sweeper](s)
					f(t, s, w)
				})
			}
			run("Expired", sweepExpired)
			run("Limit", sweepLimit)
			run("Never", sweepNever)
			run("Precision", sweepPrecision)
			run("Slot", sweepSlot)
			run("AfterChanges", sweepAfterChanges)
			run("EndedContext", sweepEnded)
			run("WhileUpdating", sweepWhileUpdating)
		})
	}
	if _, ok := auth.As[transactor](first); ok && oneStore(first) {
		t.Run("InTx", func(t *testing.T) {
			run := func(name string, f func(t *testing.T, s auth.Store, tx transactor)) {
				t.Run(name, func(t *testing.T) {
					s := open(t)
					tx, _ := auth.As[transactor](s)
					f(t, s, tx)
				})
			}
			run("Commits", txCommits)
			run("RollsBack", txRollsBack)
			run("RollsBackOnPanic", txPanic)
			run("Joins", txJoins)
			run("ReadsItsWrites", txReads)
			run("AllOrNoneInside", txAllOrNone)
			run("GoesOnAfterARefusal", txGoesOn)
			run("EndedContext", txEnded)
			run("AtOnce", txAtOnce)
			run("SaysSo", txSays)
		})
	}
}

// transactor is the ability of a store to run verbs in one transaction.
type transactor interface {
	InTx(ctx context.Context, f func(ctx context.Context) error) error
}

// storePartsApart looks for parts that get in one another's way.
func storePartsApart(t *testing.T, s auth.Store) {
	const rule = "sessions, credentials, tickets and counters are different things, whatever their keys"
	v := keepSession(t, s, newSession(sid(1), "u"))
	c := keepCredential(t, s, newCredential("k", "k", "u"))
	k := keepTicket(t, s, newTicket("k", "k", "u", "k"))
	checkCount(t, s, "k", time.Minute, t0(), 1, t0().Add(time.Minute), rule)

	must(t, "DeleteUserTickets", s.DeleteUserTickets(t.Context(), "u"))
	checkLoadSession(t, s, v)
	checkLoadCredential(t, s, c)
	keepTicket(t, s, k)
	must(t, "DeleteUserSessions", s.DeleteUserSessions(t.Context(), "u"))
	checkLoadCredential(t, s, c)
	checkHasTicket(t, s, k, rule)
	must(t, "Forget", s.Forget(t.Context(), "k"))
	checkLoadCredential(t, s, c)
	checkHasTicket(t, s, k, rule)
	checkCount(t, s, "k", time.Minute, t0(), 1, t0().Add(time.Minute), rule)
	must(t, "delete", s.ChangeCredentials(t.Context(), remove(c)))
	checkHasTicket(t, s, k, rule)
	checkCount(t, s, "k", time.Minute, t0(), 2, t0().Add(time.Minute), rule)
}

// fill puts n things of each sort into the store that expire at the given
// time. name tells fills apart.
func fill(t *testing.T, s auth.Store, name string, n int, expires time.Time) {
	t.Helper()
	for i := range n {
		v := newSession(sid(int(name[0]), i), name)
		v.ExpiresAt = expires
		keepSession(t, s, v)
		c := newCredential(name, fmt.Sprint(i), name)
		c.ExpiresAt = expires
		keepCredential(t, s, c)
		k := newTicket(name, fmt.Sprint(i), name, "")
		k.ExpiresAt = expires
		keepTicket(t, s, k)
		_, _, err := s.Count(t.Context(), fmt.Sprint(name, i), time.Minute, expires.Add(-time.Minute))
		must(t, "Count", err)
	}
}

// left says how many of what fill has put are there: sessions, credentials,
// tickets, counters. It counts, so a store is looked at once.
func left(t *testing.T, s auth.Store, name string, n int, expires time.Time) (l [4]int) {
	t.Helper()
	there := func(err error) int {
		if err != nil && !errors.Is(err, auth.ErrNotFound) {
			t.Fatal(err)
		}
		if err != nil {
			return 0
		}
		return 1
	}
	for i := range n {
		_, err := loadSession(t.Context(), s, sid(int(name[0]), i))
		l[0] += there(err)
		_, err = s.LoadCredential(t.Context(), name, fmt.Sprint(i))
		l[1] += there(err)
		_, err = s.LoadTicket(t.Context(), name, fmt.Sprint(i))
		l[2] += there(err)
		count, _, err := s.Count(t.Context(), fmt.Sprint(name, i), time.Minute, expires.Add(-time.Millisecond))
		must(t, "Count", err)
		if count > 1 {
			l[3]++
		}
	}
	return l
}

func sweepExpired(t *testing.T, s auth.Store, w auth.Sweeper) {
	now := t0()
	long, just, soon, far := now.Add(-1e4*time.Hour), now.Add(-time.Millisecond), now.Add(time.Millisecond), t1()
	fill(t, s, "long", 3, long)
	fill(t, s, "just", 2, just)
	fill(t, s, "soon", 2, soon)
	fill(t, s, "far", 3, far)
	n, err := w.Sweep(t.Context(), now, 100)
	must(t, "Sweep", err)
	if n != 4*5 {
		t.Errorf("Sweep deleted %d, want 20: 5 sessions, credentials, tickets and counters\n\trule: Sweep returns how many it deleted", n)
	}
	for _, test := range []struct {
		name    string
		n       int
		expires time.Time
		want    [4]int
		rule    string
	}{
		{"long", 3, long, [4]int{}, "Sweep deletes what had expired at now"},
		{"just", 2, just, [4]int{}, "Sweep deletes what had expired at now"},
		{"soon", 2, soon, [4]int{2, 2, 2, 2}, "Sweep deletes nothing that had not expired at now"},
		{"far", 3, far, [4]int{3, 3, 3, 3}, "Sweep deletes nothing that had not expired at now"},
	} {
		if got := left(t, s, test.name, test.n, test.expires); got != test.want {
			t.Errorf("sessions, credentials, tickets, counters left that expire at %v, swept at %v: %d, want %d\n\trule: %s", test.expires, now, got, test.want, test.rule)
		}
	}
	// The lists do not have them either, and their names are free.
	checkUserSessions(t, s, "long", "Sweep deletes what had expired at now")
	checkUserCredentials(t, s, "long", "Sweep deletes what had expired at now")
	keepSession(t, s, newSession(sid(int('l'), 0), "long"))
	keepCredential(t, s, newCredential("long", "0", "long"))
	keepTicket(t, s, newTicket("long", "0", "long", ""))
}

func sweepLimit(t *testing.T, s auth.Store, w auth.Sweeper) {
	const rule = "Sweep deletes at most limit things of each sort, and returns how many it deleted"
	const n = 5
	expired := t0().Add(-time.Hour)
	fill(t, s, "x", n, expired)
	if got, err := w.Sweep(t.Context(), t0(), 0); err != nil || got != 0 {
		t.Errorf("Sweep with limit 0 deleted %d, error %v, want 0\n\trule: %s", got, err, rule)
	}
	rest := n
	for _, want := range []int{2, 2, 1, 0} {
		got, err := w.Sweep(t.Context(), t0(), 2)
		must(t, "Sweep", err)
		if got != 4*want {
			t.Errorf("Sweep with limit 2 of %d things of each of four sorts deleted %d, want %d\n\trule: %s", rest, got, 4*want, rule)
		}
		rest -= want
		for i, sort := range []string{"sessions", "credentials"} {
			list, err := s.UserSessions(t.Context(), "x")
			must(t, "UserSessions", err)
			there := len(list)
			if i == 1 {
				list, err := s.UserCredentials(t.Context(), "x")
				must(t, "UserCredentials", err)
				there = len(list)
			}
			if there != rest {
				t.Errorf("%d %s left, want %d\n\trule: %s", there, sort, rest, rule)
			}
		}
	}
	if got := left(t, s, "x", n, expired); got != [4]int{} {
		t.Errorf("sessions, credentials, tickets, counters left: %d, want none\n\trule: %s", got, rule)
	}
}

func sweepNever(t *testing.T, s auth.Store, w auth.Sweeper) {
	const rule = "what never expires stays"
	c := newCredential("k", "1", "u")
	c.ExpiresAt = time.Time{}
	keepCredential(t, s, c)
	checkCount(t, s, "k", 0, t0(), 1, time.Time{}, rule)
	for _, now := range []time.Time{{}, time.Unix(0, 0), t0(), t1(), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} {
		if n, err := w.Sweep(t.Context(), now, 100); err != nil || n != 0 {
			t.Errorf("Sweep at %v deleted %d, error %v, want 0\n\trule: %s", now, n, err, rule)
		}
	}
	checkLoadCredential(t, s, c)
	checkCount(t, s, "k", 0, t0(), 2, time.Time{}, rule)
}

func sweepPrecision(t *testing.T, s auth.Store, w auth.Sweeper) {
	const rule = "Sweep deletes what had expired at now, in whatever zone now is"
	expires := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	west := time.FixedZone("-0800", -8*3600)
	fill(t, s, "x", 1, expires)
	if n, err := w.Sweep(t.Context(), expires.Add(-time.Minute).In(time.FixedZone("+0900", 9*3600)), 10); err != nil || n != 0 {
		t.Errorf("Sweep a minute before the end, in the east, deleted %d, error %v, want 0\n\trule: %s", n, err, rule)
	}
	if n, err := w.Sweep(t.Context(), expires.Add(time.Minute).In(west), 10); err != nil || n != 4 {
		t.Errorf("Sweep a minute after the end, in the west, deleted %d, error %v, want 4\n\trule: %s", n, err, rule)
	}
}

func sweepSlot(t *testing.T, s auth.Store, w auth.Sweeper) {
	const rule = "a swept ticket leaves nothing behind: its slot is free"
	old := newTicket("p", "1", "u", "slot")
	old.ExpiresAt = t0().Add(-time.Hour)
	keepTicket(t, s, old)
	_, err := w.Sweep(t.Context(), t0(), 10)
	must(t, "Sweep", err)
	checkNoTicket(t, s, "p", "1", "Sweep deletes what had expired at now")
	again := keepTicket(t, s, newTicket("p", "1", "u", ""))
	keepTicket(t, s, newTicket("p", "2", "u", "slot"))
	checkHasTicket(t, s, again, rule)
}

// sweepAfterChanges looks for an index that was written once.
func sweepAfterChanges(t *testing.T, s auth.Store, w auth.Sweeper) {
	const rule = "Sweep goes by when a thing expires, and not by when it once was to"
	ctx, past, now, far := t.Context(), t0(), t0().Add(time.Hour), t1()

	longer, shorter := newSession(sid(1), "u"), newSession(sid(2), "u")
	longer.ExpiresAt, shorter.ExpiresAt = past, far
	for _, v := range []*auth.Session{longer, shorter} {
		keepSession(t, s, v)
		u := copySession(v)
		if u.ExpiresAt = far; v == shorter {
			u.ExpiresAt = past
		}
		must(t, "UpdateSession", s.UpdateSession(ctx, u))
	}
	ends := map[string][2]time.Time{"longer": {past, far}, "to never": {past, {}}, "shorter": {far, past}, "from never": {{}, past}}
	for key, end := range ends {
		c := newCredential("k", key, "u")
		c.ExpiresAt = end[0]
		keepCredential(t, s, c)
		d := copyCredential(c)
		d.ExpiresAt = end[1]
		must(t, "ChangeCredentials", s.ChangeCredentials(ctx, replace(c, d)))
	}
	for _, at := range []time.Time{past.Add(-time.Minute), now} { // its window ends at past, and begins anew
		_, _, err := s.Count(ctx, "anew", time.Minute, at)
		must(t, "Count", err)
	}
	_, _, err := s.Count(ctx, "again", 0, past)
	must(t, "Count", err)
	must(t, "Forget", s.Forget(ctx, "again"))
	_, _, err = s.Count(ctx, "again", time.Minute, past.Add(-time.Hour))
	must(t, "Count", err)

	n, err := w.Sweep(ctx, now, 100)
	must(t, "Sweep", err)
	if n != 4 {
		t.Errorf("Sweep deleted %d, want 4: a session, two credentials and a counter\n\trule: %s", n, rule)
	}
	checkUserSessions(t, s, "u", rule, longer.ID)
	checkUserCredentials(t, s, "u", rule, "k/longer", "k/to never")
	checkCount(t, s, "anew", time.Minute, now, 2, now.Add(time.Minute), rule)
	checkCount(t, s, "again", time.Minute, now, 1, now.Add(time.Minute), rule)
}

func sweepEnded(t *testing.T, s auth.Store, w auth.Sweeper) {
	expired := t0().Add(-time.Hour)
	fill(t, s, "x", 2, expired)
	for name, ctx := range ended(t) {
		_, err := w.Sweep(ctx, t0(), 10)
		checkOutage(t, "Sweep with a context that is "+name, err, endedRule)
	}
	if got := left(t, s, "x", 2, expired); got != [4]int{2, 2, 2, 2} {
		t.Errorf("sessions, credentials, tickets, counters left: %d, want 2 of each\n\trule: %s", got, endedRule)
	}
}

func sweepWhileUpdating(t *testing.T, s auth.Store, w auth.Sweeper) {
	const rule = "Sweep never deletes a session that is being given more time, nor makes its update fail other than with ErrNotFound"
	for round := range 10 {
		v := newSession(sid(round), "u")
		v.ExpiresAt = t0().Add(-time.Second)
		keepSession(t, s, v)
		u := copySession(v)
		u.ExpiresAt = t1()
		errs := atOnce(4, func(i int) error {
			if i == 0 {
				return s.UpdateSession(t.Context(), u)
			}
			_, err := w.Sweep(t.Context(), t0(), 10)
			if err != nil {
				t.Errorf("Sweep: %v", err)
			}
			return nil
		})
		_, err := loadSession(t.Context(), s, v.ID)
		switch updated := errs[0]; {
		case updated == nil && err != nil:
			t.Errorf("the session was updated and is gone: %v\n\trule: %s", err, rule)
		case errors.Is(updated, auth.ErrNotFound):
			checkErr(t, "LoadSession", err, auth.ErrNotFound, "an update never brings a session back")
		case updated != nil:
			t.Errorf("UpdateSession: %v\n\trule: %s", updated, rule)
		}
	}
}
