package policy

import (
	"context"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Owner allows everything to whoever the object belongs to. Narrow it with [For]: owners
// of a post may not do everything that has a post in it.
//
// OwnerOf returns the ID of the user whose the object is, or "", and is never given
// nil; it does not filter before [Owned.Field] says how. Nil takes [auth.Object]'s Owner,
// and filters by the field "owner"; an object that says nothing of itself is then an
// outage. Without an object it is a no.
func Owner(ownerOf func(obj any) string) Owned {
	if ownerOf == nil {
		return Owned{field: "owner"}
	}
	return Owned{ownerOf: ownerOf}
}

// Owned is what [Owner] returns.
type Owned struct {
	ownerOf func(obj any) string
	field   string // "": cannot filter
}

// Field returns an authorizer that filters by a field of the objects, which has the ID
// that [Owner]'s function finds in it.
func (o Owned) Field(name string) Owned {
	o.field = name
	return o
}

var (
	ownsNothing = &auth.Denial{Policy: "owner", Reason: "there is no object"}
	notOwner    = &auth.Denial{Policy: "owner", Reason: "the object is somebody else's, or nobody's"}
)

// Authorize implements [auth.Authorizer].
func (o Owned) Authorize(ctx context.Context, a auth.Access) error {
	if err := user(ctx, "owner", a); err != nil {
		return err
	}
	if a.Object == nil {
		return ownsNothing
	}
	var owner string
	if o.ownerOf != nil {
		owner = o.ownerOf(a.Object)
	} else {
		described, ok := a.Describe()
		if !ok {
			return saysNothing(a.Object)
		}
		owner = described.Owner
	}
	if owner != a.Identity.UserID {
		return notOwner
	}
	return nil
}

// Filter implements [Filterer].
func (o Owned) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	if o.field == "" {
		return None(), ErrNoFilter
	}
	if err := user(ctx, "owner", a); err != nil {
		return None(), err
	}
	return here(ctx, Equal(o.field, a.Identity.UserID)), nil
}
