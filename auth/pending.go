package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A half-done login is a ticket with a cookie of its own. It identifies nobody.

const (
	pendingPurpose  = "login"
	pendingLifetime = 10 * time.Minute
)

// pending is what a ticket of a half-done login holds.
type pending struct {
	Version  int     `json:"v"`
	Proofs   []Proof `json:"proofs"`
	User     string  `json:"user_version,omitempty"` // the user's AuthVersion
	Remember int64   `json:"remember,omitempty"`     // for how long, in milliseconds; 0: no
}

// suspend keeps a login that still owes factors, and returns the error that
// says so.
func (m *Manager) suspend(w http.ResponseWriter, r *http.Request, a *admission, u User, owed []string) error {
	data, err := json.Marshal(pending{Version: 1, Proofs: a.proofs, User: authVersion(u), Remember: a.remember.Milliseconds()})
	if err != nil {
		return fmt.Errorf("auth: encoding a half-done login: %w", err)
	}
	tok, now := newToken(), m.Now()
	err = m.store.PutTicket(r.Context(), Ticket{
		Purpose:   pendingPurpose,
		Key:       encodeKey(m.loginTag.digest(tok)),
		UserID:    a.userID,
		Data:      data,
		CreatedAt: now,
		ExpiresAt: now.Add(pendingLifetime),
	})
	if err != nil {
		return asOutage(err)
	}
	m.setCookie(w, m.cookies.login, tok.String(), pendingLifetime)
	notForCaches(w.Header()) // a remembered browser may be on any page
	return &OwedError{Factors: owed}
}

// Pending returns whose login this browser has half done, and what was proved.
// It is for the providers of factors, to know whose factor to check; it says
// nothing about who is asking. [ErrNoCredentials] if there is none.
func (m *Manager) Pending(r *http.Request) (userID string, proofs []Proof, err error) {
	t, p, err := m.loadPending(r)
	if err != nil {
		return "", nil, err
	}
	return t.UserID, p.Proofs, nil
}

func (m *Manager) loadPending(r *http.Request) (Ticket, pending, error) {
	tok, ok := parseToken(cookie(r, m.cookies.login))
	if !ok {
		return Ticket{}, pending{}, ErrNoCredentials
	}
	t, err := m.store.LoadTicket(r.Context(), pendingPurpose, encodeKey(m.loginTag.digest(tok)))
	if errors.Is(err, ErrNotFound) {
		return Ticket{}, pending{}, ErrNoCredentials
	} else if err != nil {
		return Ticket{}, pending{}, asOutage(err)
	}
	if !m.now().Before(t.ExpiresAt) {
		return Ticket{}, pending{}, ErrNoCredentials
	}
	var p pending
	if err := json.Unmarshal(t.Data, &p); err != nil || p.Version != 1 {
		return Ticket{}, pending{}, fmt.Errorf("auth: a half-done login cannot be read: %v", err)
	}
	return t, p, nil
}

// dropPending ends the half-done login of this browser, whoever's it is.
func (m *Manager) dropPending(w http.ResponseWriter, r *http.Request, taken bool) error {
	tok, ok := parseToken(cookie(r, m.cookies.login))
	if !ok {
		return nil
	}
	m.setCookie(w, m.cookies.login, "", -1)
	if taken {
		return nil
	}
	_, err := m.store.TakeTicket(r.Context(), pendingPurpose, encodeKey(m.loginTag.digest(tok)))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// resume adds what this browser has proved before, if it is about the same user
// and by other methods. Of two requests that complete one half-done login
// exactly one goes on.
func (m *Manager) resume(r *http.Request, a *admission) error {
	if cookie(r, m.cookies.login) == "" {
		return nil
	}
	t, p, err := m.loadPending(r)
	if errors.Is(err, ErrNoCredentials) {
		return nil
	} else if err != nil {
		return err
	}
	method := a.proofs[0].Method
	if t.UserID != a.userID || slices.ContainsFunc(p.Proofs, func(old Proof) bool { return old.Method == method }) {
		return nil // another login begins
	}
	if _, err := m.store.TakeTicket(r.Context(), t.Purpose, t.Key); errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: the half-done login was used already", ErrBadCredentials)
	} else if err != nil {
		return asOutage(err)
	}
	a.proofs = append(p.Proofs, a.proofs[0])
	if a.remember == 0 {
		a.remember = time.Duration(p.Remember) * time.Millisecond
	}
	a.resumed, a.version = true, p.User
	return nil
}

// factorsPending returns the factors that the half-done login of this browser
// still owes, none if there is no such login.
func (m *Manager) factorsPending(r *http.Request) []string {
	userID, proofs, err := m.Pending(r)
	if err != nil {
		return nil
	}
	u, err := m.admit(r.Context(), userID)
	if err != nil {
		return nil
	}
	owed, err := m.owed(r.Context(), u, proofs)
	if err != nil {
		return nil
	}
	return owed
}

// factorURL returns the page of the first of the factors, with the way back to r,
// or "" if it has none.
func (m *Manager) factorURL(r *http.Request, factors []string) string {
	if len(factors) == 0 || m.URL("/"+factors[0]) == "" {
		return ""
	}
	return withNext(m.URL("/"+factors[0]), r)
}
