package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Sessions returns the user's live sessions, the newest first. Each has a
// [Session.Handle] by which it can be revoked.
func (m *Manager) Sessions(ctx context.Context, userID string) ([]*Session, error) {
	all, err := m.store.UserSessions(ctx, userID)
	if err != nil {
		return nil, asOutage(err)
	}
	now := m.now()
	return slices.DeleteFunc(all, func(s *Session) bool {
		return !now.Before(s.ExpiresAt) || !now.Before(s.EndsAt)
	}), nil
}

// RevokeSession ends the user's session with that [Session.Handle], and forgets the
// browser if it is remembered, with all that hangs on that. It is dead
// when RevokeSession returns, also for requests that are under way.
// [ErrNotFound] if the user has no such session.
func (m *Manager) RevokeSession(ctx context.Context, userID, handle string) error {
	all, err := m.store.UserSessions(ctx, userID)
	if err != nil {
		return asOutage(err)
	}
	i := slices.IndexFunc(all, func(s *Session) bool { return s.Handle() == handle })
	if i < 0 {
		return fmt.Errorf("%w: session", ErrNotFound)
	}
	outliving, cancel := outlive(ctx)
	defer cancel()
	err = m.endSession(outliving, all[i])
	if err == nil {
		m.emit(ctx, Event{Name: "sessions.revoked", UserID: userID, Reason: all[i].Label})
	}
	return err
}

// endSession ends a session, what remembers its browser first, and what has taken
// its place meanwhile. [ErrNotFound] if it had ended already.
func (m *Manager) endSession(ctx context.Context, s *Session) error {
	key, remembered := familyOf(s.Proofs)
	if remembered {
		if _, err := m.endFamily(ctx, key, nobodyRevoked); err != nil {
			return err
		}
	}
	err := m.store.DeleteSession(ctx, s.ID)
	if err == nil || remembered && errors.Is(err, ErrNotFound) {
		m.watchers.end(s.ID)
		return nil
	}
	if !errors.Is(err, ErrNotFound) {
		return asOutage(err)
	}
	all, err := m.store.UserSessions(ctx, s.UserID)
	if err != nil {
		return asOutage(err)
	}
	for _, other := range all { // a renewal keeps when the login was
		if other.ID != s.ID && other.CreatedAt.Equal(s.CreatedAt) && other.Label == s.Label {
			return m.endSession(ctx, other)
		}
	}
	return fmt.Errorf("%w: session", ErrNotFound)
}

// RevokeUserSessions ends the user's sessions and forgets the remembered browsers,
// but for those in except, and ends whatever is half done: logins, and all else
// that waits for an answer.
func (m *Manager) RevokeUserSessions(ctx context.Context, userID string, except ...SessionID) error {
	outliving, cancel := outlive(ctx)
	defer cancel()
	if err := m.endAll(outliving, userID, except...); err != nil {
		return err
	}
	reason := "all"
	if len(except) > 0 {
		reason = "all others"
	}
	m.emit(ctx, Event{Name: "sessions.revoked", UserID: userID, Reason: reason})
	return nil
}

// outlive returns a context for what must be done although the client has gone.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

func (m *Manager) endAll(ctx context.Context, userID string, except ...SessionID) error {
	// Tickets and remembered browsers first: one that is used in between makes a
	// session that the next step finds. What fails does not hinder the rest.
	failed := errors.Join(
		asOutage(m.store.DeleteUserTickets(ctx, userID)),
		m.endFamilies(ctx, userID, except...),
		m.endSessions(ctx, userID, except...),
	)
	// And again: a login in between, whose session has just ended, may have begun
	// to remember its browser.
	return errors.Join(failed, m.endFamilies(ctx, userID, except...))
}

// endSessions ends the user's sessions and what watches them.
func (m *Manager) endSessions(ctx context.Context, userID string, except ...SessionID) error {
	err := m.store.DeleteUserSessions(ctx, userID, except...)
	if err == nil {
		// And again: a renewal that came before that had finished could end its old
		// session itself, and then goes on with one that this need not have seen.
		// What renews later finds no old one.
		err = m.store.DeleteUserSessions(ctx, userID, except...)
	}
	m.watchers.endUser(userID, except...) // in any case: what was not ended can begin anew
	return asOutage(err)
}
