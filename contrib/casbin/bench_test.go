package casbinauthz_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/casbin/casbin/v3"
	stringadapter "github.com/casbin/casbin/v3/persist/string-adapter"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
)

// A case is a policy, and a question with each answer. By hand, its input was built
// before.
type benchCase struct {
	name                string
	model, rows         string
	opts                casbinauthz.Options
	allow, deny         auth.Access
	allowHand, denyHand []any
}

func benchCases(b *testing.B) []benchCase {
	model, err := os.ReadFile("testdata/policy/model.conf")
	if err != nil {
		b.Fatal(err)
	}
	rows, err := os.ReadFile("testdata/policy/policy.csv")
	if err != nil {
		b.Fatal(err)
	}
	constant := []string{"editor", "viewer"}
	editor := func(context.Context, auth.Access) ([]string, error) { return constant, nil }
	hand := func(action string) []any {
		in := policy.Input{UserID: "ed", Roles: constant, Object: acmes, Tenant: "acme", Action: action, ProofAge: -1}
		return []any{casbinauthz.SubjectOf(in), casbinauthz.ObjectOf(in), action}
	}
	site := benchCase{
		name: "site", model: string(model), rows: string(rows), opts: casbinauthz.Options{Roles: editor},
		allow: ask("ed", "posts:edit", acmes), allowHand: hand("posts:edit"),
		deny: ask("ed", "posts:delete", acmes), denyHand: hand("posts:delete"),
	}

	// 100 roles with 10 permissions each, and 1,000 users, as in performance.md (g).
	var many strings.Builder
	for r := range 100 {
		for p := range 10 {
			fmt.Fprintf(&many, "p, r%d, data%d:read\n", r, r*10+p)
		}
	}
	for u := range 1000 {
		fmt.Fprintf(&many, "g, u%d, r%d\n", u, u%100)
	}
	thousand := benchCase{
		name:  "1k",
		model: strings.Replace(conf("sub, act", "g(r.sub, p.sub) && r.act == p.act"), "[policy_effect]", "[role_definition]\ng = _, _\n[policy_effect]", 1),
		rows:  many.String(),
		opts: casbinauthz.Options{Request: func(in policy.Input) ([]any, error) {
			return []any{in.UserID, in.Object.ID, in.Action}, nil
		}},
		allow: ask("u50", "data505:read", olgas), allowHand: []any{"u50", "1", "data505:read"},
		deny: ask("u50", "data995:read", olgas), denyHand: []any{"u50", "1", "data995:read"},
	}
	return []benchCase{site, thousand}
}

// BenchmarkAdapter is what a decision costs.
func BenchmarkAdapter(b *testing.B) {
	for _, c := range benchCases(b) {
		a := mustOpen(b, map[string]string{"model.conf": c.model, "policy.csv": c.rows}, c.opts)
		for name, q := range map[string]auth.Access{"allow": c.allow, "deny": c.deny} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := a.Authorize(b.Context(), q); (err == nil) != (name == "allow") {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkByHand is what Casbin costs of that: an enforcer that was made without us,
// with the functions that the matcher calls.
func BenchmarkByHand(b *testing.B) {
	for _, c := range benchCases(b) {
		e, err := casbin.NewEnforcer(modelOf(b, c.model), stringadapter.NewAdapter(c.rows))
		if err != nil {
			b.Fatal(err)
		}
		for name, f := range casbinauthz.Functions() {
			if strings.Contains(c.model, name) {
				e.AddFunction(name, f)
			}
		}
		for name, values := range map[string][]any{"allow": c.allowHand, "deny": c.denyHand} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if ok, err := e.Enforce(values...); err != nil || ok != (name == "allow") {
						b.Fatal(ok, err)
					}
				}
			})
		}
	}
}

// yes is an enforcer that costs nothing.
type yes struct{}

func (yes) Enforce(...any) (bool, error) { return true, nil }

// BenchmarkOverhead is what the adapter costs of it: the question put into plain values
// and those into the request.
func BenchmarkOverhead(b *testing.B) {
	c := benchCases(b)[0]
	a, err := casbinauthz.New(yes{}, &c.opts)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Authorize(b.Context(), c.allow); err != nil {
			b.Fatal(err)
		}
	}
}
