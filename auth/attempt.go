package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"time"
)

// deviceLifetime is how long a browser stays known.
const deviceLifetime = 180 * 24 * time.Hour

// An Attempt is one guess at a secret, counted before the secret was looked at.
type Attempt struct {
	m       *Manager
	counter string // what a success forgets
	device  token  // the browser's token, if it has one
	has     bool   // whether it has one
	known   bool   // whether the user has logged in with it before
}

// Attempt counts a guess against [Options.Limits]; a provider calls it before it
// computes anything expensive and before it compares. Scope keeps the guesses
// at different things apart, such as "password". Account is what the guesses at
// one account have in common, also if there is no such account; userID is the
// user's, or [Manager.Nobody].
//
// If there were too many, the error is a [*Problem] with status 429, code
// "rate_limited" and RetryAfter. Any other error is an outage.
func (m *Manager) Attempt(r *http.Request, scope, account, userID string) (*Attempt, error) {
	ctx, now := r.Context(), m.Now()
	a := &Attempt{m: m}
	if a.device, a.has = parseToken(cookie(r, m.cookies.device)); a.has {
		c, err := m.store.LoadCredential(ctx, deviceKind, m.deviceKey(a.device, userID))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, asOutage(err)
		}
		a.known = err == nil && now.Before(c.ExpiresAt)
	}
	type bucket struct {
		key string
		Limit
	}
	// The network comes first: once it is over its limit, nobody in it can make
	// counters for ever more names.
	net := network(m.ClientAddr(r))
	a.counter = m.counterKey(scope, "account", account)
	buckets := []bucket{
		{m.counterKey(scope, "network", net), m.opts.Limits.Network},
		{m.counterKey(scope, "network, long", net), m.opts.Limits.NetworkLong},
		{a.counter, m.opts.Limits.Account},
	}
	if a.known {
		a.counter = m.counterKey(scope, "device", m.deviceKey(a.device, userID))
		buckets = []bucket{
			{m.counterKey(scope, "device, long", m.deviceKey(a.device, userID)), m.opts.Limits.NetworkLong}, // right answers too
			{a.counter, m.opts.Limits.Account},
		}
	}
	var wait time.Duration
	for _, b := range buckets {
		n, until, err := m.store.Count(ctx, b.key, b.Per, now)
		if err != nil {
			return nil, asOutage(err)
		}
		if n > b.Max {
			wait = max(until.Sub(now), time.Second)
			break
		}
	}
	if wait == 0 {
		return a, nil
	}
	e := Event{Name: "login.limited", Method: scope}
	if userID != m.nobody {
		e.UserID = userID
	}
	m.Emit(r, e)
	return nil, &Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: wait,
		Detail: "Too many attempts. Try again later."}
}

// Succeeded says that the guess was right, and whose it was: it forgets what was
// counted for the account and makes this browser known to the user. It fails
// only into the log, since the user is logged in already.
func (a *Attempt) Succeeded(w http.ResponseWriter, r *http.Request, userID string) {
	m, ctx := a.m, r.Context()
	if err := m.store.Forget(ctx, a.counter); err != nil {
		m.broken(ctx, "forgetting the attempts before a login", err)
	}
	if id, err := m.IdentityFrom(ctx); err != nil || id.UserID != userID {
		return // a half-done login: nobody has logged in yet
	}
	if !a.has {
		a.device = newToken()
	}
	now := m.Now()
	err := m.rememberDevice(ctx, Credential{
		Kind:      deviceKind,
		Key:       m.deviceKey(a.device, userID),
		UserID:    userID,
		Label:     deviceLabel(r.UserAgent()),
		CreatedAt: now,
		ExpiresAt: now.Add(deviceLifetime),
	})
	if err != nil {
		m.broken(ctx, "remembering a browser", err)
		return
	}
	m.setCookie(w, m.cookies.device, a.device.String(), deviceLifetime)
}

// maxDevices is how many browsers of a user are known.
const maxDevices = 30

// rememberDevice makes room for c in place of the oldest, or renews it.
func (m *Manager) rememberDevice(ctx context.Context, c Credential) error {
	held, err := m.store.UserCredentials(ctx, c.UserID, deviceKind)
	if err != nil {
		return err
	}
	slices.SortFunc(held, func(a, b Credential) int { return a.CreatedAt.Compare(b.CreatedAt) })
	var changes []Change
	for i := range held {
		switch {
		case held[i].Key == c.Key && c.CreatedAt.Sub(held[i].CreatedAt) < deviceLifetime/6:
			return nil
		case held[i].Key == c.Key:
			changes = append(changes, Change{Old: &held[i], New: &c})
		case i <= len(held)-maxDevices:
			changes = append(changes, Change{Old: &held[i]})
		}
	}
	if !slices.ContainsFunc(changes, func(ch Change) bool { return ch.New != nil }) {
		changes = append(changes, Change{New: &c})
	}
	err = m.store.ChangeCredentials(ctx, changes...)
	if errors.Is(err, ErrExists) || errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
		return nil // another login of the user's has just done the like
	}
	return err
}

// deviceKey is what a store keeps of a browser's token: one browser may be known
// to several users, each without saying so to the others.
func (m *Manager) deviceKey(tok token, userID string) string {
	return encodeKey(m.deviceTag.digestFor(tok, userID))
}

// counterKey names a counter without telling whose it is.
func (m *Manager) counterKey(scope, what, name string) string {
	h := sha256.New()
	for _, s := range [...]string{m.opts.Realm, scope, what, name} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return "attempts:" + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
