package oauthtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A dialect is what distinguishes the services that speak OAuth 2.0.
type dialect struct {
	service Service
	title   string // for people

	// Authorization.
	check        func(q url.Values) *fault               // what else is wrong with a request
	scopes       func(scope string) []string             // default: split at spaces
	came         func(f Flow, mode string, v url.Values) // further parameters of the callback
	denied       func(v url.Values)                      // default: access_denied
	issuer       func() string                           // nil: neither ID tokens nor iss
	sendsIssuer  bool                                    // RFC 9207
	lax          bool                                    // neither response_type nor redirect_uri nor grant_type is required
	codePrefix   string
	accessPrefix string

	// Tokens.
	token        Endpoint
	bodyOnly     bool                                // clients authenticate in the body, and a header is ignored
	secret       func(c *Client, secret string) bool // whether it is right; default Client.proves
	accessLife   time.Duration                       // 0: for ever
	refreshes    func(g *grant) bool                 // whether there is a refresh token; nil: never
	rotates      bool                                // whether it is good once
	identifies   func(scopes []string) bool          // whether there is an ID token
	identityLife time.Duration
	claims       func(f Flow) map[string]any
	write        func(w http.ResponseWriter, r *http.Request, fields map[string]any, f *fault) // default: RFC 6749 §5
}

// A fault is an error of OAuth 2.0.
type fault struct {
	code, description string
	status            int // at the token endpoint, default 400
}

func (f *fault) values() url.Values {
	return url.Values{"error": {f.code}, "error_description": {f.description}}
}

// An authorization is a request whose client and redirect URI are right.
type authorization struct {
	dialect     *dialect
	params      url.Values
	redirectURI string
	mode        string // "query" or "form_post"
}

// authorize serves the authorization endpoint: first the page, then the button
// that was pressed, which comes with the same query.
func (s *Server) authorize(d *dialect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		params, choice, err := authorizationRequest(r)
		if err != nil {
			s.look.refuse(w, d.title, "The request cannot be read: "+err.Error())
			return
		}
		for _, name := range []string{"client_id", "redirect_uri"} {
			if len(params[name]) > 1 {
				s.look.refuse(w, d.title, "There is more than one "+name+".")
				return
			}
		}
		client, _ := s.client(d.service, params.Get("client_id"))
		if client == nil {
			s.look.refuse(w, d.title, "No client has the client_id "+quote(params.Get("client_id"))+".")
			return
		}
		redirectURI := params.Get("redirect_uri")
		if redirectURI == "" && d.lax && len(client.RedirectURIs) == 1 {
			redirectURI = client.RedirectURIs[0]
		}
		if !client.redirects(redirectURI) {
			s.look.refuse(w, d.title, "The redirect_uri "+quote(redirectURI)+" is not registered for this client.")
			return
		}
		a := &authorization{dialect: d, params: params, redirectURI: redirectURI, mode: "query"}
		if params.Get("response_mode") == "form_post" && !d.lax {
			a.mode = "form_post"
		}
		flow := Flow{Service: d.service, ClientID: client.ID, Request: cloneValues(params)}
		if f := s.checkAuthorization(a, client); f != nil {
			s.sendBack(w, r, a, flow, f.values())
			return
		}
		switch {
		case choice.Has("cancel"):
			v := url.Values{"error": {"access_denied"}}
			if d.denied != nil {
				d.denied(v)
			}
			s.sendBack(w, r, a, flow, v)
		case choice.Has("person"):
			p, ok := s.Person(choice.Get("person"))
			if !ok {
				s.look.refuse(w, d.title, "There is nobody called "+quote(choice.Get("person"))+".")
				return
			}
			g := &grant{
				dialect: d, clientID: client.ID, subject: p.Subject,
				redirectURI: params.Get("redirect_uri"), request: cloneValues(params), authTime: s.now(),
				scopes: d.split(params.Get("scope")),
			}
			flow.Person, flow.Scopes = p, slices.Clone(g.scopes)
			v := url.Values{"code": {s.put(s.grants.codes, g, d.codePrefix, codeLifetime)}}
			if d.came != nil {
				d.came(flow, a.mode, v)
			}
			s.sendBack(w, r, a, flow, v)
		default:
			s.look.choose(w, choosing{
				Title: d.title, Client: client.ID, People: s.People(),
				Hint: params.Get("login_hint"), Action: "?" + params.Encode(),
			})
		}
	}
}

