package auth

import (
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/action"
)

// An Identity is who is asking, how they proved it, and when. It is made once
// per request and never changed; do not change it or what it points to.
type Identity struct {
	UserID  string
	User    User     // never nil in what the Manager gives out
	Actor   string   // the user who acts as UserID, or ""
	Proofs  []Proof  // oldest first; none for a credential that came with the request itself
	Session *Session // nil if the request itself carried the credential
	// Scopes are what the credential is limited to, if it came with the request
	// itself and is limited: an API key's. Nil: not limited.
	Scopes []string
	// Credential is what the request itself carried, if its loader says so: of an
	// API key the ID, as Key, and the name, as Label, but no Data. Or nil.
	Credential *Credential
}

// HasScope reports whether the credential is good for scope: if it is limited to
// some, whether one of them is scope, or covers it, as "posts:*" covers "posts:edit"
// and "*" everything. Every decision of an [Authorizer] is limited by that as well:
// see [Options.ScopeOf].
func (id *Identity) HasScope(scope string) bool {
	return id.Scopes == nil || slices.ContainsFunc(id.Scopes, func(held string) bool {
		return held == scope || action.Match(held, scope)
	})
}

// Remembered reports whether the browser is remembered beyond the session, see
// [Remember].
func (id *Identity) Remembered() bool {
	_, ok := familyOf(id.Proofs)
	return ok
}

// Fresh reports whether the user proved who they are within the last d before
// now. A session whose binding has changed is never fresh, and that the browser
// was remembered is no proof.
func (id *Identity) Fresh(now time.Time, d time.Duration) bool { return id.provedWithin(now, d, nil) }

// provedWithin is Fresh by one of the methods, if any are given.
func (id *Identity) provedWithin(now time.Time, d time.Duration, methods []string) bool {
	if id == nil || id.Session != nil && id.Session.Stale {
		return false
	}
	for _, p := range id.Proofs {
		if p.Kind == rememberKind || len(methods) > 0 && !slices.Contains(methods, p.Method) {
			continue
		}
		if age := now.Sub(p.At); age <= d && age > -time.Minute && !p.At.IsZero() {
			return true
		}
	}
	return false
}

// A RequestLoader authenticates a request by what the request itself carries,
// other than Gatehouse's cookies: an API key, a client certificate. Such a
// credential beats a session.
//
// LoadRequest is called at most once per request, concurrently for different
// requests, and only if somebody asks who is asking. It sets no cookie and
// does not read the body.
//
// With a remembered browser's cookie it is called before the handler runs, whether
// or not somebody asks: an explicit credential beats that as well.
//
// If browsers send the credential by themselves (HTTP Basic, client
// certificates), the loader has a method Ambient() bool that returns true, and
// cross-site requests with it are refused like those with a session. A loader
// with a method Challenge() string has that sent as WWW-Authenticate with a 401
// to nobody or to a bad credential of any loader; one with ChallengeBad() string
// as well has that sent instead if the bad credential was its own. [New] asks
// a loader with a method Validate() error, and reports the error.
type RequestLoader interface {
	// LoadRequest returns the identity that r proves. It may give only a
	// UserID: the Manager loads the user, and checks it in any case. A User
	// that has AuthVersion says what it was when the credential was made: if it
	// has changed since, the credential is bad. An error
	// that wraps [ErrNoCredentials] means that r carries nothing this loader
	// understands, and the next is asked; [ErrBadCredentials] that what it
	// carries is wrong, which is final: 401 where a user is required, never
	// the session instead. Any other error is an outage.
	LoadRequest(r *http.Request) (*Identity, error)
}
