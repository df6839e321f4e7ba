package auth

import (
	"errors"
	"fmt"
	"net/http"
)

// restore logs in whoever this browser remembers, before the handler runs and if
// nobody else is asking. What it finds is what the request then knows. The handler
// is given what restore returns.
func (m *Manager) restore(w http.ResponseWriter, r *http.Request, s *state, tok rememberToken) http.ResponseWriter {
	if _, err := s.identity(); !errors.Is(err, ErrNoCredentials) || !deliverable(w, r) || m.mayHoldCookies(r) != nil {
		return w
	}
	if err := m.tryRestore(w, r, s, tok); err != nil { // else the gate has told s
		m.notRestored(s, err)
	}
	return m.keepCookies(w)
}

// notRestored says why nobody is asking.
func (m *Manager) notRestored(s *state, err error) {
	var n *nobody
	var owed *OwedError
	var problem *Problem
	switch {
	case errors.As(err, &n):
		if n == nobodyRevoked && reasonOf(s.failure()) != reasonNone {
			return // what became of the session says more
		}
		s.fail(n)
	case errors.As(err, &owed):
		s.fail(errors.Join(nobodyOwes, owed))
	case errors.Is(err, ErrBadCredentials), errors.As(err, &problem) && problem.Status < 500:
		s.fail(nobodyRevoked)
	default:
		s.fail(asOutage(err))
	}
}

func (m *Manager) tryRestore(w http.ResponseWriter, r *http.Request, s *state, tok rememberToken) error {
	ctx := r.Context()
	key := m.familyKey(tok.selector)
	c, err := m.store.LoadCredential(ctx, rememberKind, key)
	if err != nil {
		return revokedIfMissing(err)
	}
	if !m.now().Before(c.ExpiresAt) {
		return nobodyExpired
	}
	f, err := readFamily(&c)
	if err != nil { // the browser must not be locked out by it
		m.broken(ctx, "reading a remembered browser", err)
		return nobodyRevoked
	}
	switch err := m.judge(&f, m.verifierDigest(tok.verifier, key)); {
	case f.Done:
		return err
	case f.Ended != "", err == nobodyReused: // perhaps by somebody who could not finish
		return m.end(s, &c, err)
	case err != nil:
		return err
	}
	u, err := m.loadUser(ctx, c.UserID)
	if err != nil {
		return revokedIfMissing(err)
	}
	if !isActive(u) {
		return nobodyDisabled
	}
	if authVersion(u) != f.User {
		return m.end(s, &c, nobodyChanged)
	}
	// Every restoration makes a session: nobody can make them without end.
	n, _, err := m.store.Count(ctx, m.counterKey(rememberKind, "family", key), restoreWindow, m.Now())
	if err != nil {
		return asOutage(err)
	}
	if n > maxRestores {
		return nobodyLimited
	}
	a := admission{
		userID:   c.UserID,
		proofs:   []Proof{rememberProof(&c, m.Now())},
		restored: true,
		resumed:  true,
		version:  f.User,
		uses:     true,
		token:    tok,
	}
	err = m.gate(w, r, &a)
	var owed *OwedError
	if errors.As(err, &owed) {
		return m.refused(r, &a, err)
	}
	return err
}

// useUp uses the token up that a rests on and gives the browser its successor, at
// once, so that it has it whatever becomes of the login.
func (m *Manager) useUp(w http.ResponseWriter, r *http.Request, s *state, a *admission) error {
	next, used, err := m.succeed(r.Context(), a.token)
	if err == nobodyReused {
		return m.end(s, &used, nobodyReused)
	} else if err != nil {
		return err
	}
	m.setCookie(w, m.cookies.remember, next.String(), used.remaining(m.Now()))
	notForCaches(w.Header())
	a.endsBy = used.ExpiresAt
	return nil
}

// restsHere makes sure that a half-done login which rests on what remembers a
// browser is completed in that very browser, and lets it use the token up.
func (m *Manager) restsHere(r *http.Request, a *admission) error {
	key, ok := familyOf(a.proofs)
	if !ok {
		return nil
	}
	a.token, a.uses = parseRemember(cookie(r, m.cookies.remember))
	if !a.uses || m.familyKey(a.token.selector) != key {
		return fmt.Errorf("%w: the half-done login rests on another browser", ErrBadCredentials)
	}
	return nil
}

// end ends a remembered browser, and tells if that is because its token was used
// twice: somebody has copied it, and nobody can say who is the owner. It returns
// why, if it could.
func (m *Manager) end(s *state, c *Credential, why error) error {
	n, ok := why.(*nobody)
	if !ok {
		n = nobodyRevoked
	}
	r := s.r
	ctx, cancel := outlive(r.Context())
	defer cancel()
	first, err := m.endFamily(ctx, c.Key, n)
	if first && n == nobodyReused {
		m.Emit(r, Event{Name: "remember.reused", UserID: c.UserID, Method: rememberKind,
			Reason: "the token of a remembered browser (" + c.Label + ") was used twice; what hangs on it was ended"})
	}
	if err != nil {
		return err
	}
	return n
}

// deliverable reports whether a cookie that is set now reaches the browser. It does
// not if the connection is about to speak another protocol, since whoever takes it
// over answers by itself, or if a wrapper of the host's knows that the header is
// written already.
func deliverable(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Upgrade") != "" || r.Method == http.MethodConnect {
		return false
	}
	for w != nil {
		if known, ok := w.(interface{ Written() bool }); ok {
			return !known.Written()
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	return true
}

// fail makes err the answer to who is asking.
func (s *state) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.because(&beside{err: err})
	s.id.Store(nil)
}