// authorizationRequest returns the parameters of a request, and what was
// pressed on the page.
func authorizationRequest(r *http.Request) (params, choice url.Values, err error) {
	params, err = url.ParseQuery(r.URL.RawQuery)
	if err != nil || r.Method != http.MethodPost {
		return params, nil, err
	}
	form, err := postForm(r)
	if err != nil {
		return nil, nil, err
	}
	if form.Has("person") || form.Has("cancel") {
		return params, form, nil
	}
	return form, nil, nil // OpenID Connect Core §3.1.2.1: a request can be a POST
}

// checkAuthorization says what is wrong with a request that can be answered by
// sending the browser back.
func (s *Server) checkAuthorization(a *authorization, c *Client) *fault {
	q, d := a.params, a.dialect
	for name, vs := range q {
		if len(vs) > 1 {
			return &fault{code: "invalid_request", description: "more than one " + name}
		}
	}
	if q.Has("request") {
		return &fault{code: "request_not_supported"}
	}
	if q.Has("request_uri") {
		return &fault{code: "request_uri_not_supported"}
	}
	switch t := q.Get("response_type"); {
	case t == "code", t == "" && d.lax:
	case t == "":
		return &fault{code: "invalid_request", description: "response_type is missing"}
	default:
		return &fault{code: "unsupported_response_type", description: "only code is supported"}
	}
	if m := q.Get("response_mode"); m != "" && m != "query" && m != "form_post" && !d.lax {
		return &fault{code: "invalid_request", description: "response_mode has to be query or form_post"}
	}
	if !s.opts.NoPKCE {
		if f := checkChallenge(q, c.RequirePKCE); f != nil {
			return f
		}
	}
	if d.check != nil {
		if f := d.check(q); f != nil {
			return f
		}
	}
	if !d.lax && slices.Contains(strings.Fields(q.Get("prompt")), "none") {
		return &fault{code: "login_required", description: "nobody is ever logged in here"}
	}
	return nil
}

// sendBack sends the browser to the client, with state and iss and what the
// script makes of it.
func (s *Server) sendBack(w http.ResponseWriter, r *http.Request, a *authorization, f Flow, v url.Values) {
	for name, vs := range v {
		if len(vs) == 1 && vs[0] == "" && name == "error_description" {
			v.Del(name)
		}
	}
	if state := a.params.Get("state"); state != "" {
		v.Set("state", state)
	}
	if a.dialect.sendsIssuer {
		v.Set("iss", a.dialect.issuer())
	}
	if change := s.scripted().Callback; change != nil {
		change(f, v)
	}
	if a.mode == "form_post" {
		visited(r, Callback{Method: http.MethodPost, URL: a.redirectURI, Form: v})
		s.look.post(w, a.dialect.title, a.redirectURI, v)
		return
	}
	target := withQuery(a.redirectURI, v)
	visited(r, Callback{Method: http.MethodGet, URL: target})
	w.Header().Set("Location", target)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// withQuery adds parameters to a URL and leaves what it has as it is.
func withQuery(uri string, v url.Values) string {
	switch {
	case len(v) == 0:
		return uri
	case strings.Contains(uri, "?"):
		return uri + "&" + v.Encode()
	}
	return uri + "?" + v.Encode()
}

func (d *dialect) split(scope string) []string {
	if d.scopes != nil {
		return d.scopes(scope)
	}
	return strings.Fields(scope)
}
