package auth

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// An Access is a question for an [Authorizer]: may Identity do Action to
// Object?
type Access struct {
	Identity *Identity // nil: nobody
	Action   string    // "posts:edit"
	Object   any       // nil if the action says enough; see Access.Describe
	At       time.Time // when; zero: now, see Access.Now

	m *Manager // who asks; nil: somebody else
}

// Now returns a.At, or what it is by the clock of the Manager that asks, or else by
// [time.Now].
func (a Access) Now() time.Time {
	switch {
	case !a.At.IsZero():
		return a.At
	case a.m != nil:
		return a.m.now()
	}
	return time.Now()
}

// Fresh reports whether the identity proved who they are within the last d: by one of
// the methods, if any are given. What a cache of sessions knew a moment ago is not
// good enough, as in [Manager.RequireFresh]; an error is how the session has ended,
// or an outage.
func (a Access) Fresh(ctx context.Context, d time.Duration, methods ...string) (bool, error) {
	if !a.Identity.provedWithin(a.Now(), d, methods) {
		return false, nil
	}
	if a.m == nil {
		return true, nil
	}
	stale, err := a.m.staleBelow(ctx, a.Identity)
	return err == nil && !stale, err
}

// An Authorizer decides who may do what. It is called concurrently and changes
// nothing of what it is given. Package auth/policy puts several together.
//
// [Options.Authorizer] is asked by a Manager, which lets nothing through if it
// panics or answers late, if a credential is limited to other actions
// ([Identity.Scopes]), or if the user is not active.
type Authorizer interface {
	// Authorize returns nil if a is allowed: nil is the only yes. An error that
	// wraps [ErrForbidden] is a no, best a [*Denial], which says why; any other error
	// means that it could not tell, and is a no as well. A context that has ended
	// is never a yes, and neither is nobody, unless the action is for nobody too.
	Authorize(ctx context.Context, a Access) error
}

// AuthorizerFunc makes an [Authorizer] from a function.
type AuthorizerFunc func(ctx context.Context, a Access) error

// Authorize calls f.
func (f AuthorizerFunc) Authorize(ctx context.Context, a Access) error { return f(ctx, a) }

// Authorize asks [Options.Authorizer] whether who is asking may do action to
// object. Nil is the only yes. The error wraps [ErrForbidden] for a no, and has the
// [*Denial] if there is one; [ErrNoCredentials] for a no to nobody;
// [ErrNotFresh] for a no that another proof would turn into a yes;
// [ErrBadCredentials] for an explicit credential that is wrong; any other is an
// outage. [Manager.Refuse] answers each.
func (m *Manager) Authorize(ctx context.Context, action string, object any) error {
	return m.AuthorizeBy(ctx, action, object, nil)
}

// AuthorizeBy is [Manager.Authorize] for what an authorizer can do beside it, such as
// to say which objects of many somebody may read (policy.Filter): ask is called in
// place of [Authorizer] a's Authorize, with the same guards around it. Nil: that.
func (m *Manager) AuthorizeBy(ctx context.Context, action string, object any, ask func(ctx context.Context, a Authorizer, access Access) error) error {
	id, err := m.IdentityFrom(ctx)
	if err != nil && !errors.Is(err, ErrNoCredentials) {
		return err
	}
	return m.answer(ctx, Access{Identity: id, Action: action, Object: object}, ask, err)
}

// AuthorizeAll is [Manager.Authorize] for several objects: an error for each. An
// authorizer that has AuthorizeAll(ctx, []Access) []error, found by [As], is asked
// once.
func (m *Manager) AuthorizeAll(ctx context.Context, action string, objects ...any) []error {
	errs := make([]error, len(objects))
	all, _ := As[interface {
		AuthorizeAll(ctx context.Context, all []Access) []error
	}](m.opts.Authorizer)
	if all == nil || len(objects) < 2 {
		for i, o := range objects {
			errs[i] = m.Authorize(ctx, action, o)
		}
		return errs
	}
	asked := false
	var said []error
	for i, o := range objects {
		errs[i] = m.AuthorizeBy(ctx, action, o, func(ctx context.Context, _ Authorizer, access Access) error {
			if !asked {
				asked = true
				accesses := make([]Access, len(objects))
				for i, o := range objects {
					accesses[i] = access
					accesses[i].Object = o
				}
				said = all.AuthorizeAll(ctx, accesses)
			}
			if len(said) != len(objects) {
				return fmt.Errorf("auth: authorizer %T answered %d of %d questions", m.opts.Authorizer, len(said), len(objects))
			}
			return said[i]
		})
	}
	return errs
}

// Decide is [Manager.Authorize] about somebody else than who is asking: for jobs, and
// for tests of policies. What a.Identity.User says of itself is believed.
func (m *Manager) Decide(ctx context.Context, a Access) error {
	return m.answer(ctx, a, nil, ErrNoCredentials)
}

// answer decides, and says what that means for who is asking. Nobody is why nobody
// is, if a has no identity.
func (m *Manager) answer(ctx context.Context, a Access, ask asker, nobody error) error {
	err := m.decide(ctx, a, ask, true)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, ErrForbidden):
		return err
	case a.Identity == nil:
		return fmt.Errorf("%w: %s", nobody, a.Action)
	}
	if d := denialIn(err); d.StepUp() {
		return stepUp(d, err)
	}
	return err
}
