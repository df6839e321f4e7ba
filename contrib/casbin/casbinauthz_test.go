package casbinauthz_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/casbin/casbin/v3"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
)

var discard = slog.New(slog.DiscardHandler)

// roles are held by the users of these names.
func roles(_ context.Context, a auth.Access) ([]string, error) {
	if a.Identity == nil {
		return nil, nil
	}
	return map[string][]string{
		"ada": {"admin", "editor", "viewer"},
		"ed":  {"editor", "viewer"},
		"vi":  {"viewer"},
	}[a.Identity.UserID], nil
}

func open(t testing.TB, files map[string]string, opts casbinauthz.Options) (*casbinauthz.Authorizer, error) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	if opts.Logger == nil {
		opts.Logger = discard
	}
	return casbinauthz.Open(fsys, &opts)
}

func mustOpen(t testing.TB, files map[string]string, opts casbinauthz.Options) *casbinauthz.Authorizer {
	t.Helper()
	a, err := open(t, files, opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// conf is a model with this matcher and these columns.
func conf(columns, matcher string) string {
	return `[request_definition]
r = sub, obj, act
[policy_definition]
p = ` + columns + `
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = ` + matcher + "\n"
}

func site(t testing.TB) *casbinauthz.Authorizer {
	t.Helper()
	a, err := casbinauthz.Open(os.DirFS("testdata/policy"), &casbinauthz.Options{Roles: roles, EndMark: true, Logger: discard})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func who(userID string) *auth.Identity {
	if userID == "" {
		return nil
	}
	return &auth.Identity{UserID: userID}
}

var (
	olgas = auth.Object{Type: "post", ID: "1", Owner: "olga"}
	acmes = auth.Object{Type: "post", ID: "2", Tenant: "acme", Owner: "admin"}
	none  = auth.Object{Type: "post", ID: "3"} // nobody's
)

func TestConformance(t *testing.T) {
	authtest.TestAuthorizer(t, site(t),
		[]auth.Access{
			{Identity: who("olga"), Action: "posts:list"},
			{Identity: who("olga"), Action: "posts:edit", Object: olgas},
			{Identity: who("vi"), Action: "posts:read", Object: olgas},
			{Identity: who("ada"), Action: "admin:view"},
		},
		[]auth.Access{
			{Action: "posts:list"},
			{Action: "posts:read", Object: none},
			{Identity: who("olga"), Action: "posts:edit", Object: acmes},
			{Identity: who("vi"), Action: "posts:edit", Object: olgas},
			{Identity: who("ed"), Action: "admin:view"},
		})
}

func TestSite(t *testing.T) {
	a := site(t)
	for _, row := range []struct {
		who, action string
		object      any
		want        bool
	}{
		{"", "posts:list", nil, false},
		{"", "posts:read", none, false},
		{"", "posts:delete", none, false},
		{"olga", "posts:create", nil, true},
		{"olga", "posts:delete", olgas, true},
		{"olga", "posts:delete", acmes, false},
		{"olga", "posts:edit", nil, false},
		{"ed", "posts:edit", acmes, true},
		{"ed", "posts:delete", acmes, false},
		{"ada", "posts:delete", acmes, true},
		{"ada", "admin:sessions", nil, true},
		{"ada", "posts:publish", olgas, false},
		{"ada", "posts:*", olgas, false},
		{"ada", "*", nil, false},
		{"ada", "", nil, false},
		// Names are not roles or tenants.
		{"admin", "admin:view", nil, false},
		{"admin", "posts:read", olgas, false},
		{"admin", "posts:read", acmes, true}, // is the owner
		{"role:admin", "admin:view", nil, false},
		{"users", "posts:read", olgas, false},
		{"owner", "posts:read", olgas, false},
		{"acme", "posts:read", acmes, false},
	} {
		err := a.Authorize(t.Context(), auth.Access{Identity: who(row.who), Action: row.action, Object: row.object})
		if (err == nil) != row.want || err != nil && !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%q %s %v: %v, want yes: %v", row.who, row.action, row.object, err, row.want)
		}
	}
}

// TestNobody: only what says so is for nobody.
func TestNobody(t *testing.T) {
	// What compares carelessly says yes to "" and to "*".
	const careless = "actionMatch(r.act, p.act) && (keyMatch(r.sub.ID, p.sub) || r.sub.ID == r.obj.Owner || subjectMatch(r.sub, r.obj, 'everybody') && p.sub == 'everybody')"
	for _, test := range []struct {
		name, matcher, rows string
		roles               policy.Roles
		object              any
		want                bool
	}{
		{"star", careless, "p, *, posts:read", nil, nil, false},
		{"star beside another's word", careless, "p, *, posts:read\np, everybody, posts:list", nil, nil, false},
		{"owner of what is nobody's", careless, "p, x, posts:read", nil, none, false},
		{"owner of what is nobody's, by a role of others", careless, "p, role:admin, posts:read", nil, none, false},
		{"the same, beside everybody", careless, "p, role:admin, posts:read\np, everybody, posts:list", nil, none, false},
		{"the same, with a role", careless, "p, role:admin, posts:read\np, role:guest, posts:list",
			func(context.Context, auth.Access) ([]string, error) { return []string{"guest"}, nil }, none, false},
		{"by the word", careless, "p, *, posts:edit\np, everybody, posts:read", nil, nil, true},
		{"no rules at all", "r.act == 'posts:read'", "", nil, nil, false},
		{"everybody", "subjectMatch(r.sub, r.obj, p.sub) && actionMatch(r.act, p.act)", "p, everybody, posts:*", nil, nil, true},
		{"users", "subjectMatch(r.sub, r.obj, p.sub) && actionMatch(r.act, p.act)", "p, users, posts:*\np, everybody, other", nil, nil, false},
		{"owner", "subjectMatch(r.sub, r.obj, p.sub) && actionMatch(r.act, p.act)", "p, owner, posts:*\np, everybody, other", nil, none, false},
		{"a role that the host gives to nobody", "subjectMatch(r.sub, r.obj, p.sub) && actionMatch(r.act, p.act)", "p, role:guest, posts:*",
			func(context.Context, auth.Access) ([]string, error) { return []string{"guest"}, nil }, nil, true},
		{"a role of others", "subjectMatch(r.sub, r.obj, p.sub) && actionMatch(r.act, p.act)", "p, role:admin, posts:*",
			func(context.Context, auth.Access) ([]string, error) { return []string{"guest"}, nil }, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := mustOpen(t, map[string]string{"model.conf": conf("sub, act", test.matcher), "policy.csv": test.rows + "\n#"}, casbinauthz.Options{Roles: test.roles})
			for _, id := range []*auth.Identity{nil, {}} {
				err := a.Authorize(t.Context(), auth.Access{Identity: id, Action: "posts:read", Object: test.object})
				if (err == nil) != test.want || err != nil && !errors.Is(err, auth.ErrForbidden) {
					t.Errorf("%v, want yes: %v", err, test.want)
				}
			}
		})
	}
}

// TestNobodyIsDenied: a rule that denies is for nobody too, without saying so.
func TestNobodyIsDenied(t *testing.T) {
	model := strings.Replace(conf("sub, act, eft", "subjectMatch(r.sub, r.obj, p.sub) && actionMatch(r.act, p.act) || keyMatch(r.sub.ID, p.sub) && actionMatch(r.act, p.act)"),
		"some(where (p.eft == allow))", "some(where (p.eft == allow)) && !some(where (p.eft == deny))", 1)
	model = strings.Replace(model, "subjectMatch(r.sub, r.obj, p.sub)", "p.sub == 'everybody'", 1)
	a := mustOpen(t, map[string]string{"model.conf": model, "policy.csv": "p, everybody, posts:*, allow\np, *, posts:delete, deny\n"}, casbinauthz.Options{})
	if err := a.Authorize(t.Context(), auth.Access{Action: "posts:read"}); err != nil {
		t.Error(err)
	}
	if err := a.Authorize(t.Context(), auth.Access{Action: "posts:delete"}); !errors.Is(err, auth.ErrForbidden) {
		t.Errorf("posts:delete: %v", err)
	}
}

func TestDenial(t *testing.T) {
	model := strings.Replace(conf("sub, act, eft", "subjectMatch(r.sub, r.obj, p.sub) && actionMatch(r.act, p.act)"),
		"some(where (p.eft == allow))", "some(where (p.eft == allow)) && !some(where (p.eft == deny))", 1)
	a := mustOpen(t, map[string]string{"model.conf": model, "policy.csv": "# All.\np, users, posts:*, allow\n\np, user:17, posts:delete, deny\n"}, casbinauthz.Options{})
	for _, test := range []struct{ who, action, policy, reason string }{
		{"17", "posts:delete", "policy.csv:4", "a rule denies it: user:17, posts:delete, deny"},
		{"17", "other", "casbin", "no rule allows it"},
		{"", "posts:read", "casbin", "no rule is for nobody"},
		{"17", "posts:*", "casbin", "this is not the name of an action"},
	} {
		err := a.Authorize(t.Context(), auth.Access{Identity: who(test.who), Action: test.action})
		d, _ := errors.AsType[*auth.Denial](err)
		if d == nil || d.Policy != test.policy || d.Reason != test.reason || d.StepUp() {
			t.Errorf("%s %s: %#v", test.who, test.action, d)
		}
	}
}

// TestFunctions asks each function what it says yes and no to.
func TestFunctions(t *testing.T) {
	at := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	ada := &auth.Identity{UserID: "ada", Actor: "root", Proofs: []auth.Proof{{Method: "password", At: at.Add(-time.Hour)}, {Method: "totp", At: at.Add(-5 * time.Minute)}}}
	remembered := &auth.Identity{UserID: "ada", Proofs: []auth.Proof{{Kind: "remember", Method: "remember", At: at}}}
	post := auth.Object{Type: "post", ID: "1", Tenant: "acme", Owner: "ada", Attrs: map[string]any{
		"status": "draft", "pinned": true, "size": int64(7), "tags": []string{"go", "web"}, "odd": 1.5, "large": int64(1)<<53 + 1}}
	for _, test := range []struct {
		matcher string
		id      *auth.Identity
		object  any
		want    string // "yes", "no" or "outage"
	}{
		{"hasRole(r.sub, 'admin')", ada, post, "yes"},
		{"hasRole(r.sub, 'nothing')", ada, post, "no"},
		{"isUser(r.sub)", ada, post, "yes"},
		{"isOwner(r.sub, r.obj)", ada, post, "yes"},
		{"isOwner(r.sub, r.obj)", who("vi"), post, "no"},
		{"isOwner(r.sub, r.obj)", ada, nil, "no"},
		{"proved(r.sub, 'totp')", ada, nil, "yes"},
		{"proved(r.sub, 'passkey')", ada, nil, "no"},
		{"fresh(r.sub, 600)", ada, nil, "yes"},
		{"fresh(r.sub, 60)", ada, nil, "no"},
		{"fresh(r.sub, 600)", remembered, nil, "no"},
		{"fresh(r.sub, 600)", who("ada"), nil, "no"},
		{"attr(r.obj, 'status') == 'draft'", ada, post, "yes"},
		{"attr(r.obj, 'pinned')", ada, post, "yes"},
		{"attr(r.obj, 'size') > 6", ada, post, "yes"},
		{"attr(r.obj, 'size') > 7", ada, post, "no"},
		{"attr(r.obj, 'missing') == 'draft'", ada, post, "no"},
		{"attr(r.obj, 'status') == 'draft'", ada, nil, "no"},
		{"attr(r.obj, 'odd') == 1.5", ada, post, "outage"},
		{"attr(r.obj, 'missing') > 6", ada, post, "outage"},
		{"attr(r.obj, 'large') == 9007199254740992", ada, post, "outage"}, // one less
		{"attrHas(r.obj, 'tags', 'web')", ada, post, "yes"},
		{"attrHas(r.obj, 'tags', 'we')", ada, post, "no"},
		{"attrHas(r.obj, 'missing', 'web')", ada, post, "no"},
		{"attrHas(r.obj, 'status', 'draft')", ada, post, "outage"},
		{"objectMatch(r.obj, 'post')", ada, post, "yes"},
		{"objectMatch(r.obj, 'post/1')", ada, post, "yes"},
		{"objectMatch(r.obj, 'post/2')", ada, post, "no"},
		{"objectMatch(r.obj, 'pos')", ada, post, "no"},
		{"objectMatch(r.obj, 'post')", ada, nil, "no"},
		{"objectMatch(r.obj, '*')", ada, nil, "yes"},
		{"actionMatch(r.act, 'posts:*')", ada, nil, "yes"},
		{"actionMatch(r.act, 'posts')", ada, nil, "no"},
		{"subjectMatch(r.sub, r.obj, 'user:ada')", ada, nil, "yes"},
		{"subjectMatch(r.sub, r.obj, 'user:ad')", ada, nil, "no"},
		{"subjectMatch(r.sub, r.obj, 'role:ada')", ada, nil, "no"},
		{"subjectMatch(r.sub, r.obj, 'user:admin')", ada, nil, "no"},
		{"subjectMatch(r.sub, r.obj, r.act)", ada, nil, "outage"},
		{"r.sub.ID == 'ada' && r.sub.Actor == 'root' && r.obj.Owner == r.sub.ID && r.obj.Tenant == 'acme'", ada, post, "yes"},
		{"'admin' in r.sub.Roles", ada, nil, "outage"},
		{"hasRole(r.sub, 1)", ada, nil, "outage"},
		{"attr(r.obj, 'status')", ada, post, "outage"}, // is no bool
	} {
		// The first says no to the trial at the beginning.
		files := map[string]string{"model.conf": conf("act", "r.act == p.act && ("+test.matcher+")"), "policy.csv": "p, posts:read\n"}
		err := mustOpen(t, files, casbinauthz.Options{Roles: roles}).Authorize(t.Context(), auth.Access{Identity: test.id, Action: "posts:read", Object: test.object, At: at})
		got := "outage"
		switch {
		case err == nil:
			got = "yes"
		case errors.Is(err, auth.ErrForbidden):
			got = "no"
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s: %v", test.matcher, got, test.want, err)
		}
	}
}

// TestEnv: a fourth value is what else there is to know.
func TestEnv(t *testing.T) {
	model := strings.Replace(conf("act", "r.act == p.act && r.env.Hour >= 9 && r.env.Weekday == 'Sunday' && r.env.Unix > 1000 && r.env.Tenant == 'acme'"), "sub, obj, act", "sub, obj, act, env", 1)
	a := mustOpen(t, map[string]string{"model.conf": model, "policy.csv": "p, posts:read\n"}, casbinauthz.Options{})
	for hour, want := range map[int]bool{8: false, 9: true} {
		at := time.Date(2026, 11, 29, hour, 30, 0, 0, time.UTC)
		err := a.Authorize(policy.WithTenant(t.Context(), "acme"), auth.Access{Identity: who("ada"), Action: "posts:read", At: at})
		if (err == nil) != want {
			t.Errorf("at %d: %v", hour, err)
		}
	}
}

// TestHierarchy: the rows g give roles, to users and to who has others.
func TestHierarchy(t *testing.T) {
	model := strings.Replace(conf("sub, act", "actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)"), "[policy_effect]", "[role_definition]\ng = _, _\n[policy_effect]", 1)
	a := mustOpen(t, map[string]string{"model.conf": model, "policy.csv": `
p, role:viewer, posts:read
p, role:admin, admin:view
g, role:chief, role:admin
g, role:admin, role:editor
g, role:editor, role:viewer
g, user:17, role:editor
`}, casbinauthz.Options{Roles: func(_ context.Context, a auth.Access) ([]string, error) {
		if a.Identity.UserID == "ada" {
			return []string{"chief"}, nil
		}
		return nil, nil
	}})
	for _, test := range []struct {
		who, action string
		want        bool
	}{
		{"ada", "posts:read", true}, {"ada", "admin:view", true},
		{"17", "posts:read", true}, {"17", "admin:view", false},
		{"admin", "posts:read", false}, {"role:admin", "posts:read", false}, {"chief", "admin:view", false}, {"editor", "posts:read", false},
	} {
		if err := a.Authorize(t.Context(), auth.Access{Identity: who(test.who), Action: test.action}); (err == nil) != test.want {
			t.Errorf("%s %s: %v", test.who, test.action, err)
		}
	}
}

// TestEval: rules that are expressions.
func TestEval(t *testing.T) {
	a := mustOpen(t, map[string]string{
		"model.conf": conf("rule, act", "actionMatch(r.act, p.act) && eval(p.rule)"),
		"policy.csv": `p, "isOwner(r.sub, r.obj) && attr(r.obj, 'status') == 'draft'", posts:edit
p, "hasRole(r.sub, 'admin')", posts:*
`,
	}, casbinauthz.Options{Roles: roles})
	draft := auth.Object{Type: "post", ID: "1", Owner: "olga", Attrs: map[string]any{"status": "draft"}}
	for _, test := range []struct {
		who    string
		object auth.Object
		want   bool
	}{{"olga", draft, true}, {"olga", olgas, false}, {"vi", draft, false}, {"ada", olgas, true}} {
		if err := a.Authorize(t.Context(), auth.Access{Identity: who(test.who), Action: "posts:edit", Object: test.object}); (err == nil) != test.want {
			t.Errorf("%s %v: %v", test.who, test.object, err)
		}
	}
}

// TestOwnModel: the classical strings, with roles in tenants.
func TestOwnModel(t *testing.T) {
	a := mustOpen(t, map[string]string{
		"model.conf": `[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
`,
		"policy.csv": "p, role:admin, acme, post, posts:edit\ng, user:ada, role:admin, acme\n",
	}, casbinauthz.Options{Request: func(in policy.Input) ([]any, error) {
		if in.Object.Type == "odd" {
			return nil, errors.New("odd")
		}
		if in.Object.Type == "short" {
			return []any{"secret@example.com"}, nil
		}
		return []any{"user:" + in.UserID, in.Tenant, in.Object.Type, in.Action}, nil
	}})
	ask := func(userID, tenant, kind string) error {
		return a.Authorize(t.Context(), auth.Access{Identity: who(userID), Action: "posts:edit", Object: auth.Object{Type: kind, ID: "1", Tenant: tenant}})
	}
	if err := ask("ada", "acme", "post"); err != nil {
		t.Error(err)
	}
	for _, test := range [][2]string{{"ada", "globex"}, {"ada", ""}, {"admin", "acme"}, {"role:admin", "acme"}, {"", "acme"}} {
		if err := ask(test[0], test[1], "post"); !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%q: %v", test, err)
		}
	}
	for _, kind := range []string{"odd", "short"} {
		err := ask("ada", "acme", kind)
		if err == nil || errors.Is(err, auth.ErrForbidden) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestErrorsKeepValues: what Casbin says of a value does not say the value.
func TestErrorsKeepValues(t *testing.T) {
	for _, test := range []struct{ matcher, mail, want string }{
		{"attr(r.obj, 'mail') > 5", "ada@example.com' cannot be used with", "cannot be used with"},
		{"r.obj.Type =~ attr(r.obj, 'mail')", "[ada@example.com", "no regular expression"},
		{"regexMatch(r.obj.Type, attr(r.obj, 'mail'))", "[ada@example.com", "panicked"},
	} {
		a := mustOpen(t, map[string]string{"model.conf": conf("act", "r.act == p.act && "+test.matcher), "policy.csv": "p, posts:read\n"}, casbinauthz.Options{})
		err := a.Authorize(t.Context(), auth.Access{Identity: who("ada"), Action: "posts:read", Object: auth.Object{Type: "post", ID: "1", Attrs: map[string]any{"mail": test.mail}}})
		if err == nil || errors.Is(err, auth.ErrForbidden) || strings.Contains(err.Error(), "ada@") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.matcher, err)
		}
	}
}

