package memory_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A flood of mail is refused; what waits is not thrown out for it.
func TestOutboxBound(t *testing.T) {
	const most = 100_000
	o := memory.NewOutbox()
	entry := func(i int) outbox.Entry {
		return outbox.Entry{ID: fmt.Sprint(i), Kind: "k", DueAt: t0.Add(time.Duration(i) * time.Millisecond)}
	}
	for i := range most {
		must(t, o.Enqueue(t.Context(), entry(i)))
	}
	checkFull(t, o.Enqueue(t.Context(), entry(most)))
	if err := o.Enqueue(t.Context(), entry(0)); !errors.Is(err, auth.ErrExists) {
		t.Errorf("an ID that is there, at the bound: %v", err)
	}
	list, err := o.Claim(t.Context(), "", t0, t0.Add(time.Hour), 1)
	if must(t, err); len(list) != 1 || list[0].ID != "0" {
		t.Fatalf("claimed %v, want the oldest", list)
	}
	must(t, o.Postpone(t.Context(), list[0])) // needs no room
	list[0].Version++
	must(t, o.Done(t.Context(), list[0]))
	must(t, o.Enqueue(t.Context(), entry(most)))
	checkFull(t, o.Enqueue(t.Context(), entry(most+1)))
}

func recordAt(n int, name string) audit.Record {
	at := t0.Add(time.Duration(n) * time.Second)
	return audit.Record{ID: fmt.Sprint(n), Event: auth.Event{Name: name, At: at, UserID: "ada"}, ExpiresAt: at.Add(time.Hour)}
}

// Whoever guesses at a password drives out other guesses, and nothing else.
func TestAuditBoundOfUser(t *testing.T) {
	a := memory.NewAudit()
	must(t, a.Append(t.Context(), recordAt(0, "password.changed")))
	must(t, a.Append(t.Context(), recordAt(1, "login")))
	for i := range 1000 {
		must(t, a.Append(t.Context(), recordAt(2+i, "login.failed")))
	}
	list, err := a.UserRecords(t.Context(), "", "ada", "", 1000)
	must(t, err)
	if len(list) != 200 || list[199].Name != "password.changed" || list[198].Name != "login" || list[0].ID != "1001" || list[197].ID != "804" {
		t.Errorf("%d records, the last are %+v", len(list), list[max(0, len(list)-3):])
	}
	// What has expired goes first, whatever its name.
	late := recordAt(1+60*60, "login.failed")
	must(t, a.Append(t.Context(), late))
	list, err = a.UserRecords(t.Context(), "", "ada", "", 1000)
	if must(t, err); len(list) != 200 || list[199].Name != "login" || list[198].ID != "804" {
		t.Errorf("%d records, the last are %+v", len(list), list[max(0, len(list)-3):])
	}
}

func TestAuditBound(t *testing.T) {
	if testing.Short() {
		t.Skip("a million records")
	}
	const most = 1_000_000
	a := memory.NewAudit()
	for i := range most {
		r := recordAt(i/1000, "login")
		r.ID, r.UserID = fmt.Sprint(i), fmt.Sprint(i/100)
		must(t, a.Append(t.Context(), r))
	}
	r := recordAt(0, "login")
	r.ID, r.UserID = "more", "bob"
	checkFull(t, a.Append(t.Context(), r))
	r.At = t0.Add(time.Hour) // a thousand had expired then
	must(t, a.Append(t.Context(), r))
	if n, err := a.Sweep(t.Context(), r.At, most); n < 990 || n > 999 || err != nil {
		t.Errorf("swept %d, %v, want what is left of a thousand", n, err)
	}
}
