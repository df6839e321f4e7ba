package policy

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Filterer is an [auth.Authorizer] that can also say which objects of many it
// would allow an action to.
type Filterer interface {
	auth.Authorizer
	// Filter returns the condition that an object meets if and only if Authorize
	// would allow a.Identity to do a.Action to it. a.Object is an [auth.Object] with
	// nothing but the type, which is "" if it was not said. Whoever may do nothing
	// gets [None], or an error that wraps [auth.ErrForbidden]; one that wraps
	// [ErrNoFilter] says that there is no such condition; any other is an outage.
	//
	// An authorizer that sometimes says [ErrNoOpinion] does so here if Authorize says it
	// about all objects, and returns a condition only if it has an opinion on all.
	Filter(ctx context.Context, a auth.Access) (Condition, error)
}

// ErrNoFilter: the authorizer cannot say which objects of many somebody may read.
// [Select] asks it about one after the other.
var ErrNoFilter = errors.New("policy: the authorizer does not filter")

// Filter returns which objects of a type, such as "post", who is asking may do the
// action to, for the WHERE of a list. Whoever may do nothing gets [None], nobody too. The
// error wraps [ErrNoFilter] if the authorizer cannot say, and [auth.ErrNotFresh] if there
// would be something to see after another proof, and is nothing now; others are outages,
// or a bad credential, as of [auth.Manager.Authorize].
func Filter(ctx context.Context, m *auth.Manager, action, kind string) (Condition, error) {
	var c Condition
	noFilter := false
	err := m.AuthorizeBy(ctx, action, auth.Object{Type: kind}, func(ctx context.Context, a auth.Authorizer, access auth.Access) (err error) {
		c, err = FilterOf(ctx, a, access)
		noFilter = errors.Is(err, ErrNoFilter)
		return err
	})
	switch {
	case noFilter:
		return None(), ErrNoFilter
	case errors.Is(err, auth.ErrForbidden) && !errors.Is(err, auth.ErrNotFresh), errors.Is(err, auth.ErrNoCredentials):
		return None(), nil
	case err != nil:
		return None(), err
	}
	return c, nil
}

// FilterOf is for authorizers that ask others: it returns what a's Filter does, or
// [ErrNoFilter] if a has none. It does not look through decorators, since one that
// denies something in front of a would be left out: it filters by itself.
func FilterOf(ctx context.Context, a auth.Authorizer, access auth.Access) (Condition, error) {
	f, ok := a.(Filterer)
	if !ok {
		return None(), fmt.Errorf("%w: %T", ErrNoFilter, a)
	}
	c, err := f.Filter(ctx, access)
	if err != nil {
		return None(), err
	}
	return c, nil
}

// Select returns those in list, in order, that who is asking may do the action to,
// by one question after the other, or all at once where the authorizer can. The error
// is the first that is not a no; or that of [auth.ErrNotFresh] if nothing is left, and
// another proof would change that.
func Select[T any](ctx context.Context, m *auth.Manager, action string, list []T) ([]T, error) {
	objects := make([]any, len(list))
	for i, o := range list {
		objects[i] = o
	}
	var allowed []T
	var later error
	for i, err := range m.AuthorizeAll(ctx, action, objects...) {
		switch {
		case err == nil:
			allowed = append(allowed, list[i])
		case errors.Is(err, auth.ErrNotFresh):
			later = err
		case errors.Is(err, auth.ErrForbidden), errors.Is(err, auth.ErrNoCredentials):
		default:
			return nil, err
		}
	}
	if len(allowed) == 0 {
		return nil, later
	}
	return allowed, nil
}
