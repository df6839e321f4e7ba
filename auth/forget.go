package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"
)

// endFamily forgets a remembered browser and ends its sessions, in an order in
// which whoever is hindered half-way can begin again: its tokens are good no more
// and nothing that rests on it passes the gate; its sessions end; it is gone. It
// reports whether it was the one who began. Not being there is not an error. After
// a theft the row stays until its time, so that whoever comes second, who may be
// the owner, is told as well.
func (m *Manager) endFamily(ctx context.Context, key string, why *nobody) (first bool, err error) {
	c, err := m.changeFamily(ctx, key, func(c *Credential, f *family) error {
		if f.Ended != "" {
			return errUnchanged
		}
		f.Live, f.Used, f.Ended = nil, "", why.reason
		c.Generation++
		return nil
	})
	switch {
	case err == nil:
		first = true
	case err == errUnchanged:
	case errors.Is(err, errUnreadable): // nothing can be noted in it
		why = nobodyRevoked
	case errors.Is(err, ErrNoCredentials):
		return false, nil
	default:
		return false, err
	}
	if err := m.endSessionsOf(ctx, c.UserID, key); err != nil {
		return first, err
	}
	if why != nobodyReused {
		return first, m.forgetFamily(ctx, key)
	}
	_, err = m.changeFamily(ctx, key, func(_ *Credential, f *family) error {
		f.Done = true
		return nil
	})
	if errors.Is(err, ErrNoCredentials) { // forgotten meanwhile
		err = nil
	}
	return first, err
}

// endSessionsOf ends the sessions that hang on a remembered browser, as many as it
// can.
func (m *Manager) endSessionsOf(ctx context.Context, userID, key string) error {
	all, err := m.store.UserSessions(ctx, userID)
	if err != nil {
		return asOutage(err)
	}
	var failed error
	for _, s := range all {
		if k, ok := familyOf(s.Proofs); !ok || k != key {
			continue
		}
		if err := m.store.DeleteSession(ctx, s.ID); err != nil && !errors.Is(err, ErrNotFound) {
			failed = errors.Join(failed, asOutage(err))
			continue
		}
		m.watchers.end(s.ID)
	}
	return failed
}

// errEndless: somebody else was always faster.
var errEndless = errors.New("auth: a remembered browser is changed without end")

// forgetFamily deletes the credential, whoever changes it meanwhile.
func (m *Manager) forgetFamily(ctx context.Context, key string) error {
	for range rememberRounds {
		c, err := m.store.LoadCredential(ctx, rememberKind, key)
		if err == nil {
			err = m.store.ChangeCredentials(ctx, Change{Old: &c})
		}
		switch {
		case err == nil, errors.Is(err, ErrNotFound):
			return nil
		case !errors.Is(err, ErrConflict):
			return asOutage(err)
		}
	}
	return errEndless
}

// endFamilies forgets the user's remembered browsers. Those that the sessions in
// except hang on stay, so that these go on, but with a token that is good no more,
// see reissue. The sessions are ended by whoever calls it.
func (m *Manager) endFamilies(ctx context.Context, userID string, except ...SessionID) error {
	held, err := m.store.UserCredentials(ctx, userID, rememberKind)
	if err != nil || len(held) == 0 {
		return asOutage(err)
	}
	var keep []string
	for _, id := range except {
		s, err := m.below.LoadSession(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		} else if err != nil {
			return asOutage(err)
		}
		if key, ok := familyOf(s.Proofs); ok && s.UserID == userID {
			keep = append(keep, key)
		}
	}
	var failed error
	for _, c := range held {
		if !slices.Contains(keep, c.Key) {
			failed = errors.Join(failed, m.forgetFamily(ctx, c.Key))
			continue
		}
		_, err := m.changeFamily(ctx, c.Key, func(_ *Credential, f *family) error {
			f.Live, f.Used, f.Retired = nil, "", true
			return nil
		})
		if err != nil && !errors.Is(err, ErrNoCredentials) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// endBrowser forgets what the browser of r is remembered by, by its cookie or by
// what this response has set, unless that is the family keep, and deletes the
// cookie.
func (m *Manager) endBrowser(ctx context.Context, w http.ResponseWriter, r *http.Request, s *state, keep string) error {
	var failed error
	for _, value := range [...]string{m.rememberOf(r, s), setBefore(w, m.cookies.remember)} {
		if value == "" {
			continue
		}
		if tok, ok := parseRemember(value); ok {
			key := m.familyKey(tok.selector)
			if key == keep {
				return nil
			}
			_, err := m.endFamily(ctx, key, nobodyRevoked)
			failed = errors.Join(failed, err)
		}
		m.setCookie(w, m.cookies.remember, "", -1)
	}
	return failed
}

// rememberOf returns the cookie of a remembered browser that r has come with. A
// request that is exempt from the check of its origin has come with none that
// counts: another site may have sent it.
func (m *Manager) rememberOf(r *http.Request, s *state) string {
	if s != nil && s.apart {
		return ""
	}
	return cookie(r, m.cookies.remember)
}
