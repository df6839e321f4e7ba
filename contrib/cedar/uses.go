package cedarauthz

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/cedar-policy/cedar-go"
)

// uses is what a policy looks at. Records are made of that only: to make one costs
// more than to evaluate most policies. It may say too much, and never too little:
// what is left out is not there for `has`, and a forbid would not apply.
type uses struct {
	attributes map[string]bool // of whatever entity or record
	context    map[string]bool // of the context
	wholly     bool            // the context as a value, such as context == {…}
}

// usesOf reads the JSON form of a policy, which Cedar's documentation defines. The
// other form, the syntax tree, is an experiment of cedar-go.
func usesOf(policy any) uses {
	u := uses{attributes: make(map[string]bool), context: make(map[string]bool)}
	u.walk(policy)
	return u
}

func (u *uses) walk(node any) {
	switch node := node.(type) {
	case []any:
		for _, n := range node {
			u.walk(n)
		}
	case map[string]any:
		for name, n := range node {
			s, text := n.(string)
			switch {
			case name == "attr" && text:
				u.attributes[s] = true
			case name == "Var" && s == "context":
				u.wholly = true
			case (name == "." || name == "has") && u.ofContext(n):
			default:
				u.walk(n)
			}
		}
	}
}

// ofContext is for context.x, and whether there is one.
func (u *uses) ofContext(access any) bool {
	of, _ := access.(map[string]any)
	left, _ := of["left"].(map[string]any)
	name, ok := of["attr"].(string)
	if !ok || len(of) != 2 || len(left) != 1 || left["Var"] != "context" {
		return false
	}
	u.context[name] = true
	return true
}

// add adds what other looks at.
func (u *uses) add(other uses) {
	maps.Copy(u.attributes, other.attributes)
	maps.Copy(u.context, other.context)
	u.wholly = u.wholly || other.wholly
}

// names returns the attributes, sorted.
func (u *uses) names() []string { return slices.Sorted(maps.Keys(u.attributes)) }

// contextNames returns those of [contextNames] that are looked at, in that order, and
// whether others are.
func (u *uses) contextNames() (names []string, others bool) {
	known := 0
	for _, n := range contextNames {
		if u.context[n] {
			known++
		}
		if u.context[n] || u.wholly {
			names = append(names, n)
		}
	}
	return names, u.wholly || len(u.context) > known
}

// A scope says of which actions a policy is.
type scope struct {
	Op       string       `json:"op"`
	Entity   *entityRef   `json:"entity"`
	Entities *[]entityRef `json:"entities"`
}

type entityRef struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// fits reports whether the policy can be of the action, whose groups are those that
// the package has given it. With other groups beside them (more) it can be if it is
// of any group.
func (s *scope) fits(action string, groups []string, more bool) bool {
	var of []entityRef
	switch {
	case s.Op == "==" && s.Entity != nil:
		return *s.Entity == entityRef{actionType, action}
	case s.Op != "in", more:
		return true
	case s.Entity != nil:
		of = []entityRef{*s.Entity}
	case s.Entities != nil:
		of = *s.Entities
	default:
		return true
	}
	return slices.ContainsFunc(of, func(e entityRef) bool {
		return e.Type == actionType && (e.ID == action || slices.Contains(groups, e.ID))
	})
}

// read returns what a policy looks at, and of which actions it is.
func read(policy *cedar.Policy) (uses, scope, error) {
	text, err := policy.MarshalJSON()
	if err != nil {
		return uses{}, scope{}, err
	}
	var whole any
	var parts struct {
		Action scope `json:"action"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return uses{}, scope{}, err
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		return uses{}, scope{}, err
	}
	return usesOf(whole), parts.Action, nil
}
