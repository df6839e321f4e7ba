package bench

import (
	"context"
	"fmt"
)

// How large a site is.
const (
	Users  = 10_000 // each with one session
	InTurn = 1_024  // of the sessions are used in turn
)

// A User is what every site calls a user.
type User struct {
	ID   string
	Name string
}

// AuthID implements auth.User.
func (u *User) AuthID() string { return u.ID }

// UserID returns the ID of user number i, which is as long as a UUID.
func UserID(i int) string { return fmt.Sprintf("%08x-5e55-7000-8000-%012x", i, i*7919) }

// newUsers returns the table of users that a site looks into.
func newUsers(n int) map[string]*User {
	users := make(map[string]*User, n)
	for i := range n {
		u := &User{ID: UserID(i), Name: fmt.Sprintf("User %d", i)}
		users[u.ID] = u
	}
	return users
}

// A userFunc is a site's typed accessor: who is asking.
type userFunc func(ctx context.Context) (*User, bool)
