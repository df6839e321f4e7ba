package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"
	stringadapter "github.com/casbin/casbin/v3/persist/string-adapter"
	"github.com/cedar-policy/cedar-go"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
	opaauthz "github.com/gatehouse-go/gatehouse/contrib/opa"
	"github.com/gatehouse-go/gatehouse/internal/tree"
)

// overhead is what an adapter may take beside its engine.
const overhead = 1.2

// An engine decides by the policy of the site that all adapters have, by hand and by
// its adapter. By hand its input was built before anything is timed.
type engine struct {
	name    string
	byHand  func(action string) (func() (bool, error), error)
	adapter auth.Authorizer
}

// EngineRows returns the rows (g) of the engines: an editor may edit the post of
// somebody else, and not delete it.
func EngineRows() ([]Row, error) {
	root, err := tree.Find()
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, open := range []func(dir string) (*engine, error){openCasbin, openCedar, openOPA} {
		e, err := open(filepath.Join(root, "contrib"))
		if err != nil {
			return nil, err
		}
		for _, q := range []question{{action: "posts:edit", hit: true}, {action: "posts:delete"}} {
			byHand, err := e.byHand(q.action)
			if err != nil {
				return nil, err
			}
			access := editing(q.action)
			adapter := func() (bool, error) {
				err := e.adapter.Authorize(context.Background(), access)
				if err != nil && !errors.Is(err, auth.ErrForbidden) {
					return false, err
				}
				return err == nil, nil
			}
			row := Row{Name: fmt.Sprintf("(g) %s, the policy of a site, %s", e.name, answerOf(q.hit)), Ratio: overhead}
			for name, ask := range map[string]func() (bool, error){"by hand": byHand, "adapter": adapter} {
				if said, err := ask(); err != nil || said != q.hit {
					return nil, fmt.Errorf("%s, %s: %s is %v, %w", e.name, name, q.action, said, err)
				}
			}
			for i, ask := range []func() (bool, error){byHand, adapter} {
				row.Ops = append(row.Ops, decide([]string{e.name, "Gatehouse on " + e.name}[i], false, 1, func(int) bool {
					said, _ := ask()
					return said
				}))
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

var at = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// post is somebody else's.
var post = auth.Object{Type: "post", ID: "17", Tenant: "acme", Owner: "bob"}

var editors = []string{"editor", "viewer"}

func roles(context.Context, auth.Access) ([]string, error) { return editors, nil }

func editing(action string) auth.Access {
	return auth.Access{
		Identity: &auth.Identity{UserID: "ed", Proofs: []auth.Proof{{Method: "password", At: at.Add(-time.Minute)}}},
		Action:   action, Object: &post, At: at,
	}
}

func read(names ...string) (string, error) {
	b, err := os.ReadFile(filepath.Join(append(names[:1:1], names[1:]...)...))
	return string(b), err
}

func openCasbin(contrib string) (*engine, error) {
	dir := filepath.Join(contrib, "casbin", "testdata", "policy")
	adapter, err := casbinauthz.Open(os.DirFS(dir), &casbinauthz.Options{Roles: roles})
	if err != nil {
		return nil, err
	}
	m, err := model.NewModelFromFile(filepath.Join(dir, "model.conf"))
	if err != nil {
		return nil, err
	}
	rules, err := read(dir, "policy.csv")
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m, stringadapter.NewAdapter(rules))
	if err != nil {
		return nil, err
	}
	for name, f := range casbinauthz.Functions() {
		e.AddFunction(name, f)
	}
	return &engine{"casbin", func(action string) (func() (bool, error), error) {
		in, err := policy.Describe(context.Background(), editing(action), roles)
		if err != nil {
			return nil, err
		}
		sub, obj := casbinauthz.SubjectOf(in), casbinauthz.ObjectOf(in)
		return func() (bool, error) { return e.Enforce(sub, obj, action) }, nil
	}, adapter}, nil
}

func openCedar(contrib string) (*engine, error) {
	dir := filepath.Join(contrib, "cedar", "testdata", "policy")
	adapter, err := cedarauthz.Open(os.DirFS(dir), &cedarauthz.Options{Roles: roles})
	if err != nil {
		return nil, err
	}
	text, err := read(dir, "site.cedar")
	if err != nil {
		return nil, err
	}
	set, err := cedar.NewPolicySetFromBytes("site.cedar", []byte(text))
	if err != nil {
		return nil, err
	}
	return &engine{"cedar", func(action string) (func() (bool, error), error) {
		user, act := cedar.NewEntityUID("User", "ed"), cedar.NewEntityUID("Action", cedar.String(action))
		object := cedar.NewEntityUID("post", cedar.String(post.ID))
		entities := cedar.EntityMap{
			user: {UID: user, Parents: cedar.NewEntityUIDSet(cedar.NewEntityUID("Role", "editor"), cedar.NewEntityUID("Role", "viewer"))},
			act:  {UID: act, Parents: cedar.NewEntityUIDSet(cedar.NewEntityUID("Action", "posts"))},
			object: {UID: object, Attributes: cedar.NewRecord(cedar.RecordMap{
				"owner": cedar.NewEntityUID("User", cedar.String(post.Owner)), "tenant": cedar.String(post.Tenant),
			})},
		}
		request := cedar.Request{Principal: user, Action: act, Resource: object,
			Context: cedar.NewRecord(cedar.RecordMap{"tenant": cedar.String(post.Tenant)})}
		return func() (bool, error) {
			decision, diagnostic := cedar.Authorize(set, entities, request)
			if len(diagnostic.Errors) > 0 {
				return false, errors.New(diagnostic.Errors[0].Message)
			}
			return bool(decision), nil
		}, nil
	}, adapter}, nil
}

func openOPA(contrib string) (*engine, error) {
	dir := filepath.Join(contrib, "opa", "testdata", "policy")
	adapter, err := opaauthz.Open(os.DirFS(dir), &opaauthz.Options{Roles: roles, Files: []string{"site.rego"}})
	if err != nil {
		return nil, err
	}
	text, err := read(dir, "site.rego")
	if err != nil {
		return nil, err
	}
	query, err := rego.New(rego.Query("data.gatehouse.allow"), rego.Module("site.rego", text)).PrepareForEval(context.Background())
	if err != nil {
		return nil, err
	}
	return &engine{"opa", func(action string) (func() (bool, error), error) {
		input, err := ast.InterfaceToValue(map[string]any{
			"user":   map[string]any{"id": "ed", "roles": editors, "methods": []string{"password"}, "proof_age": time.Minute.Nanoseconds()},
			"action": action,
			"object": map[string]any{"type": post.Type, "id": post.ID, "tenant": post.Tenant, "owner": post.Owner},
			"tenant": post.Tenant, "now": at.UnixNano(),
		})
		if err != nil {
			return nil, err
		}
		return func() (bool, error) {
			results, err := query.Eval(context.Background(), rego.EvalParsedInput(input))
			return results.Allowed(), err
		}, nil
	}, adapter}, nil
}
