package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/tree"
)

// A block of Go in a guide, and before it in a comment where it is from: a file,
// and the declarations in it, if it is not the whole.
var quoted = regexp.MustCompile("(?s)<!-- ([^ \n]+\\.go)((?: [^ \n]+)*) -->\n```go\n(.*?)```")

// The code in the guides is code of the tree, to the byte.
func TestGuides(t *testing.T) {
	root := find(t)
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		guide := read(t, file)
		want := quoted.ReplaceAllStringFunc(guide, func(block string) string {
			n++
			m := quoted.FindStringSubmatch(block)
			code := quote(t, filepath.Join(root, filepath.FromSlash(m[1])), strings.Fields(m[2]))
			return "<!-- " + m[1] + m[2] + " -->\n```go\n" + code + "```"
		})
		if *update && want != guide {
			if err := os.WriteFile(file, []byte(want), 0o666); err != nil {
				t.Fatal(err)
			}
			guide = want
		}
		if want != guide {
			t.Errorf("the Go in %s is not what it is from; go test ./internal/docs -update copies it", file)
		}
	}
	if n == 0 {
		t.Error("no code found in docs")
	}
	for _, name := range []string{"flask-login.md", "writing-a-store.md"} {
		guide := read(t, filepath.Join(root, "docs", name))
		if all, known := len(goBlock.FindAllString(guide, -1)), len(quoted.FindAllString(guide, -1)); all != known {
			t.Errorf("docs/%s has %d blocks of Go, and says of %d where they are from", name, all, known)
		}
	}
}

// quote returns the file, or the declarations of these names: "F", "T" or "T.Method".
func quote(t *testing.T, file string, names []string) string {
	t.Helper()
	source := read(t, file)
	if len(names) == 0 {
		return source
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, d := range f.Decls {
		from := d.Pos()
		if doc := docOf(d); doc != nil {
			from = doc.Pos()
		}
		text := source[fset.Position(from).Offset:fset.Position(d.End()).Offset]
		for _, name := range declared(d) {
			found[name] = text
		}
	}
	var parts []string
	for _, name := range names {
		if found[name] == "" {
			t.Errorf("%s has no %s", file, name)
		}
		parts = append(parts, found[name]+"\n")
	}
	return strings.Join(parts, "\n")
}

func docOf(d ast.Decl) *ast.CommentGroup {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Doc
	case *ast.GenDecl:
		return d.Doc
	}
	return nil
}

// declared returns the names that d declares, those of methods behind that of their
// type.
func declared(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
		on := d.Recv.List[0].Type
		if star, ok := on.(*ast.StarExpr); ok {
			on = star.X
		}
		if generic, ok := on.(*ast.IndexExpr); ok {
			on = generic.X
		}
		return []string{on.(*ast.Ident).Name + "." + d.Name.Name}
	case *ast.GenDecl:
		var names []string
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
				names = append(names, members(s)...)
			case *ast.ValueSpec:
				for _, id := range s.Names {
					names = append(names, id.Name)
				}
			}
		}
		return names
	}
	return nil
}

// members returns the fields of a struct and the methods of an interface.
func members(s *ast.TypeSpec) []string {
	var list *ast.FieldList
	switch typ := s.Type.(type) {
	case *ast.StructType:
		list = typ.Fields
	case *ast.InterfaceType:
		list = typ.Methods
	default:
		return nil
	}
	var names []string
	for _, field := range list.List {
		for _, id := range field.Names {
			names = append(names, s.Name.Name+"."+id.Name)
		}
	}
	return names
}

