package decisiontable_test

import (
	"context"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/internal/decisiontable"
)

func Example() {
	eve := &auth.Identity{UserID: "eve"}
	for _, post := range []string{"2", "3"} {
		roles, err := decisiontable.Roles(context.Background(), auth.Access{Identity: eve, Object: decisiontable.Posts[post]})
		fmt.Println(decisiontable.Posts[post], "in", decisiontable.Posts[post].Tenant, roles, err)
	}
	// Output:
	// post/2 in acme [editor viewer] <nil>
	// post/3 in globex [] <nil>
}
