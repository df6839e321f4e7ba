package oauthtest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const googleIssuer = "https://accounts.google.com"

// routeGoogle imitates Google: OpenID Connect with names of its own for scopes,
// userinfo in two versions, and refresh tokens that are not rotated.
func (s *Server) routeGoogle() {
	const emailScope, profileScope = "https://www.googleapis.com/auth/userinfo.email", "https://www.googleapis.com/auth/userinfo.profile"
	d := &dialect{
		service: Google, title: "Google", token: GoogleToken,
		issuer: func() string { return googleIssuer }, sendsIssuer: true,
		codePrefix: "4/0A", accessPrefix: "ya29.",
		scopes: func(scope string) []string {
			var out []string
			add := func(scopes ...string) {
				for _, s := range scopes {
					if !slices.Contains(out, s) {
						out = append(out, s)
					}
				}
			}
			for _, s := range strings.Fields(scope) {
				switch s {
				case "email", emailScope:
					add("email", emailScope, "openid")
				case "profile", profileScope:
					add("profile", profileScope, "openid")
				default:
					add(s)
				}
			}
			return out
		},
		came: func(f Flow, mode string, v url.Values) {
			v.Set("scope", strings.Join(f.Scopes, " "))
			v.Set("authuser", "0")
			v.Set("prompt", "consent")
			if f.Person.HostedDomain != "" {
				v.Set("hd", f.Person.HostedDomain)
			}
		},
		accessLife:   3599 * time.Second,
		refreshes:    func(g *grant) bool { return g.request.Get("access_type") == "offline" },
		identifies:   func(scopes []string) bool { return slices.Contains(scopes, "openid") },
		identityLife: time.Hour,
	}
	standard := func(f Flow) map[string]any {
		claims := profile(f, slices.Contains(f.Scopes, "email"), slices.Contains(f.Scopes, "profile"))
		if f.Person.HostedDomain != "" {
			claims["hd"] = f.Person.HostedDomain
		}
		return claims
	}
	d.claims = func(f Flow) map[string]any {
		claims := map[string]any{"azp": f.ClientID}
		maps.Copy(claims, standard(f))
		return claims
	}
	token := func(r *http.Request) string {
		if t := r.URL.Query().Get("access_token"); t != "" {
			return t
		}
		return bearer(r)
	}
	older := s.userInfo(d, GoogleUserInfo, token, func(f Flow) map[string]any {
		v := standard(f)
		v["id"] = f.Person.SubjectAt(Google)
		if verified, ok := v["email_verified"]; ok {
			delete(v, "email_verified")
			v["verified_email"] = verified
		}
		return v
	})
	newer := s.userInfo(d, GoogleUserInfo, token, func(f Flow) map[string]any {
		v := standard(f)
		v["sub"] = f.Person.SubjectAt(Google)
		return v
	})
	s.handle("/accounts.google.com/.well-known/openid-configuration", GoogleDiscovery, "GET", s.discovery(GoogleDiscovery, Google, func() map[string]any {
		return map[string]any{
			"issuer":                 googleIssuer,
			"authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
			"token_endpoint":         "https://oauth2.googleapis.com/token",
			"userinfo_endpoint":      "https://openidconnect.googleapis.com/v1/userinfo",
			"revocation_endpoint":    "https://oauth2.googleapis.com/revoke",
			"jwks_uri":               "https://www.googleapis.com/oauth2/v3/certs",

			"scopes_supported":                               []string{"openid", "email", "profile"},
			"response_types_supported":                       []string{"code"},
			"response_modes_supported":                       []string{"query", "form_post"},
			"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
			"subject_types_supported":                        []string{"public"},
			"token_endpoint_auth_methods_supported":          []string{"client_secret_post", "client_secret_basic"},
			"authorization_response_iss_parameter_supported": true,
			"claims_supported": []string{"aud", "email", "email_verified", "exp", "family_name", "given_name", "iat",
				"iss", "name", "picture", "sub"},
		}
	}))
	s.handle("/accounts.google.com/o/oauth2/auth", GoogleAuthorize, "GET, POST", s.authorize(d))
	s.handle("/accounts.google.com/o/oauth2/v2/auth", GoogleAuthorize, "GET, POST", s.authorize(d))
	s.handle("/oauth2.googleapis.com/token", GoogleToken, "POST", s.tokens(d))
	s.handle("/www.googleapis.com/oauth2/v3/certs", GoogleKeys, "GET", s.publishKeys(GoogleKeys, Google))
	s.handle("/www.googleapis.com/oauth2/v2/userinfo", GoogleUserInfo, "GET", older)
	s.handle("/www.googleapis.com/oauth2/v3/userinfo", GoogleUserInfo, "GET, POST", newer)
	s.handle("/openidconnect.googleapis.com/v1/userinfo", GoogleUserInfo, "GET, POST", newer)
	s.handle("/oauth2.googleapis.com/revoke", GoogleRevoke, "POST", s.revokeAnyone(d))
}

// revokeAnyone serves a revocation that asks for no client: who has the token may end it, and
// the whole grant with it.
func (s *Server) revokeAnyone(d *dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form, err := postForm(r)
		token := form.Get("token")
		if token == "" {
			token = r.URL.Query().Get("token")
		}
		s.mu.Lock()
		t := s.grants.refreshes[token]
		if t == nil {
			t = s.grants.accesses[token]
		}
		found := err == nil && t != nil && t.grant.dialect == d && !t.grant.dead
		if found {
			t.grant.dead = true
		}
		s.mu.Unlock()
		if !found {
			writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_token", "error_description": "Token expired or revoked"})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{})
	}
}
