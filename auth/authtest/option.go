package authtest

import (
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An Option says more of who makes a [Request], or logs in with [LogIn] or
// [Client], and from where; or of an [Identity]. Of several that say the same the last holds. What has
// no meaning where it is given ends the test.
type Option func(o *options)

type options struct {
	proofs   []auth.Proof // nil: not said; those without a time are made now
	remember bool
	restored bool
	scopes   []string
	header   http.Header
	addr     string // with a port
	ofUser   string // an option that says something of the user
	wrong    string
}

// Fresh makes nothing older than now of the user's proof, which is by the method
// "authtest". It is the default for [LogIn] and [Client].
func Fresh() Option { return Proofs(auth.Proof{Method: "authtest"}) }

// NotFresh makes the user's proof, which is by the method "authtest", ten years
// old: [auth.Manager.RequireFresh] sends them to confirm who they are. It is the
// default for [Request] and [Identity], where there is no proof at all then.
func NotFresh() Option {
	return ofUser("NotFresh", func(o *options) { o.proofs = []auth.Proof{} })
}

// Proofs are how the user has proved who they are, oldest first. One without a
// time is made now, by the Manager's clock, or, with [Request] and [Identity], by the
// machine's.
// At a login they are given one after another: whoever owes a second factor needs
// one by a first and one by that factor, whose Method is its name.
func Proofs(proofs ...auth.Proof) Option {
	return ofUser("Proofs", func(o *options) { o.proofs = append([]auth.Proof{}, proofs...) })
}

// Remember has the browser remembered, as with [auth.Remember]. All else is as
// without: there is a session, and it is fresh or not.
func Remember() Option {
	return ofUser("Remember", func(o *options) { o.remember = true })
}

// Restored is [Remember], and the browser has been closed since and opened again:
// the session is the one that it got for being remembered. Nothing is fresh until
// the user confirms who they are, whatever the proofs were.
func Restored() Option {
	return ofUser("Restored", func(o *options) { o.remember, o.restored = true, true })
}

// Scopes limits what makes a [Request], or an [Identity], to these scopes, none of them
// if there are none: as the key of an API does, see [auth.Identity.HasScope].
func Scopes(scopes ...string) Option {
	return ofUser("Scopes", func(o *options) { o.scopes = append([]string{}, scopes...) })
}

// Header sets a header of the request. With [LogIn] it is the login's, with
// [Client] that of the login and of each request to the server that does not set
// it itself: User-Agent, Accept, or X-Forwarded-For if the host trusts it. It is
// not for Cookie and Host.
func Header(name, value string) Option {
	name = http.CanonicalHeaderKey(name)
	return func(o *options) {
		if name == "Cookie" || name == "Host" {
			o.wrong = "Header is not for " + name
		}
		if o.header == nil {
			o.header = http.Header{}
		}
		o.header[name] = []string{value}
	}
}

// From is the IP address that the request comes from: its RemoteAddr, with some
// port. With [Client] it is that of every request. A [Client] is otherwise on the
// loopback interface, where [auth.Options.InsecureCookies] wants it; a [Request]
// and a [LogIn] come from where package httptest has it, 192.0.2.1.
func From(addr string) Option {
	return func(o *options) {
		a, err := netip.ParseAddr(addr)
		if err != nil {
			o.wrong = "From: " + err.Error()
		}
		o.addr = netip.AddrPortFrom(a, 1234).String()
	}
}

func ofUser(name string, set func(o *options)) Option {
	return func(o *options) {
		o.ofUser = name
		set(o)
	}
}

func collect(t testing.TB, opts []Option) *options {
	t.Helper()
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.wrong != "" {
		t.Fatalf("authtest: %s", o.wrong)
	}
	return &o
}

func (o *options) saysNothingOfAUser(t testing.TB) {
	t.Helper()
	if o.ofUser != "" {
		t.Fatalf("authtest: %s says something of a user, and there is none", o.ofUser)
	}
}

func (o *options) hasNoScopes(t testing.TB) {
	t.Helper()
	if o.scopes != nil {
		t.Fatalf("authtest: Scopes is for Request: a session has none. Send a key that has with Header")
	}
}

// dress makes r look as it should.
func (o *options) dress(r *http.Request) {
	for name, values := range o.header {
		r.Header[name] = slices.Clone(values)
	}
	if o.addr != "" {
		r.RemoteAddr = o.addr
	}
}

// proofsOfLogin returns what is proved, at least something.
func (o *options) proofsOfLogin(now time.Time) []auth.Proof {
	switch {
	case o.proofs == nil:
		return []auth.Proof{{Method: "authtest", At: now}}
	case len(o.proofs) == 0:
		return []auth.Proof{{Method: "authtest", At: now.AddDate(-10, 0, 0)}}
	}
	return o.proofs // the Manager knows what time it is
}

// identity returns who makes a [Request].
func (o *options) identity(user auth.User) *auth.Identity {
	id := &auth.Identity{User: user, Scopes: o.scopes}
	now := time.Now()
	if !o.restored {
		for _, p := range o.proofs {
			if p.At.IsZero() {
				p.At = now
			}
			id.Proofs = append(id.Proofs, p)
		}
	}
	if o.remember {
		id.Proofs = append(id.Proofs, auth.Proof{Method: "remember", At: now, Kind: "remember", Key: "authtest", Generation: 1})
	}
	return id
}
