package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// resolve finds out who is asking: an explicit credential beats a session.
func (m *Manager) resolve(s *state) (id *Identity, explicit bool, err error) {
	for i, l := range m.opts.Loaders {
		id, err := load(l, s.r)
		if err == ErrNoCredentials {
			continue
		}
		ambient, ok := As[interface{ Ambient() bool }](l)
		explicit := !ok || !ambient.Ambient()
		if err == nil {
			id, err = m.admitLoaded(s, id)
		}
		if errors.Is(err, ErrBadCredentials) {
			err = &badLoaded{err, i}
		}
		return id, explicit, err
	}
	if !s.has {
		return nil, false, ErrNoCredentials
	}
	id, err = m.resolveSession(s, m.sessionTag.digest(s.token))
	return id, false, err
}

// A badLoaded is ErrBadCredentials for what the request itself carries.
type badLoaded struct {
	error
	by int // the index of the loader
}

// load calls a loader, whose panic is an outage and not a way around it.
func load(l RequestLoader, r *http.Request) (id *Identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, err = nil, fmt.Errorf("auth: request loader %T panicked: %v", l, p)
		}
	}()
	id, err = l.LoadRequest(r)
	switch {
	case err == nil && id == nil:
		err = fmt.Errorf("auth: request loader %T returned neither an identity nor an error", l)
	case errors.Is(err, ErrBadCredentials): // even if it also says that there are none
		err = fmt.Errorf("%w: %v", ErrBadCredentials, err)
	case errors.Is(err, ErrNoCredentials):
		err = ErrNoCredentials
	default:
		err = asOutage(err)
	}
	return id, err
}

// admitLoaded checks the user whom a loader has named.
func (m *Manager) admitLoaded(s *state, loaded *Identity) (*Identity, error) {
	u, err := m.userLoaded(s.r.Context(), loaded)
	if err != nil {
		return nil, err
	}
	s.mine = *loaded
	s.mine.UserID, s.mine.User, s.mine.Session, s.mine.Proofs = u.AuthID(), u, nil, nil
	e := Event{Name: "loaded", UserID: s.mine.UserID, Actor: s.mine.Actor}
	if c := s.mine.Credential; c != nil {
		e.Method = c.Kind
	}
	m.Emit(s.r, e)
	return &s.mine, nil
}

// userLoaded returns the user whom a loader has named, if they may be logged in.
func (m *Manager) userLoaded(ctx context.Context, loaded *Identity) (User, error) {
	userID := loaded.UserID
	if userID == "" && loaded.User != nil {
		userID = loaded.User.AuthID()
	}
	u, err := m.loadUser(ctx, userID)
	if errors.Is(err, ErrNotFound) {
		return nil, ErrBadCredentials
	} else if err != nil {
		return nil, err
	}
	if !isActive(u) {
		return nil, ErrBadCredentials
	}
	if then, ok := loaded.User.(interface{ AuthVersion() string }); ok && then.AuthVersion() != authVersion(u) {
		return nil, ErrBadCredentials
	}
	return u, nil
}

// resolveSession finds the session and checks it and its user.
func (m *Manager) resolveSession(s *state, id SessionID) (*Identity, error) {
	ctx := s.r.Context()
	sess, u, now, err := m.liveSession(ctx, m.store, id)
	if err != nil {
		return nil, err
	}
	if sess, err = m.keepBinding(s, sess); err != nil {
		return nil, err
	}
	u, err = m.userOf(ctx, sess, u)
	if err != nil {
		return nil, err
	}
	if now.Sub(sess.SeenAt) >= m.touchEvery {
		if sess, err = m.touch(ctx, sess, now); err != nil {
			return nil, err
		}
	}
	s.mine = Identity{UserID: sess.UserID, User: u, Actor: sess.Actor, Proofs: sess.Proofs, Session: sess}
	return &s.mine, nil
}

// liveSession finds a session that has not ended, and says when it looked. In is
// m.store, or m.below where what a cache knew a moment ago is not good enough. The
// user is there if that was found out at once, for userOf.
func (m *Manager) liveSession(ctx context.Context, in SessionStore, id SessionID) (sess *Session, u User, now time.Time, err error) {
	if m.joined != nil {
		sess, u, err = m.loadJoined(ctx, id)
	} else {
		sess, err = in.LoadSession(ctx, id)
	}
	if err != nil {
		return nil, nil, now, revokedIfMissing(err)
	}
	now = m.now() // not before: for a session that is not there nobody needs it
	if !now.Before(sess.ExpiresAt) || !now.Before(sess.EndsAt) {
		return nil, nil, now, nobodyExpired
	}
	return sess, u, now, nil
}

// userOf finds the session's user, as they were when it began. It takes u, if that is
// not nil.
func (m *Manager) userOf(ctx context.Context, sess *Session, u User) (User, error) {
	if u == nil {
		var err error
		if u, err = m.loadUser(ctx, sess.UserID); err != nil {
			return nil, revokedIfMissing(err)
		}
	}
	if !isActive(u) {
		return nil, nobodyDisabled
	}
	if authVersion(u) != sess.AuthVersion {
		return nil, nobodyChanged
	}
	return u, nil
}

// touch writes down that the session was used. A session that has been ended
// meanwhile stays so.
func (m *Manager) touch(ctx context.Context, sess *Session, now time.Time) (*Session, error) {
	seen := *sess
	seen.SeenAt = now.UTC().Truncate(time.Millisecond)
	seen.ExpiresAt = earlier(seen.SeenAt.Add(m.opts.IdleTimeout), seen.EndsAt)
	switch err := m.store.UpdateSession(ctx, &seen); {
	case err == nil:
		stored := seen // a copy: the store may keep what it was given
		stored.Version++
		return &stored, nil
	case errors.Is(err, ErrNotFound):
		return nil, nobodyRevoked
	case errors.Is(err, ErrConflict): // another request has just done it
	default:
		m.broken(ctx, "writing when a session was last seen", err)
	}
	return sess, nil
}

// loadUser loads a user and makes sure that it is the one that was asked for.
func (m *Manager) loadUser(ctx context.Context, id string) (User, error) {
	if id == "" {
		return nil, ErrNotFound
	}
	u, err := m.users.LoadUser(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, ErrNotFound
	} else if err != nil {
		return nil, asOutage(err)
	}
	return sameUser(u, id)
}

func sameUser(u User, id string) (User, error) {
	if isNil(u) || u.AuthID() != id {
		return nil, fmt.Errorf("auth: the UserLoader returned another user than the one asked for")
	}
	return u, nil
}
