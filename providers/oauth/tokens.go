package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-go/gatehouse/auth"
)

// ErrTokenRevoked: the tokens that were kept of an account are good no more. The
// identity provider has taken them back, or they have expired and cannot be
// refreshed. The user has to log in with the account again.
var ErrTokenRevoked = errors.New("oauth: the tokens of the account are good no more")

// TokenOptions are which tokens a source is of. The zero value of every field
// means the default in its comment.
type TokenOptions struct {
	// Subject is which of the user's accounts at the connector, see
	// [Account.Subject]. Default the one they logged in with last, of those whose
	// tokens were kept and are not known to be revoked, if there are such.
	Subject string
}

// TokenSource returns a source of the user's tokens at a connector that has
// [ConnectorOptions.KeepTokens], for asking the identity provider something in the
// user's name:
//
//	source, err := p.TokenSource(ctx, userID, "google", nil)
//	...
//	client := oauth2.NewClient(ctx, source)
//
// A source is of one account, which opts says; opts may be nil. Its Token works under
// ctx, loads the user and the link at each call, and may be called concurrently. A
// token that is good for 30 seconds more, or for ever, is returned as it is; any
// other is refreshed first, once for all callers in all processes: the others wait
// until they have what came of it, or their ctx ends. A refresh that has begun goes on
// without those who wait. The tokens are for the host alone, and without the refresh
// token: whoever else used it would end the grant (RFC 9700, section 4.14.2).
//
// The errors, of TokenSource and of Token: [auth.ErrNotFound] if the user has no such
// link, or no tokens of it were kept; [ErrTokenRevoked]; [auth.ErrBadCredentials] if
// the user is gone or not active, for whom nothing is asked of anybody. Any other is
// an outage, or a connector that does not exist or keeps nothing; nothing is lost by
// an outage. No error has a token in it.
//
// Do not call Token inside a transaction of the host's: what it writes must be seen by
// other processes at once, and not be rolled back.
func (p *Provider) TokenSource(ctx context.Context, userID, connector string, opts *TokenOptions) (oauth2.TokenSource, error) {
	if p.tokens == nil {
		return nil, errors.New("oauth: the Provider is in no Manager: put it into auth.Options.Providers")
	}
	return p.tokens.source(ctx, userID, connector, opts)
}

// revokeTokens gives back the tokens of links that were deleted. It takes 5 seconds at
// most, and a failure is logged: what was to be deleted here is, all the same.
func (p *Provider) revokeTokens(ctx context.Context, links ...auth.Credential) {
	var wg sync.WaitGroup
	for _, l := range links {
		if c := p.connectorOf(l.Kind); c != nil {
			wg.Go(func() { p.tokens.forget(ctx, c, l) })
		}
	}
	wg.Wait()
}

// A tokenKeeper keeps the tokens of links, and refreshes them. Its methods are safe
// for concurrent use.
type tokenKeeper struct {
	m          *auth.Manager
	ring       keyring
	connectors []*Connector
	log        *slog.Logger
	flights    flights
}

func newTokenKeeper(m *auth.Manager, keys []Key, connectors []*Connector, log *slog.Logger) (*tokenKeeper, error) {
	ring, err := newKeyring(keys, "tokens")
	if err != nil {
		return nil, err
	}
	return &tokenKeeper{m: m, ring: ring, connectors: connectors, log: log}, nil
}

