package oauthtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

const appleIssuer = "https://appleid.apple.com"

// appleSecretLife is how far away the exp of a client's secret may be: six
// months, which Apple counts as 15,777,000 seconds.
const appleSecretLife = 15_777_000 * time.Second

// routeApple imitates Sign in with Apple: no userinfo, a name that comes once
// and beside the code, booleans that are strings, a client secret that is a JWT.
func (s *Server) routeApple() {
	d := &dialect{
		service: Apple, title: "Apple", token: AppleToken, bodyOnly: true,
		issuer: func() string { return appleIssuer }, codePrefix: "c",
		check: func(q url.Values) *fault {
			if q.Get("scope") != "" && q.Get("response_mode") != "form_post" {
				return &fault{code: "invalid_request", description: "response_mode must be form_post when name or email scope is requested."}
			}
			return nil
		},
		denied:       func(v url.Values) { v.Set("error", "user_cancelled_authorize") },
		secret:       s.appleSecret,
		accessLife:   time.Hour,
		refreshes:    func(g *grant) bool { return true },
		identifies:   func([]string) bool { return true },
		identityLife: 24 * time.Hour,
	}
	d.came = func(f Flow, mode string, v url.Values) {
		if mode == "form_post" && s.introduce(f) {
			v.Set("user", appleUser(f))
		}
	}
	d.claims = func(f Flow) map[string]any {
		claims := map[string]any{"nonce_supported": true, "auth_time": s.now().Unix()}
		if address, relay := appleEmail(f.Person); address != "" && slices.Contains(f.Scopes, "email") {
			claims["email"] = address
			switch v := f.Person.EmailVerified.(type) {
			case nil:
			case bool:
				claims["email_verified"] = fmt.Sprint(v)
			default:
				claims["email_verified"] = v
			}
			if relay {
				claims["email_verified"], claims["is_private_email"] = "true", "true"
			}
		}
		maps.Copy(claims, f.Person.Claims)
		return claims
	}
	s.handle("/appleid.apple.com/.well-known/openid-configuration", AppleDiscovery, "GET", s.discovery(AppleDiscovery, Apple, func() map[string]any {
		return map[string]any{
			"issuer":                 appleIssuer,
			"authorization_endpoint": appleIssuer + "/auth/authorize",
			"token_endpoint":         appleIssuer + "/auth/token",
			"revocation_endpoint":    appleIssuer + "/auth/revoke",
			"jwks_uri":               appleIssuer + "/auth/keys",

			"scopes_supported":                      []string{"openid", "email", "name"},
			"response_types_supported":              []string{"code"},
			"response_modes_supported":              []string{"query", "form_post"},
			"subject_types_supported":               []string{"pairwise"},
			"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
			"claims_supported": []string{"aud", "email", "email_verified", "exp", "iat", "is_private_email", "iss",
				"nonce", "nonce_supported", "sub"},
		}
	}))
	s.handle("/appleid.apple.com/auth/authorize", AppleAuthorize, "GET, POST", s.authorize(d))
	s.handle("/appleid.apple.com/auth/token", AppleToken, "POST", s.tokens(d))
	s.handle("/appleid.apple.com/auth/keys", AppleKeys, "GET", s.publishKeys(AppleKeys, Apple))
	s.handle("/appleid.apple.com/auth/revoke", AppleRevoke, "POST", s.revoke(d))
}

func appleEmail(p Person) (address string, relay bool) {
	if p.AppleRelay != "" {
		return p.AppleRelay, true
	}
	return p.Email, false
}

// appleUser is the parameter user of the callback.
func appleUser(f Flow) string {
	user := make(map[string]any)
	if slices.Contains(f.Scopes, "name") {
		first, last := f.Person.names()
		user["name"] = map[string]string{"firstName": first, "lastName": last}
	}
	if slices.Contains(f.Scopes, "email") {
		user["email"], _ = appleEmail(f.Person)
	}
	text, err := json.Marshal(user)
	if err != nil {
		return "{}"
	}
	return string(text)
}

// introduce reports whether this is the first time that the client meets the
// person, with a scope to tell something: only then does Apple give the name.
func (s *Server) introduce(f Flow) bool {
	if len(f.Scopes) == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := f.ClientID + " " + f.Person.Subject
	first := !s.grants.seen[key]
	s.grants.seen[key] = true
	return first
}

// appleSecret checks the JWT that is the client's secret.
func (s *Server) appleSecret(c *Client, secret string) bool {
	if c.AppleKey == nil {
		return c.proves(secret)
	}
	header, claims, err := verifyES256(c.AppleKey, secret)
	if err != nil {
		return false
	}
	now := s.now()
	iat, ok1 := claims["iat"].(float64)
	exp, ok2 := claims["exp"].(float64)
	switch {
	case !ok1 || !ok2 || iat > float64(now.Add(time.Minute).Unix()) || exp < float64(now.Unix()),
		exp > float64(now.Add(appleSecretLife).Unix()):
		return false
	case claims["aud"] != appleIssuer, claims["sub"] != c.ID:
		return false
	case c.AppleTeam != "" && claims["iss"] != c.AppleTeam, c.AppleKeyID != "" && header["kid"] != c.AppleKeyID:
		return false
	}
	team, _ := claims["iss"].(string)
	return strings.TrimSpace(team) != ""
}
