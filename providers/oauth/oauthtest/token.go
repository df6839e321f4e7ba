package oauthtest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// tokens serves the token endpoint.
func (s *Server) tokens(d *dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fields, flow, f := s.exchange(r, d)
		if f != nil {
			fields = map[string]any{"error": f.code}
			if f.description != "" {
				fields["error_description"] = f.description
			}
		}
		s.answer(d.token, flow, fields)
		if d.write != nil {
			d.write(w, r, fields, f)
			return
		}
		writeToken(w, r, fields, f)
	}
}

// writeToken answers as RFC 6749 §5 has it.
func writeToken(w http.ResponseWriter, r *http.Request, fields map[string]any, f *fault) {
	status := http.StatusOK
	if f != nil {
		status = http.StatusBadRequest
		if f.status != 0 {
			status = f.status
		}
		if status == http.StatusUnauthorized && r.Header.Get("Authorization") != "" {
			w.Header().Set("WWW-Authenticate", "Basic")
		}
	}
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, status, fields)
}

// exchange makes tokens of a code or of a refresh token.
func (s *Server) exchange(r *http.Request, d *dialect) (map[string]any, Flow, *fault) {
	form, client, f := s.clientRequest(r, d)
	if f != nil {
		return nil, Flow{}, f
	}
	var g *grant
	refresh := false
	switch t := form.Get("grant_type"); {
	case t == "authorization_code", t == "" && d.lax:
		g = s.take(s.grants.codes, d, client.ID, form.Get("code"), true)
		if g == nil {
			return nil, Flow{}, &fault{code: "invalid_grant", description: "the code is wrong, used or expired"}
		}
		if sent := form.Get("redirect_uri"); sent != g.redirectURI && !(d.lax && sent == "") {
			return nil, Flow{}, &fault{code: "invalid_grant", description: "redirect_uri is not that of the authorization request"}
		}
		if !s.opts.NoPKCE {
			if f := checkVerifier(g.request, form.Get("code_verifier")); f != nil {
				return nil, Flow{}, f
			}
		}
	case t == "refresh_token" && d.refreshes != nil:
		refresh = true
		g = s.take(s.grants.refreshes, d, client.ID, form.Get("refresh_token"), d.rotates)
		if g == nil {
			return nil, Flow{}, &fault{code: "invalid_grant", description: "the refresh token is wrong, used or revoked"}
		}
	case t == "":
		return nil, Flow{}, &fault{code: "invalid_request", description: "grant_type is missing"}
	default:
		return nil, Flow{}, &fault{code: "unsupported_grant_type"}
	}
	flow, ok := s.flow(g)
	if !ok {
		return nil, Flow{}, &fault{code: "invalid_grant", description: "the person is gone"}
	}
	flow.Refresh = refresh
	if refresh && form.Has("scope") {
		flow.Scopes = d.split(form.Get("scope"))
		for _, scope := range flow.Scopes {
			if !slices.Contains(g.scopes, scope) {
				return nil, flow, &fault{code: "invalid_scope", description: "more than was granted"}
			}
		}
	}
	fields, err := s.issue(d, g, client, flow)
	if err != nil {
		return nil, flow, &fault{code: "server_error", description: err.Error(), status: http.StatusInternalServerError}
	}
	return fields, flow, nil
}

// issue makes the tokens and the answer.
func (s *Server) issue(d *dialect, g *grant, c *Client, flow Flow) (map[string]any, error) {
	access := s.put(s.grants.accesses, g, d.accessPrefix, d.accessLife)
	fields := map[string]any{"access_token": access, "token_type": "Bearer"}
	if len(flow.Scopes) > 0 {
		fields["scope"] = strings.Join(flow.Scopes, " ")
	}
	if d.accessLife > 0 {
		fields["expires_in"] = int64(d.accessLife / time.Second)
	}
	if d.refreshes != nil && d.refreshes(g) && (!flow.Refresh || d.rotates) {
		fields["refresh_token"] = s.put(s.grants.refreshes, g, "", 0)
	}
	if d.identifies != nil && d.identifies(flow.Scopes) {
		token, err := s.idToken(d, g, c, flow, access)
		if err != nil {
			return nil, err
		}
		if token != "" {
			fields["id_token"] = token
			s.noteIssued(token)
		}
	}
	return fields, nil
}

