package opaauthz_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/opa"
)

// What a policy may come to, and what becomes of it.
func TestResults(t *testing.T) {
	for name, c := range map[string]struct {
		rules  string
		want   string // "yes"; the reason of a no; or "outage"
		reason string // what is in the error of an outage
	}{
		"true":                {rules: `allow if input.action == "a"`, want: "yes"},
		"false":               {rules: `allow := input.action == "b"`, want: "data.gatehouse.allow is false"},
		"undefined":           {rules: `allow if input.action == "b"`, want: "data.gatehouse.allow is undefined"},
		"a string":            {rules: `allow := input.object.says`, want: "outage", reason: "of type string"},
		"a number":            {rules: `allow := input.object.one`, want: "outage", reason: "of type json.Number"},
		"a list":              {rules: `allow := input.object.list`, want: "outage", reason: "of type []interface"},
		"an object":           {rules: `allow := input.object.all`, want: "outage", reason: "of type map"},
		"null":                {rules: `allow := input.object.null`, want: "outage", reason: "null"},
		"a contradiction":     {rules: "allow := true if input.action == \"a\"\nallow := false if input.object.id == \"17\"", want: "outage", reason: "eval_conflict_error"},
		"an error":            {rules: `allow if to_number(input.action) == 1`, want: "outage", reason: "eval_builtin_error"},
		"not an error":        {rules: `allow if not to_number(input.action) == 1`, want: "outage", reason: "eval_builtin_error"},
		"not a denied error":  {rules: "allow if not deny\ndeny if to_number(input.action) == 1", want: "outage", reason: "eval_builtin_error"},
		"division by zero":    {rules: `allow if not 1 / (input.object.one - 1) > 0`, want: "outage", reason: "divide by zero"},
		"print":               {rules: `allow if { print("secret", input.action); input.action == "a" }`, want: "yes"},
		"a reason":            {rules: "allow if false\nreasons contains \"it is Sunday\"", want: "it is Sunday"},
		"reasons, in order":   {rules: "allow if false\nreasons contains \"z\"\nreasons contains sprintf(\"a %v\", [input.action])", want: "a a; z"},
		"a list of reasons":   {rules: "allow if false\nreasons := [\"b\", \"a\"]", want: "a; b"},
		"no reason":           {rules: "default allow := false\nreasons contains \"x\" if input.action == \"b\"", want: "data.gatehouse.allow is false"},
		"reasons of no kind":  {rules: "default allow := false\nreasons := 5", want: "data.gatehouse.allow is false"},
		"reasons in error":    {rules: "default allow := false\nreasons contains \"x\" if to_number(input.action) == 1", want: "data.gatehouse.allow is false, and its reasons cannot be found out: p.rego:4: eval_builtin_error"},
		"reasons beside yes":  {rules: "default allow := true\nreasons contains \"x\"", want: "yes"},
		"deny asked":          {rules: "default allow := false\nallow if count(deny) == 0\ndeny contains \"x\"", want: "data.gatehouse.allow is false"},
		"deny asked by else":  {rules: "allow := false if input.action == \"b\" else := true if ok\nok if not deny\ndeny if input.action == \"a\"", want: "data.gatehouse.allow is undefined"},
		"a default that errs": {rules: "default allow := true\nallow := false if to_number(input.action) == 1", want: "outage", reason: "eval_builtin_error"},
	} {
		t.Run(name, func(t *testing.T) {
			object := auth.Object{Type: "post", ID: "17", Attrs: map[string]any{
				"says": "true", "one": int64(1), "list": []string{"true"}, "all": map[string]any{"true": true}, "null": nil,
			}}
			err := written(t, c.rules, nil).Authorize(t.Context(), auth.Access{Identity: loggedIn("ada"), Action: "a", Object: object})
			denial, denied := errors.AsType[*auth.Denial](err)
			switch {
			case c.want == "yes":
				if err != nil {
					t.Error(err)
				}
			case c.want == "outage":
				if err == nil || errors.Is(err, auth.ErrForbidden) || !strings.Contains(err.Error(), c.reason) {
					t.Errorf("%v, want an outage that says %q", err, c.reason)
				}
			case denied && strings.Contains(denial.Reason, "strconv"): // and then the value
				t.Errorf("%v quotes a value", err)
			case !denied || denial.Policy != "opa" || denial.StepUp() || !strings.HasPrefix(denial.Reason, c.want):
				t.Errorf("%v, want a denial that says %q", err, c.want)
			}
		})
	}
}

// What a host's own query may come to beside that.
func TestQuery(t *testing.T) {
	for name, c := range map[string]struct{ query, want string }{
		"true":          {"data.p.yes", ""},
		"false":         {"data.p.no", "forbidden"},
		"undefined":     {"data.p.nothing", "forbidden"},
		"many results":  {"data.p.list[_]", "there are 2 results"},
		"a bound one":   {"x := data.p.no", "binds variables"},
		"two questions": {"data.p.yes; data.p.yes", "has 2 expressions"},
		"everything":    {"data.p", "of type map"},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := rego.New(rego.Query(c.query), rego.Module("p.rego", "package p\nyes := true\nno := false\nlist := [true, true]")).PrepareForEval(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			a, err := opaauthz.New(q, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = a.Authorize(t.Context(), auth.Access{Action: "a"})
			switch {
			case c.want == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, auth.ErrForbidden) != (c.want == "forbidden"):
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// What is wrong with a question is no answer.
func TestBadQuestions(t *testing.T) {
	down := errors.New("down")
	for name, c := range map[string]struct {
		object any
		roles  error
		want   string
	}{
		"an object that says nothing":       {object: time.Now(), want: "says nothing of itself"},
		"an attribute instead of the owner": {object: auth.Object{Attrs: map[string]any{"owner": "ada"}}, want: "call it something else"},
		"an attribute of no kind":           {object: auth.Object{Attrs: map[string]any{"f": func() {}}}, want: `attribute "f"`},
		"no number":                         {object: auth.Object{Attrs: map[string]any{"f": math.NaN()}}, want: `attribute "f"`},
		"roles":                             {roles: down, want: "down"},
	} {
		t.Run(name, func(t *testing.T) {
			a := written(t, "default allow := true", &opaauthz.Options{Roles: func(context.Context, auth.Access) ([]string, error) { return nil, c.roles }})
			err := a.Authorize(t.Context(), auth.Access{Identity: loggedIn("ada"), Action: "a", Object: c.object})
			if err == nil || errors.Is(err, auth.ErrForbidden) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an outage that says %q", err, c.want)
			}
		})
	}
}

// What is no name of an action is allowed by no policy, and neither is a pattern that is
// asked for as if it were one.
func TestNoAction(t *testing.T) {
	a := written(t, "default allow := true", nil)
	for _, action := range []string{"", "*", "posts:*", "posts:", ":edit", "posts::edit"} {
		if err := a.Authorize(t.Context(), auth.Access{Identity: loggedIn("ada"), Action: action}); !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%q: %v", action, err)
		}
	}
}
