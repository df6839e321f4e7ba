package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// A tool runs the program as somebody would who has set their environment.
type tool struct {
	t     *testing.T
	ctx   context.Context
	env   map[string]string
	flags []string // of every command
	log   *strings.Builder
}

// newTool returns a tool for a database in a file that has no tables.
func newTool(t *testing.T) *tool {
	t.Helper()
	t.Setenv("COLUMNS", "")
	return &tool{t: t, ctx: t.Context(), env: map[string]string{"GATEHOUSE_DB": "file:" + filepath.Join(t.TempDir(), "app.db")}, log: new(strings.Builder)}
}

// migrated returns a tool for a database that has them.
func migrated(t *testing.T) *tool {
	t.Helper()
	g := newTool(t)
	g.ok("", "migrate", "up")
	return g
}

// run returns the exit code and what was printed.
func (g *tool) run(stdin string, args ...string) (code int, stdout, stderr string) {
	g.t.Helper()
	return g.read(strings.NewReader(stdin), args...)
}

func (g *tool) read(stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	g.t.Helper()
	var out, errs bytes.Buffer
	args = append(args[:len(args):len(args)], g.flags...)
	code = run(g.ctx, args, stdin, &out, &errs, func(name string) string { return g.env[name] })
	g.log.WriteString(out.String() + errs.String())
	return code, out.String(), errs.String()
}

// ok is run for what must succeed, and say nothing on standard error.
func (g *tool) ok(stdin string, args ...string) string {
	g.t.Helper()
	code, stdout, stderr := g.run(stdin, args...)
	if code != exitOK || stderr != "" {
		g.t.Fatalf("gatehouse %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// fails is run for what must end with that code and say this on standard error.
func (g *tool) fails(want int, say, stdin string, args ...string) {
	g.t.Helper()
	code, stdout, stderr := g.run(stdin, args...)
	if code != want || !strings.Contains(stderr, say) {
		g.t.Errorf("gatehouse %s: exit code %d, want %d, saying %q\n%s%s", strings.Join(args, " "), code, want, say, stdout, stderr)
	}
}

// parse is ok with --json, into v.
func (g *tool) parse(v any, stdin string, args ...string) {
	g.t.Helper()
	out := g.ok(stdin, append(args[:len(args):len(args)], "--json")...)
	dec := json.NewDecoder(strings.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		g.t.Fatalf("gatehouse %s --json: %v\n%s", strings.Join(args, " "), err, out)
	}
	if _, err := dec.Token(); err != io.EOF {
		g.t.Fatalf("gatehouse %s --json: more than one document\n%s", strings.Join(args, " "), out)
	}
}

// site returns the site itself, on the same database.
func (g *tool) site(realm string) *hostSite {
	g.t.Helper()
	db, err := open.DB(g.env["GATEHOUSE_DB"])
	if err != nil {
		g.t.Fatal(err)
	}
	prefix := "gatehouse_"
	for _, f := range g.flags {
		if p, ok := strings.CutPrefix(f, "--prefix="); ok {
			prefix = p
		}
	}
	store, err := bunstore.New(db, &bunstore.Options{Prefix: prefix, CloseDB: true})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { store.Close() })
	s := &hostSite{t: g.t, db: store, passwords: password.New(nil)}
	s.Manager, err = auth.New(store.Users(), s.on(), &auth.Options{
		Realm: realm, Providers: []auth.Provider{s.passwords}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// A hostSite is a site that the tool is used on.
type hostSite struct {
	*auth.Manager
	t         *testing.T
	db        *bunstore.Store
	passwords *password.Provider
}

func (s *hostSite) on() auth.Store { return s.db }

// login begins a session of the user, and returns it.
func (s *hostSite) login(userID string, n byte) *auth.Session {
	s.t.Helper()
	now := s.Now()
	sess := &auth.Session{ID: auth.SessionID{n, 1}, UserID: userID, AuthVersion: "0", Label: "Firefox on Linux",
		Proofs: []auth.Proof{{Method: "password", At: now}}, CreatedAt: now, SeenAt: now, EndsAt: now.Add(hour), ExpiresAt: now.Add(hour)}
	if err := s.Store().CreateSession(s.t.Context(), sess); err != nil {
		s.t.Fatal(err)
	}
	return sess
}

// sessions returns how many sessions the user has.
func (s *hostSite) sessions(userID string) int {
	s.t.Helper()
	all, err := s.Store().UserSessions(s.t.Context(), userID)
	if err != nil {
		s.t.Fatal(err)
	}
	return len(all)
}

// create creates a user with the tool.
func (g *tool) create(email string) person {
	g.t.Helper()
	var p person
	g.parse(&p, good, "user", "create", email, "--password-stdin")
	return p
}

const (
	good   = "correct horse battery staple\n"
	better = "seventeen purple elephants waltz\n"
)

// TestMain makes the program of the test binary, for tests that run it as one.
func TestMain(m *testing.M) {
	if os.Getenv("GATEHOUSE_TEST_CHILD") != "" {
		main()
	}
	os.Exit(m.Run())
}
