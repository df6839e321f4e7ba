package oauth

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// tokens are what is kept of an answer of a token endpoint.
type tokens struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh,omitempty"`
	Type    string `json:"type,omitempty"`
	Expiry  int64  `json:"expiry,omitempty"` // Unix milliseconds; 0: none is known
	Scope   string `json:"scope,omitempty"`
}

// maxTokens bounds the encoded tokens, in bytes: with the rest of the record they fit
// into a credential.
const maxTokens = 32 << 10

// maxExpiry bounds what an identity provider says of how long a token lives.
const maxExpiry = 10 * 365 * 24 * time.Hour

// readTokens reads an answer that came at now.
func readTokens(t *oauth2.Token, now time.Time) (tokens, error) {
	if t == nil || t.AccessToken == "" {
		return tokens{}, fmt.Errorf("%w: there is no access token", errBadAnswer)
	}
	k := tokens{Access: t.AccessToken, Refresh: t.RefreshToken, Type: t.TokenType}
	k.Scope, _ = t.Extra("scope").(string)
	switch {
	case t.ExpiresIn > 0: // by the Manager's clock, and not by the machine's
		seconds := min(t.ExpiresIn, int64(maxExpiry/time.Second))
		k.Expiry = now.Add(time.Duration(seconds) * time.Second).UnixMilli()
	case !t.Expiry.IsZero():
		k.Expiry = t.Expiry.UnixMilli()
	}
	for _, s := range []string{k.Access, k.Refresh, k.Type, k.Scope} {
		if !utf8.ValidString(s) {
			return tokens{}, fmt.Errorf("%w: a token is not UTF-8", errBadAnswer)
		}
	}
	return k, nil
}

// oauth2 returns what hosts are given: without the refresh token, which is of use
// once and is not theirs to use.
func (t tokens) oauth2() *oauth2.Token {
	token := &oauth2.Token{AccessToken: t.Access, TokenType: t.Type}
	if t.Expiry != 0 {
		token.Expiry = time.UnixMilli(t.Expiry).UTC()
	}
	if t.Scope != "" {
		token = token.WithExtra(map[string]any{"scope": t.Scope})
	}
	return token
}

// whole returns what backends are given.
func (t tokens) whole(n linkName) *oauth2.Token {
	token := t.oauth2().WithExtra(map[string]any{"scope": t.Scope, subjectExtra: n.subject})
	token.RefreshToken = t.Refresh
	return token
}

// seal seals t for a link, and open opens it for no other: whoever can write to the
// store cannot make one user's tokens another's.
func (k *tokenKeeper) seal(n linkName, t tokens) ([]byte, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	if len(plain) > maxTokens {
		return nil, fmt.Errorf("%w: the tokens are longer than %d bytes", errBadAnswer, maxTokens)
	}
	return k.ring.seal(plain, k.m.Realm(), n.userID, n.c.kind, n.subject)
}

func (k *tokenKeeper) open(n linkName, sealed []byte) (t tokens, err error) {
	plain, err := k.ring.open(sealed, k.m.Realm(), n.userID, n.c.kind, n.subject)
	if err != nil {
		return t, err
	}
	if json.Unmarshal(plain, &t) != nil {
		return tokens{}, errSealed
	}
	return t, nil
}
