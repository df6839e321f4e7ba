package opaauthz_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/opa"
)

// What Open refuses, and what it says then.
func TestOpenRefuses(t *testing.T) {
	const good = "package gatehouse\nallow if input.action == \"a\"\n"
	files := func(nameAndText ...string) fstest.MapFS {
		m := fstest.MapFS{}
		for i := 0; i < len(nameAndText); i += 2 {
			m[nameAndText[i]] = &fstest.MapFile{Data: []byte(nameAndText[i+1])}
		}
		return m
	}
	for name, c := range map[string]struct {
		files fstest.MapFS
		opts  *opaauthz.Options
		want  []string
	}{
		"no file":              {files: files(), want: []string{"*.rego"}},
		"an empty file":        {files: files("a.rego", ""), want: []string{"a.rego"}},
		"only a comment":       {files: files("a.rego", "# nothing\n"), want: []string{"a.rego", "empty module"}},
		"no package":           {files: files("a.rego", "allow if true"), want: []string{"a.rego:1", "package"}},
		"another package":      {files: files("a.rego", "package other\nallow := true"), want: []string{"no rule data.gatehouse.allow", "package gatehouse"}},
		"another rule":         {files: files("a.rego", "package gatehouse\nallowed := true"), want: []string{"no rule data.gatehouse.allow"}},
		"the rule in data":     {files: files("a.rego", "package gatehouse\nx := 1", "d.json", `{"gatehouse": {"allow": true}}`), want: []string{"no rule data.gatehouse.allow"}},
		"data over the rule":   {files: files("a.rego", good, "d.json", `{"gatehouse": {"allow": true}}`), want: []string{"conflict"}},
		"half a file":          {files: files("a.rego", good+"allow if {"), want: []string{"a.rego:3"}},
		"two broken files":     {files: files("a.rego", "package a\n(", "b.rego", "package b\n("), want: []string{"a.rego:2", "b.rego:2"}},
		"the old syntax":       {files: files("a.rego", "package gatehouse\nallow { input.action == \"a\" }"), want: []string{"`if` keyword is required"}},
		"an unsafe variable":   {files: files("a.rego", "package gatehouse\nallow if x"), want: []string{"unsafe"}},
		"a set":                {files: files("a.rego", "package gatehouse\nallow contains \"a\""), want: []string{"never true or false", "allow if"}},
		"a string":             {files: files("a.rego", "package gatehouse\nallow := \"true\""), want: []string{"never true or false"}},
		"a function":           {files: files("a.rego", "package gatehouse\nallow(x) if x"), want: []string{"never true or false"}},
		"a typing error":       {files: files("a.rego", "package gatehouse\nallow if not input.user.banned"), want: []string{"undefined ref: input.user.banned"}},
		"recursion":            {files: files("a.rego", "package gatehouse\nallow if not allow"), want: []string{"recursive"}},
		"deny that is ignored": {files: files("a.rego", "package gatehouse\nallow if true\ndeny if input.action == \"a\""), want: []string{"data.gatehouse.deny is there", "not deny"}},
		"no such reasons":      {files: files("a.rego", good), opts: &opaauthz.Options{Reasons: "data.gatehouse.why"}, want: []string{"no rule data.gatehouse.why"}},
		"a reach out":          {files: files("a.rego", "package gatehouse\nallow if http.send({\"method\": \"get\", \"url\": \"http://localhost\"}).status_code == 200"), want: []string{"undefined function http.send"}},
		"the environment":      {files: files("a.rego", "package gatehouse\nallow if opa.runtime().env.ALLOW"), want: []string{"undefined function opa.runtime"}},
		"a name server":        {files: files("a.rego", "package gatehouse\nallow if count(net.lookup_ip_addr(\"x\")) > 0"), want: []string{"undefined function net.lookup_ip_addr"}},
		"chance":               {files: files("a.rego", "package gatehouse\nallow if rand.intn(\"x\", 2) == 0"), want: []string{"undefined function rand.intn"}},
		"a schema from afar":   {files: files("a.rego", "package gatehouse\nallow if json.match_schema({}, {\"$ref\": \"http://localhost/\"})[0]"), want: []string{"undefined function json.match_schema"}},
		"data that is a list":  {files: files("a.rego", good, "d.json", "[]"), want: []string{"d.json"}},
		"data that is null":    {files: files("a.rego", good, "d.json", "null"), want: []string{"d.json", "make it an object"}},
		"half of the data":     {files: files("a.rego", good, "d.json", `{"a": {"b": 1}`), want: []string{"d.json"}},
		"too much data":        {files: files("a.rego", good, "d.json", `{"a": 1} {"b": 2}`), want: []string{"d.json"}},
		"data twice":           {files: files("a.rego", good, "d.json", `{"a": {"b": 1}}`, "e.json", `{"a": {"b": 1}}`), want: []string{"e.json", "data.a.b is in another file"}},
		"another kind of file": {files: files("a.rego", good, "d.yaml", "a: 1"), opts: &opaauthz.Options{Files: []string{"*"}}, want: []string{"d.yaml", "Options.Files"}},
		"options":              {files: files("a.rego", good), opts: &opaauthz.Options{Query: "allow", Reasons: "data.x[_].y", Every: -1}, want: []string{"Options.Query", "Options.Reasons", "Options.Every"}},
		"a package":            {files: files("a.rego", good), opts: &opaauthz.Options{Query: "data.gatehouse"}, want: []string{"Options.Query"}},
		"an expression":        {files: files("a.rego", good), opts: &opaauthz.Options{Query: "data.gatehouse.allow; true"}, want: []string{"Options.Query"}},
		"a pattern":            {files: files("a.rego", good), opts: &opaauthz.Options{Files: []string{"["}}, want: []string{`"["`}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := opaauthz.Open(c.files, c.opts)
			if err == nil || a != nil {
				t.Fatalf("%v, %v, want an error", a, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\n\twant %q in it", err, want)
				}
			}
		})
	}
	if _, err := opaauthz.Open(nil, &opaauthz.Options{Query: "x"}); err == nil || !strings.Contains(err.Error(), "fsys is nil") || !strings.Contains(err.Error(), "Options.Query") {
		t.Errorf("no fsys: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	_, err := opaauthz.New(rego.PreparedEvalQuery{}, &opaauthz.Options{Files: []string{"*"}, Query: "q", Reasons: "r", Capabilities: &ast.Capabilities{}, Every: 1, Logger: slog.Default()})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"not prepared", "Files", "Query", "Reasons", "Capabilities", "Every", "Logger"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\n\twant %q in it", err, want)
		}
	}
}

