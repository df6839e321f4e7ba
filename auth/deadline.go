package auth

import (
	"context"
	"sync/atomic"
	"time"
)

// A deadline is a context that ends at a time, or when it is released. Unlike one of
// package context it costs a timer only if somebody waits for its end: most
// authorizers have answered before they would.
type deadline struct {
	context.Context // what it is made of
	at              time.Time
	released        atomic.Bool
	waited          atomic.Pointer[timed] // nil: nobody has waited yet
}

// timed is what a deadline is once somebody waits, or it has ended.
type timed struct {
	context.Context
	cancel context.CancelFunc
}

func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

func (d *deadline) Done() <-chan struct{} { return d.wait().Done() }

// wait returns the context with the timer, which from now on says all.
func (d *deadline) wait() *timed {
	if t := d.waited.Load(); t != nil {
		return t
	}
	t := new(timed)
	t.Context, t.cancel = context.WithDeadline(d.Context, d.at)
	if !d.waited.CompareAndSwap(nil, t) {
		t.cancel()
	} else if d.released.Load() {
		t.cancel()
	}
	return d.waited.Load()
}

func (d *deadline) Err() error {
	t := d.waited.Load()
	if t == nil {
		if d.Context.Err() == nil && !d.released.Load() && time.Now().Before(d.at) {
			return nil
		}
		t = d.wait() // which remembers how it has ended
		if t.Err() == nil {
			return d.ending(t)
		}
	}
	return t.Err()
}

// ending returns how d has ended, of which its context knows already and t does not.
func (d *deadline) ending(t *timed) error {
	// A context of package context says that it has ended a moment before its children
	// do, and takes no other child meanwhile.
	_, stop := context.WithCancel(d.Context)
	stop()
	select {
	case <-d.Context.Done():
		<-t.Done() // Err is not before Done
		return t.Err()
	default:
		return d.Context.Err() // one of the host's, whose Done does not say so
	}
}

// late returns why it is too late for a yes: what Err does not say while Done is open,
// such as that the time has passed and the timer has not been run yet, counts as well.
func (d *deadline) late() error {
	if err := d.Err(); err != nil || d.waited.Load() == nil {
		return err
	}
	if err := d.Context.Err(); err != nil || time.Now().Before(d.at) {
		return err
	}
	return context.DeadlineExceeded
}

// Value finds the timer too, so that contexts made of this one take no goroutine.
func (d *deadline) Value(key any) any {
	if t := d.waited.Load(); t != nil {
		return t.Value(key)
	}
	return d.Context.Value(key)
}

// release ends it: whoever has kept it is not to go on.
func (d *deadline) release() {
	d.released.Store(true)
	if t := d.waited.Load(); t != nil {
		t.cancel()
	}
}
