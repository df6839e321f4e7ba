package bunstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/health"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// everyDatabase runs f as a subtest with a new store on each kind of database.
// params is for servers.
func everyDatabase(t *testing.T, f func(t *testing.T, s *bunstore.Store, prefix string)) {
	t.Run("SQLite", func(t *testing.T) { f(t, newStore(t, newFile(t), nil), "gatehouse_") })
	everyServer(t, func(t *testing.T, v server) {
		prefix := v.prefix(t)
		f(t, v.store(t, "", bunstore.Options{Prefix: prefix}), prefix)
	})
}

// found returns the levels and details of one check.
func found(list []health.Finding, check string) (level health.Level, detail string) {
	level = -1
	for _, f := range list {
		if f.Check == check {
			level = max(level, f.Level)
			detail += f.Detail + "\n"
		}
	}
	return level, detail
}

func wantFinding(t *testing.T, list []health.Finding, check string, level health.Level, detail string) {
	t.Helper()
	if got, text := found(list, check); got != level || !strings.Contains(text, detail) {
		t.Errorf("%s: got %v, %q, want %v, %q", check, got, text, level, detail)
	}
}

func TestCheck(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, prefix string) {
		ctx := t.Context()
		exec := func(q string, args ...any) {
			t.Helper()
			if _, err := s.DB(ctx).NewRaw(q, args...).Exec(ctx); err != nil {
				t.Fatal(err)
			}
		}
		list := s.Check(ctx, time.Now())
		for _, f := range list {
			// Tests turn them off, and so may whoever set up the server.
			if f.Level != health.OK && f.Check != "durability" && f.Check != "autovacuum" {
				t.Errorf("nothing is wrong, and got %+v", f)
			}
		}
		for _, check := range []string{"connection", "version", "migrations", "schema", "clock", "durability", "sweep"} {
			if level, _ := found(list, check); level < 0 {
				t.Errorf("%s was not looked at", check)
			}
		}

		for off, want := range map[time.Duration]health.Level{
			3 * time.Second: health.Warning, -3 * time.Second: health.Warning, time.Minute: health.Fault, -time.Minute: health.Fault,
		} {
			wantFinding(t, s.Check(ctx, time.Now().Add(off)), "clock", want, "apart")
		}

		// Expired an hour ago, then two days ago.
		now := time.Now()
		ss := newSession(1, "u")
		ss.ExpiresAt = now.Add(-time.Hour)
		if err := s.CreateSession(ctx, ss); err != nil {
			t.Fatal(err)
		}
		wantFinding(t, s.Check(ctx, now), "sweep", health.OK, "1 expired sessions wait")
		wantFinding(t, s.Check(ctx, now.Add(48*time.Hour)), "sweep", health.Warning, "1 expired sessions wait")

		if s.Backend() == "mysql" {
			exec("DROP INDEX ? ON ?", bun.Ident(prefix+"sessions_user"), bun.Ident(prefix+"sessions"))
		} else {
			exec("DROP INDEX ?", bun.Ident(prefix+"sessions_user"))
		}
		wantFinding(t, s.Check(ctx, now), "schema", health.Warning, prefix+"sessions_user is missing")
		if s.Backend() == "mysql" {
			exec("ALTER TABLE ? DROP KEY ?", bun.Ident(prefix+"tickets"), bun.Ident(prefix+"tickets_slot"))
		} else {
			exec("DROP INDEX ?", bun.Ident(prefix+"tickets_slot"))
		}
		wantFinding(t, s.Check(ctx, now), "schema", health.Fault, prefix+"tickets_slot is missing")
		exec("ALTER TABLE ? DROP COLUMN label", bun.Ident(prefix+"credentials"))
		wantFinding(t, s.Check(ctx, now), "schema", health.Fault, prefix+"credentials is not")

		exec("INSERT INTO ? (name, group_id, migrated_at) VALUES ('29990101000001', 9, ?)", bun.Ident(prefix+"migrations"), stamp(s, now))
		wantFinding(t, s.Check(ctx, now), "migrations", health.Warning, "newer release: 29990101000001")
		exec("DELETE FROM ?", bun.Ident(prefix+"migrations"))
		wantFinding(t, s.Check(ctx, now), "migrations", health.Warning, "not applied: 20261122000001 store")

		ended, cancel := context.WithCancel(ctx)
		cancel()
		if got := s.Check(ended, now); health.Worst(got) != health.Fault {
			t.Errorf("ended context: got %v", got)
		}
	})
}

