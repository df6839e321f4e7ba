package opaauthz

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Capabilities returns what policies may use if [Options.Capabilities] says nothing
// else: all of Rego whose answer depends on nothing but the question, the files of the
// policy, and the time, which is that of the question. So there is no http.send, no
// net.lookup_ip_addr, no opa.runtime, no chance (rand.intn, uuid.rfc4122), and nothing
// else that OPA calls nondeterministic; and no schema is fetched. A policy that uses
// one of these is refused by [Open].
//
// What it returns is the caller's own: a site that needs one of them adds it to
// Builtins, and for http.send the host to AllowNet.
func Capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return b.IsNondeterministic() && b.Name != ast.NowNanos.Name
	})
	c.AllowNet = []string{} // nil would be everywhere
	return c
}
