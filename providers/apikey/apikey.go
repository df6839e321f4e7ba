package apikey

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

const (
	kind      = "apikey"       // of the credentials, and the name of the provider
	limitKind = "apikey-limit" // replaced with every key that is made, so that two of a user's meet
)

const (
	day         = 24 * time.Hour
	maxLifetime = 366 * day
)

// Options are what a host may choose. The zero value of every field means the
// default in its comment.
type Options struct {
	// Prefix is what every key begins with, before an underscore: 2 to 12
	// lower-case letters and digits. Choose one that nobody else has, for
	// those who look for leaked keys. With another prefix, keys that were made
	// before are read no more. Default "gk".
	Prefix string
	// Header is a header that carries a key and nothing else, such as
	// "X-API-Key", read beside Authorization: Bearer. Default none.
	Header string

	// Scopes are what keys can be limited to, at most 100. Default none: every key
	// has all the rights of its user. With any, every new key is limited to
	// those it is given, which may be none of them. Keys keep what they were
	// made with.
	Scopes []Scope

	// Lifetime is after how long a key expires that is made without saying so.
	// Default 90 days, or MaxLifetime if that is shorter.
	Lifetime time.Duration
	// MaxLifetime is how long a key lives at most. Default 366 days, which it can
	// exceed only with InsecureNoExpiry.
	MaxLifetime time.Duration
	// InsecureNoExpiry lets users make keys that never expire: nobody remembers
	// who has them.
	InsecureNoExpiry bool

	// PerUser is how many keys a user can have. Default 50.
	PerUser int
	// Fresh is how old the proof of who one is may be, for making a key.
	// Default 10 minutes.
	Fresh time.Duration

	// Logger gets what does not fail a request: a last use that could not be
	// written down. Default [slog.Default].
	Logger *slog.Logger
}

// A Scope is something that a key can be limited to.
type Scope struct {
	// Name is what [auth.Identity.HasScope] is asked for, such as "orders:read":
	// letters, digits and . _ : / -, at most 64 of them.
	Name string `json:"name"`
	// Description is for people, such as "Read orders". Default the name.
	Description string `json:"description,omitempty"`
}

// A Provider makes and knows API keys. Make one with [New]. It is for one
// [auth.Manager], and can be used once that has been made. Its methods are safe
// for concurrent use.
type Provider struct {
	opts  Options
	start string // Prefix and an underscore
	m     *auth.Manager
	tag   [32]byte
}

// New returns a provider, to be put into Providers and Loaders of
// [auth.Options]. opts may be nil and is not kept. What is wrong with it is
// reported by [auth.New].
func New(opts *Options) *Provider {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Prefix == "" {
		o.Prefix = "gk"
	}
	if o.MaxLifetime == 0 {
		o.MaxLifetime = maxLifetime
	}
	if o.Lifetime == 0 {
		o.Lifetime = min(90*day, o.MaxLifetime)
	}
	if o.PerUser == 0 {
		o.PerUser = 50
	}
	if o.Fresh == 0 {
		o.Fresh = 10 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Header = http.CanonicalHeaderKey(o.Header)
	o.Scopes = slices.Clone(o.Scopes)
	return &Provider{opts: o, start: o.Prefix + "_"}
}

var (
	prefixRE = regexp.MustCompile(`^[a-z0-9]{2,12}$`)
	headerRE = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	scopeRE  = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,64}$`)
)

const maxScopes = 100

// check returns everything that is wrong with the options.
func (o *Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("apikey: "+format, args...)) }
	if !prefixRE.MatchString(o.Prefix) {
		bad("Options.Prefix is %q: make it 2 to 12 lower-case letters and digits", o.Prefix)
	}
	if o.Header != "" && !headerRE.MatchString(o.Header) {
		bad("Options.Header is %q: make it the name of a header such as %q", o.Header, "X-API-Key")
	}
	switch o.Header {
	case "Authorization", "Proxy-Authorization", "Cookie":
		bad("Options.Header is %q, which others use as well: leave it out, or take one such as %q", o.Header, "X-API-Key")
	}
	if len(o.Scopes) > maxScopes {
		bad("Options.Scopes has %d: give %d at most", len(o.Scopes), maxScopes)
	}
	seen := map[string]bool{}
	for i, s := range o.Scopes {
		if !scopeRE.MatchString(s.Name) {
			bad("Options.Scopes[%d] is named %q: use 1 to 64 letters, digits and . _ : / -", i, s.Name)
		}
		if seen[s.Name] {
			bad("Options.Scopes has two named %q: leave one out", s.Name)
		}
		seen[s.Name] = true
	}
	if o.MaxLifetime < day || o.MaxLifetime > maxLifetime && !o.InsecureNoExpiry {
		bad("Options.MaxLifetime is %v: make it 24 to %d hours, or 0 for the latter", o.MaxLifetime, maxLifetime/time.Hour)
	}
	if o.Lifetime < day || o.Lifetime > o.MaxLifetime {
		bad("Options.Lifetime is %v: make it 24 hours or more, and no more than MaxLifetime, %v", o.Lifetime, o.MaxLifetime)
	}
	if o.PerUser < 1 || o.PerUser > 1000 {
		bad("Options.PerUser is %d: make it 1 to 1000, or 0 for 50", o.PerUser)
	}
	if o.Fresh < time.Second {
		bad("Options.Fresh is %v: make it a second or more, or 0 for 10 minutes", o.Fresh)
	}
	return errors.Join(errs...)
}

// Name implements [auth.Provider].
func (p *Provider) Name() string { return kind }

// Kinds implements [auth.Owner].
func (p *Provider) Kinds() []auth.Kind {
	// Whoever had the account before may have made them, and they act without a login.
	end := map[string]auth.Fate{
		"password.reset":    auth.DropAll,
		"email.reverted":    auth.DropAll,
		"account.reclaimed": auth.DropAll,
		"account.disowned":  auth.DropAll,
		"account.closed":    auth.DropAll, // a key is no login, which would be refused
	}
	return []auth.Kind{{Name: kind, Role: auth.Token, Consequences: end}, {Name: limitKind, Role: auth.Token, Consequences: end}}
}

// Mount implements [auth.Provider]. It reports everything that is wrong with the
// options at once.
func (p *Provider) Mount(m *auth.Manager, mux auth.Mux) error {
	if err := p.opts.check(); err != nil {
		return err
	}
	if p.m != nil {
		return errors.New("apikey: a Provider is for one Manager: make another with New")
	}
	p.m, p.tag = m, newTag(m.Realm())
	mux.Handle("GET /keys", p.manage(p.getKeys))
	mux.Handle("POST /keys", p.manage(p.postKeys))
	mux.Handle("POST /keys/rename", p.manage(p.postRename))
	mux.Handle("POST /keys/revoke", p.manage(p.postRevoke))
	return nil
}
