package authtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// TestOutboxStore tests every rule of [outbox.Store], and those of [auth.Store] that hold
// for it. It calls open once for each subtest; open returns an empty store.
func TestOutboxStore(t *testing.T, open func(t *testing.T) outbox.Store) {
	run := func(name string, f func(t *testing.T, s outbox.Store)) {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	run("RoundTrip", outboxRoundTrip)
	run("RoundTripTexts", outboxTexts)
	run("RoundTripTimes", outboxTimes)
	run("RoundTripData", outboxData)
	run("SharesNoMemory", outboxMemory)
	run("IDsByteForByte", outboxIDs)
	run("Realms", outboxRealms)
	run("Invalid", outboxInvalid)
	run("EnqueueExists", outboxExists)
	run("EnqueueAtOnce", outboxEnqueueAtOnce)
	run("ClaimDue", outboxClaimDue)
	run("ClaimOrder", outboxClaimOrder)
	run("ClaimLimit", outboxClaimLimit)
	run("ClaimInvalid", outboxClaimInvalid)
	run("ClaimAgain", outboxClaimAgain)
	run("ClaimAtOnce", outboxClaimAtOnce)
	run("Postpone", outboxPostpone)
	run("PostponeUnclaimed", outboxPostponeUnclaimed)
	run("PostponeConflict", outboxPostponeConflict)
	run("PostponeNotFound", outboxPostponeNotFound)
	run("PostponeInvalid", outboxPostponeInvalid)
	run("Done", outboxDone)
	run("DoneConflict", outboxDoneConflict)
	run("DoneNotFound", outboxDoneNotFound)
	run("DoneAtOnce", outboxDoneAtOnce)
	run("DeleteUser", outboxDeleteUser)
	run("DeleteUserNobody", outboxDeleteNobody)
	run("EndedContext", outboxEnded)
	run("Concurrent", outboxConcurrent)
	if _, ok := auth.As[transactor](open(t)); ok {
		inTx := func(name string, f func(t *testing.T, s outbox.Store, tx transactor)) {
			run(name, func(t *testing.T, s outbox.Store) {
				tx, _ := auth.As[transactor](s)
				f(t, s, tx)
			})
		}
		inTx("InTxCommits", outboxCommits)
		inTx("InTxRollsBack", outboxRollsBack)
		inTx("InTxGoesOn", outboxGoesOn)
	}
}

const (
	claimRule   = "Claim returns what is due, with one more attempt and the next Version, due at until"
	enqueueRule = "an entry that was enqueued is there until it is done"
)

// newEntry returns an entry with something in every field, due at t0.
func newEntry(id, realm, userID string) outbox.Entry {
	return outbox.Entry{
		ID:        id,
		Realm:     realm,
		Kind:      "account.forgot",
		To:        "ada@example.com",
		UserID:    userID,
		Language:  "de-AT",
		Data:      []byte("data\x00of " + id),
		CreatedAt: t0().Add(-time.Minute),
		DueAt:     t0(),
	}
}

// keepEntry enqueues the entry, or stops the test.
func keepEntry(t *testing.T, s outbox.Store, e outbox.Entry) outbox.Entry {
	t.Helper()
	given := e
	given.Data = slices.Clone(e.Data)
	must(t, "Enqueue", s.Enqueue(t.Context(), given))
	return e
}

// claimed is e as Claim returns it the n-th time.
func claimed(e outbox.Entry, until time.Time, n int) outbox.Entry {
	e.DueAt, e.Attempts, e.Version = until, n, int64(n)+1
	return e
}

func checkEntry(t *testing.T, call string, got, want outbox.Entry) {
	t.Helper()
	checkText(t, call+": ID", got.ID, want.ID)
	checkText(t, call+": Realm", got.Realm, want.Realm)
	checkText(t, call+": Kind", got.Kind, want.Kind)
	checkText(t, call+": To", got.To, want.To)
	checkText(t, call+": UserID", got.UserID, want.UserID)
	checkText(t, call+": Language", got.Language, want.Language)
	checkData(t, call+": Data", got.Data, want.Data)
	checkTime(t, call+": CreatedAt", got.CreatedAt, want.CreatedAt)
	checkTime(t, call+": DueAt", got.DueAt, want.DueAt)
	if got.Attempts != want.Attempts || got.Version != want.Version {
		t.Errorf("%s: Attempts %d, Version %d, want %d and %d\n\trule: %s", call, got.Attempts, got.Version, want.Attempts, want.Version, claimRule)
	}
}

// claim claims, or stops the test.
func claim(t *testing.T, s outbox.Store, realm string, now, until time.Time, limit int) []outbox.Entry {
	t.Helper()
	list, err := s.Claim(t.Context(), realm, now, until, limit)
	must(t, "Claim", err)
	return list
}

// claimOne claims the only entry that is due.
func claimOne(t *testing.T, s outbox.Store, realm string, now, until time.Time) outbox.Entry {
	t.Helper()
	list := claim(t, s, realm, now, until, 10)
	if len(list) != 1 {
		t.Fatalf("Claim: %d entries, want 1\n\trule: %s", len(list), enqueueRule)
	}
	return list[0]
}

func entryIDs(list []outbox.Entry) []string {
	ids := []string{}
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

// checkEntries requires that the realm has these entries and no others, due at t1 at the
// latest. They are claimed by it.
func checkEntries(t *testing.T, s outbox.Store, realm, rule string, want ...string) {
	t.Helper()
	got := entryIDs(claim(t, s, realm, t1(), t1(), 1000))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("realm %q has %.300q, want %.300q\n\trule: %s", realm, got, want, rule)
	}
}

func outboxRoundTrip(t *testing.T, s outbox.Store) {
	until := t0().Add(time.Hour)
	for _, e := range []outbox.Entry{newEntry("full", "realm", "u"), {ID: "least", Kind: "k", DueAt: t0()}} {
		keepEntry(t, s, e)
		checkEntry(t, "Claim", claimOne(t, s, e.Realm, t0(), until), claimed(e, until, 1))
	}
	e := newEntry("counted", "other realm", "u")
	e.Attempts, e.Version = 7, 7
	keepEntry(t, s, e)
	checkEntry(t, "Claim of an entry that was enqueued with a Version", claimOne(t, s, e.Realm, t0(), until), claimed(e, until, 1))
}

// entryTextFields are the fields of an entry that hold text.
func entryTextFields() map[string]func(e *outbox.Entry, s string) {
	return map[string]func(e *outbox.Entry, s string){
		"ID":       func(e *outbox.Entry, s string) { e.ID = s },
		"Realm":    func(e *outbox.Entry, s string) { e.Realm = s },
		"Kind":     func(e *outbox.Entry, s string) { e.Kind = s },
		"To":       func(e *outbox.Entry, s string) { e.To = s },
		"UserID":   func(e *outbox.Entry, s string) { e.UserID = s },
		"Language": func(e *outbox.Entry, s string) { e.Language = s },
	}
}

func outboxTexts(t *testing.T, s outbox.Store) {
	for _, text := range texts() {
		e := newEntry("", "", "")
		for _, set := range entryTextFields() {
			set(&e, text.s)
		}
		keepEntry(t, s, e)
		checkEntry(t, "Claim of "+text.name, claimOne(t, s, text.s, t0(), t1()), claimed(e, t1(), 1))
		e = claimed(e, t1(), 1)
		if err := s.Done(t.Context(), e); err != nil {
			t.Errorf("Done of %s: %v\n\trule: strings compare byte for byte", text.name, err)
		}
	}
}

func outboxTimes(t *testing.T, s outbox.Store) {
	for _, at := range instants() {
		e := newEntry(at.name, at.name, "u")
		e.CreatedAt = at.t
		if !at.t.IsZero() {
			e.DueAt = at.t
		}
		keepEntry(t, s, e)
		const rule = "times are cut off to milliseconds"
		if list := claim(t, s, at.name, kept(e.DueAt).Add(-time.Nanosecond), t1(), 10); len(list) != 0 {
			t.Errorf("%s: claimed a nanosecond before it is due\n\trule: %s", at.name, rule)
		}
		until := e.DueAt.Add(time.Hour)
		checkEntry(t, "Claim of "+at.name, claimOne(t, s, at.name, kept(e.DueAt), until), claimed(e, until, 1))
		got := claimOne(t, s, at.name, kept(until), t1())
		got.DueAt = until
		must(t, "Postpone", s.Postpone(t.Context(), got))
		if list := claim(t, s, at.name, kept(until), t1(), 10); len(list) != 1 {
			t.Errorf("%s: not claimed when it is due again\n\trule: %s", at.name, rule)
		}
	}
}

func outboxData(t *testing.T, s outbox.Store) {
	for name, data := range blobs() {
		e := newEntry(name, name, "u")
		e.Data = data
		keepEntry(t, s, e)
		got := claimOne(t, s, name, t0(), t0())
		checkData(t, "Claim of "+name, got.Data, data)
		got.Data = []byte("other")
		must(t, "Postpone", s.Postpone(t.Context(), got))
		got = claimOne(t, s, name, t0(), t0())
		got.Data = data
		must(t, "Postpone", s.Postpone(t.Context(), got))
		checkData(t, "Claim of "+name+", postponed", claimOne(t, s, name, t0(), t0()).Data, data)
	}
}

func outboxMemory(t *testing.T, s outbox.Store) {
	const rule = "what goes in and comes out shares no memory"
	want := string(newEntry("1", "", "u").Data)
	check := func(after string) outbox.Entry {
		t.Helper()
		e := claimOne(t, s, "", t0(), t0())
		if string(e.Data) != want {
			t.Errorf("after the caller changed the Data that %s, the store has %q, want %q\n\trule: %s", after, e.Data, want, rule)
		}
		return e
	}
	given := newEntry("1", "", "u")
	must(t, "Enqueue", s.Enqueue(t.Context(), given))
	given.Data[0] = 'X'
	e := check("was enqueued")
	e.Data[0] = 'X'
	e = check("was returned")
	e.Data = []byte(want)
	must(t, "Postpone", s.Postpone(t.Context(), e))
	e.Data[0] = 'X'
	check("was postponed")
}

func outboxIDs(t *testing.T, s outbox.Store) {
	const rule = "IDs compare byte for byte"
	var all []string
	for _, text := range texts() {
		e := newEntry(text.s, "", "u")
		if err := s.Enqueue(t.Context(), e); err != nil {
			t.Errorf("Enqueue of %s: %v\n\trule: %s", text.name, err, rule)
		}
		all = append(all, text.s)
	}
	for i, e := range claim(t, s, "", t0(), t0(), 1000) {
		if i%2 == 0 {
			continue
		}
		if err := s.Done(t.Context(), e); err != nil {
			t.Errorf("Done of %+q: %v\n\trule: %s", e.ID, err, rule)
		}
		all = slices.DeleteFunc(all, func(id string) bool { return id == e.ID })
	}
	checkEntries(t, s, "", rule, all...)
}

func outboxRealms(t *testing.T, s outbox.Store) {
	const rule = "Claim returns entries of the realm, which compares byte for byte"
	keepEntry(t, s, newEntry("none", "", "u"))
	for _, text := range texts() {
		keepEntry(t, s, newEntry("of "+text.name, text.s, "u"))
	}
	for _, bad := range badTexts() {
		checkEntries(t, s, bad.s, rule)
	}
	for _, text := range texts() {
		checkEntries(t, s, text.s, rule, "of "+text.name)
	}
	checkEntries(t, s, "", rule, "none")
	checkErr(t, "Enqueue of an ID that another realm has", s.Enqueue(t.Context(), newEntry("none", "ada", "u")), auth.ErrExists, "IDs are unique among all realms")
}

func outboxInvalid(t *testing.T, s outbox.Store) {
	const rule = "what a store cannot keep as it is, it refuses with ErrInvalid"
	refused := func(what string, change func(e *outbox.Entry)) {
		t.Helper()
		e := newEntry("1", "", "u")
		change(&e)
		checkErr(t, "Enqueue with "+what, s.Enqueue(t.Context(), e), auth.ErrInvalid, rule)
	}
	for field, set := range entryTextFields() {
		bad := badTexts()
		if field == "ID" || field == "Kind" {
			bad = badKeys()
		}
		for _, text := range bad {
			refused(field+" "+text.name, func(e *outbox.Entry) { set(e, text.s) })
		}
	}
	refused("Data of 65,536 bytes", func(e *outbox.Entry) { e.Data = make([]byte, 1<<16) })
	refused("no DueAt", func(e *outbox.Entry) { e.DueAt = time.Time{} })
	checkEntries(t, s, "", "an entry that was refused is not kept")
}

func outboxExists(t *testing.T, s outbox.Store) {
	const rule = "Enqueue gives ErrExists if there is an entry with its ID, claimed or not, and leaves it"
	e := keepEntry(t, s, newEntry("1", "", "u"))
	other := newEntry("1", "", "other")
	other.Data, other.Kind, other.DueAt = nil, "other", t1()
	checkErr(t, "Enqueue again", s.Enqueue(t.Context(), other), auth.ErrExists, rule)
	checkEntry(t, "Claim", claimOne(t, s, "", t0(), t0()), claimed(e, t0(), 1))
	checkErr(t, "Enqueue of what is claimed", s.Enqueue(t.Context(), other), auth.ErrExists, rule)
	checkEntry(t, "Claim", claimOne(t, s, "", t0(), t0()), claimed(e, t0(), 2))
}

func outboxEnqueueAtOnce(t *testing.T, s outbox.Store) {
	const rule = "of any number of callers exactly one enqueues an ID, the others get ErrExists"
	errs := atOnce(callers, func(i int) error { return s.Enqueue(t.Context(), newEntry("1", "", fmt.Sprint("u", i))) })
	checkOne(t, "Enqueue", errs, auth.ErrExists, rule)
	checkEntries(t, s, "", rule, "1")
}

func outboxClaimDue(t *testing.T, s outbox.Store) {
	const rule = "Claim returns entries with DueAt at or before now, and no others"
	for _, d := range []time.Duration{-time.Hour, -time.Millisecond, 0, time.Millisecond, time.Hour} {
		e := newEntry(d.String(), "", "u")
		e.DueAt = t0().Add(d)
		keepEntry(t, s, e)
	}
	got := entryIDs(claim(t, s, "", t0(), t1(), 10))
	if want := []string{"-1h0m0s", "-1ms", "0s"}; !slices.Equal(got, want) {
		t.Errorf("Claim: %q, want %q\n\trule: %s", got, want, rule)
	}
	if again := claim(t, s, "", t0(), t1(), 10); len(again) != 0 {
		t.Errorf("Claim again: %q, want none\n\trule: whoever has claimed an entry has until then to be done with it", entryIDs(again))
	}
}

func outboxClaimOrder(t *testing.T, s outbox.Store) {
	const rule = "Claim returns those that have been due the longest, in this order; of those that have been due alike, in the order of their IDs"
	var all []outbox.Entry
	for i, text := range texts() {
		e := newEntry(text.s, "", "u")
		e.DueAt = t0().Add(-time.Duration(i*7%10) * time.Millisecond)
		e.CreatedAt = t0().Add(time.Duration(i*3%5) * time.Minute) // does not matter
		all = append(all, keepEntry(t, s, e))
	}
	slices.SortFunc(all, func(a, b outbox.Entry) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), strings.Compare(a.ID, b.ID))
	})
	want := entryIDs(all)
	var got []string
	for _, n := range []int{1, 3, 20, 1000} {
		got = append(got, entryIDs(claim(t, s, "", t0(), t1(), n))...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Claim: %.600q,\nwant %.600q\n\trule: %s", got, want, rule)
	}
}

