package auth

import (
	"context"
	"time"
)

const (
	sweepEvery = time.Minute
	sweepBatch = 1000
)

// Run does what should be done in the background: it sweeps what has expired
// out of the store. It returns when ctx ends, with its error. Without Run a host
// is correct but untidy. Several processes may run it at the same time.
func (m *Manager) Run(ctx context.Context) error {
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
