package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A LoginOption changes one login.
type LoginOption func(*loginOptions)

type loginOptions struct {
	remember    bool
	rememberFor time.Duration // 0: as Options say
}

// Remember remembers the browser for [Options.RememberLifetime]: when it comes
// back without a session, the user is logged in anew. Such a login is never fresh,
// see [Identity.Fresh]. The browser holds a token that is good once; what the store
// keeps of it is of no use. Logging out, or ending one of its sessions, ends it, as
// does what ends all of a user's sessions.
func Remember() LoginOption { return func(o *loginOptions) { o.remember = true } }

// RememberFor is [Remember] for d, which is between a second and 400 days; any
// other is refused with [ErrInvalid]. The session, too, ends with it at the latest.
func RememberFor(d time.Duration) LoginOption {
	return func(o *loginOptions) { o.remember, o.rememberFor = true, d }
}

func (o *loginOptions) check() error {
	if o.rememberFor != 0 && (o.rememberFor < time.Second || o.rememberFor > maxRemember) {
		return invalid("RememberFor " + o.rememberFor.String())
	}
	return nil
}

// LogIn logs a user in who has just given proof p; only a provider that has
// verified the proof, or a host with reason of its own, calls it.
//
// There are three results. Nil: a session has begun, its cookie is set, and the
// request's identity is the user's. An [*OwedError]: the login is half done;
// what was proved is kept for ten minutes and completed by a LogIn of the
// factor's provider in the same browser. An error that wraps
// [ErrBadCredentials]: refused, because there is no such user, they may not log
// in, or the credential was changed meanwhile. Any other error is an outage, or
// what [Options.BeforeLogIn] said; nobody is logged in.
//
// A login rotates everything: the session that the browser had is ended.
// Answer with [Manager.Finish].
func (m *Manager) LogIn(w http.ResponseWriter, r *http.Request, userID string, p Proof, opts ...LoginOption) error {
	if p.At.IsZero() {
		p.At = m.Now()
	}
	a := admission{userID: userID, proofs: []Proof{p}}
	if len(opts) > 0 {
		var o loginOptions
		for _, opt := range opts {
			opt(&o)
		}
		if err := o.check(); err != nil {
			return err
		}
		if o.remember {
			if a.remember = o.rememberFor; a.remember == 0 {
				a.remember = m.opts.RememberLifetime
			}
		}
	}
	if err := m.resume(r, &a); err != nil {
		return m.refused(r, &a, err)
	}
	if err := m.restsHere(r, &a); err != nil {
		return m.refused(r, &a, err)
	}
	return m.refused(r, &a, m.gate(w, r, &a))
}

// justVerified is how old a proof may be that confirms a session.
const justVerified = time.Minute

// Reauthenticate adds a proof that was just verified to the session of who is
// asking, or renews it: the session gets a new ID, is bound anew, and keeps the end
// that it had. The proof must be of the session's own user, and less than a minute
// old, or the error wraps [ErrInvalid]. [ErrNoCredentials] if there is no session,
// or it has ended meanwhile; otherwise the errors of [Manager.LogIn].
func (m *Manager) Reauthenticate(w http.ResponseWriter, r *http.Request, p Proof) error {
	id, err := m.IdentityFrom(r.Context())
	if err != nil {
		return err
	}
	if id.Session == nil {
		return fmt.Errorf("%w: there is no session to confirm", ErrNoCredentials)
	}
	if p.At.IsZero() {
		p.At = m.Now()
	}
	if age := m.now().Sub(p.At); age > justVerified || age < -justVerified {
		return fmt.Errorf("%w: the proof is %v old, and was to be verified just now", ErrInvalid, age)
	}
	a := admission{userID: id.UserID, proofs: withProof(id.Proofs, p), renew: id.Session}
	return m.refused(r, &a, m.gate(w, r, &a))
}

// withProof returns proofs with p at the end, in place of an older one by the
// same method.
func withProof(proofs []Proof, p Proof) []Proof {
	return append(slices.DeleteFunc(slices.Clone(proofs), func(old Proof) bool { return old.Method == p.Method }), p)
}

// withoutFamily returns proofs without that of a remembered browser.
func withoutFamily(proofs []Proof) []Proof {
	return slices.DeleteFunc(slices.Clone(proofs), func(p Proof) bool { return p.Kind == rememberKind })
}

// capByFamily lets a session end with what remembers it, so that there is never a
// session whose family has been swept away.
func (m *Manager) capByFamily(ctx context.Context, a *admission) error {
	key, ok := familyOf(a.proofs)
	if !ok || a.renew != nil || !a.endsBy.IsZero() {
		return nil
	}
	c, err := m.store.LoadCredential(ctx, rememberKind, key)
	if err != nil {
		return revokedIfMissing(err)
	}
	a.endsBy = c.ExpiresAt
	return nil
}

// refused tells of a login that was refused, and returns err. Outages are told
// where they are answered.
func (m *Manager) refused(r *http.Request, a *admission, err error) error {
	if err == nil {
		return nil
	}
	e := Event{UserID: a.userID, Method: a.proofs[len(a.proofs)-1].Method}
	var owed *OwedError
	var problem *Problem
	switch {
	case errors.As(err, &owed):
		e.Name = "login.owed"
	case errors.Is(err, ErrBadCredentials), errors.As(err, &problem) && problem.Status < 500:
		e.Name, e.Reason = "login.refused", err.Error()
	default:
		return err
	}
	m.Emit(r, e)
	return err
}
