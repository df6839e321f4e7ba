package authtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/audit"
)

// manyRecords appends records of one user, some of them at the same time, and returns
// them in the order of UserRecords.
func manyRecords(t *testing.T, s audit.Store) []audit.Record {
	t.Helper()
	var all []audit.Record
	for i, text := range texts() {
		r := newRecord(text.s, "", "u")
		r.At = t0().Add(time.Duration(i*7%10) * time.Millisecond)
		all = append(all, keepRecord(t, s, r))
	}
	slices.SortFunc(all, func(a, b audit.Record) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID))
	})
	return all
}

func auditOrder(t *testing.T, s audit.Store) {
	want := recordIDs(manyRecords(t, s))
	checkRecords(t, s, "", "u", "the newest first, and of those at the same time the one with the highest ID", want...)
}

func auditAfter(t *testing.T, s audit.Store) {
	const rule = "UserRecords returns those that come after the record with the ID after in this order"
	want := recordIDs(manyRecords(t, s))
	for _, limit := range []int{1, 3, 1000} {
		var got []string
		for after := ""; len(got) <= len(want); after = got[len(got)-1] {
			list := recordIDs(recordsOf(t, s, "", "u", after, limit))
			if len(list) == 0 {
				break
			}
			got = append(got, list...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %d: %.600q,\nwant %.600q\n\trule: %s", limit, got, want, rule)
		}
	}
}

func auditAfterNothing(t *testing.T, s audit.Store) {
	const rule = "a record that is not there any more, or is not the user's in the realm, begins nowhere: there are none after it"
	keepRecord(t, s, newRecord("1", "", "u"))
	for i, r := range []audit.Record{newRecord("2", "realm", "u"), newRecord("3", "", "other"), newRecord("4", "", "")} {
		r.At = t0().Add(time.Duration(i+1) * time.Second)
		keepRecord(t, s, r)
		if list := recordsOf(t, s, "", "u", r.ID, 10); len(list) != 0 {
			t.Errorf("after one of user %q in realm %q: %q, want none\n\trule: %s", r.UserID, r.Realm, recordIDs(list), rule)
		}
	}
	for _, text := range append(badTexts(), texts()...) {
		if text.s == "" {
			continue
		}
		if list := recordsOf(t, s, "", "u", text.s, 10); len(list) != 0 {
			t.Errorf("after %s: %q, want none\n\trule: %s", text.name, recordIDs(list), rule)
		}
	}
}

func auditLimit(t *testing.T, s audit.Store) {
	const rule = "UserRecords returns at most limit records, and with a limit of 0 or less none"
	for i := range 5 {
		keepRecord(t, s, newRecord(fmt.Sprint(i), "", "u"))
	}
	for limit, want := range map[int]int{0: 0, -1: 0, -1 << 62: 0, 1: 1, 4: 4, 5: 5, 6: 5, 1 << 62: 5} {
		if list := recordsOf(t, s, "", "u", "", limit); len(list) != want {
			t.Errorf("with limit %d: %d, want %d\n\trule: %s", limit, len(list), want, rule)
		}
	}
}
