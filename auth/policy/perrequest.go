package policy

import (
	"context"
	"reflect"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/perrequest"
)

// PerRequest asks a once in a request about the same action and object, and answers the
// same again: yes or no, but an outage is asked again. A page with many buttons
// asks a database once for each. What is changed meanwhile counts from the next request
// on; whoever logs in meanwhile is asked for anew. It filters as a does, each time.
//
// What it knows it keeps for as long as the request is open: where one stays open for
// hours, as that of a WebSocket does, a yes would too. Ask a itself there.
//
// It knows again no object, a string, a number, and what has a method AuthObject and
// can be compared, if it describes itself in the same way again: with an ID, and without
// Attrs. It asks each time about other objects, and outside of requests. Beside the
// tenant ([WithTenant]), what a looks at in its context is not to change in a request.
func PerRequest(a auth.Authorizer) auth.Authorizer {
	return &perRequest{member(a, "PerRequest: the authorizer")}
}

type perRequest struct{ member auth.Authorizer }

// asked is a question that was asked in a request.
type asked struct {
	of     *perRequest
	access auth.Access // with its identity, which a login replaces
	user   string      // that of the identity, and who acts for them: a host that asks about
	actor  string      // one after the other may have one for all
	tenant string
	object described
}

// described is an [auth.Object] without Attrs.
type described struct{ kind, id, tenant, owner string }

type answered struct{ err error }

func (c *perRequest) Authorize(ctx context.Context, a auth.Access) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	memo := perrequest.From(ctx)
	if memo == nil {
		return c.member.Authorize(ctx, a)
	}
	key, ok := c.key(ctx, a)
	if !ok {
		return c.member.Authorize(ctx, a)
	}
	if kept, ok := memo.Load(key); ok {
		return kept.(answered).err
	}
	err := c.member.Authorize(ctx, a)
	if said, _ := weigh(err); said != broken {
		memo.Store(key, answered{err})
	}
	return err
}

// key returns what a question is known again by.
func (c *perRequest) key(ctx context.Context, a auth.Access) (asked, bool) {
	key := asked{of: c, access: a, tenant: Tenant(ctx)}
	if id := a.Identity; id != nil {
		key.user, key.actor = id.UserID, id.Actor
	}
	switch v := reflect.ValueOf(a.Object); v.Kind() {
	case reflect.Invalid, reflect.String, reflect.Bool,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if _, describes := a.Object.(interface{ AuthObject() auth.Object }); !describes {
			return key, true
		}
	default:
		if _, ok := a.Object.(auth.Object); ok {
			key.access.Object = nil // cannot be compared, and is all in its description
		} else if !v.Comparable() {
			return key, false
		}
	}
	// What is behind a pointer may be another object by now, and what describes itself
	// may describe itself differently.
	o, ok := a.Describe()
	key.object = described{o.Type, o.ID, o.Tenant, o.Owner}
	return key, ok && o.ID != "" && len(o.Attrs) == 0
}

func (c *perRequest) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	return FilterOf(ctx, c.member, a)
}

func (c *perRequest) Validate() error { return validate(c.member) }
