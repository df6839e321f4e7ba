package authtest

import (
	"reflect"

	"github.com/gatehouse-go/gatehouse/auth"
)

// oneStore reports whether all parts of s are kept by one store: the transactions
// of a composition, see [auth.Combine], are those of the part with the
// credentials, and promise nothing of the others.
func oneStore(s auth.Store) bool {
	c, ok := auth.As[interface{ Parts() auth.Parts }](s)
	if !ok {
		return true
	}
	p := c.Parts()
	first := bottom(p.Credentials)
	for _, part := range [...]any{p.Sessions, p.Tickets, p.Limiter} {
		if b := bottom(part); !reflect.ValueOf(b).Comparable() || !reflect.ValueOf(first).Comparable() || b != first {
			return false
		}
	}
	return true
}

// bottom returns what all decorators of v stand in front of.
func bottom(v any) any {
	for {
		u, ok := v.(interface{ Unwrap() any })
		if !ok {
			return v
		}
		v = u.Unwrap()
	}
}