// clientRequest reads the form of a client's request and authenticates it
// (RFC 6749 §2.3.1).
func (s *Server) clientRequest(r *http.Request, d *dialect) (url.Values, *Client, *fault) {
	if !isForm(r) {
		return nil, nil, &fault{code: "invalid_request", description: "the body has to be application/x-www-form-urlencoded"}
	}
	form, err := postForm(r)
	if err != nil {
		return nil, nil, &fault{code: "invalid_request", description: "the body cannot be read"}
	}
	for name, vs := range form {
		if len(vs) > 1 {
			return nil, nil, &fault{code: "invalid_request", description: "more than one " + name}
		}
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, pass, ok := r.BasicAuth(); ok && !d.bodyOnly {
		user, err1 := url.QueryUnescape(user)
		pass, err2 := url.QueryUnescape(pass)
		if errors.Join(err1, err2) != nil {
			return nil, nil, &fault{code: "invalid_request", description: "the client's ID and secret are not form-encoded"}
		}
		if secret != "" || id != "" && id != user {
			return nil, nil, &fault{code: "invalid_request", description: "the client authenticates in two ways at once"}
		}
		id, secret = user, pass
	}
	wrong := &fault{code: "invalid_client", description: "the client is unknown or its secret is wrong", status: http.StatusUnauthorized}
	c, any := s.client(d.service, id)
	if c == nil {
		return nil, nil, wrong
	}
	if any {
		c.Secret = secret
		return form, c, nil
	}
	right := c.proves(secret)
	if d.secret != nil {
		right = d.secret(c, secret)
	}
	if !right {
		return nil, nil, wrong
	}
	return form, c, nil
}

// revoke serves RFC 7009. A refresh token takes the whole grant with it, an
// access token only itself.
func (s *Server) revoke(d *dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form, client, f := s.clientRequest(r, d)
		if f == nil && form.Get("token") == "" {
			f = &fault{code: "invalid_request", description: "token is missing"}
		}
		if f == nil && !s.end(d, client.ID, form.Get("token")) {
			f = &fault{code: "unauthorized_client", description: "the token is another client's"}
		}
		if f != nil {
			writeToken(w, r, map[string]any{"error": f.code, "error_description": f.description}, f)
			return
		}
		w.WriteHeader(http.StatusOK)
	}
}

// end revokes a token. It reports false if the token is another client's; one
// that is unknown has ended already. Any client is who it is for clientID "".
func (s *Server) end(d *dialect, clientID, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := func(t *issuedToken) bool { return clientID == "" || t.grant.clientID == clientID }
	if t := s.grants.refreshes[token]; t != nil && t.grant.dialect == d {
		if !mine(t) {
			return false
		}
		t.grant.dead = true
	}
	if t := s.grants.accesses[token]; t != nil && t.grant.dialect == d {
		if !mine(t) {
			return false
		}
		delete(s.grants.accesses, token)
	}
	return true
}

func isForm(r *http.Request) bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && t == "application/x-www-form-urlencoded"
}

// postForm reads the body, and only that.
func postForm(r *http.Request) (url.Values, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(raw))
}

// bearer returns the access token of a request (RFC 6750 §2.1).
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "token") { // the latter at GitHub
		return ""
	}
	return strings.TrimSpace(token)
}

// quote puts a stranger's text into a message.
func quote(s string) string {
	q, err := json.Marshal(s)
	if err != nil {
		return "?"
	}
	return string(q)
}