func TestMoreFunctions(t *testing.T) {
	files := map[string]string{"model.conf": conf("act", "r.act == p.act && even(r.obj)"), "policy.csv": "p, posts:read\n"}
	a := mustOpen(t, files, casbinauthz.Options{Functions: map[string]func(args ...any) (any, error){
		"even": func(args ...any) (any, error) { return len(args[0].(*auth.Object).ID)%2 == 0, nil },
	}})
	for id, want := range map[string]bool{"1": false, "12": true} {
		if err := a.Authorize(t.Context(), auth.Access{Identity: who("ada"), Action: "posts:read", Object: auth.Object{Type: "post", ID: id}}); (err == nil) != want {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, name := range []string{"hasRole", "keyMatch"} {
		_, err := open(t, files, casbinauthz.Options{Functions: map[string]func(args ...any) (any, error){name: func(...any) (any, error) { return true, nil }, "even": nil}})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "even") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFunctionsAreNamed(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for name := range casbinauthz.Functions() {
		if !strings.Contains(string(text), name+"(") {
			missing = append(missing, name)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		t.Errorf("the package comment does not say what %v do", missing)
	}
}

func ask(userID, action string, object any) auth.Access {
	return auth.Access{Identity: who(userID), Action: action, Object: object}
}

// TestTenant: r.obj.Tenant is the context's where there is no object.
func TestTenant(t *testing.T) {
	a := mustOpen(t, map[string]string{"model.conf": conf("tenant, act", "r.act == p.act && r.obj.Tenant == p.tenant"), "policy.csv": "p, acme, posts:list\n"}, casbinauthz.Options{})
	if err := a.Authorize(policy.WithTenant(t.Context(), "acme"), ask("ada", "posts:list", nil)); err != nil {
		t.Error(err)
	}
	if err := a.Authorize(policy.WithTenant(t.Context(), "acme"), ask("ada", "posts:list", auth.Object{Type: "post"})); err != nil {
		t.Error(err)
	}
	if err := a.Authorize(t.Context(), ask("ada", "posts:list", nil)); !errors.Is(err, auth.ErrForbidden) {
		t.Error(err)
	}
}

// TestContextEnds: before a decision nobody is asked; on the way there is no yes.
func TestContextEnds(t *testing.T) {
	asked := false
	ctx, cancel := context.WithCancel(t.Context())
	a, err := casbinauthz.Open(os.DirFS("testdata/policy"), &casbinauthz.Options{Logger: discard, Roles: func(context.Context, auth.Access) ([]string, error) {
		asked = true
		cancel()
		return []string{"admin"}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		asked = false
		if err := a.Authorize(ctx, ask("ada", "admin:view", nil)); !errors.Is(err, context.Canceled) || asked != want {
			t.Errorf("%v, asked: %v", err, asked)
		}
	}
}

// TestFunctionsAlone: on an enforcer of the host's nobody else keeps nobody away.
func TestFunctionsAlone(t *testing.T) {
	nobody, thing := &casbinauthz.Subject{}, &auth.Object{Type: "post", ID: "1"}
	for name, args := range map[string][]any{
		"isUser":  {nobody},
		"isOwner": {nobody, thing},
		"hasRole": {nobody, ""},
	} {
		if is, err := casbinauthz.Functions()[name](args...); is != false || err != nil {
			t.Errorf("%s(%v): %v, %v", name, args, is, err)
		}
	}
	for word, want := range map[string]bool{"users": false, "owner": false, "everybody": true, "role:admin": false, "user:17": false} {
		if is, err := casbinauthz.Functions()["subjectMatch"](nobody, thing, word); is != want || err != nil {
			t.Errorf("%s: %v, %v", word, is, err)
		}
	}
	for _, word := range []string{"", "*", "user:", "role:", "admin"} {
		if is, err := casbinauthz.Functions()["subjectMatch"](nobody, thing, word); is == true || word != "user:" && word != "role:" && err == nil {
			t.Errorf("%q: %v, %v", word, is, err)
		}
	}
	for name, f := range casbinauthz.Functions() {
		for _, args := range [][]any{nil, {nil}, {nil, nil}, {nil, nil, nil}, {"", "", ""}, {1.0, 2.0}} {
			if is, err := f(args...); err == nil && is != false && name != "actionMatch" || is == true {
				t.Errorf("%s(%v): %v, %v", name, args, is, err)
			}
		}
	}
}

// TestOtherDefinitions: a request may be about the second definitions of a model, whose
// rows are checked too, and of which none is for nobody.
func TestOtherDefinitions(t *testing.T) {
	files := map[string]string{"model.conf": `[request_definition]
r = sub, act
r2 = sub, act
[policy_definition]
p = sub, act
p2 = sub, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.act == p.act
m2 = r2.sub == p2.sub || p2.act == '*'
`, "policy.csv": "p, everybody, posts:read\np2, ada, *\n"}
	opts := casbinauthz.Options{Request: func(in policy.Input) ([]any, error) {
		return []any{casbin.NewEnforceContext("2"), in.UserID, in.Action}, nil
	}}
	// There is one effect, which both have.
	files["model.conf"] = strings.Replace(files["model.conf"], "[matchers]", "e2 = some(where (p.eft == allow))\n[matchers]", 1)
	a := mustOpen(t, files, opts)
	if err := a.Authorize(t.Context(), ask("ada", "posts:read", nil)); err != nil {
		t.Error(err)
	}
	if err := a.Authorize(t.Context(), ask("", "posts:read", nil)); !errors.Is(err, auth.ErrForbidden) {
		t.Errorf("nobody: %v", err)
	}
	files["policy.csv"] = "p, everybody, posts:read\n"
	if _, err := open(t, files, opts); err == nil || !strings.Contains(err.Error(), "no row p2") {
		t.Error(err)
	}
}
