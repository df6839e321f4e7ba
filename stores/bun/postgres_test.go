package bunstore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// postgresDB connects to the server for tests, or skips.
func postgresDB(t testing.TB) *sql.DB {
	t.Helper()
	dsn := os.Getenv("GATEHOUSE_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("server: set GATEHOUSE_TEST_POSTGRES to the DSN of a PostgreSQL database for tests")
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	return db
}

// postgresPrefix returns a prefix that nobody else has, and drops its tables at
// the end of the test.
func postgresPrefix(t testing.TB) string {
	prefix := "t_" + strings.ToLower(rand.Text()) + "_"
	t.Cleanup(func() {
		db := postgresDB(t)
		defer db.Close()
		rows, err := db.Query("SELECT tablename FROM pg_tables WHERE tablename LIKE $1", strings.ReplaceAll(prefix, "_", `\_`)+"%")
		if err != nil {
			t.Error(err)
			return
		}
		var tables []string
		for rows.Next() {
			var table string
			if err := rows.Scan(&table); err != nil {
				t.Error(err)
			}
			tables = append(tables, table)
		}
		rows.Close()
		for _, table := range tables {
			if _, err := db.Exec("DROP TABLE " + table); err != nil {
				t.Error(err)
			}
		}
	})
	return prefix
}

func newPostgres(t testing.TB, opts bunstore.Options) *bunstore.Store {
	t.Helper()
	opts.Prefix, opts.CloseDB = postgresPrefix(t), true
	s, err := bunstore.New(bun.NewDB(postgresDB(t), pgdialect.New()), &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPostgres(t *testing.T) {
	postgresDB(t).Close() // or skip
	for name, opts := range map[string]bunstore.Options{"prepared": {}, "NoPrepare": {NoPrepare: true}} {
		t.Run(name, func(t *testing.T) {
			authtest.TestStore(t, func(t *testing.T) auth.Store { return newPostgres(t, opts) })
		})
	}
	t.Run("users", func(t *testing.T) {
		s := newPostgres(t, bunstore.Options{})
		id, err := s.Users().CreateUser(t.Context(), auth.Profile{})
		if err != nil {
			t.Fatal(err)
		}
		authtest.TestUserLoader(t, s.Users(), id)
	})
}

func TestPostgresMigratesAtOnce(t *testing.T) {
	postgresDB(t).Close() // or skip
	prefix := postgresPrefix(t)
	var wg sync.WaitGroup
	errs := make([]error, 10)
	for i := range errs {
		db := postgresDB(t)
		wg.Go(func() {
			defer db.Close()
			s, err := bunstore.New(bun.NewDB(db, pgdialect.New()), &bunstore.Options{Prefix: prefix})
			if err == nil {
				err = s.Migrate(context.Background())
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Error(fmt.Errorf("instance %d: %w", i, err))
		}
	}
}
