package bunstore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun/migrate"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// schema returns the SQL of all tables and indexes, and the applied migrations.
func schema(t *testing.T, s *bunstore.Store) []string {
	t.Helper()
	ctx := t.Context()
	var list, applied []string
	if err := s.DB(ctx).NewRaw("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").Scan(ctx, &list); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(list, ""), "gatehouse_migrations") {
		return list // not even that
	}
	if err := s.DB(ctx).NewRaw("SELECT name FROM gatehouse_migrations ORDER BY name").Scan(ctx, &applied); err != nil {
		t.Fatal(err)
	}
	return append(list, applied...)
}

func TestMigrateTwice(t *testing.T) {
	s := newStore(t, newFile(t), nil)
	before := schema(t, s)
	if err := s.CreateSession(t.Context(), newSession(1, "u")); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := schema(t, s); !reflect.DeepEqual(before, after) {
		t.Errorf("a second Migrate changed the schema:\n%q\n%q", before, after)
	}
	if _, err := s.LoadSession(t.Context(), auth.SessionID{1, 1}); err != nil {
		t.Error(err)
	}
}

// TestMigrateByHand has the host's own tool run the exported SQL, twice, and
// Migrate afterwards.
func TestMigrateByHand(t *testing.T) {
	ctx := t.Context()
	s, err := open.Open(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		for _, m := range s.Migrations() {
			for _, q := range m.SQL {
				if _, err := s.DB(ctx).NewRaw(q).Exec(ctx); err != nil {
					t.Fatalf("%s %s: %v", m.Name, m.Comment, err)
				}
			}
		}
	}
	everyVerb(t, s)
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if want := schema(t, newStore(t, newFile(t), nil)); !reflect.DeepEqual(schema(t, s), want) {
		t.Errorf("the schema is not that of Migrate")
	}
}

