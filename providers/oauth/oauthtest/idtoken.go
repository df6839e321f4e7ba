package oauthtest

import (
	"encoding/json"
	"fmt"
	"maps"
)

// idToken makes an ID token, step by step through the script: the claims, the
// signing, the text.
func (s *Server) idToken(d *dialect, g *grant, c *Client, f Flow, access string) (string, error) {
	sc := s.scripted()
	keys, err := s.Keys(d.service)
	if err != nil {
		return "", err
	}
	signing := &Signing{Header: map[string]any{"typ": "JWT"}, Secret: []byte(c.Secret)}
	if len(keys) > 0 {
		signing.Key, signing.Algorithm = keys[0].Signer, keys[0].Algorithm()
		if keys[0].ID != "" {
			signing.Header["kid"] = keys[0].ID
		}
	}
	now := s.now()
	claims := map[string]any{
		"iss":     d.issuer(),
		"sub":     f.Person.SubjectAt(d.service),
		"aud":     c.ID,
		"iat":     now.Unix(),
		"exp":     now.Add(d.identityLife).Unix(),
		"at_hash": halfHash(signing.Algorithm, access),
	}
	if nonce := g.request.Get("nonce"); nonce != "" && !f.Refresh { // OpenID Connect Core §12.2
		claims["nonce"] = nonce
	}
	if g.request.Has("max_age") {
		claims["auth_time"] = g.authTime.Unix()
	}
	maps.Copy(claims, d.claims(f))
	if sc.Claims != nil {
		sc.Claims(f, claims)
	}
	if signing.Payload, err = json.Marshal(claims); err != nil {
		return "", fmt.Errorf("oauthtest: the claims of an ID token: %w", err)
	}
	if sc.Sign != nil {
		sc.Sign(f, signing)
	}
	token, err := signing.JWT()
	if err != nil {
		return "", err
	}
	if sc.IDToken != nil {
		token = sc.IDToken(f, token)
	}
	return token, nil
}

// profile returns the standard claims that the scopes allow (OpenID Connect Core
// §5.4), and the person's own.
func profile(f Flow, withEmail, withProfile bool) map[string]any {
	p := f.Person
	claims := make(map[string]any)
	if withProfile {
		claims["name"] = p.Name
		given, family := p.names()
		claims["given_name"] = given
		if family != "" {
			claims["family_name"] = family
		}
		if p.Picture != "" {
			claims["picture"] = p.Picture
		}
	}
	if withEmail && p.Email != "" {
		claims["email"] = p.Email
		if p.EmailVerified != nil {
			claims["email_verified"] = p.EmailVerified
		}
	}
	maps.Copy(claims, p.Claims)
	return claims
}
