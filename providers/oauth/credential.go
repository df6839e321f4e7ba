package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"golang.org/x/oauth2"
)

// newLink returns the credential that links the account to the user.
func (p *Provider) newLink(c *Connector, userID string, a Account, token *oauth2.Token) (auth.Credential, error) {
	now := p.m.Now()
	l := auth.Credential{Kind: c.kind, Key: a.Subject, UserID: userID, CreatedAt: now, VerifiedAt: now, UsedAt: now,
		// Not 1: a proof by a link that was removed before must not take this one for it.
		Generation: now.UnixMilli()}
	return l, p.fill(c, &l, a, token, record{})
}

// fill writes into a link what is known of its account now.
func (p *Provider) fill(c *Connector, l *auth.Credential, a Account, token *oauth2.Token, rec record) error {
	rec.Issuer, rec.Email, rec.EmailStatus = a.Issuer, bounded(a.Email), a.EmailStatus
	rec.Name, rec.Username = forPeople(a.Name), forPeople(a.Username)
	p.tokens.keep(&rec, linkName{c, l.UserID, l.Key}, token)
	for _, label := range []string{rec.Email, rec.Username, rec.Name} {
		if l.Label = bounded(forPeople(label)); l.Label != "" {
			break
		}
	}
	data, err := rec.encode()
	l.Data = data
	return err
}

// removal returns the change that deletes a link. It names the link without its tokens,
// which nobody who is told of the change, and keeps what was removed, is to have.
func removal(l auth.Credential) (auth.Change, error) {
	rec, err := decodeRecord(l.Data)
	if err != nil {
		return auth.Change{Old: &auth.Credential{Kind: l.Kind, Key: l.Key, UserID: l.UserID, Version: l.Version}}, nil
	}
	rec.Tokens, rec.Lease, rec.Broken = nil, 0, false
	l.Data, err = rec.encode()
	return auth.Change{Old: &l}, err
}

// bounded returns s, or "" if no store keeps it.
func bounded(s string) string {
	if len(s) > 255 {
		return ""
	}
	return s
}

// renew writes down that a link was used, and what is known of its account now. It
// fails only into the log: whoever was logged in is.
func (p *Provider) renew(ctx context.Context, c *Connector, l auth.Credential, a Account, token *oauth2.Token) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for range 5 {
		held, err := p.m.Store().LoadCredential(ctx, l.Kind, l.Key)
		if err == nil && (held.UserID != l.UserID || held.Generation != l.Generation) {
			return // removed and made again meanwhile: this login is none of that link's
		}
		next := held
		if err == nil {
			var rec record
			if rec, err = decodeRecord(held.Data); err == nil {
				next.UsedAt = p.m.Now()
				err = p.fill(c, &next, a, token, rec)
			}
		}
		if err == nil {
			err = p.m.Store().ChangeCredentials(ctx, auth.Change{Old: &held, New: &next})
		}
		if errors.Is(err, auth.ErrConflict) { // by a login at the same time, or a refresh of its tokens
			continue
		}
		if err != nil && !errors.Is(err, auth.ErrNotFound) {
			p.opts.Logger.ErrorContext(ctx, "oauth: a link could not be renewed", "connector", c.opts.Name, "error", describe(err))
		}
		return
	}
}

// proofOf returns the proof that an account of this link has just been shown.
func (p *Provider) proofOf(l auth.Credential) auth.Proof {
	return auth.Proof{Method: l.Kind, At: p.m.Now(), Kind: l.Kind, Key: l.Key, Generation: l.Generation}
}

// links returns the user's links of all connectors.
func (p *Provider) links(ctx context.Context, userID string) ([]auth.Credential, error) {
	var kinds []string
	for _, c := range p.connectors {
		kinds = append(kinds, c.kind)
	}
	return p.m.Store().UserCredentials(ctx, userID, kinds...)
}
