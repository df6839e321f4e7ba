package rbac

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-go/gatehouse/internal/action"
)

// A compiled policy says which role may do what: definitions by the Options of one
// Authorizer. It is never changed, but for what it has told.
type compiled struct {
	defs    *definitions
	numbers map[string]int32 // of actions
	sets    []set            // what each role may do, as are patterns
	// patterns are for actions that have no number: nil if all there are have one.
	patterns     [][]string
	nobody, user []int32 // the roles that nobody has, and every user; one or none
	// And their names, and those of what they inherit.
	nobodyNames, userNames []string

	told   sync.Map // roles that were granted and are not defined, by name
	warned atomic.Int32
}

// compile compiles. What is wrong grants nothing, and is all in the error.
func compile(defs *definitions, o *Options) (*compiled, error) {
	var errs []error
	closed := len(o.Actions) > 0
	names := slices.Clone(o.Actions)
	if !closed {
		for _, r := range defs.roles {
			for _, p := range r.Permissions {
				if action.Valid(p) {
					names = append(names, p)
				}
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	c := &compiled{defs: defs, numbers: make(map[string]int32, len(names)), sets: make([]set, len(defs.roles))}
	for i, name := range names {
		c.numbers[name] = int32(i)
	}
	if !closed {
		c.patterns = make([][]string, len(defs.roles))
	}

	covers := coverage{names, c.numbers, make(map[string][]int32)}
	s := newScratch(len(names))
	for _, role := range defs.order {
		r, parents := defs.roles[role], defs.parents[role]
		var patterns []string
		for _, p := range r.Permissions {
			numbers := covers.of(p)
			if closed && len(numbers) == 0 {
				errs = append(errs, fmt.Errorf("rbac: role %q: the permission %q covers none of Options.Actions", r.Name, p))
			}
			for _, number := range numbers {
				s.add(number)
			}
			if !closed && strings.Contains(p, "*") {
				patterns = append(patterns, p)
			}
		}
		if len(r.Permissions) == 0 && len(parents) == 1 { // another name of the same
			c.sets[role] = c.sets[parents[0]]
			if !closed {
				c.patterns[role] = c.patterns[parents[0]]
			}
			continue
		}
		for _, parent := range parents {
			s.addAll(c.sets[parent])
			if !closed {
				patterns = append(patterns, c.patterns[parent]...)
			}
		}
		c.sets[role] = s.take()
		if !closed {
			c.patterns[role] = shortest(patterns)
		}
	}

	given := func(field, name string) []int32 {
		if name == "" {
			return nil
		}
		role, ok := defs.index[name]
		if !ok {
			errs = append(errs, fmt.Errorf("rbac: Options.%s: role %.60q is not defined", field, name))
			return nil
		}
		return []int32{role}
	}
	c.nobody, c.user = given("Nobody", o.Nobody), given("User", o.User)
	c.nobodyNames, c.userNames = slices.Clip(defs.names(c.nobody)), slices.Clip(defs.names(c.user))
	return c, errors.Join(errs...)
}

// shortest leaves out patterns that change nothing.
func shortest(patterns []string) []string {
	if slices.Contains(patterns, "*") {
		return []string{"*"}
	}
	slices.Sort(patterns)
	return slices.Clip(slices.Compact(patterns))
}

// coverage finds out which actions patterns cover, each pattern once.
type coverage struct {
	names   []string // sorted: the number of an action is its place
	numbers map[string]int32
	known   map[string][]int32
}

func (c coverage) of(pattern string) []int32 {
	literal, _, wild := strings.Cut(pattern, "*")
	if !wild {
		if number, ok := c.numbers[pattern]; ok {
			return []int32{number}
		}
		return nil
	}
	covered, ok := c.known[pattern]
	if ok {
		return covered
	}
	// What begins alike is together.
	first, _ := slices.BinarySearch(c.names, literal)
	for i := first; i < len(c.names) && strings.HasPrefix(c.names[i], literal); i++ {
		if action.Match(pattern, c.names[i]) {
			covered = append(covered, int32(i))
		}
	}
	c.known[pattern] = covered
	return covered
}

// A question is an action as a compiled policy knows it.
type question struct {
	number int32 // -1: none
	name   string
}

// ask returns what c knows of an action. It is false if that is not allowed to anybody.
func (c *compiled) ask(name string) (question, bool) {
	if number, ok := c.numbers[name]; ok {
		return question{number, name}, true
	}
	return question{-1, name}, c.patterns != nil
}

// allows reports whether one of the roles has the permission.
func (c *compiled) allows(roles []int32, q question) bool {
	for _, role := range roles {
		if q.number >= 0 {
			if c.sets[role].has(q.number) {
				return true
			}
			continue
		}
		for _, pattern := range c.patterns[role] {
			if action.Match(pattern, q.name) {
				return true
			}
		}
	}
	return false
}
