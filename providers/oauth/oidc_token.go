package oauth

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// subjectExtra is the extra field of a token that says whose it is. Whoever calls
// refresh sets it, if it is known, and refresh then refuses somebody else's.
const subjectExtra = "sub"

// refresh implements tokenBackend.
func (b *oidcBackend) refresh(ctx context.Context, client *http.Client, t *oauth2.Token) (*oauth2.Token, error) {
	if t.RefreshToken == "" {
		return nil, wrap(errInvalidGrant, "there is no refresh token")
	}
	now := time.Now()
	md, err := b.metadata.get(ctx, client, now, false)
	if err != nil {
		return nil, err
	}
	config, err := b.config(md, now)
	if err != nil {
		return nil, err
	}
	fresh, err := config.TokenSource(clientContext(ctx, client), &oauth2.Token{RefreshToken: t.RefreshToken}).Token()
	if err == nil {
		err = bearer(fresh)
	}
	if err != nil {
		return nil, outcome(err, config.ClientSecret, t.RefreshToken)
	}
	// An ID token is optional here. If there is one it must be of the same user, and
	// for this site; its times do not matter, since nobody is logged in by it (OpenID
	// Connect Core 1.0, section 12.2).
	if extra := fresh.Extra("id_token"); extra != nil {
		raw, _ := extra.(string)
		claims, err := md.verifier.verify(ctx, client, raw, expected{issuers: []string{b.iss}, clientID: b.clientID, accessToken: fresh.AccessToken, asked: now})
		if err != nil {
			return nil, err
		}
		if whose, ok := t.Extra(subjectExtra).(string); ok && whose != "" && claims["sub"] != any(whose) {
			return nil, wrap(errBadAnswer, "the refreshed token is of another subject")
		}
	}
	return bare(fresh), nil
}

// revoke implements tokenBackend.
func (b *oidcBackend) revoke(ctx context.Context, client *http.Client, t *oauth2.Token) error {
	now := time.Now()
	md, err := b.metadata.get(ctx, client, now, false)
	if err != nil {
		return err
	}
	if md.revocation == "" {
		return errNoRevocation
	}
	// With a refresh token, the access tokens made with it go as well.
	form := url.Values{"token": {t.RefreshToken}, "token_type_hint": {"refresh_token"}}
	if t.RefreshToken == "" {
		form = url.Values{"token": {t.AccessToken}, "token_type_hint": {"access_token"}}
	}
	config, err := b.config(md, now)
	if err != nil {
		return err
	}
	if md.style == oauth2.AuthStyleInParams {
		form.Set("client_id", config.ClientID)
		if config.ClientSecret != "" {
			form.Set("client_secret", config.ClientSecret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, md.revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return outcome(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if md.style == oauth2.AuthStyleInHeader {
		req.SetBasicAuth(url.QueryEscape(config.ClientID), url.QueryEscape(config.ClientSecret))
	}
	return give(client, req, config.ClientSecret, t.AccessToken, t.RefreshToken)
}

// config returns the client, to be used for requests now.
func (b *oidcBackend) config(md *metadata, now time.Time) (*oauth2.Config, error) {
	secret := ""
	if b.secret != nil {
		var err error
		if secret, err = b.secret(now); err != nil {
			return nil, err
		}
	}
	return &oauth2.Config{
		ClientID:     b.clientID,
		ClientSecret: secret,
		Endpoint:     oauth2.Endpoint{AuthURL: md.authorization, TokenURL: md.token, AuthStyle: md.style},
	}, nil
}
