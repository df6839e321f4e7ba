package password

import (
	"context"
	"errors"

	"github.com/gatehouse-go/gatehouse/auth"
)

// What follows is for package account, which looks after accounts, and for hosts that
// do so in its place.

// NewPassword checks a password that the user has chosen, as [Provider.Change] does but
// for the present one, and returns the change that makes it theirs, for
// [auth.Manager.Apply]: it replaces the one that they have, and no other, or is their
// first. Nothing is changed yet. The caller makes sure that they may.
//
// The error is an [*auth.Problem] of the new password's, see [Provider.Register], "busy",
// or "no_password" if a [Table] has no name for the user; any other is an outage.
func (p *Provider) NewPassword(ctx context.Context, userID, password string) (auth.Change, error) {
	old, err := p.place(ctx, userID)
	if err != nil {
		return auth.Change{}, err
	}
	return p.replace(ctx, userID, old, password)
}

// HasPassword reports whether the user has a password.
func (p *Provider) HasPassword(ctx context.Context, userID string) (bool, error) {
	_, err := p.held(ctx, userID)
	if problem, ok := isProblem(err); ok && problem.Code == codeNoPassword {
		return false, nil
	}
	return err == nil, err
}

// Matches reports whether password is that of c, a credential of this provider's that
// may be kept nowhere yet. It takes as long either way, and replaces no hash. The
// caller counts the guesses. The error is "busy" or an outage.
func (p *Provider) Matches(ctx context.Context, c auth.Credential, password string) (bool, error) {
	_, err := p.compare(ctx, c, password, true)
	if errors.Is(err, ErrMismatch) {
		return false, nil
	}
	return err == nil, err
}

// NewPasswordFields returns the inputs for a new password, for forms of others.
func (p *Provider) NewPasswordFields() []auth.Field {
	return []auth.Field{p.newPassword("New password", p.opts.MinLength)}
}

// LoginName returns the name by which the [Table] finds the user, "" if there is no
// Table, whose users are found by their credentials. The error wraps [auth.ErrNotFound]
// if the Table has no name for them; any other is an outage.
func (p *Provider) LoginName(ctx context.Context, userID string) (string, error) {
	if p.opts.Table == nil {
		return "", nil
	}
	return p.opts.Table.Name(ctx, userID)
}
