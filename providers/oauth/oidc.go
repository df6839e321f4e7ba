package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// OIDC returns a connector for an OpenID Connect issuer, by the authorization code
// flow (OpenID Connect Core 1.0) with PKCE, nonce and a signed ID token. Where its
// endpoints are and what it can do is asked of the issuer when it is first needed
// (OpenID Connect Discovery 1.0), and once a day from then on.
//
// issuer is compared byte by byte with what the issuer says of itself: give it as it
// does, with or without a slash at the end. It is an https URL, see
// [ConnectorOptions.InsecureHTTP]. An empty secret is that of a public client, which
// has none. Of token_endpoint_auth_methods_supported, client_secret_basic and
// client_secret_post are known, in this order.
//
// An address is [EmailUnknown] at best unless [ConnectorOptions.EmailStatus] says
// otherwise, since not every issuer makes sure of them. Of one that does, such as
// your own company's, give [TrustEmailVerified].
//
// To prove anew who they are, people are sent with prompt=login and max_age=0, and
// the ID token must say when they logged in (auth_time): see
// [ConnectorOptions.InsecureNoAuthTime] for issuers that do not.
//
// Of Microsoft Entra ID, give the issuer of your tenant,
// "https://login.microsoftonline.com/<tenant ID>/v2.0": what is common to all tenants
// is no issuer.
//
// Defaults: Name is "oidc", Title the issuer's host, Scopes "openid", "email" and
// "profile"; "openid" is asked for in any case.
func OIDC(issuer, clientID, secret string, opts *ConnectorOptions) *Connector {
	title := issuer
	if u, err := url.Parse(issuer); err == nil && u.Host != "" {
		title = u.Host
	}
	return newConnector(opts, "oidc", title, []string{"openid", "email", "profile"}, func(c *Connector) backend {
		b := newOIDCBackend(c, issuer, clientID)
		if secret != "" {
			b.secret = func(time.Time) (string, error) { return secret, nil }
		}
		if strings.TrimSpace(secret) != secret {
			b.faults = append(b.faults, errors.New("OIDC: the secret begins or ends with white space: leave that out"))
		}
		if len(c.opts.Domains) > 0 && c.opts.EmailStatus == nil {
			b.faults = append(b.faults, errors.New("ConnectorOptions.Domains lets nobody in whose address is not verified, and no address of an issuer's is: if this one makes sure of them, set EmailStatus to oauth.TrustEmailVerified"))
		}
		c.status = saidUnverified
		return b
	})
}

// An oidcBackend is an OpenID Connect issuer.
type oidcBackend struct {
	iss      string
	clientID string
	secret   func(now time.Time) (string, error) // nil: there is none
	opts     *ConnectorOptions
	formPost bool
	faults   []error // of the configuration
	metadata fetched[*metadata]
}

func newOIDCBackend(c *Connector, issuer, clientID string) *oidcBackend {
	b := &oidcBackend{iss: issuer, clientID: clientID, opts: &c.opts}
	if !slices.Contains(c.opts.Scopes, "openid") {
		c.opts.Scopes = slices.Insert(c.opts.Scopes, 0, "openid")
	}
	b.metadata.keep = metadataKept
	b.metadata.fetch = b.discover
	return b
}

func (b *oidcBackend) check() error {
	errs := slices.Clone(b.faults)
	u, err := url.Parse(b.iss)
	switch {
	case err != nil || !endpointURL(b.iss, true) || strings.ContainsAny(b.iss, "?#"):
		errs = append(errs, fmt.Errorf("OIDC: the issuer is %q: give an https address without a query, such as %q", b.iss, "https://login.example.com"))
	case u.Scheme == "http" && !b.opts.InsecureHTTP:
		errs = append(errs, fmt.Errorf("OIDC: the issuer is %q: make it https, or, on this machine, set ConnectorOptions.InsecureHTTP", b.iss))
	case manyTenants(u):
		errs = append(errs, fmt.Errorf("OIDC: the issuer is %q, which is no issuer but common to many tenants, any of which could name any address: give that of your tenant, such as %q",
			b.iss, "https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0"))
	}
	if strings.TrimSpace(b.clientID) != b.clientID || b.clientID == "" {
		errs = append(errs, errors.New("OIDC: the client ID is missing, or begins or ends with white space: give what the issuer calls this site"))
	}
	return errors.Join(errs...)
}

