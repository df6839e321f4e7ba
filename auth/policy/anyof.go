package policy

import (
	"context"
	"errors"

	"github.com/gatehouse-go/gatehouse/auth"
)

// AnyOf allows what one of as allows; with none of them nothing. They are asked in
// order until one says yes, and the others are then not asked: an outage of another
// does not turn a yes into a no. Without a yes it is an outage if one could
// not tell: it might have said yes. Otherwise another proof would help if it helps
// with one of them, and the client is told of all the methods that do. Otherwise it is
// the first no. It has no opinion if none of them has.
//
// It filters if all of as do.
func AnyOf(as ...auth.Authorizer) auth.Authorizer { return &anyOf{members("AnyOf", as)} }

type anyOf struct{ members []auth.Authorizer }

var nobodyAllows = &auth.Denial{Policy: "any of", Reason: "there is nobody to allow it"}

func (c *anyOf) Authorize(ctx context.Context, a auth.Access) error {
	var said choice
	for _, m := range c.members {
		err := m.Authorize(ctx, a)
		if err == nil {
			return nil
		}
		said.add(err)
	}
	return said.err()
}

func (c *anyOf) Validate() error { return validate(c.members...) }

// Filter returns what meets one condition.
func (c *anyOf) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	var said choice
	var noFilter error
	var cs []Condition
	for _, m := range c.members {
		condition, err := FilterOf(ctx, m, a)
		switch {
		case err == nil && condition.Op == OpAll:
			return condition, nil
		case err == nil:
			cs = append(cs, condition)
		case errors.Is(err, ErrNoFilter):
			noFilter = err
		default:
			said.add(err)
		}
	}
	one := Or(cs...)
	switch {
	case said.outage != nil:
		return None(), said.outage
	case noFilter != nil:
		return None(), noFilter
	case one.Op == OpNone && (len(cs) == 0 || said.soft != nil):
		return None(), said.err()
	}
	return one, nil
}

// A choice is what several authorizers have said, none of them yes.
type choice struct {
	outage error        // the first
	soft   error        // the first no for now
	proof  *auth.Denial // all of those together
	hard   error        // the first no
	silent error        // the first without an opinion
}

func (c *choice) add(err error) {
	keep := func(first *error) {
		if *first == nil {
			*first = err
		}
	}
	switch said, d := weigh(err); said {
	case broken:
		keep(&c.outage)
	case no:
		keep(&c.hard)
	case silent:
		keep(&c.silent)
	case later:
		if c.soft == nil {
			c.soft, c.proof = err, d
		} else {
			c.proof = easier(c.proof, d)
			c.soft = c.proof
		}
	}
}

func (c *choice) err() error {
	for _, err := range [...]error{c.outage, c.soft, c.hard, c.silent} {
		if err != nil {
			return err
		}
	}
	return nobodyAllows
}
