package memory

import (
	"context"
	"hash/maphash"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
)

// sessions is the sort of things that is kept most of and read most.
type sessions struct {
	bound  bound
	cursor cursor
	seed   maphash.Seed
	index  index[*session]
	shards [nShards]sessionShard
}

type sessionShard struct {
	keeper[*session]
	table   table
	strings interned
}

// A session is an [auth.Session] as it is kept. The Session in it and its
// proof are never changed once they are in the table: readers have them without
// a lock. The rest belongs to the locks of the shard and of the index.
type session struct {
	auth.Session
	proof [1]auth.Proof // room for the proof of most sessions: one allocation less
	near  links[*session]
	twin  *session // the next in the table with the same hash
	at    int32
}

func (s *session) place() *int32           { return &s.at }
func (s *session) expires() int64          { return expiry(s.ExpiresAt) }
func (s *session) owner() string           { return s.UserID }
func (s *session) links() *links[*session] { return &s.near }

// newSession returns a copy of s as it is kept, but for what it may share with
// others.
func newSession(s *auth.Session) *session {
	c := &session{Session: *s}
	c.setProofs(s.Proofs)
	for i := range c.Proofs {
		c.Proofs[i].At = millis(c.Proofs[i].At)
	}
	c.Version = 1
	c.CreatedAt, c.SeenAt = millis(s.CreatedAt), millis(s.SeenAt)
	c.EndsAt, c.ExpiresAt = millis(s.EndsAt), millis(s.ExpiresAt)
	return c
}

func (s *session) setProofs(proofs []auth.Proof) {
	switch {
	case len(proofs) == 0:
		s.Proofs = nil
	case len(proofs) <= len(s.proof):
		s.Proofs = s.proof[:copy(s.proof[:], proofs):len(s.proof)]
	default:
		s.Proofs = slices.Clone(proofs)
	}
}

// share makes s use strings that are kept already: user is equal to its
// UserID.
func (s *session) share(user string, strings *interned) {
	s.UserID = user
	s.Label = strings.intern(s.Label)
	for i := range s.Proofs {
		p := &s.Proofs[i]
		p.Method, p.Kind = strings.intern(p.Method), strings.intern(p.Kind)
		if p.Key == user { // a password's key is its user
			p.Key = user
		}
	}
}

func (s *sessions) init(seed maphash.Seed, limit int) {
	s.bound.init("sessions", limit)
	s.seed = seed
	s.index.init(seed)
	for i := range s.shards {
		s.shards[i].table = make(table)
	}
}

func (s *sessions) shard(i int) *keeper[*session] { return &s.shards[i].keeper }

func (s *sessions) hash(id *auth.SessionID) uint64 { return maphash.Bytes(s.seed, id[:]) }

func (s *sessions) users() *index[*session] { return &s.index }

func (s *sessions) home(t *session) int { return shardOf(s.hash(&t.ID)) }

func (s *sessions) drop(i int, t *session) {
	s.index.remove(t)
	s.forget(i, t)
}

func (s *sessions) forget(i int, t *session) {
	sh := &s.shards[i]
	sh.table.remove(s.hash(&t.ID), t)
	sh.queue.remove(t)
	s.bound.release(1)
}

// create adds t and reports whether there was room for it.
func (s *sessions) create(t *session, now int64) (room bool, err error) {
	hash := s.hash(&t.ID)
	i := shardOf(hash)
	sh := &s.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.table.get(hash, t.ID) != nil {
		return true, auth.ErrExists
	}
	tidy(s, i, now)
	if !s.bound.reserve(1) {
		return false, nil
	}
	u := s.index.of(t.UserID)
	u.mu.Lock()
	user := t.UserID
	if head := u.head[user]; head != nil {
		user = head.UserID
	}
	t.share(user, &sh.strings)
	u.add(t)
	u.mu.Unlock()
	sh.queue.push(t)
	sh.table.add(hash, t)
	return true, nil
}

// CreateSession implements [auth.SessionStore]. It keeps a copy of *s. It
// fails with [ErrFull] at the bound.
func (s *Store) CreateSession(ctx context.Context, session *auth.Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := session.Validate(); err != nil {
		return err
	}
	t := newSession(session)
	now := latest(t.CreatedAt, t.SeenAt)
	room, err := s.sessions.create(t, now)
	if !room && makeRoom(&s.sessions, now) {
		room, err = s.sessions.create(t, now)
	}
	if !room {
		return s.sessions.bound.full()
	}
	return err
}

// LoadSession implements [auth.SessionStore]. It allocates nothing: what it
// returns is what is kept.
func (s *Store) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	hash := s.sessions.hash(&id)
	sh := &s.sessions.shards[shardOf(hash)]
	sh.mu.RLock()
	t := sh.table.get(hash, id)
	sh.mu.RUnlock()
	if t == nil {
		return nil, auth.ErrNotFound
	}
	return &t.Session, nil
}

// UpdateSession implements [auth.SessionStore]. Who has loaded the session
// before keeps what they have.
func (s *Store) UpdateSession(ctx context.Context, changed *auth.Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := new(session)
	hash := s.sessions.hash(&changed.ID)
	i := shardOf(hash)
	sh := &s.sessions.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	old := sh.table.get(hash, changed.ID)
	switch {
	case old == nil:
		return auth.ErrNotFound
	case old.Version != changed.Version:
		return auth.ErrConflict
	}
	t.Session = old.Session
	t.setProofs(old.Proofs)
	t.Version++
	t.SeenAt, t.ExpiresAt, t.Stale = millis(changed.SeenAt), millis(changed.ExpiresAt), changed.Stale

	sh.table.remove(hash, old)
	sh.table.add(hash, t)
	sh.queue.replace(old, t)
	u := s.sessions.index.of(t.UserID)
	u.mu.Lock()
	u.replace(old, t)
	u.mu.Unlock()
	tidy(&s.sessions, i, latest(t.SeenAt), t)
	return nil
}

// DeleteSession implements [auth.SessionStore].
func (s *Store) DeleteSession(ctx context.Context, id auth.SessionID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	hash := s.sessions.hash(&id)
	i := shardOf(hash)
	sh := &s.sessions.shards[i]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.table.get(hash, id)
	if t == nil {
		return auth.ErrNotFound
	}
	s.sessions.drop(i, t)
	return nil
}

// DeleteUserSessions implements [auth.SessionStore].
func (s *Store) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	deleteOwned(&s.sessions, userID, func(t *session) bool { return !slices.Contains(except, t.ID) })
	return nil
}

// UserSessions implements [auth.SessionStore].
func (s *Store) UserSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kept := s.sessions.index.all(userID, func(*session) bool { return true })
	all := make([]*auth.Session, len(kept))
	for i, t := range kept {
		all[i] = &t.Session
	}
	slices.SortStableFunc(all, func(a, b *auth.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return all, nil
}
