package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// deviceLifetime is how long a browser stays known.
const deviceLifetime = 180 * 24 * time.Hour

// KnowBrowser makes the browser of who has just logged in known to them, for
// [Limits] and for telling them of logins in other browsers: "device.added" is such
// an event. A provider calls it after a [Manager.LogIn] without error;
// [Attempt.Succeeded] does. It does nothing unless a session has begun in this request,
// and fails only into the log, since the user is logged in already.
//
// A browser is known for 180 days, which a login in it begins anew once 30 of them are
// over, and until a change of what the user logs in with, see [Manager.Consequences]. 30
// of a user are known at most; another takes the place of the oldest.
func (m *Manager) KnowBrowser(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	id, err := m.IdentityFrom(ctx)
	if err != nil || !m.stateFrom(ctx).began() {
		return // nobody has logged in, or not yet: a login is half done
	}
	tok, has := parseToken(cookie(r, m.cookies.device))
	if !has {
		tok = newToken()
	}
	now := m.Now()
	added, err := m.rememberDevice(ctx, Credential{
		Kind:      deviceKind,
		Key:       m.deviceKey(tok, id.UserID),
		UserID:    id.UserID,
		Label:     deviceLabel(r.UserAgent()),
		CreatedAt: now,
		ExpiresAt: now.Add(deviceLifetime),
	})
	if err != nil {
		m.broken(ctx, "remembering a browser", err)
		return
	}
	m.setCookie(w, m.cookies.device, tok.String(), deviceLifetime)
	if !added {
		return
	}
	e := Event{Name: "device.added", At: now, UserID: id.UserID, Actor: id.Actor, Addr: m.ClientAddr(r), Label: deviceLabel(r.UserAgent())}
	if err := m.record(ctx, e, nil); err != nil {
		m.broken(ctx, "recording a new browser", err)
	}
	m.Emit(r, e)
}

// began reports whether a session has begun in this very request. What was said without a
// request is believed.
func (s *state) began() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.id.Load()
	return id != nil && (s.m == nil || id.Session != nil && !s.has)
}

// maxDevices is how many browsers of a user are known.
const maxDevices = 30

// rememberDevice makes room for c in place of the oldest, or renews it. It reports
// whether the browser was not known.
func (m *Manager) rememberDevice(ctx context.Context, c Credential) (added bool, err error) {
	for range applyTries {
		added, err = m.tryDevice(ctx, c)
		if !errors.Is(err, ErrExists) && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrNotFound) {
			return added, err
		}
		// Another login of the user's has just made room in the same place, or is of the
		// same browser.
	}
	return false, asOutage(err)
}

func (m *Manager) tryDevice(ctx context.Context, c Credential) (added bool, err error) {
	held, err := m.store.UserCredentials(ctx, c.UserID, deviceKind)
	if err != nil {
		return false, asOutage(err)
	}
	slices.SortFunc(held, func(a, b Credential) int { return a.CreatedAt.Compare(b.CreatedAt) })
	added = true
	var changes []Change
	for i := range held {
		switch {
		case held[i].Key == c.Key && m.hasExpired(&held[i]):
			changes = append(changes, Change{Old: &held[i], New: &c}) // forgotten, but for the sweeper
		case held[i].Key == c.Key && c.CreatedAt.Sub(held[i].CreatedAt) < deviceLifetime/6:
			return false, nil
		case held[i].Key == c.Key:
			added = false
			changes = append(changes, Change{Old: &held[i], New: &c})
		case i <= len(held)-maxDevices:
			changes = append(changes, Change{Old: &held[i]})
		}
	}
	if !slices.ContainsFunc(changes, func(ch Change) bool { return ch.New != nil }) {
		changes = append(changes, Change{New: &c})
	}
	return added, m.store.ChangeCredentials(ctx, changes...)
}

// deviceKey is what a store keeps of a browser's token: one browser may be known
// to several users, each without saying so to the others.
func (m *Manager) deviceKey(tok token, userID string) string {
	return encodeKey(m.deviceTag.digestFor(tok, userID))
}
