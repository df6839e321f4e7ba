package deptest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/deptest"
	"github.com/gatehouse-go/gatehouse/internal/tree"
)

func ExampleCheck() {
	rules := []deptest.Rule{
		{Part: "core"},
		{Part: "plugins/*", May: []string{"core"}},
	}
	for _, fault := range deptest.Check("example.com/app", rules, []deptest.Package{
		{ImportPath: "example.com/app/core", Imports: []string{"fmt"}},
		{ImportPath: "example.com/app/plugins/a", Imports: []string{"example.com/app/core", "example.com/app/plugins/b"}},
		{ImportPath: "example.com/app/plugins/b", Imports: []string{"example.com/app/core"}},
		{ImportPath: "fmt", Standard: true},
	}) {
		fmt.Println(fault)
	}
	// Output: plugins/a imports plugins/b
}

// The tree as it is.
func TestDirections(t *testing.T) {
	root, err := tree.Find()
	if err != nil {
		t.Fatal(err)
	}
	mods, err := tree.Modules(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mods {
		pkgs := list(t, m.Dir)
		if m.Rel == "." && !slices.ContainsFunc(pkgs, func(p deptest.Package) bool { return p.ImportPath == tree.Root+"/auth" }) {
			t.Error("package auth is not among what was listed")
		}
		for _, fault := range deptest.Check(tree.Root, rules, pkgs) {
			t.Error(fault)
		}
	}
}

// A tree in which every rule is broken once, and one in which none is.
func TestRules(t *testing.T) {
	type folder struct {
		name    string
		imports []string // folders of the project, or import paths
		want    []string // the faults, none if it is allowed
	}
	tests := []folder{
		{"internal/plain", []string{"net/http"}, nil},
		{"internal/upward", []string{"auth"}, []string{"internal/upward imports auth"}},
		{"internal/heavy", []string{"example.org/third"}, []string{"internal/heavy imports example.org/third"}},

		{"auth", []string{"internal/plain", "database/sql"}, nil},
		{"auth/policy", []string{"auth", "internal/plain"}, nil},
		{"auth/event", []string{"auth/policy"}, []string{"auth/event imports auth/policy"}},
		{"auth/roundabout", []string{"internal/heavy"}, []string{"auth/roundabout imports example.org/third (through internal/heavy)"}},
		{"auth/authtest", []string{"auth", "testing", "stores/memory"}, []string{"auth/authtest imports stores/memory"}},

		{"providers/good", []string{"auth", "internal/plain", "example.org/third", "providers/good/sub"}, nil},
		{"providers/good/sub", []string{"auth"}, nil},
		{"providers/storing", []string{"stores/memory"}, []string{"providers/storing imports stores/memory"}},
		{"providers/second", []string{"providers/good"}, []string{"providers/second imports providers/good"}},
		{"providers/painted", []string{"pages"}, []string{"providers/painted imports pages"}},
		{"providers/tested", []string{"auth/authtest"}, []string{"providers/tested imports auth/authtest"}},

		{"stores/memory", []string{"auth", "internal/plain"}, nil},
		{"stores/bun", []string{"auth", "example.org/driver"}, []string{"stores/bun imports example.org/driver"}},
		{"stores/bun/open", []string{"stores/bun", "example.org/driver"}, nil},
		{"stores/proving", []string{"providers/good"}, []string{"stores/proving imports providers/good"}},

		{"pages", []string{"auth", "example.org/third"}, []string{"pages imports example.org/third"}},
		{"contrib/good", []string{"auth", "example.org/third"}, nil},
		{"contrib/bad", []string{"stores/memory"}, []string{"contrib/bad imports stores/memory"}},
		{"cmd/tool", []string{"stores/bun/open", "providers/good"}, nil},
		{"cmd/plugged", []string{"contrib/good"}, []string{"cmd/plugged imports contrib/good"}},
		{"examples/all", []string{"contrib/good", "providers/good", "stores/memory"}, nil},
		{"bench", []string{"examples/all"}, []string{"bench imports examples/all"}},
		{"attic", []string{"fmt"}, []string{"attic: no rule for this folder; add one to the table"}},
	}

	dir := t.TempDir()
	write(t, dir, "go.mod", "module "+tree.Root+"\n\ngo 1.26.0\n\n"+
		"require (\n\texample.org/third v1.0.0\n\texample.org/driver v1.0.0\n)\n"+
		"replace example.org/third => ./third\nreplace example.org/driver => ./driver\n")
	for _, m := range []string{"third", "driver"} {
		write(t, dir, m+"/go.mod", "module example.org/"+m+"\n\ngo 1.26.0\n")
		write(t, dir, m+"/"+m+".go", "package "+m+"\n")
	}
	var want []string
	for _, tt := range tests {
		var b strings.Builder
		fmt.Fprintf(&b, "package %s\n", filepath.Base(tt.name))
		for _, i := range tt.imports {
			if slices.ContainsFunc(tests, func(f folder) bool { return f.name == i }) {
				i = tree.Root + "/" + i
			}
			fmt.Fprintf(&b, "import _ %q\n", i)
		}
		write(t, dir, tt.name+"/x.go", b.String())
		// Imports of tests are nobody's business.
		write(t, dir, tt.name+"/x_test.go", "package "+filepath.Base(tt.name)+"_test\nimport _ \"example.org/third\"\n")
		want = append(want, tt.want...)
	}
	got := deptest.Check(tree.Root, rules, list(t, dir))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// list returns the packages of the module in dir and all they depend on.
func list(t *testing.T, dir string) []deptest.Package {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-test=false", "-json=ImportPath,Standard,Imports", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "PWD="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list in %s: %v\n%s", dir, err, &stderr)
	}
	var pkgs []deptest.Package
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p deptest.Package
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
