package auth

import (
	"net/http"
	"strings"
)

// Handler wraps the host's whole handler. It refuses unsafe requests that a
// browser sent from another site, but for those routes that a [Provider] has for
// them (of a Manager inside this one they have to be named in [Options.CrossOrigin]
// as well), and makes who is asking available to everything inside, which is found out
// only if somebody asks.
//
// A GET or HEAD that is not for Gatehouse's own routes and carries none of its
// cookies, or only what cannot be one, and no Authorization header is handed on
// untouched, unless there are [Options.Loaders] or [Options.Nobody]. A request of
// a remembered browser is looked at before next runs, since its token is used up
// and the next one must be sent.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.takesFromElsewhere(r) {
			next.ServeHTTP(w, m.fromElsewhere(r))
			return
		}
		found := m.cookies.look(r)
		outer, _ := r.Context().(*state) // cheap; a guard looks further
		if outer == nil && !found.any() && m.harmless(r) && !m.owns(r.URL.Path) ||
			outer != nil && outer.m == nil { // WithIdentity: known without a look at the request
			next.ServeHTTP(w, r)
			return
		}
		if found.remembered && m.stateFrom(r.Context()) != nil { // wrapped twice; one of them looks
			next.ServeHTTP(w, r)
			return
		}
		s := &state{m: m, r: r, token: found.session, has: found.has}
		r = r.WithContext(s)
		if m.opts.CrossOrigin.Check(r) != nil {
			if outside := current(s.r.Context()); outside != nil && outside.elsewhere {
				// A Manager around this one takes it from other sites, for a route of its own.
				next.ServeHTTP(w, m.fromElsewhere(s.r))
				return
			}
			if err := s.exempt(); err != nil {
				vary(w.Header(), varyCookie)
				m.Refuse(w, r, err)
				return
			}
		}
		// A half-done login goes first: whoever began it knows better who they are.
		if found.remembered && !found.half {
			w = m.restore(w, r, s, found.remember)
		}
		next.ServeHTTP(w, r)
	})
}

// untouched reports whether nothing in r can say who is asking.
func (m *Manager) untouched(r *http.Request) bool {
	return !m.owns(r.URL.Path) && m.anonymous(r)
}

// anonymous is untouched but for the path.
func (m *Manager) anonymous(r *http.Request) bool {
	found := m.cookies.look(r)
	return !found.any() && m.harmless(r)
}

// harmless is anonymous but for the cookies.
func (m *Manager) harmless(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		len(m.opts.Loaders) == 0 && m.opts.Nobody == nil &&
		len(r.Header["Authorization"]) == 0
}

// owns reports whether path is one of Gatehouse's own.
func (m *Manager) owns(path string) bool {
	rest, ok := strings.CutPrefix(path, m.prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// exempt returns nil if the request is answered by a credential that browsers
// do not send by themselves: it needs no check of its origin, and is never
// answered from the session. A credential that is wrong or cannot be checked
// exempts from nothing, and none does on Gatehouse's own routes, which set
// cookies. Nobody has asked who is asking before.
func (s *state) exempt() error {
	if len(s.m.opts.Loaders) == 0 || s.m.owns(s.r.URL.Path) || !s.find() {
		return ErrCrossOrigin
	}
	_, err := s.identity()
	if err == nil {
		s.mu.Lock()
		s.has, s.apart = false, true
		s.mu.Unlock()
	}
	return err
}

// Shared, and of capacity one: whoever appends gets a copy.
var varyCookie = []string{"Cookie"}

// vary adds value to Vary.
func vary(h http.Header, value []string) {
	old := h["Vary"]
	if len(old) == 0 {
		h["Vary"] = value[:1:1]
		return
	}
	for _, line := range old {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, value[0]) {
				return
			}
		}
	}
	h["Vary"] = append(old[:len(old):len(old)], value[0])
}
