package auth

import (
	"context"
	"fmt"
)

// Identify returns the identity of a user for work that is done for them outside of
// any request, such as a job: give it to [WithIdentity]. There is no session and no
// proof, and it is never fresh. Whoever calls it vouches for the user: Identify
// asks nobody for a secret. [ErrNotFound] if there is no such user,
// [ErrBadCredentials] if they may not log in; any other error is an outage.
func (m *Manager) Identify(ctx context.Context, userID string) (*Identity, error) {
	u, err := m.loadUser(ctx, userID)
	if err != nil {
		return nil, err
	}
	if !isActive(u) {
		return nil, fmt.Errorf("%w: the user is not active", ErrBadCredentials)
	}
	return &Identity{UserID: userID, User: u}, nil
}
