package authtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

func outboxPostpone(t *testing.T, s outbox.Store) {
	const rule = "Postpone makes an entry due at e.DueAt, and keeps e.Data; the rest of e is not looked at"
	e := keepEntry(t, s, newEntry("1", "", "u"))
	keepEntry(t, s, newEntry("2", "other", "u"))
	got := claimOne(t, s, "", t0(), t1())
	later := t0().Add(time.Hour)
	given := outbox.Entry{ID: got.ID, Version: got.Version, DueAt: later, Data: []byte("next"), Realm: "other", Kind: "other", To: "other", UserID: "other", Attempts: 9}
	must(t, "Postpone", s.Postpone(t.Context(), given))
	if list := claim(t, s, "", later.Add(-time.Millisecond), t1(), 10); len(list) != 0 {
		t.Errorf("Claim before: %d entries, want 0\n\trule: %s", len(list), rule)
	}
	want := claimed(e, t1(), 2)
	want.Data, want.Version = []byte("next"), 4 // enqueued, claimed, postponed, claimed
	got = claimOne(t, s, "", later, t1())
	checkEntry(t, "Claim of what was postponed", got, want)
	got.DueAt, got.Data = later, nil
	must(t, "Postpone without Data", s.Postpone(t.Context(), got))
	checkData(t, "Claim of what was postponed without Data", claimOne(t, s, "", later, t1()).Data, nil)
	checkEntries(t, s, "other", "Postpone changes no other entry", "2")
}

func outboxPostponeUnclaimed(t *testing.T, s outbox.Store) {
	const rule = "Postpone makes an entry due at e.DueAt, with Version 1 also one that nobody has claimed: before or after it was"
	e := newEntry("1", "", "u")
	e.DueAt = t0().Add(time.Hour)
	e.Version = 1
	keepEntry(t, s, e)
	e.DueAt = t0()
	must(t, "Postpone to an earlier time", s.Postpone(t.Context(), e))
	want := claimed(e, t0(), 1)
	want.Version = 3 // enqueued, postponed, claimed
	checkEntry(t, "Claim of what was made due earlier", claimOne(t, s, "", t0(), t0()), want)

	e = newEntry("2", "other", "u")
	e.Version = 1
	keepEntry(t, s, e)
	later := e
	later.DueAt = t0().Add(time.Hour)
	must(t, "Postpone to a later time", s.Postpone(t.Context(), later))
	if list := claim(t, s, "other", t0(), t1(), 10); len(list) != 0 {
		t.Errorf("Claim of what is due later: %d entries, want 0\n\trule: %s", len(list), rule)
	}
	checkErr(t, "Postpone with the Version before", s.Postpone(t.Context(), e), auth.ErrConflict, rule)
}

func outboxPostponeConflict(t *testing.T, s outbox.Store) {
	const rule = "Postpone gives ErrConflict, and nothing is changed, if the Version is another: it was claimed anew, or postponed"
	keepEntry(t, s, newEntry("1", "", "u"))
	got := claimOne(t, s, "", t0(), t0().Add(time.Minute))
	must(t, "Postpone", s.Postpone(t.Context(), got))
	for _, version := range []int64{got.Version, 1, 0, -1, got.Version + 2} {
		e := got
		e.Version, e.DueAt, e.Data = version, t1(), []byte("lost")
		checkErr(t, fmt.Sprintf("Postpone of Version %d", version), s.Postpone(t.Context(), e), auth.ErrConflict, rule)
	}
	want := claimed(newEntry("1", "", "u"), t1(), 2)
	want.Version = 4
	checkEntry(t, "Claim", claimOne(t, s, "", t0().Add(time.Minute), t1()), want)
}

func outboxPostponeNotFound(t *testing.T, s outbox.Store) {
	const rule = "Postpone gives ErrNotFound if the entry is not there"
	keepEntry(t, s, newEntry("1", "", "u"))
	got := claimOne(t, s, "", t0(), t1())
	must(t, "Done", s.Done(t.Context(), got))
	checkErr(t, "Postpone of what is done", s.Postpone(t.Context(), got), auth.ErrNotFound, rule)
	for _, text := range append(badKeys(), texts()...) {
		checkErr(t, "Postpone of "+text.name, s.Postpone(t.Context(), outbox.Entry{ID: text.s, Version: 1, DueAt: t0()}), auth.ErrNotFound, rule)
	}
	checkEntries(t, s, "", "Postpone makes no entry")
}

