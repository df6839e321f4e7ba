package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/oauth2"
)

// An Endpoint is an OAuth 2.0 server (RFC 6749), as its documentation has it. Its
// addresses are absolute https URLs without a fragment; http is for the loopback
// interface, with [ConnectorOptions.InsecureHTTP].
type Endpoint struct {
	AuthURL  string // where the browser goes
	TokenURL string // where codes are traded
	// RevocationURL takes tokens back (RFC 7009). Default: none does.
	RevocationURL string
	// Issuer is how the server names itself in its responses (RFC 9207). If it is
	// set, each must. Default: none is expected.
	Issuer string
	// SecretInBody sends the client's ID and secret in the body of token requests
	// (client_secret_post). Default: in the header (client_secret_basic), which every
	// server must take (RFC 6749, section 2.3.1). Which it is cannot be tried out, as
	// a code is good for one request.
	SecretInBody bool
}

// OAuth2 returns a connector for any OAuth 2.0 server. PKCE is always used; a server
// that does not know it ignores it.
//
// account says who has logged in. It asks the server, with a client that adds the
// access token to the first request and to all others to the same origin, follows no
// redirect to another, and has the limits of all that is asked outside: [GetJSON] is
// for this. Subject must be an ID that the server never gives to somebody else, and
// EmailStatus says whether the server has made sure of Email; what it leaves empty is
// not known. An error ends the login: one that wraps an [auth.Problem] is shown, and
// others are as if the server had failed. account is called concurrently.
//
// Defaults: Name is "oauth2", and Title the name with a capital; no scopes.
func OAuth2(e Endpoint, clientID, secret string, account func(ctx context.Context, client *http.Client) (Account, error), opts *ConnectorOptions) *Connector {
	name := "oauth2"
	if opts != nil && opts.Name != "" {
		name = opts.Name
	}
	return newConnector(opts, name, titleOf(name), nil, func(c *Connector) backend {
		c.status = func(a Account) EmailStatus { return a.EmailStatus }
		return &oauth2Backend{c: c, endpoint: e, id: clientID, secret: secret, account: account}
	})
}

type oauth2Backend struct {
	c          *Connector
	endpoint   Endpoint
	id, secret string
	account    func(context.Context, *http.Client) (Account, error)
	hung       atomic.Int64
}

func (b *oauth2Backend) check() error {
	var errs []error
	e := &b.endpoint
	for _, u := range []struct {
		field, value string
		optional     bool
	}{{"AuthURL", e.AuthURL, false}, {"TokenURL", e.TokenURL, false}, {"RevocationURL", e.RevocationURL, true}} {
		if u.optional && u.value == "" {
			continue
		}
		switch {
		case endpointURL(u.value, b.c.opts.InsecureHTTP):
		case endpointURL(u.value, true):
			errs = append(errs, fmt.Errorf("the field %s of the Endpoint is %q: make it https, or, as it is on this machine, set ConnectorOptions.InsecureHTTP", u.field, u.value))
		default:
			errs = append(errs, fmt.Errorf("the field %s of the Endpoint is %q: write it as %q, without a fragment or a password", u.field, u.value, "https://login.example.net/oauth"))
		}
	}
	if b.id == "" {
		errs = append(errs, errors.New("the client ID is empty: take it from the registration at the server"))
	}
	if b.secret == "" {
		errs = append(errs, errors.New("the client secret is empty: take it from the registration at the server"))
	}
	if b.account == nil {
		errs = append(errs, errors.New("the function account is nil: give one that says who has logged in"))
	}
	return errors.Join(errs...)
}

func (b *oauth2Backend) config(callback string) *oauth2.Config {
	// The style is set because x/oauth2 would find it out by sending each code twice.
	style := oauth2.AuthStyleInHeader
	if b.endpoint.SecretInBody {
		style = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID:     b.id,
		ClientSecret: b.secret,
		RedirectURL:  callback,
		Scopes:       b.c.opts.Scopes,
		Endpoint:     oauth2.Endpoint{AuthURL: b.endpoint.AuthURL, TokenURL: b.endpoint.TokenURL, AuthStyle: style},
	}
}

func (b *oauth2Backend) begin(_ context.Context, f *flow) (begun, error) {
	u, err := withParams(b.config(f.callback).AuthCodeURL(f.state, oauth2.S256ChallengeOption(f.verifier)), b.c.opts.AuthParams)
	return begun{url: u}, err
}

