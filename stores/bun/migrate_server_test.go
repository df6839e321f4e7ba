package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/health"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// whole wants every migration applied, and its tables and indexes there.
func whole(t *testing.T, s *bunstore.Store) {
	t.Helper()
	list := s.Check(t.Context(), time.Now())
	for _, check := range []string{"migrations", "schema"} {
		if level, detail := found(list, check); level != health.OK {
			t.Errorf("%s: %v, %s", check, level, detail)
		}
	}
}

// anyDatabase runs f with a way to open databases that are not migrated, which
// has the same database each time, for each kind.
func anyDatabase(t *testing.T, f func(t *testing.T, open func(opts bunstore.Options) *bunstore.Store)) {
	t.Run("SQLite", func(t *testing.T) {
		dsn := newFile(t)
		f(t, func(opts bunstore.Options) *bunstore.Store {
			db, err := open.DB(dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			s, err := bunstore.New(db, &opts)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		})
	})
	everyServer(t, func(t *testing.T, v server) {
		prefix := v.prefix(t)
		f(t, func(opts bunstore.Options) *bunstore.Store {
			opts.Prefix = prefix
			s, err := bunstore.New(v.db(t, ""), &opts)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		})
	})
}

// must stops the test at the first error.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func raw(t *testing.T, s *bunstore.Store, q string, args ...any) {
	t.Helper()
	_, err := s.DB(t.Context()).NewRaw(s.Named(q), args...).Exec(t.Context())
	must(t, err)
}

func TestTenMigrateAtOnce(t *testing.T) {
	anyDatabase(t, func(t *testing.T, open func(bunstore.Options) *bunstore.Store) {
		var wg sync.WaitGroup
		for i := range 10 {
			s := open(bunstore.Options{NoPrepare: i%2 == 0})
			wg.Go(func() {
				if err := s.Migrate(context.Background()); err != nil {
					t.Errorf("instance %d: %v", i, err)
				}
				if _, err := s.UserSessions(context.Background(), "u"); err != nil {
					t.Errorf("instance %d after Migrate: %v", i, err)
				}
			})
		}
		wg.Wait()
		s := open(bunstore.Options{})
		whole(t, s)
		everyVerb(t, s)
	})
}

