package policy

import (
	"context"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Users allows everything to everybody who is known, however they proved who they
// are, and nothing to nobody. Narrow it with [ByPrefix], [For] or [AllOf].
func Users() auth.Authorizer { return users{} }

type users struct{}

func (users) Authorize(ctx context.Context, a auth.Access) error { return user(ctx, "users", a) }

func (users) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	if err := user(ctx, "users", a); err != nil {
		return None(), err
	}
	return here(ctx, All()), nil
}

// Everybody allows everything, to nobody too. It is for what is public, and for the
// rest beside requirements, as in
//
//	ByPrefix(map[string]auth.Authorizer{"admin": Fresh(10 * time.Minute), "": Everybody()})
func Everybody() auth.Authorizer { return everybody{} }

type everybody struct{}

func (everybody) Authorize(ctx context.Context, a auth.Access) error { return live(ctx, a) }

func (everybody) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	if err := live(ctx, a); err != nil {
		return None(), err
	}
	return here(ctx, All()), nil
}

// live is what all that is allowed here has in common: the context has not ended, and
// the object is not another tenant's.
func live(ctx context.Context, a auth.Access) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.Object == nil || Tenant(ctx) == "" {
		return nil
	}
	_, err := TenantOf(ctx, a)
	return err
}

// user is live for what is never for nobody.
func user(ctx context.Context, policy string, a auth.Access) error {
	if isNobody(a) {
		return nobody(policy)
	}
	return live(ctx, a)
}

func isNobody(a auth.Access) bool { return a.Identity == nil || a.Identity.UserID == "" }

func nobody(policy string) error {
	return &auth.Denial{Policy: policy, Reason: "nobody is logged in"}
}

// here narrows a condition to the tenant of the context, as live does.
func here(ctx context.Context, c Condition) Condition {
	if t := Tenant(ctx); t != "" {
		return And(c, Equal("tenant", t))
	}
	return c
}

// isHere reports whether c is what here makes of All.
func isHere(ctx context.Context, c Condition) bool {
	t := Tenant(ctx)
	return t != "" && c.Op == OpIn && c.Field == "tenant" && len(c.Values) == 1 && c.Values[0] == t
}
