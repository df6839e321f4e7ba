package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An identity provider that rotates refresh tokens takes the second use of one for a
// theft, and ends the grant (RFC 9700, section 4.14.2). So a token is used by one at
// a time: in a process by the flight that all callers join, and of all processes by
// the one that holds the lease in the link's record.

const (
	// minLife is how long a token must be good for, to be given out as it is.
	minLife = 30 * time.Second
	// minLease is how long nobody else refreshes, at least: a process that dies
	// meanwhile holds up the others for no longer.
	minLease = 30 * time.Second
	// leaseMargin is for writing the result, and for clocks that differ.
	leaseMargin = 10 * time.Second
	// writeTimeout is for writing the result.
	writeTimeout = 5 * time.Second
	// revokeTimeout is for giving tokens back.
	revokeTimeout = 5 * time.Second
)

// leaseOf returns how long the connector's leases are: room for two requests.
func leaseOf(c *Connector) time.Duration { return max(minLease, 2*c.opts.Timeout+leaseMargin) }

// token returns a token that is good for a while, as [Provider.TokenSource] says.
func (k *tokenKeeper) token(ctx context.Context, n linkName) (*oauth2.Token, error) {
	l, err := k.use(ctx, n)
	if err != nil {
		return nil, err
	}
	if l.good(k.m.Now()) {
		return l.oauth2(), nil
	}
	t, err := k.flights.join(ctx, n, func(ctx context.Context) (tokens, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*leaseOf(n.c))
		defer cancel()
		return k.refresh(ctx, n)
	})
	if err != nil {
		return nil, err
	}
	return t.oauth2(), nil
}

// use loads a link for whoever wants to use its tokens: nothing is done for a user
// who is gone or disabled, and nothing with tokens that are known to be revoked.
func (k *tokenKeeper) use(ctx context.Context, n linkName) (link, error) {
	switch _, err := k.m.Identify(ctx, n.userID); {
	case errors.Is(err, auth.ErrNotFound):
		return link{}, fmt.Errorf("%w: there is no such user", auth.ErrBadCredentials)
	case err != nil:
		return link{}, err
	}
	l, err := k.load(ctx, n)
	if err == nil && l.rec.Broken {
		err = ErrTokenRevoked
	}
	return l, err
}

func (l *link) good(now time.Time) bool {
	return l.Expiry == 0 || now.Add(minLife).UnixMilli() <= l.Expiry
}

