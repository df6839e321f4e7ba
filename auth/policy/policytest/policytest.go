// Package policytest tests authorizers that can say which objects of many they would
// allow an action to. Begin with [TestFilter].
package policytest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// TestFilter tests every rule of [policy.Filterer]: for each question, whose object does
// not matter, the condition that a answers with is met by just those objects that it allows
// the action to. At least one of them has to be, and one not. Objects are in no tenant but
// that of ctx, if that has one (policy.WithTenant), and have IDs.
func TestFilter(t testing.TB, ctx context.Context, a auth.Authorizer, questions []auth.Access, objects []auth.Object) {
	t.Helper()
	met, unmet := 0, 0
	kinds := map[string]bool{"": true} // if the type was not said, it is all of them
	for _, o := range objects {
		kinds[o.Type] = true
	}
	for _, q := range questions {
		for kind := range kinds {
			q.Object = auth.Object{Type: kind}
			c, err := policy.FilterOf(ctx, a, q)
			if errors.Is(err, policy.ErrNoFilter) {
				t.Errorf("%s: %v", describe(q), err)
				continue
			}
			if err != nil && !errors.Is(err, auth.ErrForbidden) {
				t.Errorf("%s: %v\n\trule: whoever may do nothing gets None or ErrForbidden; any other error is an outage", describe(q), err)
				continue
			}
			if err == nil {
				if err := wellFormed(c); err != nil {
					t.Errorf("%s: %v: %+v\n\trule: see policy.Condition", describe(q), err, c)
				}
			}
			for _, o := range objects {
				if kind != "" && kind != o.Type {
					continue
				}
				one := q
				one.Object = o
				said := a.Authorize(ctx, one)
				listed := err == nil && c.Matches(o)
				if listed {
					met++
				} else {
					unmet++
				}
				if listed != (said == nil) {
					t.Errorf("%s: the filter is %+v, %v, and whether %+v meets it is %v, but Authorize says: %v\n\trule: an object meets the condition if and only if Authorize would allow it",
						describe(q), c, err, o, listed, said)
				}
				if errors.Is(err, policy.ErrNoOpinion) != errors.Is(said, policy.ErrNoOpinion) {
					t.Errorf("%s: the filter says %v and Authorize of %+v: %v\n\trule: an authorizer has an opinion on all objects or on none, or else says ErrNoFilter",
						describe(q), err, o, said)
				}
			}
			ended, cancel := context.WithCancel(ctx)
			cancel()
			if c, err := policy.FilterOf(ended, a, q); err == nil && c.Op != policy.OpNone {
				t.Errorf("%s: with a context that has ended the filter is %+v\n\trule: a context that has ended is never a yes", describe(q), c)
			}
		}
	}
	if met == 0 || unmet == 0 {
		t.Errorf("policytest: TestFilter needs objects that are allowed, and others: %d are, and %d are not", met, unmet)
	}
}

func describe(a auth.Access) string {
	who := "nobody"
	if a.Identity != nil {
		who = fmt.Sprintf("%q", a.Identity.UserID)
	}
	return fmt.Sprintf("%s, %q, type %q", who, a.Action, a.Object.(auth.Object).Type)
}

// wellFormed says what a WHERE cannot be made of.
func wellFormed(c policy.Condition) error {
	switch c.Op {
	case policy.OpNone, policy.OpAll:
		return nil
	case policy.OpIn:
		if c.Field == "" || len(c.Values) == 0 {
			return errors.New("OpIn without field or values")
		}
		for _, v := range c.Values {
			switch v.(type) {
			case string, bool, int64:
			default:
				return fmt.Errorf("the value %v is a %T", v, v)
			}
		}
		return nil
	case policy.OpAnd, policy.OpOr:
		if len(c.Of) < 2 {
			return errors.New("OpAnd or OpOr of fewer than two")
		}
		for _, of := range c.Of {
			if err := wellFormed(of); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("there is no operator %d", c.Op)
}
