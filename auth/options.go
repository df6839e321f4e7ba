package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"reflect"
	"regexp"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/redirect"
)

// Options are what a host may choose. The zero value of every field means the
// default in its comment.
type Options struct {
	// Providers are the ways to log in. None: only what the host itself
	// passes to [Manager.LogIn].
	Providers []Provider
	// Pages renders HTML. Nil: JSON only.
	Pages Pages
	// Loaders authenticate requests by what they carry, in this order, before
	// the session is looked at.
	Loaders []RequestLoader
	// Authorizer decides what [Manager.Require] and [Manager.Authorize] ask.
	// Nil: nothing is allowed. New asks one with a method Validate() error what is
	// wrong with it.
	Authorizer Authorizer
	// AuthorizerTimeout is how long it may take for a decision; a yes that comes later
	// is an outage. Its context ends then, and it is for the authorizer to stop: the
	// decision waits for it. At least a millisecond; default 5 seconds.
	AuthorizerTimeout time.Duration
	// ScopeOf names the scope that a limited credential ([Identity.Scopes]) needs for
	// an action; "" means that no scope is enough. What it may do is also what its
	// user may. Default: the action itself, so that the scope "posts:edit", "posts:*"
	// or "*" is good for the action "posts:edit".
	ScopeOf func(action string) string
	// AuditDecisions makes every decision of the Authorizer an event, not only
	// "forbidden": also "allowed", "denied" and "undecided", with who, what, which
	// object, why and how long. They name users and objects by their IDs.
	AuditDecisions bool

	// Prefix is where Gatehouse's routes are. Default "/auth".
	Prefix string
	// Home is where a browser goes after login and log-out if it asked for
	// nothing else. A path on this site, default "/".
	Home string
	// Realm keeps several Managers in one process or one store apart: their
	// cookies have different names, no secret of one is of use in the other,
	// and a user of one is nobody in the other, whatever their ID. What a store
	// keeps for a realm has the realm in front of its user IDs and kinds; "" has
	// nothing, and IDs and names are as much shorter at most. Lower-case letters,
	// digits and hyphens, 32 of them at most; default "".
	Realm string
	// Epoch is a word of the host's choosing. Changing it, with a restart, ends
	// every session and half-done login of the realm at once, and no browser is
	// remembered any more. What comes with requests themselves, such as API keys, is
	// not concerned. Default "".
	Epoch string

	// IdleTimeout ends a session that nobody uses. Default 1 hour (NIST SP
	// 800-63B-4, AAL2).
	IdleTimeout time.Duration
	// Lifetime ends a session in any case, counted from its login. Default 24
	// hours (NIST SP 800-63B-4, AAL2).
	Lifetime time.Duration
	// RememberLifetime is for how long [Remember] remembers a browser. Default 30
	// days. It, RememberMax and RememberFor are at most 400 days, as browsers
	// keep cookies.
	RememberLifetime time.Duration
	// RememberMax, if it is not 0, lets a remembered browser that is used be
	// remembered on: each time it is used, but at most once a day, by the
	// lifetime that it began with, until RememberMax after the login. Default 0:
	// the end is what it was at the login.
	RememberMax time.Duration
	// RememberOverlap is for how long after its use the token of a remembered
	// browser can be used again, by requests that were sent at the same time or
	// whose answer was lost. Later it means that two have it. The clocks of
	// processes that share a store must differ by much less. Default 60 seconds.
	RememberOverlap time.Duration
	// Binding is what sessions are bound to. Default: nothing.
	Binding Binding

	// TrustedProxies are the networks of reverse proxies whose
	// X-Forwarded-For is believed. A proxy that comes by a Unix socket is at 127.0.0.1:
	// unless that is one of them all its clients are one network, with the limits of
	// one. Default none: the client's address is the socket's.
	TrustedProxies []netip.Prefix
	// Limits are how many guesses there are, and how fast.
	Limits Limits

	// Consequences changes cells of the table of consequences: by event, by kind of
	// credential, see [Manager.Consequences], which gatehouse policy prints. New reports
	// what is no cell. Default: what the owners of the kinds declare.
	Consequences map[string]map[string]Fate

	// BeforeLogIn is asked at every login, when everything has been proved and
	// before there is a session. An error refuses it: return a [*Problem], or
	// one wrapping [ErrBadCredentials]; any other is an outage.
	BeforeLogIn func(ctx context.Context, u User, proofs []Proof) error
	// Events are told of every [Event], one after the other and in order within a
	// request, before it goes on: they must not block. They are called
	// concurrently. One that panics is logged, and hinders neither the next nor
	// the request. Package auth/event has the names and some ready-made ones.
	Events []func(ctx context.Context, e Event)
	// Nobody, if the host wants one, makes the value that [UserFrom] returns
	// beside its false where nobody is logged in, such as a guest with a name and
	// a language. It is asked each time, changes nothing about who is asking, and
	// does not stand in for a user who could not be found out. With it no request
	// is handed on untouched. Default: the zero value.
	Nobody func(r *http.Request) User

	// Logger gets security events (Info; refusals Warn) and outages (Error).
	// Default [slog.Default].
	Logger *slog.Logger

	// LoginPage says where a browser is sent to log in: a path on this site, to
	// which next is added unless it has one, or the whole URL of a page elsewhere,
	// which gets no next. "" means the default, as does, with a word in the log,
	// what is neither: it may be made from what the client sent. A browser that asks
	// for the page itself is not sent there again. [Manager.LoginAt] overrides it for
	// a group of routes. Default: the page "login", if there is one.
	LoginPage func(r *http.Request) string
	// These may answer a refusal in place of the default, and then return true:
	// of guards, and of the mounted routes that have no page of their own to show
	// it on. [Problem.Reason] says why. Default: see [Manager.Refuse].
	Unauthenticated func(w http.ResponseWriter, r *http.Request, p *Problem) bool // 401: nobody, or a bad credential
	NeedsRefresh    func(w http.ResponseWriter, r *http.Request, p *Problem) bool // 401 "not_fresh" and "proof_required"
	Forbidden       func(w http.ResponseWriter, r *http.Request, p *Problem) bool // 403
	Failed          func(w http.ResponseWriter, r *http.Request, p *Problem) bool // any other, an outage above all
	// Flashes keeps messages for the next page: why somebody is sent to log in, and
	// what was done, as in [Manager.Flash]. The pages of Gatehouse show them; a page
	// of the host's own that people are sent to asks [Manager.Flashes]. Package
	// auth/flash has one in a cookie. Default: none are kept.
	Flashes Flashes

	// CrossOrigin checks requests with unsafe methods. Default: a new
	// [http.CrossOriginProtection], which trusts no other origin.
	CrossOrigin *http.CrossOriginProtection
	// Now is the clock. Default [time.Now].
	Now func() time.Time
	// InsecureCookies leaves out Secure and the __Host- prefix, for plain HTTP
	// during development. A login is then refused unless the request comes
	// over the loopback interface; a proxy on the same machine makes everybody
	// look like that, so do not put one in front.
	InsecureCookies bool
}

