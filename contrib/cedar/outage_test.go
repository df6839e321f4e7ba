package cedarauthz_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
)

// Cedar goes on without a policy that cannot be evaluated.
func TestPolicyThatFails(t *testing.T) {
	const permit = `permit (principal, action, resource);`
	draft := auth.Object{Type: "post", ID: "17"}
	for _, test := range []struct {
		name, policy string
		words        []string
	}{
		{"a forbid without its attribute", permit + `@id("locked") forbid (principal, action, resource) when { resource.locked };`, []string{"site.cedar:locked", "locked"}},
		{"a permit beside another", permit + `@id("open") permit (principal, action, resource) when { resource.open };`, []string{"site.cedar:open"}},
		{"a permit alone", `@id("open") permit (principal, action, resource) when { resource.open };`, []string{"site.cedar:open"}},
		{"beside a forbid", permit + `@id("open") permit (principal, action, resource) when { resource.open }; forbid (principal, action, resource);`, []string{"site.cedar:open"}},
		{"both of two", permit + `@id("a") forbid (principal, action, resource) when { resource.a }; @id("b") forbid (principal, action, resource) when { resource.b };`, []string{"site.cedar:a", "site.cedar:b"}},
		{"another type", permit + `forbid (principal, action, resource) when { resource.tenant > 3 };`, []string{"type error"}},
		{"no bool", permit + `forbid (principal, action, resource) when { resource.tenant };`, []string{"bool"}},
		{"an overflow", permit + `forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };`, []string{"overflow"}},
		{"nobody's proof", permit + `forbid (principal, action, resource) when { context.proofAge > duration("1h") };`, []string{"proofAge"}},
		{"nobody's ID", permit + `forbid (principal, action, resource) unless { principal.id == "ada" };`, []string{"id"}},
		{"an entity that is not there", permit + `forbid (principal, action, resource) when { Folder::"x".secret };`, []string{"Folder"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := open(t, test.policy, nil)
			says(t, check(t, a, by("", "posts:edit", draft), "outage"), test.words...)
		})
	}
	// What is of another action is not evaluated.
	a := open(t, permit+`forbid (principal, action == Action::"posts:delete", resource) when { resource.locked };`, nil)
	check(t, a, by("ada", "posts:edit", draft), "yes")
	check(t, a, by("ada", "posts:delete", draft), "outage")
}

func TestOutages(t *testing.T) {
	const all = `permit (principal, action, resource) when { context has weather || true };`
	down := errors.New("the disk is full")
	denied := fmt.Errorf("not for you: %w", auth.ErrForbidden)
	entities := func(err error) *cedarauthz.Options {
		return &cedarauthz.Options{Entities: func(context.Context, cedar.EntityUID) (cedar.Entity, bool, error) { return cedar.Entity{}, true, err }}
	}
	inContext := func(m cedar.RecordMap, err error) *cedarauthz.Options {
		return &cedarauthz.Options{Context: func(context.Context, auth.Access) (cedar.RecordMap, error) { return m, err }}
	}
	for _, test := range []struct {
		name, policy string
		opts         *cedarauthz.Options
		object       any
		words        []string
	}{
		{"roles", all, &cedarauthz.Options{Roles: func(context.Context, auth.Access) ([]string, error) { return nil, down }}, nil, []string{"disk"}},
		{"entities", `permit (principal, action, resource) unless { principal in Group::"x" };`, entities(down), nil, []string{"Entities", `User::"ada"`, "disk"}},
		{"entities say no", `permit (principal, action, resource) unless { principal in Group::"x" };`, entities(denied), nil, []string{"not for you"}},
		{"context", all, inContext(nil, down), nil, []string{"Context", "disk"}},
		{"context says no", all, inContext(nil, denied), nil, []string{"not for you"}},
		{"context has what is ours", all, inContext(cedar.RecordMap{"tenant": cedar.String("x")}, nil), nil, []string{`"tenant"`}},
		{"context has nil", all, inContext(cedar.RecordMap{"weather": nil}, nil), nil, []string{`"weather"`}},
		{"an object that says nothing", all, nil, struct{ X int }{1}, []string{"AuthObject"}},
		{"an object without type", all, nil, auth.Object{ID: "17"}, []string{"type"}},
		{"a type that is no name", all, nil, "blog-post/17", []string{`"blog-post"`, "Options.Types"}},
		{"a type that is a keyword", all, nil, "if/17", []string{`"if"`}},
		{"a type that escapes", all, nil, auth.Object{Type: `User::"root", action, resource) ; permit (principal`, ID: "1"}, []string{"Types"}},
		{"a user as the object", all, nil, "User/ada", []string{`"User"`}},
		{"a role as the object", all, nil, "Role/admin", []string{`"Role"`}},
		{"an action as the object", all, nil, "Action/posts:edit", []string{`"Action"`}},
		{"another action as the object", all, nil, "App::Action/posts:edit", []string{"Action"}},
		{"nobody as the object", all, nil, "Nobody/", []string{`"Nobody"`}},
		{"the site as the object", all, nil, "Site/", []string{`"Site"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := open(t, test.policy, test.opts)
			says(t, check(t, a, by("ada", "posts:edit", test.object), "outage"), test.words...)
		})
	}
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := open(t, `permit (principal, action, resource) when { principal in Role::"x" || true };`, &cedarauthz.Options{
		Roles: func(context.Context, auth.Access) ([]string, error) {
			cancel()
			return []string{"x"}, nil
		},
	})
	if err := a.Authorize(ctx, by("ada", "posts:edit", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ends while it decides: %v", err)
	}
	if err := a.Authorize(ctx, by("ada", "", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	late, cancel2 := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel2()
	if err := a.Authorize(late, by("ada", "posts:edit", nil)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a context whose time is over: %v", err)
	}
}
