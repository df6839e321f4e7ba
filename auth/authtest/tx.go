package authtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// errRollBack is what a test's transaction fails with.
type errRollBack struct{}

func (errRollBack) Error() string { return "roll back" }

// write uses every verb that writes, once.
func write(ctx context.Context, s auth.Store) error {
	v, gone := newSession(sid(1), "u"), newSession(sid(2), "u")
	u := newSession(sid(3), "u")
	u.SeenAt = t0().Add(time.Hour)
	_, _, cerr := s.Count(ctx, "k", time.Minute, t0())
	_, terr := s.TakeTicket(ctx, "p", "taken")
	return errors.Join(
		cerr, terr,
		s.CreateSession(ctx, v),
		s.DeleteSession(ctx, gone.ID),
		s.UpdateSession(ctx, u),
		s.DeleteUserSessions(ctx, "ended"),
		s.ChangeCredentials(ctx, create(newCredential("k", "1", "u")), remove(newCredential("k", "2", "u")), relabel(newCredential("k", "3", "u"), "other")),
		s.PutTicket(ctx, newTicket("p", "new", "u", "slot")),
		s.DeleteUserTickets(ctx, "ended"),
		s.Forget(ctx, "forgotten"),
	)
}

// beforeWrite puts what write changes.
func beforeWrite(t *testing.T, s auth.Store) {
	t.Helper()
	keepSession(t, s, newSession(sid(2), "u"))
	keepSession(t, s, newSession(sid(3), "u"))
	keepSession(t, s, newSession(sid(4), "ended"))
	keepCredential(t, s, newCredential("k", "2", "u"))
	keepCredential(t, s, newCredential("k", "3", "u"))
	keepTicket(t, s, newTicket("p", "taken", "u", ""))
	keepTicket(t, s, newTicket("p", "old", "u", "slot"))
	keepTicket(t, s, newTicket("p", "ended", "ended", ""))
	for range 2 {
		_, _, err := s.Count(t.Context(), "forgotten", time.Minute, t0())
		must(t, "Count", err)
	}
}

// checkWritten requires that all that write does is done, or nothing of it.
func checkWritten(t *testing.T, s auth.Store, done bool, rule string) {
	t.Helper()
	ctx := t.Context()
	check := func(what string, err error, there bool) {
		t.Helper()
		if err != nil && !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		} else if (err == nil) != there {
			t.Errorf("%s is there: %v, want %v\n\trule: %s", what, err == nil, there, rule)
		}
	}
	_, err := loadSession(ctx, s, sid(1))
	check("the session that is created", err, done)
	_, err = loadSession(ctx, s, sid(2))
	check("the session that is deleted", err, !done)
	_, err = loadSession(ctx, s, sid(4))
	check("the session of the user whose sessions are deleted", err, !done)
	v, err := loadSession(ctx, s, sid(3))
	check("the session that is updated", err, true)
	if err == nil && (v.Version == 2) != done {
		t.Errorf("the session that is updated has Version %d\n\trule: %s", v.Version, rule)
	}
	_, err = s.LoadCredential(ctx, "k", "1")
	check("the credential that is created", err, done)
	_, err = s.LoadCredential(ctx, "k", "2")
	check("the credential that is deleted", err, !done)
	c, err := s.LoadCredential(ctx, "k", "3")
	check("the credential that is replaced", err, true)
	if err == nil && (c.Version == 2) != done {
		t.Errorf("the credential that is replaced has Version %d\n\trule: %s", c.Version, rule)
	}
	_, err = s.LoadTicket(ctx, "p", "new")
	check("the ticket that is put", err, done)
	_, err = s.LoadTicket(ctx, "p", "old")
	check("the ticket whose slot is taken over", err, !done)
	_, err = s.LoadTicket(ctx, "p", "taken")
	check("the ticket that is taken", err, !done)
	_, err = s.LoadTicket(ctx, "p", "ended")
	check("the ticket of the user whose tickets are deleted", err, !done)
	counts := map[string]int64{"k": 1, "forgotten": 3}
	if done {
		counts = map[string]int64{"k": 2, "forgotten": 1}
	}
	for key, want := range counts {
		checkCount(t, s, key, time.Minute, t0(), want, t0().Add(time.Minute), rule)
	}
}

func txCommits(t *testing.T, s auth.Store, tx transactor) {
	beforeWrite(t, s)
	err := tx.InTx(t.Context(), func(ctx context.Context) error { return write(ctx, s) })
	must(t, "InTx", err)
	checkWritten(t, s, true, "InTx commits if f returns nil")
}

