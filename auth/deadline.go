package auth

import (
	"context"
	"sync"
	"time"
)

// A deadline is a context that ends at a time. Unlike one of package context it costs
// a timer only if somebody waits for its end: most authorizers have answered before
// they would look at it.
type deadline struct {
	context.Context // what it is made of
	at              time.Time

	mu     sync.Mutex
	waited context.Context // with a timer; nil: nobody has waited yet
	cancel context.CancelFunc
}

func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waited == nil {
		d.waited, d.cancel = context.WithDeadline(d.Context, d.at)
	}
	return d.waited.Done()
}

func (d *deadline) Err() error {
	if waited := d.timed(); waited != nil {
		return waited.Err()
	}
	if err := d.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(d.at) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value finds the timer too, so that contexts made of this one take no goroutine.
func (d *deadline) Value(key any) any {
	if waited := d.timed(); waited != nil {
		return waited.Value(key)
	}
	return d.Context.Value(key)
}

func (d *deadline) timed() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waited
}

// release ends what waits.
func (d *deadline) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
}
