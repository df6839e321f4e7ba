package docs_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// A case as its suite names it: run("DeleteAtOnce", sessionDeleteAtOnce).
	suiteCase = regexp.MustCompile(`(?m)^\s*run\("(\w+)", (session|credential|ticket|limiter|sweep|tx|store)`)
	// A case as the guide names it.
	namedCase = regexp.MustCompile("`((?:Sessions|Credentials|Tickets|Limiter|Sweep|InTx)/\\w+|PartsApart)`")
)

// The cases of the suites that docs/writing-a-store.md names are there.
func TestStoreCases(t *testing.T) {
	root := find(t)
	suites := map[string]string{
		"session": "Sessions/", "credential": "Credentials/", "ticket": "Tickets/", "limiter": "Limiter/",
		"sweep": "Sweep/", "tx": "InTx/", "store": "",
	}
	files, err := filepath.Glob(filepath.Join(root, "auth", "authtest", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range suiteCase.FindAllStringSubmatch(read(t, file), -1) {
			there[suites[m[2]]+m[1]] = true
		}
	}
	named := map[string]bool{}
	for _, m := range namedCase.FindAllStringSubmatch(read(t, filepath.Join(root, "docs", "writing-a-store.md")), -1) {
		named[m[1]] = true
		if !there[m[1]] {
			t.Errorf("docs/writing-a-store.md names %s, which no suite has", m[1])
		}
	}
	if len(named) < 30 {
		t.Errorf("only %d cases are named", len(named))
	}
}
