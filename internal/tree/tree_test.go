package tree_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/tree"
)

func Example() {
	root, err := tree.Find()
	if err != nil {
		fmt.Println(err)
		return
	}
	mods, err := tree.Modules(root)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mods[0].Path, mods[0].Rel)
	// Output: github.com/gatehouse-go/gatehouse .
}

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "go.mod", "module "+tree.Root+"\n")
	write(t, dir, "a/a.go", "package a\n")
	write(t, dir, "a/testdata/x.go", "")
	write(t, dir, ".hidden/x.go", "")
	write(t, dir, "nested/go.mod", "module "+tree.Root+"/nested\n")
	write(t, dir, "nested/x.go", "")

	var got []string
	err := tree.Walk(dir, func(path string) error {
		rel, err := filepath.Rel(dir, path)
		got = append(got, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a/a.go", "go.mod"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	mods, err := tree.Modules(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(mods) != 2 || mods[0].Rel != "." || mods[1].Rel != "nested" || mods[1].Path != tree.Root+"/nested" {
		t.Errorf("modules %+v", mods)
	}
}

// go.mod as `go mod edit -json` prints it.
type modFile struct {
	Go      string
	Require []struct {
		Path, Version string
		Indirect      bool
	}
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
	Exclude []struct{ Path string }
}

// The workspace has every module, so that "go test work" leaves none out. A
// module with replace or exclude cannot be installed from, so the root has
// none; the others require the version about to be released, the same
// everywhere, and take it from beside them.
func TestModules(t *testing.T) {
	root, err := tree.Find()
	if err != nil {
		t.Fatal(err)
	}
	mods, err := tree.Modules(root)
	if err != nil {
		t.Fatal(err)
	}
	var work struct{ Use []struct{ DiskPath string } }
	edit(t, &work, "work", "edit", "-json", filepath.Join(root, "go.work"))
	var used []string
	for _, u := range work.Use {
		used = append(used, filepath.ToSlash(filepath.Clean(u.DiskPath)))
	}
	for _, u := range used {
		if !slices.ContainsFunc(mods, func(m tree.Module) bool { return m.Rel == u }) {
			t.Errorf("go.work uses %s, which is not a module of the tree", u)
		}
	}

	version, from := "", ""
	for _, m := range mods {
		if !slices.Contains(used, m.Rel) {
			t.Errorf("go.work does not use ./%s", m.Rel)
		}
		if want := strings.TrimSuffix(tree.Root+"/"+m.Rel, "/."); m.Path != want {
			t.Errorf("%s/go.mod: module %s, want %s", m.Rel, m.Path, want)
		}
		var f modFile
		edit(t, &f, "mod", "edit", "-json", filepath.Join(m.Dir, "go.mod"))
		if m.Rel == "." {
			if len(f.Replace) > 0 || len(f.Exclude) > 0 {
				t.Errorf("go.mod of the root has a replace or an exclude: nothing in it could be installed")
			}
			continue
		}
		for _, r := range f.Require {
			if r.Path != tree.Root {
				continue
			}
			if version == "" {
				version, from = r.Version, m.Rel
			}
			if r.Version != version {
				t.Errorf("%s requires the root at %s, %s at %s", m.Rel, r.Version, from, version)
			}
		}
		up, err := filepath.Rel(m.Dir, root)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range f.Replace {
			if r.Old.Path == tree.Root && filepath.Clean(r.New.Path) != up {
				t.Errorf("%s replaces the root by %s, want %s", m.Rel, r.New.Path, filepath.ToSlash(up))
			}
		}
	}
}

func edit(t *testing.T, v any, args ...string) {
	t.Helper()
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatal(err)
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
