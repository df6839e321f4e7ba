package policy

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/gatehouse-go/gatehouse/auth"
)

// missing stands where an authorizer should be: an outage, whatever it is asked.
type missing struct{ err error }

func (m missing) Authorize(context.Context, auth.Access) error           { return m.err }
func (m missing) Filter(context.Context, auth.Access) (Condition, error) { return None(), m.err }
func (m missing) Validate() error                                        { return m.err }

// member returns a, or what stands for it if it is nil.
func member(a auth.Authorizer, format string, args ...any) auth.Authorizer {
	if isNil(a) {
		return missing{fmt.Errorf("policy: "+format+" is nil", args...)}
	}
	return a
}

// members returns the authorizers that of is made of.
func members(of string, as []auth.Authorizer) []auth.Authorizer {
	all := make([]auth.Authorizer, len(as))
	for i, a := range as {
		all[i] = member(a, "%s: authorizer %d of %d", of, i+1, len(as))
	}
	return all
}

// isNil reports whether a is nil, or a nil of some type in it.
func isNil(a auth.Authorizer) bool {
	if a == nil {
		return true
	}
	switch v := reflect.ValueOf(a); v.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// validate asks all of as what is wrong with them.
func validate(as ...auth.Authorizer) error {
	var errs []error
	for _, a := range as {
		if v, ok := auth.As[interface{ Validate() error }](a); ok {
			errs = append(errs, v.Validate())
		}
	}
	return errors.Join(errs...)
}
