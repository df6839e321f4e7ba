package casbinauthz_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
)

// Casbin's enforcers, and what they are made by.
var (
	_ casbinauthz.Enforcer = (*casbin.Enforcer)(nil)
	_ casbinauthz.Enforcer = (*casbin.SyncedEnforcer)(nil)
	_ casbinauthz.Enforcer = (*casbin.CachedEnforcer)(nil)
	_ casbinauthz.Enforcer = (*casbin.SyncedCachedEnforcer)(nil)
	_ casbinauthz.Enforcer = (*casbin.DistributedEnforcer)(nil)
)

func modelOf(t testing.TB, text string) model.Model {
	t.Helper()
	m, err := model.NewModelFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const classical = `[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`

func classicalRequest(in policy.Input) ([]any, error) {
	return []any{"user:" + in.UserID, in.Object.String(), in.Action}, nil
}

func TestHostConformance(t *testing.T) {
	e, err := casbin.NewSyncedEnforcer(modelOf(t, conf("sub, act", "actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)")))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range casbinauthz.Functions() {
		e.AddFunction(name, f)
	}
	for _, p := range [][]any{{"users", "posts:list"}, {"owner", "posts:edit"}, {"role:admin", "admin:view"}} {
		if _, err := e.AddPolicy(p...); err != nil {
			t.Fatal(err)
		}
	}
	a, err := casbinauthz.New(e, &casbinauthz.Options{Roles: roles})
	if err != nil {
		t.Fatal(err)
	}
	authtest.TestAuthorizer(t, a,
		[]auth.Access{ask("vi", "posts:list", nil), ask("olga", "posts:edit", olgas), ask("ada", "admin:view", nil)},
		[]auth.Access{ask("", "posts:list", nil), ask("admin", "admin:view", nil), ask("vi", "posts:edit", olgas)})
	if err := a.Reload(t.Context()); err == nil {
		t.Error("Reload: no error")
	}
	if err := a.Run(t.Context()); err == nil {
		t.Error("Run: no error")
	}
	if err := a.Err(); err != nil {
		t.Error(err)
	}
}

func TestNewErrors(t *testing.T) {
	_, err := casbinauthz.New((*casbin.Enforcer)(nil), &casbinauthz.Options{
		Files: []string{"x"}, Functions: map[string]func(...any) (any, error){"f": nil}})
	for _, want := range []string{"nil", "Options.Functions", "Options.Files"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in %v", want, err)
		}
	}
	if _, err := casbinauthz.New(nil, nil); err == nil {
		t.Error("nil: no error")
	}
}

// TestHostNobody: an enforcer without any rules, or with careless ones, says yes to
// "", and is not asked.
func TestHostNobody(t *testing.T) {
	e, err := casbin.NewEnforcer(modelOf(t, strings.Replace(classical, "g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act", "r.sub == p.sub || p.sub == '*'", 1)))
	if err != nil {
		t.Fatal(err)
	}
	own := func(in policy.Input) ([]any, error) { return []any{in.UserID, in.Object.ID, in.Action}, nil }
	if ok, err := e.Enforce("", "", "posts:read"); err != nil || !ok {
		t.Fatalf("Casbin has become careful: %v, %v", ok, err)
	}
	a, err := casbinauthz.New(e, &casbinauthz.Options{Request: own})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []*auth.Identity{nil, {}} {
		if err := a.Authorize(t.Context(), auth.Access{Identity: id, Action: "posts:read"}); !errors.Is(err, auth.ErrForbidden) {
			t.Error(err)
		}
	}
}

// TestHostChanges: the host changes the policy while decisions are made.
func TestHostChanges(t *testing.T) {
	e, err := casbin.NewSyncedEnforcer(modelOf(t, classical))
	if err != nil {
		t.Fatal(err)
	}
	a, err := casbinauthz.New(e, &casbinauthz.Options{Request: classicalRequest})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.AddPolicy("role:editor", "post/1", "posts:edit"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.AddGroupingPolicy("user:ed", "role:editor"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 300 {
				if err := a.Authorize(t.Context(), ask("ed", "posts:edit", olgas)); err != nil {
					t.Error(err)
				}
				if err := a.Authorize(t.Context(), ask("vi", "posts:edit", olgas)); !errors.Is(err, auth.ErrForbidden) {
					t.Error(err)
				}
			}
		})
	}
	for i := range 100 {
		if _, err := e.AddGroupingPolicy(fmt.Sprint("user:", i), "role:editor"); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if err := a.Authorize(t.Context(), ask("99", "posts:edit", olgas)); err != nil {
		t.Error(err)
	}
}

// TestCached: Casbin's cache takes two requests for one if there is a "$" in the right
// place. Such a request is not asked of the cache.
func TestCached(t *testing.T) {
	one, err := casbin.NewCachedEnforcer(modelOf(t, classical))
	if err != nil {
		t.Fatal(err)
	}
	two, err := casbin.NewSyncedCachedEnforcer(modelOf(t, classical))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []interface {
		casbinauthz.Enforcer
		AddPolicy(...any) (bool, error)
		GetModel() model.Model
	}{one, two} {
		if _, err := e.AddPolicy("user:a", "post/1$$x", "posts:read"); err != nil {
			t.Fatal(err)
		}
		a, err := casbinauthz.New(e, &casbinauthz.Options{Request: classicalRequest})
		if err != nil {
			t.Fatal(err)
		}
		// ("user:a", "post/1$$x") and ("user:a$$post/1", "x") are one to the cache.
		if ok, err := e.Enforce("user:a", "post/1$$x", "posts:read"); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := e.Enforce("user:a$$post/1", "x", "posts:read"); !ok || err != nil {
			t.Fatalf("Casbin has become careful: %v, %v", ok, err)
		}
		if err := a.Authorize(t.Context(), ask("a$$post/1", "posts:read", auth.Object{Type: "x"})); !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%T: %v", e, err)
		}
		// What is not in doubt is asked of the cache, a no as well.
		for range 2 {
			if err := a.Authorize(t.Context(), ask("b", "posts:read", auth.Object{Type: "post", ID: "2"})); !errors.Is(err, auth.ErrForbidden) {
				t.Error(err)
			}
		}
		if err := a.Authorize(t.Context(), ask("c", "posts:read", auth.Object{Type: "post", ID: "3"})); !errors.Is(err, auth.ErrForbidden) {
			t.Error(err)
		}
		if _, err := e.GetModel().AddPoliciesWithAffected("p", "p", [][]string{{"user:c", "post/3", "posts:read"}}); err != nil { // behind the cache's back
			t.Fatal(err)
		}
		if err := a.Authorize(t.Context(), ask("c", "posts:read", auth.Object{Type: "post", ID: "3"})); !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("the cache was not asked: %v", err)
		}
	}
}
