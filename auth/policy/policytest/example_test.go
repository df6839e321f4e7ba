package policytest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/auth/policy/policytest"
)

// An authorizer that filters is tested with questions, and objects of every sort.
func ExampleTestFilter() {
	var t example // the test's own *testing.T
	policytest.TestFilter(t, context.Background(), policy.Owner(nil),
		[]auth.Access{{Identity: &auth.Identity{UserID: "ada"}, Action: "posts:read"}, {Action: "posts:read"}},
		[]auth.Object{{Type: "post", ID: "1", Owner: "ada"}, {Type: "post", ID: "2", Owner: "bob"}})
	fmt.Println("ok")
	// Output: ok
}

type example struct{ testing.TB }

func (example) Helper()                           {}
func (example) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
