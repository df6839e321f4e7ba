package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// purge deletes an account that was closed and not kept, and says so in a last mail. It
// can be done again from any point: the user is deleted late, and what says that it is
// to be done last, by which it is known until then.
func (p *Provider) purge(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
	var asked closing
	if err := json.Unmarshal(e.Data, &asked); err != nil {
		return nil, fmt.Errorf("account: an entry cannot be read: %w", err)
	}
	c, v, err := p.closingOf(ctx, asked.User)
	switch {
	case errors.Is(err, auth.ErrNotFound):
		// Kept; or gone, and only the mail was not sent.
		if there, err := p.there(ctx, asked.User); err != nil || there {
			return nil, err
		}
	case err != nil:
		return nil, err
	case v.ID != asked.ID:
		return nil, nil // kept, and closed again
	case !v.Purging:
		// From here on nobody keeps it: of the two, one changes this first.
		v.Purging = true
		next := c
		if next.Data, err = json.Marshal(v); err != nil {
			return nil, fmt.Errorf("account: encoding a closing: %w", err)
		}
		if err := p.m.Store().ChangeCredentials(ctx, auth.Change{Old: &c, New: &next}); err != nil {
			return nil, err // found out when it is tried again
		}
	}
	if err := p.erase(ctx, asked.User); err != nil {
		return nil, err
	}
	if e.To == "" {
		return nil, nil
	}
	return &mail.Draft{ID: "account.gone", To: e.To, Data: map[string]string{"address": e.To}}, nil
}

// erase deletes all that is kept of a user. What is not there is not missed.
func (p *Provider) erase(ctx context.Context, userID string) error {
	s := p.m.Store()
	end := func() error {
		return errors.Join(s.DeleteUserTickets(ctx, userID), s.DeleteUserSessions(ctx, userID))
	}
	// Their browsers are known yet.
	if err := errors.Join(end(), p.forgetGuesses(ctx, userID)); err != nil {
		return err
	}
	for _, id := range []string{userID, shadow(userID)} {
		if err := p.eraseCredentials(ctx, id); err != nil {
			return err
		}
	}
	// And again: a login may have been under way, and somebody guessed on until now.
	if err := errors.Join(end(), s.DeleteUserTickets(ctx, shadow(userID)), p.forgetGuesses(ctx, userID)); err != nil {
		return err
	}
	p.m.LookAgain(userID)
	if err := p.post.Outbox().DeleteUser(ctx, p.m.Realm(), userID); err != nil {
		return err
	}
	if p.opts.Activity != nil {
		if err := p.opts.Activity.DeleteUser(ctx, p.m.Realm(), userID); err != nil {
			return err
		}
	}
	users, ok := auth.As[deleter](p.m.Users())
	if !ok {
		return fmt.Errorf("account: deleting a user needs a UserLoader that has DeleteUser; %T has not", p.m.Users())
	}
	if err := users.DeleteUser(ctx, userID); err != nil && !errors.Is(err, auth.ErrNotFound) {
		return err
	}
	c, _, err := p.closingOf(ctx, userID)
	if err == nil {
		err = s.ChangeCredentials(ctx, auth.Change{Old: &c})
	}
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		return err
	}
	p.m.EmitContext(ctx, auth.Event{Name: purgedEvent, UserID: userID})
	return nil
}

// forgetGuesses forgets what was guessed at of the user's, which no time ends: each
// provider counts it under its name, and this one counts tries at codes.
func (p *Provider) forgetGuesses(ctx context.Context, userID string) error {
	for _, q := range p.m.Providers() {
		if err := p.m.Unlock(ctx, q.Name(), userID); err != nil {
			return err
		}
	}
	return p.m.Store().Forget(ctx, p.codeCounter(userID))
}

// purgedEvent is told to the host; here nothing is kept of it.
const purgedEvent = "account.purged"

// eraseCredentials deletes the user's credentials but for what says that the account is
// closed: until the user is deleted, nobody logs in.
func (p *Provider) eraseCredentials(ctx context.Context, userID string) error {
	for try := 0; ; try++ {
		held, err := p.m.Store().UserCredentials(ctx, userID)
		if err != nil {
			return err
		}
		held = slices.DeleteFunc(held, func(c auth.Credential) bool { return c.Kind == closingKind })
		drops := make([]auth.Change, len(held))
		for i := range held {
			drops[i].Old = &held[i]
		}
		err = p.m.Store().ChangeCredentials(ctx, drops...)
		if err == nil || try == 3 || !errors.Is(err, auth.ErrNotFound) && !errors.Is(err, auth.ErrConflict) {
			return err
		}
	}
}

// broken logs what does not fail a request.
func (p *Provider) broken(ctx context.Context, doing, userID string, err error) {
	p.opts.Logger.LogAttrs(ctx, slog.LevelError, "account: "+doing+" failed", slog.String("user", userID), slog.Any("error", err))
}