// TestTenMigrateSnapshot has the host's transactions see what was there
// when they began: not so those of Migrate, which wait for one another.
func TestTenMigrateSnapshot(t *testing.T) {
	v := servers[0]
	prefix := v.prefix(t)
	var wg sync.WaitGroup
	for range 10 {
		db := v.db(t, "default_transaction_isolation=repeatable%20read")
		wg.Go(func() {
			s, err := bunstore.New(db, &bunstore.Options{Prefix: prefix})
			if err == nil {
				err = s.Migrate(context.Background())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	whole(t, v.store(t, "", bunstore.Options{Prefix: prefix}))
}

// TestUpAndDownAtOnce has instances of which some undo and some do: whatever
// comes last, the schema is whole or not there.
func TestUpAndDownAtOnce(t *testing.T) {
	anyDatabase(t, func(t *testing.T, open func(bunstore.Options) *bunstore.Store) {
		var wg sync.WaitGroup
		for i := range 6 {
			s := open(bunstore.Options{})
			wg.Go(func() {
				do := s.Migrate
				if i%2 == 0 {
					do = func(ctx context.Context) error { return s.MigrateDown(ctx, 1+i) }
				}
				if err := do(context.Background()); err != nil {
					t.Errorf("instance %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		s := open(bunstore.Options{})
		must(t, s.Migrate(t.Context()))
		whole(t, s)
		everyVerb(t, s)
	})
}

// TestMigrateFromTheMiddle has done the first statements, and nothing else, as
// a process that was killed leaves it where each is committed by itself.
func TestMigrateFromTheMiddle(t *testing.T) {
	for k := 1; ; k++ {
		more := false
		anyDatabase(t, func(t *testing.T, open func(bunstore.Options) *bunstore.Store) {
			s := open(bunstore.Options{})
			n := 0
			for _, m := range s.Migrations() {
				for _, q := range m.SQL {
					if n++; n <= k {
						raw(t, s, q)
					}
				}
			}
			more = more || n > k
			must(t, s.Migrate(t.Context()))
			whole(t, s)
			everyVerb(t, s)
		})
		if !more {
			return
		}
	}
}

// TestKilledInTheMiddle kills a process that is in the middle of migrating:
// another keeps it waiting at its third table. What it had locked is free, and
// the next migrates.
func TestKilledInTheMiddle(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		ctx := t.Context()
		s, err := bunstore.New(v.db(t, ""), &bunstore.Options{Prefix: v.prefix(t)})
		must(t, err)
		defer s.Close()
		conn, err := s.SQLDB().Conn(ctx)
		must(t, err)
		defer conn.Close()
		do := func(q string) {
			t.Helper()
			_, err := conn.ExecContext(ctx, s.Named(q))
			must(t, err)
		}
		waiting := `SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%{p}tickets%' AND wait_event_type = 'Lock'`
		free := "ROLLBACK"
		if s.Backend() == "mysql" {
			waiting = `SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%{p}tickets%' AND state LIKE 'Waiting for table%'`
			free = "UNLOCK TABLES"
			ddl := s.Migrations()[0].SQL
			i := slices.IndexFunc(ddl, func(q string) bool { return strings.Contains(q, "tickets") })
			do(ddl[i])
			do("LOCK TABLES {p}tickets WRITE")
		} else {
			do("BEGIN")
			do("CREATE TABLE {p}tickets (nobody INT)")
		}

		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+v.dsn(t, ""), prefixEnv+"="+s.Named("{p}"))
		cmd.Stderr = os.Stderr
		must(t, cmd.Start())
		for n := 0; n == 0; time.Sleep(10 * time.Millisecond) {
			must(t, s.SQLDB().QueryRowContext(ctx, s.Named(waiting)).Scan(&n))
		}
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		do(free)

		short, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		must(t, s.Migrate(short))
		whole(t, s)
		everyVerb(t, s)
	})
}

// TestMigrateWaitEnds has another keep the schema to itself until the context
// ends.
func TestMigrateWaitEnds(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		s, err := bunstore.New(v.db(t, ""), &bunstore.Options{Prefix: v.prefix(t)})
		must(t, err)
		defer s.Close()
		inside, leave := make(chan bool), make(chan bool)
		done := make(chan error)
		go func() {
			done <- s.MigrateAlone(context.Background(), func() { inside <- true; <-leave })
		}()
		<-inside
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := s.Migrate(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		close(leave)
		must(t, <-done)
		must(t, s.Migrate(t.Context()))
		whole(t, s)
	})
}

func applied(t *testing.T, s *bunstore.Store) (names []string) {
	t.Helper()
	list, err := s.MigrationStatus(t.Context())
	must(t, err)
	for _, m := range list {
		if !m.AppliedAt.IsZero() {
			names = append(names, m.Comment)
		}
	}
	return names
}

func TestMigrateDown(t *testing.T) {
	anyDatabase(t, func(t *testing.T, open func(bunstore.Options) *bunstore.Store) {
		ctx := t.Context()
		at := time.Date(2026, 3, 29, 1, 30, 0, 0, time.FixedZone("CET", 3600)) // an hour that some clocks have not
		s := open(bunstore.Options{Now: func() time.Time { return at }})
		if got := applied(t, s); len(got) != 0 {
			t.Errorf("before: %v", got)
		}
		must(t, s.MigrateDown(ctx, 1)) // nothing to undo
		must(t, s.Migrate(ctx))
		must(t, s.CreateSession(ctx, newSession(1, "u")))
		list, err := s.MigrationStatus(ctx)
		must(t, err)
		if len(list) != 4 || list[0].Comment != "store" || list[1].Comment != "users" || list[2].Comment != "roles" || list[3].Comment != "accounts" || len(list[0].SQL) == 0 || len(list[0].Down) == 0 {
			t.Fatalf("status: %+v", list)
		}
		for _, m := range list {
			if !m.AppliedAt.Equal(at) || m.AppliedAt.Location() != time.UTC {
				t.Errorf("%s: applied at %v, want %v", m.Name, m.AppliedAt, at.UTC())
			}
		}

		for _, steps := range []int{0, -1} {
			if err := s.MigrateDown(ctx, steps); err == nil {
				t.Errorf("%d steps: no error", steps)
			}
		}
		must(t, s.MigrateDown(ctx, 1))
		if got := applied(t, s); !slices.Equal(got, []string{"store", "users", "roles"}) {
			t.Errorf("one down: %v", got)
		}
		if list, err := s.UserSessions(ctx, "u"); len(list) != 1 || err != nil {
			t.Errorf("what an older step holds: %v, %v", list, err)
		}
		must(t, s.Migrate(ctx))
		whole(t, s)
		must(t, s.MigrateDown(ctx, 100))
		if got := applied(t, s); len(got) != 0 {
			t.Errorf("all down: %v", got)
		}
		if _, err := s.UserSessions(ctx, "u"); err == nil {
			t.Error("the tables are still there")
		}
		must(t, s.Migrate(ctx))
		if list, err := s.UserSessions(ctx, "u"); len(list) != 0 || err != nil {
			t.Errorf("sessions after down and up: %v, %v", list, err)
		}
		whole(t, s)
		everyVerb(t, s)

		// Undone half-way, where each statement is committed by itself.
		raw(t, s, "DELETE FROM {p}migrations WHERE name = ?", list[0].Name)
		raw(t, s, list[0].Down[0])
		must(t, s.Migrate(ctx))
		whole(t, s)

		// A newer release's are not for this one to undo.
		raw(t, s, "INSERT INTO {p}migrations (name, group_id, migrated_at) VALUES ('29990101000001', 9, ?)", stamp(s, at))
		if err := s.MigrateDown(ctx, 1); err == nil || !strings.Contains(err.Error(), "29990101000001") {
			t.Errorf("below a newer release: %v", err)
		}
		must(t, s.Migrate(ctx))
		whole := []string{list[0].Name, list[1].Name, list[2].Name, list[3].Name, "29990101000001"}
		status, err := s.MigrationStatus(ctx)
		must(t, err)
		for i, m := range status {
			if m.Name != whole[i] || m.AppliedAt.IsZero() {
				t.Errorf("status %d: %q at %v, want %q", i, m.Name, m.AppliedAt, whole[i])
			}
		}
	})
}

// TestMigrateFromReleases has the schema of an earlier release, with what its users
// left in it, and ten instances of this one that start at once.
func TestMigrateFromReleases(t *testing.T) {
	for _, release := range []struct {
		name  string
		steps int    // of today's, that it did not have
		table string // of the oldest of them
	}{{"without roles", 2, "role_grants"}, {"without outbox and audit", 1, "outbox"}} {
		anyDatabase(t, func(t *testing.T, open func(bunstore.Options) *bunstore.Store) {
			ctx := t.Context()
			old := open(bunstore.Options{})
			must(t, old.Migrate(ctx), old.MigrateDown(ctx, release.steps))
			id, err := old.Users().CreateUser(ctx, auth.Profile{Name: "Ada"})
			must(t, err, old.CreateSession(ctx, newSession(7, id)), old.ChangeCredentials(ctx, create("email", "kept@example.com", id)))
			if release.table == "role_grants" {
				isOutage(t, "roles before", third(old.Roles().Grants(ctx, id)))
				isOutage(t, "a grant before", old.Roles().Grant(ctx, bunstore.Grant{UserID: id, Role: "admin"}))
			}
			isOutage(t, "an entry before", old.Outbox().Enqueue(ctx, newEntry("1", id)))
			isOutage(t, "a record before", old.Audit().Append(ctx, newRecord("1", id)))
			wantFinding(t, old.Check(ctx, time.Now()), "schema", health.Fault, release.table)

			var wg sync.WaitGroup
			for range 10 {
				s := open(bunstore.Options{})
				wg.Go(func() {
					if err := s.Migrate(context.Background()); err != nil {
						t.Error(err)
					}
					if err := s.Roles().Grant(context.Background(), bunstore.Grant{UserID: id, Role: "admin"}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			whole(t, old)
			if list, _, err := old.Roles().Grants(ctx, id); len(list) != 1 || err != nil {
				t.Errorf("%s: grants %v, %v", release.name, list, err)
			}
			if _, err := old.LoadSession(ctx, newSession(7, "").ID); err != nil {
				t.Errorf("%s: a session from before: %v", release.name, err)
			}
			must(t, second(old.Users().LoadUser(ctx, id)), second(old.LoadCredential(ctx, "email", "kept@example.com")))
			everyVerb(t, old)
		})
	}
}

// TestMigrateAfterBuns goes on with what Bun's migrator has recorded, as in
// earlier releases, and whose lock a process has left.
func TestMigrateAfterBuns(t *testing.T) {
	anyDatabase(t, func(t *testing.T, open func(bunstore.Options) *bunstore.Store) {
		ctx := t.Context()
		s := open(bunstore.Options{})
		if s.Backend() == "mysql" {
			t.Skip("no earlier release had MySQL")
		}
		ms := migrate.NewMigrations()
		step := s.Migrations()[0]
		ms.Add(migrate.Migration{Name: step.Name, Comment: step.Comment, Up: func(ctx context.Context, m *migrate.Migrator, _ *migrate.Migration) error {
			for _, q := range step.SQL {
				if _, err := m.DB().NewRaw(q).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		}})
		migrator := migrate.NewMigrator(s.DB(ctx).(*bun.DB), ms, migrate.WithTableName(s.Named("{p}migrations")),
			migrate.WithLocksTableName(s.Named("{p}migration_locks")), migrate.WithMarkAppliedOnSuccess(true), migrate.WithUpsert(true))
		must(t, migrator.Init(ctx), migrator.Lock(ctx))
		_, err := migrator.Migrate(ctx)
		must(t, err)
		if got := applied(t, s); !slices.Equal(got, []string{"store"}) {
			t.Fatalf("before: %v", got)
		}
		must(t, s.Migrate(ctx))
		if got := applied(t, s); !slices.Equal(got, []string{"store", "users", "roles", "accounts"}) {
			t.Errorf("after: %v", got)
		}
		whole(t, s)
		must(t, s.MigrateDown(ctx, 4), s.Migrate(ctx))
		whole(t, s)
	})
}

// TestMigrateByTheHosts merges the steps into a migrator of the host's.
func TestMigrateByTheHosts(t *testing.T) {
	anyDatabase(t, func(t *testing.T, open func(bunstore.Options) *bunstore.Store) {
		ctx := t.Context()
		s := open(bunstore.Options{})
		ms := migrate.NewMigrations()
		for _, step := range s.Migrations() {
			run := func(list []string) func(context.Context, *migrate.Migrator, *migrate.Migration) error {
				return func(ctx context.Context, m *migrate.Migrator, _ *migrate.Migration) error {
					for _, q := range list {
						if _, err := m.DB().NewRaw(q).Exec(ctx); err != nil {
							return err
						}
					}
					return nil
				}
			}
			ms.Add(migrate.Migration{Name: step.Name, Comment: step.Comment, Up: run(step.SQL), Down: run(step.Down)})
		}
		migrator := migrate.NewMigrator(s.DB(ctx).(*bun.DB), ms, migrate.WithTableName(s.Named("{p}host_migrations")), migrate.WithLocksTableName(s.Named("{p}host_locks")))
		must(t, migrator.Init(ctx))
		_, err := migrator.Migrate(ctx)
		must(t, err)
		everyVerb(t, s)
		_, err = migrator.Rollback(ctx)
		must(t, err)
		must(t, s.Migrate(ctx))
		whole(t, s)
	})
}

// TestMigrationNames wants names that Bun's migrator and others can tell apart
// and sort, the same on every database, and statements without placeholders.
func TestMigrationNames(t *testing.T) {
	digits := regexp.MustCompile(`^[0-9]{14}$`)
	var first string
	anyDatabase(t, func(t *testing.T, open func(bunstore.Options) *bunstore.Store) {
		var names []string
		for _, m := range open(bunstore.Options{}).Migrations() {
			if !digits.MatchString(m.Name) || m.Comment == "" {
				t.Errorf("name %q, comment %q", m.Name, m.Comment)
			}
			names = append(names, m.Name+m.Comment)
			for _, q := range append(m.SQL, m.Down...) {
				if strings.ContainsAny(q, "?;{") {
					t.Errorf("a statement with a character that tools look for: %s", q)
				}
			}
		}
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("names: %v", names)
		}
		if first == "" {
			first = fmt.Sprint(names)
		}
		if got := fmt.Sprint(names); got != first {
			t.Errorf("got %s, want those of other databases, %s", got, first)
		}
	})
}
