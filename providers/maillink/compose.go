package maillink

import (
	"context"
	"errors"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

// compose makes the link and the mail with it, or the mail that says that there is no
// account. Who may not log in gets none.
func (p *Provider) compose(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
	v, err := decodeWanted(e.Data)
	if err != nil {
		return nil, err
	}
	c, err := p.owner(ctx, e.To)
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return &mail.Draft{ID: unknown, Data: map[string]string{"address": e.To}}, nil
	case errors.Is(err, auth.ErrBadCredentials):
		return nil, nil
	case err != nil:
		return nil, err
	}
	v.Address = c.Key
	data, err := v.encode()
	if err != nil {
		return nil, err
	}
	token, now := secret.New(), p.m.Now()
	err = p.m.Store().PutTicket(ctx, auth.Ticket{
		Purpose:   purpose,
		Key:       p.tokenDigest(token),
		UserID:    c.UserID,
		Slot:      secret.Digest(p.m.Realm(), "link.slot", c.Key), // as long as a store takes it
		Data:      data,
		CreatedAt: now,
		ExpiresAt: now.Add(p.opts.Lifetime),
	})
	if err != nil {
		return nil, err
	}
	return &mail.Draft{ID: purpose, To: c.Key, Data: map[string]string{"address": c.Key, "link": p.post.Link("/link", token)}}, nil
}

// An owned is the address of a user.
type owned struct {
	auth.Credential
	hosts bool // it is in a table of the host's, whose word on it is good
}

// owner returns the address as it is kept: mail goes there, and not to what was typed,
// which a table of the host's may take for the same. [auth.ErrNotFound] if it is nobody's,
// [auth.ErrBadCredentials] if its user may not log in.
func (p *Provider) owner(ctx context.Context, address string) (owned, error) {
	c, err := p.m.Store().LoadCredential(ctx, "email", address)
	if err != nil {
		return owned{}, err
	}
	if !c.ExpiresAt.IsZero() && !p.m.Now().Before(c.ExpiresAt) {
		return owned{}, auth.ErrNotFound
	}
	if _, err := p.m.Identify(ctx, c.UserID); err != nil || p.names == nil {
		return owned{Credential: c}, err
	}
	name, err := p.names.LoginName(ctx, c.UserID)
	if err != nil || name == "" {
		return owned{Credential: c}, err
	}
	if c.Key, err = identifier.Email(name); err != nil {
		return owned{}, auth.ErrNotFound // mail cannot be sent to it
	}
	return owned{c, true}, nil
}

// MailsTo reports whether the user, once they have an address, can be sent a link: unless a
// table of the host's finds them by something that mail cannot be sent to, or not at all.
// Who undoes something by mail then leaves them no other way in. The error is an outage.
func (p *Provider) MailsTo(ctx context.Context, userID string) (bool, error) {
	if p.names == nil {
		return true, nil
	}
	name, err := p.names.LoginName(ctx, userID)
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return false, nil
	case err != nil || name == "":
		return err == nil, err
	}
	_, err = identifier.Email(name)
	return err == nil, nil
}

func (p *Provider) tokenDigest(token string) string {
	return secret.Digest(p.m.Realm(), purpose, token)
}
