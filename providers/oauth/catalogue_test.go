package oauth

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/oauth-providers.md")

// The tables of docs/oauth-providers.md are those of the code. With -update they
// are written.
func TestCatalogueIsDocumented(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "oauth-providers.md")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var table, refused strings.Builder
	var exchanged []string
	table.WriteString("| package | called | protocol | client | PKCE | address | read in source | imitated in a test | seen live |\n" + strings.Repeat("| --- ", 9) + "|\n")
	refused.WriteString("| package | why, and what to do |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(gothCatalogue)) {
		c := gothCatalogue[name]
		client, pkce, trust, imitated := "yes", "no", "–", "yes"
		if c.bypassed != bypassesNothing {
			client = "no"
		}
		if c.pkce {
			pkce = "yes"
		}
		if c.email != nil {
			trust = c.trust
		}
		if c.refused != "" {
			client, pkce, imitated = "–", "–", "refused"
			fmt.Fprintf(&refused, "| `%s` | %s |\n", name, c.refused)
		}
		if c.exchange {
			exchanged = append(exchanged, "`"+name+"`")
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s | %s | yes | %s | no |\n", name, c.title, c.protocol, client, pkce, trust, imitated)
	}
	last := len(exchanged) - 1
	want := between(t, old, "table", "\n\n"+table.String()+"\n")
	want = between(t, want, "refused", "\n\n"+refused.String()+"\n")
	want = between(t, want, "exchanged", strings.Join(exchanged[:last], ", ")+" and "+exchanged[last])
	if bytes.Equal(want, old) {
		return
	}
	if !*update {
		t.Fatal("docs/oauth-providers.md is not of this code: go test -run CatalogueIsDocumented ./providers/oauth -update")
	}
	if err := os.WriteFile(file, want, 0o644); err != nil {
		t.Fatal(err)
	}
}

// between replaces what is between two marks.
func between(t *testing.T, doc []byte, mark, with string) []byte {
	t.Helper()
	before, rest, ok1 := bytes.Cut(doc, []byte("<!-- "+mark+" -->"))
	_, after, ok2 := bytes.Cut(rest, []byte("<!-- /"+mark+" -->"))
	if !ok1 || !ok2 {
		t.Fatalf("docs/oauth-providers.md has no mark %q", mark)
	}
	return slices.Concat(before, []byte("<!-- "+mark+" -->"+with+"<!-- /"+mark+" -->"), after)
}

func TestCatalogueIsWhole(t *testing.T) {
	if n := len(gothCatalogue); n != 74 { // 73 and faux
		t.Errorf("%d providers", n)
	}
	for name, c := range gothCatalogue {
		if c.title == "" || c.protocol == "" {
			t.Errorf("%s: %+v", name, c)
		}
		if c.pkce && c.bypassed != bypassesNothing {
			t.Errorf("%s bypasses the client, and cannot have PKCE", name)
		}
		if (c.email == nil) != (c.trust == "") {
			t.Errorf("%s: whose word is taken is to be said in words", name)
		}
	}
}