// TestMigrateBesideTheHosts has a host that uses bun/migrate itself.
func TestMigrateBesideTheHosts(t *testing.T) {
	ctx := t.Context()
	db, err := open.DB(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ms := migrate.NewMigrations()
	ms.Add(migrate.Migration{Name: "20261122000001", Up: func(ctx context.Context, m *migrate.Migrator, _ *migrate.Migration) error {
		_, err := m.DB().NewRaw("CREATE TABLE users (id TEXT)").Exec(ctx)
		return err
	}})
	migrator := migrate.NewMigrator(db, ms)
	if err := migrator.Init(ctx); err != nil {
		t.Fatal(err)
	}
	s, err := bunstore.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if g, err := migrator.Migrate(ctx); err != nil || len(g.Migrations) != 1 {
		t.Errorf("the host's migration: got %v, %v", g, err)
	}
	everyVerb(t, s)
}

func TestMigrateInTx(t *testing.T) {
	s := newStore(t, newFile(t), nil)
	err := s.InTx(t.Context(), func(ctx context.Context) error { return s.Migrate(ctx) })
	if err == nil || !strings.Contains(err.Error(), "transaction") {
		t.Errorf("got %v, want an error that says why not", err)
	}
}

func TestNoUsers(t *testing.T) {
	s := newStore(t, newFile(t), &bunstore.Options{NoUsers: true})
	for _, q := range schema(t, s) {
		if strings.Contains(q, "users") {
			t.Errorf("there is a table of users: %s", q)
		}
	}
	if err := s.InTx(t.Context(), func(ctx context.Context) error { return s.CreateSession(ctx, newSession(1, "u")) }); err != nil {
		t.Error(err)
	}
}

// TestMigrateFails has the second statement of a migration fail, which leaves
// nothing of the first, and the next Migrate succeed.
func TestMigrateFails(t *testing.T) {
	ctx := t.Context()
	s, err := open.Open(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	exec := func(q string) {
		if _, err := s.DB(ctx).NewRaw(q).Exec(ctx); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE gatehouse_credentials (nonsense TEXT)")
	if err := s.Migrate(ctx); err == nil {
		t.Fatal("no error")
	}
	if list := schema(t, s); strings.Contains(strings.Join(list, ""), "gatehouse_sessions") {
		t.Errorf("half a migration is left: %q", list)
	}
	exec("DROP TABLE gatehouse_credentials")
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	everyVerb(t, s)
}

func TestMigrateAtOnce(t *testing.T) {
	want := schema(t, newStore(t, newFile(t), nil))
	for range 5 {
		dsn := newFile(t)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				s, err := open.Open(dsn)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if err := s.Migrate(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s := newStore(t, dsn, nil)
		if got := schema(t, s); !reflect.DeepEqual(got, want) {
			t.Errorf("ten at once made\n%q\nwant\n%q", got, want)
		}
		everyVerb(t, s)
	}
}

// childEnv makes the test binary open the database that it names and work
// until it is killed, with the prefix that the other names.
const (
	childEnv  = "BUNSTORE_TEST_CHILD"
	prefixEnv = "BUNSTORE_TEST_PREFIX"
)

func TestMain(m *testing.M) {
	dsn := os.Getenv(childEnv)
	if dsn == "" {
		os.Exit(m.Run())
	}
	if err := child(context.Background(), dsn); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child migrates and then changes two credentials at a time, and says what
// was acknowledged.
func child(ctx context.Context, dsn string) error {
	db, err := open.DB(dsn)
	if err != nil {
		return err
	}
	s, err := bunstore.New(db, &bunstore.Options{Prefix: os.Getenv(prefixEnv)})
	if err != nil {
		return err
	}
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	for i := 0; ; i++ {
		id := fmt.Sprint(os.Getpid(), "-", i)
		if err := s.ChangeCredentials(ctx, create("email", id, id), create("account", id, id)); err != nil {
			return err
		}
		fmt.Println(id)
	}
}

// TestKilled kills processes at random moments, from the first migration on.
// Nothing is half-made and nothing is lost that was acknowledged.
func TestKilled(t *testing.T) {
	dsn := "file:" + filepath.Join(t.TempDir(), "killed.db")
	acknowledged := killed(t, dsn, "gatehouse_")
	s := newStore(t, dsn, nil)
	if got, want := schema(t, s), schema(t, newStore(t, newFile(t), nil)); !reflect.DeepEqual(got, want) {
		t.Errorf("schema after kills: %q", got)
	}
	keptAll(t, s, acknowledged)
	everyVerb(t, s)
}

// TestServersKilled does the same with processes that are clients of a server.
func TestServersKilled(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		prefix := v.prefix(t)
		acknowledged := killed(t, v.dsn(t, ""), prefix)
		s := v.store(t, "", bunstore.Options{Prefix: prefix})
		whole(t, s)
		keptAll(t, s, acknowledged)
		everyVerb(t, s)
	})
}

// killed starts processes that work in the database and kills them at random
// moments. It returns what they were told is kept.
func killed(t *testing.T, dsn, prefix string) map[string]bool {
	t.Helper()
	acknowledged := map[string]bool{}
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+dsn, prefixEnv+"="+prefix)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		works, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			first := true
			for lines := bufio.NewScanner(out); lines.Scan(); first = false {
				acknowledged[lines.Text()] = true
				if first {
					close(works)
				}
			}
		}()
		// The first rounds hit the start and the migration, the others, on however slow a
		// machine, the work.
		if round > rounds/2 {
			select {
			case <-works:
			case <-done:
			case <-time.After(time.Minute):
			}
		}
		time.Sleep(time.Duration(rand.IntN(5+20*round)) * time.Millisecond)
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	}
	t.Logf("%d registrations were acknowledged", len(acknowledged))
	if len(acknowledged) == 0 {
		t.Error("the processes did nothing")
	}
	return acknowledged
}

// keptAll wants everything acknowledged to be there and nothing to be half-made.
func keptAll(t *testing.T, s *bunstore.Store, acknowledged map[string]bool) {
	t.Helper()
	for id := range acknowledged {
		if _, err := s.LoadCredential(t.Context(), "email", id); err != nil {
			t.Errorf("acknowledged and lost: %s: %v", id, err)
		}
	}
	var halves int
	err := s.DB(t.Context()).NewRaw(s.Named("SELECT count(*) FROM (SELECT user_id FROM {p}credentials GROUP BY user_id HAVING count(*) <> 2) x")).
		Scan(t.Context(), &halves)
	if halves != 0 || err != nil {
		t.Errorf("%d users are half-made, %v", halves, err)
	}
}
