package memory

import (
	"context"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/uuid"
)

// A User is a user of a [Users] table. What [Users.LoadUser] returns is shared
// by all requests: do not change it.
type User struct {
	ID       string // a UUID of version 7
	Email    string // as the user wrote it; what identifies them is a credential
	Name     string
	Disabled bool
	Version  string // when it changes, everything the user holds is dead
}

// AuthID implements [auth.User].
func (u *User) AuthID() string { return u.ID }

// IsActive reports whether the user may log in and stay logged in.
func (u *User) IsActive() bool { return !u.Disabled }

// AuthVersion returns u.Version.
func (u *User) AuthVersion() string { return u.Version }

// Users is a ready-made users table in memory, an [auth.UserLoader] that can
// also create users. It is made by [NewUsers] and safe for concurrent use. All
// its methods return an error that wraps [auth.ErrNotFound] for a user that is
// not there, and the context's error if that has ended. It is not bounded.
type Users struct {
	seed   maphash.Seed
	shards [nShards]userShard
}

type userShard struct {
	mu   sync.RWMutex
	byID map[string]*User
	_    [64]byte
}

var _ auth.UserLoader = (*Users)(nil)

// NewUsers returns an empty table.
func NewUsers() *Users {
	t := &Users{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].byID = make(map[string]*User)
	}
	return t
}

func (t *Users) of(id string) *userShard { return &t.shards[shardOf(maphash.String(t.seed, id))] }

// LoadUser returns the user with the id as a [*User].
func (t *Users) LoadUser(ctx context.Context, id string) (auth.User, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sh := t.of(id)
	sh.mu.RLock()
	u := sh.byID[id]
	sh.mu.RUnlock()
	if u == nil {
		return nil, auth.ErrNotFound
	}
	return u, nil
}

// CreateUser adds a user with the e-mail address and name of p and returns the
// new user's id. It does not look for others with the same address: credentials
// do that.
func (t *Users) CreateUser(ctx context.Context, p auth.Profile) (id string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	// What is in p may be a part of a whole form: a copy keeps no more than it.
	u := &User{
		ID:    uuid.New(time.Now()), // only to sort by; nothing is decided by it
		Email: strings.Clone(p.Email), Name: strings.Clone(p.Name),
	}
	sh := t.of(u.ID)
	sh.mu.Lock()
	sh.byID[u.ID] = u
	sh.mu.Unlock()
	return u.ID, nil
}

// SetDisabled says whether the user is disabled: out on the next request, and
// not let in again until enabled.
func (t *Users) SetDisabled(ctx context.Context, id string, disabled bool) error {
	return t.change(ctx, id, func(u *User) { u.Disabled = disabled })
}

// SuspendUser is SetDisabled, by the name that package auth knows.
func (t *Users) SuspendUser(ctx context.Context, id string, suspended bool) error {
	return t.SetDisabled(ctx, id, suspended)
}

// UpdateUser gives the user the e-mail address and the name of p, those of them that are
// not empty.
func (t *Users) UpdateUser(ctx context.Context, id string, p auth.Profile) error {
	return t.change(ctx, id, func(u *User) {
		if p.Email != "" {
			u.Email = strings.Clone(p.Email)
		}
		if p.Name != "" {
			u.Name = strings.Clone(p.Name)
		}
	})
}

// SetVersion gives the user another Version: every session that began with the
// old one is dead.
func (t *Users) SetVersion(ctx context.Context, id, version string) error {
	return t.change(ctx, id, func(u *User) { u.Version = version })
}

// DeleteUser removes the user. Their credentials stay in the store until they
// are deleted there; nobody can log in with them. The id is never used again.
func (t *Users) DeleteUser(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := t.of(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.byID[id] == nil {
		return auth.ErrNotFound
	}
	delete(sh.byID, id)
	return nil
}

// change puts a changed copy in the place of the user, whom others are reading.
func (t *Users) change(ctx context.Context, id string, f func(*User)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := t.of(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	old := sh.byID[id]
	if old == nil {
		return auth.ErrNotFound
	}
	u := *old
	f(&u)
	sh.byID[id] = &u
	return nil
}
