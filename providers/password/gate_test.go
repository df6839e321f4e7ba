package password

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The tests of the gate are inside the package: what it promises is about time
// and places, and testing/synctest can see both.

func TestGateAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2, 98, time.Hour)
		var now, most, done atomic.Int64
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				err := g.do(t.Context(), func() error {
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Second)
					now.Add(-1)
					done.Add(1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		begin := time.Now()
		wg.Wait()
		if most.Load() != 2 || done.Load() != 100 || time.Since(begin) != 50*time.Second {
			t.Errorf("%d at once, %d done in %v", most.Load(), done.Load(), time.Since(begin))
		}
	})
}

// block takes a slot of g until the returned function is called.
func block(t *testing.T, g *gate) (release func()) {
	free := make(chan struct{})
	go func() {
		if err := g.do(context.Background(), func() error { <-free; return nil }); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return sync.OnceFunc(func() { close(free); synctest.Wait() })
}

func TestGateFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 2, time.Hour)
		release := block(t, g)
		var order []int
		for i := range 2 {
			go func() {
				_ = g.do(t.Context(), func() error { order = append(order, i); return nil })
			}()
			synctest.Wait()
		}
		p, ok := isProblem(g.do(t.Context(), func() error { t.Error("ran"); return nil }))
		if !ok || p.Status != 503 || p.Code != "busy" || p.RetryAfter <= 0 {
			t.Errorf("problem %+v", p)
		}
		release()
		if len(order) != 2 || order[0] != 0 {
			t.Errorf("order %v: not first come, first served", order)
		}
		if err := g.do(t.Context(), func() error { return nil }); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if g.waiting.Load() != 0 || len(g.slots) != 0 {
			t.Errorf("%d waiting, %d slots taken", g.waiting.Load(), len(g.slots))
		}
	})
}

func TestGateMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, 15*time.Second)
		defer block(t, g)()
		begin := time.Now()
		p, ok := isProblem(g.do(t.Context(), func() error { t.Error("ran"); return nil }))
		if !ok || p.Code != "busy" || time.Since(begin) != 15*time.Second {
			t.Errorf("%+v after %v", p, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		p, ok = isProblem(g.do(ctx, func() error { t.Error("ran"); return nil }))
		if !ok || p.Code != "busy" || time.Since(begin) != time.Second {
			t.Errorf("with a deadline: %+v after %v", p, time.Since(begin))
		}
	})
}

func TestGateCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, time.Hour)
		release := block(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() { gone <- g.do(ctx, func() error { t.Error("ran"); return nil }) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		// Its place is free again.
		waits := make(chan error, 1)
		go func() { waits <- g.do(t.Context(), func() error { return nil }) }()
		synctest.Wait()
		release()
		if err := <-waits; err != nil {
			t.Error(err)
		}
		if err := g.do(ctx, func() error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("with a slot free: %v", err)
		}
	})
}

func TestGatePanic(t *testing.T) {
	g := newGate(1, 1, time.Second)
	for range 3 {
		err := g.do(t.Context(), func() error { panic("the password") })
		if err == nil || err.Error() != "password: the hasher panicked with a string" {
			t.Error(err)
		}
	}
	if err := g.do(t.Context(), func() error { panic(error(nil)) }); err == nil {
		t.Error("panic(nil) is no error")
	}
	if len(g.slots) != 0 {
		t.Error("a slot is lost")
	}
}

// A quarter of all places for one, all places for all, and none left behind.
func TestGateReserve(t *testing.T) {
	g := newGate(2, 6, time.Hour)
	var leave []func()
	take := func(who string) error {
		_, l, err := g.reserve(t.Context(), who)
		if err == nil {
			leave = append(leave, l)
		}
		return err
	}
	for _, who := range []string{"a", "a", "b", "b", "c", "c", "d"} {
		if err := take(who); err != nil {
			t.Fatalf("%s: %v", who, err)
		}
	}
	if take("a") == nil || take("b") == nil {
		t.Error("a third place for one")
	}
	if err := take("e"); err != nil {
		t.Error(err)
	}
	if take("f") == nil {
		t.Error("a ninth place")
	}
	for _, l := range leave {
		l()
	}
	if len(g.held) != 0 || g.waiting.Load() != 0 {
		t.Errorf("left behind: %v, %d", g.held, g.waiting.Load())
	}
}
