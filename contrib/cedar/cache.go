package cedarauthz

import (
	"hash/maphash"
	"sync"
)

// Entities are the same again and again: those of a handful of combinations of roles,
// and those of the posts of whoever is looking at them. What is kept depends on
// nothing but its key, and is gone with the policies.
const (
	shards   = 16
	perShard = 64  // of each generation
	maxKey   = 256 // bytes; longer keys are not kept
)

// A cache keeps the newest values, up to 2 * shards * perShard of them. It is safe for
// concurrent use. Make one with newCache.
type cache[V any] struct {
	seed   maphash.Seed
	shards [shards]shard[V]
}

type shard[V any] struct {
	mu         sync.RWMutex
	young, old map[string]V
}

func newCache[V any]() *cache[V] { return &cache[V]{seed: maphash.MakeSeed()} }

// get returns what is kept for key, or makes it.
func (c *cache[V]) get(key []byte, make func() V) V {
	if len(key) > maxKey {
		return make()
	}
	s := &c.shards[maphash.Bytes(c.seed, key)%shards]
	s.mu.RLock()
	v, ok := s.young[string(key)]
	if !ok {
		v, ok = s.old[string(key)]
	}
	s.mu.RUnlock()
	if ok {
		return v
	}
	v = make()
	s.put(string(key), v)
	return v
}

func (s *shard[V]) put(key string, v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= perShard {
		s.old, s.young = s.young, nil
	}
	if s.young == nil {
		s.young = make(map[string]V)
	}
	s.young[key] = v
}
