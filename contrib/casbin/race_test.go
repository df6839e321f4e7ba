package casbinauthz_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
)

// TestPlainEnforcerIsSafe is for the race detector: an Enforcer that nobody changes may
// be asked by many at once, whatever the matcher calls. What is memorized on the way
// (compiled matchers, roles, patterns) is what could go wrong.
func TestPlainEnforcerIsSafe(t *testing.T) {
	own := casbinauthz.Options{Request: func(in policy.Input) ([]any, error) {
		return []any{in.UserID, in.Object.ID, in.Action}, nil
	}}
	domains := casbinauthz.Options{Request: func(in policy.Input) ([]any, error) {
		return []any{in.UserID, in.Tenant, in.Object.ID, in.Action}, nil
	}}
	const head, tail = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n", "[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = "
	for _, test := range []struct {
		name, model, rows string
		opts              casbinauthz.Options
	}{
		{"roles", head + "[role_definition]\ng = _, _\n" + tail + "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n",
			"p, r1, 1, posts:read\ng, u0, r2\ng, r2, r1\n", own},
		{"two kinds of roles", head + "[role_definition]\ng = _, _\ng2 = _, _\n" + tail + "g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act\n",
			"p, r1, o1, posts:read\ng, u0, r1\ng2, 1, o1\n", own},
		{"roles in tenants", "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act\n[role_definition]\ng = _, _, _\n" + tail + "g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act\n",
			"p, r1, acme, 1, posts:read\ng, u0, r1, acme\n", domains},
		{"patterns", head + tail + "keyMatch(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && regexMatch(r.act, p.act)\n",
			"p, u0, 1, ^posts:read$\n", own},
		{"globs and lists", head + tail + "globMatch(r.sub, p.sub) && r.obj in ('a', 'b', p.obj) && r.act == p.act\n",
			"p, u0, 1, posts:read\n", own},
		{"eval", conf("rule, act", "actionMatch(r.act, p.act) && eval(p.rule)"),
			"p, \"r.sub.ID == 'u0'\", posts:read\n", casbinauthz.Options{}},
		{"ours", conf("sub, act", "actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)"),
			"p, user:u0, posts:read\n", casbinauthz.Options{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := mustOpen(t, map[string]string{"model.conf": test.model, "policy.csv": test.rows}, test.opts)
			o := auth.Object{Type: "post", ID: "1", Tenant: "acme"}
			start := make(chan struct{})
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					<-start
					for i := range 50 {
						err := a.Authorize(t.Context(), ask(fmt.Sprint("u", i%7), "posts:read", o))
						if (err == nil) != (i%7 == 0) || err != nil && !errors.Is(err, auth.ErrForbidden) {
							t.Errorf("u%d: %v", i%7, err)
						}
					}
				})
			}
			close(start)
			wg.Wait()
		})
	}
}
