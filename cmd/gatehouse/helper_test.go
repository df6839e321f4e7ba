package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// quick is a hasher that does not cost the tests a quarter of a second each. With the one
// of the tool itself, see TestProgram.
var quick = password.Bcrypt{Cost: 4, InsecureFast: true}

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
	return toolOn(t, "file:"+filepath.Join(t.TempDir(), "app.db"))
}

func toolOn(t *testing.T, dsn string) *tool {
	t.Setenv("COLUMNS", "")
	return &tool{t: t, ctx: t.Context(), env: map[string]string{"GATEHOUSE_DB": dsn}, log: new(strings.Builder)}
}

// migrated returns a tool for a database that has them.
func migrated(t *testing.T) *tool {
	t.Helper()
	g := newTool(t)
	g.ok("", "migrate", "up")
	return g
}

// onEach runs f on each database, and on one with the sessions in Redis. Tables
// and keys begin with a prefix of their own.
func onEach(t *testing.T, f func(t *testing.T, g *tool)) {
	for _, b := range []struct{ name, db, sessions string }{
		{"SQLite", "", ""},
		{"PostgreSQL", "GATEHOUSE_TEST_POSTGRES", ""},
		{"MySQL", "GATEHOUSE_TEST_MYSQL", ""},
		{"SQLite and Redis", "", "GATEHOUSE_TEST_REDIS"},
	} {
		t.Run(b.name, func(t *testing.T) {
			for _, name := range []string{b.db, b.sessions} {
				if name != "" && os.Getenv(name) == "" {
					t.Skip("server: set " + name)
				}
			}
			g := newTool(t)
			prefix := "t" + strings.ToLower(rand.Text()[:8])
			if b.db != "" {
				g.env["GATEHOUSE_DB"] = os.Getenv(b.db)
				g.flags = append(g.flags, "--prefix="+prefix+"_")
				t.Cleanup(func() { dropTables(t, g.env["GATEHOUSE_DB"], prefix+"_") })
			}
			if b.sessions != "" {
				g.env["GATEHOUSE_SESSIONS"] = os.Getenv(b.sessions)
				g.flags = append(g.flags, "--sessions-prefix="+prefix)
				t.Cleanup(func() { dropKeys(t, g.env["GATEHOUSE_SESSIONS"], prefix) })
			}
			g.ok("", "migrate", "up")
			f(t, g)
		})
	}
}

func dropTables(t *testing.T, dsn, prefix string) {
	t.Helper()
	db, err := open.DB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, name := range []string{"sessions", "credentials", "tickets", "counters", "users", "roles", "role_version", "role_grants", "outbox", "audit", "migrations"} {
		if _, err := db.NewDropTable().Table(prefix + name).IfExists().Exec(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func dropKeys(t *testing.T, url, prefix string) {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer c.Close()
	it := c.Scan(context.Background(), 0, prefix+":*", 1000).Iterator()
	for it.Next(context.Background()) {
		c.Del(context.Background(), it.Val())
	}
	if err := it.Err(); err != nil {
		t.Error(err)
	}
}

// flag returns the value of one of g.flags, or other.
func (g *tool) flag(name, other string) string {
	for _, f := range g.flags {
		if v, ok := strings.CutPrefix(f, name+"="); ok {
			return v
		}
	}
	return other
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
	a := &app{ctx: g.ctx, stdin: stdin, stdout: &out, stderr: &errs, hasher: quick}
	code = a.run(args, func(name string) string { return g.env[name] })
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

// site returns the site itself, on the same database. What it is made of can be changed.
func (g *tool) site(realm string, changes ...func(s *hostSite, o *auth.Options, p *auth.Parts)) *hostSite {
	g.t.Helper()
	db, err := open.DB(g.env["GATEHOUSE_DB"])
	if err != nil {
		g.t.Fatal(err)
	}
	store, err := bunstore.New(db, &bunstore.Options{Prefix: g.flag("--prefix", ""), CloseDB: true})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { store.Close() })
	s := &hostSite{t: g.t, db: store, passwords: password.New(&password.Options{Hasher: quick})}
	o := &auth.Options{Realm: realm, Providers: []auth.Provider{s.passwords}, Logger: slog.New(slog.DiscardHandler)}
	var parts auth.Parts
	if url := g.env["GATEHOUSE_SESSIONS"]; url != "" {
		r, err := redisstore.Open(url, &redisstore.Options{Prefix: g.flag("--sessions-prefix", "")})
		if err != nil {
			g.t.Fatal(err)
		}
		g.t.Cleanup(func() { r.Close() })
		parts = auth.Parts{Sessions: r, Tickets: r, Limiter: r}
	}
	for _, change := range changes {
		change(s, o, &parts)
	}
	all := auth.Store(store)
	if parts != (auth.Parts{}) {
		all = auth.Combine(store, parts)
	}
	s.Manager, err = auth.New(store.Users(), all, o)
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
