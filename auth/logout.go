package auth

import (
	"errors"
	"net/http"
	"strings"
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
	if s == nil { // whoever it is has logged in in this very request
		s = &state{m: m, r: r}
		s.token, s.has = parseToken(setBefore(w, m.cookies.session))
	}
	if s.m != m {
		return nil
	}
	var failed error
	if tok, ok := parseToken(cookie(r, m.cookies.login)); ok {
		key := encodeKey(m.loginTag.digest(tok))
		_, err := m.store.TakeTicket(ctx, pendingPurpose, key)
		if err != nil && ctx.Err() != nil { // the client has gone, and means it nevertheless
			again, cancel := outlive(ctx)
			defer cancel()
			_, err = m.store.TakeTicket(again, pendingPurpose, key)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			failed = err
		}
		m.setCookie(w, m.cookies.login, "", -1)
	}
	e := Event{Name: "logout"}
	if known, err := s.identity(); err == nil && known.Session != nil {
		e.UserID, e.Actor = known.UserID, known.Actor
	}
	id, ok := m.sessionOf(s)
	if !ok {
		return failed
	}
	err := m.store.DeleteSession(ctx, id)
	if err != nil && ctx.Err() != nil {
		again, cancel := outlive(ctx)
		defer cancel()
		err = m.store.DeleteSession(again, id)
	}
	m.setCookie(w, m.cookies.session, "", -1)
	s.logOut()
	if err != nil && !errors.Is(err, ErrNotFound) {
		return errors.Join(failed, err)
	}
	if err == nil {
		m.Emit(r, e)
	}
	return failed
}

// setBefore returns the value of a cookie that this response sets.
func setBefore(w http.ResponseWriter, name string) string {
	for _, c := range w.Header()["Set-Cookie"] {
		if rest, ok := strings.CutPrefix(c, name+"="); ok {
			value, _, _ := strings.Cut(rest, ";")
			return value
		}
	}
	return ""
}
