package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

// mailed is what a provider can do that lets in who reads the mail of an address. Package
// maillink's has it.
type mailed interface {
	auth.Provider
	// MailsTo reports whether a user who has an address can be sent what lets them in.
	MailsTo(ctx context.Context, userID string) (bool, error)
}

// canReset reports whether a link to set a password can be mailed to the user.
func (p *Provider) canReset(ctx context.Context, userID string) (bool, error) {
	if p.pass == nil {
		return false, nil
	}
	name, err := p.pass.LoginName(ctx, userID)
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return false, nil
	case err != nil || name == "":
		return err == nil, err
	}
	_, err = identifier.Email(name)
	return err == nil, nil
}

// comesBack reports whether mail is enough for the user to get back in, whatever else they
// have lost.
func (p *Provider) comesBack(ctx context.Context, userID string) (bool, error) {
	if ok, err := p.canReset(ctx, userID); err != nil || ok {
		return ok, err
	}
	if p.link == nil {
		return false, nil
	}
	return p.link.MailsTo(ctx, userID)
}

// spare adds to changes, which give an account back, that what the user logged in with
// before since is left as it is, unless they remove it: where no mail lets them back in
// they would be out for ever. Somebody else may have added some of that too, and earlier;
// of that the owner had a notice of its own. If nothing is left, what was removed since
// comes back. What [auth.DropAll] drops is not spared.
func (p *Provider) spare(ctx context.Context, in *intent, userID string, since time.Time, changes []auth.Change) ([]auth.Change, error) {
	if back, err := p.comesBack(ctx, userID); err != nil || back {
		return changes, err
	}
	held, err := p.m.Store().UserCredentials(ctx, userID)
	if err != nil {
		return nil, err
	}
	roles, left := p.roles(), false
	for _, c := range p.m.Consequences() {
		if c.Event == in.event && c.Fate == auth.DropAll {
			delete(roles, c.Kind)
		}
	}
	for i := range held {
		c := &held[i]
		named := slices.ContainsFunc(changes, func(change auth.Change) bool {
			return change.Old != nil && change.Old.Kind == c.Kind && change.Old.Key == c.Key
		})
		if !named && roles[c.Kind] == auth.FirstFactor && c.CreatedAt.Before(since) && p.live(c) {
			changes, left = append(changes, auth.Change{Old: c, New: c}), true
		}
	}
	if left {
		return changes, nil
	}
	return p.restore(ctx, in, userID, since, changes)
}

// recordRemoved keeps a way in that was removed for as long as its owner can say that it
// was not them, if no mail would let them back in: whoever has got into an account may put
// theirs in its place.
func (p *Provider) recordRemoved(ctx context.Context, e auth.Event, changes []auth.Change) error {
	switch e.Name {
	case "account.disowned", "account.reclaimed", "account.closed", "email.reverted":
		return nil // it was the owner
	}
	roles := p.roles()
	changes = slices.DeleteFunc(slices.Clone(changes), func(c auth.Change) bool {
		// Without a time it is a name only, and not what was there.
		return c.New != nil || c.Old == nil || roles[c.Old.Kind] != auth.FirstFactor || c.Old.CreatedAt.IsZero()
	})
	if len(changes) == 0 {
		return nil
	}
	if back, err := p.comesBack(ctx, e.UserID); err != nil || back {
		return err
	}
	for _, c := range changes {
		if err := p.keepRemoved(ctx, e.UserID, c.Old); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) keepRemoved(ctx context.Context, userID string, c *auth.Credential) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("account: encoding a credential: %w", err)
	}
	now := p.m.Now()
	next := auth.Credential{Kind: removedKind, Key: p.removedKey(userID, c.Kind, c.Key), UserID: shadow(userID),
		Data: data, CreatedAt: now, ExpiresAt: now.Add(p.opts.UndoLifetime)}
	if next.Validate() != nil {
		return nil // too long for a store: it cannot come back
	}
	change := auth.Change{New: &next}
	switch old, err := p.m.Store().LoadCredential(ctx, next.Kind, next.Key); {
	case err == nil: // it was removed before
		change.Old = &old
	case !errors.Is(err, auth.ErrNotFound):
		return err
	}
	return p.m.Store().ChangeCredentials(ctx, change)
}

// removedKey is that under which what was removed from a user is kept.
func (p *Provider) removedKey(userID, kind, key string) string {
	return secret.Digest(p.m.Realm(), removedKind, userID, kind, key)
}

// forgetRemoved has in see to it that what its owner says is not theirs never comes back,
// if it was removed already: by who had added it, perhaps, to be spared now.
func (p *Provider) forgetRemoved(ctx context.Context, in *intent, v disowned) error {
	for _, a := range v.Added {
		r, err := p.m.Store().LoadCredential(ctx, removedKind, p.removedKey(v.User, a.Kind, a.Key))
		switch {
		case err == nil:
			in.over = append(in.over, r)
		case !errors.Is(err, auth.ErrNotFound):
			return err
		}
	}
	return nil
}

// restore adds to changes that the ways in come back which the user had before since, and
// which were removed then or later.
func (p *Provider) restore(ctx context.Context, in *intent, userID string, since time.Time, changes []auth.Change) ([]auth.Change, error) {
	removed, err := p.m.Store().UserCredentials(ctx, shadow(userID), removedKind)
	if err != nil {
		return nil, err
	}
	for _, r := range removed {
		var c auth.Credential
		if err := json.Unmarshal(r.Data, &c); err != nil {
			return nil, fmt.Errorf("account: a credential cannot be read: %w", err)
		}
		forgotten := slices.ContainsFunc(in.over, func(o auth.Credential) bool { return o.Kind == r.Kind && o.Key == r.Key })
		if forgotten || !p.live(&r) || r.CreatedAt.Before(since) || !c.CreatedAt.Before(since) || !p.live(&c) {
			continue
		}
		_, err := p.m.Store().LoadCredential(ctx, c.Kind, c.Key)
		switch {
		case err == nil: // somebody has it
			continue
		case !errors.Is(err, auth.ErrNotFound):
			return nil, err
		}
		c.Generation = p.m.Now().UnixMilli() // another than when they had it before
		in.over = append(in.over, r)
		changes = append(changes, auth.Change{New: &c})
	}
	return changes, nil
}
