// Package people is a table of users for an example that has no other: it is in the same file as the store. Start with [Users].
package people

import (
	"context"
	"crypto/rand"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/examples/internal/indexed"
)

// A User is what is known of somebody who has registered.
type User struct {
	ID string
	auth.Profile
}

// AuthID implements [auth.User].
func (u User) AuthID() string { return u.ID }

// Users are the users in a file. What is done with them in [indexed.DB.InTx] is in that transaction.
type Users struct{ *indexed.DB }

// CreateUser implements what registration asks of an [auth.UserLoader].
func (u Users) CreateUser(ctx context.Context, p auth.Profile) (id string, err error) {
	id = rand.Text()
	err = u.Update(ctx, func(tx *indexed.Tx) error { return tx.Put(indexed.Key("user", id), User{id, p}) })
	return id, err
}

// LoadUser implements [auth.UserLoader].
func (u Users) LoadUser(ctx context.Context, id string) (auth.User, error) {
	return indexed.Load[User](ctx, u.DB, indexed.Key("user", id))
}