func txRollsBack(t *testing.T, s auth.Store, tx transactor) {
	const rule = "InTx commits only if f returns nil, and returns what f returned"
	beforeWrite(t, s)
	err := tx.InTx(t.Context(), func(ctx context.Context) error {
		if err := write(ctx, s); err != nil {
			t.Errorf("in InTx: %v", err)
		}
		return errRollBack{}
	})
	checkErr(t, "InTx", err, errRollBack{}, rule)
	checkWritten(t, s, false, rule)
}

func txPanic(t *testing.T, s auth.Store, tx transactor) {
	const rule = "InTx commits only if f returns nil: not if it panics, and the panic goes on"
	beforeWrite(t, s)
	func() {
		defer func() {
			if p := recover(); p != (errRollBack{}) {
				t.Errorf("InTx: the panic is %v, want f's\n\trule: %s", p, rule)
			}
		}()
		_ = tx.InTx(t.Context(), func(ctx context.Context) error {
			if err := write(ctx, s); err != nil {
				t.Errorf("in InTx: %v", err)
			}
			panic(errRollBack{})
		})
	}()
	checkWritten(t, s, false, rule)
}

func txJoins(t *testing.T, s auth.Store, tx transactor) {
	const rule = "InTx joins the transaction that ctx is in"
	beforeWrite(t, s)
	err := tx.InTx(t.Context(), func(ctx context.Context) error {
		if err := tx.InTx(ctx, func(ctx context.Context) error { return write(ctx, s) }); err != nil {
			t.Errorf("InTx in InTx: %v", err)
		}
		return errRollBack{}
	})
	checkErr(t, "InTx", err, errRollBack{}, rule)
	checkWritten(t, s, false, rule)

	err = tx.InTx(t.Context(), func(ctx context.Context) error {
		return tx.InTx(ctx, func(ctx context.Context) error {
			_, _, err := s.Count(ctx, "joined", 0, t0())
			return errors.Join(err, errRollBack{})
		})
	})
	checkErr(t, "InTx", err, errRollBack{}, rule)
	checkCount(t, s, "joined", 0, t0(), 1, time.Time{}, rule)

	err = tx.InTx(t.Context(), func(ctx context.Context) error {
		err := tx.InTx(ctx, func(ctx context.Context) error {
			_, _, err := s.Count(ctx, "joined", 0, t0())
			return err
		})
		if err != nil {
			return err
		}
		_, _, err = s.Count(ctx, "joined", 0, t0()) // the outer one goes on
		return err
	})
	must(t, "InTx", err)
	checkCount(t, s, "joined", 0, t0(), 4, time.Time{}, rule)
}

func txReads(t *testing.T, s auth.Store, tx transactor) {
	const rule = "verbs in a transaction see what was written in it"
	beforeWrite(t, s)
	err := tx.InTx(t.Context(), func(ctx context.Context) error {
		if err := write(ctx, s); err != nil {
			return err
		}
		_, err := loadSession(ctx, s, sid(1))
		checkErr(t, "LoadSession of a session that was created", err, nil, rule)
		_, err = loadSession(ctx, s, sid(2))
		checkErr(t, "LoadSession of a session that was deleted", err, auth.ErrNotFound, rule)
		_, err = s.LoadCredential(ctx, "k", "1")
		checkErr(t, "LoadCredential of a credential that was created", err, nil, rule)
		_, err = s.TakeTicket(ctx, "p", "taken")
		checkErr(t, "TakeTicket of a ticket that was taken", err, auth.ErrNotFound, rule)
		if n, _, err := s.Count(ctx, "k", time.Minute, t0()); err != nil || n != 2 {
			t.Errorf("Count is %d, error %v, want 2\n\trule: %s", n, err, rule)
		}
		if list, err := s.UserSessions(ctx, "u"); err != nil || len(list) != 2 {
			t.Errorf("UserSessions: %d, error %v, want 2\n\trule: %s", len(list), err, rule)
		}
		return nil
	})
	must(t, "InTx", err)
}

func txAllOrNone(t *testing.T, s auth.Store, tx transactor) {
	there := keepCredential(t, s, newCredential("k", "there", "u"))
	old := copyCredential(there)
	old.Version = 9
	missing := newCredential("k", "missing", "u")
	failures := []failure{
		{"create what is there", create(there), auth.ErrExists},
		{"delete what is missing", remove(missing), auth.ErrNotFound},
		{"replace what has changed", replace(old, there), auth.ErrConflict},
	}
	allOrNone(t, s, failures, func(changes []auth.Change) (refused error) {
		err := tx.InTx(t.Context(), func(ctx context.Context) error {
			refused = s.ChangeCredentials(ctx, changes...)
			return nil // and commit
		})
		if err != nil {
			t.Errorf("InTx: %v\n\trule: a verb that was refused has changed nothing, and f decides whether to commit", err)
		}
		return refused
	})
}

