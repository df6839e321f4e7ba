package open_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

func pragma(t *testing.T, db bun.IDB, name string) string {
	t.Helper()
	var v string
	if err := db.NewRaw("PRAGMA "+name).Scan(context.Background(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDefaults(t *testing.T) {
	file := "file:" + filepath.Join(t.TempDir(), "app.db")
	for _, test := range []struct {
		name, dsn string
		want      string // journal, synchronous, busy timeout, foreign keys
	}{
		{"none given", file, "wal 2 10000 1"},
		{"another parameter", file + "?cache=private", "wal 2 10000 1"},
		{"pragmas", file + "?_pragma=synchronous(normal)&_pragma=BUSY_TIMEOUT=77&_pragma=foreign_keys(0)", "wal 1 77 0"},
		{"the driver's names", file + "?_sync=off&_timeout=78&_fk=off&_journal=wal", "wal 0 78 0"},
		{"memory", "file::memory:", "memory 2 10000 1"},
		{"named memory", "file:name?mode=memory&cache=shared", "memory 2 10000 1"},
		{"another journal", "file:" + filepath.Join(t.TempDir(), "old.db") + "?_pragma=journal_mode(delete)", "delete 2 10000 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db, err := open.DB(test.dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			got := strings.Join([]string{pragma(t, db, "journal_mode"), pragma(t, db, "synchronous"), pragma(t, db, "busy_timeout"), pragma(t, db, "foreign_keys")}, " ")
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	notDB := filepath.Join(dir, "text")
	if err := os.WriteFile(notDB, []byte(strings.Repeat("this is no database", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for dsn, want := range map[string]string{
		"":                                    `"file:"`,
		"app.db":                              `"file:"`,
		":memory:":                            `"file::memory:"`,
		"memory:":                             "stores/memory",
		"oracle://u:hunter2@host/db":          `"oracle" is not supported; want "file:"`,
		"mysql:u:hunter2@/db":                 `want "mysql://user:password@host:port/database"`,
		"file:":                               "no path",
		"file:a#b.db":                         "%23",
		"file:?cache=shared":                  "no path",
		"file:x?a=%zz":                        "malformed",
		"file:" + dir + "/none/app.db":        "open: SQLite",
		"file:" + dir:                         "open: SQLite",
		"file:" + notDB:                       "open: SQLite",
		"file:" + dir + "/b?_txlock=nonsense": "_txlock",
	} {
		s, err := open.Open(dsn)
		if err == nil {
			s.Close()
			t.Errorf("%q is accepted", dsn)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %q, want it to say %q", dsn, err, want)
		}
	}
}

// TestCloseClosesTheDatabase finds no write-ahead log left: SQLite removes it
// with the last connection.
func TestCloseClosesTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	s, err := open.Open("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(path + "-wal"); !os.IsNotExist(err) {
		t.Errorf("the database is still open: %v", err)
	}
}

// TestManyWriters has sixteen goroutines write at once, on one store.
func TestManyWriters(t *testing.T) {
	for _, dsn := range []string{"file:" + filepath.Join(t.TempDir(), "app.db"), "file::memory:"} {
		s, err := open.Open(dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range byte(16) {
			wg.Go(func() {
				for j := range byte(20) {
					if err := s.CreateSession(t.Context(), &auth.Session{ID: auth.SessionID{i, j, 1}, UserID: "u"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if list, err := s.UserSessions(t.Context(), "u"); len(list) != 16*20 || err != nil {
			t.Errorf("%s: got %d sessions, %v", dsn, len(list), err)
		}
	}
}