func outboxPostponeInvalid(t *testing.T, s outbox.Store) {
	const rule = "Postpone gives ErrInvalid for Data that is too long, and no DueAt, and changes nothing"
	e := keepEntry(t, s, newEntry("1", "", "u"))
	got := claimOne(t, s, "", t0(), t0())
	long, never := got, got
	long.Data, never.DueAt = make([]byte, 1<<16), time.Time{}
	checkErr(t, "Postpone with Data of 65,536 bytes", s.Postpone(t.Context(), long), auth.ErrInvalid, rule)
	checkErr(t, "Postpone without DueAt", s.Postpone(t.Context(), never), auth.ErrInvalid, rule)
	checkEntry(t, "Claim", claimOne(t, s, "", t0(), t0()), claimed(e, t0(), 2))
}

func outboxDone(t *testing.T, s outbox.Store) {
	const rule = "Done removes the entry, whose ID is free then, and no other; it looks at ID and Version only"
	for _, id := range []string{"1", "2"} {
		keepEntry(t, s, newEntry(id, "", "u"))
	}
	list := claim(t, s, "", t0(), t0(), 1)
	if len(list) == 0 {
		t.Fatalf("Claim: no entry, want 1\n\trule: %s", enqueueRule)
	}
	got := list[0]
	must(t, "Done", s.Done(t.Context(), outbox.Entry{ID: got.ID, Version: got.Version}))
	checkEntries(t, s, "", rule, "2")
	keepEntry(t, s, newEntry("1", "", "u"))
	checkEntries(t, s, "", rule, "1", "2")
}

func outboxDoneConflict(t *testing.T, s outbox.Store) {
	const rule = "Done gives ErrConflict, and nothing is changed, if the Version is another"
	keepEntry(t, s, newEntry("1", "", "u"))
	got := claimOne(t, s, "", t0(), t0())
	must(t, "Postpone", s.Postpone(t.Context(), got))
	for _, version := range []int64{got.Version, 1, 0, -1, got.Version + 2} {
		checkErr(t, fmt.Sprintf("Done of Version %d", version), s.Done(t.Context(), outbox.Entry{ID: "1", Version: version}), auth.ErrConflict, rule)
	}
	checkEntries(t, s, "", rule, "1")
}

func outboxDoneNotFound(t *testing.T, s outbox.Store) {
	const rule = "Done gives ErrNotFound if the entry is not there"
	keepEntry(t, s, newEntry("1", "", "u"))
	got := claimOne(t, s, "", t0(), t1())
	must(t, "Done", s.Done(t.Context(), got))
	checkErr(t, "Done of what is done", s.Done(t.Context(), got), auth.ErrNotFound, rule)
	for _, text := range append(badKeys(), texts()...) {
		checkErr(t, "Done of "+text.name, s.Done(t.Context(), outbox.Entry{ID: text.s, Version: 1}), auth.ErrNotFound, rule)
	}
}

func outboxDoneAtOnce(t *testing.T, s outbox.Store) {
	const rule = "of any number of callers with one Version exactly one changes the entry"
	keepEntry(t, s, newEntry("1", "", "u"))
	got := claimOne(t, s, "", t0(), t0())
	errs := atOnce(callers, func(int) error { return s.Postpone(t.Context(), got) })
	checkOne(t, "Postpone", errs, auth.ErrConflict, rule)
	got = claimOne(t, s, "", t0(), t0())
	errs = atOnce(callers, func(int) error { return s.Done(t.Context(), got) })
	checkOne(t, "Done", errs, auth.ErrNotFound, rule)
}

func outboxDeleteUser(t *testing.T, s outbox.Store) {
	const rule = "DeleteUser removes all entries of the realm that are for the user, claimed or not, and no others"
	keepEntry(t, s, newEntry("claimed", "", "u"))
	held := claimOne(t, s, "", t0(), t0())
	keepEntry(t, s, newEntry("waiting", "", "u"))
	later := newEntry("later", "", "u")
	later.DueAt = t1()
	keepEntry(t, s, later)
	keepEntry(t, s, newEntry("other realm", "realm", "u"))
	keepEntry(t, s, newEntry("nobody", "", ""))
	others := []string{"nobody"}
	for _, text := range texts() {
		id := "of " + text.name
		keepEntry(t, s, newEntry(id, "", text.s))
		others = append(others, id)
	}
	must(t, "DeleteUser", s.DeleteUser(t.Context(), "", "u"))
	checkErr(t, "Done of what was deleted", s.Done(t.Context(), held), auth.ErrNotFound, rule)
	checkEntries(t, s, "", rule, slices.Clone(others)...)
	checkEntries(t, s, "realm", rule, "other realm")
	must(t, "DeleteUser", s.DeleteUser(t.Context(), "", "ada"))
	checkEntries(t, s, "", rule, slices.Delete(slices.Clone(others), 1, 2)...)
}

