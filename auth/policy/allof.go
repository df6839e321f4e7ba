package policy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// AllOf allows what all of as allow; with none of them nothing.
//
// All are asked, even after a no, so that an outage is never hidden by it: an outage
// ends it and is the answer. Otherwise it is the first no. A no for now
// ([auth.Denial.StepUp]) is the answer only if all others say yes: another proof would
// not help against the others. Several are put into one, for which the newest proof
// that one of them wants is told, by a method that is good for as many as
// possible, beginning with the first. An authorizer without an opinion says no here.
//
// It filters if all of as do, and has a method Validate() error, as everything in this
// package that is made of others, which says which of them is nil or wrong in itself.
func AllOf(as ...auth.Authorizer) auth.Authorizer { return &allOf{members("AllOf", as)} }

type allOf struct{ members []auth.Authorizer }

var (
	nothingToAllow = &auth.Denial{Policy: "all of", Reason: "there is nobody to allow it"}
	partSilent     = &auth.Denial{Policy: "all of", Reason: "one of those who have to allow it has no opinion"}
)

func (c *allOf) Authorize(ctx context.Context, a auth.Access) error {
	if len(c.members) == 0 {
		return nothingToAllow
	}
	var said verdict
	for _, m := range c.members {
		if !said.add(m.Authorize(ctx, a)) {
			break
		}
	}
	return said.err()
}

func (c *allOf) Validate() error { return validate(c.members...) }

// Filter returns what all conditions have in common.
func (c *allOf) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	if len(c.members) == 0 {
		return None(), nothingToAllow
	}
	var said verdict
	var noFilter error
	var cs []Condition
	for _, m := range c.members {
		condition, err := FilterOf(ctx, m, a)
		if errors.Is(err, ErrNoFilter) {
			noFilter = err
			continue
		}
		if !said.add(err) {
			return None(), err
		}
		if err == nil {
			cs = append(cs, condition)
		}
	}
	both := All()
	if len(cs) > 0 {
		both = And(cs...)
	}
	switch err := said.err(); {
	case noFilter != nil:
		return None(), noFilter
	case said.hard != nil, err != nil && both.Op != OpNone:
		return None(), err
	}
	return both, nil
}

// A verdict is what all of several authorizers have said.
type verdict struct {
	outage error
	hard   error        // the first no
	soft   error        // the first no for now
	proof  *auth.Denial // all of those together
}

// add takes another answer, and reports whether others still matter.
func (v *verdict) add(err error) bool {
	switch said, d := weigh(err); said {
	case broken:
		v.outage = err
		return false
	case silent:
		if v.hard == nil {
			v.hard = partSilent
		}
	case no:
		if v.hard == nil {
			v.hard = err
		}
	case later:
		if v.soft == nil {
			v.soft, v.proof = err, d
		} else {
			v.proof = stricter(v.proof, d)
			v.soft = v.proof
		}
	}
	return true
}

func (v *verdict) err() error {
	switch {
	case v.outage != nil:
		return v.outage
	case v.hard != nil:
		return v.hard
	}
	return v.soft
}

// stricter returns a no that both a and b are turned into a yes by, if one proof can
// do that. Otherwise it is for a, and after that is b's turn.
func stricter(a, b *auth.Denial) *auth.Denial {
	d := both(a, b)
	switch {
	case len(a.Methods) == 0:
		d.Methods = slices.Clone(b.Methods)
	case len(b.Methods) == 0:
		d.Methods = slices.Clone(a.Methods)
	default:
		for _, m := range a.Methods {
			if slices.Contains(b.Methods, m) {
				d.Methods = append(d.Methods, m)
			}
		}
		if d.Methods == nil {
			d.Methods = slices.Clone(a.Methods)
		}
	}
	return d
}

// easier returns a no that a or b is turned into a yes by.
func easier(a, b *auth.Denial) *auth.Denial {
	d := both(a, b)
	if len(a.Methods) > 0 && len(b.Methods) > 0 {
		d.Methods = slices.Clone(a.Methods)
		for _, m := range b.Methods {
			if !slices.Contains(d.Methods, m) {
				d.Methods = append(d.Methods, m)
			}
		}
	}
	return d
}

// both returns a denial for the reasons of a and b, with the smaller age: the proof
// that is to be given now is new enough for each.
func both(a, b *auth.Denial) *auth.Denial {
	d := &auth.Denial{Policy: joined(a.Policy, b.Policy), Reason: joined(a.Reason, b.Reason), MaxAge: a.MaxAge}
	if d.MaxAge == 0 || b.MaxAge > 0 && b.MaxAge < d.MaxAge {
		d.MaxAge = b.MaxAge
	}
	return d
}

func joined(a, b string) string {
	if a == b || b == "" || strings.HasSuffix(a, "; "+b) {
		return a
	}
	if a == "" {
		return b
	}
	return a + "; " + b
}
