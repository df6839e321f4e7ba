package bunstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// A post is a row of a host's.
type post struct {
	bun.BaseModel `bun:"table:posts"`

	ID        int64 `bun:",pk"`
	Author    string
	Org       string
	Label     *string
	Level     *int64
	Published *bool
}

// AuthObject says what policies can know of p.
func (p post) AuthObject() auth.Object {
	o := auth.Object{Type: "post", ID: strconv.FormatInt(p.ID, 10), Tenant: p.Org, Owner: p.Author, Attrs: map[string]any{}}
	if p.Label != nil {
		o.Attrs["label"] = *p.Label
	}
	if p.Level != nil {
		o.Attrs["level"] = *p.Level
	}
	if p.Published != nil {
		o.Attrs["published"] = *p.Published
	}
	return o
}

var postColumns = bunstore.Columns{"id": "p.id", "owner": "p.author", "tenant": "p.org", "label": "p.label", "level": "p.level", "published": "p.published"}

// posts makes a table of random posts. Its columns take strings for one another
// where the database can.
func posts(t *testing.T, s *bunstore.Store, r *rand.Rand, n int) (table string, rows []post) {
	t.Helper()
	table = s.Named("{p}posts")
	switch s.Backend() {
	case "sqlite":
		raw(t, s, `CREATE TABLE {p}posts (id INTEGER PRIMARY KEY, author TEXT COLLATE NOCASE, org TEXT COLLATE RTRIM, label VARCHAR(300) COLLATE NOCASE, level INTEGER, published BOOLEAN)`)
	case "postgres":
		collation := s.Named("{p}ci")
		raw(t, s, `CREATE COLLATION `+collation+` (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`)
		t.Cleanup(func() {
			_, err := s.SQLDB().Exec("DROP COLLATION " + collation + " CASCADE")
			must(t, err)
		})
		raw(t, s, `CREATE TABLE {p}posts (id BIGINT PRIMARY KEY, author TEXT, org VARCHAR(300), label TEXT COLLATE `+collation+`, level INT, published BOOLEAN)`)
	case "mysql":
		raw(t, s, `CREATE TABLE {p}posts (id BIGINT PRIMARY KEY, author VARCHAR(300) COLLATE utf8mb4_general_ci, org VARBINARY(300), label VARCHAR(300) COLLATE utf8mb4_unicode_ci, level INT, published TINYINT(1)) CHARACTER SET utf8mb4`)
	}
	raw(t, s, `CREATE INDEX {p}posts_author ON {p}posts (author)`)
	for i := range n {
		p := post{ID: int64(i - 20), Author: pick(r, alike), Org: pick(r, alike)}
		if r.IntN(4) > 0 {
			p.Label = new(string)
			*p.Label = pick(r, alike)
		}
		if r.IntN(4) > 0 {
			p.Level = new(int64)
			*p.Level = r.Int64N(20) - 3
		}
		if r.IntN(4) > 0 {
			p.Published = new(bool)
			*p.Published = r.IntN(2) > 0
		}
		rows = append(rows, p)
	}
	_, err := s.DB(t.Context()).NewInsert().Model(&rows).ModelTableExpr(table).Exec(t.Context())
	must(t, err)
	return table, rows
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// randomCondition is malformed now and then.
func randomCondition(r *rand.Rand, backend string, depth int) policy.Condition {
	if depth < 4 && r.IntN(2) > 0 {
		c := policy.Condition{Op: pick(r, []policy.Op{policy.OpAnd, policy.OpOr, policy.OpOr})}
		for range 2 + r.IntN(3) {
			c.Of = append(c.Of, randomCondition(r, backend, depth+1))
		}
		return c
	}
	c := policy.Condition{Op: policy.OpIn, Field: pick(r, []string{"id", "owner", "tenant", "label", "level", "published"})}
	for range r.IntN(8) {
		var v any
		switch c.Field {
		case "id":
			v = pick(r, []any{strconv.Itoa(r.IntN(60) - 20), strconv.Itoa(r.IntN(60) - 20), "017", "+17", " 17", "17 ", "-0", "00", int64(17), true})
			if s, ok := v.(string); ok && backend != "postgres" && r.IntN(3) == 0 {
				v = s + pick(r, []string{"abc", ".0", "e0", "\x00", "", "'", `\`})
			}
		case "level":
			v = pick(r, []any{r.Int64N(20) - 3, r.Int64N(20) - 3, int64(math.MaxInt64), int64(math.MinInt64)})
		case "published":
			v = r.IntN(2) > 0
		default:
			v = pick(r, alike)
			if r.IntN(10) == 0 {
				v = pick(r, []any{"\x00", "ada\x00", "\xff", "ada\xff"})
			}
		}
		c.Values = append(c.Values, v)
	}
	switch r.IntN(20) {
	case 0:
		return policy.All()
	case 1:
		return policy.None()
	case 2:
		return policy.Condition{Op: pick(r, []policy.Op{-1, 5, 99, policy.OpAnd, policy.OpOr, policy.OpIn}), Field: "id"}
	}
	return c
}

// TestWhereSelectsWhatMatches compares what a WHERE selects with what the condition
// matches.
func TestWhereSelectsWhatMatches(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) { selectsWhatMatches(t, s, s.DB(t.Context())) })
}

// TestWhereSettings has connections of settings that change what a text means.
func TestWhereSettings(t *testing.T) {
	for _, c := range []struct {
		v      server
		params string
	}{
		{servers[0], "standard_conforming_strings=off"},
		{servers[0], "default_query_exec_mode=simple_protocol"},
		{servers[1], "sql_mode=%27ANSI,NO_BACKSLASH_ESCAPES%27&interpolateParams=true"},
		{servers[1], "sql_mode=%27%27&charset=latin1&clientFoundRows=true"},
		{servers[1], "sql_mode=%27PAD_CHAR_TO_FULL_LENGTH,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE%27"},
	} {
		t.Run(c.v.name+" "+c.params, func(t *testing.T) {
			s := c.v.store(t, "", bunstore.Options{})
			selectsWhatMatches(t, s, c.v.db(t, c.params))
		})
	}
}

// selectsWhatMatches makes rows through s and selects through db.
func selectsWhatMatches(t *testing.T, s *bunstore.Store, db bun.IDB) {
	t.Helper()
	ctx := t.Context()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	table, rows := posts(t, s, r, 60)
	some := 0
	for i := range 400 {
		c := randomCondition(r, s.Backend(), 0)
		var want, got []int64
		for _, p := range rows {
			if c.Matches(p.AuthObject()) {
				want = append(want, p.ID)
			}
		}
		if len(want) > 0 && len(want) < len(rows) {
			some++
		}
		// Beside other conditions, of which one is an OR.
		other := func(p post) bool { return true }
		q := db.NewSelect().TableExpr("? AS p", bun.Ident(table)).Column("p.id").OrderExpr("p.id")
		if i%2 == 0 {
			q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("p.id < ?", 10).WhereOr("p.id > ?", 30) })
			other = func(p post) bool { return p.ID < 10 || p.ID > 30 }
		}
		q = q.ApplyQueryBuilder(bunstore.Where(c, postColumns)).Where("p.id <> ?", 5)
		if err := q.Scan(ctx, &got); err != nil {
			t.Fatalf("seed %d: %v\n%+v\n%s", seed, err, c, q)
		}
		want = slices.DeleteFunc(want, func(id int64) bool {
			return id == 5 || !other(rows[slices.IndexFunc(rows, func(p post) bool { return p.ID == id })])
		})
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n got %v\nwant %v\n%+v\n%s", seed, got, want, c, q)
		}
	}
	if some < 50 {
		t.Errorf("seed %d: only %d conditions select some", seed, some)
	}
}

// TestWhereInUpdateAndDelete changes and deletes only what may be.
func TestWhereInUpdateAndDelete(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		table, _ := posts(t, s, rand.New(rand.NewPCG(1, 1)), 60)
		columns := bunstore.Columns{"id": "id"}
		count := func(where string) (n int) {
			t.Helper()
			must(t, s.DB(ctx).NewSelect().TableExpr(table).ColumnExpr("count(*)").Where(where).Scan(ctx, &n))
			return n
		}
		update := func(c policy.Condition) *bun.UpdateQuery {
			return s.DB(ctx).NewUpdate().TableExpr(table).Set("level = 99").ApplyQueryBuilder(bunstore.Where(c, columns))
		}
		remove := func(c policy.Condition) *bun.DeleteQuery {
			return s.DB(ctx).NewDelete().TableExpr(table).ApplyQueryBuilder(bunstore.Where(c, columns))
		}
		some := policy.In("id", "3", "4", "17")
		_, err := update(some).Where("id > ?", 3).Exec(ctx)
		if n := count("level = 99"); n != 2 || err != nil {
			t.Errorf("%d were changed, %v, want 2", n, err)
		}
		_, err = remove(some).Where("id > ?", 3).Exec(ctx)
		if n := count("1 = 1"); n != 58 || err != nil {
			t.Errorf("%d are left, %v, want 58", n, err)
		}
		for name, q := range map[string]interface {
			Exec(ctx context.Context, dest ...any) (sql.Result, error)
		}{
			"update none": update(policy.None()), "delete none": remove(policy.None()),
		} {
			res, err := q.Exec(ctx)
			must(t, err)
			if n, err := res.RowsAffected(); n != 0 || err != nil {
				t.Errorf("%s: %d rows, %v", name, n, err)
			}
		}
		for name, q := range map[string]interface {
			Exec(ctx context.Context, dest ...any) (sql.Result, error)
		}{
			"update all without WHERE": update(policy.All()), "delete all without WHERE": remove(policy.All()),
			"unknown field, update": update(policy.Equal("owner", "u")), "unknown field, delete": remove(policy.Or(some, policy.Equal("owner", "u"))).Where("1 = 1"),
			"or, update": update(some).WhereOr("1 = 1"), "or, delete": remove(some).WhereOr("1 = 1"),
		} {
			if _, err := q.Exec(ctx); err == nil {
				t.Errorf("%s: no error: %s", name, q)
			}
		}
		if n := count("level = 99"); n != 0 { // those that were are deleted
			t.Errorf("%d were changed", n)
		}
		if n := count("1 = 1"); n != 58 {
			t.Errorf("%d are left, want 58", n)
		}
		if _, err := remove(policy.All()).Where("id = ?", 0).Exec(ctx); err != nil || count("1 = 1") != 57 {
			t.Errorf("delete one of all: %d are left, %v", count("1 = 1"), err)
		}
	})
}

// unreachable is a database of the backend that cannot be reached.
func unreachable(backend string) *bun.DB {
	var d bunschema.Dialect
	switch backend {
	case "sqlite":
		d = sqlitedialect.New()
	case "postgres":
		d = pgdialect.New()
	case "mysql":
		d = renamed{mysqldialect.New(), dialect.MySQL}
	default:
		d = renamed{sqlitedialect.New(), dialect.MSSQL}
	}
	return bun.NewDB(sql.OpenDB(nowhere{}), d)
}

func TestWhereText(t *testing.T) {
	in, or, and := policy.In[any], policy.Or, policy.And
	for _, c := range []struct {
		name                    string
		c                       policy.Condition
		sqlite, postgres, mysql string
	}{
		{"none", policy.None(), `1 = 0`, `1 = 0`, `1 = 0`},
		{"all", policy.All(), `1 = 1`, `1 = 1`, `1 = 1`},
		{"one", in("owner", "u"), "(`p`.`author_id` = 'u' AND CAST(`p`.`author_id` AS TEXT) COLLATE BINARY = 'u')",
			`("p"."author_id" = 'u' AND CAST("p"."author_id" AS TEXT) COLLATE "C" = 'u')`,
			"(`p`.`author_id` = 'u' AND CAST(`p`.`author_id` AS BINARY) = X'75')"},
		{"hostile", in("id", `'\`, "ä"), "(`id` IN ('''\\', 'ä') AND CAST(`id` AS TEXT) COLLATE BINARY IN ('''\\', 'ä'))",
			`("id" IN (E'''\\', 'ä') AND CAST("id" AS TEXT) COLLATE "C" IN (E'''\\', 'ä'))`,
			"(`id` IN (_utf8mb4 X'275c', _utf8mb4 X'c3a4') AND CAST(`id` AS BINARY) IN (X'275c', X'c3a4'))"},
		{"numbers", in("n", int64(17), int64(-3)), "(`n` IN (17, -3) AND typeof(`n`) = 'integer')", `"n" IN (17, -3)`,
			"(`n` IN (17, -3) AND CAST(`n` AS BINARY) IN (X'3137', X'2d33'))"},
		{"bools", in("n", true), "(`n` = 1 AND typeof(`n`) = 'integer')", `"n" = TRUE`, "(`n` = 1 AND CAST(`n` AS BINARY) = X'31')"},
		{"both bools", in("n", true, false, true), "(`n` IN (0, 1) AND typeof(`n`) = 'integer')", `"n" IN (FALSE, TRUE)`, "(`n` IN (0, 1) AND CAST(`n` AS BINARY) IN (X'30', X'31'))"},
		{"mixed", in("n", int64(1), true), "((`n` = 1 AND typeof(`n`) = 'integer') OR (`n` = 1 AND typeof(`n`) = 'integer'))", `("n" = 1 OR "n" = TRUE)`,
			"((`n` = 1 AND CAST(`n` AS BINARY) = X'31') OR (`n` = 1 AND CAST(`n` AS BINARY) = X'31'))"},
		{"tree", or(in("n", int64(1)), and(in("n", int64(2)), in("n", int64(3)))), "", `("n" = 1 OR ("n" = 2 AND "n" = 3))`, ""},
		{"a name with a quote", in("q", int64(1)), "(`a``\"b` = 1 AND typeof(`a``\"b`) = 'integer')", "\"a`\"\"b\" = 1", "(`a``\"b` = 1 AND CAST(`a``\"b` AS BINARY) = X'31')"},

		{"no values", policy.Condition{Op: policy.OpIn, Field: "n"}, `1 = 0`, `1 = 0`, `1 = 0`},
		{"values that no ID has", in("id", int64(1), true), `1 = 0`, `1 = 0`, `1 = 0`},
		{"values that no text is", in("n", "a\x00", "\xff"), `1 = 0`, `1 = 0`, `1 = 0`},
		{"unknown op", policy.Condition{Op: 77, Field: "n", Values: []any{"a"}}, `1 = 0`, `1 = 0`, `1 = 0`},
		{"negative op", policy.Condition{Op: -1}, `1 = 0`, `1 = 0`, `1 = 0`},
		{"and of none", policy.Condition{Op: policy.OpAnd}, `1 = 0`, `1 = 0`, `1 = 0`},
		{"and of one", policy.Condition{Op: policy.OpAnd, Of: []policy.Condition{policy.All()}}, `1 = 0`, `1 = 0`, `1 = 0`},
		{"or of one", policy.Condition{Op: policy.OpOr, Of: []policy.Condition{policy.All()}}, `1 = 0`, `1 = 0`, `1 = 0`},
		{"malformed in and", policy.Condition{Op: policy.OpAnd, Of: []policy.Condition{policy.All(), {Op: policy.OpIn, Field: "n"}}}, `1 = 0`, `1 = 0`, `1 = 0`},
		{"malformed in or", policy.Condition{Op: policy.OpOr, Of: []policy.Condition{in("n", int64(1)), {Op: 9}, {Op: policy.OpOr}}}, "", `"n" = 1`, ""},
		{"all in or", policy.Condition{Op: policy.OpOr, Of: []policy.Condition{in("n", int64(1)), policy.All()}}, `1 = 1`, `1 = 1`, `1 = 1`},
		{"all in and", policy.Condition{Op: policy.OpAnd, Of: []policy.Condition{policy.All(), policy.All()}}, `1 = 1`, `1 = 1`, `1 = 1`},
	} {
		columns := bunstore.Columns{"owner": "p.author_id", "id": "id", "n": "n", "q": "a`\"b"}
		for backend, want := range map[string]string{"sqlite": c.sqlite, "postgres": c.postgres, "mysql": c.mysql} {
			if want == "" {
				continue
			}
			got := unreachable(backend).NewSelect().ColumnExpr("1").TableExpr("p").Where("x").ApplyQueryBuilder(bunstore.Where(c.c, columns)).String()
			if want := `SELECT 1 FROM p WHERE (x) AND (` + want + `)`; got != want {
				t.Errorf("%s, %s:\n got %s\nwant %s", c.name, backend, got, want)
			}
		}
	}
}

// TestWhereErrors wants no rows of what cannot be a WHERE, and an error.
func TestWhereErrors(t *testing.T) {
	deep := policy.Equal("id", "1")
	for range 20 {
		deep = policy.Condition{Op: policy.OpOr, Of: []policy.Condition{deep, policy.Equal("id", "2")}}
	}
	many := make([]string, 10_001)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	ok := policy.Equal("id", "1")
	table, err := open1(t)
	must(t, err)
	columns := bunstore.Columns{"id": "id", "empty": ""}
	for _, c := range []struct {
		name string
		c    policy.Condition
		want string
	}{
		{"unknown field", policy.Equal("author", "u"), `no column for the field "author"`},
		{"column without a name", policy.Equal("empty", "u"), `no column for the field "empty"`},
		{"unknown field beside all", policy.Condition{Op: policy.OpOr, Of: []policy.Condition{policy.All(), policy.Equal("author", "u")}}, `"author"`},
		{"unknown field beside none", policy.Condition{Op: policy.OpAnd, Of: []policy.Condition{policy.None(), policy.Equal("author", "u")}}, `"author"`},
		{"unknown field in what is malformed", policy.Condition{Op: policy.OpOr, Of: []policy.Condition{policy.Equal("author", "u")}}, `"author"`},
		{"both", policy.And(policy.Equal("x", "u"), policy.Equal("y", "u")), "\"x\"\nno column for the field \"y\""},
		{"int", policy.Condition{Op: policy.OpIn, Field: "id", Values: []any{1}}, "int; want"},
		{"nil", policy.Equal("id", nil), "nil"},
		{"bytes", policy.Equal("id", []byte("1")), "uint8"},
		{"float", policy.Or(ok, policy.Equal("id", 1.5)), "float64"},
		{"many", policy.In("id", many...), "10000"},
		{"many empty", policy.Condition{Op: policy.OpOr, Of: make([]policy.Condition, 1000)}, "over 1000"},
		{"deep", deep, "20 deep"},
	} {
		var ids []int64
		err := table.NewSelect().TableExpr("posts").Column("id").ApplyQueryBuilder(bunstore.Where(c.c, columns)).Scan(t.Context(), &ids)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "bunstore: where: ") || len(ids) > 0 {
			t.Errorf("%s: %v, %v, want %q", c.name, ids, err, c.want)
		}
		n, err := table.NewSelect().TableExpr("posts").ApplyQueryBuilder(bunstore.Where(c.c, columns)).Count(t.Context())
		if err == nil || n != 0 {
			t.Errorf("%s: counted %d, %v", c.name, n, err)
		}
	}
	// As large as it may be.
	var ids []int64
	for name, c := range map[string]policy.Condition{
		"values": policy.In("id", many[:10_000]...),
		"conditions": {Op: policy.OpOr, Of: slices.Collect(func(yield func(policy.Condition) bool) {
			for i := range 999 {
				if !yield(policy.Equal("id", fmt.Sprint(i))) {
					return
				}
			}
		})},
	} {
		ids = nil
		err = table.NewSelect().TableExpr("posts").Column("id").ApplyQueryBuilder(bunstore.Where(c, columns)).OrderExpr("id").Scan(t.Context(), &ids)
		if !slices.Equal(ids, []int64{1, 2, 3}) || err != nil {
			t.Errorf("%s: %v, %v", name, ids, err)
		}
	}
	// Not a name that is taken for a string.
	err = table.NewSelect().TableExpr("posts").Column("id").ApplyQueryBuilder(bunstore.Where(policy.Equal("owner", "autor"), bunstore.Columns{"owner": "autor"})).Scan(t.Context(), &ids)
	if err == nil {
		t.Errorf("a column that is not there: %v", ids)
	}
	if _, err := unreachable("").NewSelect().ApplyQueryBuilder(bunstore.Where(ok, columns)).Exec(t.Context()); err == nil || !strings.Contains(err.Error(), "not supported") {
		t.Errorf("another dialect: %v", err)
	}
	if _, err := bun.NewSelectQuery(nil).ApplyQueryBuilder(bunstore.Where(ok, columns)).AppendQuery(bunschema.NewNopQueryGen(), nil); err == nil {
		t.Error("no database: no error")
	}
}

func open1(t *testing.T) (*bun.DB, error) {
	s := newStore(t, newFile(t), nil)
	raw(t, s, "CREATE TABLE posts (id INTEGER PRIMARY KEY)")
	raw(t, s, "INSERT INTO posts VALUES (1), (2), (3), (20000)")
	return s.DB(t.Context()).(*bun.DB), nil
}

// TestWhereBesideOr wants an error where a WhereOr would let through what the condition
// does not, wherever it stands.
func TestWhereBesideOr(t *testing.T) {
	db, err := open1(t)
	must(t, err)
	w := bunstore.Where(policy.Equal("id", "1"), bunstore.Columns{"id": "id"})
	all := bunstore.Where(policy.All(), nil)
	none := bunstore.Where(policy.None(), nil)
	type sel = *bun.SelectQuery
	for _, c := range []struct {
		name string
		make func(q sel) sel
		ok   bool
	}{
		{"alone", func(q sel) sel { return q.ApplyQueryBuilder(w) }, true},
		{"twice", func(q sel) sel { return q.ApplyQueryBuilder(w).ApplyQueryBuilder(w) }, true},
		{"and", func(q sel) sel { return q.Where("id > 0").ApplyQueryBuilder(w).Where("id < 9") }, true},
		{"or before", func(q sel) sel { return q.Where("id = 2").WhereOr("id = 3").ApplyQueryBuilder(w) }, false},
		{"or after", func(q sel) sel { return q.ApplyQueryBuilder(w).WhereOr("id = 2") }, false},
		{"or far after", func(q sel) sel { return q.ApplyQueryBuilder(w).Where("id = 2").WhereOr("id = 3").Where("id = 4") }, false},
		{"or first, which is none", func(q sel) sel { return q.WhereOr("id > 0").ApplyQueryBuilder(w) }, true},
		{"all", func(q sel) sel { return q.ApplyQueryBuilder(all).WhereOr("id = 2") }, false},
		{"none", func(q sel) sel { return q.ApplyQueryBuilder(none).WhereOr("id = 2") }, false},
		{"or in a group before", func(q sel) sel {
			return q.WhereGroup(" AND ", func(q sel) sel { return q.Where("id = 1").WhereOr("id = 2") }).ApplyQueryBuilder(w)
		}, true},
		{"or in a group after", func(q sel) sel {
			return q.ApplyQueryBuilder(w).WhereGroup(" AND ", func(q sel) sel { return q.WhereOr("id = 1").WhereOr("id = 2") })
		}, true},
		{"a group that is ored", func(q sel) sel {
			return q.ApplyQueryBuilder(w).WhereGroup(" OR ", func(q sel) sel { return q.Where("id = 1").Where("id = 2") })
		}, false},
		{"in a group with or", func(q sel) sel {
			return q.WhereGroup(" AND ", func(q sel) sel { return q.Where("id = 3").WhereOr("id = 2").ApplyQueryBuilder(w) })
		}, false},
		{"in a group, or after", func(q sel) sel {
			return q.WhereGroup(" AND ", func(q sel) sel { return q.ApplyQueryBuilder(w).WhereOr("id = 2") }).Where("id > 0")
		}, false},
		{"in a group, or outside: it was asked for", func(q sel) sel {
			return q.WhereGroup(" AND ", func(q sel) sel { return q.ApplyQueryBuilder(w) }).Where("id = 1").WhereOr("id = 1")
		}, true},
		{"in a group of a group", func(q sel) sel {
			return q.WhereGroup(" AND ", func(q sel) sel {
				return q.Where("id = 2").WhereGroup(" OR ", func(q sel) sel { return q.Where("id = 1") }).ApplyQueryBuilder(w)
			})
		}, false},
	} {
		var ids []int64
		err := c.make(db.NewSelect().TableExpr("posts").Column("id")).OrderExpr("id").Scan(t.Context(), &ids)
		if c.ok && (err != nil || !slices.Equal(ids, []int64{1})) || !c.ok && (err == nil || len(ids) > 0) {
			t.Errorf("%s: %v, %v, want ok: %t", c.name, ids, err, c.ok)
		}
	}
}
