package rbac

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// definitions are roles that refer to one another. They are never changed.
type definitions struct {
	version int64
	roles   []Role           // in the order in which they were given
	index   map[string]int32 // where in roles, by name
	parents [][]int32        // what each inherits, without circles
	order   []int32          // all roles, behind what they inherit
	only    []subject        // who was granted one role, everywhere: most users are alike
}

// define puts roles together. What is wrong with them is left out, so that it grants
// nothing, and is all in the error.
func define(roles []Role) (*definitions, error) {
	d := &definitions{index: make(map[string]int32, len(roles))}
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("rbac: "+format, args...))
	}
	times := make(map[string]int, len(roles))
	for _, r := range roles {
		times[r.Name]++
	}
	for i, r := range roles {
		if err := checkName(r.Name); err != nil {
			wrong("role %d: the name %.60q %w", i+1, r.Name, err)
			continue
		}
		if n := times[r.Name]; n != 1 {
			if n > 1 { // said once; and nobody knows which was meant
				wrong("role %q is defined %d times: none of them counts", r.Name, n)
				times[r.Name] = 0
			}
			continue
		}
		own := Role{Name: r.Name, Inherits: slices.Clone(r.Inherits)}
		for _, p := range r.Permissions {
			if err := checkPermission(p); err != nil {
				wrong("role %q: the permission %.60q %w", r.Name, p, err)
				continue
			}
			own.Permissions = append(own.Permissions, p)
		}
		d.index[r.Name] = int32(len(d.roles))
		d.roles = append(d.roles, own)
	}
	d.parents = make([][]int32, len(d.roles))
	for i, r := range d.roles {
		for _, name := range r.Inherits {
			parent, ok := d.index[name]
			switch {
			case !ok:
				why := "which is not defined"
				if _, tried := times[name]; tried {
					why = "which does not count"
				}
				wrong("role %q inherits %.60q, %s", r.Name, name, why)
			case !slices.Contains(d.parents[i], parent):
				d.parents[i] = append(d.parents[i], parent)
			}
		}
	}
	for _, circle := range d.sort() {
		names := make([]string, len(circle))
		for i, role := range circle {
			names[i] = d.roles[role].Name
		}
		slices.Sort(names)
		if len(names) == 1 {
			wrong("role %q inherits itself", names[0])
			continue
		}
		wrong("roles %s inherit one another in a circle", quoted(names))
	}
	d.only = make([]subject, len(d.roles))
	for i := range d.only {
		d.only[i] = subject{defs: d, everywhere: []int32{int32(i)}}
	}
	return d, errors.Join(errs...)
}

// quoted lists names, not more than one wants to read.
func quoted(names []string) string {
	const enough = 10
	text := fmt.Sprintf("%q", names[:min(len(names), enough)])
	text = strings.Trim(text, "[]")
	if more := len(names) - enough; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// sort finds d.order, and returns the circles that it has opened: no role in one
// inherits any other in it. It is Tarjan's algorithm, which finds a circle behind all
// that it inherits.
func (d *definitions) sort() (circles [][]int32) {
	type mark struct {
		number, low int32
		at          int // where on the stack
		onStack     bool
	}
	marks := make([]mark, len(d.roles))
	var stack []int32
	var number int32
	var visit func(role int32)
	visit = func(role int32) {
		number++
		marks[role] = mark{number, number, len(stack), true}
		stack = append(stack, role)
		for _, parent := range d.parents[role] {
			if marks[parent].number == 0 {
				visit(parent)
				marks[role].low = min(marks[role].low, marks[parent].low)
			} else if marks[parent].onStack {
				marks[role].low = min(marks[role].low, marks[parent].number)
			}
		}
		if marks[role].low != marks[role].number {
			return
		}
		first := marks[role].at
		members := slices.Clone(stack[first:])
		stack = stack[:first]
		for _, m := range members {
			marks[m].onStack = false
		}
		if len(members) > 1 || slices.Contains(d.parents[role], role) {
			circles = append(circles, members)
			within := make(map[int32]bool, len(members))
			for _, m := range members {
				within[m] = true
			}
			for _, m := range members {
				d.parents[m] = slices.DeleteFunc(d.parents[m], func(p int32) bool { return within[p] })
			}
		}
		d.order = append(d.order, members...)
	}
	for role := range d.roles {
		if marks[role].number == 0 {
			visit(int32(role))
		}
	}
	return circles
}

// names returns the names of roles and all that they inherit, sorted.
func (d *definitions) names(roles []int32) []string {
	seen := make(map[int32]bool, len(roles))
	todo := slices.Clone(roles)
	var names []string
	for len(todo) > 0 {
		role := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[role] {
			continue
		}
		seen[role] = true
		names = append(names, d.roles[role].Name)
		todo = append(todo, d.parents[role]...)
	}
	slices.Sort(names)
	return names
}
