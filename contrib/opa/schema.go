package opaauthz

import "github.com/open-policy-agent/opa/v1/ast"

// schemas say what the input looks like, so that a rule about input.user.role, which
// there never is, is an error when the policy is read and not an answer. What an
// object has beside its fields is the host's.
func schemas() *ast.SchemaSet {
	kind := func(name string) any { return map[string]any{"type": name} }
	list := map[string]any{"type": "array", "items": kind("string")}
	s := ast.NewSchemaSet()
	s.Put(ast.SchemaRootRef, map[string]any{
		"type": "object",
		"properties": map[string]any{
			"user": map[string]any{
				"type": "object",
				"properties": map[string]any{
					"id": kind("string"), "actor": kind("string"), "roles": list, "methods": list, "proof_age": kind("number"),
				},
			},
			"action": kind("string"),
			"object": kind("object"),
			"tenant": kind("string"),
			"now":    kind("number"),
		},
	})
	return s
}