func outboxDeleteNobody(t *testing.T, s outbox.Store) {
	const rule = `having none is not an error; userID "" removes nothing`
	keepEntry(t, s, newEntry("nobody", "", ""))
	for _, text := range append(badKeys(), texts()...) {
		if err := s.DeleteUser(t.Context(), "", text.s); err != nil {
			t.Errorf("DeleteUser of user %s: %v\n\trule: %s", text.name, err, rule)
		}
		if err := s.DeleteUser(t.Context(), text.s, "u"); err != nil {
			t.Errorf("DeleteUser in realm %s: %v\n\trule: %s", text.name, err, rule)
		}
	}
	checkEntries(t, s, "", rule, "nobody")
}

func outboxEnded(t *testing.T, s outbox.Store) {
	e := keepEntry(t, s, newEntry("there", "", "u"))
	held := claimOne(t, s, "", t0(), t0())
	for name, ctx := range ended(t) {
		missing := held
		missing.ID = "missing"
		_, err := s.Claim(ctx, "", t0(), t1(), 10)
		checkOutage(t, "Claim "+name, err, endedRule)
		_, err = s.Claim(ctx, "empty", t0(), t1(), 0)
		checkOutage(t, "Claim of nothing "+name, err, endedRule)
		checkOutage(t, "Enqueue "+name, s.Enqueue(ctx, newEntry("new", "", "u")), endedRule)
		checkOutage(t, "Enqueue of what is there "+name, s.Enqueue(ctx, e), endedRule)
		checkOutage(t, "Postpone "+name, s.Postpone(ctx, held), endedRule)
		checkOutage(t, "Postpone of what is not there "+name, s.Postpone(ctx, missing), endedRule)
		checkOutage(t, "Done "+name, s.Done(ctx, held), endedRule)
		checkOutage(t, "Done of what is not there "+name, s.Done(ctx, missing), endedRule)
		checkOutage(t, "DeleteUser "+name, s.DeleteUser(ctx, "", "u"), endedRule)
		checkOutage(t, "DeleteUser of nobody "+name, s.DeleteUser(ctx, "", ""), endedRule)
	}
	checkEntry(t, "Claim", claimOne(t, s, "", t0(), t1()), claimed(e, t1(), 2))
}

