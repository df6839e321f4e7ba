package casbinauthz_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing/fstest"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
)

func Example() {
	files := fstest.MapFS{ // a host takes os.DirFS("policy")
		"model.conf": {Data: []byte(`
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, act

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)
# end of policy
`)},
		"policy.csv": {Data: []byte(`
p, owner, posts:*
p, role:editor, posts:edit
# end of policy
`)},
	}
	roles := func(_ context.Context, a auth.Access) ([]string, error) { // a host has them in contrib/rbac, say
		if a.Identity != nil && a.Identity.UserID == "ed" {
			return []string{"editor"}, nil
		}
		return nil, nil
	}
	engine, err := casbinauthz.Open(files, &casbinauthz.Options{Roles: roles, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	// go engine.Run(ctx), and auth.Options{Authorizer: engine}

	post := auth.Object{Type: "post", ID: "1", Owner: "olga"}
	for _, who := range []string{"olga", "ed", "editor"} {
		for _, action := range []string{"posts:edit", "posts:delete"} {
			err := engine.Authorize(context.Background(), auth.Access{Identity: &auth.Identity{UserID: who}, Action: action, Object: post})
			fmt.Println(who, action, err)
		}
	}
	// Output:
	// olga posts:edit <nil>
	// olga posts:delete <nil>
	// ed posts:edit <nil>
	// ed posts:delete auth: forbidden: casbin: no rule allows it
	// editor posts:edit auth: forbidden: casbin: no rule allows it
	// editor posts:delete auth: forbidden: casbin: no rule allows it
}

// A host that has an enforcer and a model already, here the classical one with roles in
// domains, says how a question is put to it.
func ExampleNew() {
	m, err := model.NewModelFromString(`
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	enforcer, err := casbin.NewSyncedEnforcer(m) // and an adapter to the host's database
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := casbinauthz.New(enforcer, &casbinauthz.Options{
		Request: func(in policy.Input) ([]any, error) {
			return []any{"user:" + in.UserID, in.Tenant, in.Object.Type, in.Action}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func(who string) {
		err := engine.Authorize(context.Background(), auth.Access{Identity: &auth.Identity{UserID: who},
			Action: "posts:edit", Object: auth.Object{Type: "post", ID: "2", Tenant: "acme"}})
		fmt.Println(who, err)
	}
	_, _ = enforcer.AddPolicy("role:editor", "acme", "post", "posts:edit")
	ask("eve")
	_, _ = enforcer.AddGroupingPolicy("user:eve", "role:editor", "acme")
	ask("eve")
	// Output:
	// eve auth: forbidden: casbin: no rule allows it
	// eve <nil>
}
