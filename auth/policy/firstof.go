package policy

import (
	"context"
	"errors"

	"github.com/gatehouse-go/gatehouse/auth"
)

// FirstOf asks as in order, and the answer is the first that is an opinion: a yes, a
// no, or an outage, everything that does not wrap [ErrNoOpinion]. If none has one, that
// is the answer. Of what is in this package only [For] has no opinion by itself; other
// authorizers say no to what they do not know, so that there is no use in one behind them.
//
// It filters as the first does that has an opinion.
func FirstOf(as ...auth.Authorizer) auth.Authorizer { return &firstOf{members("FirstOf", as)} }

type firstOf struct{ members []auth.Authorizer }

var nobodyHas = noOpinion{&auth.Denial{Policy: "first of", Reason: "nobody has an opinion"}}

func (c *firstOf) Authorize(ctx context.Context, a auth.Access) error {
	for _, m := range c.members {
		err := m.Authorize(ctx, a)
		if said, _ := weigh(err); said != silent {
			return err
		}
	}
	return nobodyHas
}

func (c *firstOf) Validate() error { return validate(c.members...) }

// Filter can rely on that whoever filters has an opinion on all objects, or on none.
func (c *firstOf) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	for _, m := range c.members {
		if condition, err := FilterOf(ctx, m, a); err == nil || !errors.Is(err, ErrNoOpinion) {
			return condition, err
		}
	}
	return None(), nobodyHas
}
