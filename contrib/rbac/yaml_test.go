package rbac_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

func TestParseYAML(t *testing.T) {
	roles, grants, err := rbac.ParseYAML([]byte(`
roles:
  viewer:
    permissions: [posts:read, "*:view", '*']
  editor:
    permissions:
      - posts:edit
      - posts:comments:*
    inherits: [viewer]
  guest:
  "42": {permissions: [], inherits: []}
grants:
  - {user: "42", role: editor}
  - user: ada
    role: viewer
    tenant: acme
    object: post/17
`))
	if err != nil {
		t.Fatal(err)
	}
	wantRoles := []rbac.Role{
		{Name: "viewer", Permissions: []string{"posts:read", "*:view", "*"}},
		{Name: "editor", Permissions: []string{"posts:edit", "posts:comments:*"}, Inherits: []string{"viewer"}},
		{Name: "guest"}, {Name: "42"},
	}
	if !reflect.DeepEqual(roles, wantRoles) {
		t.Errorf("roles: %+v", roles)
	}
	wantGrants := []rbac.Grant{{UserID: "42", Role: "editor"}, {UserID: "ada", Role: "viewer", Tenant: "acme", Object: "post/17"}}
	if !reflect.DeepEqual(grants, wantGrants) {
		t.Errorf("grants: %+v", grants)
	}
}

func TestParseYAMLIsStrict(t *testing.T) {
	const good = "roles:\n  a:\n    permissions: [x:do]\n"
	for name, test := range map[string]struct{ text, want string }{
		"empty":                 {"", ``},
		"a comment":             {"# nothing\n", ``},
		"null":                  {"null\n", `line 1: the file is not a mapping`},
		"a list":                {"- roles\n", `line 1: the file is not a mapping`},
		"no roles":              {"grants: []\n", `line 1: the file has no "roles"`},
		"empty roles":           {"roles: {}\n", `line 1: there are no roles`},
		"null roles":            {"roles:\n", `line 1: roles is not a mapping`},
		"two documents":         {good + "---\n" + good, ``},
		"an unknown field":      {good + "rolls: {}\n", `line 4: the file: "rolls" is not known`},
		"one of a role":         {"roles:\n  a:\n    permission: [x:do]\n", `line 3: role "a": "permission" is not known`},
		"one of a grant":        {good + "grants:\n  - {user: ada, role: a, org: x}\n", `line 5: a grant: "org" is not known`},
		"a field twice":         {good + "roles: {}\n", `line`},
		"a role twice":          {good + "  a: {}\n", `line`},
		"permissions twice":     {"roles:\n  a:\n    permissions: [x:do]\n    permissions: [y:do]\n", `line`},
		"a string for a list":   {"roles:\n  a:\n    permissions: x:do\n", `line 3: role "a": permissions is not a list`},
		"null for a list":       {"roles:\n  a:\n    permissions:\n", `line 3: role "a": permissions is empty`},
		"a number":              {"roles:\n  a:\n    permissions: [17]\n", `line 3: role "a": a permission is not a string`},
		"a bool":                {"roles:\n  a:\n    inherits: [true]\n", `line 3: role "a": a role that it inherits is not a string`},
		"a number as a user":    {good + "grants:\n  - {user: 42, role: a}\n", `line 5: user of a grant is not a string: quote it`},
		"a number as a role":    {"roles:\n  42: {}\n", `line 2: a key of roles is not a string`},
		"a list in a list":      {"roles:\n  a:\n    permissions: [[x:do]]\n", `line 3: role "a": a permission is not a string`},
		"a list as a key":       {"roles:\n  ? [a]\n  : {}\n", `line 2: a key of roles is not a string`},
		"an alias":              {"roles:\n  a: &a {}\n  b: *a\n", `line 2: role "a" has an anchor`},
		"a star":                {"roles:\n  a:\n    permissions: [*]\n", `quote what begins with a star`},
		"a star with a segment": {"roles:\n  a:\n    permissions: [*:view]\n", `line 3: unknown anchor ':view' referenced; quote what begins with a star`},
		"a merge":               {"roles:\n  <<: {a: {}}\n", `line 2: a key of roles is not a string`},
		"a tag":                 {"roles:\n  a:\n    permissions: [!!str 17]\n", `line 3: role "a": a permission has a tag`},
		"a tag of its own":      {"roles: !my\n  a: {}\n", `line 1: roles has a tag`},
		"a binary":              {"roles:\n  a:\n    permissions: [!!binary eDpkbw==]\n", `line 3: role "a": a permission has a tag`},
		"a bad pattern":         {"roles:\n  a:\n    permissions: [x:do, 'x:']\n", `line 3: role "a": the permission "x:" is no pattern`},
		"a bad name":            {"roles:\n  ' a': {}\n", `line 2: the name of the role, " a", begins or ends with a space`},
		"no user":               {good + "grants:\n  - {role: a}\n", `line 5: a grant has no "user"`},
		"no role of a grant":    {good + "grants:\n  - {user: ada}\n", `line 5: a grant has no "role"`},
		"an empty user":         {good + "grants:\n  - {user: '', role: a}\n", `line 5: rbac: auth: invalid value: Grant.UserID "" is empty`},
		"a bad object":          {good + "grants:\n  - {user: ada, role: a, object: post}\n", `line 5: rbac: auth: invalid value: Grant.Object "post" is not a type and an ID`},
		"a null tenant":         {good + "grants:\n  - {user: ada, role: a, tenant: }\n", `line 5: tenant of a grant is not a string`},
		"half a file":           {"roles:\n  a:\n    permissions: [x:do", `line`},
		"bad indentation":       {"roles:\n  a:\n   permissions: []\n    inherits: []\n", `line`},
		"no text":               {"roles:\n  a: \x00\n", ``},
		"a bomb": {"roles:\n  a: &a [x,x]\n  b: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n  c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n  d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n",
			`line 2: role "a" has an anchor`},
		"nesting": {"roles: " + strings.Repeat("[", 20_000), ``},
	} {
		t.Run(name, func(t *testing.T) {
			roles, grants, err := rbac.ParseYAML([]byte(test.text))
			switch {
			case err == nil:
				t.Fatalf("accepted: %+v %+v", roles, grants)
			case !strings.Contains(err.Error(), test.want):
				t.Errorf("%v\n\tdoes not say %q", err, test.want)
			case roles != nil || grants != nil:
				t.Errorf("%+v, %+v, beside %v", roles, grants, err)
			}
		})
	}
	// All at once, each with its line.
	_, _, err := rbac.ParseYAML([]byte("roles:\n  a:\n    permission: []\n  b:\n    permissions: [17, 'x:']\ngrants:\n  - {user: 1, role: a}\nmore: 1\n"))
	if err == nil || len(regexp.MustCompile(`line [35578]:`).FindAllString(err.Error(), -1)) != 5 {
		t.Errorf("want five lines: %v", err)
	}
	// But not a book of them.
	if _, _, err := rbac.ParseYAML([]byte("roles:\n  a:\n    permissions: [" + strings.Repeat("1,", 1000) + "]\n")); err == nil || len(err.Error()) > 4000 {
		t.Errorf("%.100v… of %d bytes", err, len(fmt.Sprint(err)))
	}
}

