package cedarauthz_test

import (
	"testing"
	"testing/fstest"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"

	"github.com/gatehouse-go/gatehouse/auth"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
)

func TestDenial(t *testing.T) {
	a, err := cedarauthz.Open(fstest.MapFS{
		"a.cedar": {Data: []byte(`permit (principal, action, resource);

@id("frozen") @reason("the site is frozen")
forbid (principal, action == Action::"posts:edit", resource);`)},
		"b.cedar": {Data: []byte(`forbid (principal == User::"eve", action in Action::"posts:*", resource);
forbid (principal == User::"eve", action == Action::"posts:list", resource); forbid (principal == User::"eve", action, resource);
forbid (principal == User::"ida", action, resource);`)},
		"c.txt": {Data: []byte(`not a policy`)},
	}, &cedarauthz.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, user, action string
		want               auth.Denial
	}{
		{"by its @id, with its @reason", "ada", "posts:edit", auth.Denial{Policy: "a.cedar:frozen", Reason: "the site is frozen"}},
		{"by its line", "ida", "posts:list", auth.Denial{Policy: "b.cedar:3", Reason: "forbidden"}},
		{"several, in order, two of them on a line", "eve", "posts:list", auth.Denial{Policy: "b.cedar:1, b.cedar:2, b.cedar:2:78", Reason: "forbidden"}},
		{"the reason of the first", "eve", "posts:edit", auth.Denial{Policy: "a.cedar:frozen, b.cedar:1, b.cedar:2:78", Reason: "the site is frozen"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := denial(t, check(t, a, by(test.user, test.action, nil), "no"))
			if d.Policy != test.want.Policy || d.Reason != test.want.Reason || d.StepUp() {
				t.Errorf("%+v, want %+v", d, test.want)
			}
		})
	}
	check(t, a, by("ada", "posts:list", nil), "yes")
}

func TestNoPolicyPermits(t *testing.T) {
	a := open(t, `permit (principal, action == Action::"posts:list", resource);`, nil)
	d := denial(t, check(t, a, by("ada", "posts:edit", nil), "no"))
	if d.Policy != "cedar" || d.Reason != `no policy permits "posts:edit"` {
		t.Errorf("%+v", d)
	}
	one, two := a.Authorize(t.Context(), by("ada", "posts:edit", nil)), a.Authorize(t.Context(), by("ada", "posts:edit", nil))
	if one == two {
		t.Error("two denials are one: whoever changes one changes the other")
	}
}

// What is no name of an action is not left to a policy that permits everything.
func TestNoAction(t *testing.T) {
	a := open(t, `permit (principal, action, resource);`, nil)
	check(t, a, by("ada", "posts:edit", nil), "yes")
	for _, action := range []string{"", "posts:*", "*", ":", "posts:", ":edit", "posts::edit"} {
		check(t, a, by("ada", action, nil), "no")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name  string
		files fstest.MapFS
		opts  *cedarauthz.Options
		want  []string
	}{
		{"no files", fstest.MapFS{}, nil, []string{"*.cedar"}},
		{"an empty file", files(""), nil, []string{"site.cedar"}},
		{"comments only", files("// nothing\n"), nil, []string{"no policy"}},
		{"no Cedar", files("permit (principal, action, resource"), nil, []string{"site.cedar"}},
		{"no text", files("forbid (principal, action, resource) when { resource has \"\xff\" };"), nil, []string{"site.cedar"}},
		{"each file", fstest.MapFS{"a.cedar": {Data: []byte("permit")}, "b.cedar": {Data: []byte("forbid")}}, nil, []string{"a.cedar", "b.cedar"}},
		{"an ID twice", files("@id(\"x\") permit (principal, action, resource);\n@id(\"x\") forbid (principal, action, resource);"), nil, []string{"site.cedar:2", `"x"`}},
		{"types that are none", files("permit (principal, action, resource);"), &cedarauthz.Options{Types: map[string]string{"a": "blog-post", "b": "User", "c": "if", "d": "", "e": "App::Action", "f": `X::"y"`}},
			[]string{`Types["a"]`, `Types["b"]`, `Types["c"]`, `Types["d"]`, `Types["e"]`, `Types["f"]`}},
		{"more than one thing", files("permit"), &cedarauthz.Options{Every: -1, Types: map[string]string{"a": "Role"}}, []string{"Every", `Types["a"]`}},
		{"a pattern", files("permit (principal, action, resource);"), &cedarauthz.Options{Files: []string{"["}}, []string{"["}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := cedarauthz.Open(test.files, test.opts)
			says(t, err, test.want...)
		})
	}
	t.Run("no file system", func(t *testing.T) {
		_, err := cedarauthz.Open(nil, &cedarauthz.Options{Every: -1})
		says(t, err, "os.DirFS", "Every")
	})
}

func TestFilesOption(t *testing.T) {
	a, err := cedarauthz.Open(fstest.MapFS{
		"site.cedar":        {Data: []byte(`permit (principal, action, resource);`)},
		"tenants/acme.rule": {Data: []byte(`@id("all") forbid (principal, action, resource);`)},
	}, &cedarauthz.Options{Files: []string{"*.cedar", "tenants/*.rule"}, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if d := denial(t, check(t, a, by("ada", "posts:list", nil), "no")); d.Policy != "tenants/acme.rule:all" {
		t.Errorf("%+v", d)
	}
}

func TestNew(t *testing.T) {
	if _, err := cedarauthz.New(nil, &cedarauthz.Options{Types: map[string]string{"a": "User"}}); err == nil {
		t.Error("no function: no error")
	} else {
		says(t, err, "function", "Types")
	}
	if _, err := cedarauthz.New(func() *cedar.PolicySet { return nil }, nil); err == nil {
		t.Error("a nil set: no error")
	}
	broken := cedar.NewPolicySet()
	broken.Add("hole", nil)
	_, err := cedarauthz.New(func() *cedar.PolicySet { return broken }, nil)
	says(t, err, "hole")
	odd := cedar.NewPolicySet()
	odd.Add("odd", cedar.NewPolicyFromAST(ast.Forbid().When(ast.Resource().Has("\xff"))))
	_, err = cedarauthz.New(func() *cedar.PolicySet { return odd }, nil)
	says(t, err, "odd")

	current := setOf(t, `permit (principal, action, resource);`)
	a, err := cedarauthz.New(func() *cedar.PolicySet { return current }, nil)
	if err != nil {
		t.Fatal(err)
	}
	question := by("ada", "posts:list", nil)
	check(t, a, question, "yes")
	current = setOf(t, `@reason("closed") forbid (principal, action, resource);`)
	if d := denial(t, check(t, a, question, "no")); d.Policy != "policy0" || d.Reason != "closed" {
		t.Errorf("%+v", d)
	}
	current = nil
	check(t, a, question, "outage")
	current = broken
	check(t, a, question, "outage")
	current = cedar.NewPolicySet()
	check(t, a, question, "no")

	if err := a.Reload(t.Context()); err != nil || a.Err() != nil {
		t.Error(err, a.Err())
	}
}
