package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// LogOut ends the session and the half-done login of this browser, forgets it if it
// is remembered, and deletes their cookies. Being nobody already is not an error. If the store fails the
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
	var known *Session
	if who, err := s.identity(); err == nil && who.Session != nil {
		e.UserID, e.Actor, known = who.UserID, who.Actor, who.Session
	}
	// The session first: what forgets the browser ends it as well, and would leave
	// nothing here to tell of.
	id, ok := m.sessionOf(s)
	var err error
	if ok {
		err = m.store.DeleteSession(ctx, id)
		if err != nil && ctx.Err() != nil {
			again, cancel := outlive(ctx)
			defer cancel()
			err = m.store.DeleteSession(again, id)
		}
		if errors.Is(err, ErrNotFound) && known != nil && known.ID == id {
			err = m.endSuccessor(ctx, known)
		}
	}
	if err := m.forgetBrowser(w, r, s); err != nil {
		failed = errors.Join(failed, err)
	}
	if !ok {
		return failed
	}
	m.setCookie(w, m.cookies.session, "", -1)
	m.watchers.end(id)
	s.logOut()
	if err != nil && !errors.Is(err, ErrNotFound) {
		return errors.Join(failed, err)
	}
	if err == nil {
		m.Emit(r, e)
	}
	return failed
}

// endSuccessor ends what another tab has put in the place of the session, just before
// it was to be ended. [ErrNotFound] if there is nothing. If the browser is remembered,
// forgetBrowser ends it.
func (m *Manager) endSuccessor(ctx context.Context, s *Session) error {
	if _, remembered := familyOf(s.Proofs); remembered {
		return ErrNotFound
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	return m.endSession(ctx, s)
}

// forgetBrowser forgets what remembers this browser, and what its session hangs on,
// even if the client has gone meanwhile.
func (m *Manager) forgetBrowser(w http.ResponseWriter, r *http.Request, s *state) error {
	key, known := "", false
	if id, err := s.identity(); err == nil {
		key, known = familyOf(id.Proofs)
	}
	if !known && m.rememberOf(r, s) == "" && setBefore(w, m.cookies.remember) == "" {
		return nil
	}
	ctx, cancel := outlive(r.Context())
	defer cancel()
	err := m.endBrowser(ctx, w, r, s, "")
	if known {
		_, failed := m.endFamily(ctx, key, nobodyRevoked)
		err = errors.Join(err, failed)
	}
	return err
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
