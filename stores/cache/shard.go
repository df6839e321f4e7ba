package cachestore

import (
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

const (
	maxShards   = 64
	minPerShard = 64
)

// A shard has some of the sessions: in a map, and in a ring in the order in which
// they were asked for, which is that in which they are of no use any more.
type shard struct {
	mu      sync.RWMutex
	max     int
	entries map[auth.SessionID]*entry
	flights map[auth.SessionID]*flight // what is being asked, and was not written to since
	ring    entry                      // next: asked first
	_       [64]byte                   // no two shards in one cache line
}

// An entry is a session that is remembered. But for its place in the ring, which
// belongs to the lock, it is never changed.
type entry struct {
	session    *auth.Session
	asked      time.Time // before the store was asked
	next, prev *entry
}

// good reports whether the session may be used. A clock that was set back is no
// reason to use it for longer.
func (e *entry) good(now time.Time, ttl time.Duration) bool {
	age := now.Sub(e.asked)
	return age >= 0 && age < ttl && now.Before(e.session.ExpiresAt)
}

func (sh *shard) init(limit int) {
	sh.max = limit
	sh.entries, sh.flights = map[auth.SessionID]*entry{}, map[auth.SessionID]*flight{}
	sh.ring.next, sh.ring.prev = &sh.ring, &sh.ring
}

// put remembers e, in place of what is of no use any more, or of what will be next.
func (sh *shard) put(e *entry, ttl time.Duration) {
	if old := sh.entries[e.session.ID]; old != nil {
		sh.remove(old)
	}
	for first := sh.ring.next; first != &sh.ring && (len(sh.entries) >= sh.max || !first.good(e.asked, ttl)); first = sh.ring.next {
		sh.remove(first)
	}
	sh.entries[e.session.ID] = e
	last := sh.ring.prev
	e.prev, e.next = last, &sh.ring
	last.next, sh.ring.prev = e, e
}

func (sh *shard) remove(e *entry) {
	delete(sh.entries, e.session.ID)
	e.prev.next, e.next.prev = e.next, e.prev
}

// forget forgets the session, and what is being said of it at the moment.
func (sh *shard) forget(id *auth.SessionID) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.flights, *id)
	if e := sh.entries[*id]; e != nil {
		sh.remove(e)
	}
}

// forgetUser forgets the user's sessions but for those in except, and whatever is
// being said: whose it is is not known yet.
func (sh *shard) forgetUser(userID string, except []auth.SessionID) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	clear(sh.flights)
	for e := sh.ring.next; e != &sh.ring; {
		this := e
		e = e.next
		if this.session.UserID == userID && !slices.Contains(except, this.session.ID) {
			sh.remove(this)
		}
	}
}