// manyTenants reports whether u is one of Microsoft's addresses that stand for
// many issuers.
func manyTenants(u *url.URL) bool {
	if strings.ContainsAny(u.Path, "{}") {
		return true
	}
	host := strings.ToLower(u.Hostname())
	if !strings.Contains(host, "microsoftonline.") && host != "sts.windows.net" {
		return false
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return slices.Contains([]string{"", "common", "organizations", "consumers"}, strings.ToLower(tenant))
}

func (b *oidcBackend) pkce() bool { return true }

func (b *oidcBackend) issuer(ctx context.Context, f *flow) (string, bool, error) {
	md, err := b.metadata.get(ctx, f.client, f.now, false)
	if err != nil {
		return "", false, err
	}
	return b.iss, md.signs, nil
}

// originsWait is how long a page waits for an issuer to say where its authorization
// endpoint is.
const originsWait = 3 * time.Second

func (b *oidcBackend) origins(ctx context.Context, client *http.Client) []string {
	origins := []string{originOf(b.iss)}
	md, ok := b.metadata.peek()
	if !ok && client != nil {
		ctx, cancel := context.WithTimeout(ctx, originsWait)
		defer cancel()
		md, ok = b.metadata.glance(ctx, client, time.Now())
	}
	if ok {
		if o := originOf(md.authorization); !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	return origins
}

func (b *oidcBackend) begin(ctx context.Context, f *flow) (begun, error) {
	md, err := b.metadata.get(ctx, f.client, f.now, false)
	if err != nil {
		return begun{}, err
	}
	if b.opts.RequirePKCE && !md.s256 {
		return begun{}, wrap(errUnavailable, "RequirePKCE is set, and the metadata does not say that challenges by S256 are checked")
	}
	if f.verifier == "" || f.nonce == "" || f.state == "" {
		return begun{}, errors.New("oauth: a flow without its secrets")
	}
	params := map[string]string{}
	for k, v := range b.opts.AuthParams {
		params[k] = v
	}
	params["client_id"] = b.clientID
	params["redirect_uri"] = f.callback
	params["response_type"] = "code"
	params["scope"] = strings.Join(b.opts.Scopes, " ")
	params["state"] = f.state
	params["nonce"] = f.nonce
	params["code_challenge"] = oauth2.S256ChallengeFromVerifier(f.verifier)
	params["code_challenge_method"] = "S256"
	if b.formPost {
		params["response_mode"] = "form_post"
	}
	if f.stepUp {
		params["prompt"] = "login"
		params["max_age"] = "0"
	}
	to, err := withParams(md.authorization, params)
	return begun{url: to}, err
}

func (b *oidcBackend) finish(ctx context.Context, f *flow, params url.Values) (Account, *oauth2.Token, error) {
	md, err := b.metadata.get(ctx, f.client, f.now, false)
	if err != nil {
		return Account{}, nil, err
	}
	config, err := b.config(md, f.now)
	if err != nil {
		return Account{}, nil, err
	}
	config.RedirectURL = f.callback
	token, err := config.Exchange(clientContext(ctx, f.client), params.Get("code"), oauth2.VerifierOption(f.verifier))
	if err == nil {
		err = bearer(token)
	}
	if err != nil {
		return Account{}, nil, outcome(err, config.ClientSecret, params.Get("code"), f.state, f.nonce, f.verifier)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Account{}, nil, wrap(errBadAnswer, "the token response has no ID token")
	}
	want := expected{issuers: []string{b.iss}, clientID: b.clientID, nonce: f.nonce, accessToken: token.AccessToken, now: f.now, began: f.began}
	if f.stepUp {
		want.authAfter, want.authUnsaid = f.began.Add(-skew), b.opts.InsecureNoAuthTime
	}
	claims, err := md.verifier.verify(ctx, f.client, raw, want)
	if err != nil {
		return Account{}, nil, err
	}
	if md.userinfo != "" && b.lacks(claims) {
		more, err := userinfo(ctx, f.client, md.userinfo, token.AccessToken, claims["sub"])
		if err != nil {
			return Account{}, nil, err
		}
		addUnsigned(claims, more)
	}
	return b.account(claims), bare(token), nil
}

// lacks reports whether something was asked for that claims do not have.
func (b *oidcBackend) lacks(claims map[string]any) bool {
	_, email := claims["email"]
	_, name := claims["name"]
	return !email && slices.Contains(b.opts.Scopes, "email") || !name && slices.Contains(b.opts.Scopes, "profile")
}

func (b *oidcBackend) account(claims map[string]any) Account {
	text := func(name string) string { s, _ := claims[name].(string); return s }
	var authTime time.Time
	if at, ok := claims["auth_time"].(float64); ok && at > 0 && at < maxDate {
		authTime = time.Unix(int64(at), 0)
	}
	return Account{
		AuthTime:  authTime,
		Issuer:    b.iss,
		Subject:   text("sub"),
		Email:     text("email"),
		Name:      text("name"),
		Username:  text("preferred_username"),
		AvatarURL: text("picture"),
		Claims:    claims,
	}
}
