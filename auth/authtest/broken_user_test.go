package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// bentUsers is the correct loader with some of its methods replaced.
type bentUsers struct {
	*refUsers
	load   func(ctx context.Context, id string) (auth.User, error)
	create func(ctx context.Context, p auth.Profile) (string, error)
}

func (b *bentUsers) LoadUser(ctx context.Context, id string) (auth.User, error) {
	return b.load(ctx, id)
}

func (b *bentUsers) CreateUser(ctx context.Context, p auth.Profile) (string, error) {
	return b.create(ctx, p)
}

func userSuite() suite {
	s := suite{name: "UserLoader", correct: func(t *testing.T) { authtest.TestUserLoader(t, authtest.NewUsers("User-1"), "User-1") }}
	for _, b := range []struct {
		sentence string
		bend     func(b *bentUsers)
		want     []string
	}{
		{"LoadUser returns the user with the given id: an error", func(b *bentUsers) {
			b.load = func(context.Context, string) (auth.User, error) { return nil, errDown }
		}, []string{"Known", "Concurrent"}},
		{"LoadUser returns the user with the given id: nil", func(b *bentUsers) {
			b.load = func(ctx context.Context, id string) (auth.User, error) {
				u, err := b.refUsers.LoadUser(ctx, id)
				if err == nil {
					u = nil
				}
				return u, err
			}
		}, []string{"Known"}},
		{"LoadUser returns the user with the given id: another", func(b *bentUsers) {
			b.load = func(ctx context.Context, id string) (auth.User, error) {
				if _, err := b.refUsers.LoadUser(ctx, id); err != nil {
					return nil, err
				}
				return user("root"), nil
			}
		}, []string{"Known", "Concurrent", "CreateUser"}},
		{"if there is none, the error wraps ErrNotFound: nil and nil", func(b *bentUsers) {
			b.load = func(ctx context.Context, id string) (auth.User, error) {
				u, err := b.refUsers.LoadUser(ctx, id)
				if errors.Is(err, auth.ErrNotFound) {
					return nil, nil
				}
				return u, err
			}
		}, []string{"Unknown"}},
		{"if there is none, the error wraps ErrNotFound: any other", func(b *bentUsers) {
			b.load = func(ctx context.Context, id string) (auth.User, error) {
				u, err := b.refUsers.LoadUser(ctx, id)
				if err != nil {
					err = errDown
				}
				return u, err
			}
		}, []string{"Unknown", "Concurrent"}},
		{"and that includes ids that could never have been issued", func(b *bentUsers) {
			b.load = func(ctx context.Context, id string) (auth.User, error) {
				if strings.ContainsAny(id, "'\x00") {
					return nil, errDown
				}
				return b.refUsers.LoadUser(ctx, id)
			}
		}, []string{"Unknown"}},
		{"the user with the given id: in any case", func(b *bentUsers) {
			b.load = func(ctx context.Context, id string) (auth.User, error) {
				if strings.EqualFold(id, "User-1") {
					id = "User-1"
				}
				return b.refUsers.LoadUser(ctx, id)
			}
		}, []string{"Unknown"}},
		{"any other error is an outage: ErrNotFound when the context has ended", func(b *bentUsers) {
			b.load = func(ctx context.Context, id string) (auth.User, error) {
				if ctx.Err() != nil {
					return nil, auth.ErrNotFound
				}
				return b.refUsers.LoadUser(ctx, id)
			}
		}, []string{"EndedContext"}},
		{"LoadUser is called concurrently", func(b *bentUsers) {
			var busy sync.Mutex
			b.load = func(ctx context.Context, id string) (auth.User, error) {
				if !busy.TryLock() {
					return nil, errDown
				}
				defer busy.Unlock()
				pause()
				return b.refUsers.LoadUser(ctx, id)
			}
		}, []string{"Concurrent"}},
		{"CreateUser returns an ID: empty", func(b *bentUsers) {
			b.create = func(context.Context, auth.Profile) (string, error) { return "", nil }
		}, []string{"CreateUser"}},
		{"CreateUser returns an ID: of no user", func(b *bentUsers) {
			b.create = func(ctx context.Context, p auth.Profile) (string, error) {
				id, err := b.refUsers.CreateUser(ctx, p)
				return id + "x", err
			}
		}, []string{"CreateUser"}},
		{"CreateUser returns an ID: the same", func(b *bentUsers) {
			b.create = func(ctx context.Context, _ auth.Profile) (string, error) { return "User-1", ctx.Err() }
		}, []string{"CreateUser"}},
		{"CreateUser returns an ID: too long", func(b *bentUsers) {
			b.create = func(ctx context.Context, p auth.Profile) (string, error) {
				id, err := b.refUsers.CreateUser(ctx, p)
				long := fmt.Sprintf("%0300s", id)
				b.mu.Lock()
				defer b.mu.Unlock()
				b.m[long] = true
				return long, err
			}
		}, []string{"CreateUser"}},
		{"every field may be empty", func(b *bentUsers) {
			b.create = func(ctx context.Context, p auth.Profile) (string, error) {
				if p.Email == "" {
					return "", errDown
				}
				return b.refUsers.CreateUser(ctx, p)
			}
		}, []string{"CreateUser"}},
		{"CreateUser with a context that has ended", func(b *bentUsers) {
			b.create = func(ctx context.Context, p auth.Profile) (string, error) {
				return b.refUsers.CreateUser(context.WithoutCancel(ctx), p)
			}
		}, []string{"CreateUser", "CreateUser/ended_context"}},
	} {
		s.broken = append(s.broken, broken{b.sentence, func(t *testing.T) {
			r := newRefUsers()
			u := &bentUsers{r, r.LoadUser, r.CreateUser}
			b.bend(u)
			authtest.TestUserLoader(t, u, "User-1")
		}, b.want})
	}
	s.broken = append(s.broken, brokenTables()...)
	return s
}
