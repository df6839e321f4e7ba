package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
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
		return nil, errInvalidGrant
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
	fresh, err := config.TokenSource(withClient(ctx, client), &oauth2.Token{RefreshToken: t.RefreshToken}).Token()
	if err != nil {
		return nil, tokenError(ctx, err)
	}
	if err := checkToken(fresh); err != nil {
		return nil, err
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
			return nil, wrapBad("the refreshed token is of another subject")
		}
	}
	return bareToken(fresh), nil
}

// revoke implements tokenBackend.
func (b *oidcBackend) revoke(ctx context.Context, client *http.Client, t *oauth2.Token) error {
	now := time.Now()
	md, err := b.metadata.get(ctx, client, now, false)
	if err != nil {
		return err
	}
	if md.revocation == "" {
		return nil
	}
	// With a refresh token, the access tokens made with it go as well.
	form := url.Values{"token": {t.RefreshToken}, "token_type_hint": {"refresh_token"}}
	if t.RefreshToken == "" {
		form = url.Values{"token": {t.AccessToken}, "token_type_hint": {"access_token"}}
	}
	if form.Get("token") == "" {
		return nil
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
		return wrapBad("the address of revocation is not valid")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if md.style == oauth2.AuthStyleInHeader {
		req.SetBasicAuth(url.QueryEscape(config.ClientID), url.QueryEscape(config.ClientSecret))
	}
	resp, err := client.Do(req)
	if err != nil {
		return fetchError(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: revocation: status %d", errUnavailable, resp.StatusCode)
	}
	return nil
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

// withClient has x/oauth2 use client.
func withClient(ctx context.Context, client *http.Client) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, client)
}

// checkToken refuses a token that is not for the bearer to use: it would be sent as
// one (OpenID Connect Core 1.0, section 3.1.3.3).
func checkToken(t *oauth2.Token) error {
	if t.AccessToken == "" || !strings.EqualFold(t.TokenType, "Bearer") {
		return wrapBad("the token response has no access token for bearers")
	}
	return nil
}

// bareToken returns t without what else came with it.
func bareToken(t *oauth2.Token) *oauth2.Token {
	return &oauth2.Token{AccessToken: t.AccessToken, TokenType: t.TokenType, RefreshToken: t.RefreshToken, Expiry: t.Expiry}
}

// tokenErrors are the words for errors of the token endpoint (RFC 6749, section 5.2).
var tokenErrors = []string{"invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}

// tokenError returns what to say of a token request that failed. What x/oauth2 says
// has the whole answer in it.
func tokenError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fetchError(ctx.Err())
	}
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		status := 0
		if refused.Response != nil {
			status = refused.Response.StatusCode
		}
		switch {
		case refused.ErrorCode == "invalid_grant":
			return errInvalidGrant
		case slices.Contains(tokenErrors, refused.ErrorCode):
			return wrapBad("the token request failed with " + refused.ErrorCode)
		case status >= 500, status == http.StatusTooManyRequests:
			return fmt.Errorf("%w: the token request failed with status %d", errUnavailable, status)
		default:
			return wrapBad(fmt.Sprintf("the token request failed with status %d", status))
		}
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		return fetchError(err)
	}
	return wrapBad("the token response cannot be read")
}
