package oauthtest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// routeGitHub imitates an OAuth app of GitHub: OAuth 2.0 without ID tokens,
// tokens that do not expire, errors with status 200, and answers in a form
// unless JSON is asked for.
func (s *Server) routeGitHub() {
	d := &dialect{
		service: GitHub, title: "GitHub", token: GitHubToken, lax: true, accessPrefix: "gho_",
		scopes: func(scope string) []string {
			return strings.FieldsFunc(scope, func(r rune) bool { return r == ' ' || r == ',' })
		},
		denied: func(v url.Values) {
			v.Set("error_description", "The user has denied your application access.")
			v.Set("error_uri", "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-authorization-request-errors/#access-denied")
		},
		write: writeGitHubToken,
	}
	s.handle("/github.com/login/oauth/authorize", GitHubAuthorize, "GET, POST", s.authorize(d))
	s.handle("/github.com/login/oauth/access_token", GitHubToken, "POST", s.tokens(d))
	s.handle("/api.github.com/user", GitHubUser, "GET", s.gitHubAPI(d, s.gitHubUser))
	s.handle("/api.github.com/user/emails", GitHubEmails, "GET", s.gitHubAPI(d, s.gitHubEmails))
}

func writeGitHubToken(w http.ResponseWriter, r *http.Request, fields map[string]any, f *fault) {
	if fields["token_type"] == "Bearer" {
		fields["token_type"] = "bearer"
		scope, _ := fields["scope"].(string)
		fields["scope"] = strings.ReplaceAll(scope, " ", ",")
	}
	if f != nil {
		switch {
		case f.code == "invalid_client":
			fields["error"] = "incorrect_client_credentials"
		case f.code == "invalid_grant" && strings.HasPrefix(f.description, "redirect_uri"):
			fields["error"] = "redirect_uri_mismatch"
		case f.code == "invalid_grant":
			fields["error"] = "bad_verification_code"
		}
	}
	if strings.Contains(r.Header.Get("Accept"), "json") {
		writeJSON(w, http.StatusOK, fields)
		return
	}
	writeForm(w, fields)
}

// gitHubAPI asks for a token.
func (s *Server) gitHubAPI(d *dialect, h func(http.ResponseWriter, Flow)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g := s.byAccess(d, bearer(r))
		if g != nil {
			if f, ok := s.flow(g); ok {
				w.Header().Set("X-OAuth-Scopes", strings.Join(f.Scopes, ", "))
				h(w, f)
				return
			}
		}
		writeJSON(w, http.StatusUnauthorized, map[string]any{"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest", "status": "401"})
	}
}

func (s *Server) gitHubUser(w http.ResponseWriter, f Flow) {
	p := f.Person
	id, err := strconv.ParseInt(p.SubjectAt(GitHub), 10, 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	v := map[string]any{
		"login":      p.Login,
		"id":         id,
		"node_id":    "U_" + strconv.FormatInt(id, 36),
		"avatar_url": p.Picture,
		"url":        "https://api.github.com/users/" + url.PathEscape(p.Login),
		"html_url":   "https://github.com/" + url.PathEscape(p.Login),
		"type":       "User",
		"site_admin": false,
		"name":       p.Name,
		"email":      orNull(p.PublicEmail),
		"company":    nil,
		"location":   nil,
		"bio":        nil,
		"created_at": "2008-01-14T04:33:35Z",
	}
	s.answer(GitHubUser, f, v)
	writeJSON(w, http.StatusOK, v)
}

// gitHubEmails needs the scope user:email, as the real one, which says 404
// without it.
func (s *Server) gitHubEmails(w http.ResponseWriter, f Flow) {
	if !slices.Contains(f.Scopes, "user:email") && !slices.Contains(f.Scopes, "user") {
		writeJSON(w, http.StatusNotFound, map[string]any{"message": "Not Found", "status": "404"})
		return
	}
	all := slices.Clone(f.Person.Emails)
	if f.Person.Email != "" {
		all = append([]Address{{Email: f.Person.Email, Primary: true, Verified: f.Person.verified()}}, all...)
	}
	list := []map[string]any{}
	for _, a := range all {
		v := map[string]any{"email": a.Email, "primary": a.Primary, "verified": a.Verified, "visibility": nil}
		if a.Primary {
			v["visibility"] = "private"
			if a.Email == f.Person.PublicEmail {
				v["visibility"] = "public"
			}
		}
		list = append(list, v)
	}
	writeJSON(w, http.StatusOK, list)
}
