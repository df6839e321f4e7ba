package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/health"
)

// TestUsage has command lines that are not right: nothing is done, standard
// output stays empty, and it is said where to read on.
func TestUsage(t *testing.T) {
	g := newTool(t)
	for name, tt := range map[string]struct {
		say  string
		args []string
	}{
		"no command":        {"Usage: gatehouse <command>", nil},
		"half a command":    {`"gatehouse user --help" says more`, []string{"user"}},
		"another command":   {"unexpected argument usr, did you mean \"user\"?", []string{"usr"}},
		"another flag":      {"unknown flag --colour", []string{"sweep", "--colour"}},
		"argument missing":  {`expected "<who>"`, []string{"user", "show"}},
		"argument too many": {"unexpected argument y", []string{"user", "show", "x", "y"}},
		"not a number":      {"--batch", []string{"sweep", "--batch", "many"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := g.run("", tt.args...)
			if code != exitUsage || out != "" || !strings.Contains(errs, tt.say) {
				t.Errorf("exit code %d, saying %q, %q", code, errs, out)
			}
		})
	}
	g.env = nil
	for _, args := range [][]string{{"doctor"}, {"sweep"}, {"migrate", "up"}, {"user", "list"}, {"user", "activity", "x"}, {"sessions", "list", "--user", "x"},
		{"role", "grant", "admin", "x"}, {"role", "list"}, {"role", "list", "x"}, {"role", "show", "admin"}} {
		g.fails(exitUsage, "GATEHOUSE_DB", "", args...)
	}
}

// TestFlagBeatsEnvironment names the database in both.
func TestFlagBeatsEnvironment(t *testing.T) {
	g := migrated(t)
	db := g.env["GATEHOUSE_DB"]
	g.env["GATEHOUSE_DB"] = "file:/nowhere/x.db"
	g.ok("", "user", "list", "--db", db)
	g.ok("", "--db", db, "user", "list")
	g.fails(exitFailed, "/nowhere/x.db", "", "user", "list")
}

// TestDSNIsSecret gives the names of databases that cannot be reached, and some
// that are none, with a password in them, in every way.
func TestDSNIsSecret(t *testing.T) {
	for name, dsn := range map[string]string{
		"postgres":        "postgres://site:hunter2@127.0.0.1:1/site?sslmode=disable",
		"in a parameter":  "postgres://127.0.0.1:1/site?user=site&password=hunter2&sslmode=disable",
		"mysql":           "mysql://site:hunter2@127.0.0.1:1/site",
		"escaped":         "postgres://site:hunter2%21%40@127.0.0.1:1/site?sslmode=disable",
		"malformed":       "postgres://site:hunter2%zz@127.0.0.1:1/site",
		"with a slash":    "postgres://site:hunter2/x@127.0.0.1:1/site",
		"with a ?":        "postgres://site:hunter2?x@127.0.0.1:1/site",
		"without slashes": "postgres:site:its hunter2@127.0.0.1:1/site",
		"another scheme":  "oracle://site:hunter2@127.0.0.1:1/site",
		"no scheme":       "site:hunter2@tcp(127.0.0.1:1)/site",
		"redis":           "redis://site:hunter2@127.0.0.1:1/0",
		"redis, alone":    "redis://:hunter2@127.0.0.1:1/0",
	} {
		t.Run(name, func(t *testing.T) {
			g := newTool(t)
			file := g.env["GATEHOUSE_DB"]
			env := "GATEHOUSE_DB"
			if strings.HasPrefix(dsn, "redis:") {
				env = "GATEHOUSE_SESSIONS"
			}
			g.ok("", "migrate", "up")
			flag := map[string]string{"GATEHOUSE_DB": "--db", "GATEHOUSE_SESSIONS": "--sessions"}[env]
			for _, args := range [][]string{
				{"doctor", flag, dsn}, {"doctor", flag + "=" + dsn, "--json"},
				{"sessions", "list", "--user", "x", flag, dsn},
				{"user", "list", flag, dsn, "extra"}, {"doctor", dsn}, {dsn}, {"--" + dsn}, {"doctor", flag, dsn, "--timeout", dsn},
			} {
				if code, _, _ := g.run("", args...); code == exitOK {
					t.Errorf("%s: exit code 0", args)
				}
			}
			g.env[env] = dsn
			if env == "GATEHOUSE_SESSIONS" {
				g.env["GATEHOUSE_DB"] = file
			}
			for _, args := range [][]string{{"doctor"}, {"sessions", "list", "--user", "x"}, {"sessions", "revoke", "--user", "x"}} {
				want := exitFailed
				if strings.Contains(name, "scheme") {
					want = exitUsage
				}
				if code, _, _ := g.run("", args...); code != want {
					t.Errorf("%s: exit code %d, want %d", args, code, want)
				}
			}
			if log := g.log.String(); strings.Contains(log, "hunter2") {
				t.Errorf("the password was printed:\n%s", log)
			}
		})
	}
}

