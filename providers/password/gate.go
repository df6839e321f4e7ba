package password

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A gate lets a few hash at once and a bounded number wait, in the order in
// which they came. Without it, 100 logins in parallel take 1.9 GiB and five
// times as long.
type gate struct {
	slots   chan struct{} // one element for each that is hashing
	waiting atomic.Int64
	places  int64
	wait    time.Duration

	mu   sync.Mutex
	held map[string]int64 // places by who holds them
}

func newGate(slots, places int, wait time.Duration) *gate {
	return &gate{slots: make(chan struct{}, slots), places: int64(places), wait: wait, held: map[string]int64{}}
}

type placeKey struct{ g *gate }

// reserve takes a place to wait, before anything is counted: who finds none has
// not used up a guess. who, a network, has a quarter of all places at most, so
// that nobody alone fills them. With the returned context, do needs no other.
func (g *gate) reserve(ctx context.Context, who string) (context.Context, func(), error) {
	all := g.places + int64(cap(g.slots))
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting.Load() >= all || g.held[who] >= max(all/4, 1) {
		return ctx, func() {}, busy()
	}
	g.waiting.Add(1)
	g.held[who]++
	leave := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.waiting.Add(-1)
		if g.held[who]--; g.held[who] == 0 {
			delete(g.held, who)
		}
	}
	return context.WithValue(ctx, placeKey{g}, true), leave, nil
}

// do calls f as soon as there is a slot. It returns f's error, also for a
// panic; a busy problem if there is no place to wait, or no slot before wait or
// ctx's deadline is over; and ctx's error if the client has gone, whose place is
// then free at once.
func (g *gate) do(ctx context.Context, f func() error) error {
	if err := g.enter(ctx); err != nil {
		return err
	}
	defer func() { <-g.slots }()
	return guarded(f)
}

func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // nobody is there any more to tell
	}
	// A channel hands a freed slot to the longest waiting sender, so this
	// cannot overtake anyone.
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if ctx.Value(placeKey{g}) == nil {
		if g.waiting.Add(1) > g.places {
			g.waiting.Add(-1)
			return busy()
		}
		defer g.waiting.Add(-1)
	}
	late := time.NewTimer(g.wait)
	defer late.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-late.C:
		return busy()
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return busy()
		}
		return ctx.Err()
	}
}

// guarded turns a panic of somebody's hasher into an error. The value is left
// out of it: it may hold what was hashed.
func guarded(f func() error) (err error) {
	returned := false
	defer func() {
		if !returned {
			v := recover()
			err = fmt.Errorf("password: the hasher panicked with a %T", v)
		}
	}()
	err = f()
	returned = true
	return err
}

func busy() error {
	return &auth.Problem{
		Status:     http.StatusServiceUnavailable,
		Code:       "busy",
		Detail:     "Too many people are logging in at this moment. Please try again in a few seconds.",
		RetryAfter: 5 * time.Second,
	}
}
