package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	tableBegins = "<!-- consequences -->\n"
	tableEnds   = "<!-- /consequences -->"
)

// The table of consequences in the guide is what the tool prints.
func TestConsequences(t *testing.T) {
	root := find(t)
	table, _, _ := strings.Cut(read(t, filepath.Join(root, "cmd", "gatehouse", "testdata", "policy.md")), "\n\n")
	file := filepath.Join(root, "docs", "accounts.md")
	guide := read(t, file)
	before, rest, begins := strings.Cut(guide, tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends || !strings.Contains(table, "account.reclaimed") {
		t.Fatal("there is no table of consequences in docs/accounts.md, or none is printed")
	}
	want := before + tableBegins + table + "\n" + tableEnds + after
	if *update && want != guide {
		if err := os.WriteFile(file, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
		guide = want
	}
	if want != guide {
		t.Error("the table of consequences in docs/accounts.md is not what gatehouse policy prints; go test ./internal/docs -update copies it")
	}
}
