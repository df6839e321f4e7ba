package pages

import (
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A page without other sites' origins has the policy that was made once.
func TestPolicyIsMadeOnce(t *testing.T) {
	p := New(nil)
	forms := []auth.Form{{Name: "a"}, {Name: "b", Origins: []string{"not an origin"}}}
	if got := p.csp.allowing(forms); got != p.csp.whole {
		t.Errorf("policy %q, want %q", got, p.csp.whole)
	}
	forms = forms[:1]
	if n := testing.AllocsPerRun(100, func() { p.csp.allowing(forms) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
