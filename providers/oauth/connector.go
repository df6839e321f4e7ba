package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ConnectorOptions are what a host may choose for one connector. The zero value
// of every field means the default in its comment. The constructors take nil for
// all defaults, and do not keep what they are given.
type ConnectorOptions struct {
	// Name tells the connectors of a site apart: 1 to 32 lower-case letters, digits
	// and hyphens. It is a part of the addresses, and what links are kept under: with
	// another name nobody is linked any more. Default as the constructor says.
	Name string
	// Title is what people call it, in English. Default as the constructor says.
	Title string

	// Scopes are what is asked for. Default as the constructor says.
	Scopes []string
	// AuthParams are added to the authorization request, such as "prompt":
	// "select_account". What the flow is made of cannot be among them.
	AuthParams map[string]string

	// EmailStatus says what is known of an account's address, in place of what
	// docs/oauth-providers.md says of each identity provider. It is called concurrently.
	EmailStatus func(a Account) EmailStatus
	// Domains, if there are any, are whose accounts are let in: those with a
	// verified address in one of them, and of Google those whose "hd" is one.
	Domains []string

	// RequirePKCE refuses to start where the identity provider does not say that it
	// checks the challenge (OpenID Connect), and to exist where none can be sent.
	// Default: a challenge is sent wherever one can be.
	RequirePKCE bool
	// KeepTokens keeps the access and refresh token of each account, sealed, for
	// [Provider.TokenSource]. It needs [Options.Keys]. Default: they are forgotten at
	// once.
	KeepTokens bool

	// Origins are further origins that the browser passes on its way to the
	// identity provider, such as "https://login.example.net": Chromium lets a form
	// lead to none that the page's form-action does not name, nor through one.
	Origins []string

	// Networks are private networks that the identity provider may be in. Default
	// none: nothing that is not a public address is ever connected to.
	Networks []netip.Prefix
	// Timeout is for each request to the identity provider; all that is asked for one
	// answer to a browser gets twice that. Default 10 seconds.
	Timeout time.Duration
	// InsecureHTTP lets the identity provider speak plain HTTP, if it is on the
	// loopback interface.
	InsecureHTTP bool
	// InsecureNoAuthTime lets people prove anew who they are at an OpenID Connect
	// issuer whose ID tokens do not say when they did (auth_time): it may have let them
	// pass without asking. Default: it must say so, and that it was just now.
	InsecureNoAuthTime bool
	// Insecure stands in for the identity provider, in tests and during
	// development. Package oauthtest has one.
	Insecure Imitation
}

// An Imitation answers in place of identity providers.
type Imitation interface {
	http.RoundTripper // for every request that would go to the identity provider
	// AuthURL returns where to send the browser in place of authURL.
	AuthURL(authURL string) string
}

// A Connector logs people in at one identity provider. Make one with [GitHub],
// [Google], [Apple], [OIDC], [OAuth2], [Goth] or [GothFunc], and give it to [New].
type Connector struct {
	opts     ConnectorOptions
	backend  backend
	formPost bool // answers come as a POST from another site
	oauth1   bool // OAuth 1.0a: answers have a request token, and no state
	hosted   bool // accounts say which organisation they belong to
	// status is the default of ConnectorOptions.EmailStatus.
	status func(a Account) EmailStatus

	out  outbound
	kind string // of the credentials: "oauth:github"
}

const defaultTimeout = 10 * time.Second

// newConnector completes opts, which may be nil. backendOf is given the result.
func newConnector(opts *ConnectorOptions, name, title string, scopes []string, backendOf func(c *Connector) backend) *Connector {
	c := &Connector{status: func(Account) EmailStatus { return EmailUnknown }}
	if opts != nil {
		c.opts = *opts
	}
	o := &c.opts
	if o.Name == "" {
		o.Name = name
	}
	if o.Title == "" {
		o.Title = title
	}
	if o.Scopes == nil {
		o.Scopes = scopes
	}
	o.Scopes = slices.Clone(o.Scopes)
	o.Domains = slices.Clone(o.Domains)
	o.Origins = slices.Clone(o.Origins)
	o.Networks = slices.Clone(o.Networks)
	params := map[string]string{}
	for k, v := range o.AuthParams {
		params[k] = v
	}
	o.AuthParams = params
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	c.kind = kindPrefix + o.Name
	c.out = newOutbound(o)
	c.backend = backendOf(c)
	return c
}

