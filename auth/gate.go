package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// An admission is what the gate is asked to admit.
type admission struct {
	userID   string
	proofs   []Proof
	remember time.Duration // 0: no
	resumed  bool          // begun before, when the user's AuthVersion was version
	version  string
	renew    *Session // reauthentication: the session that the new one stands in for
	restored bool     // by a remembered browser
	uses     bool     // whether it rests on the token of a remembered browser, used up when all else has passed
	token    rememberToken
	endsBy   time.Time // the session's end at the latest, if not zero
}

// gate is the only function that brings a session into being. Whatever led
// here, it does so only if the user exists and is active, the host's hook
// agrees, no factor is owed, and, once the session is there, all of that still
// holds.
func (m *Manager) gate(w http.ResponseWriter, r *http.Request, a *admission) error {
	ctx := r.Context()
	s := m.stateFrom(ctx)
	if s == nil && !m.untouched(r) {
		return errNoHandler
	}
	if s != nil && s.elsewhere {
		return errElsewhere
	}
	if err := m.mayHoldCookies(r); err != nil {
		return err
	}
	method := a.proofs[len(a.proofs)-1].Method
	u, err := m.admit(ctx, a.userID)
	if err != nil {
		return err
	}
	if a.resumed && authVersion(u) != a.version {
		return fmt.Errorf("%w: the user was changed meanwhile", ErrBadCredentials)
	}
	if !m.hasFirstFactor(a.proofs) {
		return fmt.Errorf("%w: a second factor alone is no login", ErrBadCredentials)
	}
	if err := m.askAdmitters(ctx, u, a.proofs); err != nil {
		return err
	}
	if m.opts.BeforeLogIn != nil {
		if err := m.opts.BeforeLogIn(ctx, u, slices.Clone(a.proofs)); err != nil {
			return err
		}
	}
	owed, err := m.owed(ctx, u, a.proofs)
	if err != nil {
		return err
	}
	if len(owed) > 0 {
		return m.suspend(w, r, a, u, owed)
	}

	if a.uses {
		if err := m.useUp(w, r, s, a); err != nil {
			return err
		}
	}
	now := m.Now()
	var remember rememberToken
	var begun Credential
	if err := m.capByFamily(ctx, a); err != nil {
		return err
	}
	if a.remember > 0 {
		if !m.hasFirstFactor(withoutFamily(a.proofs)) { // what remembers may not go on for ever by itself
			a.remember = min(a.remember, max(a.endsBy.Sub(now), time.Second))
		}
		if remember, begun, err = m.beginFamily(ctx, u, a.userID, deviceLabel(r.UserAgent()), a.remember); err != nil {
			return err
		}
		a.proofs, a.endsBy = append(withoutFamily(a.proofs), rememberProof(&begun, now)), begun.ExpiresAt
	}
	tok := newToken()
	sess := m.newSession(r, s, a, u, now)
	sess.ID = m.sessionTag.digest(tok)
	if err := m.store.CreateSession(ctx, sess); err != nil {
		if errors.Is(err, ErrExists) { // and is somebody else's
			sess = nil
		}
		m.undo(ctx, sess, begun.Key) // perhaps it was kept, and only the answer was lost
		return asOutage(err)
	}
	// The previous session ends last: whoever ended it meanwhile, by a log-out
	// or a revocation, has either found the new one as well or is found here.
	err = m.recheck(ctx, sess)
	if err == nil {
		err = m.endPrevious(ctx, w, r, s, a, sess.ID)
	}
	if err != nil {
		m.undo(ctx, sess, begun.Key)
		return err
	}

	m.setCookie(w, m.cookies.session, tok.String(), 0)
	if a.remember > 0 {
		m.setCookie(w, m.cookies.remember, remember.String(), a.remember)
	} else if key, ok := familyOf(a.proofs); ok && a.renew != nil {
		m.reissue(ctx, w, r, key)
	}
	if err := m.dropPending(w, r, a.resumed); err != nil {
		m.broken(ctx, "ending a half-done login", err)
	}
	s.logIn(Identity{UserID: sess.UserID, User: u, Actor: sess.Actor, Proofs: sess.Proofs, Session: sess})
	e := Event{Name: "login", At: now, UserID: sess.UserID, Actor: sess.Actor, Addr: sess.Addr, Label: sess.Label, Method: method}
	switch {
	case a.renew != nil:
		e.Name = "reauthenticated"
	case a.restored:
		e.Name = "remembered"
	}
	m.emit(ctx, e)
	return nil
}