// Nothing makes ParseYAML panic, and what it accepts New accepts, or says what is wrong.
func FuzzParseYAML(f *testing.F) {
	text, err := os.ReadFile("testdata/policy/roles.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, seed := range []string{
		"", "roles:\n  a: {}\n", "roles:\n  a: &a {}\n  b: *a\n", "roles: {a: {inherits: [b]}, b: {inherits: [a]}}\n", "--- {}\n--- {}\n", "roles:\n  ? [a]\n  : {}\n",
		"roles: {a: {permissions: ['*', '*:view', 'a:*']}}\ngrants: [{user: x, role: a, tenant: t, object: p/1}]\n", "roles: !!map {a: null}\n", "%YAML 1.1\n---\nroles: {<<: {}}\n", "roles: {a: {permissions: [\"\\u0000\"]}}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		roles, grants, err := rbac.ParseYAML(text)
		if err != nil {
			return
		}
		if len(roles) == 0 {
			t.Fatal("no roles, and no error")
		}
		m, err := rbac.NewMemory(roles...)
		if err != nil {
			if !errors.Is(err, auth.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		for _, g := range grants {
			if err := m.Grant(t.Context(), g); err != nil {
				t.Fatal(err)
			}
		}
		a, err := rbac.New(m, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range grants {
			if err := a.Authorize(t.Context(), auth.Access{Identity: who(g.UserID), Action: "*"}); err == nil {
				t.Fatalf("%+v allows \"*\"", g)
			}
		}
	})
}
