package authtest

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The abilities of a [auth.UserLoader] that the life of an account demands.
type (
	updater interface {
		UpdateUser(ctx context.Context, id string, p auth.Profile) error
	}
	suspender interface {
		SuspendUser(ctx context.Context, id string, suspended bool) error
	}
	deleter interface {
		DeleteUser(ctx context.Context, id string) error
	}
)

// testUserChanges tests those that are there, on users of their own.
func testUserChanges(t *testing.T, users auth.UserLoader, c creator) {
	create := func(t *testing.T) string {
		t.Helper()
		id, err := c.CreateUser(t.Context(), auth.Profile{Email: "ada@example.com", Name: "Ada"})
		must(t, "CreateUser", err)
		return id
	}
	if u, ok := auth.As[updater](users); ok {
		t.Run("UpdateUser", func(t *testing.T) {
			id := create(t)
			for _, p := range []auth.Profile{{}, {Email: "grace@example.com"}, {Name: "Grace"}, {Name: "Grace"}, {Email: "a", Username: "b", Name: "c"}} {
				if err := u.UpdateUser(t.Context(), id, p); err != nil {
					t.Errorf("UpdateUser(%+v): %v\n\trule: every field of a Profile may be empty, and updating twice is no error", p, err)
				}
			}
			checkLoadUser(t, users, id)
			checkChange(t, "UpdateUser", id, func(ctx context.Context, id string) error {
				return u.UpdateUser(ctx, id, auth.Profile{Email: "lost@example.com"})
			})
		})
	}
	if s, ok := auth.As[suspender](users); ok {
		t.Run("SuspendUser", func(t *testing.T) {
			const rule = "a suspended user has IsActive false, until it is taken back"
			id, other := create(t), create(t)
			for _, suspended := range []bool{true, true, false, false, true} {
				must(t, "SuspendUser", s.SuspendUser(t.Context(), id, suspended))
				for who, want := range map[string]bool{id: !suspended, other: true} {
					user, err := users.LoadUser(t.Context(), who)
					must(t, "LoadUser", err)
					if a, ok := user.(interface{ IsActive() bool }); !ok || a.IsActive() != want {
						t.Errorf("SuspendUser(%v): IsActive of the user is not %v\n\trule: %s", suspended, want, rule)
					}
				}
			}
			checkChange(t, "SuspendUser", id, func(ctx context.Context, id string) error { return s.SuspendUser(ctx, id, true) })
		})
	}
	if d, ok := auth.As[deleter](users); ok {
		t.Run("DeleteUser", func(t *testing.T) {
			const rule = "a user that was deleted is not there, and others are"
			id, other := create(t), create(t)
			must(t, "DeleteUser", d.DeleteUser(t.Context(), id))
			_, err := users.LoadUser(t.Context(), id)
			checkErr(t, "LoadUser of a deleted user", err, auth.ErrNotFound, rule)
			checkLoadUser(t, users, other)
			if err := d.DeleteUser(t.Context(), id); err != nil && !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("DeleteUser again: %v\n\trule: done again it is nothing, or ErrNotFound", err)
			}
			for name, ctx := range ended(t) {
				checkOutage(t, "DeleteUser with a context that is "+name, d.DeleteUser(ctx, other), endedRule)
			}
			checkLoadUser(t, users, other)
		})
	}
}

// checkChange requires that f changes nobody who is not there, and nobody late.
func checkChange(t *testing.T, call, id string, f func(ctx context.Context, id string) error) {
	t.Helper()
	for _, unknown := range append(badKeys(), text{"a space and known", " " + id}, text{"nobody", "no-such-user"}) {
		checkErr(t, call+" of "+unknown.name, f(t.Context(), unknown.s), auth.ErrNotFound, "a user that is not there is ErrNotFound")
	}
	for name, ctx := range ended(t) {
		checkOutage(t, call+" with a context that is "+name, f(ctx, id), endedRule)
		checkOutage(t, call+" of nobody with a context that is "+name, f(ctx, "no-such-user"), endedRule)
	}
}
