package cedarauthz_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing/fstest"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
)

// Policies come from files, roles from the host.
func Example() {
	policies := fstest.MapFS{"posts.cedar": {Data: []byte(`
		permit (principal is User, action == Action::"posts:edit", resource) when { resource.owner == principal };
		permit (principal in Role::"editor", action in Action::"posts:*", resource);

		@id("archive") @reason("the archive is closed")
		forbid (principal, action in Action::"posts:*", resource) when { resource has archived && resource.archived };

		// end of policy
	`)}} // a host takes os.DirFS("policy")
	a, err := cedarauthz.Open(policies, &cedarauthz.Options{
		Roles: func(_ context.Context, a auth.Access) ([]string, error) {
			if a.Identity != nil && a.Identity.UserID == "eddie" {
				return []string{"editor"}, nil
			}
			return nil, nil
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A host takes new versions with: go a.Run(ctx)

	ask := func(userID string, post auth.Object) {
		err := a.Authorize(context.Background(), auth.Access{Identity: &auth.Identity{UserID: userID}, Action: "posts:edit", Object: post})
		if d := (*auth.Denial)(nil); errors.As(err, &d) {
			fmt.Printf("%s: no, by %s: %s\n", userID, d.Policy, d.Reason)
			return
		}
		fmt.Printf("%s: %v\n", userID, err)
	}
	post := auth.Object{Type: "post", ID: "17", Owner: "ada"}
	ask("ada", post)
	ask("eddie", post)
	ask("eve", post)
	post.Attrs = map[string]any{"archived": true}
	ask("eddie", post)
	// Output:
	// ada: <nil>
	// eddie: <nil>
	// eve: no, by cedar: no policy permits "posts:edit"
	// eddie: no, by posts.cedar:archive: the archive is closed
}

// A host that keeps its policies elsewhere returns those of now, and its own entities
// and context beside them.
func ExampleNew() {
	set, err := cedar.NewPolicySetFromBytes("policies", []byte(`
		permit (principal in Team::"red", action, resource in Folder::"plans") when { context.open };
	`))
	if err != nil {
		fmt.Println(err)
		return
	}
	red, plans := cedar.NewEntityUID("Team", "red"), cedar.NewEntityUID("Folder", "plans")
	entities := cedar.EntityMap{}
	for _, e := range []cedar.Entity{
		{UID: cedar.NewEntityUID("User", "ada"), Parents: cedar.NewEntityUIDSet(red)},
		{UID: cedar.NewEntityUID("document", "17"), Parents: cedar.NewEntityUIDSet(plans)},
	} {
		entities[e.UID] = e
	}
	a, err := cedarauthz.New(func() *cedar.PolicySet { return set }, &cedarauthz.Options{
		Entities: func(_ context.Context, uid cedar.EntityUID) (cedar.Entity, bool, error) {
			e, ok := entities[uid]
			return e, ok, nil
		},
		Context: func(_ context.Context, a auth.Access) (cedar.RecordMap, error) {
			hour := a.Now().UTC().Hour()
			return cedar.RecordMap{"open": cedar.Boolean(hour >= 8 && hour < 18)}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, hour := range []int{12, 23} {
		err := a.Authorize(context.Background(), auth.Access{
			Identity: &auth.Identity{UserID: "ada"}, Action: "documents:read", Object: "document/17",
			At: time.Date(2026, 3, 4, hour, 0, 0, 0, time.UTC),
		})
		fmt.Println(hour, err == nil)
	}
	// Output:
	// 12 true
	// 23 false
}

// A new version is taken when it is good. A host's tools ask for that at once; Run does
// so every now and then.
func ExampleAuthorizer_Reload() {
	policies := fstest.MapFS{"site.cedar": {Data: []byte("permit (principal is User, action, resource);\n// end of policy\n")}}
	a, err := cedarauthz.Open(policies, &cedarauthz.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	ada := auth.Access{Identity: &auth.Identity{UserID: "ada"}, Action: "posts:list"}

	policies["site.cedar"] = &fstest.MapFile{Data: []byte("permit (principal is User, action")}
	fmt.Println(a.Reload(context.Background()) != nil, a.Err() != nil, a.Authorize(context.Background(), ada) == nil)

	policies["site.cedar"] = &fstest.MapFile{Data: []byte("forbid (principal is User, action, resource);\n// end of policy\n")}
	fmt.Println(a.Reload(context.Background()) != nil, a.Err() != nil, a.Authorize(context.Background(), ada) == nil)
	// Output:
	// true true true
	// false false false
}
