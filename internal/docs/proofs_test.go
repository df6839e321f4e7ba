package docs_test

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/tree"
)

// GATEHOUSE_TEST_LOG names the output of go test -v, of all modules: what
// docs/flask-login.md calls proved must have passed in it.
const logVariable = "GATEHOUSE_TEST_LOG"

const provesHeading = "\n## What proves it\n"

// A test as the guide names it: the package's folder, a dot, and the name, with
// that of a subtest behind slashes.
var provedBy = regexp.MustCompile("`([a-z0-9/-]+)\\.(Test[A-Za-z0-9_]*|Fuzz[A-Za-z0-9_]*|Example[A-Za-z0-9_]*)((?:/[^`]+)?)`")

// What is proved by which test is in a table; every row names one, or says why there
// is none; it exists, and it ran.
func TestProofs(t *testing.T) {
	root, passed := find(t), passedTests(t)
	for _, table := range []struct {
		file, heading string
		rows          map[string]int // how many there are, by the letters of their numbers
		more          []string       // whose numbers do not follow one another
	}{
		{"flask-login.md", provesHeading, map[string]int{"R-%d": 34, "W-%d": 17, "Q-%d": 17}, nil},
		{"oauth-security.md", "\n## The attacks\n", map[string]int{"OA-%02d": 40, "PH-%d": 8, "V-%d": 11, "RT-%d": 5}, nil},
		{"account-security.md", "\n## The attacks\n", map[string]int{"AC-%02d": 28, "PH-%d": 8}, nil},
		{"storage-races.md", "\n## The races\n", map[string]int{"RC-%02d": 15, "FT-%02d": 5, "CK-%02d": 4, "CR-%02d": 10, "SV-%02d": 8},
			strings.Fields("RC-20 RC-21 RC-22 RC-23 RC-30 RC-31 RC-32 RC-33 RC-34 RC-35 RC-36 RC-40 RC-41 RC-42 RC-43 RC-44 RC-54 RC-61 RC-65 FT-09 FT-12 FT-14 FT-17")},
	} {
		t.Run(table.file, func(t *testing.T) {
			_, text, found := strings.Cut(read(t, filepath.Join(root, "docs", table.file)), table.heading)
			if !found {
				t.Fatalf("docs/%s has no part %q", table.file, strings.TrimSpace(table.heading))
			}
			text, _, _ = strings.Cut(text, "\n## ")
			rows := checkProofs(t, root, text, passed)
			for _, id := range table.more {
				if !rows[id] {
					t.Errorf("the table has no row %s", id)
				}
			}
			for format, n := range table.rows {
				for i := range n {
					if id := fmt.Sprintf(format, i+1); !rows[id] {
						t.Errorf("the table has no row %s", id)
					}
				}
			}
		})
	}
}

// checkProofs returns the names of the rows of a table.
func checkProofs(t *testing.T, root, table string, passed map[string]map[string]bool) map[string]bool {
	t.Helper()
	rows, tests := map[string]bool{}, map[string]map[string]bool{}
	for line := range strings.SplitSeq(table, "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if cells[len(cells)-1] == "proved by" {
			continue
		}
		if rows[cells[0]] {
			t.Errorf("there are two rows %s", cells[0])
		}
		rows[cells[0]] = true
		named := provedBy.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(named) == 0 {
			t.Errorf("no test is named in %q", line)
		}
		for _, m := range named {
			folder, name, sub := m[1], m[2], m[3]
			if tests[folder] == nil {
				tests[folder] = testsIn(t, filepath.Join(root, folder))
			}
			if !tests[folder][name] {
				t.Errorf("row %q: there is no %s in %s", cells[0], name, folder)
			}
			if passed != nil && !strings.HasPrefix(name, "Fuzz") && !passed[tree.Root+"/"+folder][name+sub] {
				t.Errorf("row %q: %s%s of %s is not among the tests that passed", cells[0], name, sub, folder)
			}
		}
	}
	return rows
}

// testsIn returns the names of the tests in a folder.
func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

var (
	passLine    = regexp.MustCompile(`^\s*--- PASS: (\S+) \(`)
	packageLine = regexp.MustCompile(`^(?:ok|FAIL)\s+(\S+)\s`)
)

// passedTests reads the log, if there is one: the tests of a package come before
// the line that says what became of it.
func passedTests(t *testing.T) map[string]map[string]bool {
	t.Helper()
	file := os.Getenv(logVariable)
	if file == "" {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, names := map[string]map[string]bool{}, map[string]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		if m := passLine.FindStringSubmatch(lines.Text()); m != nil {
			names[m[1]] = true
		} else if m := packageLine.FindStringSubmatch(lines.Text()); m != nil && strings.HasPrefix(m[1], tree.Root) {
			all[m[1]], names = names, map[string]bool{}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s is no output of go test -v", file)
	}
	return all
}