func TestShown(t *testing.T) {
	for dsn, want := range map[string]string{
		"file:app.db?_pragma=busy_timeout(5)":           "file:app.db",
		"postgres://site:hunter2@db.example/site?x=y":   "postgres://db.example/site",
		"postgres://site:hun@ter2@db.example:5432/site": "postgres://db.example:5432/site",
		"redis://127.0.0.1:6379/0":                      "redis://127.0.0.1:6379/0",
		"postgres://site:hunter2?x@db.example/site":     "postgres://…",
		"postgres:site:hun ter2@db.example/site":        "postgres:…",
		"mysql:site:hunter2":                            "mysql:…",
	} {
		if got := shown(dsn); got != want {
			t.Errorf("shown(%q) = %q, want %q", dsn, got, want)
		}
	}
}

// TestExitOf tells the outcomes apart: what is broken is never refused or missing.
func TestExitOf(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("outside: %w", err) }
	for _, tt := range []struct {
		err  error
		want int
	}{
		{errors.New("anything"), exitFailed},
		{wrap(auth.ErrNotFound), exitNotFound},
		{wrap(auth.ErrExists), exitRefused},
		{wrap(auth.ErrConflict), exitRefused},
		{wrap(auth.ErrInvalid), exitRefused},
		{wrap(&auth.Problem{Status: 409, Code: "taken"}), exitRefused},
		{wrap(&auth.Problem{Status: 422, Err: auth.ErrNotFound}), exitRefused},
		{wrap(&auth.Problem{Status: 503, Code: "busy"}), exitFailed},
		{wrap(context.DeadlineExceeded), exitFailed},
		{wrap(usage("", "x")), exitUsage},
	} {
		if got := exitOf(t.Context(), tt.err); got != tt.want {
			t.Errorf("%v: exit code %d, want %d", tt.err, got, tt.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := exitOf(ended, wrap(context.Canceled)); got != exitInterrupted {
		t.Errorf("interrupted: exit code %d", got)
	}
}

// TestInterrupted runs commands whose context has ended before they began.
func TestInterrupted(t *testing.T) {
	g := migrated(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.ctx = ctx
	for _, args := range [][]string{
		{"migrate", "up"}, {"migrate", "status"}, {"sweep"}, {"doctor"}, {"user", "list"}, {"user", "disable", "x"},
		{"user", "create", "a@example.com", "--password-stdin"}, {"sessions", "list", "--user", "x"}, {"sessions", "revoke", "--all", "--yes"},
		{"role", "grant", "admin", "x"}, {"role", "revoke", "admin", "x"}, {"role", "list"}, {"role", "list", "x"}, {"role", "holders", "admin"},
		{"role", "set", "admin", "--permission", "*"}, {"role", "show", "admin"}, {"role", "delete", "admin", "--yes"},
	} {
		g.fails(exitInterrupted, "interrupted", good, args...)
	}
}

func TestVersion(t *testing.T) {
	g := newTool(t)
	var v struct {
		Version, Commit, Go, Platform string
		Modified                      bool
	}
	if g.parse(&v, "", "version"); v.Go != runtime.Version() || v.Version == "" || v.Platform != runtime.GOOS+"/"+runtime.GOARCH {
		t.Errorf("got %+v", v)
	}
	if got := g.ok("", "version"); !strings.HasPrefix(got, "gatehouse "+v.Version+", go") {
		t.Errorf("got %q", got)
	}
}

// TestFullDisk has a standard output that takes nothing.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here")
	}
	defer full.Close()
	g := newTool(t)
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"--help"}} {
		var errs strings.Builder
		if code := run(g.ctx, args, strings.NewReader(""), full, &errs, os.Getenv); code != exitFailed {
			t.Errorf("%v: exit code %d, saying %q", args, code, errs.String())
		}
	}
}