// newSession returns the session of a login, as it is to be kept but for its ID.
func (m *Manager) newSession(r *http.Request, s *state, a *admission, u User, now time.Time) *Session {
	asItCame := r
	if s != nil && s.m == m {
		asItCame = s.r
	}
	sess := &Session{
		UserID:      a.userID,
		AuthVersion: authVersion(u),
		Proofs:      a.proofs,
		Binding:     m.bind(asItCame),
		Label:       deviceLabel(r.UserAgent()),
		Addr:        m.ClientAddr(r),
		Version:     1,
		CreatedAt:   now,
		SeenAt:      now,
		EndsAt:      now.Add(m.opts.Lifetime),
	}
	if a.renew != nil {
		sess.Actor = a.renew.Actor
		sess.CreatedAt, sess.EndsAt = a.renew.CreatedAt, a.renew.EndsAt
	}
	if !a.endsBy.IsZero() {
		sess.EndsAt = earlier(sess.EndsAt, a.endsBy)
	}
	sess.ExpiresAt = earlier(now.Add(m.opts.IdleTimeout), sess.EndsAt)
	return sess
}

// admit loads the user and says whether they may log in at all.
func (m *Manager) admit(ctx context.Context, userID string) (User, error) {
	u, err := m.loadUser(ctx, userID)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: there is no such user", ErrBadCredentials)
	} else if err != nil {
		return nil, err
	}
	if !isActive(u) {
		return nil, fmt.Errorf("%w: the user is not active", ErrBadCredentials)
	}
	return u, nil
}

// hasFirstFactor reports whether one of the proofs is enough to begin with.
func (m *Manager) hasFirstFactor(proofs []Proof) bool {
	return slices.ContainsFunc(proofs, func(p Proof) bool {
		if p.Kind == rememberKind {
			return true
		}
		if role, known := m.roles[p.Kind]; known {
			// That an address is theirs somebody proves by a link which was sent there. To
			// have named it proves nothing: it counts from those who log people in only.
			return role == FirstFactor || role == Identifier && m.firstMethods[p.Method]
		}
		return !slices.ContainsFunc(m.factors, func(f Factor) bool { return f.Name() == p.Method })
	})
}

// FactorsOwed returns the names of the factors that the user would owe on top of
// a first one, none if a first one is enough. It says nothing about who is
// asking. [ErrNotFound] if there is no such user; any other error is an outage.
func (m *Manager) FactorsOwed(ctx context.Context, userID string) ([]string, error) {
	u, err := m.loadUser(ctx, userID)
	if err != nil {
		return nil, err
	}
	return m.owed(ctx, u, nil)
}

// askAdmitters asks the providers whether u may log in now.
func (m *Manager) askAdmitters(ctx context.Context, u User, proofs []Proof) error {
	for _, by := range m.admitters {
		if err := guarded(func() error { return by.Admit(ctx, u, slices.Clone(proofs)) }); err != nil {
			return err
		}
	}
	return nil
}

