package account

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An intent is what a change has to do besides changing the user's own credentials, and
// together with it: [Provider.Record] does it, in the transaction of the change.
type intent struct {
	event    string                      // whose change it belongs to
	ticket   *auth.Ticket                // used up by it
	guarded  bool                        // whether the guard's version, before the change, must be that of guard
	guard    int64                       // see guarded
	over     []auth.Credential           // deleted first: of the user's shadow
	give     []auth.Credential           // created then: addresses
	profile  string                      // the user's address from now on, for the host; or ""
	recover  string                      // the address to which recovery begins; or ""
	language string                      // of who has asked
	release  func(context.Context) error // lets recovery begin, once all is done that belongs to the change; or nil
	refused  error                       // why it was not done
}

type intentKey struct{}

// transactional reports whether what is done in Record is undone with the change.
func (p *Provider) transactional() bool {
	_, ok := auth.As[interface {
		InTx(ctx context.Context, f func(ctx context.Context) error) error
	}](p.m.Store())
	return ok
}

func (in *intent) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, intentKey{}, in)
}

// recordIntent does what the change that ctx belongs to intends.
func (p *Provider) recordIntent(ctx context.Context, e auth.Event, _ []auth.Change) error {
	in, ok := ctx.Value(intentKey{}).(*intent)
	if !ok || in.event != e.Name {
		return nil
	}
	in.refused = p.do(ctx, in, e.UserID)
	return in.refused
}

func (p *Provider) do(ctx context.Context, in *intent, userID string) error {
	if in.guarded && p.transactional() { // else it cannot be taken back, and must be done as a whole
		n, err := p.guard(ctx, userID)
		if err != nil {
			return err
		}
		if n != in.guard+1 { // another change came in between, which the link has not outlived
			return linkInvalid(nil)
		}
	}
	if in.ticket != nil {
		if err := p.take(ctx, *in.ticket); err != nil {
			return err
		}
	}
	if len(in.over) > 0 {
		drops := make([]auth.Change, len(in.over))
		for i := range in.over {
			drops[i].Old = &in.over[i]
		}
		if err := p.m.Store().ChangeCredentials(ctx, drops...); err != nil {
			return linkInvalid(err)
		}
	}
	if len(in.give) > 0 {
		given := make([]auth.Change, len(in.give))
		for i := range in.give {
			given[i].New = &in.give[i]
		}
		if err := p.m.Store().ChangeCredentials(ctx, given...); err != nil {
			return err
		}
	}
	if in.profile != "" {
		if err := p.updateProfile(ctx, userID, in.profile); err != nil {
			return err
		}
	}
	if in.recover == "" {
		return nil
	}
	var err error
	in.release, err = p.recoverAccess(ctx, userID, in.recover, in.language)
	return err
}

// updateProfile tells the host of the user's new address, if it wants to know.
func (p *Provider) updateProfile(ctx context.Context, userID, address string) error {
	u, ok := auth.As[interface {
		UpdateUser(ctx context.Context, id string, p auth.Profile) error
	}](p.m.Users())
	if !ok {
		return nil
	}
	return u.UpdateUser(ctx, userID, auth.Profile{Email: address})
}

// applyIntent is [auth.Manager.Apply] with an intent. Its error is that for which the
// intent was not carried out, if that is why; what was changed meanwhile is for people to
// know.
func (p *Provider) applyIntent(ctx context.Context, userID string, in *intent, changes ...auth.Change) error {
	err := p.apply(in.context(ctx), userID, in.event, changes...)
	if in.release != nil {
		p.release(ctx, in, userID)
	}
	if err != nil && in.refused != nil {
		return in.refused
	}
	return err
}

// release lets recovery begin, also if the client has gone: all is done by now that belongs
// to the change, or was tried. It fails only into the log, as it begins later by itself.
func (p *Provider) release(ctx context.Context, in *intent, userID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := in.release(ctx); err != nil {
		p.broken(ctx, "beginning a recovery at once", userID, err)
	}
}

// isLate reports whether a change was refused because of another that came first: of several
// at once with one link, those who are late are to learn that it was used. An outage is none
// of these: what it has met may have been done.
func isLate(err error) bool {
	return errors.Is(err, auth.ErrConflict) || errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrExists)
}
