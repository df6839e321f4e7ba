package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

// issue makes a token that is good once, for one purpose, for life. Of those with one
// slot only the newest is good. What it is bound to, such as an address, is in data.
func (p *Provider) issue(ctx context.Context, purpose, userID, slot string, data any, life time.Duration) (token string, err error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		return "", fmt.Errorf("account: encoding a ticket: %w", err)
	}
	token = secret.New()
	now := p.m.Now()
	return token, p.m.Store().PutTicket(ctx, auth.Ticket{Purpose: purpose, Key: secret.Digest(p.m.Realm(), purpose, token),
		UserID: userID, Slot: slot, Data: encoded, CreatedAt: now, ExpiresAt: now.Add(life)})
}

// find returns the ticket of a token, and leaves it: to show a page, and to look at all
// that can be wrong before the token is used up. The error is the problem "link_invalid"
// if there is none, or none that is still good.
func (p *Provider) find(ctx context.Context, purpose, token string, data any) (auth.Ticket, error) {
	if !secret.Valid(token) {
		return auth.Ticket{}, linkInvalid(nil)
	}
	t, err := p.m.Store().LoadTicket(ctx, purpose, secret.Digest(p.m.Realm(), purpose, token))
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return auth.Ticket{}, linkInvalid(err)
	case err != nil:
		return auth.Ticket{}, err
	case !p.m.Now().Before(t.ExpiresAt):
		return auth.Ticket{}, linkInvalid(errors.New("account: the link has expired"))
	}
	if err := json.Unmarshal(t.Data, data); err != nil {
		return auth.Ticket{}, fmt.Errorf("account: a ticket cannot be read: %w", err)
	}
	return t, nil
}

// take uses the ticket up. Whoever takes it acts, nobody acts without taking.
func (p *Provider) take(ctx context.Context, t auth.Ticket) error {
	_, err := p.m.Store().TakeTicket(ctx, t.Purpose, t.Key)
	if errors.Is(err, auth.ErrNotFound) {
		return linkInvalid(err)
	}
	return err
}

func linkInvalid(cause error) error {
	return &auth.Problem{Status: http.StatusGone, Code: "link_invalid", Detail: "This link has been used, or is not good any more.", Err: cause}
}
