package bunstore_test

import (
	"context"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// A server is a database server for tests.
type server struct {
	name, env string
	tables    string // the tables that begin with a prefix
}

var servers = []server{
	{"PostgreSQL", "GATEHOUSE_TEST_POSTGRES", `SELECT tablename FROM pg_tables WHERE tablename LIKE ?`},
	{"MySQL", "GATEHOUSE_TEST_MYSQL", `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE ?`},
}

// dsn returns the name of a database of v, or skips. params is added to it.
func (v server) dsn(t testing.TB, params string) string {
	t.Helper()
	dsn := os.Getenv(v.env)
	if dsn == "" {
		t.Skipf("server: set %s to the DSN of a database for tests", v.env)
	}
	if params == "" {
		return dsn
	}
	if strings.Contains(dsn, "?") {
		return dsn + "&" + params
	}
	return dsn + "?" + params
}

// db opens a database of v until the end of the test, or skips.
func (v server) db(t testing.TB, params string) *bun.DB {
	t.Helper()
	db, err := open.DB(v.dsn(t, params))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// prefix returns a prefix that nobody else has, and drops its tables at the
// end of the test.
func (v server) prefix(t testing.TB) string {
	prefix := "t_" + strings.ToLower(rand.Text()[:20]) + "_"
	v.dsn(t, "") // or skip
	t.Cleanup(func() {
		db, err := open.DB(v.dsn(t, ""))
		if err != nil {
			t.Error(err)
			return
		}
		defer db.Close()
		v.each(t, db, "DROP TABLE ?", prefix)
	})
	return prefix
}

// each runs query for each table that begins with the prefix.
func (v server) each(t testing.TB, db bun.IDB, query, prefix string, but ...string) {
	t.Helper()
	var tables []string
	if err := db.NewRaw(v.tables, strings.ReplaceAll(prefix, "_", `\_`)+"%").Scan(context.Background(), &tables); err != nil {
		t.Error(err)
	}
	for _, table := range tables {
		if slices.Contains(but, table) {
			continue
		}
		if _, err := db.NewRaw(query, bun.Ident(table)).Exec(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// store returns a store with its tables, under a prefix of its own unless opts
// has one.
func (v server) store(t testing.TB, params string, opts bunstore.Options) *bunstore.Store {
	t.Helper()
	if opts.Prefix == "" {
		opts.Prefix = v.prefix(t)
	}
	s, err := bunstore.New(v.db(t, params), &opts)
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

// emptied returns what makes an empty store for each test of a suite. Tables are emptied
// and used again, which takes a fraction of making them.
func (v server) emptied(t *testing.T, params string, opts bunstore.Options) func(t *testing.T) *bunstore.Store {
	var mu sync.Mutex
	var free []string
	take := func() string {
		mu.Lock()
		defer mu.Unlock()
		if len(free) == 0 {
			return ""
		}
		prefix := free[len(free)-1]
		free = free[:len(free)-1]
		return prefix
	}
	return func(test *testing.T) *bunstore.Store {
		o := opts
		if o.Prefix = take(); o.Prefix == "" {
			o.Prefix = v.prefix(t)
		}
		test.Cleanup(func() {
			mu.Lock()
			defer mu.Unlock()
			free = append(free, o.Prefix)
		})
		s := v.store(test, params, o)
		v.each(test, s.DB(test.Context()), "DELETE FROM ?", o.Prefix, o.Prefix+"migrations")
		if v.name == "MySQL" { // a row that a migration makes, by which those in transactions wait for one another
			must(test, second(s.SQLDB().ExecContext(test.Context(), s.Named("INSERT INTO {p}counters (counter_key, n) VALUES ('', 0)"))))
		}
		return s
	}
}

// everyServer runs f as a subtest for each.
func everyServer(t *testing.T, f func(t *testing.T, v server)) {
	for _, v := range servers {
		t.Run(v.name, func(t *testing.T) {
			v.dsn(t, "") // or skip
			f(t, v)
		})
	}
}

func TestServers(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		ways := []struct {
			name, params string
			opts         bunstore.Options
		}{
			{"prepared", "", bunstore.Options{}},
			{"NoPrepare", "", bunstore.Options{NoPrepare: true}},
		}
		if v.name == "MySQL" {
			ways = append(ways, struct {
				name, params string
				opts         bunstore.Options
			}{"found rows", "clientFoundRows=true", bunstore.Options{}})
		} else {
			for _, mode := range []string{"exec", "simple_protocol"} {
				ways = append(ways, struct {
					name, params string
					opts         bunstore.Options
				}{mode, "default_query_exec_mode=" + mode, bunstore.Options{NoPrepare: true}})
			}
		}
		for _, w := range ways {
			t.Run(w.name, func(t *testing.T) {
				store := v.emptied(t, w.params, w.opts)
				authtest.TestStore(t, func(t *testing.T) auth.Store { return store(t) })
			})
		}
		t.Run("users", func(t *testing.T) {
			s := v.store(t, "", bunstore.Options{})
			id, err := s.Users().CreateUser(t.Context(), auth.Profile{})
			if err != nil {
				t.Fatal(err)
			}
			authtest.TestUserLoader(t, s.Users(), id)
		})
	})
}