// outboxConcurrent is for the race detector: every verb beside every other.
func outboxConcurrent(t *testing.T, s outbox.Store) {
	const rule = "methods are safe for concurrent use, and none fails because of another"
	ctx := t.Context()
	errs := atOnce(12, func(i int) error {
		for j := range 6 {
			if err := s.Enqueue(ctx, newEntry(fmt.Sprint(i, "-", j), "", fmt.Sprint("u", (i+j)%3))); err != nil {
				return fmt.Errorf("it was not enqueued: %w", err)
			}
			list, err := s.Claim(ctx, "", t0(), t0(), 2)
			if err != nil {
				return fmt.Errorf("it could not be claimed: %w", err)
			}
			for k, e := range list {
				change, verb := s.Done, "Done"
				if k == 0 {
					change, verb = s.Postpone, "Postpone"
				}
				if err := change(ctx, e); err != nil && !errors.Is(err, auth.ErrConflict) && !errors.Is(err, auth.ErrNotFound) {
					return fmt.Errorf("%s: %w", verb, err)
				}
			}
			if i%4 == 0 {
				if err := s.DeleteUser(ctx, "", "u1"); err != nil {
					return fmt.Errorf("DeleteUser: %w", err)
				}
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Errorf("%v\n\trule: %s", err, rule)
		}
	}
}

// writeEntries enqueues, claims, postpones, is done and deletes, with the entries of
// beforeEntries.
func writeEntries(ctx context.Context, s outbox.Store, held []outbox.Entry) error {
	if err := s.Enqueue(ctx, newEntry("new", "", "u")); err != nil {
		return err
	}
	list, err := s.Claim(ctx, "", t0(), t1(), 10)
	if err != nil {
		return err
	}
	if len(list) != 1 || list[0].ID != "new" {
		return fmt.Errorf("claimed %q in the transaction that it was enqueued in", entryIDs(list))
	}
	held[0].DueAt = t1()
	return errors.Join(s.Done(ctx, list[0]), s.Enqueue(ctx, newEntry("newer", "", "u")),
		s.Postpone(ctx, held[0]), s.Done(ctx, held[1]), s.DeleteUser(ctx, "", "deleted"))
}

func beforeEntries(t *testing.T, s outbox.Store) []outbox.Entry {
	t.Helper()
	keepEntry(t, s, newEntry("1", "", "u"))
	keepEntry(t, s, newEntry("2", "", "u"))
	keepEntry(t, s, newEntry("3", "", "deleted"))
	held := claim(t, s, "", t0(), t0().Add(time.Minute), 10)
	if len(held) != 3 {
		t.Fatalf("Claim: %d entries, want 3\n\trule: %s", len(held), enqueueRule)
	}
	return held
}

const joinRule = "a store through which InTx is found makes every method a part of the transaction of ctx: kept with what it is about or not at all"

func outboxCommits(t *testing.T, s outbox.Store, tx transactor) {
	held := beforeEntries(t, s)
	must(t, "InTx", tx.InTx(t.Context(), func(ctx context.Context) error { return writeEntries(ctx, s, held) }))
	checkClaims(t, s, t0(), joinRule, "newer")
	checkClaims(t, s, t0().Add(time.Hour), joinRule, "newer")
	checkEntries(t, s, "", joinRule, "1", "newer")
}

func outboxRollsBack(t *testing.T, s outbox.Store, tx transactor) {
	held := beforeEntries(t, s)
	err := tx.InTx(t.Context(), func(ctx context.Context) error {
		if err := writeEntries(ctx, s, held); err != nil {
			t.Errorf("in InTx: %v", err)
		}
		return errRollBack{}
	})
	checkErr(t, "InTx", err, errRollBack{}, joinRule)
	checkClaims(t, s, t0(), joinRule)
	err = tx.InTx(t.Context(), func(ctx context.Context) error {
		_, err := s.Claim(ctx, "", t0().Add(time.Minute), t1(), 10)
		return errors.Join(err, errRollBack{})
	})
	checkErr(t, "InTx", err, errRollBack{}, joinRule)
	checkClaims(t, s, t0().Add(time.Minute), joinRule, "1", "2", "3") // a claim that was rolled back was none
}

// checkClaims requires that these are due, and leaves them due.
func checkClaims(t *testing.T, s outbox.Store, now time.Time, rule string, want ...string) {
	t.Helper()
	if got := entryIDs(claim(t, s, "", now, now, 1000)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("due are %q, want %q\n\trule: %s", got, want, rule)
	}
}

func outboxGoesOn(t *testing.T, s outbox.Store, tx transactor) {
	const rule = "a verb that is refused leaves the transaction as it was, good for the next verb"
	e := keepEntry(t, s, newEntry("1", "", "u"))
	stale := claimed(e, t0(), 7)
	missing := stale
	missing.ID = "missing"
	for i, test := range []struct {
		name string
		want error
		call func(ctx context.Context) error
	}{
		{"Enqueue of what is there", auth.ErrExists, func(ctx context.Context) error { return s.Enqueue(ctx, e) }},
		{"Enqueue of what cannot be kept", auth.ErrInvalid, func(ctx context.Context) error { return s.Enqueue(ctx, outbox.Entry{}) }},
		{"Postpone of what has changed", auth.ErrConflict, func(ctx context.Context) error { return s.Postpone(ctx, stale) }},
		{"Done of what has changed", auth.ErrConflict, func(ctx context.Context) error { return s.Done(ctx, stale) }},
		{"Done of what is missing", auth.ErrNotFound, func(ctx context.Context) error { return s.Done(ctx, missing) }},
	} {
		realm := fmt.Sprint(i)
		err := tx.InTx(t.Context(), func(ctx context.Context) error {
			if err := s.Enqueue(ctx, newEntry("before "+realm, realm, "u")); err != nil {
				return err
			}
			checkErr(t, test.name, test.call(ctx), test.want, "verbs say in a transaction what they say outside")
			return s.Enqueue(ctx, newEntry("after "+realm, realm, "u"))
		})
		if err != nil {
			t.Errorf("InTx with %s in it: %v\n\trule: %s", test.name, err, rule)
		}
		checkEntries(t, s, realm, rule, "after "+realm, "before "+realm)
	}
	checkEntry(t, "Claim", claimOne(t, s, "", t0(), t1()), claimed(e, t1(), 1))
}
