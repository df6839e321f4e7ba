package memory

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/gatehouse-go/gatehouse/auth"
)

type tickets struct {
	bound  bound
	cursor cursor
	seed   maphash.Seed
	index  index[*ticket]
	slots  [nShards]slotShard
	shards [nShards]ticketShard
}

type ticketShard struct {
	keeper[*ticket]
	byKey map[ticketKey]*ticket
}

type ticketKey struct{ purpose, key string }

// A slotShard has the tickets that are in slots. Its lock is taken last.
type slotShard struct {
	mu     sync.Mutex
	bySlot map[slotKey]*ticket
	_      [64]byte
}

type slotKey struct{ purpose, slot string }

// A ticket is an [auth.Ticket] as it is kept. The Ticket in it is never
// changed.
type ticket struct {
	auth.Ticket
	near links[*ticket]
	at   int32
}

func (t *ticket) place() *int32          { return &t.at }
func (t *ticket) expires() int64         { return expiry(t.ExpiresAt) }
func (t *ticket) owner() string          { return t.UserID }
func (t *ticket) links() *links[*ticket] { return &t.near }
func (t *ticket) key() ticketKey         { return ticketKey{t.Purpose, t.Key} }
func (t *ticket) slot() slotKey          { return slotKey{t.Purpose, t.Slot} }

// copied returns the ticket without memory in common with what is kept.
func (t *ticket) copied() auth.Ticket {
	c := t.Ticket
	c.Data = cloneData(t.Data)
	return c
}

func (t *tickets) init(seed maphash.Seed, limit int) {
	t.bound.init("tickets", limit)
	t.seed = seed
	t.index.init(seed)
	for i := range t.shards {
		t.shards[i].byKey = make(map[ticketKey]*ticket)
		t.slots[i].bySlot = make(map[slotKey]*ticket)
	}
}

func (t *tickets) shard(i int) *keeper[*ticket] { return &t.shards[i].keeper }

func (t *tickets) number(key string) int { return shardOf(maphash.String(t.seed, key)) }

func (t *tickets) slotsOf(slot string) *slotShard {
	return &t.slots[shardOf(maphash.String(t.seed, slot))]
}

// inSlot returns the ticket that is in the slot, or nil.
func (t *tickets) inSlot(slot slotKey) *ticket {
	if slot.slot == "" {
		return nil
	}
	sl := t.slotsOf(slot.slot)
	sl.mu.Lock()
	defer sl.mu.Unlock()
	return sl.bySlot[slot]
}

func (t *tickets) users() *index[*ticket] { return &t.index }

func (t *tickets) home(k *ticket) int { return t.number(k.Key) }

func (t *tickets) drop(i int, k *ticket) {
	t.index.remove(k)
	t.forget(i, k)
}

func (t *tickets) forget(i int, k *ticket) {
	if k.Slot != "" {
		sl := t.slotsOf(k.Slot)
		sl.mu.Lock()
		delete(sl.bySlot, k.slot())
		sl.mu.Unlock()
	}
	delete(t.shards[i].byKey, k.key())
	t.shards[i].queue.remove(k)
	t.bound.release(1)
}

// put adds k and removes the one that has its slot, which the caller says is
// old, or nil. done is false if another has it, room if there was none.
func (t *tickets) put(k, old *ticket) (done, room bool, err error) {
	var shards, owners set
	i := t.home(k)
	for _, k := range []*ticket{k, old} {
		if k != nil {
			shards.add(t.home(k))
		}
		if k != nil && k.UserID != "" {
			owners.add(t.index.number(k.UserID))
		}
	}
	shards.each(func(i int) { t.shards[i].mu.Lock() })
	defer shards.each(func(i int) { t.shards[i].mu.Unlock() })
	sh := &t.shards[i]
	if sh.byKey[k.key()] != nil {
		return true, true, auth.ErrExists
	}
	tidy(t, i, latest(k.CreatedAt)) // if that drops old, it is no longer in the slot

	owners.each(func(i int) { t.index.shards[i].mu.Lock() })
	defer owners.each(func(i int) { t.index.shards[i].mu.Unlock() })
	if k.Slot != "" {
		sl := t.slotsOf(k.Slot)
		sl.mu.Lock()
		defer sl.mu.Unlock()
		if sl.bySlot[k.slot()] != old {
			return false, true, nil
		}
		if old == nil && !t.bound.reserve(1) {
			return true, false, nil
		}
		sl.bySlot[k.slot()] = k
	} else if !t.bound.reserve(1) {
		return true, false, nil
	}
	if old != nil {
		from := &t.shards[t.home(old)]
		delete(from.byKey, old.key())
		from.queue.remove(old)
		t.index.of(old.UserID).remove(old)
	}
	sh.byKey[k.key()] = k
	sh.queue.push(k)
	t.index.of(k.UserID).add(k)
	return true, true, nil
}

// PutTicket implements [auth.TicketStore]. It fails with [ErrFull] at the
// bound, unless the ticket replaces another.
func (s *Store) PutTicket(ctx context.Context, given auth.Ticket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := given.Validate(); err != nil {
		return err
	}
	k := &ticket{Ticket: given}
	k.Data = cloneData(given.Data)
	k.CreatedAt, k.ExpiresAt = millis(given.CreatedAt), millis(given.ExpiresAt)
	for tried := false; ; {
		// Whoever finds that the slot has changed hands lost to somebody who
		// did not: some caller always gets on.
		done, room, err := s.tickets.put(k, s.tickets.inSlot(k.slot()))
		switch {
		case done && room:
			return err
		case !room && (tried || !makeRoom(&s.tickets, latest(k.CreatedAt))):
			return s.tickets.bound.full()
		}
		tried = tried || !room
	}
}

// LoadTicket implements [auth.TicketStore].
func (s *Store) LoadTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	if err := ctx.Err(); err != nil {
		return auth.Ticket{}, err
	}
	sh := &s.tickets.shards[s.tickets.number(key)]
	sh.mu.RLock()
	k := sh.byKey[ticketKey{purpose, key}]
	sh.mu.RUnlock()
	if k == nil {
		return auth.Ticket{}, auth.ErrNotFound
	}
	return k.copied(), nil
}

// TakeTicket implements [auth.TicketStore].
func (s *Store) TakeTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	if err := ctx.Err(); err != nil {
		return auth.Ticket{}, err
	}
	i := s.tickets.number(key)
	sh := &s.tickets.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k := sh.byKey[ticketKey{purpose, key}]
	if k == nil {
		return auth.Ticket{}, auth.ErrNotFound
	}
	s.tickets.drop(i, k)
	return k.copied(), nil // whoever has loaded it may still be reading its Data
}

// DeleteUserTickets implements [auth.TicketStore].
func (s *Store) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	deleteOwned(&s.tickets, userID, func(k *ticket) bool {
		return len(purposes) == 0 || slices.Contains(purposes, k.Purpose)
	})
	return nil
}
