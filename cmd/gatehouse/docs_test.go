package main

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/gatehouse-go/gatehouse/internal/tree"
)

var update = flag.Bool("update", false, "write the help of the program into docs/cli.md")

// generated is where the part of docs/cli.md begins that is written by this test.
const generated = "<!-- From here on it is the program's own help: go test ./cmd/gatehouse -run TestDocs -update -->\n"

// TestDocs compares docs/cli.md with what --help prints at every level.
func TestDocs(t *testing.T) {
	root, err := tree.Find()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "docs", "cli.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, now, ok := strings.Cut(string(text), generated)
	if !ok {
		t.Fatalf("docs/cli.md has no line %q", generated)
	}
	want := helps(t)
	if *update {
		if err := os.WriteFile(file, []byte(before+generated+want), 0o666); err != nil {
			t.Fatal(err)
		}
		now = want
	}
	if now != want {
		t.Error("docs/cli.md is not what --help prints; go test ./cmd/gatehouse -run TestDocs -update writes it")
	}
	// By hand, and complete: the names in JSON, the codes.
	for _, v := range []any{person{}, userPage{}, shownUser{}, shownCredential{}, activity{}, happening{}, login{}, revocation{}, shownGrant{}, shownGrants{}, shownRole{}, holder{}, holders{}, swept{}, diagnosis{}, finding{}, step{}, script{}, policy{}, consequence{}, limit{}, versionInfo{}} {
		for f := range fields(reflect.TypeOf(v)) {
			if !strings.Contains(before, "`"+f+"`") {
				t.Errorf("docs/cli.md does not say what %s of %T is", f, v)
			}
		}
	}
}

// fields returns the names that a type has in JSON.
func fields(t reflect.Type) map[string]bool {
	all := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for name := range fields(f.Type) {
				all[name] = true
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all[name] = true
	}
	return all
}

// helps returns the help of the program and of every command, as Markdown. The
// flags that every command has are with the first alone.
func helps(t *testing.T) string {
	t.Helper()
	g := newTool(t)
	var b strings.Builder
	add := func(title, text string) {
		b.WriteString("\n" + title + "\n\n```text\n" + strings.TrimSpace(text) + "\n```\n")
	}
	whole := g.ok("", "--help")
	add("## gatehouse", whole)
	begin := strings.Index(whole, "\nWhere things are:\n")
	common := whole[begin+1 : strings.Index(whole, "\n\nCommands:\n")]
	var c cli
	k, err := parser(&c, &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range commands(k.Model.Node) {
		path := strings.Fields(n.Path())
		text := g.ok("", append(path, "--help")...)
		if !strings.Contains(text, common) {
			t.Errorf("the help of %s does not show the flags of every command:\n%s", n.Path(), text)
		}
		if n.Leaf() && !strings.Contains(text, "\nExamples:\n") {
			t.Errorf("the help of %s has no examples", n.Path())
		}
		add("## gatehouse "+n.Path(), strings.Replace(text, "\n"+common, "", 1))
	}
	return b.String()
}

// commands returns n's commands, each before those in it.
func commands(n *kong.Node) (all []*kong.Node) {
	for _, child := range n.Children {
		all = append(append(all, child), commands(child)...)
	}
	return all
}
