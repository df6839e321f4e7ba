package auth

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/perrequest"
)

// A state is what one Manager knows of one request. It is the request's
// context, so that both take one allocation, and finds out who is asking when
// somebody first wants to know. Every authenticated request has one: it is kept
// small, since what it weighs is most of what Gatehouse costs.
type state struct {
	m *Manager      // nil: made by WithIdentity
	r *http.Request // as it came: for loaders, and for the context behind this one

	// Who is asking: id, or nobody for the reason beside it, or not found out yet
	// if there is neither. Changed under mu, read without; never neither again.
	id     atomic.Pointer[Identity]
	beside atomic.Pointer[beside]
	mine   Identity // where id points until somebody logs in

	mu    sync.Mutex
	token token // of the session cookie, not yet looked up
	has   bool  // whether there is one
	apart bool  // the request is answered by a credential of its own, whatever cookies came with it

	elsewhere bool // the request is nobody's: another site may have sent it
}

// What is beside who is asking. It is not changed: requests share what is in advance.
type beside struct {
	err  error            // why nobody is, or nil
	memo *perrequest.Memo // what others keep for the time of the request, or nil
}

// What is beside nobody, most often.
var besideNobody = &beside{err: ErrNoCredentials}

// failure returns why nobody is asking, as far as it is known.
func (s *state) failure() error {
	if b := s.beside.Load(); b != nil {
		return b.err
	}
	return nil
}

// because says why nobody is asking, as b does, and leaves the memo.
func (s *state) because(b *beside) {
	for {
		old := s.beside.Load()
		if old != nil && old.memo != nil {
			b = &beside{err: b.err, memo: old.memo}
		}
		if s.beside.CompareAndSwap(old, b) { // mu is not for the memo
			return
		}
	}
}

// Deadline, Done, Err and Value are those of the request's own context, in which
// states are found.

func (s *state) Deadline() (time.Time, bool) { return s.r.Context().Deadline() }
func (s *state) Done() <-chan struct{}       { return s.r.Context().Done() }
func (s *state) Err() error                  { return s.r.Context().Err() }

// currentKey finds the state of the Manager whose Handler or guard is nearest.
type currentKey struct{}

// Value finds the state by its Manager, so that several Managers do not meet,
// and by currentKey.
func (s *state) Value(key any) any {
	switch k := key.(type) {
	case currentKey:
		return s
	case perrequest.Key:
		if s.m != nil { // what WithIdentity made may last longer than any request
			return s.keep()
		}
	case *Manager:
		if k == s.m || s.m == nil {
			return s
		}
	}
	return s.r.Context().Value(key)
}

// keep returns where things are kept until the request ends, or somebody logs in or
// out: what was found out for one is not for another.
func (s *state) keep() *perrequest.Memo {
	for {
		old := s.beside.Load()
		if old != nil && old.memo != nil {
			return old.memo
		}
		b := &beside{memo: new(perrequest.Memo)}
		if old != nil {
			b.err = old.err
		}
		if s.beside.CompareAndSwap(old, b) {
			return b.memo
		}
	}
}

// forget drops the memo: what is in it is found out again.
func (s *state) forget() {
	for {
		old := s.beside.Load()
		if old == nil || old.memo == nil {
			return
		}
		var b *beside
		if old.err != nil {
			b = &beside{err: old.err}
		}
		if s.beside.CompareAndSwap(old, b) {
			return
		}
	}
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
	for {
		if id := s.id.Load(); id != nil {
			return id, nil
		}
		if err := s.failure(); err != nil {
			return nil, err
		}
		s.find()
	}
}

// find finds out who is asking, unless another goroutine just has, and reports
// whether the answer comes from a credential that browsers do not send by
// themselves.
func (s *state) find() (explicit bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id.Load() != nil || s.failure() != nil {
		return false
	}
	id, explicit, err := s.m.resolve(s)
	switch {
	case err == nil:
		s.id.Store(id)
	case err == ErrNoCredentials: // what is most often, without an allocation
		s.because(besideNobody)
	default:
		if n, ok := err.(*nobody); ok {
			s.because(&n.beside)
			break
		}
		s.because(&beside{err: err})
	}
	return explicit
}

// logIn makes a login visible in the same request.
func (s *state) logIn(id Identity) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has = false
	to := &s.mine
	if s.id.Load() != nil || s.failure() != nil { // somebody has asked, and may hold it
		to = new(Identity)
	}
	*to = id
	s.id.Store(to) // before the reason goes, so that one of them is always there
	s.beside.Store(nil)
}

// logOut makes a log-out visible in the same request.
func (s *state) logOut() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.has = false
	s.beside.Store(besideNobody)
	s.id.Store(nil)
}

func (b *badLoaded) Unwrap() error { return b.error }

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

// Request returns the request that ctx belongs to, as it came to [Manager.Handler] or a
// guard; false outside of one, and where m does not look at what comes in. It is not to
// be changed, and its body is not to be read.
func (m *Manager) Request(ctx context.Context) (*http.Request, bool) {
	for s := m.stateFrom(ctx); s != nil; s = m.stateFrom(s.r.Context()) {
		if s.m != nil { // else WithIdentity made it, perhaps within a request
			return s.r, true
		}
	}
	return nil, false
}

// UserFrom returns the host's user behind the request: the one of the nearest
// guard, or else of the nearest [Manager.Handler]. It is false for nobody, for
// every failure, and if the user is not a T; behind a guard that requires a
// user only the last can be. For nobody the value is that of [Options.Nobody], if
// that is a T.
func UserFrom[T User](ctx context.Context) (T, bool) {
	s := current(ctx)
	id, err := s.identity()
	if err != nil {
		u, _ := s.nobody(err).(T)
		return u, false
	}
	u, ok := id.User.(T)
	return u, ok
}

// nobody returns the host's value for nobody, if that is what err says and the
// host has one.
func (s *state) nobody(err error) User {
	if s == nil || s.m == nil || s.m.opts.Nobody == nil || !errors.Is(err, ErrNoCredentials) {
		return nil
	}
	return s.m.opts.Nobody(s.r)
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
	s := &state{r: new(http.Request).WithContext(ctx)}
	s.id.Store(&known)
	return s
}
