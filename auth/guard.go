package auth

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// errNoHandler: a guard has met a request that has not passed through
// [Manager.Handler].
var errNoHandler = errors.New("auth: the request did not pass through Manager.Handler: wrap the whole mux in it")

// guard returns a handler that lets pass whom check lets pass. Its answers
// depend on who asks, which Vary says.
func (m *Manager) guard(next http.Handler, check func(r *http.Request, id *Identity, err error) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		vary(w.Header(), varyCookie)
		if isPreflight(r) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		s := m.stateFrom(r.Context())
		if s == nil && !m.untouched(r) {
			m.Refuse(w, r, errNoHandler)
			return
		}
		id, err := s.identity()
		if err := check(r, id, err); err != nil {
			m.tellRefusal(r, id, err)
			m.Refuse(w, r, err)
			return
		}
		if id != nil && id.Session == nil && len(w.Header()["Cache-Control"]) == 0 {
			w.Header().Set("Cache-Control", "private") // Vary does not name what a loader looked at
		}
		next.ServeHTTP(w, nearest(r, s))
	})
}

// isPreflight reports whether a browser asks, before the request itself and without
// any credentials, whether another site may send it (Fetch standard, CORS
// preflight). A guard answers that nobody said so, and runs nothing; a CORS
// middleware that allows more goes outside.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// tellRefusal tells of a user who was required.
func (m *Manager) tellRefusal(r *http.Request, id *Identity, err error) {
	e := Event{Name: "unauthenticated", Reason: reasonOf(err)}
	switch {
	case id != nil && errors.Is(err, ErrNotFresh):
		e = Event{Name: "not_fresh", UserID: id.UserID, Actor: id.Actor}
	case errors.Is(err, ErrBadCredentials):
		e.Reason = codeBadCredentials
	case !errors.Is(err, ErrNoCredentials):
		return
	}
	m.Emit(r, e)
}

// nearest makes s what UserFrom sees, if another Manager's state is nearer.
func nearest(r *http.Request, s *state) *http.Request {
	if current(r.Context()) == s {
		return r // nil: there is no other Manager's either
	}
	return r.WithContext(context.WithValue(r.Context(), currentKey{}, s))
}

// RequireUser lets only users pass. Others are answered by [Manager.Refuse]:
// nobody and bad credentials with 401 or the way to the login page, an outage
// with 503.
func (m *Manager) RequireUser(next http.Handler) http.Handler {
	return m.guard(next, requireUser)
}

func requireUser(_ *http.Request, _ *Identity, err error) error { return err }

// RequireSession lets only users pass who have logged in: not those whose requests
// carry their own credential, such as an API key, who are told 403. It is for
// pages about one's own account, which a credential that was made for one thing must
// not change.
func (m *Manager) RequireSession(next http.Handler) http.Handler {
	return m.guard(next, func(r *http.Request, id *Identity, err error) error {
		if err != nil || id.Session != nil {
			return err
		}
		m.Emit(r, Event{Name: "forbidden", UserID: id.UserID, Actor: id.Actor, Reason: "without a session"})
		return &Problem{Status: http.StatusForbidden, Code: "forbidden", Detail: "Log in for this.", Err: ErrForbidden}
	})
}

// Recheck looks again whether what [Manager.IdentityFrom] said still holds: for a
// handler that has taken its time, such as to read what was sent, before it does
// something that outlives the login. The errors are those of IdentityFrom. What was
// kept for the time of the request, such as roles, and decisions by policy.PerRequest, is
// found out again when it is next asked for: what the handler may do, [Manager.Authorize]
// says after it.
func (m *Manager) Recheck(ctx context.Context) error {
	s := m.stateFrom(ctx)
	id, err := s.identity()
	if err != nil || s.m == nil {
		return err
	}
	s.forget()
	if id.Session != nil {
		return m.lookAtSession(ctx, id.Session.ID)
	}
	return m.lookAtRequest(s.r, id.UserID)(ctx)
}

// WithUser lets everybody pass, users known: nobody passes as nobody, but bad
// explicit credentials are answered with 401 and an outage with 503, so that
// neither is mistaken for nobody. It is for pages that are open to all and look
// different to users.
func (m *Manager) WithUser(next http.Handler) http.Handler {
	return m.guard(next, func(_ *http.Request, _ *Identity, err error) error {
		if isNobody(err) {
			return nil
		}
		return err
	})
}

// RequireGuest lets only nobody pass: for pages that make no sense to somebody
// who is logged in. Users are sent to [Options.Home], or told 409 "logged_in".
func (m *Manager) RequireGuest(next http.Handler) http.Handler {
	return m.guard(next, func(_ *http.Request, _ *Identity, err error) error {
		switch {
		case err == nil:
			return &Problem{Status: http.StatusConflict, Code: codeLoggedIn, Detail: "You are logged in already."}
		case errors.Is(err, ErrNoCredentials):
			return nil
		}
		return err
	})
}

// RequireFresh lets only users pass who proved who they are within the last d.
// Others who are logged in are sent to confirm it, or told 401 "not_fresh" with
// the challenge of RFC 9470. Credentials that come with the request itself are
// never fresh. What a cache of sessions knew a moment ago is not good enough: with
// one there is one more read, of the store behind it.
func (m *Manager) RequireFresh(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return m.guard(next, func(r *http.Request, id *Identity, err error) error {
			if err != nil {
				return err
			}
			return m.fresh(r.Context(), id, d)
		})
	}
}

// Fresh is [Manager.RequireFresh] for a handler that decides in the middle. Nil
// is the only yes; the errors are those of [Manager.IdentityFrom], and a [*Problem]
// that wraps [ErrNotFresh]. [Identity.Fresh] is for what is only shown.
func (m *Manager) Fresh(ctx context.Context, d time.Duration) error {
	id, err := m.IdentityFrom(ctx)
	if err != nil {
		return err
	}
	return m.fresh(ctx, id, d)
}

func (m *Manager) fresh(ctx context.Context, id *Identity, d time.Duration) error {
	if id.Fresh(m.now(), d) {
		stale, err := m.staleBelow(ctx, id)
		if err != nil || !stale {
			return err
		}
	}
	return &Problem{Status: http.StatusUnauthorized, Code: codeNotFresh, Reason: codeNotFresh, MaxAge: d,
		Detail: "Confirm that it is you.", Err: ErrNotFresh}
}

// staleBelow reports whether the session is stale by now, or returns how it has
// ended, if id may be from a cache.
func (m *Manager) staleBelow(ctx context.Context, id *Identity) (bool, error) {
	if s := m.stateFrom(ctx); !m.cached || id.Session == nil || s != nil && s.m == nil {
		return false, nil
	}
	sess, _, _, err := m.liveSession(ctx, m.below, id.Session.ID)
	if err != nil {
		return false, err
	}
	return sess.Stale, nil
}

// Require lets only those pass to whom [Options.Authorizer] allows the action,
// which may be nobody. Others are told 403, or 401 if nobody asks; those whom another
// proof would let pass are sent to give it, or told 401 with the challenge of RFC 9470.
func (m *Manager) Require(action string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return m.guard(next, func(r *http.Request, _ *Identity, _ error) error {
			return m.Authorize(r.Context(), action, nil)
		})
	}
}
