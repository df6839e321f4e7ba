package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A request asks for something, and two workers look for what is to be done. The first
// dies; what it was at is the second's once its time is over.
func Example() {
	ctx := context.Background()
	var box outbox.Store = memory.NewOutbox() // or that of package bunstore
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

	err := box.Enqueue(ctx, outbox.Entry{ID: "1", Kind: "account.forgot", To: "ada@example.com", CreatedAt: now, DueAt: now})
	if err != nil {
		panic(err)
	}
	work := func(worker string, now time.Time) (entries []outbox.Entry) {
		entries, err := box.Claim(ctx, "", now, now.Add(5*time.Minute), 10)
		if err != nil {
			panic(err)
		}
		for _, e := range entries {
			fmt.Println(worker, "is at", e.Kind, "for", e.To, "at attempt", e.Attempts)
		}
		return entries
	}
	first := work("first", now)
	work("second", now.Add(time.Minute)) // it is claimed
	second := work("second", now.Add(5*time.Minute))

	fmt.Println("first:", errors.Is(box.Done(ctx, first[0]), auth.ErrConflict))
	fmt.Println("second:", box.Done(ctx, second[0]))
	// Output:
	// first is at account.forgot for ada@example.com at attempt 1
	// second is at account.forgot for ada@example.com at attempt 2
	// first: true
	// second: <nil>
}
