package memory

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// What is postponed to be due before others is claimed before them, wherever it was among
// them, and nothing is left of what is done.
func TestPostponedToTheFront(t *testing.T) {
	o, now := NewOutbox(), time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)
	for i := range 9 {
		if err := o.Enqueue(t.Context(), outbox.Entry{ID: fmt.Sprint(i), Realm: "r", Kind: "k", DueAt: now}); err != nil {
			t.Fatal(err)
		}
	}
	claim := func(at, until time.Time) []outbox.Entry {
		t.Helper()
		list, err := o.Claim(t.Context(), "r", at, until, 100)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := claim(now, now.Add(time.Hour))
	for i, e := range all {
		e.DueAt = now.Add(time.Duration(9-i) * time.Minute)
		if err := o.Postpone(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 9 {
		at := now.Add(time.Duration(i+1) * time.Minute)
		if list := claim(at, at.Add(time.Hour)); len(list) != 1 || list[0].ID != fmt.Sprint(8-i) {
			t.Errorf("minute %d: %+v", i+1, list)
		}
	}
	for _, e := range claim(now.Add(24*time.Hour), now.Add(48*time.Hour)) {
		if err := o.Done(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	if len(o.byID) != 0 || len(o.realms) != 0 {
		t.Errorf("%d entries and %d realms are left", len(o.byID), len(o.realms))
	}
}
