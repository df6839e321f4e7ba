package policy_test

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

var cases = map[string]struct {
	a      auth.Authorizer
	object any
	allocs float64
}{
	"AllOf":      {policy.AllOf(says(nil), says(nil)), nil, 0},
	"AllOf no":   {policy.AllOf(says(nil), says(noOne)), nil, 0},
	"AnyOf":      {policy.AnyOf(says(noOne), says(nil)), nil, 0},
	"FirstOf":    {policy.FirstOf(policy.For(says(noOne), "admin:*"), says(nil)), nil, 0},
	"Not":        {policy.Not(says(noOne)), nil, 0},
	"ByPrefix":   {policy.ByPrefix(map[string]auth.Authorizer{"posts": says(nil), "": says(noOne)}), nil, 0},
	"For":        {policy.For(says(nil), "posts:*"), nil, 0},
	"Users":      {policy.Users(), nil, 0},
	"Owner":      {policy.Owner(nil), &article{id: "1", author: "ada"}, 0},
	"Owner no":   {policy.Owner(nil), &article{id: "1", author: "bob"}, 0},
	"Fresh":      {policy.Fresh(time.Hour), nil, 0},
	"Proof":      {policy.Proof("password"), nil, 0},
	"PerRequest": {policy.PerRequest(says(nil)), &article{id: "1", author: "bob"}, 1},
}

func TestAllocations(t *testing.T) {
	ctx := inRequest(t.Context())
	for name, tt := range cases {
		q := about(ada("posts:edit"), tt.object)
		if n := testing.AllocsPerRun(100, func() { _ = tt.a.Authorize(ctx, q) }); n > tt.allocs {
			t.Errorf("%s: %v allocations, want %v", name, n, tt.allocs)
		}
	}
}

func BenchmarkAuthorize(b *testing.B) {
	ctx := inRequest(b.Context())
	for name, tt := range cases {
		b.Run(name, func(b *testing.B) {
			q := about(ada("posts:edit"), tt.object)
			b.ReportAllocs()
			for b.Loop() {
				_ = tt.a.Authorize(ctx, q)
			}
		})
	}
}

func BenchmarkDescribe(b *testing.B) {
	roles := []string{"editor"}
	get := func(context.Context, auth.Access) ([]string, error) { return roles, nil }
	q := about(ada("posts:edit"), &article{id: "1", tenant: "a", author: "ada"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Describe(b.Context(), q, get); err != nil {
			b.Fatal(err)
		}
	}
}
