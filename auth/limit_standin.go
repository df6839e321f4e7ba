package auth

import (
	"context"
	"sync"
	"time"
)

const (
	// standInShare is how many guesses each counts for that is counted by the stand-in,
	// after the first: every process has its own, and none knows of the others.
	standInShare = 4
	// standInAhead is how many more than there were that makes at most of what is kept for
	// long: what locks an account for good is about a hundred wrong guesses, and not a
	// quarter of them. No number comes twice, or it would be said twice.
	standInAhead = 15
	// standInCounters is how many counters it has. What comes when all are taken
	// has one in common.
	standInCounters = 1 << 16
	// standInForever is how long it keeps what should have no end.
	standInForever = 24 * time.Hour
	// standInFor is for how long a limiter that has failed is not asked again: it may
	// take its time to fail.
	standInFor = 5 * time.Second
	// standInTold is how often that is told.
	standInTold = time.Minute
)

// A standIn is a store whose limiter is a part of its own (see [Combine]), and so can be
// down while the rest is up: small counters in the process then take its place. It
// has room for standInCounters and forgets none of them before its time, so that nobody
// can begin anew by making many.
type standIn struct {
	Store
	now  func() time.Time
	tell func(ctx context.Context, err error) // that the limiter is down

	mu    sync.Mutex
	until time.Time // the limiter is not asked until then
	told  time.Time
	swept time.Time
	local map[string]standInCount
}

type standInCount struct {
	n     int64
	until time.Time
}

// withStandIn returns store, which is, below a realm perhaps, what was given to New:
// with a stand-in if its limiter is not what keeps its credentials.
func withStandIn(store Store, now func() time.Time, tell func(context.Context, error)) Store {
	c, ok := As[interface{ Parts() Parts }](store)
	if !ok || same(c.Parts().Limiter, c.Parts().Credentials) {
		return store
	}
	return &standIn{Store: store, now: now, tell: tell, local: map[string]standInCount{}}
}

// Unwrap lets the store's abilities be found.
func (s *standIn) Unwrap() any { return s.Store }

func (s *standIn) Count(ctx context.Context, key string, window time.Duration, now time.Time) (n int64, until time.Time, err error) {
	if !s.standing() {
		n, until, err = s.Store.Count(ctx, key, window, now)
		if err == nil || ctx.Err() != nil || window < 0 || checkKeys(key) != nil {
			return n, until, err
		}
		s.down(ctx, err)
	}
	if err := ctx.Err(); err != nil {
		return 0, time.Time{}, err
	}
	n, until = s.count(key, window, now)
	return n, until, nil
}

func (s *standIn) Forget(ctx context.Context, keys ...string) error {
	s.mu.Lock()
	for _, key := range keys {
		delete(s.local, key)
	}
	s.mu.Unlock()
	if s.standing() {
		return ctx.Err()
	}
	err := s.Store.Forget(ctx, keys...)
	if err != nil && ctx.Err() == nil && checkKeys(keys...) == nil {
		s.down(ctx, err)
		return nil
	}
	return err
}

// standing reports whether the stand-in is asked in place of the limiter.
func (s *standIn) standing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.until.Sub(s.now()) // more than it can be if the clock was put back
	return left > 0 && left <= standInFor
}

// down notes that the limiter has failed.
func (s *standIn) down(ctx context.Context, err error) {
	now := s.now()
	s.mu.Lock()
	s.until = now.Add(standInFor)
	tell := s.told.IsZero() || now.Sub(s.told).Abs() >= standInTold
	if tell {
		s.told = now
	}
	s.mu.Unlock()
	if tell {
		s.tell(ctx, err)
	}
}

func (s *standIn) count(key string, window time.Duration, now time.Time) (n int64, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.local[key]
	if !ok && len(s.local) >= standInCounters {
		s.sweep(now)
		if len(s.local) >= standInCounters {
			key = "\x00" + window.String() // no key is like that, and windows are few
			c = s.local[key]
		}
	}
	if !now.Before(c.until) {
		lasts := window
		if lasts == 0 {
			lasts = standInForever
		}
		c = standInCount{until: now.Add(lasts)}
	}
	c.n++
	s.local[key] = c
	if window != 0 {
		until = c.until
	}
	n = 1 + (c.n-1)*standInShare
	if window == 0 || window > standInForever {
		n = min(n, c.n+standInAhead)
	}
	return n, until
}

// sweep makes room, at most once a second.
func (s *standIn) sweep(now time.Time) {
	if now.Sub(s.swept).Abs() < time.Second {
		return
	}
	s.swept = now
	for k, c := range s.local {
		if !now.Before(c.until) {
			delete(s.local, k)
		}
	}
}

// limiterDown tells that a stand-in counts.
func (m *Manager) limiterDown(ctx context.Context, err error) {
	m.broken(ctx, "counting attempts, which a stand-in counts meanwhile,", err)
	m.EmitContext(ctx, Event{Name: "limiter.down"})
}
