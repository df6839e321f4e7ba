package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"time"
)

// An Attempt is one guess at a secret, counted before the secret was looked at.
type Attempt struct {
	m      *Manager
	scope  string
	forget []string   // what a success forgets
	spent  []spending // what a success takes back
	device token      // the browser's token, if it has one
	has    bool       // whether it has one
	known  bool       // whether the user has logged in with it before
}

// Attempt counts a guess against [Options.Limits]; a provider calls it before it
// computes anything expensive and before it compares. Scope keeps the guesses
// at different things apart, such as "password". Account is what the guesses at
// one account have in common, also if there is no such account; for a user it is
// "user:" and their ID, which [Manager.Unlock] forgets. UserID is the user's, or
// [Manager.Nobody].
//
// If there were too many, the error is a [*Problem] with status 429, code
// "rate_limited" and RetryAfter. Any other error is an outage.
func (m *Manager) Attempt(r *http.Request, scope, account, userID string) (*Attempt, error) {
	ctx, now := r.Context(), m.Now()
	a := &Attempt{m: m, scope: scope}
	if a.device, a.has = parseToken(cookie(r, m.cookies.device)); a.has {
		c, err := m.store.LoadCredential(ctx, deviceKind, m.deviceKey(a.device, userID))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, asOutage(err)
		}
		a.known = err == nil && now.Before(c.ExpiresAt)
	}
	counters, forever := m.accountCounters(scope, "account", account), time.Duration(0)
	var first []bucket
	switch {
	case a.known:
		key := m.deviceKey(a.device, userID)
		counters, forever = m.accountCounters(scope, "device", key), deviceLifetime             // then it is known no more
		first = []bucket{{m.counterKey(scope, "device, long", key), m.opts.Limits.NetworkLong}} // right answers too
	case userID == m.nobody:
		forever = unknownFor
		fallthrough
	default:
		first = m.networkBuckets(scope, m.ClientAddr(r))
	}
	a.forget = counters.keys()
	// The network comes first: once it is over its limit, nobody in it can make
	// counters for ever more names.
	var v verdict
	for _, b := range first {
		n, until, err := m.count(ctx, b.key, b.Per, now)
		if err != nil {
			return nil, asOutage(err)
		}
		s := spending{b, n, until}
		over := n > b.Max
		if !a.known {
			if over, err = m.over(ctx, s); err != nil {
				return nil, asOutage(err)
			}
			a.spent = append(a.spent, s)
		}
		if over {
			v = refuse(until, now)
			break
		}
	}
	if v.wait == 0 {
		var err error
		if v, err = m.guessAt(ctx, counters, forever, now); err != nil {
			return nil, asOutage(err)
		}
	}
	if v.wait == 0 {
		return a, nil
	}
	a.limited(r, v, userID)
	return nil, &Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: v.wait, Limit: m.opts.Limits.Account,
		Detail: "Too many attempts. Try again later."}
}

// limited tells of a guess that was refused. An account is locked by its own cap only: that
// of a known browser locks out nobody else.
func (a *Attempt) limited(r *http.Request, v verdict, userID string) {
	m := a.m
	e := Event{Name: "login.limited", Method: a.scope}
	if userID != m.nobody {
		e.UserID = userID
	}
	if v.locked && a.known {
		e.Reason = "a known browser has used up its own guesses"
	}
	m.Emit(r, e)
	if !v.locked || a.known || e.UserID == "" {
		return
	}
	ctx, cancel := outlive(r.Context()) // it is said once, and who locks accounts does not wait for it
	defer cancel()
	e = Event{Name: "account.locked", At: m.Now(), UserID: userID, Method: a.scope}
	if err := m.record(ctx, e, nil); err != nil {
		m.broken(ctx, "recording that an account is locked", err)
	}
	m.Emit(r, e)
}

// Succeeded says that the guess was right, and whose it was: it forgets what was
// counted for the account and makes this browser known to the user. It fails
// only into the log, since the user is logged in already.
func (a *Attempt) Succeeded(w http.ResponseWriter, r *http.Request, userID string) {
	m, ctx := a.m, r.Context()
	forget := a.forget
	if a.has && !a.known { // it may have been known before, and begins anew
		forget = append(forget, m.accountCounters(a.scope, "device", m.deviceKey(a.device, userID)).keys()...)
	}
	if err := m.store.Forget(ctx, forget...); err != nil {
		m.broken(ctx, "forgetting the attempts before a login", err)
	}
	for _, s := range a.spent {
		if err := m.wasRight(ctx, s, m.Now()); err != nil {
			m.broken(ctx, "taking a right answer for no attempt of its network", err)
		}
	}
	if id, err := m.IdentityFrom(ctx); err == nil && id.UserID == userID {
		m.KnowBrowser(w, r)
	}
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
