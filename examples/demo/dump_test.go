package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// dumpFiles adds the bytes of a database's files.
func dumpFiles(t *testing.T, name string, dumps map[string][]byte) {
	t.Helper()
	files, err := filepath.Glob(name + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v; want one with a log beside it", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		dumps[filepath.Ext(f)] = b
	}
}

// dumpTables returns every value of every table.
func dumpTables(t *testing.T, place string) []byte {
	t.Helper()
	dsn := strings.Fields(place)[0]
	db, err := open.DB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	values := func(query string) (all [][]any) {
		t.Helper()
		rows, err := db.DB.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			row, at := make([]any, len(columns)), make([]any, len(columns))
			for i := range row {
				at[i] = &row[i]
			}
			if err := rows.Scan(at...); err != nil {
				t.Fatal(err)
			}
			all = append(all, row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	scheme, _, _ := strings.Cut(dsn, ":")
	tables := map[string]string{
		"file":     "SELECT name FROM sqlite_master WHERE type = 'table'",
		"postgres": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
		"mysql":    "SELECT table_name FROM information_schema.tables WHERE table_schema = database()",
	}[scheme]
	var b bytes.Buffer
	for _, table := range values(tables) {
		for _, row := range values(fmt.Sprintf("SELECT * FROM %s", table[0])) {
			for _, value := range row {
				fmt.Fprintf(&b, "%s: %s %x %v\n", table[0], value, value, value)
			}
		}
	}
	return b.Bytes()
}

// dumpKeys returns every key with a prefix, and all that it holds.
func dumpKeys(t *testing.T, url, prefix string) []byte {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c, ctx := redis.NewClient(o), t.Context()
	defer c.Close()
	var b bytes.Buffer
	keys := c.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		var value any
		switch sort := c.Type(ctx, key).Val(); sort {
		case "string":
			value = c.Get(ctx, key).Val()
		case "hash":
			value = c.HGetAll(ctx, key).Val()
		case "zset":
			value = c.ZRangeWithScores(ctx, key, 0, -1).Val()
		case "set":
			value = c.SMembers(ctx, key).Val()
		default:
			t.Fatalf("key %q is a %s, which this test does not know", key, sort)
		}
		fmt.Fprintf(&b, "%s: %v %x\n", key, value, value)
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
