package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// bentTable is the correct table of users with some of its methods replaced.
type bentTable struct {
	*authtest.Users
	update  func(ctx context.Context, id string, p auth.Profile) error
	suspend func(ctx context.Context, id string, suspended bool) error
	delete  func(ctx context.Context, id string) error
}

func (b *bentTable) UpdateUser(ctx context.Context, id string, p auth.Profile) error {
	return b.update(ctx, id, p)
}

func (b *bentTable) SuspendUser(ctx context.Context, id string, suspended bool) error {
	return b.suspend(ctx, id, suspended)
}

func (b *bentTable) DeleteUser(ctx context.Context, id string) error { return b.delete(ctx, id) }

func brokenTables() (list []broken) {
	for _, b := range []struct {
		sentence string
		bend     func(b *bentTable)
		want     []string
	}{
		{"UpdateUser: every field may be empty", func(b *bentTable) {
			b.update = func(ctx context.Context, id string, p auth.Profile) error {
				if p.Email == "" {
					return auth.ErrInvalid
				}
				return b.Users.UpdateUser(ctx, id, p)
			}
		}, []string{"UpdateUser"}},
		{"UpdateUser: ErrNotFound: nil", func(b *bentTable) {
			b.update = func(ctx context.Context, id string, p auth.Profile) error {
				if err := b.Users.UpdateUser(ctx, id, p); !errors.Is(err, auth.ErrNotFound) {
					return err
				}
				return nil
			}
		}, []string{"UpdateUser"}},
		{"UpdateUser: an ended context is an outage", func(b *bentTable) {
			b.update = func(ctx context.Context, id string, p auth.Profile) error {
				return b.Users.UpdateUser(context.WithoutCancel(ctx), id, p)
			}
		}, []string{"UpdateUser"}},
		{"SuspendUser: for good", func(b *bentTable) {
			b.suspend = func(ctx context.Context, id string, _ bool) error { return b.Users.SuspendUser(ctx, id, true) }
		}, []string{"SuspendUser"}},
		{"SuspendUser: everybody", func(b *bentTable) {
			b.suspend = func(ctx context.Context, id string, suspended bool) error {
				for n := range 100 {
					b.Users.Change(fmt.Sprint("user-", n), func(u *authtest.User) { u.Disabled = suspended })
				}
				return b.Users.SuspendUser(ctx, id, suspended)
			}
		}, []string{"SuspendUser"}},
		{"DeleteUser: suspends", func(b *bentTable) {
			b.delete = func(ctx context.Context, id string) error {
				if err := b.Users.SuspendUser(ctx, id, true); !errors.Is(err, auth.ErrNotFound) {
					return err
				}
				return nil
			}
		}, []string{"DeleteUser"}},
		{"DeleteUser again: an outage", func(b *bentTable) {
			b.delete = func(ctx context.Context, id string) error {
				if _, err := b.Users.LoadUser(ctx, id); err != nil {
					return errDown
				}
				return b.Users.DeleteUser(ctx, id)
			}
		}, []string{"DeleteUser"}},
	} {
		list = append(list, broken{b.sentence, func(t *testing.T) {
			u := authtest.NewUsers("User-1")
			table := &bentTable{u, u.UpdateUser, u.SuspendUser, u.DeleteUser}
			b.bend(table)
			authtest.TestUserLoader(t, table, "User-1")
		}, b.want})
	}
	return list
}
