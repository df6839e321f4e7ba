package main

import (
	"context"

	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

// roleNames are the roles that admins grant. What each may do is said in the folder
// policy.
var roleNames = []string{"viewer", "editor", "admin"} // what is chosen by mistake is the least

// assignments is where it is kept who has which role: a table, or memory. What is
// changed there, by whatever process, counts from the next request on.
type assignments interface {
	rbac.GrantSource
	Grant(ctx context.Context, g rbac.Grant) error
	Revoke(ctx context.Context, g rbac.Grant) error // auth.ErrNotFound
	RevokeAll(ctx context.Context, userID string) error
	Holders(ctx context.Context, role, after string, limit int) (grants []rbac.Grant, next string, err error)
}
