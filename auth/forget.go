package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// endFamily forgets a remembered browser and ends its sessions. Not being there is
// not an error: whoever forgot it ends the sessions.
func (m *Manager) endFamily(ctx context.Context, key string) error {
	userID, err := m.forgetFamily(ctx, key)
	if err != nil || userID == "" {
		return err
	}
	return m.endSessionsOf(ctx, userID, key)
}

// endSessionsOf ends the sessions that hang on a remembered browser.
func (m *Manager) endSessionsOf(ctx context.Context, userID, key string) error {
	all, err := m.store.UserSessions(ctx, userID)
	if err != nil {
		return asOutage(err)
	}
	for _, s := range all {
		if k, ok := familyOf(s.Proofs); !ok || k != key {
			continue
		}
		if err := m.store.DeleteSession(ctx, s.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return asOutage(err)
		}
		m.watchers.end(s.ID)
	}
	return nil
}

// forgetFamily deletes the credential, whoever changes it meanwhile, and returns
// whose it was, "" if it is not there.
func (m *Manager) forgetFamily(ctx context.Context, key string) (userID string, err error) {
	for range rememberRounds {
		c, err := m.store.LoadCredential(ctx, rememberKind, key)
		if err == nil {
			err = m.store.ChangeCredentials(ctx, Change{Old: &c})
		}
		switch {
		case err == nil:
			return c.UserID, nil
		case errors.Is(err, ErrNotFound):
			return "", nil
		case !errors.Is(err, ErrConflict):
			return "", asOutage(err)
		}
	}
	return "", errors.New("auth: a remembered browser is changed without end")
}

// endFamilies forgets the user's remembered browsers, but for those that the
// sessions in except hang on. The sessions are ended by whoever calls it.
func (m *Manager) endFamilies(ctx context.Context, userID string, except ...SessionID) error {
	held, err := m.store.UserCredentials(ctx, userID, rememberKind)
	if err != nil || len(held) == 0 {
		return asOutage(err)
	}
	var keep []string
	for _, id := range except {
		s, err := m.store.LoadSession(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		} else if err != nil {
			return asOutage(err)
		}
		if key, ok := familyOf(s.Proofs); ok && s.UserID == userID {
			keep = append(keep, key)
		}
	}
	for _, c := range held {
		if slices.Contains(keep, c.Key) {
			continue
		}
		if _, err := m.forgetFamily(ctx, c.Key); err != nil {
			return err
		}
	}
	return nil
}

// endBrowser forgets what the browser of r is remembered by, by its cookie or by
// what this response has set, unless that is the family keep, and deletes the
// cookie.
func (m *Manager) endBrowser(ctx context.Context, w http.ResponseWriter, r *http.Request, keep string) error {
	var failed error
	for _, value := range [...]string{cookie(r, m.cookies.remember), setBefore(w, m.cookies.remember)} {
		if value == "" {
			continue
		}
		if tok, ok := parseRemember(value); ok {
			key := m.familyKey(tok.selector)
			if key == keep {
				return nil
			}
			failed = errors.Join(failed, m.endFamily(ctx, key))
		}
		m.setCookie(w, m.cookies.remember, "", -1)
	}
	return failed
}
