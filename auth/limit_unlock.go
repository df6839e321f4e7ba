package auth

import "context"

// Unlock forgets every guess that was counted under scope at the user's account, and so
// ends what [Limits.Cap] began: for all browsers, known ones too. Scope is the
// provider's, such as "password"; what it counts for users who are logged in, under
// scope.change and scope.confirm, is forgotten as well. Whoever resets what was guessed
// at calls it, once that is done and before the known browsers are forgotten or after.
func (m *Manager) Unlock(ctx context.Context, scope, userID string) error {
	devices, err := m.store.UserCredentials(ctx, userID, deviceKind)
	if err != nil {
		return asOutage(err)
	}
	var keys []string
	for _, scope := range [...]string{scope, scope + ".change", scope + ".confirm"} {
		keys = append(keys, m.accountCounters(scope, "account", accountOf(userID)).keys()...)
		for _, d := range devices {
			keys = append(keys, m.accountCounters(scope, "device", d.Key).keys()...)
		}
	}
	return asOutage(m.store.Forget(ctx, keys...))
}

// accountOf is what the guesses at a user's account have in common.
func accountOf(userID string) string { return "user:" + userID }
