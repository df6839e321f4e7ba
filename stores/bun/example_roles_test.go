package bunstore_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gatehouse-go/gatehouse/auth/policy"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// Roles are changed while the site runs, by its pages or by the command gatehouse role.
func ExampleStore_Roles() {
	ctx := context.Background()
	store, err := open.Open("file::memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	roles := store.Roles()
	if err := roles.SetRole(ctx, bunstore.Role{Name: "editor", Permissions: []string{"posts:*"}}); err != nil {
		log.Fatal(err)
	}
	if err := roles.Grant(ctx, bunstore.Grant{UserID: "ada", Role: "editor", Tenant: "acme"}); err != nil {
		log.Fatal(err)
	}
	grants, _, err := roles.Grants(ctx, "ada") // contrib/rbac does, at each request
	fmt.Printf("%+v %v\n", grants, err)
	// Output: [{UserID:ada Role:editor Tenant:acme Object:}] <nil>
}

// A list shows what its reader may read, and nothing else.
func ExampleWhere() {
	ctx := context.Background()
	db, err := open.DB("file::memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{
		"CREATE TABLE posts (id INTEGER PRIMARY KEY, author_id TEXT, org TEXT, title TEXT, draft BOOLEAN)",
		"INSERT INTO posts VALUES (1, 'ada', 'acme', 'Hello', FALSE), (2, 'eve', 'acme', 'News', FALSE), (3, 'eve', 'other', 'Plans', FALSE), (4, 'ada', 'acme', 'Notes', TRUE)",
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			log.Fatal(err)
		}
	}

	// readable, err := policy.Filter(ctx, m, "posts:read", "post")
	readable := policy.Or(policy.Equal("owner", "ada"), policy.In("id", "2", "17"))

	columns := bunstore.Columns{"id": "id", "owner": "author_id", "tenant": "org"}
	var titles []string
	err = db.NewSelect().Table("posts").Column("title").
		Where("NOT draft").
		ApplyQueryBuilder(bunstore.Where(readable, columns)).
		Order("id").
		Scan(ctx, &titles)
	fmt.Println(titles, err)
	// Output: [Hello News] <nil>
}
