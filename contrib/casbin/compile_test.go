package casbinauthz_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/policy"
	casbinauthz "github.com/gatehouse-go/gatehouse/contrib/casbin"
)

// TestRefused: what Casbin would take, and mean otherwise than it is written, or find
// out about when it is asked, is an error at the beginning.
func TestRefused(t *testing.T) {
	good := conf("sub, act", "actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)")
	effect := func(s string) string { return strings.Replace(good, "some(where (p.eft == allow))", s, 1) }
	withG := strings.Replace(good, "[policy_effect]", "[role_definition]\ng = _, _\n[policy_effect]", 1)
	both := "some(where (p.eft == allow)) && !some(where (p.eft == deny))"
	second := func(effect, matcher string) string { // definitions beside the first
		m := strings.Replace(good, "[policy_definition]", "r2 = sub, act\n[policy_definition]\np2 = sub, act, eft", 1)
		return strings.Replace(strings.Replace(m, "subjectMatch(r.sub, r.obj, p.sub)", "r.sub == p.sub\nm2 = "+matcher, 1), "[matchers]", "e2 = "+effect+"\n[matchers]", 1)
	}
	own := casbinauthz.Options{Request: func(in policy.Input) ([]any, error) { return []any{in.UserID, in.Object.ID, in.Action}, nil }}
	for _, test := range []struct {
		name, model, rows string
		opts              casbinauthz.Options
		want              string
	}{
		// The model.
		{"no model", "# nothing", "p, users, a", casbinauthz.Options{}, "missing required sections"},
		{"half a model", good[:strings.Index(good, "[policy_effect]")], "p, users, a", casbinauthz.Options{}, "missing required sections"},
		{"half a line", good[:60], "p, users, a", casbinauthz.Options{}, "line 4"},
		{"broken matcher", conf("sub, act", "actionMatch(r.act, p.act"), "p, users, a", casbinauthz.Options{}, "matchers"},
		{"matcher that goes on", conf("sub, act", "actionMatch(r.act, p.act) && \\"), "p, users, a", casbinauthz.Options{}, "matchers"},
		{"unknown function", conf("sub, act", "hasRol(r.sub, p.sub)"), "p, users, a", casbinauthz.Options{}, "hasRol"},
		{"unknown value of the request", conf("sub, act", "r.subject == p.sub"), "p, users, a", casbinauthz.Options{}, "there is no r.subject"},
		{"unknown column", conf("sub, act", "r.act == p.action"), "p, users, a", casbinauthz.Options{}, "there is no p.action"},
		{"unknown field", conf("sub, act", "r.act == p.act && r.sub.Id == p.sub"), "p, users, a", casbinauthz.Options{}, "there is no r.sub.Id"},
		{"unexported field", conf("sub, act", "r.act == p.act && r.sub.proofAge == 1"), "p, users, a", casbinauthz.Options{}, "there is no r.sub.proofAge"},
		{"method", conf("sub, act", "r.act == p.act && r.obj.String() == p.sub"), "p, users, a", casbinauthz.Options{}, "there is no r.obj.String"},
		{"field of a column", conf("sub, act", "r.act == p.act.Name"), "p, users, a", casbinauthz.Options{}, "there is no p.act.Name"},
		{"date", conf("sub, act", "r.act == p.act && attr(r.obj, 'day') != '2026-11-29'"), "p, users, a", casbinauthz.Options{}, "looks like a date"},
		{"time of day", conf("sub, act", "r.act == p.act && r.obj.ID in ('3:04PM', 'x')"), "p, users, a", casbinauthz.Options{}, "looks like a date"},
		{"brackets beside in", conf("sub, act", "r.act == p.act && r.obj.Type != 'admin' && !regexMatch(r.obj.ID, '^[0-9]+$')"), "p, users, a", casbinauthz.Options{}, "'^[0-9]+$' would be something else"},
		{"beyond ASCII", conf("sub, act", "r.act == p.act && r.sub.ID != 'jörg'"), "p, users, a", casbinauthz.Options{}, "'jörg' would be something else"},
		{"r. in a text", conf("sub, act", `r.act == p.act && r.obj.ID != "team r.x"`), "p, users, a", casbinauthz.Options{}, `"team r.x" would be something else`},
		{"p. in a row", conf("rule", "eval(p.rule)"), "p, r.obj.ID != 'team p.x'", casbinauthz.Options{}, "policy.csv:1: rule: 'team p.x' would be something else"},
		{"date in a row", conf("rule", "eval(p.rule)"), `p, "attr(r.obj, 'day') != '2026-11-29'"`, casbinauthz.Options{}, "policy.csv:1: rule: a text that looks"},
		{"bare word", conf("sub, act", "r.act == admin"), "p, users, a", casbinauthz.Options{}, "there is no admin"},
		{"matcher that is no condition", conf("sub, act", "r.act"), "p, users, a", casbinauthz.Options{}, "model.conf"},
		{"matcher in two lines", conf("sub, act", "actionMatch(r.act, p.act)\n  && r.obj.Tenant == p.sub"), "p, users, a", casbinauthz.Options{}, `model.conf:9: "&& r.obj.Tenant" is no definition of [matchers]`},
		{"comment in a matcher", conf("sub, act", "actionMatch(r.act, p.act) \\\n# only there\n  && r.obj.Tenant == p.sub"), "p, users, a", casbinauthz.Options{}, `model.conf:10: "&& r.obj.Tenant" is no definition`},
		{"matcher twice", conf("sub, act", "r.act == p.act && isOwner(r.sub, r.obj)\nm = r.act == p.act"), "p, users, a", casbinauthz.Options{}, "model.conf:9: m is in line 8 already"},
		{"matchers twice", conf("sub, act", "r.act == p.act && isOwner(r.sub, r.obj)\n[matchers]\nm = r.act == p.act"), "p, users, a", casbinauthz.Options{}, "model.conf:10: m is in line 8 already"},
		{"definition of another section", good + "e2 = some(where (p.eft == allow))\n", "p, users, a", casbinauthz.Options{}, `"e2" is no definition of [matchers]`},
		{"unknown section", good + "[limits]\nm = isOwner(r.sub, r.obj)\n", "p, users, a", casbinauthz.Options{}, "[limits] is no section"},
		{"constraints", withG + "[constraint_definition]\nc = sod(\"role:a\", \"role:b\")\n", "p, users, a\ng, user:1, role:a\ng, user:1, role:b", casbinauthz.Options{}, "[constraint_definition] is no section"},
		{"other effect", effect("some(where(p.eft == allow))"), "p, users, a", casbinauthz.Options{}, "policy_effect is none"},
		{"yes to everything else", effect("!some(where (p.eft == deny))"), "p, users, a", casbinauthz.Options{}, "policy_effect says yes"},
		{"other request", strings.Replace(good, "r = sub, obj, act", "r = sub, act, obj", 1), "p, users, a", casbinauthz.Options{}, "request_definition"},
		{"two values", strings.Replace(good, "r = sub, obj, act", "r = sub, act", 1), "p, users, a", casbinauthz.Options{}, "request_definition"},
		{"odd roles", strings.Replace(withG, "_, _", "_", 1), "p, users, a", casbinauthz.Options{}, "g = _, _"},
		{"long line", conf("sub, act", "r.act == p.act"+strings.Repeat(" && r.act == p.act", 300)), "p, users, a", casbinauthz.Options{}, "too long"},
		// Rows.
		{"no rules", good, "# nothing yet", casbinauthz.Options{}, "empty"},
		{"few columns", good, "p, users", casbinauthz.Options{}, "policy.csv:1: 1 columns"},
		{"many columns", good, "\np, users, a, allow", casbinauthz.Options{}, "policy.csv:2: 3 columns"},
		{"other kind", good, "q, users, a", casbinauthz.Options{}, `"q" is no kind`},
		{"no kind", good, ", users, a", casbinauthz.Options{}, `"" is no kind`},
		{"matcher as a row", good, "m, users, a", casbinauthz.Options{}, `"m" is no kind`},
		{"byte order mark", good, "\ufeffp, users, a", casbinauthz.Options{}, "is no kind"},
		{"undefined kind", good, "p2, users, a", casbinauthz.Options{}, "the model has no p2"},
		{"roles that the model has not", good, "p, users, a\ng, role:a, role:b", casbinauthz.Options{}, "the model has no g"},
		{"empty column", good, "p, , a", casbinauthz.Options{}, "column 1 is empty"},
		{"empty last column", good, "p, users,", casbinauthz.Options{}, "column 2 is empty"},
		{"trailing space", good, "p, users , a", casbinauthz.Options{}, "column 1 ends in a space"},
		{"comment behind a row", good, "p, users, a # for all", casbinauthz.Options{}, "comment"},
		{"comment behind a tab", good, "p, users, a\t# for all", casbinauthz.Options{}, "column 2 has a comment"},
		{"not UTF-8", good, "p, user:j\xf6rg, a", casbinauthz.Options{}, "column 1 is \"user:j\\xf6rg\""},
		{"what cannot be seen", good, "p, user:1\u200b, a", casbinauthz.Options{}, "cannot be seen"},
		{"quote", good, "p, us\"ers, a", casbinauthz.Options{}, "policy.csv:1"},
		{"half a row", good, "p, users, a\np, \"us", casbinauthz.Options{}, "policy.csv:2"},
		{"twice", good, "p, users, a\np, users, a", casbinauthz.Options{}, "policy.csv:2: the same as policy.csv:1"},
		{"twice for Casbin", conf("sub, act", "r.act == p.act && r.sub.ID == p.sub"), "p, \"a,b\", c\np, a, \"b,c\"", casbinauthz.Options{}, "the same as"},
		// What the functions say of columns.
		{"subject without its word", good, "p, admin, a", casbinauthz.Options{}, `"admin" is no subject`},
		{"subject star", good, "p, *, a", casbinauthz.Options{}, `"*" is no subject`},
		{"nobody's ID", good, "p, user:, a", casbinauthz.Options{}, `"user:" is no subject`},
		{"no role", good, "p, role:, a", casbinauthz.Options{}, `"role:" is no subject`},
		{"action", good, "p, users, post*", casbinauthz.Options{}, `"post*" is no action`},
		{"object", conf("obj, act", "actionMatch(r.act, p.act) && objectMatch(r.obj, p.obj)"), "p, post/*, a", casbinauthz.Options{}, `"post/*" is no object`},
		{"regular expression", conf("act", "regexMatch(r.act, p.act)"), "p, posts:(", casbinauthz.Options{}, "policy.csv:1: act"},
		{"path", conf("sub, act", "r.act == p.act && keyMatch2(r.obj.ID, p.sub)"), "p, /a/[, a", casbinauthz.Options{}, "policy.csv:1: sub"},
		{"role with its word", conf("sub, act", "actionMatch(r.act, p.act) && hasRole(r.sub, p.sub)"), "p, role:admin, a", casbinauthz.Options{}, `"role:admin" is no role`},
		{"eval of nothing", conf("rule", "eval(p.rule)"), "p, r.sub.Age > 18", casbinauthz.Options{}, "there is no r.sub.Age"},
		{"broken eval", conf("rule", "eval(p.rule)"), "p, r.sub.ID ==", casbinauthz.Options{}, "policy.csv:1: rule"},
		{"effect", strings.Replace(effect(both), "p = sub, act", "p = sub, act, eft", 1), "p, users, a, Deny", casbinauthz.Options{}, `"Deny": write allow or deny`},
		{"deny that does nothing", conf("sub, act, eft", "actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)"), "p, users, a, allow\np, users, b, deny", casbinauthz.Options{}, "policy.csv:2: eft: deny does nothing"},
		{"nothing but no", strings.Replace(effect(both), "p = sub, act", "p = sub, act, eft", 1), "p, users, a, deny", casbinauthz.Options{}, "empty"},
		{"effect by another name", strings.Replace(effect(both), "p = sub, act", "p = sub, act, effect", 1), "p, users, a, allow\np, user:1, a, deny", casbinauthz.Options{}, "no matcher looks at p.effect"},
		{"priority by another name", strings.Replace(effect("priority(p.eft) || deny"), "p = sub, act", "p = Priority, sub, act, eft", 1), "p, 2, users, a, allow\np, 1, user:1, a, deny", casbinauthz.Options{}, "no matcher looks at p.Priority"},
		{"tenant that nothing compares", strings.Replace(good, "p = sub, act", "p = sub, act, dom", 1), "p, users, a, acme", casbinauthz.Options{}, "no matcher looks at p.dom"},
		{"rows that nothing reads", conf("act", "isUser(r.sub)"), "p, a", casbinauthz.Options{}, "no matcher looks at p.act"},
		{"column beside eval", conf("rule, act", "eval(p.rule)"), "p, isUser(r.sub), a", casbinauthz.Options{}, "no matcher looks at p.act"},
		{"priority", strings.Replace(effect("priority(p.eft) || deny"), "p = sub, act", "p = priority, sub, act, eft", 1), "p, first, users, a, deny", casbinauthz.Options{}, "priority"},
		{"a user in place of a role", withG, "p, users, a\ng, ada, admin", casbinauthz.Options{}, "policy.csv:2: write g, role:NAME"},
		{"a role in place of a role of ours", withG, "p, users, a\ng, role:a, user:b", casbinauthz.Options{}, "policy.csv:2: write g, role:NAME"},
		{"roles in a circle", withG, "p, users, a\ng, role:a, role:b\ng, role:b, role:a", casbinauthz.Options{}, "cycle"},
		// The second definitions, of which a request of the host's may be.
		{"second effect", second("!some(where (p.eft == deny))", "r2.act == p2.act"), "p, users, a\np2, 1, a, allow", own, "says yes"},
		{"unknown second effect", second("some(where (p2.eft == allow))", "r2.act == p2.act"), "p, users, a\np2, 1, a, allow", own, "none that Casbin has"},
		{"second matcher", second(both, "r2.act == p2.action"), "p, users, a\np2, 1, a, allow", own, "m2: there is no p2.action"},
		{"date in the second matcher", second(both, "r2.act == p2.act && r2.act != '2026-11-29'"), "p, users, a\np2, 1, a, allow", own, "m2: a text that looks"},
		{"second matcher, changed", second(both, "r2.act == p2.act && r2.sub != 'jörg'"), "p, users, a\np2, 1, a, allow", own, "m2: 'jörg' would be something else"},
		{"effect of a second row", second(both, "r2.act == p2.act"), "p, users, a\np2, 1, a, allow\np2, 1, a, Deny", own, `policy.csv:3: eft: "Deny": write allow or deny`},
		{"deny that does nothing in a second row", second("some(where (p.eft == allow))", "r2.act == p2.act"), "p, users, a\np2, 1, a, allow\np2, 1, a, deny", own, "policy.csv:3: eft: deny does nothing"},
		// The host's own requests.
		{"own request, no such value", conf("sub, act", "r.act == p.act && r.dom == p.sub"), "p, users, a", own, "there is no r.dom"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := open(t, map[string]string{"model.conf": test.model, "policy.csv": test.rows + "\n"}, test.opts)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
		})
	}
}

