package rbac

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/action"
)

// A Role is what whoever is granted it may do.
type Role struct {
	// Name is 255 bytes at most, in characters that can be printed. It neither begins
	// nor ends with a space. The case counts.
	Name string
	// Permissions are names of actions and patterns of them: "posts:edit", "posts:*".
	Permissions []string
	// Inherits are the names of roles whose permissions this one has too, and all
	// that they inherit. Circles are errors.
	Inherits []string
}

// A Grant gives a role to a user. It holds where Tenant and Object both fit.
type Grant struct {
	UserID string
	Role   string
	Tenant string // where it holds; "" everywhere
	// Object is what it holds for: type and ID as in [auth.Object.String], "post/17".
	// "" is any object, and what is done to none. With an object and no tenant it
	// holds for the object of that name in every tenant: where IDs are unique within a
	// tenant only, name the tenant.
	Object string
}

const longest = 255 // bytes that every store keeps

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case len(name) > longest:
		return fmt.Errorf("is longer than %d bytes", longest)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("has characters that cannot be printed")
	case strings.TrimSpace(name) != name:
		return errors.New("begins or ends with a space")
	}
	return nil
}

func checkPermission(pattern string) error {
	switch {
	case pattern == "":
		return errors.New("is empty")
	case len(pattern) > longest:
		return fmt.Errorf("is longer than %d bytes", longest)
	case !action.ValidPattern(pattern):
		return errors.New(`is no pattern: segments between colons, "*" only as a whole one`)
	}
	return nil
}

// Validate returns everything that is wrong with g, so that it could never hold or
// not be kept. It wraps [auth.ErrInvalid].
func (g Grant) Validate() error {
	var errs []error
	wrong := func(field, value, why string) {
		errs = append(errs, fmt.Errorf("rbac: %w: Grant.%s %q %s", auth.ErrInvalid, field, value, why))
	}
	if g.UserID == "" {
		wrong("UserID", g.UserID, "is empty: whom is it for? Roles for everybody are in Options")
	} else if len(g.UserID) > longest {
		wrong("UserID", g.UserID[:longest]+"…", "is too long")
	}
	if err := checkName(g.Role); err != nil {
		wrong("Role", g.Role, err.Error())
	}
	if len(g.Tenant) > longest {
		wrong("Tenant", g.Tenant[:longest]+"…", "is too long")
	}
	if _, _, ok := g.object(); !ok {
		wrong("Object", g.Object, `is not a type and an ID, such as "post/17"`)
	} else if len(g.Object) > longest {
		wrong("Object", g.Object[:longest]+"…", "is too long")
	}
	return errors.Join(errs...)
}

// object returns the type and the ID of what g holds for, both "" for any object. It
// is false if g can hold for none.
func (g Grant) object() (kind, id string, ok bool) {
	if g.Object == "" {
		return "", "", true
	}
	kind, id, _ = strings.Cut(g.Object, "/")
	return kind, id, kind != "" && id != ""
}
