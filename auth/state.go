package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A state is what one Manager knows of one request. It is the request's
// context, so that both take one allocation, and finds out who is asking when
// somebody first wants to know.
type state struct {
	context.Context // the request's own
	m               *Manager
	r               *http.Request // as it came, for loaders

	mu     sync.Mutex             // of whoever finds out or changes the answer, and of token
	token  string                 // the session cookie's value, not yet looked at
	answer atomic.Pointer[answer] // nil: not found out yet. Most look without a lock
	first  answer                 // what was found out; here to save an allocation
	mine   Identity               // where first.id points
}

// An answer says who is asking. It is not changed once it has been given.
type answer struct {
	id       *Identity // if err is nil
	err      error
	explicit bool // it comes from a credential that browsers do not send by themselves
}

// currentKey finds the state of the Manager whose Handler or guard is nearest.
type currentKey struct{}

// Value finds the state by its Manager, so that several Managers do not meet,
// and by currentKey.
func (s *state) Value(key any) any {
	switch k := key.(type) {
	case currentKey:
		return s
	case *Manager:
		if k == s.m || s.m == nil {
			return s
		}
	}
	return s.Context.Value(key)
}

// stateFrom returns what m knows of the request that ctx belongs to, or nil.
func (m *Manager) stateFrom(ctx context.Context) *state {
	if s, ok := ctx.(*state); ok && (s.m == m || s.m == nil) {
		return s // nobody has wrapped it
	}
	s, _ := ctx.Value(m).(*state)
	return s
}

// current returns the state that is nearest, or nil.
func current(ctx context.Context) *state {
	if s, ok := ctx.(*state); ok {
		return s
	}
	s, _ := ctx.Value(currentKey{}).(*state)
	return s
}

// identity returns who is asking, finding it out the first time. The error is
// ErrNoCredentials, ErrBadCredentials, or an outage.
func (s *state) identity() (*Identity, error) {
	if s == nil {
		return nil, ErrNoCredentials
	}
	a := s.answer.Load()
	if a == nil {
		a = s.find()
	}
	return a.id, a.err
}

// find finds out who is asking, unless another goroutine just has.
func (s *state) find() *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer.Load() == nil {
		s.first.id, s.first.err = s.m.resolve(s)
		s.answer.Store(&s.first)
	}
	return s.answer.Load()
}

// logIn makes a login visible in the same request.
func (s *state) logIn(id Identity) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = ""
	if s.answer.Load() == nil { // nobody has asked, so nobody holds these
		s.mine, s.first = id, answer{id: &s.mine}
		s.answer.Store(&s.first)
		return
	}
	later := id // and not id itself, which would then always be on the heap
	s.answer.Store(&answer{id: &later})
}

// logOut makes a log-out visible in the same request.
func (s *state) logOut() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = ""
	s.answer.Store(&answer{err: ErrNoCredentials})
}

// resolve finds out who is asking: an explicit credential beats a session.
func (m *Manager) resolve(s *state) (*Identity, error) {
	for _, l := range m.opts.Loaders {
		id, err := load(l, s.r)
		if errors.Is(err, ErrNoCredentials) {
			continue
		}
		ambient, ok := l.(interface{ Ambient() bool })
		s.first.explicit = !ok || !ambient.Ambient()
		if err != nil {
			return nil, err
		}
		return m.admitLoaded(s, id)
	}
	tok, ok := parseToken(s.token)
	if !ok {
		return nil, ErrNoCredentials
	}
	return m.resolveSession(s, m.sessionTag.digest(tok))
}

// load calls a loader, whose panic is an outage and not a way around it.
func load(l RequestLoader, r *http.Request) (id *Identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, err = nil, fmt.Errorf("auth: request loader %T panicked: %v", l, p)
		}
	}()
	id, err = l.LoadRequest(r)
	if err == nil && id == nil {
		err = fmt.Errorf("auth: request loader %T returned neither an identity nor an error", l)
	}
	return id, err
}