// TestAllThatIsWrong: one does not fix one line after the other.
func TestAllThatIsWrong(t *testing.T) {
	_, err := open(t, map[string]string{
		"model.conf": conf("sub, act", "actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)"),
		"policy.csv": "p, users\np, admin, posts:read\np, role:admin, posts*\n",
	}, casbinauthz.Options{})
	for _, want := range []string{"policy.csv:1", "policy.csv:2", "policy.csv:3"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in %v", want, err)
		}
	}
}

func TestFiles(t *testing.T) {
	model := conf("sub, act", "actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)")
	for _, test := range []struct {
		name     string
		files    map[string]string
		patterns []string
		want     string // in the error; "": none
	}{
		{"several", map[string]string{"model.conf": model, "a.csv": "p, users, posts:list\n", "b.csv": "p, users, posts:read\n"}, []string{"*.conf", "*.csv"}, ""},
		{"twice in two", map[string]string{"model.conf": model, "a.csv": "p, users, posts:list\n", "b.csv": "p, users, posts:list\n"}, []string{"*.conf", "*.csv"}, "b.csv:1: the same as a.csv:1"},
		{"two models", map[string]string{"a.conf": model, "b.conf": model, "a.csv": "p, users, posts:list\n"}, []string{"*"}, "2 models"},
		{"no model", map[string]string{"a.csv": "p, users, posts:list\n"}, []string{"*"}, "0 models"},
		{"no rules", map[string]string{"model.conf": model}, nil, "policy.csv"},
		{"neither", map[string]string{}, nil, "model.conf"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := open(t, test.files, casbinauthz.Options{Files: test.patterns})
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error is %v, want %q in it", err, test.want)
			}
		})
	}
}

