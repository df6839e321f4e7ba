package event_test

import (
	"context"
	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/event"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// parseGo parses the Go files of a folder and those below, without tests.
func parseGo(t *testing.T, dir string, deep bool) (files []*ast.File) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && !deep:
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		files = append(files, f)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, error %v", dir, len(files), err)
	}
	return files
}

// emitted returns the names of the events that the files make: Event{Name: "…"},
// auth.Event{Name: "…"} and e.Name = "…", where "…" may be a constant of the files, and
// those of the rows of the table of consequences, which Event{Name: a.event} makes.
func emitted(t *testing.T, files []*ast.File) map[string]bool {
	t.Helper()
	names, consts := map[string]bool{}, map[string]ast.Expr{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, value := range v.Values {
				consts[v.Names[i].Name] = value
			}
			return true
		})
	}
	add := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok && consts[id.Name] != nil {
			e = consts[id.Name]
		}
		if sel, ok := e.(*ast.SelectorExpr); ok && sel.Sel.Name == "event" {
			rows, ok := consts["ownConsequences"].(*ast.CompositeLit)
			if !ok {
				t.Error("there is no table ownConsequences to read the names of its rows from")
				return
			}
			for _, row := range rows.Elts {
				key := row.(*ast.KeyValueExpr).Key
				if id, ok := key.(*ast.Ident); ok {
					key = consts[id.Name]
				}
				name, err := strconv.Unquote(key.(*ast.BasicLit).Value)
				if err != nil {
					t.Error(err)
				}
				names[name] = true
			}
			return
		}
		lit, ok := e.(*ast.BasicLit)
		if !ok {
			t.Errorf("the name of an event is %T: write it out, so that it can be found", e)
			return
		}
		name, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Error(err)
		}
		names[name] = true
	}
	isEvent := func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.Ident:
			return e.Name == "Event"
		case *ast.SelectorExpr:
			return e.Sel.Name == "Event"
		}
		return false
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if !isEvent(n.Type) {
					break
				}
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Name" {
						add(kv.Value)
					}
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if sel, ok := to.(*ast.SelectorExpr); ok && sel.Sel.Name == "Name" && len(n.Rhs) == len(n.Lhs) {
						if x, ok := sel.X.(*ast.Ident); ok && x.Name == "e" {
							add(n.Rhs[i])
						}
					}
				}
			}
			return true
		})
	}
	return names
}

// documented returns the names in the comment of auth.Event.
func documented(t *testing.T, files []*ast.File) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE || g.Specs[0].(*ast.TypeSpec).Name.Name != "Event" {
				continue
			}
			for _, m := range regexp.MustCompile(`(?m)^\t([a-z_.]+)\s{2,}`).FindAllStringSubmatch(g.Doc.Text(), -1) {
				names[m[1]] = true
			}
		}
	}
	return names
}

// constants returns the constants of this package by their names.
func constants(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, f := range parseGo(t, ".", false) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				value, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				found[v.Names[0].Name] = value
			}
		}
	}
	return found
}

// What package auth says that is told, what it and the providers do tell, and what
// has a constant here is the same. Providers may tell more, of their own.
func TestNames(t *testing.T) {
	core := parseGo(t, "..", false)
	said := documented(t, core)
	docs := slices.Sorted(maps.Keys(said))
	told := emitted(t, core)
	for name := range emitted(t, slices.Concat(parseGo(t, filepath.Join("..", "mail"), false), parseGo(t, filepath.Join("..", "..", "providers"), true))) {
		if said[name] {
			told[name] = true
		}
	}
	if got := slices.Sorted(maps.Keys(told)); !slices.Equal(got, docs) {
		t.Errorf("told are\n%q\nsaid to be told are\n%q", got, docs)
	}
	if got := slices.Sorted(maps.Values(constants(t))); !slices.Equal(got, docs) {
		t.Errorf("constants are for\n%q\nsaid to be told are\n%q", got, docs)
	}
	if !slices.Contains(docs, event.Login) || len(docs) < 10 {
		t.Errorf("what was read? %q", docs)
	}
}

// Each field of Handlers gets the events of the constant of its name, and Other gets
// the rest.
func TestHandlers(t *testing.T) {
	var got []string
	into := func(field string) func(context.Context, auth.Event) {
		return func(_ context.Context, e auth.Event) { got = append(got, field+" "+e.Name) }
	}
	tell := func(h event.Handlers, name string) string {
		got = nil
		h.Handle(t.Context(), auth.Event{Name: name})
		return strings.Join(got, ", ")
	}
	byField := constants(t)
	byField["Other"] = "sms.sent"
	typ := reflect.TypeFor[event.Handlers]()
	if typ.NumField() != len(byField) {
		t.Errorf("%d fields for %d names", typ.NumField(), len(byField))
	}
	for i := range typ.NumField() {
		field := typ.Field(i).Name
		name, ok := byField[field]
		if !ok {
			t.Errorf("field %s has no constant of its name", field)
		}
		var h event.Handlers
		if got := tell(h, name); got != "" {
			t.Errorf("with nothing set, %s is told: %s", name, got)
		}
		reflect.ValueOf(&h).Elem().Field(i).Set(reflect.ValueOf(into(field)))
		if got := tell(h, name); got != field+" "+name {
			t.Errorf("with %s set, %s is told: %q", field, name, got)
		}
		for other := range maps.Values(byField) {
			if other == name {
				continue
			}
			if got := tell(h, other); (got != "") != (field == "Other") {
				t.Errorf("with %s set, %s is told: %q", field, other, got)
			}
		}
		h.Other = into("Other")
		if got := tell(h, name); got != field+" "+name {
			t.Errorf("with %s and Other set, %s is told: %q", field, name, got)
		}
	}
}
