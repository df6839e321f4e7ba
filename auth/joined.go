package auth

import (
	"context"
	"fmt"
)

// A joinedLoader is a [UserLoader] that finds a session and its user at once.
type joinedLoader interface {
	LoadSessionUser(ctx context.Context, id SessionID) (*Session, User, error)
	JoinsSessionsOf(s SessionStore) bool
}

// joinedIn returns users if it finds the sessions of store together with their users.
// It is not looked for through Unwrap: whoever wraps a loader, or a store, wants to be
// asked.
func joinedIn(users UserLoader, store Store) joinedLoader {
	j, ok := users.(joinedLoader)
	if !ok {
		return nil
	}
	sessions := SessionStore(store)
	if c, ok := store.(*combined); ok {
		sessions = c.SessionStore
	}
	if !j.JoinsSessionsOf(sessions) {
		return nil
	}
	return j
}

// loadJoined finds a session, and its user if that is known then.
func (m *Manager) loadJoined(ctx context.Context, id SessionID) (*Session, User, error) {
	sess, u, err := m.joined.LoadSessionUser(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if sess == nil || sess.ID != id {
		return nil, nil, fmt.Errorf("auth: the UserLoader returned another session than the one asked for")
	}
	if u == nil {
		return sess, nil, nil // LoadUser says what that means
	}
	u, err = sameUser(u, sess.UserID)
	return sess, u, err
}
