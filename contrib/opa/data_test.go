package opaauthz_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-go/gatehouse/contrib/opa"
)

// What a policy asks for has to be there: a "not" of what is not is a yes.
func TestData(t *testing.T) {
	const lists = `{"banned": {"eve": true}, "site": {"name": "x"}, "other": {"list": {}}}`
	for name, c := range map[string]struct {
		rules string
		data  string
		want  string // in the error; "": none
	}{
		"a list":                   {"allow if not data.banned[input.user.id]", lists, ""},
		"a list, imported":         {"import data.banned\nallow if not banned[input.user.id]", lists, ""},
		"a list, spelled wrong":    {"allow if not data.bannned[input.user.id]", lists, "p.rego:3: there is no data.bannned: no rule makes it"},
		"imported, spelled wrong":  {"import data.bannned\nallow if not bannned[input.user.id]", lists, "there is no data.bannned"},
		"a list that is gone":      {"allow if not data.banned[input.user.id]", `{}`, "there is no data.banned"},
		"what is in a list":        {"allow if not data.banned.bob", lists, ""},
		"a rule":                   {"allow if not data.gatehouse.banned\nbanned if input.user.id == \"eve\"", lists, ""},
		"a rule, spelled wrong":    {"allow if not data.gatehouse.bannned\nbanned if input.user.id == \"eve\"", lists, "there is no data.gatehouse.bannned"},
		"a package, spelled wrong": {"allow if not data.gatehous.banned\nbanned if input.user.id == \"eve\"", lists, "there is no data.gatehous:"},
		"a rule of another file":   {"allow if data.other.fine", lists, ""},
		"a function of another":    {"allow if data.other.twice(1) == 2", lists, ""},
		"data beside rules":        {"allow if not data.other.list[input.user.id]", lists, ""},
		"neither":                  {"allow if not data.other.lost[input.user.id]", lists, "there is no data.other.lost"},
		"by a variable":            {"allow if { some x in [\"banned\"]; not data[x][input.user.id] }", lists, ""},
		"a whole document":         {"allow if is_object(data.site)", lists, ""},
		"a rule of many names":     {"allow if not allowed.no.one\nallowed.no.other if false", lists, "there is no data.gatehouse.allowed.no.one"},
		"a set":                    {"allow if \"eve\" in data.gatehouse.good\ngood contains input.user.id", lists, ""},
		"in a comprehension":       {"allow if count([x | some x in data.lost]) == 0", lists, "there is no data.lost"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := one(c.rules)
			fsys["d.json"] = &fstest.MapFile{Data: []byte(c.data)}
			fsys["o.rego"] = &fstest.MapFile{Data: []byte("package other\n\nfine if true\n\ntwice(x) := 2 * x\n\n# end of policy\n")}
			fsys["empty.rego"] = &fstest.MapFile{Data: []byte("package nothing.here\n\n# end of policy\n")}
			_, err := opaauthz.Open(fsys, nil)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