// admitLoaded checks the user whom a loader has named.
func (m *Manager) admitLoaded(s *state, loaded *Identity) (*Identity, error) {
	userID := loaded.UserID
	if userID == "" && loaded.User != nil {
		userID = loaded.User.AuthID()
	}
	u, err := m.loadUser(s.Context, userID)
	if errors.Is(err, ErrNotFound) {
		return nil, ErrBadCredentials
	} else if err != nil {
		return nil, err
	}
	if !isActive(u) {
		return nil, ErrBadCredentials
	}
	s.mine = *loaded
	s.mine.UserID, s.mine.User, s.mine.Session = userID, u, nil
	return &s.mine, nil
}

// resolveSession finds the session and checks it and its user.
func (m *Manager) resolveSession(s *state, id SessionID) (*Identity, error) {
	sess, err := m.store.LoadSession(s.Context, id)
	if err != nil {
		return nil, nobodyIfMissing(err)
	}
	now := m.now()
	if !now.Before(sess.ExpiresAt) || !now.Before(sess.EndsAt) {
		return nil, ErrNoCredentials
	}
	u, err := m.loadUser(s.Context, sess.UserID)
	if err != nil {
		return nil, nobodyIfMissing(err)
	}
	if !isActive(u) || authVersion(u) != sess.AuthVersion {
		return nil, ErrNoCredentials
	}
	if now.Sub(sess.SeenAt) >= m.touchEvery {
		if sess, err = m.touch(s.Context, sess, now); err != nil {
			return nil, err
		}
	}
	s.mine = Identity{UserID: sess.UserID, User: u, Actor: sess.Actor, Proofs: sess.Proofs, Session: sess}
	return &s.mine, nil
}

// touch writes down that the session was used. A session that has been ended
// meanwhile stays so.
func (m *Manager) touch(ctx context.Context, sess *Session, now time.Time) (*Session, error) {
	seen := *sess
	seen.SeenAt = now.UTC().Truncate(time.Millisecond)
	seen.ExpiresAt = earlier(seen.SeenAt.Add(m.opts.IdleTimeout), seen.EndsAt)
	switch err := m.store.UpdateSession(ctx, &seen); {
	case err == nil:
		seen.Version++
		return &seen, nil
	case errors.Is(err, ErrNotFound):
		return nil, ErrNoCredentials
	case errors.Is(err, ErrConflict): // another request has just done it
	default:
		m.broken(ctx, "writing when a session was last seen", err)
	}
	return sess, nil
}

// loadUser loads a user and makes sure that it is the one that was asked for.
func (m *Manager) loadUser(ctx context.Context, id string) (User, error) {
	u, err := m.users.LoadUser(ctx, id)
	if err != nil {
		return nil, err
	}
	if u == nil || u.AuthID() != id {
		return nil, fmt.Errorf("auth: the UserLoader returned another user than the one asked for")
	}
	return u, nil
}

// nobodyIfMissing makes a missing session or user nobody, and leaves an outage
// what it is.
func nobodyIfMissing(err error) error {
	if err == ErrNotFound || errors.Is(err, ErrNotFound) { // most often as it is
		return ErrNoCredentials
	}
	return err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// IdentityFrom returns who is asking. If it is nobody, the error wraps
// [ErrNoCredentials]; if the request carries an explicit credential that is
// wrong, [ErrBadCredentials]; any other error is an outage and must not be
// taken for nobody. It looks at most once per request, on the first call, and
// may be called concurrently.
func (m *Manager) IdentityFrom(ctx context.Context) (*Identity, error) {
	return m.stateFrom(ctx).identity()
}

// UserFrom returns the host's user behind the request: the one of the nearest
// guard, or else of the nearest [Manager.Handler]. It is false for nobody, for
// every failure, and if the user is not a T; behind a guard that requires a
// user only the last can be.
func UserFrom[T User](ctx context.Context) (T, bool) {
	id, err := current(ctx).identity()
	if err != nil {
		var none T
		return none, false
	}
	u, ok := id.User.(T)
	return u, ok
}

// WithIdentity returns a context in which id is who is asking, for every
// Manager and without any look at a request: for tests, and for work that is
// done for somebody outside of a request. It panics if id or its User is nil.
func WithIdentity(ctx context.Context, id *Identity) context.Context {
	if id == nil || id.User == nil {
		panic("auth: WithIdentity needs an Identity with a User")
	}
	known := *id
	known.UserID = id.User.AuthID()
	s := &state{Context: ctx, first: answer{id: &known, explicit: true}}
	s.answer.Store(&s.first)
	return s
}
