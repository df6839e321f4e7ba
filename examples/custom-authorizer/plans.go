// Package plans is an authorizer of one's own: what the plan that a customer pays for
// includes. The guide to it is docs/writing-an-authorizer.md.
package plans

import (
	"context"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An Authorizer allows what somebody's plan includes.
type Authorizer struct {
	Plan     func(ctx context.Context, userID string) (string, error)
	Includes map[string][]string // actions, by plan
}

// Authorize implements [auth.Authorizer].
func (p *Authorizer) Authorize(ctx context.Context, a auth.Access) error {
	if a.Identity == nil {
		return &auth.Denial{Policy: "plans", Reason: "nobody has a plan"}
	}
	plan, err := p.Plan(ctx, a.Identity.UserID)
	if err != nil {
		return fmt.Errorf("plans: %w", err)
	}
	for _, action := range p.Includes[plan] {
		if action == a.Action {
			return ctx.Err()
		}
	}
	return &auth.Denial{Policy: "plans", Reason: "not included in " + plan}
}
