package auth

import (
	"context"
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
	for _, s := range all {
		if s.Handle() != handle {
			continue
		}
		key, remembered := familyOf(s.Proofs)
		if remembered { // first, or the browser would come back by it
			if _, err := m.forgetFamily(ctx, key); err != nil {
				return err
			}
		}
		if err := m.store.DeleteSession(ctx, s.ID); err != nil {
			return err
		}
		m.watchers.end(s.ID)
		if remembered {
			if err := m.endSessionsOf(ctx, userID, key); err != nil {
				return err
			}
		}
		m.emit(ctx, Event{Name: "sessions.revoked", UserID: userID, Reason: s.Label})
		return nil
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
	// Tickets first: one that is taken in between makes a session that the
	// second step finds.
	if err := m.store.DeleteUserTickets(ctx, userID); err != nil {
		return asOutage(err)
	}
	// And the remembered browsers, for the same reason.
	if err := m.endFamilies(ctx, userID, except...); err != nil {
		return err
	}
	if err := m.store.DeleteUserSessions(ctx, userID, except...); err != nil {
		return asOutage(err)
	}
	m.watchers.endUser(userID, except...)
	return nil
}
