package cachestore

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Store is an [auth.SessionStore] that remembers for a moment what another has
// said. It is made by [New] and is safe for concurrent use. What it returns is
// shared, as the contract of sessions has it.
type Store struct {
	below  auth.SessionStore
	inTx   func(ctx context.Context) bool // or nil
	ttl    time.Duration
	now    func() time.Time
	shards []shard
	mask   byte
}

var _ auth.SessionStore = (*Store)(nil)

// New returns a cache in front of sessions. opts may be nil. The error says
// everything that is wrong: options out of range, no store, or one that is a cache
// already, whose TTL would add to this one's.
func New(sessions auth.SessionStore, opts *Options) (*Store, error) {
	o := opts.withDefaults()
	errs := []error{o.check()}
	if v := reflect.ValueOf(sessions); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		errs = append(errs, errors.New("cachestore: New needs a SessionStore to stand in front of: give it one"))
	} else if c, ok := auth.As[interface{ Uncached() auth.SessionStore }](sessions); ok && c.Uncached() != nil {
		errs = append(errs, errors.New("cachestore: the SessionStore has a cache already: give New the store behind it"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	n := 1
	for n < maxShards && o.Sessions/(2*n) >= minPerShard {
		n *= 2
	}
	s := &Store{below: sessions, ttl: o.TTL, now: o.Now, shards: make([]shard, n), mask: byte(n - 1)}
	for i := range s.shards {
		s.shards[i].init(o.Sessions / n)
	}
	if tx, ok := auth.As[interface {
		InTransaction(ctx context.Context) bool
	}](sessions); ok {
		s.inTx = tx.InTransaction
	}
	return s, nil
}

// Unwrap returns the store below, whose abilities are found through it, see
// [auth.As].
func (s *Store) Unwrap() any { return s.below }

// Uncached returns the store below, for those to whom a moment is too long.
// Writes go through s nevertheless.
func (s *Store) Uncached() auth.SessionStore { return s.below }

// shard returns where the session is kept: an ID is a digest, evenly spread.
func (s *Store) shard(id *auth.SessionID) *shard { return &s.shards[id[0]&s.mask] }

// CreateSession implements [auth.SessionStore].
func (s *Store) CreateSession(ctx context.Context, session *auth.Session) error {
	defer s.forget(&session.ID) // who has asked before has heard that there is none
	return s.below.CreateSession(ctx, session)
}

// LoadSession implements [auth.SessionStore]. It is as it was at most a TTL ago,
// and no older than the last write through s. From memory it allocates nothing.
func (s *Store) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.inTx != nil && s.inTx(ctx) {
		return s.below.LoadSession(ctx, id)
	}
	sh := s.shard(&id)
	sh.mu.RLock()
	e := sh.entries[id]
	sh.mu.RUnlock()
	if e != nil && e.good(s.now(), s.ttl) {
		return e.session, nil
	}
	return s.ask(ctx, sh, id)
}

// UpdateSession implements [auth.SessionStore].
func (s *Store) UpdateSession(ctx context.Context, session *auth.Session) error {
	defer s.forget(&session.ID) // also if it has failed: perhaps it was done
	return s.below.UpdateSession(ctx, session)
}

// DeleteSession implements [auth.SessionStore].
func (s *Store) DeleteSession(ctx context.Context, id auth.SessionID) error {
	defer s.forget(&id)
	return s.below.DeleteSession(ctx, id)
}

// DeleteUserSessions implements [auth.SessionStore]. It looks at all that is
// remembered, which takes less than a millisecond for 10,000 sessions.
func (s *Store) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	defer func() {
		for i := range s.shards {
			s.shards[i].forgetUser(userID, except)
		}
	}()
	return s.below.DeleteUserSessions(ctx, userID, except...)
}

// UserSessions implements [auth.SessionStore]. It always asks the store below.
func (s *Store) UserSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	return s.below.UserSessions(ctx, userID)
}

func (s *Store) forget(id *auth.SessionID) { s.shard(id).forget(id) }
