package auth

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	sweepEvery = time.Minute
	sweepBatch = 1000

	// What fails in the background is begun again after a second, and after twice as
	// long each time that it fails anew.
	restartAfter  = time.Second
	restartAtMost = time.Minute
)

// Run does what should be done in the background: it sweeps what has expired
// out of the store, and runs what the providers have to run, such as the worker that
// sends mail. One that fails, panics or returns is logged, and begun again after a while,
// a minute at most. Run returns when ctx ends, once all of them have returned, with the
// cause of that. Without Run a host is correct but untidy, and sends no mail. Several
// processes may run it at the same time.
func (m *Manager) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	for _, r := range m.runners {
		running.Go(func() { m.keepRunning(ctx, r) })
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		m.sweep(ctx)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// keepRunning runs r until ctx ends, whatever becomes of it.
func (m *Manager) keepRunning(ctx context.Context, r runner) {
	wait := restartAfter
	for {
		began := time.Now()
		err := guarded(func() error { return r.Run(ctx) })
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("auth: Run of a provider has returned before its context ended")
		}
		m.broken(ctx, "work in the background", err)
		if time.Since(began) > restartAtMost {
			wait = restartAfter // it had recovered
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			wait = min(2*wait, restartAtMost)
		}
	}
}

// sweep deletes in small batches, so that nobody waits long for one. A store that
// fails does not keep the others of a composition from being swept.
func (m *Manager) sweep(ctx context.Context) {
	for _, s := range sweepersOf(m.store) {
		m.sweepOne(ctx, s)
	}
}

func (m *Manager) sweepOne(ctx context.Context, s Sweeper) {
	for ctx.Err() == nil {
		n, err := s.Sweep(ctx, m.Now(), sweepBatch)
		if err != nil && ctx.Err() == nil {
			m.broken(ctx, "sweeping the store", err)
		}
		if err != nil || n < sweepBatch {
			return
		}
	}
}