// source chooses a link and returns a source of its tokens.
func (k *tokenKeeper) source(ctx context.Context, userID, connector string, opts *TokenOptions) (oauth2.TokenSource, error) {
	i := slices.IndexFunc(k.connectors, func(c *Connector) bool { return c.opts.Name == connector })
	if i < 0 {
		return nil, fmt.Errorf("oauth: there is no connector %q", connector)
	}
	c := k.connectors[i]
	if !c.opts.KeepTokens {
		return nil, fmt.Errorf("oauth: connector %q keeps no tokens: set its ConnectorOptions.KeepTokens", connector)
	}
	if opts != nil && opts.Subject != "" {
		l, err := k.load(ctx, linkName{c, userID, opts.Subject})
		if err != nil {
			return nil, err
		}
		return tokenSource{ctx, k, l.linkName}, nil
	}
	held, err := k.m.Store().UserCredentials(ctx, userID, c.kind)
	if err != nil {
		return nil, err
	}
	var best auth.Credential
	broken := false
	for _, cred := range held {
		rec, err := decodeRecord(cred.Data)
		if err != nil {
			return nil, err
		}
		if rec.Tokens == nil {
			continue
		}
		if best.Key == "" || broken && !rec.Broken || broken == rec.Broken && lastUse(cred).After(lastUse(best)) {
			best, broken = cred, rec.Broken
		}
	}
	if best.Key == "" {
		return nil, noTokens()
	}
	return tokenSource{ctx, k, linkName{c, userID, best.Key}}, nil
}

func lastUse(c auth.Credential) time.Time {
	if c.UsedAt.After(c.CreatedAt) {
		return c.UsedAt
	}
	return c.CreatedAt
}

func noTokens() error {
	return fmt.Errorf("oauth: no tokens of the user's are kept: %w", auth.ErrNotFound)
}

// A tokenSource is what hosts are given.
type tokenSource struct {
	ctx  context.Context
	k    *tokenKeeper
	name linkName
}

// Token implements [oauth2.TokenSource].
func (s tokenSource) Token() (*oauth2.Token, error) { return s.k.token(s.ctx, s.name) }

// A linkName says which link.
type linkName struct {
	c       *Connector
	userID  string
	subject string
}

// A link is a link with its tokens, as they were when it was loaded.
type link struct {
	linkName
	cred auth.Credential
	rec  record
	tokens
}

// load loads a link and opens its tokens. The error wraps [auth.ErrNotFound] if there
// is none, or it has none, and errSealed if they cannot be opened.
func (k *tokenKeeper) load(ctx context.Context, n linkName) (l link, err error) {
	l.linkName = n
	l.cred, err = k.m.Store().LoadCredential(ctx, n.c.kind, n.subject)
	if errors.Is(err, auth.ErrNotFound) || err == nil && l.cred.UserID != n.userID {
		return l, noTokens()
	} else if err != nil {
		return l, err
	}
	return l, k.read(&l)
}

// read reads the record and the tokens of l.
func (k *tokenKeeper) read(l *link) (err error) {
	if l.rec, err = decodeRecord(l.cred.Data); err != nil {
		return err
	}
	if l.rec.Tokens == nil {
		return noTokens()
	}
	l.tokens, err = k.open(l.linkName, l.rec.Tokens)
	return err
}

// keep puts what a login has brought into the record of its link, in place of what
// is there. Without KeepTokens nothing is kept, and what is there is forgotten. A
// login does not fail because its tokens cannot be kept: that is logged.
func (k *tokenKeeper) keep(rec *record, n linkName, token *oauth2.Token) {
	if token == nil && n.c.opts.KeepTokens {
		return // OAuth 1.0a has none of this sort
	}
	old := *rec
	rec.Tokens, rec.Lease, rec.Broken = nil, 0, false
	if !n.c.opts.KeepTokens {
		return
	}
	t, err := readTokens(token, k.m.Now())
	if err == nil && t.Refresh == "" && old.Tokens != nil && !old.Broken {
		// Some give a refresh token with the first login only. One that is being
		// refreshed goes on being refreshed.
		if before, err := k.open(n, old.Tokens); err == nil && before.Refresh != "" {
			t.Refresh, rec.Lease = before.Refresh, old.Lease
		}
	}
	if err == nil {
		rec.Tokens, err = k.seal(n, t)
	}
	if err != nil {
		rec.Lease = 0
		k.logFailure(context.Background(), "keeping the tokens of a login", n, err)
	}
}

func (k *tokenKeeper) logFailure(ctx context.Context, doing string, n linkName, err error) {
	k.log.LogAttrs(ctx, slog.LevelError, "oauth: "+doing+" failed",
		slog.String("user", n.userID), slog.String("connector", n.c.opts.Name), slog.String("error", describe(err)))
}