// What New has made has nothing to reload.
func TestNewReloadsNothing(t *testing.T) {
	a, err := opaauthz.New(prepared(t, siteRego(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Reload(t.Context()), a.Err()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := a.Run(ctx); err == nil || !errors.Is(err, ctx.Err()) {
		t.Errorf("Run: %v", err)
	}
}

// The rule, its package and the files may be others, and data may be beside them.
func TestOptions(t *testing.T) {
	fsys := fstest.MapFS{
		"opa/site.rego":      {Data: []byte("package site.authz\nmay if input.action in data.actions[input.tenant]\nwhy contains \"closed\"")},
		"opa/site_test.rego": {Data: []byte("package site.authz_test\nallow := broken(")},
		"opa/acme.json":      {Data: []byte(`{"actions": {"acme": ["a"]}}`)},
		"opa/rest.json":      {Data: []byte(`{"actions": {"": ["b"]}}`)},
		"other.rego":         {Data: []byte("broken")},
	}
	a, err := opaauthz.Open(fsys, &opaauthz.Options{Files: []string{"opa/*.rego", "opa/*.json"}, Query: "data.site.authz.may", Reasons: "data.site.authz.why"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Authorize(t.Context(), auth.Access{Action: "a", Object: post("1", "acme", "")}); err != nil {
		t.Error(err)
	}
	if err := a.Authorize(t.Context(), auth.Access{Action: "b"}); err != nil {
		t.Error(err)
	}
	err = a.Authorize(t.Context(), auth.Access{Action: "b", Object: post("1", "acme", "")})
	if d, ok := errors.AsType[*auth.Denial](err); !ok || d.Reason != "closed" {
		t.Error(err)
	}
}

// A site that allows a function has it, and no other.
func TestCapabilities(t *testing.T) {
	const policy = "allow if opa.runtime().env\ndefault allow := true"
	caps := opaauthz.Capabilities()
	caps.Builtins = append(caps.Builtins, ast.OPARuntime)
	if err := written(t, policy, &opaauthz.Options{Capabilities: caps}).Authorize(t.Context(), auth.Access{Action: "a"}); err != nil {
		t.Error(err)
	}
	if _, err := opaauthz.Open(one(policy), nil); err == nil {
		t.Error("what one site has allowed, all have")
	}
	for _, b := range opaauthz.Capabilities().Builtins {
		for _, bad := range []string{"http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "uuid.rfc4122", "json.match_schema", "json.verify_schema"} {
			if b.Name == bad {
				t.Errorf("%s is there", bad)
			}
		}
	}
	if net := opaauthz.Capabilities().AllowNet; net == nil || len(net) > 0 {
		t.Errorf("the net is there: %v", net)
	}
}
