package auth

import (
	"errors"
	"net/http"
)

// restore logs in whoever this browser remembers, before the handler runs and if
// nobody else is asking. What it finds is what the request then knows.
func (m *Manager) restore(w http.ResponseWriter, r *http.Request, s *state, tok rememberToken) {
	if _, err := s.identity(); !errors.Is(err, ErrNoCredentials) {
		return
	}
	if !deliverable(w, r) || m.mayHoldCookies(r) != nil {
		return
	}
	err := m.tryRestore(w, r, s, tok)
	if err == nil {
		return // the gate has told s
	}
	var n *nobody
	var owed *OwedError
	var problem *Problem
	switch {
	case errors.As(err, &n):
		if n == nobodyRevoked && reasonOf(s.failure()) != reasonNone {
			return // what became of the session says more
		}
		s.fail(n.err)
	case errors.As(err, &owed):
		s.fail(errors.Join(nobodyOwes, owed))
	case errors.Is(err, ErrBadCredentials), errors.As(err, &problem) && problem.Status < 500:
		s.fail(nobodyRevoked.err)
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
	if m.judge(&f, m.verifierDigest(tok.verifier, key)) == dead {
		return m.reused(s, &c)
	}
	u, err := m.loadUser(ctx, c.UserID)
	if err != nil {
		return revokedIfMissing(err)
	}
	if !isActive(u) {
		return nobodyDisabled
	}
	if authVersion(u) != f.User {
		if err := m.endFamily(ctx, key); err != nil {
			return err
		}
		return nobodyChanged
	}
	a := admission{
		userID:   c.UserID,
		proofs:   []Proof{rememberProof(&c, m.Now())},
		restored: true,
		resumed:  true,
		version:  f.User,
	}
	a.take = func() error {
		next, used, err := m.succeed(ctx, tok)
		if err == nobodyReused { // meanwhile
			return m.reused(s, &used)
		} else if err != nil {
			return err
		}
		// At once, so that the browser has it whatever becomes of the login.
		m.setCookie(w, m.cookies.remember, next.String(), used.remaining(m.Now()))
		vary(w.Header(), varyCookie)
		noStore(w.Header()) // on a page, perhaps, that knows nothing of logins
		a.endsBy = used.ExpiresAt
		return nil
	}
	err = m.gate(w, r, &a)
	var owed *OwedError
	if errors.As(err, &owed) {
		return m.refused(r, &a, err)
	}
	return err
}

// reused ends a remembered browser whose token was used twice: somebody has
// copied it, and nobody can say who is the owner.
func (m *Manager) reused(s *state, c *Credential) error {
	ctx, cancel := outlive(s.r.Context())
	defer cancel()
	if err := m.endFamily(ctx, c.Key); err != nil {
		return err
	}
	m.emit(s.r.Context(), Event{Name: "remember.reused", UserID: c.UserID, Addr: m.ClientAddr(s.r), Label: deviceLabel(s.r.UserAgent()),
		Method: rememberKind, Reason: "the token of a remembered browser (" + c.Label + ") was used twice; what hangs on it was ended"})
	return nobodyReused
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

// failure returns why nobody is asking, as far as it is known.
func (s *state) failure() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

// fail makes err the answer to who is asking.
func (s *state) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err.Store(&err)
	s.id.Store(nil)
}