func (b *oauth2Backend) finish(ctx context.Context, f *flow, params url.Values) (Account, *oauth2.Token, error) {
	secrets := []string{b.secret, f.state, f.verifier, params.Get("code")}
	token, err := b.config(f.callback).Exchange(clientContext(ctx, f.client), params.Get("code"), oauth2.VerifierOption(f.verifier))
	if err == nil {
		err = bearer(token)
	}
	if err != nil {
		return Account{}, nil, outcome(err, secrets...)
	}
	client := *f.client
	client.Transport = &authorized{base: client.Transport, token: token.AccessToken}
	account, err := run(ctx, &b.hung, 4*b.c.opts.Timeout, func() (Account, error) { return b.account(ctx, &client) })
	if err == nil && !plausible(account.Subject) {
		err = fmt.Errorf("%w: the account has no subject", errBadAnswer)
	}
	if err != nil {
		return Account{}, nil, outcome(err, append(secrets, token.AccessToken, token.RefreshToken)...)
	}
	return account, bare(token), nil
}

func (b *oauth2Backend) issuer(context.Context, *flow) (string, bool, error) {
	return b.endpoint.Issuer, b.endpoint.Issuer != "", nil
}

func (b *oauth2Backend) origins(context.Context, *http.Client) []string {
	if o := originOf(b.endpoint.AuthURL); o != "" {
		return []string{o}
	}
	return nil
}

func (b *oauth2Backend) pkce() bool { return true }

func (b *oauth2Backend) refresh(ctx context.Context, client *http.Client, t *oauth2.Token) (*oauth2.Token, error) {
	if t.RefreshToken == "" {
		return nil, fmt.Errorf("%w: there is no refresh token", errInvalidGrant)
	}
	fresh, err := b.config("").TokenSource(clientContext(ctx, client), &oauth2.Token{RefreshToken: t.RefreshToken}).Token()
	if err == nil {
		err = bearer(fresh)
	}
	if err != nil {
		return nil, outcome(err, b.secret, t.RefreshToken)
	}
	return bare(fresh), nil
}

// errNoRevocation: tokens cannot be given back.
var errNoRevocation = errors.New("oauth: this identity provider takes no tokens back")

func (b *oauth2Backend) revoke(ctx context.Context, client *http.Client, t *oauth2.Token) error {
	if b.endpoint.RevocationURL == "" {
		return errNoRevocation
	}
	// A refresh token takes the access tokens with it (RFC 7009, section 2.1).
	form := url.Values{"token": {t.RefreshToken}, "token_type_hint": {"refresh_token"}}
	if t.RefreshToken == "" {
		form = url.Values{"token": {t.AccessToken}, "token_type_hint": {"access_token"}}
	}
	if b.endpoint.SecretInBody {
		form.Set("client_id", b.id)
		form.Set("client_secret", b.secret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.endpoint.RevocationURL, strings.NewReader(form.Encode()))
	if err != nil {
		return outcome(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !b.endpoint.SecretInBody {
		req.SetBasicAuth(url.QueryEscape(b.id), url.QueryEscape(b.secret))
	}
	return give(client, req, b.secret, t.AccessToken, t.RefreshToken)
}

// give makes a request whose answer has nothing of interest.
func give(client *http.Client, req *http.Request, secrets ...string) error {
	resp, err := client.Do(req)
	if err != nil {
		return outcome(err, secrets...)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%w: it answers with status %d", errBadAnswer, resp.StatusCode)
	}
	return nil
}

// clientContext is for x/oauth2, which takes the client from its context.
func clientContext(ctx context.Context, client *http.Client) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, client)
}

// bearer refuses a token that is used in a way not known here.
func bearer(t *oauth2.Token) error {
	if t.AccessToken == "" || t.TokenType != "" && !strings.EqualFold(t.TokenType, "Bearer") {
		return fmt.Errorf("%w: it is no bearer token", errBadAnswer)
	}
	return nil
}

// bare returns what can be kept of t.
func bare(t *oauth2.Token) *oauth2.Token {
	kept := bareToken(t)
	kept.TokenType = "Bearer"
	return kept
}

// bareToken returns t without what else came with it, but for the scope.
func bareToken(t *oauth2.Token) *oauth2.Token {
	kept := &oauth2.Token{AccessToken: t.AccessToken, TokenType: t.TokenType, RefreshToken: t.RefreshToken, Expiry: t.Expiry, ExpiresIn: t.ExpiresIn}
	if scope, ok := t.Extra("scope").(string); ok {
		kept = kept.WithExtra(map[string]any{"scope": scope})
	}
	return kept
}

// authorized adds an access token to requests (RFC 6750, section 2.1), to the origin
// that the first of them is for: what comes from there has addresses in it that
// anybody may have chosen.
type authorized struct {
	base  http.RoundTripper
	token string

	once   sync.Once
	origin string
}

func (a *authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	origin := originOf(req.URL.String())
	a.once.Do(func() { a.origin = origin })
	if origin == a.origin {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	return a.base.RoundTrip(req)
}
