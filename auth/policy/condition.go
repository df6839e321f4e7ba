package policy

import (
	"math"
	"reflect"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An Op is what a [Condition] says.
type Op int

// The operators. The zero value is that of the condition that nothing meets.
const (
	OpNone Op = iota // no object
	OpAll            // every object
	OpIn             // Field is one of Values
	OpAnd            // all conditions in Of
	OpOr             // at least one condition in Of
)

// A Condition says which objects of many somebody may do something to. It is small
// enough to become a WHERE (bunstore.Where does that). The zero value is met by none.
type Condition struct {
	Op Op
	// Field is what OpIn looks at: "id", "tenant" or "owner", or one of
	// [auth.Object]'s Attrs by its name.
	Field  string
	Values []any       // of OpIn: strings, bools and int64s, one at least
	Of     []Condition // of OpAnd and OpOr, two at least
}

// None is met by no object.
func None() Condition { return Condition{} }

// All is met by every object.
func All() Condition { return Condition{Op: OpAll} }

// Equal is met by objects whose field has the value. A value that is another kind of
// string, bool or integer, such as an int, becomes a plain one.
func Equal(field string, value any) Condition {
	return Condition{Op: OpIn, Field: field, Values: []any{plain(value)}}
}

// In is met by objects whose field has one of the values, taken as by [Equal]; with no
// values by none.
func In[T any](field string, values ...T) Condition {
	if len(values) == 0 {
		return None()
	}
	c := Condition{Op: OpIn, Field: field}
	for _, v := range values {
		c.Values = append(c.Values, plain(v))
	}
	return c
}

// And is met by objects that meet all of cs; with no cs by none.
func And(cs ...Condition) Condition { return join(OpAnd, OpAll, OpNone, cs) }

// Or is met by objects that meet one of cs; with no cs by none.
func Or(cs ...Condition) Condition { return join(OpOr, OpNone, OpAll, cs) }

// join leaves out what changes nothing, and everything beside what decides.
func join(op, nothing, decides Op, cs []Condition) Condition {
	if len(cs) == 0 {
		return None()
	}
	var of []Condition
	for _, c := range cs {
		switch c.Op {
		case nothing:
		case decides:
			return c
		case op:
			if len(c.Of) == 0 { // somebody made it by hand: it is met by none
				c.Of = []Condition{None()}
			}
			of = append(of, c.Of...)
		default:
			of = append(of, c)
		}
	}
	switch len(of) {
	case 0:
		return Condition{Op: nothing}
	case 1:
		return of[0]
	}
	return Condition{Op: op, Of: of}
}

// Matches reports whether o meets c. A field that o does not have is met by nothing.
func (c Condition) Matches(o auth.Object) bool {
	switch c.Op {
	case OpAll:
		return true
	case OpIn:
		v, ok := field(o, c.Field)
		return ok && slices.Contains(c.Values, v)
	case OpAnd:
		return len(c.Of) > 0 && !slices.ContainsFunc(c.Of, func(c Condition) bool { return !c.Matches(o) })
	case OpOr:
		return slices.ContainsFunc(c.Of, func(c Condition) bool { return c.Matches(o) })
	}
	return false
}

func field(o auth.Object, name string) (any, bool) {
	switch name {
	case "id":
		return o.ID, true
	case "tenant":
		return o.Tenant, true
	case "owner":
		return o.Owner, true
	}
	switch v := plain(o.Attrs[name]).(type) {
	case string, bool, int64:
		return v, true
	}
	return nil, false
}

// plain returns v as a string, bool or int64 if it is of such a kind, or else as it is.
func plain(v any) any {
	switch v.(type) {
	case nil, string, bool, int64:
		return v
	}
	switch r := reflect.ValueOf(v); {
	case r.Kind() == reflect.String:
		return r.String()
	case r.Kind() == reflect.Bool:
		return r.Bool()
	case r.CanInt():
		return r.Int()
	case r.CanUint() && r.Uint() <= math.MaxInt64:
		return int64(r.Uint())
	}
	return v
}
