package authtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

// expiring appends a record of u for each of these times after t0 that it expires at; of
// 0 it never does.
func expiring(t *testing.T, s audit.Store, after ...time.Duration) {
	t.Helper()
	for i, d := range after {
		r := newRecord(d.String(), "", "u")
		r.At = t0().Add(-time.Duration(i) * time.Second)
		if r.ExpiresAt = t0().Add(d); d == 0 {
			r.ExpiresAt = time.Time{}
		}
		keepRecord(t, s, r)
	}
}

func auditSweep(t *testing.T, s audit.Store, w auth.Sweeper) {
	const rule = "Sweep deletes the records that had expired at now, and returns how many; what never expires stays"
	expiring(t, s, -time.Hour, -time.Millisecond, time.Millisecond, time.Hour, 0)
	for _, test := range []struct {
		at   time.Duration
		n    int
		left []string
	}{
		{-2 * time.Hour, 0, []string{"-1h0m0s", "-1ms", "1ms", "1h0m0s", "0s"}},
		{0, 2, []string{"1ms", "1h0m0s", "0s"}},
		{time.Millisecond, 1, []string{"1h0m0s", "0s"}},
		{1 << 60, 1, []string{"0s"}},
	} {
		n, err := w.Sweep(t.Context(), t0().Add(test.at), 100)
		if n != test.n || err != nil {
			t.Errorf("Sweep at %v: %d, error %v, want %d\n\trule: %s", test.at, n, err, test.n, rule)
		}
		checkRecords(t, s, "", "u", rule, test.left...)
	}
	keepRecord(t, s, newRecord("-1ms", "", "u")) // its ID is free
}

func auditSweepLimit(t *testing.T, s audit.Store, w auth.Sweeper) {
	const rule = "Sweep deletes at most limit records, and with a limit of 0 none"
	for i := range 5 {
		expiring(t, s, -time.Hour-time.Duration(i))
	}
	for _, test := range [][2]int{{0, 0}, {2, 2}, {2, 2}, {2, 1}, {2, 0}} {
		if n, err := w.Sweep(t.Context(), t0(), test[0]); n != test[1] || err != nil {
			t.Errorf("Sweep with limit %d: %d, error %v, want %d\n\trule: %s", test[0], n, err, test[1], rule)
		}
	}
	checkRecords(t, s, "", "u", rule)
}

func auditSweepEnded(t *testing.T, s audit.Store, w auth.Sweeper) {
	expiring(t, s, -time.Hour)
	for name, ctx := range ended(t) {
		_, err := w.Sweep(ctx, t0(), 10)
		checkOutage(t, "Sweep "+name, err, endedRule)
	}
	checkRecords(t, s, "", "u", endedRule, "-1h0m0s")
}

func writeRecords(ctx context.Context, s audit.Store) error {
	if err := errors.Join(s.Append(ctx, newRecord("new", "", "u")), s.DeleteUser(ctx, "", "deleted")); err != nil {
		return err
	}
	list, err := s.UserRecords(ctx, "", "u", "", 10)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%d records in the transaction that one was appended in", len(list))
	}
	return err
}

func auditCommits(t *testing.T, s audit.Store, tx transactor) {
	keepRecord(t, s, newRecord("1", "", "deleted"))
	must(t, "InTx", tx.InTx(t.Context(), func(ctx context.Context) error { return writeRecords(ctx, s) }))
	checkRecords(t, s, "", "u", joinRule, "new")
	checkRecords(t, s, "", "deleted", joinRule)
}

func auditRollsBack(t *testing.T, s audit.Store, tx transactor) {
	keepRecord(t, s, newRecord("1", "", "deleted"))
	err := tx.InTx(t.Context(), func(ctx context.Context) error {
		if err := writeRecords(ctx, s); err != nil {
			t.Errorf("in InTx: %v", err)
		}
		return errRollBack{}
	})
	checkErr(t, "InTx", err, errRollBack{}, joinRule)
	checkRecords(t, s, "", "u", joinRule)
	checkRecords(t, s, "", "deleted", joinRule, "1")
}

func auditGoesOn(t *testing.T, s audit.Store, tx transactor) {
	const rule = "a verb that is refused leaves the transaction as it was, good for the next verb"
	r := keepRecord(t, s, newRecord("1", "", "u"))
	err := tx.InTx(t.Context(), func(ctx context.Context) error {
		if err := s.Append(ctx, newRecord("before", "", "v")); err != nil {
			return err
		}
		checkErr(t, "Append of what is there", s.Append(ctx, r), auth.ErrExists, "verbs say in a transaction what they say outside")
		checkErr(t, "Append of what cannot be kept", s.Append(ctx, audit.Record{}), auth.ErrInvalid, "verbs say in a transaction what they say outside")
		return s.Append(ctx, newRecord("after", "", "v"))
	})
	must(t, "InTx", err)
	checkRecords(t, s, "", "v", rule, "before", "after")
}
