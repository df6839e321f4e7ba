package auth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	watchEvery  = time.Minute     // by default
	watchAtMost = time.Second     // as often
	lookTimeout = 5 * time.Second // for one look
	failedLooks = 3               // in a row end what is watched
)

// Watch returns a context for what outlives the answer to a request, such as a
// WebSocket, server-sent events or a long poll. It ends with ctx, with the
// returned function, and with the login of the request that ctx belongs to:
//
// At once, if the session is ended through this Manager: by log-out, by a
// revocation, by a change of the user's credentials, by a login in its place, by a
// strict binding, by a remembered browser whose token was used twice.
//
// Within every, if another process ends it, if it expires, or if its user is
// deleted, disabled or has another AuthVersion: Watch looks at the store that
// often. 0 means a minute; less than a second is a second. To look is not to use:
// a session that nobody uses otherwise ends at its idle timeout, and the context
// with it. [Manager.Reauthenticate] gives the session a new ID, which ends the
// context in other processes, and not in this one.
//
// [context.Cause] then wraps [ErrNoCredentials], in a [*Problem] whose Reason says
// why, or [ErrBadCredentials] for a credential that came with the request itself:
// [Options.Loaders] are asked again, with the request as it was when Watch was
// called, and at once if the user's credentials change. What [WithIdentity] said is
// believed for as long as its user is there, active and of the same AuthVersion.
// Where nobody asks, or it cannot be found out who does, the context has ended
// already, with the error of [Manager.IdentityFrom].
//
// A store that fails ends nothing, until it has failed three times in a row: the
// context then ends with that failure, an outage, as it does if a look takes longer
// than five seconds three times in a row.
//
// What the context says of who is asking stays as it was; freshness is not watched.
// The server ends a request's context when its handler returns, even if the
// connection was hijacked: a handler that leaves the connection to others gives
// Watch a [context.WithoutCancel] of it. Call the returned function when the
// context is not needed any more.
func (m *Manager) Watch(ctx context.Context, every time.Duration) (context.Context, context.CancelFunc) {
	if every <= 0 {
		every = watchEvery
	}
	every = max(every, watchAtMost)
	s := m.stateFrom(ctx)
	ctx, end := context.WithCancelCause(ctx)
	stop := func() { end(nil) }
	id, err := s.identity()
	if err != nil {
		end(problemOf(err))
		return ctx, stop
	}
	w := &watch{userID: id.UserID, end: end, again: make(chan struct{}, 1)}
	failed := 0
	switch {
	case s.m == nil:
		w.look = m.lookAtUser(id)
		m.watchers.add(w)
	case id.Session != nil:
		w.session = id.Session.ID
		m.watchers.add(w)
	default:
		w.look = m.lookAtRequest(s.r, id.UserID)
		m.watchers.add(w)
	}
	if s.m != nil {
		// What has ended before it was added could not tell it.
		if err := m.look(ctx, w); isOver(err) {
			end(problemOf(err))
		} else if err != nil {
			failed++
		}
	}
	go m.keepLooking(ctx, w, every, failed)
	return ctx, stop
}

// LookAgain makes what [Manager.Watch] has begun for the user, and hangs on a
// credential that came with a request, look at once whether that is still good: for
// a provider of such credentials, when it has revoked one.
func (m *Manager) LookAgain(userID string) {
	if m.watchers.n.Load() == 0 {
		return
	}
	m.watchers.mu.Lock()
	defer m.watchers.mu.Unlock()
	for w := range m.watchers.users[userID] {
		if w.session == (SessionID{}) {
			w.lookSoon()
		}
	}
}

// A watch is one context of [Manager.Watch].
type watch struct {
	userID  string
	session SessionID                       // that it hangs on; zero: none. Under mu of the watchers
	look    func(ctx context.Context) error // says whether there still is a login, where there is no session
	end     context.CancelCauseFunc
	again   chan struct{} // asks for a look at once
}

// lookSoon makes the watch look at once, in its own time.
func (w *watch) lookSoon() {
	select {
	case w.again <- struct{}{}:
	default: // it is about to
	}
}

// keepLooking looks until ctx ends, or the login.
func (m *Manager) keepLooking(ctx context.Context, w *watch, every time.Duration, failed int) {
	defer m.watchers.remove(w)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		// Not all at the same time, although they may have begun so.
		timer.Reset(every - rand.N(every/8))
		select {
		case <-ctx.Done():
			return
		case <-w.again:
		case <-timer.C:
		}
		switch err := m.look(ctx, w); {
		case err == nil:
			failed = 0
		case ctx.Err() != nil:
			return
		case isOver(err):
			w.end(problemOf(err))
			return
		default:
			if failed++; failed >= failedLooks {
				m.broken(ctx, "looking whether a login has ended", err)
				w.end(problemOf(err))
				return
			}
		}
	}
}

// isOver reports whether err says that there is no login any more, and not that
// this could not be found out.
func isOver(err error) bool {
	return errors.Is(err, ErrNoCredentials) || errors.Is(err, ErrBadCredentials)
}

// look reports whether there still is a login. It is called outside of any
// request, where nobody else would catch a panic of the host's.
func (m *Manager) look(ctx context.Context, w *watch) (err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("auth: looking whether a login has ended: panic: %s", describePanic(p))
		}
	}()
	if w.look != nil {
		return w.look(ctx)
	}
	for id := m.watchers.sessionOf(w); ; {
		err := m.lookAtSession(ctx, id)
		now := m.watchers.sessionOf(w)
		if now == id {
			return err
		}
		id = now // it was renewed meanwhile
	}
}

func (m *Manager) lookAtSession(ctx context.Context, id SessionID) error {
	sess, u, _, err := m.liveSession(ctx, m.below, id)
	if err == nil {
		_, err = m.userOf(ctx, sess, u)
	}
	return err
}

// lookAtUser returns a look at a user who was known without a request.
func (m *Manager) lookAtUser(known *Identity) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := m.userOf(ctx, &Session{UserID: known.UserID, AuthVersion: authVersion(known.User)}, nil)
		return err
	}
}

// lookAtRequest returns a look through the loaders at what r carries, as it is now:
// the handler may change it.
func (m *Manager) lookAtRequest(r *http.Request, userID string) func(context.Context) error {
	r = r.Clone(context.WithoutCancel(r.Context()))
	r.Body, r.GetBody = http.NoBody, nil
	return func(ctx context.Context) error {
		asked, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		for _, l := range m.opts.Loaders {
			id, err := load(l, r.WithContext(asked))
			if err == ErrNoCredentials {
				continue
			} else if err != nil {
				return err
			}
			u, err := m.userLoaded(ctx, id)
			if err == nil && u.AuthID() != userID {
				err = ErrBadCredentials
			}
			return err
		}
		return nobodyRevoked
	}
}
