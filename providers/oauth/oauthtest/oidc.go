package oauthtest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// routeOIDC is an OpenID provider of our own (OpenID Connect Core, Discovery).
func (s *Server) routeOIDC() {
	d := &dialect{
		service: OIDC, title: "the test provider", token: OIDCToken,
		issuer: func() string { return s.URL }, sendsIssuer: true,
		came: func(f Flow, _ string, v url.Values) {
			v.Set("session_state", f.Person.SubjectAt(OIDC)+".state") // as Keycloak and Entra have it
		},
		accessLife:   time.Hour,
		refreshes:    func(g *grant) bool { return slices.Contains(g.scopes, "offline_access") },
		rotates:      true,
		identifies:   func(scopes []string) bool { return slices.Contains(scopes, "openid") },
		identityLife: time.Hour,
	}
	d.claims = func(f Flow) map[string]any {
		withProfile := slices.Contains(f.Scopes, "profile")
		claims := profile(f, slices.Contains(f.Scopes, "email"), withProfile)
		if withProfile {
			claims["preferred_username"] = f.Person.Login
		}
		return claims
	}
	s.handle("/.well-known/openid-configuration", OIDCDiscovery, "GET", s.discovery(OIDCDiscovery, OIDC, func() map[string]any {
		return map[string]any{
			"issuer":                 s.URL,
			"authorization_endpoint": s.URL + "/authorize",
			"token_endpoint":         s.URL + "/token",
			"userinfo_endpoint":      s.URL + "/userinfo",
			"revocation_endpoint":    s.URL + "/revoke",
			"jwks_uri":               s.URL + "/keys",

			"scopes_supported":                               []string{"openid", "profile", "email", "offline_access"},
			"response_types_supported":                       []string{"code"},
			"response_modes_supported":                       []string{"query", "form_post"},
			"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
			"subject_types_supported":                        []string{"public"},
			"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post", "none"},
			"revocation_endpoint_auth_methods_supported":     []string{"client_secret_basic", "client_secret_post", "none"},
			"authorization_response_iss_parameter_supported": true,
			"request_parameter_supported":                    false,
			"request_uri_parameter_supported":                false,
			"claims_supported": []string{"iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "auth_time",
				"name", "given_name", "family_name", "preferred_username", "picture", "email", "email_verified"},
		}
	}))
	s.handle("/authorize", OIDCAuthorize, "GET, POST", s.authorize(d))
	s.handle("/token", OIDCToken, "POST", s.tokens(d))
	s.handle("/keys", OIDCKeys, "GET", s.publishKeys(OIDCKeys, OIDC))
	s.handle("/revoke", OIDCRevoke, "POST", s.revoke(d))
	s.handle("/userinfo", OIDCUserInfo, "GET, POST", s.userInfo(d, OIDCUserInfo, bearer, func(f Flow) map[string]any {
		claims := map[string]any{"sub": f.Person.SubjectAt(OIDC)}
		maps.Copy(claims, d.claims(f))
		return claims
	}))
}

// discovery serves metadata, completed by what depends on the options.
func (s *Server) discovery(e Endpoint, at Service, fields func() map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		algs, err := s.algorithms(at)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		v := fields()
		v["id_token_signing_alg_values_supported"] = algs
		if !s.opts.NoPKCE && at != Apple { // which says nothing of it
			v["code_challenge_methods_supported"] = []string{"S256"}
		}
		s.answer(e, Flow{}, v)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		writeJSON(w, http.StatusOK, v)
	}
}

func (s *Server) publishKeys(e Endpoint, at Service) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		set, err := s.jwks(at)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		s.answer(e, Flow{}, set)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		writeJSON(w, http.StatusOK, set)
	}
}

// userInfo serves what an access token is good for.
func (s *Server) userInfo(d *dialect, e Endpoint, token func(*http.Request) string, fields func(Flow) map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var f Flow
		g := s.byAccess(d, token(r))
		ok := g != nil
		if ok {
			f, ok = s.flow(g)
		}
		if !ok {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			v := map[string]any{"error": "invalid_token", "error_description": "the access token is wrong, expired or revoked"}
			s.answer(e, Flow{}, v)
			writeJSON(w, http.StatusUnauthorized, v)
			return
		}
		v := fields(f)
		s.answer(e, f, v)
		writeJSON(w, http.StatusOK, v)
	}
}
