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
// the methods, if any are given. Nobody did. What a cache of sessions knew a moment ago
// is not good enough for a Manager, as in [Manager.RequireFresh]. The error, which an
// authorizer returns as it is or wrapped, is an outage; or it says that the session has
// ended meanwhile, and the Manager answers that as it answers nobody.
func (a Access) Fresh(ctx context.Context, d time.Duration, methods ...string) (bool, error) {
	if !a.Identity.provedWithin(a.Now(), d, methods) {
		return false, nil
	}
	if a.m == nil {
		return true, nil
	}
	stale, err := a.m.staleBelow(ctx, a.Identity)
	if isOver(err) {
		err = &isOverError{err}
	}
	return err == nil && !stale, err
}

// An Authorizer decides who may do what. It is called concurrently, changes nothing of
// what it is given, and starts no goroutine that outlives the call. Package auth/policy
// puts several together.
//
// [Options.Authorizer] is asked by a Manager, which lets nothing through if it
// panics or answers late, if a credential is limited to other actions
// ([Identity.Scopes]), or if the user is not active.
type Authorizer interface {
	// Authorize returns nil if a is allowed: nil is the only yes. An error that
	// wraps [ErrForbidden] is a no, best a [*Denial], which says why; any other error
	// means that it could not tell, and is a no as well. To the same question it says
	// the same, until the policy changes, or what it looks at.
	//
	// What it does not know is not allowed: an action, an object of a type that it does
	// not expect. Whoever is less known may do no more, and nobody no more than
	// anybody. It does not panic; it may rely on a User in an Identity, but for one that
	// [Manager.Decide] was given without. A context that has ended is never a yes, and a
	// no only if it is one without looking at anything.
	Authorize(ctx context.Context, a Access) error
}

// AuthorizerFunc makes an [Authorizer] from a function.
type AuthorizerFunc func(ctx context.Context, a Access) error

// Authorize calls f.
func (f AuthorizerFunc) Authorize(ctx context.Context, a Access) error { return f(ctx, a) }

// Authorize asks [Options.Authorizer] whether who is asking may do action to
// object. Nil is the only yes. The error wraps [ErrForbidden] for a no, and has the
// [*Denial] if there is one; [ErrNotFresh] as well if another proof would turn the no
// into a yes; [ErrNoCredentials] for a no to nobody; [ErrBadCredentials] for an
// explicit credential that is wrong; any other is an outage. [Manager.Refuse] answers
// each.
func (m *Manager) Authorize(ctx context.Context, action string, object any) error {
	return m.authorize(ctx, action, object, nil, true)
}

// authorize is Authorize in the way of ask, if it is not nil. Tried is as in decide.
func (m *Manager) authorize(ctx context.Context, action string, object any, ask asker, tried bool) error {
	id, err := m.IdentityFrom(ctx)
	if err != nil && !errors.Is(err, ErrNoCredentials) {
		return err
	}
	a := Access{Identity: id, Action: action, Object: object}
	return m.meaning(a, m.decide(ctx, a, ask, tried), err)
}

// AuthorizeBy is [Manager.Authorize] for what an authorizer can do beside it, such as
// to say which objects of many somebody may read (policy.Filter): ask is called in
// place of [Authorizer] a's Authorize, with the same guards around it. Nobody has tried
// anything then: a no is no event, unless [Options.AuditDecisions] makes every decision
// one.
func (m *Manager) AuthorizeBy(ctx context.Context, action string, object any, ask func(ctx context.Context, a Authorizer, access Access) error) error {
	return m.authorize(ctx, action, object, ask, false)
}

// AuthorizeAll is [Manager.Authorize] for several objects, such as those of a list: an
// error for each, about who is asking when it is called. A no is no event, unless
// [Options.AuditDecisions] makes every decision one. An authorizer that has a method
// AuthorizeAll(ctx, []Access) []error itself, not one that it wraps, is asked once, and
// has the time of one decision. A struct that embeds such an authorizer has its method as
// well: with an Authorize of its own it needs an AuthorizeAll of its own. Others are asked
// about one after the other, until one decision has taken all its time: the rest are an
// outage.
func (m *Manager) AuthorizeAll(ctx context.Context, action string, objects ...any) []error {
	// Not As: what decides in front of another, and can be unwrapped, would not be asked.
	all, ok := m.opts.Authorizer.(interface {
		AuthorizeAll(ctx context.Context, all []Access) []error
	})
	errs := make([]error, len(objects))
	id, nobody := m.IdentityFrom(ctx)
	if nobody != nil && !errors.Is(nobody, ErrNoCredentials) {
		for i := range errs {
			errs[i] = nobody
		}
		return errs
	}
	var said []error
	asked, outage := false, errUnanswered // what is not said is this
	for i, o := range objects {
		a := Access{Identity: id, Action: action, Object: o}
		if !ok || len(objects) == 1 {
			began := time.Now()
			errs[i] = m.meaning(a, m.decide(ctx, a, nil, false), nobody)
			if time.Since(began) < m.opts.AuthorizerTimeout {
				continue
			}
			for i++; i < len(errs); i++ {
				errs[i] = errNoTime
			}
			break
		}
		errs[i] = m.meaning(a, m.decide(ctx, a, func(ctx context.Context, _ Authorizer, access Access) error {
			if !asked {
				asked = true
				accesses := make([]Access, len(objects))
				for i, o := range objects {
					accesses[i] = access
					accesses[i].Object = o
				}
				said = all.AuthorizeAll(ctx, accesses)
				if len(said) == len(objects) {
					outage = tooLate(ctx.(*deadline)) // as decide gives it
				}
			}
			if len(said) == len(objects) && said[i] != nil {
				return said[i]
			}
			return outage
		}, false), nobody)
	}
	return errs
}

// errUnanswered: the authorizer was asked about several objects, and has panicked or
// said something about other than these.
var errUnanswered = errors.New("auth: authorizer did not answer each of several questions")

// errNoTime: the authorizer was not asked, since it has taken all the time of a decision
// about the object before.
var errNoTime = errors.New("auth: authorizer took all the time for one of several questions")

// Decide is [Manager.Authorize] about a.Identity, whoever is asking: for jobs, for
// pages about what others may do, and for tests of policies. An identity needs a
// UserID or a User, and what a User says of itself is believed; without one the user
// counts as active. The authorizer is given a copy of it, each time. A no is no event,
// unless [Options.AuditDecisions] makes every decision one.
func (m *Manager) Decide(ctx context.Context, a Access) error {
	if a.Identity != nil {
		id := *a.Identity // the caller's, who may make another of it
		if id.UserID == "" && !isNil(id.User) {
			id.UserID = id.User.AuthID()
		}
		a.Identity = &id
	}
	return m.meaning(a, m.decide(ctx, a, nil, false), ErrNoCredentials)
}

// meaning says what a decision means for whom it is about. Nobody is why nobody is, if
// a has no identity.
func (m *Manager) meaning(a Access, err error, nobody error) error {
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
