package cachestore_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	cachestore "github.com/gatehouse-go/gatehouse/stores/cache"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Whoever asks once the deletion has returned finds nothing, whatever goes on at
// the same time.
func TestDeadAtOnceUnderLoad(t *testing.T) {
	below := memory.New(nil)
	c := newCache(t, below, &cachestore.Options{Sessions: 50, Now: func() time.Time { return t0 }})
	ctx := context.Background()
	const n = 100
	for i := range n {
		if err := c.CreateSession(ctx, session(i, "u")); err != nil {
			t.Fatal(err)
		}
	}
	var dead [n]atomic.Bool
	var stop atomic.Bool
	var readers, writers sync.WaitGroup
	for g := range 4 {
		readers.Go(func() {
			for i := g; !stop.Load(); i = (i + 7) % n {
				was := dead[i].Load()
				s, err := c.LoadSession(ctx, id(i))
				switch {
				case err == nil && was:
					t.Errorf("session %d came back", i)
				case err != nil && !errors.Is(err, auth.ErrNotFound):
					t.Error(err)
				case err == nil:
					seen := *s
					seen.Stale = true
					_ = c.UpdateSession(ctx, &seen)
				}
			}
		})
	}
	for g := range 2 {
		writers.Go(func() {
			for i := g; i < n; i += 2 {
				runtime.Gosched()
				var err error
				if i%10 == 0 {
					err = c.DeleteUserSessions(ctx, "nobody")
				} else {
					err = c.DeleteSession(ctx, id(i))
				}
				if err != nil {
					t.Error(err)
				}
				dead[i].Store(i%10 != 0)
			}
		})
	}
	writers.Wait()
	if err := c.DeleteUserSessions(ctx, "u"); err != nil {
		t.Error(err)
	}
	for i := range dead {
		dead[i].Store(true)
	}
	stop.Store(true)
	readers.Wait()
	for i := range n {
		load(t, c, i, auth.ErrNotFound)
	}
}
