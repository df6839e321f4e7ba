package auth

import "context"

// WaysIn returns how many first factors the user has that have not expired: with
// one, [Manager.ChangeCredentials] does not let go of it.
func (m *Manager) WaysIn(ctx context.Context, userID string) (n int, err error) {
	held, err := m.store.UserCredentials(ctx, userID)
	if err != nil {
		return 0, err
	}
	now := m.now()
	for i := range held {
		if m.roles[held[i].Kind] == FirstFactor && (held[i].ExpiresAt.IsZero() || now.Before(held[i].ExpiresAt)) {
			n++
		}
	}
	return n, nil
}
