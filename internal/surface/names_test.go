package surface_test

import (
	"go/ast"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/tree"
)

// limit is how many names package auth exports at the top level. Raising it is
// a decision: write it down in docs/decisions.
const limit = 78

func TestSurface(t *testing.T) {
	root, err := tree.Find()
	if err != nil {
		t.Fatal(err)
	}
	names := exported(parse(t, filepath.Join(root, "auth")).files)
	t.Logf("package auth exports %d of %d names", len(names), limit)
	if len(names) > limit {
		t.Errorf("package auth exports %d names, %d more than the limit:\n\t%s",
			len(names), len(names)-limit, strings.Join(names, "\n\t"))
	}
	if !slices.Contains(names, "Store") {
		t.Error("Store is not among the names: what was counted?")
	}
}

// exported returns the exported names that the files declare at the top level,
// in order. Methods and fields belong to their type and do not count.
func exported(files []*ast.File) []string {
	var names []string
	add := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						add(s.Name)
					case *ast.ValueSpec:
						for _, id := range s.Names {
							add(id)
						}
					}
				}
			}
		}
	}
	slices.Sort(names)
	return names
}
