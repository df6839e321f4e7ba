package main

import (
	"context"

	"github.com/gatehouse-go/gatehouse/contrib/rbac"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
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
	Holders(ctx context.Context, role, after string, limit int) (grants []rbac.Grant, next string, err error)
}

// bunRoles is for the time being.
type bunRoles struct{ r *bunstore.Roles }

func (b bunRoles) Grants(ctx context.Context, userID string) (list []rbac.Grant, v int64, err error) {
	all, v, err := b.r.Grants(ctx, userID)
	for _, g := range all {
		list = append(list, rbac.Grant(g))
	}
	return list, v, err
}

func (b bunRoles) Grant(ctx context.Context, g rbac.Grant) error {
	return b.r.Grant(ctx, bunstore.Grant(g))
}

func (b bunRoles) Revoke(ctx context.Context, g rbac.Grant) error {
	return b.r.Revoke(ctx, bunstore.Grant(g))
}

func (b bunRoles) Holders(ctx context.Context, role, after string, limit int) (list []rbac.Grant, next string, err error) {
	all, next, err := b.r.Holders(ctx, role, after, limit)
	for _, g := range all {
		list = append(list, rbac.Grant(g))
	}
	return list, next, err
}
