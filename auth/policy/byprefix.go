package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/action"
)

// ByPrefix asks one of the authorizers: that with the longest key that the action begins
// with, by whole segments. The key "posts" is for "posts", "posts:edit" and
// "posts:comments:edit", and not for "postscript"; the key "" for everything that has
// no other. If there is none it is a no, as it is to what is no name of an action, such
// as "" or "posts:". The map is copied.
//
// A key that is no name makes it an outage, and Validate say so.
func ByPrefix(prefixes map[string]auth.Authorizer) auth.Authorizer {
	c := &byPrefix{members: make(map[string]auth.Authorizer, len(prefixes))}
	for _, key := range slices.Sorted(maps.Keys(prefixes)) {
		if key != "" && !action.Valid(key) {
			c.wrong = errors.Join(c.wrong, fmt.Errorf(`policy: ByPrefix: key %q is no prefix: write it like "posts" or "posts:comments"`, key))
		}
		c.members[key] = member(prefixes[key], "ByPrefix: the authorizer of %q", key)
	}
	return c
}

type byPrefix struct {
	members map[string]auth.Authorizer
	wrong   error
}

var (
	noPrefix = &auth.Denial{Policy: "by prefix", Reason: "no prefix is that of the action"}
	noAction = &auth.Denial{Policy: "by prefix", Reason: "the action has no name"}
)

// find returns whom to ask.
func (c *byPrefix) find(name string) (auth.Authorizer, error) {
	if c.wrong != nil {
		return nil, c.wrong
	}
	if !action.Valid(name) {
		return nil, noAction
	}
	for {
		if m, ok := c.members[name]; ok {
			return m, nil
		}
		if name == "" {
			return nil, noPrefix
		}
		name = name[:max(0, strings.LastIndexByte(name, ':'))]
	}
}

func (c *byPrefix) Authorize(ctx context.Context, a auth.Access) error {
	m, err := c.find(a.Action)
	if err != nil {
		return err
	}
	return m.Authorize(ctx, a)
}

func (c *byPrefix) Filter(ctx context.Context, a auth.Access) (Condition, error) {
	m, err := c.find(a.Action)
	if err != nil {
		return None(), err
	}
	return FilterOf(ctx, m, a)
}

func (c *byPrefix) Validate() error {
	errs := []error{c.wrong}
	for _, key := range slices.Sorted(maps.Keys(c.members)) {
		errs = append(errs, validate(c.members[key]))
	}
	return errors.Join(errs...)
}
