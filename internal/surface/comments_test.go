package surface_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/tree"
)

// Every package says what it is; every exported name says what it does; every
// package that others can use shows how, in an example that runs.
func TestComments(t *testing.T) {
	root, err := tree.Find()
	if err != nil {
		t.Fatal(err)
	}
	mods, err := tree.Modules(root)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	for _, m := range mods {
		var dirs []string
		err := tree.Walk(m.Dir, func(path string) error {
			if dir := filepath.Dir(path); strings.HasSuffix(path, ".go") && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			rel, err := filepath.Rel(root, dir)
			if err != nil {
				t.Fatal(err)
			}
			n++
			p := parse(t, dir)
			p.local = m.Rel == "bench" || m.Rel == "examples"
			for _, fault := range p.faults() {
				t.Errorf("%s: %s", filepath.ToSlash(rel), fault)
			}
		}
	}
	if n < 2 {
		t.Errorf("only %d packages found", n)
	}
}

// A package in which each rule is broken, and what is said of it.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("x.go", `package x

type Bare struct{}

func (Bare) Method() {}
func (Bare) Error() string { return "" }

// Told is told.
type Told interface{}

type hidden struct{}

func (hidden) Method() {}

func Func() {}

var A, b = 1, 2

// A group with a comment.
const (
	C = 1
)

const (
	D = 1
	E = 2 // the line's own comment
)
`)
	want := []string{
		"A has no doc comment",
		"Bare has no doc comment",
		"Bare.Method has no doc comment",
		"D has no doc comment",
		"Func has no doc comment",
		"no example that runs (with // Output:)",
		"no package comment",
	}
	names := []string{"A", "Bare", "C", "D", "E", "Func", "Told"}
	if got := exported(parse(t, dir).files); !slices.Equal(got, names) {
		t.Errorf("exported names %q, want %q", got, names)
	}
	if got := parse(t, dir).faults(); !slices.Equal(got, want) {
		t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}

	write("x_test.go", "package x_test\n\nfunc ExampleFunc() {\n\t// Output:\n}\n")
	if got := parse(t, dir).faults(); slices.Contains(got, "no example that runs (with // Output:)") {
		t.Error("the example was not found")
	}
}

type pkg struct {
	files, tests []*ast.File
	local        bool // in a module that nobody requires: it needs no example
}

// parse reads the package in dir and its tests.
func parse(t *testing.T, dir string) pkg {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var p pkg
	fset := token.NewFileSet()
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.Join(dir, e.Name()), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(e.Name(), "_test.go") {
			p.tests = append(p.tests, f)
		} else {
			p.files = append(p.files, f)
		}
	}
	return p
}

// faults returns what the package does not say of itself, sorted.
func (p pkg) faults() []string {
	if len(p.files) == 0 {
		return nil // tests only
	}
	var faults []string
	if !slices.ContainsFunc(p.files, func(f *ast.File) bool { return f.Doc != nil }) {
		faults = append(faults, "no package comment")
	}
	if p.files[0].Name.Name == "main" {
		return faults // nobody imports it
	}
	undocumented := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf(format, args...)+" has no doc comment")
	}
	for _, f := range p.files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				switch recv := receiver(d); {
				case d.Doc != nil || !d.Name.IsExported():
				case recv == "":
					undocumented("%s", d.Name.Name)
				case ast.IsExported(recv) && !wellKnown(d):
					undocumented("%s.%s", recv, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
							undocumented("%s", s.Name.Name)
						}
					case *ast.ValueSpec:
						if s.Doc != nil || s.Comment != nil || d.Doc != nil {
							continue
						}
						for _, id := range s.Names {
							if id.IsExported() {
								undocumented("%s", id.Name)
							}
						}
					}
				}
			}
		}
	}
	runs := func(e *doc.Example) bool { return e.Output != "" || e.EmptyOutput }
	if !p.local && len(exported(p.files)) > 0 && !slices.ContainsFunc(doc.Examples(p.tests...), runs) {
		faults = append(faults, "no example that runs (with // Output:)")
	}
	slices.Sort(faults)
	return faults
}

// receiver returns the name of the type that d is a method of, or "".
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	x := d.Recv.List[0].Type
	for {
		switch t := x.(type) {
		case *ast.Ident:
			return t.Name
		case *ast.StarExpr:
			x = t.X
		case *ast.IndexExpr:
			x = t.X
		case *ast.IndexListExpr:
			x = t.X
		default:
			return ""
		}
	}
}

// wellKnown reports whether everybody knows what a method of this name does.
func wellKnown(d *ast.FuncDecl) bool {
	return d.Name.Name == "Error" || d.Name.Name == "String"
}
