package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing/fstest"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A site with roles, and owners beside them.
func Example() {
	roles, err := rbac.NewMemory(
		rbac.Role{Name: "user", Permissions: []string{"posts:list", "posts:create"}},
		rbac.Role{Name: "editor", Permissions: []string{"posts:edit"}},
		rbac.Role{Name: "admin", Permissions: []string{"*"}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := rbac.New(roles, &rbac.Options{
		Actions: []string{"posts:list", "posts:create", "posts:edit", "posts:delete"},
		User:    "user",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := auth.New(authtest.NewUsers("ada", "bob"), memory.New(nil), &auth.Options{
		Authorizer: policy.AnyOf(engine, policy.For(policy.Owner(nil), "posts:edit", "posts:delete")),
		Logger:     slog.New(slog.DiscardHandler), // or the default
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	post := func(*http.Request) (any, error) { // what the host finds in its database
		return auth.Object{Type: "post", ID: "17", Tenant: "acme", Owner: "ada"}, nil
	}
	edit := m.RequireObject("posts:edit", post)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	ask := func(user string) {
		w := httptest.NewRecorder()
		edit.ServeHTTP(w, httptest.NewRequest("POST", "/posts/17", nil).
			WithContext(auth.WithIdentity(context.Background(), &auth.Identity{User: authtest.User{ID: user}})))
		fmt.Println(user, w.Code)
	}
	ask("ada") // it is hers
	ask("bob")
	if err := roles.Grant(context.Background(), rbac.Grant{UserID: "bob", Role: "editor", Tenant: "acme"}); err != nil {
		fmt.Println(err)
	}
	ask("bob")
	// Output:
	// ada 200
	// bob 403
	// bob 200
}

// There is no default admin. The first one is granted the role by the host, which knows
// who that is: by gatehouse role grant, or once, by whatever names them, such as a flag.
func Example_firstAdmin() {
	ctx := context.Background()
	roles, err := rbac.NewMemory(rbac.Role{Name: "admin", Permissions: []string{"*"}}) // or bunrbac.New(db)
	if err != nil {
		fmt.Println(err)
		return
	}
	bootstrap := func(userID string) error {
		holders, _, err := roles.Holders(ctx, "admin", "", 1)
		if err != nil || len(holders) > 0 {
			return err // there is one already
		}
		return roles.Grant(ctx, rbac.Grant{UserID: userID, Role: "admin"})
	}
	fmt.Println(bootstrap("ada"), roles.GrantsOf("ada"))
	fmt.Println(bootstrap("eve"), roles.GrantsOf("eve"))
	// Output:
	// <nil> [{ada admin  }]
	// <nil> []
}

// Roles in a file, which may be replaced while the site runs; grants are kept elsewhere.
func ExampleOpen() {
	files := fstest.MapFS{"roles.yaml": {Data: []byte(`
roles:
  viewer:
    permissions: [posts:read]
  admin:
    permissions: ["posts:*"]
# end of policy
`)}} // or os.DirFS("policy")
	grants, err := rbac.NewMemory() // or bunrbac.New(db)
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := rbac.Open(files, &rbac.Options{Grants: grants})
	if err != nil {
		fmt.Println(err)
		return
	}
	// go a.Run(ctx) looks at the files from now on.
	ctx := context.Background()
	if err := grants.Grant(ctx, rbac.Grant{UserID: "ada", Role: "viewer"}); err != nil {
		fmt.Println(err)
	}
	for _, action := range []string{"posts:read", "posts:edit"} {
		err := a.Authorize(ctx, auth.Access{Identity: &auth.Identity{UserID: "ada"}, Action: action})
		fmt.Println(action, err == nil, errors.Is(err, auth.ErrForbidden))
	}
	// Output:
	// posts:read true false
	// posts:edit false true
}

// A misspelt permission does not go unnoticed.
func ExampleNew() {
	roles, err := rbac.NewMemory(
		rbac.Role{Name: "editor", Permissions: []string{"posts:edti"}},
		rbac.Role{Name: "viewer", Permissions: []string{"posts:read", "pages:*"}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = rbac.New(roles, &rbac.Options{Actions: []string{"posts:read", "posts:edit"}, User: "usr"})
	fmt.Println(err)
	// Output:
	// rbac: role "editor": the permission "posts:edti" covers none of Options.Actions
	// rbac: role "viewer": the permission "pages:*" covers none of Options.Actions
	// rbac: Options.User: role "usr" is not defined
}

// For the WHERE of a list.
func ExampleAuthorizer_Filter() {
	ctx := context.Background()
	roles, err := rbac.NewMemory(rbac.Role{Name: "viewer", Permissions: []string{"posts:read"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, g := range []rbac.Grant{
		{UserID: "ada", Role: "viewer", Tenant: "acme"},
		{UserID: "ada", Role: "viewer", Object: "post/17"},
	} {
		if err := roles.Grant(ctx, g); err != nil {
			fmt.Println(err)
		}
	}
	a, err := rbac.New(roles, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Most hosts ask policy.Filter(ctx, m, "posts:read", "post").
	c, err := a.Filter(ctx, auth.Access{Identity: &auth.Identity{UserID: "ada"}, Action: "posts:read", Object: auth.Object{Type: "post"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, either := range c.Of {
		fmt.Println(either.Field, either.Values)
	}
	// Output:
	// tenant [acme]
	// id [17]
}
