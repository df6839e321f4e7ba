package casbinauthz

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/action"
)

// What subjectMatch and objectMatch compare with. A user's ID and a role's name stand
// behind a word of their own, so that neither is ever taken for the other.
const (
	everybody = "everybody" // even nobody
	users     = "users"     // whoever is logged in
	owner     = "owner"     // whose the object is
	userWord  = "user:"
	roleWord  = "role:"
	anything  = "*"
)

// Functions returns the functions that matchers may call. [Open] adds them itself;
// a host adds them to an enforcer of its own, before it decides anything:
//
//	for name, f := range casbinauthz.Functions() {
//		e.AddFunction(name, f)
//	}
//
// The functions are safe for concurrent use. One that is called with what it cannot
// work with returns an error, which makes the decision an outage. The package comment
// says what they do.
func Functions() map[string]func(args ...any) (any, error) {
	return map[string]func(args ...any) (any, error){
		"subjectMatch": subjectMatch,
		"objectMatch":  objectMatch,
		"actionMatch":  actionMatch,
		"hasRole":      hasRole,
		"isUser":       isUser,
		"isOwner":      isOwner,
		"proved":       proved,
		"fresh":        fresh,
		"attr":         attr,
		"attrHas":      attrHas,
	}
}

func subjectMatch(args ...any) (any, error) {
	if len(args) != 3 {
		return false, errors.New("subjectMatch wants (r.sub, r.obj, p.sub)")
	}
	sub, ok1 := args[0].(*Subject)
	obj, ok2 := args[1].(*auth.Object)
	word, ok3 := args[2].(string)
	if !ok1 || !ok2 || !ok3 {
		return false, errors.New("subjectMatch wants (r.sub, r.obj, p.sub)")
	}
	switch word {
	case everybody:
		return true, nil
	case users:
		return sub.ID != "", nil
	case owner:
		return owns(sub, obj), nil
	}
	if id, ok := strings.CutPrefix(word, userWord); ok {
		return sub.ID != "" && sub.ID == id, nil
	}
	if role, ok := strings.CutPrefix(word, roleWord); ok {
		return role != "" && slices.Contains(sub.Roles, role), nil
	}
	return false, validSubject(word)
}

// validSubject says what is wrong with what stands in a column that subjectMatch
// compares with.
func validSubject(word string) error {
	id, isUser := strings.CutPrefix(word, userWord)
	role, isRole := strings.CutPrefix(word, roleWord)
	switch {
	case word == everybody, word == users, word == owner, isUser && id != "", isRole && role != "":
		return nil
	}
	return fmt.Errorf("%q is no subject: write role:NAME, user:ID, owner, users or everybody", word)
}

func objectMatch(args ...any) (any, error) {
	if len(args) != 2 {
		return false, errors.New("objectMatch wants (r.obj, p.obj)")
	}
	obj, ok1 := args[0].(*auth.Object)
	pattern, ok2 := args[1].(string)
	if !ok1 || !ok2 {
		return false, errors.New("objectMatch wants (r.obj, p.obj)")
	}
	if pattern == anything {
		return true, nil
	}
	kind, id, one := strings.Cut(pattern, "/")
	return kind != "" && obj.Type == kind && (!one || id != "" && obj.ID == id), nil
}

func validObject(pattern string) error {
	kind, id, one := strings.Cut(pattern, "/")
	if pattern == anything || kind != "" && !strings.Contains(pattern, "*") && (!one || id != "") {
		return nil
	}
	return fmt.Errorf("%q is no object: write TYPE, TYPE/ID or *", pattern)
}

func actionMatch(args ...any) (any, error) {
	if len(args) == 2 {
		name, ok1 := args[0].(string)
		pattern, ok2 := args[1].(string)
		if ok1 && ok2 {
			return action.Match(pattern, name), nil
		}
	}
	return false, errors.New("actionMatch wants (r.act, p.act)")
}

func validAction(pattern string) error {
	if action.ValidPattern(pattern) {
		return nil
	}
	return fmt.Errorf("%q is no action: write posts:edit, posts:* or *", pattern)
}

func hasRole(args ...any) (any, error) {
	if len(args) == 2 {
		sub, ok1 := args[0].(*Subject)
		role, ok2 := args[1].(string)
		if ok1 && ok2 {
			return role != "" && slices.Contains(sub.Roles, role), nil
		}
	}
	return false, errors.New("hasRole wants (r.sub, 'NAME')")
}

func validRole(name string) error {
	if strings.HasPrefix(name, roleWord) || strings.HasPrefix(name, userWord) {
		return fmt.Errorf("%q is no role: hasRole wants the name alone", name)
	}
	return nil
}

func isUser(args ...any) (any, error) {
	if len(args) == 1 {
		if sub, ok := args[0].(*Subject); ok {
			return sub.ID != "", nil
		}
	}
	return false, errors.New("isUser wants (r.sub)")
}

func isOwner(args ...any) (any, error) {
	if len(args) == 2 {
		sub, ok1 := args[0].(*Subject)
		obj, ok2 := args[1].(*auth.Object)
		if ok1 && ok2 {
			return owns(sub, obj), nil
		}
	}
	return false, errors.New("isOwner wants (r.sub, r.obj)")
}

// owns: what is nobody's is not nobody's own.
func owns(sub *Subject, obj *auth.Object) bool { return sub.ID != "" && sub.ID == obj.Owner }

func proved(args ...any) (any, error) {
	if len(args) == 2 {
		sub, ok1 := args[0].(*Subject)
		method, ok2 := args[1].(string)
		if ok1 && ok2 {
			return slices.Contains(sub.Methods, method), nil
		}
	}
	return false, errors.New("proved wants (r.sub, 'METHOD')")
}

func fresh(args ...any) (any, error) {
	if len(args) == 2 {
		sub, ok1 := args[0].(*Subject)
		seconds, ok2 := args[1].(float64) // all numbers are
		if ok1 && ok2 {
			return sub.proofAge >= 0 && sub.proofAge <= time.Duration(seconds*float64(time.Second)), nil
		}
	}
	return false, errors.New("fresh wants (r.sub, SECONDS)")
}

// exact is what a float64 cannot tell from the next integer.
const exact = 1 << 53

func attr(args ...any) (any, error) {
	if len(args) == 2 {
		obj, ok1 := args[0].(*auth.Object)
		name, ok2 := args[1].(string)
		if ok1 && ok2 {
			switch v := obj.Attrs[name].(type) {
			case nil, string, bool:
				return v, nil
			case int64: // a matcher knows one kind of number, in which the next is the same from there on
				if v <= -exact || v >= exact {
					return nil, fmt.Errorf("attr: %q is too large a number for a matcher: make it a string", name)
				}
				return float64(v), nil
			}
			return nil, fmt.Errorf("attr: %q is no string, bool or int64", name)
		}
	}
	return nil, errors.New("attr wants (r.obj, 'NAME')")
}

func attrHas(args ...any) (any, error) {
	if len(args) == 3 {
		obj, ok1 := args[0].(*auth.Object)
		name, ok2 := args[1].(string)
		value, ok3 := args[2].(string)
		if ok1 && ok2 && ok3 {
			switch list := obj.Attrs[name].(type) {
			case nil:
				return false, nil
			case []string:
				return slices.Contains(list, value), nil
			}
			return false, fmt.Errorf("attrHas: %q is no slice of strings", name)
		}
	}
	return false, errors.New("attrHas wants (r.obj, 'NAME', 'VALUE')")
}
