package bunrbac_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
	"github.com/gatehouse-go/gatehouse/contrib/rbac/bunrbac"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

func Example() {
	ctx := context.Background()
	db, err := open.Open("file::memory:") // or the database of the site
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	roles := bunrbac.New(db)
	authorizer, err := rbac.New(roles, nil) // for auth.Options
	if err != nil {
		fmt.Println(err)
		return
	}
	// As gatehouse role set and gatehouse role grant do it.
	err = errors.Join(
		roles.SetRole(ctx, rbac.Role{Name: "editor", Permissions: []string{"posts:edit"}}),
		roles.Grant(ctx, rbac.Grant{UserID: "ada", Role: "editor", Tenant: "acme"}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tenant := range []string{"acme", "other"} {
		err := authorizer.Authorize(ctx, auth.Access{
			Identity: &auth.Identity{UserID: "ada"}, Action: "posts:edit",
			Object: auth.Object{Type: "post", ID: "17", Tenant: tenant},
		})
		fmt.Println(tenant, err)
	}
	// Output:
	// acme <nil>
	// other auth: forbidden: rbac: the user has no role here with the permission
}