// stamp is t as it is kept in the table of migrations.
func stamp(s *bunstore.Store, t time.Time) any {
	if s.Backend() == "mysql" {
		return t.UnixMilli()
	}
	return t.UTC()
}

// TestCheckChangesNothing checks before anything is there.
func TestCheckChangesNothing(t *testing.T) {
	check := func(t *testing.T, s *bunstore.Store) {
		for range 2 {
			list := s.Check(t.Context(), time.Now())
			wantFinding(t, list, "migrations", health.Warning, "not applied")
			wantFinding(t, list, "schema", health.Fault, "sessions")
		}
	}
	t.Run("SQLite", func(t *testing.T) {
		s, err := open.Open(newFile(t))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		check(t, s)
		if got := schema(t, s); len(got) != 0 {
			t.Errorf("there is %q", got)
		}
	})
	everyServer(t, func(t *testing.T, v server) {
		s, err := bunstore.New(v.db(t, ""), &bunstore.Options{Prefix: v.prefix(t)})
		if err != nil {
			t.Fatal(err)
		}
		check(t, s)
	})
}

// TestCheckSettings has connections with settings that break promises.
func TestCheckSettings(t *testing.T) {
	for _, c := range []struct {
		db, params, check string
		level             health.Level
		detail            string
	}{
		{"SQLite", "_pragma=synchronous(off)", "durability", health.Fault, "synchronous is off"},
		{"SQLite", "_pragma=synchronous(normal)", "durability", health.Warning, "synchronous is normal"},
		{"SQLite", "_pragma=synchronous(full)", "durability", health.OK, "every commit"},
		{"SQLite", "_pragma=journal_mode(delete)", "journal", health.Warning, "delete"},
		{"SQLite", "_pragma=journal_mode(memory)", "journal", health.Fault, "memory"},
		{"PostgreSQL", "synchronous_commit=off", "durability", health.Warning, "synchronous_commit is off"},
		{"PostgreSQL", "synchronous_commit=on", "durability", health.OK, ""},
		{"PostgreSQL", "default_transaction_isolation=serializable", "isolation", health.Warning, "serializable"},
		{"PostgreSQL", "default_transaction_read_only=on", "writable", health.Fault, "read_only: on"},
		{"MySQL", "sql_mode=%27%27", "sql_mode", health.Warning, `""`},
		{"MySQL", "autocommit=0", "autocommit", health.Fault, "OFF"},
		{"MySQL", "tx_isolation=%27READ-UNCOMMITTED%27", "isolation", health.Fault, "UNCOMMITTED"},
		{"MySQL", "tx_isolation=%27SERIALIZABLE%27", "isolation", health.Warning, "SERIALIZABLE"},
	} {
		t.Run(c.db+" "+c.params, func(t *testing.T) {
			var s *bunstore.Store
			if c.db == "SQLite" {
				dsn, _, _ := strings.Cut(newFile(t), "?")
				s = newStore(t, dsn+"?"+c.params, nil)
			} else {
				v := servers[slices.IndexFunc(servers, func(v server) bool { return v.name == c.db })]
				prefix := v.prefix(t)
				v.store(t, "", bunstore.Options{Prefix: prefix})
				var err error
				if s, err = bunstore.New(v.db(t, c.params), &bunstore.Options{Prefix: prefix}); err != nil {
					t.Fatal(err)
				}
			}
			list := s.Check(t.Context(), time.Now())
			if c.check == "durability" && c.level == health.OK && c.db != "SQLite" {
				return // that is for whoever set up the server
			}
			wantFinding(t, list, c.check, c.level, c.detail)
		})
	}
}