// FuzzPolicy: no file makes the compiler panic, and none that is taken says yes to nobody
// without the word for it.
func FuzzPolicy(f *testing.F) {
	good := conf("sub, act", "actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)")
	f.Add(good, "p, users, a\n")
	f.Add(strings.Replace(good, "[policy_effect]", "[role_definition]\ng = _, _\n[policy_effect]", 1), "p, role:a, b\ng, user:c, role:a\n")
	f.Add(conf("sub, act", "keyMatch(r.sub.ID, p.sub) && r.act == p.act"), "p, *, a\n")
	f.Fuzz(func(t *testing.T, model, rows string) {
		a, err := open(t, map[string]string{"model.conf": model, "policy.csv": rows}, casbinauthz.Options{})
		if err != nil {
			if strings.Contains(err.Error(), "panicked") {
				t.Log(err) // policyfile has stopped it
			}
			return
		}
		if err := a.Authorize(t.Context(), ask("", "a", nil)); err == nil && !strings.Contains(rows, "everybody") {
			t.Errorf("nobody may:\n%s\n%s", model, rows)
		}
	})
}

// TestColumnsOfRows: what a row says by eval may be what looks at a column.
func TestColumnsOfRows(t *testing.T) {
	a := mustOpen(t, map[string]string{"model.conf": conf("rule, act", "eval(p.rule)"), "policy.csv": "p, isUser(r.sub) && r.act == p.act, a\n"}, casbinauthz.Options{})
	if err := a.Authorize(t.Context(), ask("ada", "a", nil)); err != nil {
		t.Error(err)
	}
	if err := a.Authorize(t.Context(), ask("ada", "b", nil)); err == nil {
		t.Error("another action")
	}
}
