package cachestore

// Len returns how many sessions are remembered, of use or not.
func (s *Store) Len() (n int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		n += len(sh.entries)
		sh.mu.RUnlock()
	}
	return n
}
