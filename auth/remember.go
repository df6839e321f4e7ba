package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A remembered browser is a credential of kind rememberKind, its family. The
// browser holds a selector, by which the family is found, and a verifier, which is
// good once: whoever logs in with it gets a successor. All that a login by it, or
// the login that began it, has made hangs on the family, through a proof.

const (
	rememberKind   = "remember"
	maxRemember    = 400 * 24 * time.Hour // how long browsers keep a cookie (RFC 6265bis)
	extendEvery    = 24 * time.Hour
	maxRemembered  = 30 // browsers of one user
	maxSuccessors  = 64 // of one verifier, within the overlap
	rememberRounds = 2 * maxSuccessors
	maxRestores    = 100 // of one browser, in restoreWindow
	restoreWindow  = 10 * time.Minute
)

// A rememberToken is what a remembered browser holds.
type rememberToken struct{ selector, verifier token }

func (t rememberToken) String() string { return t.selector.String() + "." + t.verifier.String() }

func parseRemember(s string) (t rememberToken, ok bool) {
	if len(s) != 2*tokenLength+1 || s[tokenLength] != '.' {
		return t, false
	}
	if t.selector, ok = parseToken(s[:tokenLength]); !ok {
		return t, false
	}
	t.verifier, ok = parseToken(s[tokenLength+1:])
	return t, ok
}

// A family is what is kept of a remembered browser, beside the credential's own
// fields.
type family struct {
	Version  int      `json:"v"`
	Live     []string `json:"live"`              // digests of the verifiers that are good
	Used     string   `json:"used,omitempty"`    // digest of the one that was used last
	UsedAt   int64    `json:"at,omitempty"`      // when it was used first, in milliseconds
	Lifetime int64    `json:"life"`              // as it began, in milliseconds
	Max      int64    `json:"max,omitempty"`     // as it began, in milliseconds; 0: it does not slide
	Extended int64    `json:"ext,omitempty"`     // when its end was last moved, in milliseconds
	Retired  bool     `json:"retired,omitempty"` // its token is good no more; its sessions live
	Ended    string   `json:"ended,omitempty"`   // why it ended
	Done     bool     `json:"done,omitempty"`    // and so have its sessions
	User     string   `json:"user,omitempty"`    // the user's AuthVersion
}

// errUnreadable: what is kept of a remembered browser is damaged, or of a later
// version.
var errUnreadable = errors.New("auth: a remembered browser cannot be read")

func readFamily(c *Credential) (family, error) {
	var f family
	if err := json.Unmarshal(c.Data, &f); err != nil || f.Version != 1 {
		return f, fmt.Errorf("%w: %v", errUnreadable, err)
	}
	return f, nil
}

// familyOf returns which remembered browser the proofs are of.
func familyOf(proofs []Proof) (key string, ok bool) {
	for _, p := range proofs {
		if p.Kind == rememberKind {
			return p.Key, true
		}
	}
	return "", false
}

func (m *Manager) familyKey(selector token) string { return encodeKey(m.rememberTag.digest(selector)) }

// verifierDigest binds a verifier to its family.
func (m *Manager) verifierDigest(verifier token, familyKey string) string {
	return encodeKey(m.rememberTag.digestFor(verifier, familyKey))
}

// beginFamily remembers a browser of u's for d. The proof ties the session to it.
func (m *Manager) beginFamily(ctx context.Context, u User, userID, label string, d time.Duration) (rememberToken, Credential, error) {
	now := m.Now()
	tok := rememberToken{newToken(), newToken()}
	key := m.familyKey(tok.selector)
	f := family{Version: 1, Live: []string{m.verifierDigest(tok.verifier, key)}, Lifetime: d.Milliseconds(),
		Max: m.opts.RememberMax.Milliseconds(), User: authVersion(u)}
	data, err := json.Marshal(f)
	if err != nil {
		return tok, Credential{}, fmt.Errorf("auth: encoding a remembered browser: %w", err)
	}
	c := Credential{Kind: rememberKind, Key: key, UserID: userID, Data: data, Label: label,
		Generation: 1, CreatedAt: now, ExpiresAt: now.Add(d)}
	held, err := m.store.UserCredentials(ctx, userID, rememberKind)
	if err != nil {
		return tok, c, asOutage(err)
	}
	if extra := len(held) - maxRemembered + 1; extra > 0 { // the longest unused make room
		slices.SortFunc(held, func(a, b Credential) int { return lastUse(&a).Compare(lastUse(&b)) })
		for i := range held[:extra] {
			if _, err := m.endFamily(ctx, held[i].Key, nobodyRevoked); err != nil {
				return tok, c, err
			}
		}
	}
	return tok, c, asOutage(m.store.ChangeCredentials(ctx, Change{New: &c}))
}

