package oauthtest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A requestToken is OAuth 1.0a's (RFC 5849 §2): the client asks for one before
// the browser goes anywhere.
type requestToken struct {
	clientID, callback string
	request            url.Values
	verifier, subject  string // once somebody has agreed
	expires            time.Time
}

// routeTwitter imitates OAuth 1.0a at Twitter. Signatures have to be there, and
// are not checked; tokens, verifiers and consumer keys have to be right.
func (s *Server) routeTwitter() {
	d := &dialect{service: Twitter, title: "Twitter", token: TwitterToken}
	s.handle("/api.twitter.com/oauth/request_token", TwitterRequestToken, "GET, POST", s.twitterRequestToken)
	s.handle("/api.twitter.com/oauth/authorize", TwitterAuthorize, "GET, POST", s.twitterAuthorize(d))
	s.handle("/api.twitter.com/oauth/authenticate", TwitterAuthorize, "GET, POST", s.twitterAuthorize(d))
	s.handle("/api.twitter.com/oauth/access_token", TwitterToken, "GET, POST", s.twitterToken(d))
	s.handle("/api.twitter.com/1.1/account/verify_credentials.json", TwitterUser, "GET", s.twitterUser(d))
}

// oauthParams returns the parameters of a signed request: of the header, the
// query and the form (RFC 5849 §3.5). It reports false if there is no
// signature, or a parameter twice.
func oauthParams(r *http.Request) (url.Values, bool) {
	v := r.URL.Query()
	if isForm(r) {
		form, err := postForm(r)
		if err != nil {
			return nil, false
		}
		for name, vs := range form {
			v[name] = append(v[name], vs...)
		}
	}
	if rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "OAuth "); ok {
		for pair := range strings.SplitSeq(rest, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			value, err := url.PathUnescape(strings.Trim(value, `"`))
			if err != nil {
				return nil, false
			}
			v.Add(name, value)
		}
	}
	for name, vs := range v {
		if strings.HasPrefix(name, "oauth_") && len(vs) > 1 {
			return nil, false
		}
	}
	return v, v.Get("oauth_signature") != "" && v.Get("oauth_nonce") != "" && v.Get("oauth_timestamp") != ""
}

func refuseTwitter(w http.ResponseWriter, status, code int, message string) {
	writeJSON(w, status, map[string]any{"errors": []any{map[string]any{"code": code, "message": message}}})
}

func (s *Server) twitterRequestToken(w http.ResponseWriter, r *http.Request) {
	v, ok := oauthParams(r)
	c, _ := s.client(Twitter, v.Get("oauth_consumer_key"))
	if !ok || c == nil {
		refuseTwitter(w, http.StatusUnauthorized, 32, "Could not authenticate you.")
		return
	}
	if !c.redirects(v.Get("oauth_callback")) {
		refuseTwitter(w, http.StatusForbidden, 415, "Callback URL not approved for this client application.")
		return
	}
	token := rand.Text()
	s.noteIssued(token)
	s.mu.Lock()
	s.grants.twitter[token] = &requestToken{clientID: c.ID, callback: v.Get("oauth_callback"), request: v, expires: s.now().Add(codeLifetime)}
	s.mu.Unlock()
	fields := map[string]any{"oauth_token": token, "oauth_token_secret": rand.Text(), "oauth_callback_confirmed": "true"}
	s.answer(TwitterRequestToken, Flow{Service: Twitter, ClientID: c.ID, Request: cloneValues(v)}, fields)
	writeForm(w, fields)
}

// requestToken returns a copy of one that is good.
func (s *Server) requestToken(token string) (requestToken, bool) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.grants.twitter[token]
	if t == nil || now.After(t.expires) {
		return requestToken{}, false
	}
	return *t, true
}

func (s *Server) twitterAuthorize(d *dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		params, choice, err := authorizationRequest(r)
		token := params.Get("oauth_token")
		t, ok := s.requestToken(token)
		if err != nil || !ok || t.subject != "" {
			s.look.refuse(w, d.title, "The oauth_token "+quote(token)+" is unknown, used or expired.")
			return
		}
		a := &authorization{dialect: d, redirectURI: t.callback, mode: "query"}
		flow := Flow{Service: Twitter, ClientID: t.clientID, Request: cloneValues(t.request)}
		switch {
		case choice.Has("cancel"):
			s.mu.Lock()
			delete(s.grants.twitter, token)
			s.mu.Unlock()
			s.sendBack(w, r, a, flow, url.Values{"denied": {token}})
		case choice.Has("person"):
			p, ok := s.Person(choice.Get("person"))
			if !ok {
				s.look.refuse(w, d.title, "There is nobody called "+quote(choice.Get("person"))+".")
				return
			}
			t.verifier, t.subject = rand.Text(), p.Subject
			s.noteIssued(t.verifier)
			s.mu.Lock()
			s.grants.twitter[token] = &t
			s.mu.Unlock()
			flow.Person = p
			s.sendBack(w, r, a, flow, url.Values{"oauth_token": {token}, "oauth_verifier": {t.verifier}})
		default:
			s.look.choose(w, choosing{Title: d.title, Client: t.clientID, People: s.People(), Action: "?" + params.Encode()})
		}
	}
}

// twitterToken exchanges a request token and its verifier, once.
func (s *Server) twitterToken(d *dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, ok := oauthParams(r)
		token := v.Get("oauth_token")
		t, found := s.requestToken(token)
		if !ok || !found || t.subject == "" || t.clientID != v.Get("oauth_consumer_key") || t.verifier != v.Get("oauth_verifier") {
			refuseTwitter(w, http.StatusUnauthorized, 32, "Could not authenticate you.")
			return
		}
		s.mu.Lock()
		_, mine := s.grants.twitter[token]
		delete(s.grants.twitter, token)
		s.mu.Unlock()
		g := &grant{dialect: d, clientID: t.clientID, subject: t.subject, request: t.request, authTime: s.now()}
		flow, there := s.flow(g)
		if !mine || !there {
			refuseTwitter(w, http.StatusUnauthorized, 32, "Could not authenticate you.")
			return
		}
		id := flow.Person.SubjectAt(Twitter)
		secret := rand.Text()
		s.noteIssued(secret)
		fields := map[string]any{
			"oauth_token":        s.put(s.grants.accesses, g, id+"-", 0),
			"oauth_token_secret": secret,
			"user_id":            id,
			"screen_name":        flow.Person.Login,
		}
		s.answer(TwitterToken, flow, fields)
		writeForm(w, fields)
	}
}

func (s *Server) twitterUser(d *dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, ok := oauthParams(r)
		g := s.byAccess(d, v.Get("oauth_token"))
		if !ok || g == nil || g.clientID != v.Get("oauth_consumer_key") {
			refuseTwitter(w, http.StatusUnauthorized, 89, "Invalid or expired token.")
			return
		}
		f, ok := s.flow(g)
		if !ok {
			refuseTwitter(w, http.StatusUnauthorized, 89, "Invalid or expired token.")
			return
		}
		p := f.Person
		id := p.SubjectAt(Twitter)
		fields := map[string]any{
			"id_str": id, "screen_name": p.Login, "name": p.Name,
			"description": "", "location": "", "profile_image_url": p.Picture, "profile_image_url_https": p.Picture,
			"verified": false, "protected": false,
		}
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			fields["id"] = n
		}
		if p.Email != "" && v.Get("include_email") == "true" {
			fields["email"] = p.Email
		}
		s.answer(TwitterUser, f, fields)
		writeJSON(w, http.StatusOK, fields)
	}
}