// Name returns the connector's name, see [ConnectorOptions.Name].
func (c *Connector) Name() string { return c.opts.Name }

const kindPrefix = "oauth:"

var nameRE = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// reservedParams are those of the authorization request that the flow is made of.
var reservedParams = []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri", "client_secret", "code_verifier", "max_age"}

// check returns everything that is wrong with the connector.
func (c *Connector) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("oauth: connector %q: "+format, append([]any{c.opts.Name}, args...)...))
	}
	o := &c.opts
	if !nameRE.MatchString(o.Name) {
		bad("ConnectorOptions.Name: make it 1 to 32 lower-case letters, digits and hyphens")
	}
	if strings.TrimSpace(o.Title) == "" || len(o.Title) > 64 {
		bad("ConnectorOptions.Title is %q: give what people call it, in 64 bytes at most", o.Title)
	}
	for _, s := range o.Scopes {
		if s == "" || strings.ContainsAny(s, " \t\r\n\"\\") {
			bad("ConnectorOptions.Scopes has %q: give each scope by itself", s)
		}
	}
	for k := range o.AuthParams {
		if slices.Contains(reservedParams, strings.ToLower(k)) {
			bad("ConnectorOptions.AuthParams has %q, which the flow sets: leave it out", k)
		}
	}
	for _, d := range o.Domains {
		if canonicalDomain(d) != d || d == "" {
			bad("ConnectorOptions.Domains has %q: write it in lower case and without @, such as %q", d, "example.com")
		}
	}
	for _, n := range o.Networks {
		if !n.IsValid() || n.Addr().Is4In6() {
			bad("ConnectorOptions.Networks has %v, which no address is in: give one such as %q", n, "10.1.0.0/16")
		}
	}
	for _, s := range o.Origins {
		if originOf(s) != s || s == "" {
			bad("ConnectorOptions.Origins has %q: write it as %q", s, "https://login.example.net")
		}
	}
	if o.Timeout < 0 || o.Timeout > time.Minute {
		bad("ConnectorOptions.Timeout is %v: make it a minute at most, or 0 for %v", o.Timeout, defaultTimeout)
	}
	if c.backend != nil {
		for _, err := range each(c.backend.check()) {
			bad("%w", err)
		}
		if o.KeepTokens && c.oauth1 {
			bad("ConnectorOptions.KeepTokens: the tokens of OAuth 1.0a are not kept: leave it false")
		}
		if o.RequirePKCE && !c.backend.pkce() {
			bad("ConnectorOptions.RequirePKCE: no challenge can be sent here: leave it false, or choose another way to the same identity provider (docs/oauth-providers.md lists them)")
		}
	}
	return errors.Join(errs...)
}

// each returns the errors that were joined in err, so that each can say whose it is.
func each(err error) []error {
	switch joined := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		return joined.Unwrap()
	}
	return []error{err}
}

// originOf returns the origin of an absolute http or https URL, "" if it is none.
func originOf(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}

// withParams adds parameters to the address of an authorization request, and
// replaces those that are there.
func withParams(authURL string, params map[string]string) (string, error) {
	u, err := url.Parse(authURL)
	if err != nil || u.Host == "" {
		return "", errors.New("oauth: the authorization endpoint is not an absolute URL")
	}
	q := u.Query()
	for k, v := range params {
		q.Set(k, v)
	}
	// "+" is a space to some and a plus to others; Apple is one of the others.
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String(), nil
}
