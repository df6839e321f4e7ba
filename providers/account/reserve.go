package account

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

const (
	emailKind = "email"   // the core's
	guardKind = "account" // the core's: replaced by every change to what a user can log in with
)

// shadowPrefix begins what no sensible user ID begins with.
const (
	shadowPrefix = "reserved\x1f"
	shadowDigest = "sha256:" // of an ID that is too long
)

// shadow returns the ID of nobody, under which that of a user's is kept which must
// outlive whatever becomes of their account: former addresses, and the links to undo and
// to disown something. No consequence reaches it, and no user is found by it.
func shadow(userID string) string {
	if len(userID) > 128 || strings.HasPrefix(userID, shadowDigest) { // which could be another's
		sum := sha256.Sum256([]byte(userID))
		return shadowPrefix + shadowDigest + hex.EncodeToString(sum[:])
	}
	return shadowPrefix + userID
}

// live reports whether c has not expired, by the clock: the sweeper may be late.
func (p *Provider) live(c *auth.Credential) bool {
	return c.ExpiresAt.IsZero() || p.m.Now().Before(c.ExpiresAt)
}

// addresses returns the user's own, the verified ones first.
func (p *Provider) addresses(ctx context.Context, userID string) ([]auth.Credential, error) {
	held, err := p.m.Store().UserCredentials(ctx, userID, emailKind)
	if err != nil {
		return nil, err
	}
	held = slices.DeleteFunc(held, func(c auth.Credential) bool { return !p.live(&c) })
	slices.SortStableFunc(held, func(a, b auth.Credential) int {
		switch av, bv := !a.VerifiedAt.IsZero(), !b.VerifiedAt.IsZero(); {
		case av && !bv:
			return -1
		case bv && !av:
			return 1
		}
		return 0
	})
	return held, nil
}

// reserve keeps everybody from a user's former address for as long as they can undo that
// they have another.
func (p *Provider) reserve(ctx context.Context, userID, address string) error {
	now := p.m.Now()
	return p.m.Store().ChangeCredentials(ctx, auth.Change{New: &auth.Credential{Kind: emailKind, Key: address,
		UserID: shadow(userID), CreatedAt: now, ExpiresAt: now.Add(p.opts.UndoLifetime)}})
}

// reservation returns that of a former address of the user's. [auth.ErrNotFound] if
// there is none, or none any more.
func (p *Provider) reservation(ctx context.Context, userID, address string) (auth.Credential, error) {
	c, err := p.m.Store().LoadCredential(ctx, emailKind, address)
	if err == nil && (c.UserID != shadow(userID) || !p.live(&c)) {
		err = fmt.Errorf("%w: the address is not reserved for the user", auth.ErrNotFound)
	}
	return c, err
}

// free reports whether the user can have the address. If their own reservation is in the
// way it is returned; one that has run out, of whomever, is removed.
func (p *Provider) free(ctx context.Context, userID, address string) (free bool, reservation *auth.Credential, err error) {
	c, err := p.m.Store().LoadCredential(ctx, emailKind, address)
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return true, nil, nil
	case err != nil:
		return false, nil, err
	case c.UserID == shadow(userID):
		return true, &c, nil
	case p.live(&c):
		return false, nil, nil
	}
	err = p.m.Store().ChangeCredentials(ctx, auth.Change{Old: &c})
	if errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrConflict) {
		err = nil // somebody else has; if they have it now, the change says so
	}
	return true, nil, err
}

// guard returns the version of the user's guard, which every change to what they can log
// in with raises. 0 if there was none yet.
func (p *Provider) guard(ctx context.Context, userID string) (int64, error) {
	c, err := p.m.Store().LoadCredential(ctx, guardKind, userID)
	if errors.Is(err, auth.ErrNotFound) {
		return 0, nil
	}
	return c.Version, err
}

// there reports whether the user exists.
func (p *Provider) there(ctx context.Context, userID string) (bool, error) {
	_, err := p.m.Users().LoadUser(ctx, userID)
	if errors.Is(err, auth.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
