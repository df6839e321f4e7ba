package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/action"
)

// For asks a about the actions that one of the patterns covers, and has no opinion on
// others ([ErrNoOpinion], for [FirstOf] and [AnyOf]; anywhere else it is a no). In a
// pattern a segment "*" stands for one segment, and as the last one for one or more:
// "posts:*" covers "posts:edit" and "posts:comments:edit", "*:view" covers "posts:view", and
// "*" everything.
//
// A pattern that can cover nothing makes it an outage, and Validate say so.
func For(a auth.Authorizer, patterns ...string) auth.Authorizer {
	c := &forActions{member: member(a, "For: the authorizer"), patterns: slices.Clone(patterns)}
	c.other = noOpinion{&auth.Denial{Policy: "for", Reason: "the action is none of " + strings.Join(patterns, ", ")}}
	if len(patterns) == 0 {
		c.wrong = errors.New(`policy: For: there is no pattern: name actions, such as "posts:*"`)
	}
	for _, p := range patterns {
		if !action.ValidPattern(p) {
			c.wrong = errors.Join(c.wrong, fmt.Errorf(`policy: For: pattern %q covers nothing: write it like "posts:edit" or "posts:*"`, p))
		}
	}
	return c
}

type forActions struct {
	member   auth.Authorizer
	patterns []string
	other    error // about other actions
	wrong    error
}

// not returns nil if the authorizer is to be asked.
func (c *forActions) not(name string) error {
	if c.wrong != nil {
		return c.wrong
	}
	for _, p := range c.patterns {
		if action.Match(p, name) {
			return nil
		}
	}
	return c.other
}

func (c *forActions) Authorize(ctx context.Context, a auth.Access) error {
	if err := c.not(a.Action); err != nil {
		return err
	}
	return c.member.Authorize(ctx, a)
}

func (c *forActions) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	if err := c.not(a.Action); err != nil {
		return None(), err
	}
	return FilterOf(ctx, c.member, a)
}

func (c *forActions) Validate() error { return errors.Join(c.wrong, validate(c.member)) }