// refresh refreshes the tokens, or waits until somebody else has.
func (k *tokenKeeper) refresh(ctx context.Context, n linkName) (tokens, error) {
	backend, can := n.c.backend.(tokenBackend)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		l, err := k.use(ctx, n)
		if err != nil {
			return tokens{}, err
		}
		now := k.m.Now()
		switch {
		case l.good(now):
			return l.tokens, nil
		case !can || l.Refresh == "":
			return tokens{}, fmt.Errorf("%w: they have expired, and there is no refreshing them", ErrTokenRevoked)
		case l.rec.leaseEnded(now, leaseOf(n.c)):
			l.rec.Lease = now.Add(leaseOf(n.c)).UnixMilli()
			switch err := k.write(ctx, &l); {
			case err == nil:
				t, err := k.renew(ctx, backend, l)
				if !errors.Is(err, errOvertaken) {
					return t, err
				}
			case errors.Is(err, auth.ErrNotFound):
				return tokens{}, noTokens()
			case !errors.Is(err, auth.ErrConflict): // somebody else has the lease, or logs in
				return tokens{}, err
			}
		}
		select {
		case <-ctx.Done():
			return tokens{}, fmt.Errorf("%w: waiting for others to refresh tokens took too long", errUnavailable)
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// leaseEnded reports whether nobody has a lease of that length. One that lies further
// ahead than leases do was taken before the clock was put back.
func (r *record) leaseEnded(now time.Time, length time.Duration) bool {
	return r.Lease <= now.UnixMilli() || r.Lease > now.Add(2*length).UnixMilli()
}

// write replaces the record of l, which others may have changed meanwhile.
func (k *tokenKeeper) write(ctx context.Context, l *link) error {
	data, err := l.rec.encode()
	if err != nil {
		return err
	}
	next := l.cred
	next.Data = data
	if err := k.m.Store().ChangeCredentials(ctx, auth.Change{Old: &l.cred, New: &next}); err != nil {
		return err
	}
	next.Version = l.cred.Version + 1
	l.cred = next
	return nil
}

// renew asks the identity provider for new tokens, under the lease, and writes down
// what comes of it.
func (k *tokenKeeper) renew(ctx context.Context, backend tokenBackend, l link) (tokens, error) {
	t, err := ask(ctx, backend, l, k.m.Now)
	switch {
	case err == nil:
		err = k.settle(ctx, l, func(l *link) (err error) {
			l.rec.Tokens, err = k.seal(l.linkName, t)
			return err
		})
		if errors.Is(err, auth.ErrNotFound) { // unlinked meanwhile: nobody else will give them back
			k.giveBack(ctx, l.linkName, t)
		}
		return t, err
	case errors.Is(err, errInvalidGrant):
		broken := k.settle(ctx, l, func(l *link) error {
			l.rec.Broken = true
			return nil
		})
		if broken != nil {
			return tokens{}, broken
		}
		k.log.LogAttrs(ctx, slog.LevelWarn, "oauth: an identity provider refuses to refresh the tokens of a user",
			slog.String("user", l.userID), slog.String("connector", l.c.opts.Name))
		return tokens{}, fmt.Errorf("%w: %v", ErrTokenRevoked, err)
	default:
		// The next may try at once.
		if released := k.settle(ctx, l, func(*link) error { return nil }); released != nil && !errors.Is(released, errOvertaken) {
			return tokens{}, released
		}
		return tokens{}, err
	}
}

// ask makes the request. It ends before the lease does, and not with those who wait:
// the answer may be the only copy of the next refresh token.
func ask(ctx context.Context, backend tokenBackend, l link, now func() time.Time) (t tokens, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseOf(l.c)-leaseMargin)
	defer cancel()
	err = l.c.guarded(func() error {
		token, err := backend.refresh(ctx, l.c.out.client(ctx), l.whole(l.linkName))
		if err == nil {
			t, err = readTokens(token, now())
		}
		return err
	})
	if err != nil {
		return tokens{}, outcome(err, l.Access, l.Refresh)
	}
	if t.Refresh == "" { // the old one goes on (RFC 6749, section 6)
		t.Refresh = l.Refresh
	}
	if t.Scope == "" {
		t.Scope = l.Scope
	}
	return t, nil
}

// errOvertaken: the link has other tokens than the ones that were refreshed.
var errOvertaken = errors.New("oauth: the tokens were replaced meanwhile")

// settle ends the lease and writes what change makes of the link, whatever else was
// changed in it meanwhile, unless its tokens are others by now. It looks before it
// writes: a link that was removed and made anew has the versions of the old one once
// more. It does not end with ctx, and tries again while the store fails.
func (k *tokenKeeper) settle(ctx context.Context, l link, change func(l *link) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	used := l.Refresh
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		l, err := k.load(ctx, l.linkName)
		if err == nil {
			if l.Refresh != used {
				return errOvertaken
			}
			l.rec.Lease, l.rec.Broken = 0, false
			if err := change(&l); err != nil {
				return err
			}
			err = k.write(ctx, &l)
		}
		switch {
		case err == nil:
			return nil
		case errors.Is(err, auth.ErrNotFound):
			return noTokens()
		}
		select {
		case <-ctx.Done():
			k.logFailure(ctx, "writing down what came of a refresh", l.linkName, err)
			return fmt.Errorf("oauth: what came of a refresh could not be kept: %v", err)
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// giveBack revokes tokens, if the identity provider takes them back. It waits for
// no longer than a moment, and a failure is logged: what was to be deleted here is
// deleted all the same.
func (k *tokenKeeper) giveBack(ctx context.Context, n linkName, t tokens) {
	backend, ok := n.c.backend.(tokenBackend)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	err := n.c.guarded(func() error { return backend.revoke(ctx, n.c.out.client(ctx), t.whole(n)) })
	if err != nil && !errors.Is(err, errNoRevocation) {
		k.logFailure(ctx, "revoking tokens", n, outcome(err, t.Access, t.Refresh))
	}
}

// forget gives back the tokens of a link that was deleted. What it can do is done
// when it returns.
func (k *tokenKeeper) forget(ctx context.Context, c *Connector, cred auth.Credential) {
	l := link{linkName: linkName{c, cred.UserID, cred.Key}, cred: cred}
	switch err := k.read(&l); {
	case errors.Is(err, auth.ErrNotFound): // none were kept
	case err != nil:
		k.logFailure(ctx, "revoking tokens", l.linkName, err)
	default:
		k.giveBack(ctx, l.linkName, l.tokens)
	}
}
