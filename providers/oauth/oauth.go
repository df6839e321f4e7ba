package oauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// method is the name of the provider, and of its proofs.
const method = "oauth"

// A Provider logs people in at other sites, and links accounts there to users
// here. Make one with [New]. It is for one [auth.Manager], and can be used once that
// has been made. Its methods are safe for concurrent use.
type Provider struct {
	origin     string
	opts       Options
	connectors []*Connector
	m          *auth.Manager
	tags       tags
	canCreate  bool
	keys       func() []Key // so that printing p prints none
	tokens     *tokenKeeper
}

// New returns a provider, to be put into Providers of [auth.Options]. Origin is
// the site's own, as browsers see it: "https://app.example". Redirect URIs are made
// of it, so that no header of a request can change them; they are
// origin + [auth.Options.Prefix] + "/oauth/" + the connector's name + "/callback".
// opts may be nil and is not kept. What is wrong is reported by [auth.New].
func New(origin string, opts *Options, connectors ...*Connector) *Provider {
	p := &Provider{origin: origin, opts: opts.withDefaults(), connectors: slices.Clone(connectors)}
	keys := p.opts.Keys
	p.keys, p.opts.Keys = func() []Key { return keys }, nil
	return p
}

// Name implements [auth.Provider].
func (p *Provider) Name() string { return method }

// Kinds implements [auth.Owner].
func (p *Provider) Kinds() []auth.Kind {
	if p.check() != nil {
		return nil // Mount says what is wrong
	}
	var kinds []auth.Kind
	for _, c := range p.connectors {
		kinds = append(kinds, auth.Kind{Name: c.kind, Role: auth.FirstFactor, Title: c.opts.Title, Consequences: map[string]auth.Fate{
			// Whoever had made the account with somebody else's address, or has got into it,
			// may have linked theirs. What a change names is left: an owner whom no mail
			// lets back in has nothing else.
			"account.reclaimed": auth.DropOthers,
			"account.disowned":  auth.DropOthers,
			"email.reverted":    auth.DropOthers,
		}})
	}
	return kinds
}

// CrossSite names the routes that browsers send to from another site, see
// [auth.Provider]: where answers of identity providers come as a form.
func (p *Provider) CrossSite() []string {
	var patterns []string
	if p.check() != nil {
		return nil
	}
	for _, c := range p.connectors {
		if c.formPost {
			patterns = append(patterns, "POST "+c.path("/callback"))
		}
	}
	return patterns
}

// path returns a path of the connector's, below the Manager's prefix.
func (c *Connector) path(rest string) string { return "/oauth/" + c.opts.Name + rest }

// callbackURL returns the connector's redirect URI.
func (p *Provider) callbackURL(c *Connector) string { return p.origin + p.m.Path(c.path("/callback")) }

// Mount implements [auth.Provider]. It reports everything that is wrong with the
// options and the connectors at once.
func (p *Provider) Mount(m *auth.Manager, mux auth.Mux) error {
	if err := p.check(); err != nil {
		return err
	}
	if p.m != nil {
		return errors.New("oauth: a Provider is for one Manager: make another with New")
	}
	keeper, err := newTokenKeeper(m, p.keys(), p.connectors, p.opts.Logger)
	if err != nil {
		return err
	}
	p.m, p.tags, p.tokens = m, newTags(m.Realm()), keeper
	p.canCreate = !p.opts.Closed && canCreate(m.Users())
	for _, c := range p.connectors {
		mux.Handle("POST "+c.path(""), p.serve(c, p.postLogin))
		mux.Handle("GET "+c.path("/callback"), p.serve(c, p.getCallback))
		if c.formPost {
			mux.Handle("POST "+c.path("/callback"), p.serve(c, p.postCallback))
		}
		mux.Handle("POST "+c.path("/link"), m.RequireSession(p.serve(c, p.postLink)))
		mux.Handle("POST "+c.path("/confirm"), m.RequireSession(p.serve(c, p.postConfirm)))
		mux.Handle("POST "+c.path("/unlink"), m.RequireSession(p.serve(c, p.postUnlink)))
	}
	mux.Handle("GET /accounts", m.RequireSession(http.HandlerFunc(p.getAccounts)))
	return nil
}

func (p *Provider) serve(c *Connector, f func(http.ResponseWriter, *http.Request, *Connector)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Codes and states are in addresses here (RFC 9700, 4.2). Not no-referrer: with it
		// browsers send "Origin: null" with the forms of a page that says what went wrong,
		// which those without Sec-Fetch-Site then have nothing to set against.
		w.Header().Set("Referrer-Policy", "strict-origin")
		f(w, r, c)
	})
}

// connector returns the connector of that name, nil if there is none.
func (p *Provider) connector(name string) *Connector {
	for _, c := range p.connectors {
		if c.opts.Name == name {
			return c
		}
	}
	return nil
}

// connectorOf returns the connector whose links are of that kind, nil if there is
// none.
func (p *Provider) connectorOf(kind string) *Connector {
	return p.connector(strings.TrimPrefix(kind, kindPrefix))
}

// canCreate reports whether users can be created.
func canCreate(users auth.UserLoader) bool {
	_, ok := auth.As[creator](users)
	return ok
}