// TestCheckTables has a table made by someone who knew better.
func TestCheckTables(t *testing.T) {
	v := servers[1]
	s := v.store(t, "", bunstore.Options{Prefix: v.prefix(t)})
	ctx := t.Context()
	for _, q := range []string{"ALTER TABLE {p}counters ENGINE=Aria", "ALTER TABLE {p}users MODIFY id VARCHAR(100) CHARACTER SET utf8mb4"} {
		if _, err := s.DB(ctx).NewRaw(s.Named(q)).Exec(ctx); err != nil {
			t.Fatal(err)
		}
	}
	list := s.Check(ctx, time.Now())
	wantFinding(t, list, "engine", health.Fault, s.Named("{p}counters"))
	wantFinding(t, list, "collation", health.Fault, s.Named("{p}users.id"))
}

// TestCheckOutage has no server, and wants no password.
func TestCheckOutage(t *testing.T) {
	s := newStore(t, newFile(t), nil)
	_ = s.Close()
	list := s.Check(t.Context(), time.Now())
	wantFinding(t, list, "connection", health.Fault, "closed")
	if len(list) != 1 {
		t.Errorf("got %v, want what is wrong once", list)
	}
}

func TestListUsers(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, prefix string) {
		ctx, users := t.Context(), s.Users()
		var ids []string
		for i := range 12 {
			id, err := users.CreateUser(ctx, auth.Profile{Email: fmt.Sprintf("User%d@example.com", i), Name: "Änne " + string(rune('a'+i))})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		slices.Sort(ids) // within one millisecond they have no order
		pages := func(query string, limit int) (got []string, sizes []int) {
			for after := ""; ; {
				list, next, err := users.ListUsers(ctx, query, after, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range list {
					got = append(got, u.(*bunstore.User).ID)
				}
				sizes = append(sizes, len(list))
				if next == "" {
					return got, sizes
				}
				after = next
			}
		}
		for _, query := range []string{"", "USER", "example.COM", "äNNE"} {
			for limit, want := range map[int][]int{5: {5, 5, 2}, 12: {12}, 100: {12}, 6: {6, 6}} {
				if got, sizes := pages(query, limit); !slices.Equal(got, ids) || !slices.Equal(sizes, want) {
					t.Errorf("%q by %d: got %d users in pages of %v, want %v", query, limit, len(got), sizes, want)
				}
			}
		}
		if got, _ := pages("user1", 2); len(got) != 3 { // 1, 10, 11
			t.Errorf("user1: got %d, want 3", len(got))
		}
		if got, _ := pages(ids[3], 2); !slices.Equal(got, ids[3:4]) {
			t.Errorf("by ID: got %v", got)
		}
		for _, query := range []string{"nobody", "%", "_", ids[3][:20] + "x", "\x00"} {
			if got, _ := pages(query, 2); len(got) != 0 {
				t.Errorf("%q: got %d, want none", query, len(got))
			}
		}
		for _, limit := range []int{0, -1} {
			if list, next, err := users.ListUsers(ctx, "", "", limit); len(list) != 0 || next != "" || err != nil {
				t.Errorf("limit %d: got %v, %q, %v", limit, list, next, err)
			}
		}
	})
}

func TestDeleteAllSessions(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, prefix string) {
		ctx := t.Context()
		for i := range byte(7) {
			if err := s.CreateSession(ctx, newSession(i+1, fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.ChangeCredentials(ctx, create("k", "k", "u")); err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{0, 3, 3, 1, 0} {
			limit := 3
			if i == 0 {
				limit = 0
			}
			if n, err := s.DeleteAllSessions(ctx, limit); n != want || err != nil {
				t.Errorf("call %d: got %d, %v, want %d", i, n, err, want)
			}
		}
		for i := range byte(7) {
			if list, err := s.UserSessions(ctx, fmt.Sprint(i)); len(list) != 0 || err != nil {
				t.Errorf("user %d: got %d sessions, %v", i, len(list), err)
			}
		}
		if _, err := s.LoadCredential(ctx, "k", "k"); err != nil {
			t.Errorf("what is not a session: %v", err)
		}
	})
}
