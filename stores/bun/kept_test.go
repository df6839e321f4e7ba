package bunstore_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/audit"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

func TestOutbox(t *testing.T) {
	for name, opts := range map[string]bunstore.Options{"prepared": {}, "NoPrepare": {NoPrepare: true}} {
		t.Run(name, func(t *testing.T) {
			authtest.TestOutboxStore(t, func(t *testing.T) outbox.Store { return newStore(t, newFile(t), &opts).Outbox() })
		})
	}
}

func TestServersOutbox(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		store := v.emptied(t, "", bunstore.Options{})
		authtest.TestOutboxStore(t, func(t *testing.T) outbox.Store { return store(t).Outbox() })
	})
}

func TestAudit(t *testing.T) {
	for name, opts := range map[string]bunstore.Options{"prepared": {}, "NoPrepare": {NoPrepare: true}} {
		t.Run(name, func(t *testing.T) {
			authtest.TestAuditStore(t, func(t *testing.T) audit.Store { return newStore(t, newFile(t), &opts).Audit() })
		})
	}
}

func TestServersAudit(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		store := v.emptied(t, "", bunstore.Options{})
		authtest.TestAuditStore(t, func(t *testing.T) audit.Store { return store(t).Audit() })
	})
}

// TestOutboxWithoutSkipLocked claims at once on a server that does not know how to pass
// over what others have locked.
func TestOutboxWithoutSkipLocked(t *testing.T) {
	s := servers[1].store(t, "", bunstore.Options{})
	s.UnknownSkipLocked()
	const n = 30
	for i := range n {
		must(t, s.Outbox().Enqueue(t.Context(), newEntry(fmt.Sprint(i), "u")))
	}
	var mu sync.Mutex
	claimed := map[string]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				list, err := s.Outbox().Claim(t.Context(), "", day, day.Add(time.Hour), 2)
				if err != nil {
					t.Error(err)
				}
				if len(list) == 0 {
					return
				}
				mu.Lock()
				for _, e := range list {
					claimed[e.ID]++
				}
				mu.Unlock()
				for _, e := range list {
					if err := s.Outbox().Done(t.Context(), e); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if len(claimed) != n || !s.LockWaits() {
		t.Errorf("%d were claimed, want %d; it was found out: %v", len(claimed), n, s.LockWaits())
	}
	for id, times := range claimed {
		if times != 1 {
			t.Errorf("entry %s was claimed %d times", id, times)
		}
	}
}
