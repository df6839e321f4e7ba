package cedarauthz_test

import (
	"os"
	"testing"

	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

func validator(t *testing.T) *validate.Validator {
	t.Helper()
	text, err := os.ReadFile("testdata/policy/site.cedarschema")
	if err != nil {
		t.Fatal(err)
	}
	var s schema.Schema
	if err := s.UnmarshalCedar(text); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return validate.New(resolved)
}

// The policies of the site are what Cedar's own validation wants, which a host may run
// before policies are put where they are read.
func TestSchema(t *testing.T) {
	v := validator(t)
	text, err := os.ReadFile("testdata/policy/site.cedar")
	if err != nil {
		t.Fatal(err)
	}
	for id, p := range setOf(t, string(text)).All() {
		if err := v.Policy(string(id), (*ast.Policy)(p.AST())); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, test := range []struct {
		text string
		good bool
	}{
		{`forbid (principal, action in Action::"posts:*", resource) when { context has proofAge && context.proofAge > duration("10m") };`, true},
		{`permit (principal is User, action, resource) when { principal.id == "ada" && context.methods.contains("totp") };`, true},
		{`permit (principal, action == Action::"posts:edits", resource);`, false},
		{`permit (principal, action in Action::"posts", resource);`, false},
		{`permit (principal, action == Action::"posts:edit", resource) when { resource.ovner == principal };`, false},
		{`permit (principal, action == Action::"posts:edit", resource) when { principal.id == "ada" };`, false}, // nobody has none
		{`permit (principal, action == Action::"posts:edit", resource) when { context.proofAge < duration("1h") };`, false},
	} {
		for id, p := range setOf(t, test.text).All() {
			if err := v.Policy(string(id), (*ast.Policy)(p.AST())); (err == nil) != test.good {
				t.Errorf("%s: %v", test.text, err)
			}
		}
	}
}
