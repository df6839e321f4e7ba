package main

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

type stepsJSON struct {
	Applied, Undone, Migrations []struct {
		Name, Comment string
		AppliedAt     *time.Time `json:"applied_at"`
	}
}

func TestMigrate(t *testing.T) {
	g := newTool(t)
	g.fails(exitFailed, "the database file:", "", "migrate", "status") // no file is made by looking
	var s stepsJSON
	g.parse(&s, "", "migrate", "up")
	all := len(s.Applied)
	if all < 2 || s.Applied[0].Comment != "store" || s.Applied[0].AppliedAt == nil {
		t.Fatalf("applied %+v", s)
	}
	if got := g.ok("", "migrate", "up"); got != "nothing to do: the schema is up to date\n" {
		t.Errorf("the second time: %q", got)
	}
	pending := func() (n int) {
		t.Helper()
		var s stepsJSON
		g.parse(&s, "", "migrate", "status")
		for _, m := range s.Migrations {
			if m.AppliedAt == nil {
				n++
			}
		}
		if len(s.Migrations) != all {
			t.Errorf("%d migrations, want %d", len(s.Migrations), all)
		}
		return n
	}
	if n := pending(); n != 0 {
		t.Errorf("%d are pending", n)
	}

	g.fails(exitRefused, "give --yes", "yes\n", "migrate", "down")
	g.fails(exitUsage, "--steps", "", "migrate", "down", "--steps", "0", "--yes")
	if n := pending(); n != 0 {
		t.Errorf("%d are pending although nothing was confirmed", n)
	}
	g.parse(&s, "", "migrate", "down", "--yes")
	if n := pending(); n != 1 || len(s.Undone) != 1 {
		t.Errorf("%d are pending, undone %+v", n, s.Undone)
	}
	g.parse(&s, "", "migrate", "down", "--yes", "--steps", "99")
	if n := pending(); n != all {
		t.Errorf("%d of %d are pending", n, all)
	}
	if got := g.ok("", "migrate", "down", "--yes"); got != "nothing to do: no migration has been applied\n" {
		t.Errorf("with nothing to undo: %q", got)
	}
	g.ok("", "migrate", "up")
	if got := g.ok("", "migrate", "status"); strings.Count(got, "\n") != all+1 || strings.Contains(got, " -\n") {
		t.Errorf("the status is\n%s", got)
	}
}

