package backends

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// SQLite returns an empty database in a file of its own.
func SQLite(t testing.TB) *Backend {
	dir := t.TempDir()
	// The names of subtests have a # in them, which SQLite takes for a fragment.
	path := strings.NewReplacer("%", "%25", "#", "%23", "?", "%3f").Replace(filepath.Join(dir, "test.db"))
	b := sqlBackend(t, "SQLite", "file:"+path+"?_pragma=synchronous(off)", "gatehouse_")
	b.dump = func(t testing.TB) []byte {
		// The file itself, and what is not in it yet: an attacker would look at both.
		var all []byte
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text...)
		}
		return all
	}
	return b
}

// sqlBackend keeps everything in the database of that name.
func sqlBackend(_ testing.TB, name, dsn, prefix string) *Backend {
	var migrate sync.Mutex
	migrated := false
	return &Backend{
		Name: name,
		open: func(t testing.TB) Instance {
			t.Helper()
			s := openSQL(t, dsn, prefix)
			migrate.Lock()
			defer migrate.Unlock()
			if !migrated {
				if err := s.Migrate(context.Background()); err != nil {
					t.Fatal(err)
				}
				migrated = true
			}
			return Instance{s, s.Users()}
		},
		dump: func(t testing.TB) []byte { return dumpSQL(t, dsn, prefix) },
	}
}

// openSQL opens a store, for as long as the test runs.
func openSQL(t testing.TB, dsn, prefix string) *bunstore.Store {
	t.Helper()
	db := openDB(t, dsn)
	s, err := bunstore.New(db, &bunstore.Options{Prefix: prefix, CloseDB: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Log(err) // its server may have been killed
		}
	})
	return s
}

func openDB(t testing.TB, dsn string) *bun.DB {
	t.Helper()
	db, err := open.DB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// tables returns the tables with that prefix.
func tables(ctx context.Context, db *bun.DB, dsn, prefix string) ([]string, error) {
	query := "SELECT name FROM sqlite_master WHERE type = 'table'"
	switch scheme, _, _ := strings.Cut(dsn, ":"); scheme {
	case "postgres":
		query = "SELECT tablename FROM pg_tables"
	case "mysql":
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = database()"
	}
	rows, err := db.DB.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, rows.Err()
}

func dumpSQL(t testing.TB, dsn, prefix string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db := openDB(t, dsn)
	defer db.Close()
	names, err := tables(ctx, db, dsn, prefix)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, name := range names {
		if err := dumpTable(ctx, &all, db, name); err != nil {
			t.Fatal(err)
		}
	}
	return all.Bytes()
}

func dumpTable(ctx context.Context, all *bytes.Buffer, db *bun.DB, name string) error {
	rows, err := db.DB.QueryContext(ctx, "SELECT * FROM "+name)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for _, v := range values {
			switch v := v.(type) {
			case []byte:
				all.Write(v)
			default:
				fmt.Fprint(all, v)
			}
			all.WriteString("\n")
		}
	}
	return rows.Err()
}

// removeSQL drops the tables with that prefix.
func removeSQL(t testing.TB, dsn, prefix string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db := openDB(t, dsn)
	defer db.Close()
	names, err := tables(ctx, db, dsn, prefix)
	if err != nil {
		t.Error(err)
	}
	for _, name := range names {
		if _, err := db.DB.ExecContext(ctx, "DROP TABLE "+name); err != nil {
			t.Error(err)
		}
	}
}