func outboxClaimLimit(t *testing.T, s outbox.Store) {
	const rule = "Claim returns at most limit entries, and a limit of 0 or less claims nothing"
	for i := range 5 {
		keepEntry(t, s, newEntry(fmt.Sprint(i), "", "u"))
	}
	for _, limit := range []int{0, -1, -1 << 62} {
		if list := claim(t, s, "", t0(), t1(), limit); len(list) != 0 {
			t.Errorf("Claim with limit %d: %d entries\n\trule: %s", limit, len(list), rule)
		}
	}
	if list := claim(t, s, "", t0(), t1(), 2); len(list) != 2 {
		t.Errorf("Claim with limit 2: %d entries\n\trule: %s", len(list), rule)
	}
	if list := claim(t, s, "", t0(), t1(), 1<<62); len(list) != 3 {
		t.Errorf("Claim of the other 3 with a large limit: %d entries\n\trule: %s", len(list), rule)
	}
}

func outboxClaimInvalid(t *testing.T, s outbox.Store) {
	const rule = "Claim gives ErrInvalid if until is the zero time, and claims nothing"
	e := keepEntry(t, s, newEntry("1", "", "u"))
	_, err := s.Claim(t.Context(), "", t0(), time.Time{}, 10)
	checkErr(t, "Claim until no time", err, auth.ErrInvalid, rule)
	checkEntry(t, "Claim", claimOne(t, s, "", t0(), t1()), claimed(e, t1(), 1))
}