func TestMigrateWithoutUsers(t *testing.T) {
	g := newTool(t)
	g.ok("", "migrate", "up", "--no-users", "--prefix", "other_")
	db, err := open.DB(g.env["GATEHOUSE_DB"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var tables []string
	if err := db.NewRaw("SELECT name FROM sqlite_master WHERE type = 'table'").Scan(t.Context(), &tables); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(tables, " ")
	if !strings.Contains(got, "other_sessions") || strings.Contains(got, "users") || strings.Contains(got, "gatehouse_") {
		t.Errorf("tables: %s", got)
	}
}

// TestMigrateSQL runs what is printed, with a tool of one's own as it were, and
// finds the tables that the store makes.
func TestMigrateSQL(t *testing.T) {
	g := newTool(t)
	g.env = nil // no database
	schema := func(script string) string {
		t.Helper()
		db, err := open.DB("file:" + filepath.Join(t.TempDir(), "x.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for sql := range strings.SplitSeq(script, ";\n") {
			if strings.TrimSpace(sql) == "" {
				continue
			}
			if _, err := db.DB.Exec(sql); err != nil {
				t.Fatalf("%v\n%s", err, sql)
			}
		}
		var all []string
		if err := db.NewRaw("SELECT coalesce(sql, '') FROM sqlite_master WHERE name LIKE 'gatehouse%' AND name NOT LIKE '%migration%' ORDER BY name").Scan(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		return strings.Join(all, "\n")
	}
	up, down := g.ok("", "migrate", "sql", "--dialect", "sqlite"), g.ok("", "migrate", "sql", "--dialect", "sqlite", "--down")
	m := migrated(t)
	db, err := open.DB(m.env["GATEHOUSE_DB"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var made []string
	if err := db.NewRaw("SELECT coalesce(sql, '') FROM sqlite_master WHERE name LIKE 'gatehouse%' AND name NOT LIKE '%migration%' ORDER BY name").Scan(t.Context(), &made); err != nil {
		t.Fatal(err)
	}
	if got := schema(up); got != strings.Join(made, "\n") {
		t.Errorf("what is printed makes\n%s\nwant\n%s", got, strings.Join(made, "\n"))
	}
	if got := schema(up + down); got != "" {
		t.Errorf("after what is printed by --down there is\n%s", got)
	}

	for _, dialect := range []string{"sqlite", "postgres", "mysql"} {
		goose := g.ok("", "migrate", "sql", "--dialect", dialect, "--format", "goose", "--prefix", "p_")
		before, after, ok := strings.Cut(goose, "-- +goose Down\n")
		if !ok || !strings.HasPrefix(before, "-- +goose Up\n") || !strings.Contains(before, "p_sessions") ||
			!strings.Contains(after, "DROP TABLE IF EXISTS p_users") || !strings.Contains(after, "p_sessions") {
			t.Errorf("%s for goose:\n%s", dialect, goose)
		}
		var v struct {
			Dialect    string
			Migrations []struct {
				Name, Comment string
				Up, Down      []string
			}
		}
		g.parse(&v, "", "migrate", "sql", "--dialect", dialect)
		for _, m := range v.Migrations {
			if v.Dialect != dialect || len(m.Up) == 0 || len(m.Down) == 0 {
				t.Errorf("%s: %+v", dialect, m)
			}
		}
		one := g.ok("", "migrate", "sql", "--dialect", dialect, "--only", v.Migrations[0].Name)
		if !strings.Contains(one, "-- "+v.Migrations[0].Name) || strings.Contains(one, v.Migrations[1].Name) {
			t.Errorf("%s, one alone:\n%s", dialect, one)
		}
	}
	g.fails(exitUsage, "--dialect", "", "migrate", "sql")
	g.fails(exitUsage, `"sqlite","postgres","mysql"`, "", "migrate", "sql", "--dialect", "oracle")
	g.fails(exitUsage, "leave --down out", "", "migrate", "sql", "--dialect", "sqlite", "--down", "--format", "goose")
	g.fails(exitNotFound, "no migration 7", "", "migrate", "sql", "--dialect", "sqlite", "--only", "7")
	g.fails(exitUsage, "Prefix", "", "migrate", "sql", "--dialect", "sqlite", "--prefix", "x; DROP TABLE y")
}

// TestNoFileIsMade has a name with a mistake in it.
func TestNoFileIsMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "typo.db")
	g := newTool(t)
	g.env["GATEHOUSE_DB"] = "file:" + path
	for _, args := range [][]string{{"migrate", "status"}, {"migrate", "down", "--yes"}, {"sweep"}, {"user", "list"}, {"sessions", "list", "--user", "a"}} {
		g.fails(exitFailed, "typo.db", "", args...)
	}
	if code, out, _ := g.run("", "doctor"); code != exitFailed || !strings.Contains(out, "fault    database, connection: ") {
		t.Errorf("doctor: exit code %d\n%s", code, out)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file: %v", err)
	}
}

// TestMigrateSQLOnServers runs what is printed on each server, and finds that
// "migrate up" has nothing to add.
func TestMigrateSQLOnServers(t *testing.T) {
	for env, dialect := range map[string]string{"GATEHOUSE_TEST_POSTGRES": "postgres", "GATEHOUSE_TEST_MYSQL": "mysql"} {
		t.Run(dialect, func(t *testing.T) {
			if os.Getenv(env) == "" {
				t.Skip("server: set " + env)
			}
			g := toolOn(t, os.Getenv(env))
			prefix := "t" + strings.ToLower(rand.Text()[:8]) + "_"
			g.flags = []string{"--prefix=" + prefix}
			t.Cleanup(func() { dropTables(t, os.Getenv(env), prefix) })
			db, err := open.DB(os.Getenv(env))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			exec := func(args ...string) {
				t.Helper()
				for sql := range strings.SplitSeq(g.ok("", append([]string{"migrate", "sql", "--dialect", dialect}, args...)...), ";\n") {
					if strings.TrimSpace(sql) == "" {
						continue
					}
					if _, err := db.DB.Exec(sql); err != nil {
						t.Fatalf("%v\n%s", err, sql)
					}
				}
			}
			exec()
			g.ok("", "migrate", "up")
			var d diagnosisJSON
			_, out, _ := g.run("", "doctor", "--json")
			if err := json.Unmarshal([]byte(out), &d); err != nil {
				t.Fatal(err)
			}
			for _, f := range d.Findings {
				if f.Check == "schema" && f.Level != "ok" {
					t.Errorf("found %+v", f)
				}
			}
			exec("--down")
			g.fails(exitFailed, prefix+"users", "", "user", "list")
		})
	}
}
