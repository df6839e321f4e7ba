package bunstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth/policy"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// TestWhereUsesAnIndex asks each database how it would find rows of the types that
// columns have, of which there are many.
func TestWhereUsesAnIndex(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		columns := map[string]string{
			"sqlite":   "id INTEGER PRIMARY KEY, text TEXT, nocase VARCHAR(100) COLLATE BINARY",
			"postgres": "id BIGINT PRIMARY KEY, text TEXT, nocase VARCHAR(100), uuid UUID",
			"mysql":    "id BIGINT PRIMARY KEY, text VARBINARY(100), nocase VARCHAR(100) COLLATE utf8mb4_general_ci, ascii VARCHAR(100) CHARACTER SET ascii",
		}[s.Backend()]
		raw(t, s, "CREATE TABLE {p}posts ("+columns+", filler VARCHAR(200))")
		fields := bunstore.Columns{}
		for column := range strings.SplitSeq(columns, ", ") {
			name, _, _ := strings.Cut(column, " ")
			fields[name] = name
			if name != "id" {
				raw(t, s, "CREATE INDEX {p}posts_"+name+" ON {p}posts ("+name+")")
			}
		}
		uuid := func(i int) string { return fmt.Sprintf("018f0000-0000-7000-8000-%012d", i) }
		type row struct {
			ID                                int64
			Text, Nocase, Ascii, UUID, Filler string
		}
		var rows []row
		for i := range 5000 {
			u := uuid(i)
			rows = append(rows, row{int64(i), u, u, u, u, strings.Repeat("x", 200)})
		}
		q := s.DB(ctx).NewInsert().Model(&rows).ModelTableExpr(s.Named("{p}posts")).Column("id", "filler")
		for name := range fields {
			if name != "id" {
				q.Column(name)
			}
		}
		_, err := q.Exec(ctx)
		must(t, err)
		analyze := "ANALYZE {p}posts"
		if s.Backend() == "mysql" {
			analyze = "ANALYZE TABLE {p}posts"
		}
		raw(t, s, analyze)

		for field := range fields {
			values := []string{uuid(3), uuid(17), uuid(4711)}
			if field == "id" {
				values = []string{"3", "17", "4711"}
			}
			for n := 1; n <= 3; n += 2 {
				q := s.DB(ctx).NewSelect().TableExpr("?", bun.Ident(s.Named("{p}posts"))).Column("filler").
					ApplyQueryBuilder(bunstore.Where(policy.In(field, values[:n]...), fields))
				var got []string
				if err := q.Scan(ctx, &got); err != nil || len(got) != n {
					t.Errorf("%s: %d rows, %v, want %d", field, len(got), err, n)
				}
				plan, bad := "", ""
				switch s.Backend() {
				case "postgres":
					plan, bad = postgresPlan(t, s.SQLDB(), q.String())
				case "mysql":
					plan, bad = mysqlPlan(t, s.SQLDB(), q.String())
				default:
					var rows []struct {
						ID, Parent, Notused int
						Detail              string
					}
					must(t, s.DB(ctx).NewRaw("EXPLAIN QUERY PLAN "+q.String()).Scan(ctx, &rows))
					plan = fmt.Sprint(rows)
					if !strings.Contains(plan, "SEARCH") {
						bad = "no search"
					}
				}
				if bad != "" {
					t.Errorf("%s: %s: %s\n%s", field, bad, q, plan)
				}
			}
		}
	})
}