func outboxClaimAgain(t *testing.T, s outbox.Store) {
	const rule = "whoever has claimed an entry has until then to be done with it; then it is due again"
	e := keepEntry(t, s, newEntry("1", "", "u"))
	until := t0().Add(5 * time.Minute)
	first := claimOne(t, s, "", t0(), until)
	if list := claim(t, s, "", until.Add(-time.Millisecond), t1(), 10); len(list) != 0 {
		t.Errorf("Claim before its time is over: %d entries, want 0\n\trule: %s", len(list), rule)
	}
	second := claimOne(t, s, "", until, t1())
	checkEntry(t, "Claim again", second, claimed(e, t1(), 2))
	checkErr(t, "Done by the first", s.Done(t.Context(), first), auth.ErrConflict, "Done gives ErrConflict if it was claimed anew")
	checkErr(t, "Postpone by the first", s.Postpone(t.Context(), first), auth.ErrConflict, "Postpone gives ErrConflict if it was claimed anew")
	must(t, "Done by the second", s.Done(t.Context(), second))
}

func outboxClaimAtOnce(t *testing.T, s outbox.Store) {
	const rule = "of any number of callers exactly one gets an entry, and none fails because of another"
	const n = 60
	for i := range n {
		e := newEntry(fmt.Sprint(i), "", "u")
		e.DueAt = t0().Add(time.Duration(i%7) * time.Millisecond)
		keepEntry(t, s, e)
	}
	got := make([][]outbox.Entry, callers)
	for round := 0; ; round++ {
		list := make([][]outbox.Entry, callers)
		for _, err := range atOnce(callers, func(i int) (err error) {
			list[i], err = s.Claim(t.Context(), "", t0().Add(time.Second), t1(), 3)
			return err
		}) {
			if err != nil {
				t.Errorf("Claim: %v\n\trule: %s", err, rule)
			}
		}
		some := false
		for i := range list {
			got[i] = append(got[i], list[i]...)
			some = some || len(list[i]) > 0
		}
		if !some || round > n {
			break
		}
	}
	seen := map[string]int{}
	for _, list := range got {
		for _, e := range list {
			seen[e.ID]++
			if e.Attempts != 1 || e.Version != 2 {
				t.Errorf("entry %s: Attempts %d, Version %d, want 1 and 2\n\trule: %s", e.ID, e.Attempts, e.Version, rule)
			}
		}
	}
	for i := range n {
		if id := fmt.Sprint(i); seen[id] != 1 {
			t.Errorf("entry %s was claimed by %d, want 1\n\trule: %s", id, seen[id], rule)
		}
	}
}