// owed returns the names of the factors that are still to be proved.
func (m *Manager) owed(ctx context.Context, u User, proofs []Proof) (names []string, err error) {
	for _, f := range m.factors {
		owed, err := f.Owed(ctx, u, slices.Clone(proofs))
		if err != nil {
			return nil, fmt.Errorf("auth: asking whether factor %q is owed: %w", f.Name(), outage{err})
		}
		if owed {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

// endPrevious ends the session that the new one, id, takes the place of. A
// renewal may only go on if it is the one that ended it: a log-out or a
// revocation meanwhile wins.
func (m *Manager) endPrevious(ctx context.Context, w http.ResponseWriter, r *http.Request, s *state, a *admission, id SessionID) error {
	if a.renew != nil {
		m.watchers.move(a.renew.ID, id) // first: whoever looks meanwhile finds a session
		err := m.store.DeleteSession(ctx, a.renew.ID)
		if err != nil {
			m.watchers.move(id, a.renew.ID)
		} else {
			m.watchers.move(a.renew.ID, id) // what has begun in between
		}
		if errors.Is(err, ErrNotFound) {
			s.logOut()
			return fmt.Errorf("%w: the session has ended meanwhile", ErrNoCredentials)
		}
		return asOutage(err)
	}
	keep, _ := familyOf(a.proofs)
	if err := m.endBrowser(ctx, w, r, s, keep); err != nil {
		return err
	}
	if s == nil {
		return nil
	}
	old, ok := m.sessionOf(s)
	if !ok {
		return nil
	}
	before, err := s.identity()
	known := err == nil && before.Session != nil
	if known {
		if key, ok := familyOf(before.Proofs); ok && key != keep {
			if _, err := m.endFamily(ctx, key, nobodyRevoked); err != nil {
				return err
			}
		}
	}
	if err := m.store.DeleteSession(ctx, old); err != nil && !errors.Is(err, ErrNotFound) {
		return asOutage(err)
	}
	m.watchers.end(old)
	if known && before.UserID != a.userID {
		m.switched(r, before, a.userID)
	}
	return nil
}

// switched tells that somebody logs in where somebody else was logged in.
func (m *Manager) switched(r *http.Request, before *Identity, to string) {
	m.Emit(r, Event{Name: "logout", UserID: before.UserID, Actor: before.Actor, Reason: "somebody else logged in"})
	m.Emit(r, Event{Name: "user.switched", UserID: to, Reason: "was logged in as " + before.UserID})
}

// sessionOf returns the ID of the session that the request's cookie, or a login
// in the same request, stands for.
func (m *Manager) sessionOf(s *state) (SessionID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := s.id.Load(); id != nil && id.Session != nil {
		return id.Session.ID, true
	}
	if s.has {
		return m.sessionTag.digest(s.token), true
	}
	return SessionID{}, false
}

// recheck makes sure that what was proved before the session began still holds
// now that it can be ended: whoever changes a user or a credential first
// commits the change and then ends the sessions, so that one of the two sees
// the other.
func (m *Manager) recheck(ctx context.Context, sess *Session) error {
	u, err := m.admit(ctx, sess.UserID)
	if err != nil {
		return err
	}
	if authVersion(u) != sess.AuthVersion {
		return fmt.Errorf("%w: the user was changed meanwhile", ErrBadCredentials)
	}
	for _, p := range sess.Proofs {
		if p.Kind == "" {
			continue
		}
		c, err := m.store.LoadCredential(ctx, p.Kind, p.Key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return asOutage(err)
		}
		if err != nil || c.UserID != sess.UserID || c.Generation != p.Generation ||
			!c.ExpiresAt.IsZero() && !m.now().Before(c.ExpiresAt) {
			return fmt.Errorf("%w: the credential was changed meanwhile", ErrBadCredentials)
		}
	}
	if err := m.askAdmitters(ctx, u, sess.Proofs); err != nil { // the account was closed meanwhile
		return err
	}
	owed, err := m.owed(ctx, u, sess.Proofs)
	if err == nil && len(owed) > 0 {
		err = fmt.Errorf("%w: a factor was added meanwhile", ErrBadCredentials)
	}
	return err
}

// undo deletes a session and a family whose cookies were never sent, even if the
// client has gone meanwhile.
func (m *Manager) undo(ctx context.Context, sess *Session, familyKey string) {
	ctx, cancel := outlive(ctx)
	defer cancel()
	if familyKey != "" {
		if err := m.forgetFamily(ctx, familyKey); err != nil {
			m.broken(ctx, "forgetting the browser of a login that was refused", err)
		}
	}
	if sess == nil {
		return
	}
	if err := m.store.DeleteSession(ctx, sess.ID); err != nil && !errors.Is(err, ErrNotFound) {
		m.broken(ctx, "deleting the session of a login that was refused", err)
	}
}
