package account

import (
	"context"
	"errors"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

// An owner is the user who is found under an address.
type owner struct {
	userID  string
	address string // as it is kept: mail goes there, and not to what was typed
	claim   auth.Credential
	hosts   bool // it is in a table of the host's, whose word on it is good
}

// verified reports whether the address is known to be theirs.
func (o *owner) verified() bool { return o.hosts || !o.claim.VerifiedAt.IsZero() }

// ownerOf returns who has the address. There is nobody if the user is not active, or is
// found by something else that mail cannot be sent to.
func (p *Provider) ownerOf(ctx context.Context, address string) (o owner, found bool, err error) {
	c, err := p.m.Store().LoadCredential(ctx, "email", address)
	if errors.Is(err, auth.ErrNotFound) || err == nil && !c.ExpiresAt.IsZero() && !p.m.Now().Before(c.ExpiresAt) {
		return owner{}, false, nil
	} else if err != nil {
		return owner{}, false, err
	}
	u, err := p.m.Users().LoadUser(ctx, c.UserID)
	if errors.Is(err, auth.ErrNotFound) || err == nil && !isActive(u) {
		return owner{}, false, nil
	} else if err != nil {
		return owner{}, false, err
	}
	o = owner{userID: c.UserID, address: c.Key, claim: c}
	if p.pass == nil {
		return o, true, nil
	}
	name, err := p.pass.LoginName(ctx, c.UserID)
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return owner{}, false, nil
	case err != nil:
		return owner{}, false, err
	case name != "":
		o.hosts = true
		if o.address, err = identifier.Email(name); err != nil {
			return owner{}, false, nil
		}
	}
	return o, true, nil
}

// hostsAddress returns the address by which a table of the host's finds the user, "" if
// there is none.
func (p *Provider) hostsAddress(ctx context.Context, userID string) (string, error) {
	if p.pass == nil {
		return "", nil
	}
	name, err := p.pass.LoginName(ctx, userID)
	if errors.Is(err, auth.ErrNotFound) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	address, err := identifier.Email(name)
	if err != nil {
		return "", nil
	}
	return address, nil
}

// stillOwns is ownerOf for a ticket that was mailed to address: the error is the problem
// "link_invalid" if the address is not, or is no longer, that user's.
func (p *Provider) stillOwns(ctx context.Context, userID, address string) (owner, error) {
	o, found, err := p.ownerOf(ctx, address)
	if err == nil && (!found || o.userID != userID || o.address != address) {
		err = linkInvalid(errors.New("account: the address is not the user's any more"))
	}
	return o, err
}

// addressIn reads an address that somebody typed.
func addressIn(typed string) (string, error) {
	if strings.Trim(typed, " ") == "" {
		return "", missing("email")
	}
	address, err := identifier.Email(typed)
	if err != nil {
		s := err.Error()
		err = invalidField("email", strings.ToUpper(s[:1])+s[1:]+".")
	}
	return address, err
}

func isActive(u auth.User) bool {
	a, ok := u.(interface{ IsActive() bool })
	return !ok || a.IsActive()
}
