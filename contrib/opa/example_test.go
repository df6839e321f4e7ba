package opaauthz_test

import (
	"context"
	"errors"
	"fmt"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/opa"
)

// A policy from a directory. A host takes os.DirFS("policy").
func Example() {
	fsys := fstest.MapFS{"site.rego": {Data: []byte(`
package gatehouse

default allow := false

allow if input.object.owner == input.user.id

reasons contains "the post is somebody else's" if input.object.owner != input.user.id

# end of policy
`)}}
	opa, err := opaauthz.Open(fsys, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ada := &auth.Identity{UserID: "ada"}
	for _, owner := range []string{"ada", "bob"} {
		fmt.Println(opa.Authorize(context.Background(), auth.Access{Identity: ada, Action: "posts:edit", Object: auth.Object{Type: "post", ID: "17", Owner: owner}}))
	}
	// Output:
	// <nil>
	// auth: forbidden: opa: the post is somebody else's
}

// A query that the host has prepared itself.
func ExampleNew() {
	query, err := rego.New(
		rego.Query("data.library.lend.allow"),
		rego.Module("lend.rego", "package library.lend\nallow if input.object.pages < 500"),
		rego.StrictBuiltinErrors(true),
		rego.Capabilities(opaauthz.Capabilities()),
	).PrepareForEval(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	opa, err := opaauthz.New(query, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, pages := range []int64{120, 900} {
		book := auth.Object{Type: "book", ID: "1", Attrs: map[string]any{"pages": pages}}
		err := opa.Authorize(context.Background(), auth.Access{Action: "books:lend", Object: book})
		fmt.Println(pages, err == nil, errors.Is(err, auth.ErrForbidden))
	}
	// Output:
	// 120 true false
	// 900 false true
}
