package backends_test

import (
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
)

// crashes calls test with a process that dies before its k-th call to the store, and
// then with one that dies when the store has done it, for each k that there is. What
// it has to crash begins when crash is called.
func crashes(t *testing.T, p place, test func(t *testing.T, s *site, crash func() *fault), change ...func(c *config)) {
	t.Helper()
	s := p.open(t, change...)
	for name, how := range map[string]func(o authtest.Order) *fault{
		"before": authtest.Order.Kill,
		"after":  authtest.Order.KillAfter,
	} {
		for k := 1; ; k++ {
			if k > 200 {
				t.Fatalf("%s: more than 200 calls to the store", name)
			}
			s.faults.Reset() // it lives again: a Manager has no memory of its own
			var x *fault
			test(t, s, func() *fault {
				x = how(s.faults.On().At(k))
				return x
			})
			calls := s.faults.Calls()
			if t.Failed() {
				t.Fatalf("it died %s call %d of %q", name, k, calls)
			}
			if x.Hits() == 0 {
				if k == 1 {
					t.Fatalf("%s: the store was not called at all", name)
				}
				break
			}
		}
	}
}
