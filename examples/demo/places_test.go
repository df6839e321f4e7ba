package main

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// A place is somewhere that a demo can keep things. fresh returns an empty one, as
// newDemo takes it: what -db is, and behind a space what -sessions is, and behind
// another the prefix there.
type place struct {
	name  string
	fresh func(t testing.TB) string
}

// places are all there are. Swapping one for another is one flag.
var places = []place{
	{"file", file},
	{"memory", func(testing.TB) string { return "memory:" }},
	{"postgres", inPostgres},
	{"mysql", inMySQL},
	{"file and redis", func(t testing.TB) string { return file(t) + " " + inRedis(t) }},
	{"postgres and redis", func(t testing.TB) string { return inPostgres(t) + " " + inRedis(t) }},
}

// onEach runs f on an empty place of each sort.
func onEach(t *testing.T, f func(t *testing.T, db string)) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) { f(t, p.fresh(t)) })
	}
}

// server returns a DSN of the environment, or skips.
func server(t testing.TB, variable string) *url.URL {
	t.Helper()
	dsn := os.Getenv(variable)
	if dsn == "" {
		t.Skipf("server: set %s to the DSN of a server for tests", variable)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatalf("%s is not a URL", variable)
	}
	return u
}

// name is one that no other test has.
func name() string { return "demo_" + strings.ToLower(rand.Text()) }

// during executes SQL at once, and other SQL when the test is over.
func during(t testing.TB, dsn, before, after string) {
	t.Helper()
	for sql, run := range map[string]func(func()){before: func(f func()) { f() }, after: t.Cleanup} {
		run(func() {
			db, err := open.DB(dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(context.Background(), sql); err != nil {
				t.Error(err)
			}
		})
	}
}

// inPostgres returns a schema of its own.
func inPostgres(t testing.TB) string {
	t.Helper()
	u, schema := server(t, "GATEHOUSE_TEST_POSTGRES"), name()
	during(t, u.String(), "CREATE SCHEMA "+schema, "DROP SCHEMA "+schema+" CASCADE")
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// inMySQL returns a database of its own.
func inMySQL(t testing.TB) string {
	t.Helper()
	u, database := server(t, "GATEHOUSE_TEST_MYSQL"), name()
	during(t, u.String(), "CREATE DATABASE "+database, "DROP DATABASE "+database)
	u.Path = "/" + database
	return u.String()
}

// inRedis returns a prefix of its own.
func inRedis(t testing.TB) string {
	t.Helper()
	u, prefix := server(t, "GATEHOUSE_TEST_REDIS"), name()
	t.Cleanup(func() {
		o, err := redis.ParseURL(u.String())
		if err != nil {
			t.Fatal(err)
		}
		c, ctx := redis.NewClient(o), context.Background()
		defer c.Close()
		for keys := c.Scan(ctx, 0, prefix+"*", 1000).Iterator(); keys.Next(ctx); {
			if err := c.Unlink(ctx, keys.Val()).Err(); err != nil {
				t.Error(err)
			}
		}
	})
	return u.String() + " " + prefix
}
