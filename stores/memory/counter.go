package memory

import (
	"context"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

type counters struct {
	bound  bound
	cursor cursor
	seed   maphash.Seed
	shards [nShards]counterShard
}

type counterShard struct {
	keeper[*counter]
	byKey map[string]*counter
}

type counter struct {
	key   string
	n     int64
	until int64 // Unix milliseconds, or never
	at    int32
}

func (c *counter) place() *int32  { return &c.at }
func (c *counter) expires() int64 { return c.until }

func (c *counters) init(seed maphash.Seed, limit int) {
	c.bound.init("counters", limit)
	c.seed = seed
	for i := range c.shards {
		c.shards[i].byKey = make(map[string]*counter)
	}
}

func (c *counters) shard(i int) *keeper[*counter] { return &c.shards[i].keeper }

func (c *counters) number(key string) int { return shardOf(maphash.String(c.seed, key)) }

func (c *counters) drop(i int, t *counter) {
	delete(c.shards[i].byKey, t.key)
	c.shards[i].queue.remove(t)
	c.bound.release(1)
}

// count adds one and returns a copy of the counter, or reports that there is
// no room for it.
func (c *counters) count(key string, now, window int64) (counted counter, room bool) {
	i := c.number(key)
	sh := &c.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.byKey[key]
	if t == nil {
		tidy(c, i, now)
		if !c.bound.reserve(1) {
			return counter{}, false
		}
		t = &counter{key: key, until: end(now, window)}
		sh.byKey[key] = t
		sh.queue.push(t)
	} else if now >= t.until {
		t.n, t.until = 0, end(now, window)
	}
	t.n++
	return *t, true
}

func end(now, window int64) int64 {
	if window == 0 {
		return never
	}
	return now + window
}

// Count implements [auth.Limiter]. At the bound it fails with [ErrFull] for a
// key that is not counted yet: no counter is given up for another.
func (s *Store) Count(ctx context.Context, key string, window time.Duration, now time.Time) (n int64, until time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return 0, time.Time{}, err
	}
	if err := checkKey(key); err != nil {
		return 0, time.Time{}, err
	}
	if window < 0 {
		return 0, time.Time{}, fmt.Errorf("%w: negative window", auth.ErrInvalid)
	}
	at, length := now.UnixMilli(), window.Milliseconds()
	if length == 0 && window > 0 {
		length = 1 // and not for ever
	}
	c, room := s.counters.count(key, at, length)
	if !room && makeRoom(&s.counters, at) {
		c, room = s.counters.count(key, at, length)
	}
	switch {
	case !room:
		return 0, time.Time{}, s.counters.bound.full()
	case c.until == never:
		return c.n, time.Time{}, nil
	}
	return c.n, time.UnixMilli(c.until).UTC(), nil
}

// Forget implements [auth.Limiter].
func (s *Store) Forget(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &s.counters
	var shards set
	for _, key := range keys {
		shards.add(c.number(key))
	}
	shards.each(func(i int) { c.shards[i].mu.Lock() })
	for _, key := range keys {
		i := c.number(key)
		if t := c.shards[i].byKey[key]; t != nil {
			c.drop(i, t)
		}
	}
	shards.each(func(i int) { c.shards[i].mu.Unlock() })
	return nil
}