func lastUse(c *Credential) time.Time {
	if c.UsedAt.IsZero() {
		return c.CreatedAt
	}
	return c.UsedAt
}

func rememberProof(c *Credential, at time.Time) Proof {
	return Proof{Method: rememberKind, At: at, Kind: rememberKind, Key: c.Key, Generation: c.Generation}
}

// judge says what a verifier is worth: nil if it is good, or why nobody is asking.
func (m *Manager) judge(f *family, digest string) error {
	switch {
	case f.Ended == nobodyReused.reason:
		return nobodyReused
	case f.Ended != "" || f.Retired:
		return nobodyRevoked
	case slices.Contains(f.Live, digest):
		return nil
	case f.overlaps(digest, m.now(), m.opts.RememberOverlap):
		if len(f.Live) >= maxSuccessors {
			return nobodyLimited
		}
		return nil
	}
	return nobodyReused // it was good once: two have it
}

// overlaps reports whether the verifier was used a moment ago.
func (f *family) overlaps(digest string, now time.Time, overlap time.Duration) bool {
	return f.Used != "" && digest == f.Used && now.Before(time.UnixMilli(f.UsedAt).Add(overlap))
}

// succeed uses the verifier up and returns its successor: of any number of callers
// each gets one of its own, until one of these is used.
func (m *Manager) succeed(ctx context.Context, tok rememberToken) (rememberToken, Credential, error) {
	key := m.familyKey(tok.selector)
	digest := m.verifierDigest(tok.verifier, key)
	next := rememberToken{tok.selector, newToken()}
	successor := m.verifierDigest(next.verifier, key)
	c, err := m.changeFamily(ctx, key, func(c *Credential, f *family) error {
		if err := m.judge(f, digest); err != nil {
			return err
		}
		now := m.Now()
		if slices.Contains(f.Live, digest) {
			f.Live, f.Used, f.UsedAt = []string{successor}, digest, now.UnixMilli()
		} else {
			f.Live = append(f.Live, successor)
		}
		c.UsedAt = now
		f.slide(c, now)
		return nil
	})
	return next, c, err
}

// reissue gives a browser that was left its session, when all others were forgotten,
// a new token: whoever has copied the old one has nothing.
func (m *Manager) reissue(ctx context.Context, w http.ResponseWriter, r *http.Request, key string) {
	tok, ok := parseRemember(cookie(r, m.cookies.remember))
	if !ok || m.familyKey(tok.selector) != key {
		return
	}
	next := rememberToken{tok.selector, newToken()}
	c, err := m.changeFamily(ctx, key, func(_ *Credential, f *family) error {
		if !f.Retired {
			return errUnchanged
		}
		f.Live, f.Retired = []string{m.verifierDigest(next.verifier, key)}, false
		return nil
	})
	switch {
	case err == nil:
		m.setCookie(w, m.cookies.remember, next.String(), c.remaining(m.Now()))
	case err != errUnchanged && !errors.Is(err, ErrNoCredentials):
		m.broken(ctx, "remembering a browser anew", err)
	}
}

// errUnchanged: there is nothing to change.
var errUnchanged = errors.New("auth: unchanged")

// changeFamily changes what is kept of a remembered browser, whoever else does so
// meanwhile. An error of change is returned as it is, with what is kept.
func (m *Manager) changeFamily(ctx context.Context, key string, change func(c *Credential, f *family) error) (Credential, error) {
	for range rememberRounds {
		c, err := m.store.LoadCredential(ctx, rememberKind, key)
		if err != nil {
			return c, revokedIfMissing(err)
		}
		f, err := readFamily(&c)
		if err != nil {
			return c, err
		}
		next := c
		if err := change(&next, &f); err != nil {
			return c, err
		}
		if next.Data, err = json.Marshal(f); err != nil {
			return c, fmt.Errorf("auth: encoding a remembered browser: %w", err)
		}
		err = m.store.ChangeCredentials(ctx, Change{Old: &c, New: &next})
		if err == nil {
			return next, nil
		}
		if !errors.Is(err, ErrConflict) { // another tab
			return c, revokedIfMissing(err)
		}
	}
	return Credential{}, errEndless
}

// slide moves the end of c, by the policy that it began with.
func (f *family) slide(c *Credential, now time.Time) {
	if f.Max == 0 || now.Sub(time.UnixMilli(max(f.Extended, c.CreatedAt.UnixMilli()))) < extendEvery {
		return
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	if to := earlier(now.Add(ms(f.Lifetime)), c.CreatedAt.Add(ms(f.Max))); to.After(c.ExpiresAt) {
		c.ExpiresAt, f.Extended = to, now.UnixMilli()
	}
}

// remaining is for how long a browser is to keep the cookie.
func (c *Credential) remaining(now time.Time) time.Duration {
	return max(c.ExpiresAt.Sub(now), time.Second)
}
