package oauthtest

import (
	"maps"
	"net/http"
	"net/url"
)

// A Script changes what a [Server] does. Its parts do not depend on each other;
// each may be nil, and the Server does then what is right. Functions are
// called by many goroutines at once, and none while the Server holds a lock.
type Script struct {
	// Handle takes over answers, by endpoint. [Every] is asked first. The request has
	// been recorded by then, and its body can be read.
	Handle map[Endpoint]Handler
	// Answer changes the fields of an answer before it is written: a token
	// response, userinfo, a profile, the metadata, the keys, but not GitHub's
	// list of addresses. Values are as encoding/json takes them. The Flow is empty where there is
	// none: metadata, keys, and answers that are errors.
	Answer map[Endpoint]func(f Flow, fields map[string]any)
	// Claims changes the claims of an ID token before it is signed.
	Claims func(f Flow, claims map[string]any)
	// Sign changes how an ID token is signed: algorithm, header, key, and the
	// bytes themselves.
	Sign func(f Flow, s *Signing)
	// IDToken returns what is sent in place of the signed ID token. With "" there
	// is none.
	IDToken func(f Flow, token string) string
	// Callback changes the parameters with which the browser comes back.
	Callback func(f Flow, params url.Values)
}

// A Handler answers a request in place of the [Server]. If it returns false, it
// has written nothing, and the Server answers.
type Handler func(w http.ResponseWriter, r *http.Request) bool

// A Flow is one authorization, as a [Script] sees it. What it refers to is a
// copy.
type Flow struct {
	Service  Service
	ClientID string
	// Person is who granted it, as they are now. It is zero in the callback of
	// who cancelled.
	Person Person
	// Request has the parameters of the authorization request.
	Request url.Values
	// Scopes are what was granted.
	Scopes []string
	// Refresh is set while a refresh token is being used.
	Refresh bool
}

// SetScript puts sc in the place of the script that is in force, for all
// requests that begin afterwards. Its maps must not be changed any more; the zero
// Script ends all.
func (s *Server) SetScript(sc Script) {
	sc.Handle, sc.Answer = maps.Clone(sc.Handle), maps.Clone(sc.Answer)
	s.script.Store(&sc)
}

func (s *Server) scripted() *Script {
	if sc := s.script.Load(); sc != nil {
		return sc
	}
	return &Script{}
}

// takenOver asks the script for an answer.
func (s *Server) takenOver(w http.ResponseWriter, r *http.Request, e Endpoint) bool {
	sc := s.scripted()
	for _, h := range []Handler{sc.Handle[Every], sc.Handle[e]} {
		if h != nil && h(w, r) {
			return true
		}
	}
	return false
}

// answer lets the script change an answer.
func (s *Server) answer(e Endpoint, f Flow, fields map[string]any) {
	if change := s.scripted().Answer[e]; change != nil {
		change(f, fields)
	}
}
