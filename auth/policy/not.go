package policy

import (
	"context"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Not allows what a denies, and denies what a allows. An outage stays one, and so does
// having no opinion. A no for now ([auth.Denial.StepUp]) stays a no as well: nobody gains
// by what they have not proved. It never allows anything to nobody, to a context that
// has ended, or about another tenant's object.
//
// It allows every action that a does not know: use it inside of [AllOf], beside
// something that says what is allowed, as in AllOf(roles, Not(suspended)), and never
// as the whole policy.
//
// It filters where a's answer is the same for all objects.
func Not(a auth.Authorizer) auth.Authorizer { return &not{member(a, "Not: the authorizer")} }

type not struct{ member auth.Authorizer }

var denied = &auth.Denial{Policy: "not", Reason: "it is for those who may not do something that they may"}

func (c *not) Authorize(ctx context.Context, a auth.Access) error {
	if isNobody(a) {
		return nobody("not")
	}
	err := c.member.Authorize(ctx, a)
	switch said, _ := weigh(err); said {
	case yes:
		return denied
	case no: // perhaps because of what is for nobody at all
		return live(ctx, a)
	}
	return err
}

func (c *not) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	if isNobody(a) {
		return None(), nobody("not")
	}
	condition, err := FilterOf(ctx, c.member, a)
	switch said, _ := weigh(err); {
	case said == no, said == yes && condition.Op == OpNone:
		return here(ctx, All()), ctx.Err()
	case said == later:
		return None(), ErrNoFilter // to some objects it may be a plain no
	case said != yes:
		return None(), err
	case condition.Op == OpAll, isHere(ctx, condition):
		return None(), denied
	}
	return None(), ErrNoFilter
}

func (c *not) Validate() error { return validate(c.member) }