// withDefaults returns a copy of o, nil allowed, in which every zero field is
// its default.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	c.Providers, c.Loaders, c.TrustedProxies = slices.Clone(c.Providers), slices.Clone(c.Loaders), slices.Clone(c.TrustedProxies)
	c.Events, c.Binding.To = slices.Clone(c.Events), slices.Clone(c.Binding.To)
	if c.Prefix == "" {
		c.Prefix = "/auth"
	}
	if c.Home == "" {
		c.Home = "/"
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = time.Hour
	}
	if c.Lifetime == 0 {
		c.Lifetime = 24 * time.Hour
	}
	if c.RememberLifetime == 0 {
		c.RememberLifetime = 30 * 24 * time.Hour
	}
	if c.AuthorizerTimeout == 0 {
		c.AuthorizerTimeout = 5 * time.Second
	}
	if c.RememberOverlap == 0 {
		c.RememberOverlap = time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.CrossOrigin == nil {
		c.CrossOrigin = http.NewCrossOriginProtection()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Limits = c.Limits.withDefaults()
	return c
}

var nameRE = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// check returns everything that is wrong with o.
func (o *Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("auth: "+format, args...)) }

	if o.Prefix[0] != '/' || o.Prefix == "/" || path.Clean(o.Prefix) != o.Prefix || regexp.MustCompile(`[^A-Za-z0-9/._-]`).MatchString(o.Prefix) {
		bad("Options.Prefix is %q: make it a path such as %q, without trailing slash", o.Prefix, "/auth")
	}
	if _, ok := redirect.Clean(o.Home); !ok {
		bad("Options.Home is %q: make it a path on this site such as %q", o.Home, "/")
	}
	if o.Realm != "" && !nameRE.MatchString(o.Realm) || len(o.Realm) > 32 {
		bad("Options.Realm is %q: use lower-case letters, digits and hyphens, 32 at most", o.Realm)
	}
	if o.AuthorizerTimeout < time.Millisecond {
		bad("Options.AuthorizerTimeout is %v: make it a millisecond or more", o.AuthorizerTimeout)
	}
	if o.IdleTimeout < time.Second {
		bad("Options.IdleTimeout is %v: make it a second or more", o.IdleTimeout)
	}
	if o.Lifetime < o.IdleTimeout {
		bad("Options.Lifetime (%v) is shorter than Options.IdleTimeout (%v)", o.Lifetime, o.IdleTimeout)
	}
	for name, d := range map[string]time.Duration{"RememberLifetime": o.RememberLifetime, "RememberMax": o.RememberMax} {
		if d != 0 && (d < time.Second || d > maxRemember) {
			bad("Options.%s is %v: make it a second or more, and 400 days at most", name, d)
		}
	}
	if o.RememberMax != 0 && o.RememberMax < o.RememberLifetime {
		bad("Options.RememberMax (%v) is shorter than Options.RememberLifetime (%v)", o.RememberMax, o.RememberLifetime)
	}
	if o.RememberOverlap < time.Second || o.RememberOverlap > 10*time.Minute {
		bad("Options.RememberOverlap is %v: make it a second or more, and 10 minutes at most", o.RememberOverlap)
	}
	for _, err := range o.Binding.check() {
		bad("Options.Binding%w", err)
	}
	for i, f := range o.Events {
		if f == nil {
			bad("Options.Events[%d] is nil: leave it out", i)
		}
	}
	if o.Flashes != nil {
		if isNil(o.Flashes) {
			bad("Options.Flashes is a nil %T: leave it out or give one", o.Flashes)
		} else if v, ok := o.Flashes.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				bad("Options.Flashes: %w", err)
			}
		}
	}
	for i, p := range o.TrustedProxies {
		if !p.IsValid() {
			bad("Options.TrustedProxies[%d] is not valid: use netip.ParsePrefix", i)
		} else if p.Addr().Is4In6() {
			bad("Options.TrustedProxies[%d] is %v: write IPv4 networks as IPv4", i, p)
		}
	}
	o.Limits.check(bad)
	names := map[string]bool{}
	kinds := map[string]string{guardKind: "auth", deviceKind: "auth", rememberKind: "auth", "email": "auth", "username": "auth",
		sessionColumn: "auth", ticketColumn: "auth"}
	for i, p := range o.Providers {
		if isNil(p) {
			bad("Options.Providers[%d] is nil: leave it out", i)
			continue
		}
		name := p.Name()
		if !nameRE.MatchString(name) {
			bad("Options.Providers[%d] is named %q: use lower-case letters, digits and hyphens", i, name)
		}
		if names[name] {
			bad("Options.Providers has two named %q: name one of them differently", name)
		}
		names[name] = true
		if owner, ok := As[Owner](p); ok {
			for _, k := range owner.Kinds() {
				if by, taken := kinds[k.Name]; taken {
					bad("credentials of kind %q are owned by both %s and %s: use one of them", k.Name, by, name)
				}
				kinds[k.Name] = name
			}
		}
	}
	for i, l := range o.Loaders {
		if isNil(l) {
			bad("Options.Loaders[%d] is nil: leave it out", i)
			continue
		}
		if v, ok := As[interface{ Validate() error }](l); ok {
			if err := v.Validate(); err != nil {
				bad("Options.Loaders[%d]: %w", i, err)
			}
		}
		if p, ok := As[Provider](l); ok && !holds(o.Providers, p) {
			bad("Options.Loaders[%d] is the provider %q: put it into Options.Providers as well", i, p.Name())
		}
	}
	for i, p := range o.Providers {
		if l, ok := As[RequestLoader](p); ok && !isNil(p) && !holds(o.Loaders, l) {
			bad("Options.Providers[%d], %q, also reads requests: put it into Options.Loaders as well", i, p.Name())
		}
	}
	if o.Authorizer != nil {
		if isNil(o.Authorizer) {
			bad("Options.Authorizer is a nil %T: leave it out or give one", o.Authorizer)
		} else if v, ok := As[interface{ Validate() error }](o.Authorizer); ok {
			if err := v.Validate(); err != nil {
				bad("Options.Authorizer: %w", err)
			}
		}
	}
	if o.Pages != nil {
		if isNil(o.Pages) {
			bad("Options.Pages is a nil %T: leave it out or give one", o.Pages)
		} else if v, ok := o.Pages.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				bad("Options.Pages: %w", err)
			}
		}
	}
	return errors.Join(errs...)
}

// holds reports whether one of list is want, or a decorator of it.
func holds[T any](list []T, want any) bool {
	if !reflect.ValueOf(want).Comparable() {
		return true // nobody can say
	}
	return slices.ContainsFunc(list, func(e T) bool {
		for v := any(e); v != nil; {
			if reflect.ValueOf(v).Comparable() && v == want {
				return true
			}
			u, ok := v.(interface{ Unwrap() any })
			if !ok {
				return false
			}
			v = u.Unwrap()
		}
		return false
	})
}

// isNil reports whether v is nil or holds a nil pointer, map or function: a
// typed nil would silently switch a protection off.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch rv := reflect.ValueOf(v); rv.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Interface, reflect.Chan:
		return rv.IsNil()
	}
	return false
}
