package apikey

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// touchEvery is how often at most it is written down that a key was used.
const touchEvery = time.Minute

// Why a key is refused: for the log of who asks for the error, and never told to
// the client.
var (
	errTwo       = fmt.Errorf("%w: more than one API key", auth.ErrBadCredentials)
	errMalformed = fmt.Errorf("%w: not an API key", auth.ErrBadCredentials)
	errUnknown   = fmt.Errorf("%w: no such API key", auth.ErrBadCredentials)
	errExpired   = fmt.Errorf("%w: the API key has expired", auth.ErrBadCredentials)

	errNotMounted = errors.New("apikey: the Provider is in no Manager: put it into auth.Options.Providers as well as Loaders")
)

// Challenge returns what is sent as WWW-Authenticate (RFC 6750, section 3).
func (p *Provider) Challenge() string {
	realm := "gatehouse"
	if p.m != nil && p.m.Realm() != "" {
		realm = p.m.Realm()
	}
	return fmt.Sprintf("Bearer realm=%q", realm)
}

// ChallengeBad returns what is sent instead where the key was bad (RFC 6750, section
// 3.1).
func (p *Provider) ChallengeBad() string { return p.Challenge() + `, error="invalid_token"` }

// A loaded is what a request by a key needs, in one piece. It stands for the user
// as the key knows them, until the Manager has loaded the real one.
type loaded struct {
	identity   auth.Identity
	credential auth.Credential
	version    string
}

func (l *loaded) AuthID() string      { return l.credential.UserID }
func (l *loaded) AuthVersion() string { return l.version }

// LoadRequest implements [auth.RequestLoader]. A bearer token that does not begin
// with [Options.Prefix] is left to other loaders; one that does, and anything in
// [Options.Header], is a key, or wrong. So are two of them. It asks the store only
// for what has the right checksum.
func (p *Provider) LoadRequest(r *http.Request) (*auth.Identity, error) {
	if p.m == nil {
		return nil, errNotMounted
	}
	text, err := p.find(r)
	if err != nil {
		return nil, err
	}
	t, ok := parse(p.start, text)
	if !ok {
		return nil, errMalformed
	}
	ctx, now := r.Context(), p.m.Now()
	sum := digest(p.tag, t)
	l := new(loaded)
	c := &l.credential
	if *c, err = p.m.Store().LoadCredential(ctx, kind, t.id); errors.Is(err, auth.ErrNotFound) {
		return nil, errUnknown
	} else if err != nil {
		return nil, outage(err)
	}
	rec, err := decode(c.Data)
	if err != nil {
		return nil, err
	}
	right := subtle.ConstantTimeCompare(sum[:], rec.digest[:]) == 1
	switch {
	case !right || c.Key != t.id || c.UserID == "":
		return nil, errUnknown
	case expired(c, now):
		return nil, errExpired
	}
	if err := p.touch(ctx, c, now); err != nil {
		return nil, err
	}
	c.Data, l.version = nil, rec.version
	l.identity = auth.Identity{UserID: c.UserID, User: l, Scopes: rec.scopes, Credential: c}
	return &l.identity, nil
}

// find returns the key that r carries. The error is ErrNoCredentials itself, or
// says that there are several.
func (p *Provider) find(r *http.Request) (key string, err error) {
	n := 0
	authorization := r.Header["Authorization"]
	for _, value := range authorization {
		scheme, rest, _ := strings.Cut(strings.ReplaceAll(value, "\t", " "), " ") // no key has a tab, and some servers take one
		if rest = strings.TrimLeft(rest, " "); strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(rest, p.start) {
			key = rest
			n += len(authorization) // one of several is one too many
		}
	}
	if p.opts.Header != "" {
		for _, value := range r.Header[p.opts.Header] {
			if value != "" {
				key = value
				n++
			}
		}
	}
	switch n {
	case 0:
		return "", auth.ErrNoCredentials
	case 1:
		return key, nil
	}
	return "", errTwo
}

func expired(c *auth.Credential, now time.Time) bool {
	return !c.ExpiresAt.IsZero() && !now.Before(c.ExpiresAt)
}

// touch writes down that a key was used. One that was revoked meanwhile is not
// brought back, and has not been used.
func (p *Provider) touch(ctx context.Context, c *auth.Credential, now time.Time) error {
	if now.Sub(c.UsedAt) < touchEvery {
		return nil
	}
	used := *c
	used.UsedAt = now
	switch err := p.m.Store().ChangeCredentials(ctx, auth.Change{Old: c, New: &used}); {
	case err == nil:
		c.UsedAt, c.Version = now, c.Version+1
	case errors.Is(err, auth.ErrNotFound):
		return errUnknown
	case errors.Is(err, auth.ErrConflict): // another request has just done it, or the key was renamed
	case ctx.Err() == nil:
		p.opts.Logger.LogAttrs(ctx, slog.LevelError, "apikey: writing when a key was last used failed", slog.Any("error", err))
	}
	return nil
}

// outage keeps what a store says when it is broken from being taken for an
// answer.
func outage(err error) error {
	if errors.Is(err, auth.ErrNoCredentials) || errors.Is(err, auth.ErrBadCredentials) {
		return fmt.Errorf("apikey: %v", err)
	}
	return err
}
