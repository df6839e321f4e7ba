package auth

import (
	"errors"
	"net/http"
)

// LogOut ends the session and the half-done login of this browser and deletes
// their cookies. Being nobody already is not an error. If the store fails the
// cookies are deleted nevertheless, and the error says that the session may
// live on.
func (m *Manager) LogOut(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	s := m.stateFrom(ctx)
	if s == nil && !m.untouched(r) {
		return errNoHandler
	}
	if s == nil || s.m != m {
		return nil
	}
	var failed error
	if tok, ok := parseToken(cookie(r, m.cookies.login)); ok {
		_, err := m.store.TakeTicket(ctx, pendingPurpose, encodeKey(m.loginTag.digest(tok)))
		if err != nil && !errors.Is(err, ErrNotFound) {
			failed = err
		}
		m.setCookie(w, m.cookies.login, "", -1)
	}
	e := Event{Name: "logout"}
	if known, err := s.identity(); err == nil {
		e.UserID, e.Actor = known.UserID, known.Actor
	}
	id, ok := m.sessionOf(s)
	if !ok {
		return failed
	}
	err := m.store.DeleteSession(ctx, id)
	m.setCookie(w, m.cookies.session, "", -1)
	s.logOut()
	if err != nil && !errors.Is(err, ErrNotFound) {
		return errors.Join(failed, err)
	}
	if e.UserID != "" {
		m.Emit(r, e)
	}
	return failed
}
