package gorillastore

import (
	"context"
	"time"
)

const (
	sweepEvery = time.Minute
	sweepBatch = 1000
)

// Sweep implements [auth.Sweeper]: it deletes at most limit records that had expired
// at now.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return s.backend.Sweep(ctx, now, limit)
}

// Run sweeps what has expired, in small batches every minute, until ctx ends, with
// whose error it returns: it is to the store what [auth.Manager.Run] is to the
// Manager's, and as dispensable. Several processes may run it at the same time.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		for ctx.Err() == nil {
			n, err := s.Sweep(ctx, s.now(), sweepBatch)
			if err != nil && ctx.Err() == nil {
				s.broken(ctx, "sweeping", err)
			}
			if err != nil || n < sweepBatch {
				break
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
