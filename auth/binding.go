package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// A Binding ties a session to something about the client, so that a stolen cookie
// is of less use elsewhere. What it sees when the session begins, or is confirmed,
// must be seen with every request. A change is told once, with the event
// "binding.changed".
type Binding struct {
	// To are the things that a session is bound to, at most 8; none: no binding.
	// Each returns what it sees of a request, as it came to [Manager.Handler] and
	// whose client is addr, or "" if it sees nothing: what is missing, on either
	// side, is no change. Package auth/binding has good ones. What is seen is kept
	// as a digest.
	//
	// What it returns may have a line in front, ended by "\n", that says by which
	// rule it looks: "network 24,48\n192.0.2.0/24". A session that is bound by
	// another rule, or by more or fewer things, began before the host thought
	// otherwise: it is not bound.
	To []func(r *http.Request, addr netip.Addr) string
	// Strict ends a session whose binding changes; a remembered browser is then
	// logged in anew, from where it is, and has to confirm who it is where that
	// matters. Default: the login stays, but counts as fresh nowhere until it is
	// confirmed.
	Strict bool
}

const maxBindings = 8

func (b *Binding) check() (errs []error) {
	if len(b.To) > maxBindings {
		errs = append(errs, fmt.Errorf(".To has %d things: take %d at most", len(b.To), maxBindings))
	}
	for i, part := range b.To {
		if part == nil {
			errs = append(errs, fmt.Errorf(".To[%d] is nil: leave it out, and ask binding.Network for bits that an address has", i))
		}
	}
	if b.Strict && len(b.To) == 0 {
		errs = append(errs, errors.New(".Strict has nothing to be strict about: give To as well"))
	}
	return errs
}

// bind returns what a session of r is bound to, "" if nothing: a digest of what
// each thing sees, and in front of it one of its rule. It wants r as it came: what
// a middleware further in has made of it would not be there with the next request,
// when the binding is looked at.
func (m *Manager) bind(r *http.Request) string {
	if len(m.opts.Binding.To) == 0 {
		return ""
	}
	addr := m.ClientAddr(r)
	seen := make([]string, len(m.opts.Binding.To))
	bound := false
	for i, part := range m.opts.Binding.To {
		rule, what, found := strings.Cut(part(r, addr), "\n")
		if !found {
			rule, what = "", rule
		}
		if what != "" {
			seen[i], bound = shortDigest(rule, 3)+"."+shortDigest(what, 12), true
		}
	}
	if !bound {
		return ""
	}
	return strings.Join(seen, ",")
}

func shortDigest(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:n])
}

// sameBinding reports whether nothing has changed between what a session was bound
// to and what is seen now.
func sameBinding(then, now string) bool {
	if then == "" || now == "" || then == now {
		return true
	}
	a, b := strings.Split(then, ","), strings.Split(now, ",")
	if len(a) != len(b) {
		return true // bound to other things than today's
	}
	for i := range a {
		ruleA, seenA, _ := strings.Cut(a[i], ".") // what sees nothing has no rule either
		ruleB, seenB, _ := strings.Cut(b[i], ".")
		if ruleA == ruleB && seenA != seenB {
			return false
		}
	}
	return true
}

// keepBinding returns sess as it is now that its binding was looked at.
func (m *Manager) keepBinding(s *state, sess *Session) (*Session, error) {
	if len(m.opts.Binding.To) == 0 || sess.Binding == "" || sess.Stale && !m.opts.Binding.Strict ||
		sameBinding(sess.Binding, m.bind(s.r)) {
		return sess, nil
	}
	ctx := s.r.Context()
	if m.opts.Binding.Strict {
		switch err := m.store.DeleteSession(ctx, sess.ID); {
		case err == nil:
			m.watchers.end(sess.ID)
			m.tellBinding(s, sess, "the session was ended")
		case !errors.Is(err, ErrNotFound):
			return nil, asOutage(err)
		}
		return nil, nobodyUnbound
	}
	return m.makeStale(ctx, s, sess)
}

// makeStale writes down that the session's binding has changed. Of several
// requests that see it, one tells.
func (m *Manager) makeStale(ctx context.Context, s *state, sess *Session) (*Session, error) {
	for range 3 {
		stale := *sess
		stale.Stale = true
		err := m.store.UpdateSession(ctx, &stale)
		if err == nil {
			m.tellBinding(s, sess, "the login is no longer fresh")
			stored := stale
			stored.Version++
			return &stored, nil
		}
		if errors.Is(err, ErrConflict) { // touched by another request, or stale by now
			if sess, err = m.below.LoadSession(ctx, sess.ID); err == nil && sess.Stale {
				return sess, nil
			}
		}
		if errors.Is(err, ErrNotFound) {
			return nil, nobodyRevoked
		} else if err != nil {
			return nil, asOutage(err)
		}
	}
	stale := *sess // somebody touches it without end; this request at least is not fresh
	stale.Stale = true
	return &stale, nil
}

func (m *Manager) tellBinding(s *state, sess *Session, what string) {
	m.emit(s.r.Context(), Event{Name: "binding.changed", UserID: sess.UserID, Actor: sess.Actor,
		Addr: m.ClientAddr(s.r), Label: deviceLabel(s.r.UserAgent()), Reason: what})
}
