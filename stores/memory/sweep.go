package memory

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// perWrite is how many things a write looks at to find expired ones. Two
	// is more than one write adds, so that writes alone keep up.
	perWrite = 2
	// few is how many things in a shard are too few to tidy. A store with
	// little in it does nothing that was not asked for.
	few = 64
	// perStep is how many things are looked at under one lock: tens of
	// microseconds, so that no reader waits for long.
	perStep = 32
	// perTurn is after how many steps a sweep lets others have the processor,
	// which may be the only one: half a millisecond.
	perTurn = 16
	// perShard is how many things of each shard are looked at to make room.
	perShard = 16
	// grace is for how long writes leave what has expired: requests under way
	// may still be using it, and clocks differ a little. In milliseconds.
	grace = 600_000
)

// A sort is one of the sorts of things that a store keeps.
type sort[T queued] interface {
	shard(i int) *keeper[T]
	// drop removes the thing from shard i, which is locked, and from
	// everything else.
	drop(i int, t T)
}

// sweepShard drops expired things of shard i, which is locked. It looks at no
// more than budget things, drops no more than limit, and stops at one to spare.
// more is true if the budget or the limit ended it.
func sweepShard[T queued](s sort[T], i int, now int64, budget, limit int, spare ...T) (dropped int, more bool) {
	q := &s.shard(i).queue
	for dropped < limit {
		t, ok := q.expired(now, &budget)
		if !ok || slices.Contains(spare, t) {
			return dropped, budget <= 0
		}
		s.drop(i, t)
		dropped++
	}
	return dropped, true
}

// tidy is what a write does for the shard that it has locked: it drops a few
// things that expired a while before now, but not what it wrote itself.
func tidy[T queued](s sort[T], i int, now int64, wrote ...T) {
	if len(s.shard(i).queue.due) > few {
		sweepShard(s, i, now-grace, perWrite, perWrite, wrote...)
	}
}

// makeRoom drops some things that had expired at now and reports whether there
// were any. No shard is locked.
func makeRoom[T queued](s sort[T], now int64) bool {
	found := false
	for i := range nShards {
		k := s.shard(i)
		k.mu.Lock()
		n, _ := sweepShard(s, i, now, perShard, perShard)
		k.mu.Unlock()
		found = found || n > 0
	}
	return found
}

// A cursor is the shard with which the next sweep begins, so that sweeps with
// a small limit come to all of them.
type cursor struct{ next atomic.Uint32 }

// sweep drops at most limit things that had expired at now, in small steps.
func sweep[T queued](ctx context.Context, s sort[T], c *cursor, now int64, limit int) (dropped int, err error) {
	i := int(c.next.Load()) % nShards
	for visited, steps := 0, 1; visited < nShards && dropped < limit; steps++ {
		if err := ctx.Err(); err != nil {
			return dropped, err
		}
		k := s.shard(i)
		k.mu.Lock()
		n, more := sweepShard(s, i, now, perStep, limit-dropped)
		k.mu.Unlock()
		if steps%perTurn == 0 {
			runtime.Gosched()
		}
		dropped += n
		if !more {
			i = (i + 1) % nShards
			visited++
		}
	}
	c.next.Store(uint32(i))
	return dropped, nil
}

// Sweep deletes at most limit sessions, limit credentials, limit tickets and
// limit counters that had expired at now, and returns how many it deleted. It
// holds no lock for more than some tens of microseconds. If ctx ends, it
// returns how many it had deleted by then, and ctx.Err().
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	at := now.UnixMilli()
	for _, sweep := range []func() (int, error){
		func() (int, error) { return sweep(ctx, &s.sessions, &s.sessions.cursor, at, limit) },
		func() (int, error) { return sweep(ctx, &s.credentials, &s.credentials.cursor, at, limit) },
		func() (int, error) { return sweep(ctx, &s.tickets, &s.tickets.cursor, at, limit) },
		func() (int, error) { return sweep(ctx, &s.counters, &s.counters.cursor, at, limit) },
	} {
		dropped, err := sweep()
		if n += dropped; err != nil {
			return n, err
		}
	}
	return n, nil
}