func txGoesOn(t *testing.T, s auth.Store, tx transactor) {
	const rule = "a verb that is refused leaves the transaction as it was, good for the next verb"
	v := keepSession(t, s, newSession(sid(1), "u"))
	c := keepCredential(t, s, newCredential("k", "1", "u"))
	k := keepTicket(t, s, newTicket("p", "1", "u", "slot"))
	other := keepTicket(t, s, newTicket("p", "2", "u", "other")) // whose slot the refused one asks for
	stale := copySession(v)
	stale.Version = 7
	for i, test := range []struct {
		name string
		want error
		call func(ctx context.Context) error
	}{
		{"CreateSession", auth.ErrExists, func(ctx context.Context) error { return s.CreateSession(ctx, v) }},
		{"LoadSession", auth.ErrNotFound, func(ctx context.Context) error { _, err := loadSession(ctx, s, sid(9)); return err }},
		{"UpdateSession", auth.ErrConflict, func(ctx context.Context) error { return s.UpdateSession(ctx, stale) }},
		{"DeleteSession", auth.ErrNotFound, func(ctx context.Context) error { return s.DeleteSession(ctx, sid(9)) }},
		{"LoadCredential", auth.ErrNotFound, func(ctx context.Context) error { _, err := s.LoadCredential(ctx, "k", "9"); return err }},
		{"ChangeCredentials", auth.ErrExists, func(ctx context.Context) error { return s.ChangeCredentials(ctx, create(c)) }},
		{"PutTicket", auth.ErrExists, func(ctx context.Context) error { return s.PutTicket(ctx, k) }},
		{"PutTicket in a slot", auth.ErrExists, func(ctx context.Context) error { return s.PutTicket(ctx, newTicket("p", "1", "u", "other")) }},
		{"TakeTicket", auth.ErrNotFound, func(ctx context.Context) error { _, err := s.TakeTicket(ctx, "p", "9"); return err }},
		{"Count", auth.ErrInvalid, func(ctx context.Context) error { _, _, err := s.Count(ctx, "a\x00b", 0, t0()); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := tx.InTx(t.Context(), func(ctx context.Context) error {
				if _, _, err := s.Count(ctx, "before", 0, t0()); err != nil {
					return err
				}
				checkErr(t, test.name, test.call(ctx), test.want, "verbs say in a transaction what they say outside")
				_, _, err := s.Count(ctx, "after", 0, t0())
				return err
			})
			if err != nil {
				t.Errorf("InTx with a refused verb in it: %v\n\trule: %s", err, rule)
			}
			for _, key := range []string{"before", "after"} {
				checkCount(t, s, key, 0, t0(), int64(2*i+2), time.Time{}, rule)
			}
		})
	}
	checkLoadSession(t, s, v)
	checkLoadCredential(t, s, c)
	checkHasTicket(t, s, k, rule)
	checkHasTicket(t, s, other, rule)
}

func txEnded(t *testing.T, s auth.Store, tx transactor) {
	for name, ctx := range ended(t) {
		err := tx.InTx(ctx, func(context.Context) error { return nil })
		checkOutage(t, "InTx with a context that is "+name, err, endedRule)
	}
}

func txAtOnce(t *testing.T, s auth.Store, tx transactor) {
	const rule = "transactions that run at once leave what they would have left one after the other, and none fails because of another"
	const n = 12
	errs := atOnce(n, func(i int) error {
		return tx.InTx(t.Context(), func(ctx context.Context) error {
			if _, _, err := s.Count(ctx, "k", 0, t0()); err != nil {
				return err
			}
			c := newCredential("k", fmt.Sprint(i), "u")
			if err := s.ChangeCredentials(ctx, create(c)); err != nil {
				return err
			}
			if i%3 == 0 {
				return errRollBack{}
			}
			return nil
		})
	})
	for i, err := range errs {
		var want error
		if i%3 == 0 {
			want = errRollBack{}
		}
		checkErr(t, "InTx", err, want, rule)
	}
	list, err := s.UserCredentials(t.Context(), "u")
	must(t, "UserCredentials", err)
	if len(list) != n-n/3 {
		t.Errorf("%d credentials, want %d\n\trule: %s", len(list), n-n/3, rule)
	}
	checkCount(t, s, "k", 0, t0(), n-n/3+1, time.Time{}, rule)
}
