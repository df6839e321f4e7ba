package cedarauthz_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
)

// What is kept of one question is not the answer to another.
func TestWhatIsKept(t *testing.T) {
	object := func(attrs map[string]any) auth.Object { return auth.Object{Type: "post", ID: "17", Attrs: attrs} }
	t.Run("another attribute", func(t *testing.T) {
		a := open(t, `permit (principal, action, resource) when { resource has a && resource.a == "x" && !(resource has b) };`, nil)
		check(t, a, by("ada", "posts:edit", object(map[string]any{"b": "x"})), "no")
		check(t, a, by("ada", "posts:edit", object(map[string]any{"a": "x"})), "yes")
		check(t, a, by("ada", "posts:edit", object(map[string]any{"b": "x"})), "no")
	})
	t.Run("another action", func(t *testing.T) {
		a := open(t, `
permit (principal, action == Action::"one", resource) when { resource has a && resource.a == "x" };
permit (principal, action == Action::"two", resource) when { resource has b && resource.b == "x" };
permit (principal, action == Action::"three", resource) when { context.tenant == "" && context has methods };
permit (principal, action == Action::"four", resource) when { context has actor || context == {} || true };`, nil)
		ask := func(t *testing.T) {
			t.Helper()
			for range 2 {
				check(t, a, by("ada", "one", object(map[string]any{"a": "x"})), "yes")
				check(t, a, by("ada", "two", object(map[string]any{"b": "x"})), "yes")
				check(t, a, by("ada", "one", object(map[string]any{"b": "x"})), "no")
				check(t, a, by("ada", "two", object(map[string]any{"a": "x"})), "no")
				check(t, a, by("ada", "three", object(nil)), "yes")
				check(t, a, by("ada", "four", object(nil)), "yes")
			}
		}
		ask(t)
	})
	t.Run("more actions than are kept", func(t *testing.T) {
		a := open(t, `
permit (principal, action == Action::"one", resource) when { resource has a && resource.a == "x" };
permit (principal, action == Action::"two", resource) when { resource has b && resource.b == "x" };`, nil)
		for i := range 1100 {
			check(t, a, by("ada", fmt.Sprint("n", i), nil), "no")
		}
		for range 2 {
			check(t, a, by("ada", "one", object(map[string]any{"a": "x"})), "yes")
			check(t, a, by("ada", "two", object(map[string]any{"a": "x"})), "no")
			check(t, a, by("ada", "two", object(map[string]any{"b": "x"})), "yes")
		}
	})
	t.Run("long actions", func(t *testing.T) { // of which one has groups of megabytes
		a := open(t, `permit (principal, action, resource);`, nil)
		check(t, a, by("ada", strings.Repeat("a:", 127)+"b", nil), "yes")
		long := by("ada", strings.Repeat("a:", 4000)+"b", nil)
		check(t, a, long, "no")
		if n := testing.AllocsPerRun(1, func() { _ = a.Authorize(t.Context(), long) }); n > 10 {
			t.Errorf("%v allocations", n)
		}
	})
	t.Run("another time", func(t *testing.T) {
		a := open(t, `permit (principal, action == Action::"age", resource) when { context.proofAge < duration("10m") };
permit (principal, action == Action::"now", resource) when { context.now < datetime("2026-03-04T12:10:00Z") };`, nil)
		for minutes, want := range map[time.Duration]string{0: "yes", 4: "yes", 20: "no", 5: "no"} {
			question := by("ada", "age", nil)
			question.At = noon.Add(minutes * time.Minute)
			check(t, a, question, want)
		}
		question := by("ada", "now", nil)
		check(t, a, question, "yes")
		question.At = noon.Add(time.Hour)
		check(t, a, question, "no")
	})
	t.Run("other roles and another user", func(t *testing.T) {
		held := roles{"ada": {"a", "b"}, "bob": {"ab"}, "cem": {"b", "a"}, "dot": {"a\x00b"}, "eve": {}, "fay": {""}}
		a := open(t, `permit (principal in Role::"b", action, resource) when { resource.by == principal.id };`, &cedarauthz.Options{Roles: held.of})
		for range 2 {
			for user, want := range map[string]string{"ada": "yes", "bob": "no", "cem": "yes", "dot": "no", "eve": "no", "fay": "no"} {
				check(t, a, by(user, "posts:edit", object(map[string]any{"by": user})), want)
			}
		}
	})
}
