package opaauthz_test

import (
	"errors"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/opa"
)

// Questions of the benchmarks: an editor's, about somebody else's post.
var questions = map[string]string{"Allow": "posts:edit", "Deny": "posts:delete"}

// BenchmarkAdapter is a decision with everything: who is asking, their roles, the
// input, the engine and the answer.
func BenchmarkAdapter(b *testing.B) {
	for name, action := range questions {
		b.Run(name, func(b *testing.B) {
			a := opened(b, &opaauthz.Options{Roles: rolesOf("editor", "viewer")})
			access := auth.Access{Identity: loggedIn("ada"), Action: action, Object: post("17", "acme", "bob"), At: t0}
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Authorize(ctx, access); err != nil != (name == "Deny") || err != nil && !errors.Is(err, auth.ErrForbidden) {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkByHand is the engine's part alone, as its documentation calls it: the query
// prepared, the input built beforehand.
func BenchmarkByHand(b *testing.B) {
	benchEngine(b)
}

// BenchmarkByHandTuned is BenchmarkByHand without a goroutine for each decision and
// without metrics, as the adapter calls the engine.
func BenchmarkByHandTuned(b *testing.B) {
	benchEngine(b, rego.EvalExternalCancel(topdown.NewCancel()), rego.EvalMetrics(metrics.NoOp()), rego.EvalTime(t0))
}

func benchEngine(b *testing.B, opts ...rego.EvalOption) {
	for name, action := range questions {
		b.Run(name, func(b *testing.B) {
			query := prepared(b, siteRego(b))
			input := ast.MustInterfaceToValue(map[string]any{
				"user":   map[string]any{"id": "ada", "roles": []any{"editor", "viewer"}, "methods": []any{"door"}, "proof_age": 60_000_000_000},
				"action": action,
				"object": map[string]any{"type": "post", "id": "17", "tenant": "acme", "owner": "bob"},
				"tenant": "acme", "now": t0.UnixNano(),
			})
			opts := append([]rego.EvalOption{rego.EvalParsedInput(input)}, opts...)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				rs, err := query.Eval(ctx, opts...)
				if err != nil || rs.Allowed() != (name == "Allow") {
					b.Fatal(rs, err)
				}
			}
		})
	}
}