// flaskNames are what Flask-Login 0.6.3 exports, what a LoginManager has, and what
// is read of an application's configuration.
const flaskNames = `COOKIE_DURATION COOKIE_HTTPONLY COOKIE_NAME COOKIE_SECURE ID_ATTRIBUTE LOGIN_MESSAGE
LOGIN_MESSAGE_CATEGORY REFRESH_MESSAGE REFRESH_MESSAGE_CATEGORY LoginManager AnonymousUserMixin UserMixin
session_protected user_accessed user_loaded_from_cookie user_loaded_from_request user_logged_in user_logged_out
user_login_confirmed user_needs_refresh user_unauthorized FlaskLoginClient confirm_login current_user decode_cookie
encode_cookie fresh_login_required login_fresh login_remembered login_required login_url login_user logout_user
make_next_param set_login_view

anonymous_user login_view blueprint_login_views login_message login_message_category refresh_view
needs_refresh_message needs_refresh_message_category session_protection localize_callback unauthorized_callback
needs_refresh_callback id_attribute user_callback request_callback _session_identifier_generator
__init__ init_app user_loader request_loader unauthorized_handler needs_refresh_handler unauthorized needs_refresh

REMEMBER_COOKIE_NAME REMEMBER_COOKIE_DURATION REMEMBER_COOKIE_DOMAIN REMEMBER_COOKIE_PATH REMEMBER_COOKIE_SECURE
REMEMBER_COOKIE_HTTPONLY REMEMBER_COOKIE_SAMESITE REMEMBER_COOKIE_REFRESH_EACH_REQUEST SESSION_PROTECTION
USE_SESSION_FOR_NEXT FORCE_HOST_FOR_REDIRECTS SECRET_KEY LOGIN_DISABLED AUTH_HEADER_NAME
COOKIE_SAMESITE SESSION_KEYS EXEMPT_METHODS`

var (
	span      = regexp.MustCompile("`([^`]+)`")
	qualified = regexp.MustCompile(`^([a-z]+)\.([A-Z]\w*(?:\.[A-Z]\w*)?)`)
	ofAuth    = regexp.MustCompile(`^[A-Z]\w*(?:\.[A-Z]\w*)?`)
)

// In docs/flask-login.md each name of Flask-Login's has a row, and each name that is
// said to take its place exists.
func TestFlaskNames(t *testing.T) {
	root := find(t)
	guide, _, _ := strings.Cut(read(t, filepath.Join(root, "docs", "flask-login.md")), provesHeading) // whose tests are TestProofs's
	rows, ours := map[string]bool{}, 0
	exported := surface(t, root)
	check := func(name, pkg string) {
		t.Helper()
		if ours++; !exported[pkg+"."+name] {
			t.Errorf("docs/flask-login.md names %s, which package %s does not have", name, pkg)
		}
	}
	inTable := false
	for line := range strings.Lines(guide) {
		cells := strings.Split(line, "|")
		inTable = len(cells) > 3 && (inTable || strings.TrimSpace(cells[2]) == "Gatehouse")
		for i, cell := range cells {
			for _, m := range span.FindAllStringSubmatch(cell, -1) {
				if q := qualified.FindStringSubmatch(m[1]); q != nil && exported[q[1]] {
					check(q[2], q[1])
				}
				switch {
				case inTable && i == 1:
					rows[m[1]] = true
				case inTable && i == 2 && !strings.Contains(m[1], " "):
					if name := ofAuth.FindString(m[1]); name != "" {
						check(name, "auth")
					}
				}
			}
		}
	}
	for _, name := range strings.Fields(flaskNames) {
		if !rows[name] {
			t.Errorf("docs/flask-login.md has no row for %s", name)
		}
	}
	if ours < 50 {
		t.Errorf("only %d names of ours were found", ours)
	}
}

// surface returns all exported names of the root module, "pkg.Name" and
// "pkg.Name.Member", and the packages, "pkg".
func surface(t *testing.T, root string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := tree.Walk(root, func(path string) error {
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		if !slices.Contains([]string{"auth", "pages", "providers", "stores"}, top) || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		names[f.Name.Name] = true
		for _, d := range f.Decls {
			for _, name := range declared(d) {
				names[f.Name.Name+"."+name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
