package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The outcomes that must never be mistaken for one another: missing, wrong,
// refused and broken. An error that wraps none of these is broken: an outage,
// answered with a 5xx, never "anonymous" and never "allowed".
var (
	// ErrNotFound: there is no such user, session, credential or ticket.
	ErrNotFound = errors.New("auth: not found")
	// ErrExists: what should be created is there already.
	ErrExists = errors.New("auth: already exists")
	// ErrConflict: what should be changed has been changed meanwhile.
	ErrConflict = errors.New("auth: changed meanwhile")
	// ErrInvalid: a value that a store must not be given, see [Store].
	ErrInvalid = errors.New("auth: invalid value")
	// ErrNoCredentials: the request carries nothing that says who asks.
	ErrNoCredentials = errors.New("auth: no credentials")
	// ErrBadCredentials: what the request carries, or what the visitor
	// typed, is wrong, or its user may not log in.
	ErrBadCredentials = errors.New("auth: bad credentials")
	// ErrForbidden: known, and not allowed.
	ErrForbidden = errors.New("auth: forbidden")
	// ErrNotFresh: known, but the proof is too old for this.
	ErrNotFresh = errors.New("auth: proof is not fresh")
	// ErrCrossOrigin: a browser sent the request from another site.
	ErrCrossOrigin = errors.New("auth: cross-origin request")
	// ErrLastCredential: the change would leave the user without a way in.
	ErrLastCredential = errors.New("auth: last way to log in")
)

// An outage is an error of somebody whom the core asked, in which the sentinels
// above mean nothing: a database that is down is down, even if its driver, or
// the host, chose to say so with ErrForbidden or a Problem.
type outage struct{ err error }

func asOutage(err error) error {
	if err == nil {
		return nil
	}
	return outage{err}
}

func (o outage) Error() string { return o.err.Error() }

// Is lets what the host knows be found, and nothing of ours.
func (o outage) Is(target error) bool {
	for _, ours := range [...]error{ErrNotFound, ErrExists, ErrConflict, ErrInvalid, ErrNoCredentials, ErrBadCredentials,
		ErrForbidden, ErrNotFresh, ErrCrossOrigin, ErrLastCredential, errNoHandler} {
		if target == ours {
			return false
		}
	}
	return errors.Is(o.err, target)
}

// An OwedError is a half-done login: what was proved is kept in a ticket, and
// one of Factors is still to be proved. There is no session yet.
type OwedError struct {
	Factors []string // names of providers, each with its page at GET /<name>
}

func (e *OwedError) Error() string {
	return "auth: still owed: " + strings.Join(e.Factors, " or ")
}

// A Problem is an error with an answer: what the client is told, as a page or
// as application/problem+json (RFC 9457). Providers return one for input that
// they refuse. Nothing of Err reaches the client.
type Problem struct {
	Status int    // HTTP status, 400 or more; anything else is 503
	Code   string // stable, for programs: "taken", "rate_limited"
	Field  string // the input that is wrong, if one is
	Detail string // one English sentence for people; pages may translate by Code and Field
	// Reason says more of why it is a 401: "none", nothing says who asks; or
	// there was a login, and it has "expired", was "revoked" (or has expired long
	// ago), its user is "disabled" or was "changed", its binding was changed
	// ("binding"), a remembered browser's token was "reused", or it comes back too often
	// ("limited"); a factor is "owed".
	// "not_fresh", "proof_required", "bad_credentials" as Code.
	Reason     string
	RetryAfter time.Duration // sent as Retry-After, rounded up to seconds; 0: not sent
	Limit      Limit         // for "rate_limited", what the client has: sent as RateLimit-Policy; zero: not sent
	MaxAge     time.Duration // for "not_fresh" and "proof_required": how old a proof may be (RFC 9470 max_age)
	Factors    []string      // for "factor_owed", the names of the factors to choose from; for "proof_required", of the methods
	Err        error         `json:"-"` // the cause, for errors.Is and for the log; may be nil
}

// MessageID returns the name of the message for people: the code, and the reason
// if it says more, as in "unauthenticated.expired".
func (p *Problem) MessageID() string {
	if p.Reason == "" || p.Reason == reasonNone || p.Reason == p.Code {
		return p.Code
	}
	return p.Code + "." + p.Reason
}

func (p *Problem) Error() string {
	s := "auth: " + p.Code
	if p.Field != "" {
		s += " (" + p.Field + ")"
	}
	if p.Err != nil {
		s = fmt.Sprintf("%s: %v", s, p.Err)
	}
	return s
}

// Unwrap returns p.Err.
func (p *Problem) Unwrap() error { return p.Err }
