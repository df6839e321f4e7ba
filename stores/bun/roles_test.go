package bunstore_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// TestGrants grants and revokes.
func TestGrants(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		roles := s.Roles()
		list := func(user string) []bunstore.Grant {
			t.Helper()
			got, _, err := roles.Grants(ctx, user)
			must(t, err)
			return got
		}
		want := []bunstore.Grant{
			{"u", "admin", "", ""},
			{"u", "editor", "", "post/17"},
			{"u", "editor", "acme", ""},
			{"u", "editor", "acme", "post/17"},
		}
		for _, i := range []int{2, 0, 3, 1, 2, 0} { // in any order, and again
			must(t, roles.Grant(ctx, want[i]))
		}
		must(t, roles.Grant(ctx, bunstore.Grant{UserID: "v", Role: "viewer"}))
		if got := list("u"); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := list("nobody"); got != nil {
			t.Errorf("nobody: got %v", got)
		}
		must(t, roles.Revoke(ctx, want[1]))
		for _, g := range []bunstore.Grant{want[1], {"u", "editor", "", ""}, {"u", "viewer", "", ""}, {"w", "admin", "", ""}} {
			if err := roles.Revoke(ctx, g); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("Revoke(%v): got %v, want ErrNotFound", g, err)
			}
		}
		if got := list("u"); !reflect.DeepEqual(got, []bunstore.Grant{want[0], want[2], want[3]}) {
			t.Errorf("got %v", got)
		}
		must(t, roles.RevokeAll(ctx, "u"), roles.RevokeAll(ctx, "nobody"))
		if got := list("u"); got != nil {
			t.Errorf("after RevokeAll: got %v", got)
		}
		if got := list("v"); len(got) != 1 {
			t.Errorf("another's: got %v", got)
		}
	})
}

// TestRoleDefinitions defines roles, and has the version tell of each change.
func TestRoleDefinitions(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		roles := s.Roles()
		last := int64(-1)
		check := func(raised bool, want ...bunstore.Role) {
			t.Helper()
			got, version, err := roles.Roles(ctx)
			must(t, err)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if raised && version <= last || !raised && version != last {
				t.Errorf("version %d after %d, raised: %t", version, last, raised)
			}
			for _, user := range []string{"u", "nobody", "", "\xff"} {
				if _, v, err := roles.Grants(ctx, user); v != version || err != nil {
					t.Errorf("Grants(%q): version %d, %v, want %d", user, v, err, version)
				}
			}
			last = version
		}
		check(true)
		if last != 0 {
			t.Errorf("version %d, want 0 of nothing", last)
		}
		must(t, roles.Grant(ctx, bunstore.Grant{UserID: "u", Role: "editor"}), roles.Grant(ctx, bunstore.Grant{UserID: "u", Role: "admin"}))
		check(false)

		admin := bunstore.Role{Name: "admin", Permissions: []string{"*"}, Inherits: []string{"editor", "not defined"}}
		editor := bunstore.Role{Name: "editor", Permissions: []string{"posts:edit", "posts:*:<&>", "a:ä"}}
		none := bunstore.Role{Name: "none"}
		must(t, roles.SetRole(ctx, editor))
		check(true, editor)
		must(t, roles.SetRole(ctx, none), roles.SetRole(ctx, admin))
		check(true, admin, editor, none)
		must(t, roles.SetRole(ctx, none)) // the same again
		check(true, admin, editor, none)
		editor.Permissions, editor.Inherits = nil, []string{"none"}
		must(t, roles.SetRole(ctx, editor))
		check(true, admin, editor, none)

		must(t, roles.DeleteRole(ctx, "editor"))
		check(true, admin, none)
		if err := roles.DeleteRole(ctx, "editor"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("DeleteRole again: got %v, want ErrNotFound", err)
		}
		check(false, admin, none)
		// It is granted to nobody when it comes back.
		if got, _, err := roles.Grants(ctx, "u"); len(got) != 1 || got[0].Role != "admin" || err != nil {
			t.Errorf("grants after DeleteRole: %v, %v", got, err)
		}
	})
}
