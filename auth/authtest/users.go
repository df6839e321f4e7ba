package authtest

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A User is a user of [Users]. It has everything that package auth looks for.
type User struct {
	ID       string
	Profile  auth.Profile // what the user was created with
	Disabled bool
	Version  string
}

// AuthID returns u.ID.
func (u User) AuthID() string { return u.ID }

// IsActive reports whether u is not disabled.
func (u User) IsActive() bool { return !u.Disabled }

// AuthVersion returns u.Version.
func (u User) AuthVersion() string { return u.Version }

// Users is a host's table of users. It is a [auth.UserLoader] with CreateUser, UpdateUser,
// SuspendUser and DeleteUser.
// The zero value is empty; its methods are safe for concurrent use.
type Users struct {
	mu      sync.Mutex
	created int
	users   map[string]User
	err     error
}

// NewUsers returns a table with users of these IDs.
func NewUsers(ids ...string) *Users {
	var u Users
	for _, id := range ids {
		u.Put(User{ID: id})
	}
	return &u
}

// LoadUser returns the [User] with that ID.
func (u *Users) LoadUser(ctx context.Context, id string) (auth.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("authtest: loading user %.40q: %w", id, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return nil, u.err
	}
	user, ok := u.users[id]
	if !ok {
		return nil, fmt.Errorf("authtest: user %.40q: %w", id, auth.ErrNotFound)
	}
	return user, nil
}

// CreateUser creates a user. The first gets the ID "user-1", and so on.
func (u *Users) CreateUser(ctx context.Context, p auth.Profile) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("authtest: creating a user: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return "", u.err
	}
	u.created++
	id := fmt.Sprintf("user-%d", u.created)
	u.put(User{ID: id, Profile: p})
	return id, nil
}

// UpdateUser gives the user's Profile those fields of p that are not empty.
func (u *Users) UpdateUser(ctx context.Context, id string, p auth.Profile) error {
	return u.update(ctx, id, func(user *User) {
		user.Profile.Email = cmp.Or(p.Email, user.Profile.Email)
		user.Profile.Username = cmp.Or(p.Username, user.Profile.Username)
		user.Profile.Name = cmp.Or(p.Name, user.Profile.Name)
	})
}

// SuspendUser says whether the user is Disabled.
func (u *Users) SuspendUser(ctx context.Context, id string, suspended bool) error {
	return u.update(ctx, id, func(user *User) { user.Disabled = suspended })
}

func (u *Users) update(ctx context.Context, id string, change func(user *User)) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("authtest: changing user %.40q: %w", id, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return u.err
	}
	user, ok := u.users[id]
	if !ok {
		return fmt.Errorf("authtest: user %.40q: %w", id, auth.ErrNotFound)
	}
	change(&user)
	u.put(user)
	return nil
}

// DeleteUser deletes a user. Deleting one that is not there is not an error.
func (u *Users) DeleteUser(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("authtest: deleting user %.40q: %w", id, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return u.err
	}
	delete(u.users, id)
	return nil
}

// Put adds a user, or replaces the one with the same ID.
func (u *Users) Put(user User) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.put(user)
}

func (u *Users) put(user User) {
	if u.users == nil {
		u.users = map[string]User{}
	}
	u.users[user.ID] = user
}

// Change changes a user, if there is one with that ID.
func (u *Users) Change(id string, change func(user *User)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if user, ok := u.users[id]; ok {
		change(&user)
		u.put(user)
	}
}

// Len returns how many users there are.
func (u *Users) Len() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.users)
}

// Fail makes every method that takes a context fail with err, until it is
// called with nil.
func (u *Users) Fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}