type diagnosisJSON struct {
	Level    string
	Findings []struct{ Store, Check, Level, Detail, Fix string }
}

// TestDoctor examines a database that is well, and one that has no tables.
func TestDoctor(t *testing.T) {
	g := newTool(t)
	code, out, _ := g.run("", "doctor")
	if code != exitFailed || !strings.HasPrefix(out, "fault    database, connection: ") {
		t.Errorf("without a file: exit code %d\n%s", code, out)
	}
	g.ok("", "migrate", "up", "--prefix", "other_")
	code, out, _ = g.run("", "doctor", "--json")
	var d diagnosisJSON
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	if code != exitFailed || d.Level != "fault" {
		t.Errorf("without tables: exit code %d, %+v", code, d)
	}
	g.ok("", "migrate", "up")
	d = diagnosisJSON{}
	if g.parse(&d, "", "doctor"); d.Level != "ok" || len(d.Findings) == 0 {
		t.Errorf("of what is well: %+v", d)
	}
	for _, f := range d.Findings {
		if f.Store != "database" || f.Check == "" || f.Level != "ok" || f.Detail == "" {
			t.Errorf("found %+v", f)
		}
	}
	if out := g.ok("", "doctor"); !strings.HasPrefix(out, "ok       database, ") {
		t.Errorf("of what is well:\n%s", out)
	}
}

// TestDoctorOnServers examines each, and does not fear what it finds of these:
// only that the code is that of the worst.
func TestDoctorOnServers(t *testing.T) {
	onEach(t, func(t *testing.T, g *tool) {
		code, out, errs := g.run("", "doctor", "--json")
		var d diagnosisJSON
		if err := json.Unmarshal([]byte(out), &d); err != nil {
			t.Fatalf("%v\n%s%s", err, out, errs)
		}
		stores := map[string]bool{}
		for _, f := range d.Findings {
			stores[f.Store] = true
		}
		want := map[string]int{"ok": exitOK, "warning": exitWarnings, "fault": exitFailed}[d.Level]
		if code != want || !stores["database"] || stores["sessions"] != (g.env["GATEHOUSE_SESSIONS"] != "") {
			t.Errorf("exit code %d, want %d\n%s", code, want, out)
		}
	})
}

// A patient is a store that has been examined.
type patient []health.Finding

func (p patient) Close() error                                      { return nil }
func (p patient) Check(context.Context, time.Time) []health.Finding { return p }

// TestDoctorCodes has findings of each level.
func TestDoctorCodes(t *testing.T) {
	for name, tt := range map[string]struct {
		levels []health.Level
		code   int
		open   error
	}{
		"well":        {[]health.Level{health.OK, health.OK}, exitOK, nil},
		"warnings":    {[]health.Level{health.OK, health.Warning, health.OK}, exitWarnings, nil},
		"faults":      {[]health.Level{health.Warning, health.Fault}, exitFailed, nil},
		"not looked":  {nil, exitFailed, nil},
		"not reached": {nil, exitFailed, errors.New("connect: p://u:hunter2@h: refused")},
	} {
		t.Run(name, func(t *testing.T) {
			var p patient
			for _, l := range tt.levels {
				p = append(p, health.Finding{Check: "c", Level: l, Detail: "is\x1b so"})
			}
			var out strings.Builder
			a := &app{ctx: t.Context(), stdout: &out, flags: &globals{}}
			err := a.diagnose(t.Context(), []place{{"database", func() (kept, error) { return p, tt.open }}})
			code := exitOK
			if err != nil {
				code = exitOf(t.Context(), err)
			}
			if code != tt.code || out.Len() == 0 || strings.ContainsAny(out.String(), "\x1b2") {
				t.Errorf("exit code %d, want %d\n%s", code, tt.code, out.String())
			}
		})
	}
}
