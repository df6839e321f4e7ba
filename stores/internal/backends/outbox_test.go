package backends_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/internal/backends"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// eachBox runs f on each backend that has an outbox. open opens that of another process.
func eachBox(t *testing.T, f func(t *testing.T, open func() outbox.Store)) {
	backends.Each(t, func(t *testing.T, b *backends.Backend) {
		switch b.Name {
		case "memory":
			box := memory.NewOutbox()
			f(t, func() outbox.Store { return box })
		case "Redis":
			t.Skip("what waits is kept where the credentials are, in SQL")
		default:
			f(t, func() outbox.Store { return b.Open(t).Store.(interface{ Outbox() outbox.Store }).Outbox() })
		}
	})
}

// work claims from box until nothing is due at now, and gives each entry to do.
func work(t *testing.T, box outbox.Store, now, until time.Time, do func(e outbox.Entry)) {
	for {
		list, err := box.Claim(t.Context(), "", now, until, 3)
		if err != nil {
			t.Errorf("Claim: %v", err)
			return
		}
		if len(list) == 0 {
			return
		}
		for _, e := range list {
			do(e)
		}
	}
}

// Eight workers in two processes, while others enqueue: each entry is done once. Then some
// of them die with what they have claimed: it comes again when their time is over, and not
// before, and nothing is lost.
func TestOutboxWorkers(t *testing.T) {
	const workers, each = 8, 20
	now := time.UnixMilli(1_700_000_000_000)
	lease := 5 * time.Minute
	eachBox(t, func(t *testing.T, open func() outbox.Store) {
		processes := []outbox.Store{open(), open()}
		var mu sync.Mutex
		done, dropped := map[string]int{}, map[string]bool{}
		all := func(now time.Time, more bool, dies func() bool) {
			var wg sync.WaitGroup
			for i := range workers {
				box := processes[i%2]
				wg.Go(func() {
					for j := range each {
						if !more {
							break
						}
						id := fmt.Sprint(i, "-", j)
						e := outbox.Entry{ID: id, Kind: "k", To: "ada@example.com", Data: []byte(id), DueAt: now.Add(-time.Duration(j) * time.Millisecond)}
						if err := box.Enqueue(t.Context(), e); err != nil {
							t.Errorf("Enqueue: %v", err)
						}
						if j%5 != 4 {
							continue
						}
						work(t, box, now, now.Add(lease), func(e outbox.Entry) {
							mu.Lock()
							defer mu.Unlock()
							if string(e.Data) != e.ID {
								t.Errorf("entry %s has the data %q", e.ID, e.Data)
							}
							if dies() {
								dropped[e.ID] = true
								return
							}
							done[e.ID]++
							if err := box.Done(t.Context(), e); err != nil {
								t.Errorf("Done: %v", err)
							}
						})
					}
					work(t, box, now, now.Add(lease), func(e outbox.Entry) {
						mu.Lock()
						defer mu.Unlock()
						if dies() {
							dropped[e.ID] = true
							return
						}
						done[e.ID]++
						if err := box.Done(t.Context(), e); err != nil {
							t.Errorf("Done: %v", err)
						}
					})
				})
			}
			wg.Wait()
		}

		all(now, true, func() bool { return rand.N(4) == 0 })
		if len(dropped) == 0 || len(done)+len(dropped) != workers*each {
			t.Errorf("%d are done, %d were dropped, of %d", len(done), len(dropped), workers*each)
		}
		before := len(done)
		all(now.Add(lease-time.Millisecond), false, func() bool { return false })
		if len(done) != before {
			t.Errorf("%d came again before their time was over", len(done)-before)
		}
		all(now.Add(lease), false, func() bool { return false })
		if len(done) != workers*each {
			t.Errorf("%d are done, want all %d", len(done), workers*each)
		}
		for id, n := range done {
			if n != 1 {
				t.Errorf("entry %s was done %d times", id, n)
			}
		}
	})
}

// Of whoever postpones, is done and claims anew at once, exactly one wins each time, and no
// entry is lost for it or done twice.
func TestOutboxChangedAtOnce(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	eachBox(t, func(t *testing.T, open func() outbox.Store) {
		a, b := open(), open()
		for round := range 20 {
			id := fmt.Sprint(round)
			if err := a.Enqueue(t.Context(), outbox.Entry{ID: id, Kind: "k", DueAt: now}); err != nil {
				t.Fatal(err)
			}
			list, err := a.Claim(t.Context(), "", now, now, 1) // due again at once
			if err != nil || len(list) != 1 {
				t.Fatalf("Claim: %d, %v", len(list), err)
			}
			late := list[0]
			late.DueAt = now
			var again []outbox.Entry
			errs := make([]error, 3)
			atOnce(3, func(i int) {
				switch i {
				case 0:
					errs[i] = a.Done(t.Context(), late)
				case 1:
					errs[i] = b.Postpone(t.Context(), late)
				case 2:
					again, errs[i] = b.Claim(t.Context(), "", now, now.Add(time.Hour), 1)
				}
			})
			gone := errs[0] == nil
			for i, err := range errs[:2] {
				if err != nil && !errors.Is(err, auth.ErrConflict) && !errors.Is(err, auth.ErrNotFound) {
					t.Errorf("round %d: caller %d: %v", round, i, err)
				}
			}
			if errs[2] != nil {
				t.Errorf("round %d: Claim: %v", round, errs[2])
			}
			if gone && (errs[1] == nil || len(again) > 0) || len(again) > 0 && errs[0] == nil {
				t.Errorf("round %d: done, and: %v, claimed %d", round, errs, len(again))
			}
			left, err := a.Claim(context.Background(), "", now.Add(2*time.Hour), now.Add(2*time.Hour), 10)
			if err != nil || len(left) == 1 == gone {
				t.Errorf("round %d: done %v, and %d are left, %v", round, gone, len(left), err)
			}
			for _, e := range left {
				if err := a.Done(t.Context(), e); err != nil {
					t.Errorf("round %d: Done: %v", round, err)
				}
			}
		}
	})
}
