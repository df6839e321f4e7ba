package oauthtest

import (
	"crypto/rand"
	"net/url"
	"slices"
	"time"
)

const codeLifetime = 5 * time.Minute

// A grant is what a person let a client do. Codes and tokens lead to it, and
// none is good once it is dead.
type grant struct {
	dialect     *dialect
	clientID    string
	subject     string // Person.Subject
	redirectURI string // as it was sent, "" if it was not
	request     url.Values
	scopes      []string
	authTime    time.Time
	dead        bool
}

type issuedToken struct {
	grant   *grant
	expires time.Time // zero: never
	used    bool
}

func (t issuedToken) expired(now time.Time) bool {
	return !t.expires.IsZero() && now.After(t.expires)
}

// grants are guarded by Server.mu.
type grants struct {
	codes, accesses, refreshes map[string]*issuedToken
	twitter                    map[string]*requestToken
	seen                       map[string]bool // Apple: who has been introduced to whom
	since                      int             // tokens made since the last sweep
}

func newGrants() grants {
	return grants{
		codes:     make(map[string]*issuedToken),
		accesses:  make(map[string]*issuedToken),
		refreshes: make(map[string]*issuedToken),
		twitter:   make(map[string]*requestToken),
		seen:      make(map[string]bool),
	}
}

// put makes a secret that leads to g, in one of the maps of s.grants.
func (s *Server) put(in map[string]*issuedToken, g *grant, prefix string, life time.Duration) string {
	secret := prefix + rand.Text()
	t := &issuedToken{grant: g}
	if life > 0 {
		t.expires = s.now().Add(life)
	}
	s.noteIssued(secret)
	s.mu.Lock()
	defer s.mu.Unlock()
	in[secret] = t
	if s.grants.since++; s.grants.since >= 4096 {
		s.grants.since = 0
		s.sweep()
	}
	return secret
}

// sweep forgets what is of no use, so that a demo can run for months. Callers
// hold s.mu.
func (s *Server) sweep() {
	now := s.now()
	for _, m := range []map[string]*issuedToken{s.grants.codes, s.grants.accesses, s.grants.refreshes} {
		for k, t := range m {
			if t.expired(now) || t.grant.dead {
				delete(m, k)
			}
		}
	}
	for k, t := range s.grants.twitter {
		if now.After(t.expires) {
			delete(s.grants.twitter, k)
		}
	}
}

// take uses a code or a refresh token up, if it is good for this client. Whoever
// uses one twice ends the grant: one of the two was a thief (RFC 6749 §4.1.2, RFC 9700
// §4.14.2).
func (s *Server) take(in map[string]*issuedToken, d *dialect, clientID, secret string, once bool) *grant {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := in[secret]
	if t == nil || t.grant.dead || t.grant.dialect != d || t.grant.clientID != clientID || t.expired(now) {
		return nil
	}
	if t.used {
		t.grant.dead = true
		return nil
	}
	t.used = once
	return t.grant
}

// byAccess returns the grant that an access token leads to.
func (s *Server) byAccess(d *dialect, secret string) *grant {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.grants.accesses[secret]
	if t == nil || t.grant.dead || t.grant.dialect != d || t.expired(now) {
		return nil
	}
	return t.grant
}

// Withdraw ends all that whoever has this login or Subject granted, at these services or at all if
// there are none: codes, access tokens and refresh tokens are good no more. It
// does nothing if there is nobody.
func (s *Server) Withdraw(login string, at ...Service) {
	p, ok := s.Person(login)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range []map[string]*issuedToken{s.grants.codes, s.grants.accesses, s.grants.refreshes} {
		for _, t := range m {
			if t.grant.subject == p.Subject && (len(at) == 0 || slices.Contains(at, t.grant.dialect.service)) {
				t.grant.dead = true
				delete(s.grants.seen, t.grant.clientID+" "+p.Subject)
			}
		}
	}
}

// flow returns what a script sees of g, and false if the person is gone.
func (s *Server) flow(g *grant) (Flow, bool) {
	s.mu.Lock()
	i := s.indexSubject(g.subject)
	if i < 0 {
		s.mu.Unlock()
		return Flow{}, false
	}
	p := s.people[i].clone()
	s.mu.Unlock()
	return Flow{Service: g.dialect.service, ClientID: g.clientID, Person: p, Request: cloneValues(g.request), Scopes: slices.Clone(g.scopes)}, true
}

func cloneValues(v url.Values) url.Values {
	c := make(url.Values, len(v))
	for k, vs := range v {
		c[k] = slices.Clone(vs)
	}
	return c
}
