package docs_test

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/tree"
)

var update = flag.Bool("update", false, "copy the code that the documents quote into them")

// A fenced block of Go in a README.
var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// The code in the README is the quickstart, to the byte, and stays small. That
// it compiles is for the compiler to say: it is a package of the workspace.
func TestQuickstart(t *testing.T) {
	root := find(t)
	file := filepath.Join(root, "README.md")
	readme := read(t, file)
	source := read(t, filepath.Join(root, "examples", "quickstart", "main.go"))
	if n := strings.Count(source, "\n"); n > 40 {
		t.Errorf("the quickstart has %d lines, more than 40", n)
	}
	if *update {
		readme = goBlock.ReplaceAllLiteralString(readme, "```go\n"+source+"```")
		if err := os.WriteFile(file, []byte(readme), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	blocks := goBlock.FindAllStringSubmatch(readme, -1)
	if len(blocks) != 1 {
		t.Fatalf("README.md has %d blocks of Go, want 1", len(blocks))
	}
	if blocks[0][1] != source {
		t.Error("the Go block in README.md is not examples/quickstart/main.go; go test ./internal/docs -update copies it")
	}
}

var (
	// Code in Markdown, in which nothing is a link.
	code = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	// A link in Markdown to something that is not on another site.
	localLink = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)\s]*)?\)`)
)

func TestLinks(t *testing.T) {
	root := find(t)
	var n int
	err := tree.Walk(root, func(path string) error {
		if filepath.Ext(path) != ".md" {
			return nil
		}
		for _, m := range localLink.FindAllStringSubmatch(code.ReplaceAllString(read(t, path), "code"), -1) {
			n++
			to := filepath.Join(filepath.Dir(path), filepath.FromSlash(m[1]))
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Error("no links found")
	}
}

// Every module that is required directly has its row in docs/dependencies.md,
// with the version.
func TestDependencies(t *testing.T) {
	root := find(t)
	doc := read(t, filepath.Join(root, "docs", "dependencies.md"))
	mods, err := tree.Modules(root)
	if err != nil {
		t.Fatal(err)
	}
	required := map[string]bool{}
	for _, m := range mods {
		out, err := exec.Command("go", "mod", "edit", "-json", filepath.Join(m.Dir, "go.mod")).Output()
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Require []struct {
				Path, Version string
				Indirect      bool
			}
		}
		if err := json.Unmarshal(out, &f); err != nil {
			t.Fatal(err)
		}
		for _, r := range f.Require {
			if r.Indirect || r.Path == tree.Root || strings.HasPrefix(r.Path, tree.Root+"/") {
				continue
			}
			required[r.Path] = true
			if row := "| `" + r.Path + "` | " + r.Version + " |"; !strings.Contains(doc, row) {
				t.Errorf("docs/dependencies.md has no row that begins %q, for %s/go.mod", row, m.Rel)
			}
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| v").FindAllStringSubmatch(doc, -1) {
		if !required[m[1]] {
			t.Errorf("docs/dependencies.md has a row for %s, which nothing requires directly", m[1])
		}
	}
}

func find(t *testing.T) string {
	t.Helper()
	root, err := tree.Find()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
