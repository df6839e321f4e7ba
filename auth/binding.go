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
	// Each returns what it sees of a request, whose client is addr, or "" if it
	// sees nothing: what is missing, on either side, is no change. Package
	// auth/binding has good ones. What is seen is kept as a digest. A session that
	// began under other things than these is not bound.
	To []func(r *http.Request, addr netip.Addr) string
	// Strict ends a session whose binding changes; a remembered browser is then
	// logged in anew, from where it is, and has to confirm who it is where that
	// matters. Default: the login stays, but counts as fresh nowhere until it is
	// confirmed.
	Strict bool
}

const maxBindings = 8

func (b *Binding) check() error {
	if len(b.To) > maxBindings {
		return fmt.Errorf(".To has %d things: take %d at most", len(b.To), maxBindings)
	}
	for i, part := range b.To {
		if part == nil {
			return fmt.Errorf(".To[%d] is nil: leave it out", i)
		}
	}
	if b.Strict && len(b.To) == 0 {
		return errors.New(".Strict has nothing to be strict about: give To as well")
	}
	return nil
}

// bind returns what a session of r is bound to, "" if nothing.
func (m *Manager) bind(r *http.Request) string {
	if len(m.opts.Binding.To) == 0 {
		return ""
	}
	addr := m.ClientAddr(r)
	seen := make([]string, len(m.opts.Binding.To))
	any := false
	for i, part := range m.opts.Binding.To {
		if s := part(r, addr); s != "" {
			sum := sha256.Sum256([]byte(s))
			seen[i], any = base64.RawURLEncoding.EncodeToString(sum[:12]), true
		}
	}
	if !any {
		return ""
	}
	return strings.Join(seen, ",")
}

// sameBinding reports whether nothing has changed between what a session was bound
// to and what is seen now.
func sameBinding(then, now string) bool {
	if then == "" || now == "" || then == now {
		return true
	}
	a, b := strings.Split(then, ","), strings.Split(now, ",")
	if len(a) != len(b) {
		return true // bound by other rules than today's
	}
	for i := range a {
		if a[i] != "" && b[i] != "" && a[i] != b[i] {
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
			if sess, err = m.store.LoadSession(ctx, sess.ID); err == nil && sess.Stale {
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
