package bunstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// TestServersUseAnIndex asks PostgreSQL and MySQL how they would execute each
// statement, on tables with some rows and with statistics.
func TestServersUseAnIndex(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		ctx := t.Context()
		r := new(recorder)
		db := v.db(t, "")
		s, err := bunstore.New(db.WithQueryHook(r), &bunstore.Options{Prefix: v.prefix(t)})
		must(t, err)
		defer s.Close()
		must(t, s.Migrate(ctx))
		r.list = nil
		everyVerb(t, s)
		must(t, second(s.DeleteAllSessions(ctx, 10)))
		statements := s.Statements()
		for _, q := range r.list {
			switch verb, _, _ := strings.Cut(q, " "); verb {
			case "SELECT", "INSERT", "UPDATE", "DELETE":
				statements = append(statements, q)
			case "BEGIN", "COMMIT", "ROLLBACK":
			default:
				t.Errorf("a statement of a kind that this test does not know: %s", q)
			}
		}
		for _, want := range []string{"sessions", "credentials", "tickets", "counters", "audit"} {
			if !slices.ContainsFunc(statements, func(q string) bool {
				return strings.HasPrefix(q, "DELETE") && strings.Contains(q, want) && strings.Contains(q, "expires_at <= ")
			}) {
				t.Errorf("that sweeps %s was not seen; the list is not whole", want)
			}
		}

		const rows = 3000
		must(t, s.InTx(t.Context(), func(ctx context.Context) error {
			for i := range rows {
				user := fmt.Sprint("user ", i)
				ss := newSession(0, user)
				ss.ID = benchID(i)
				ss.ExpiresAt = day.Add(time.Duration(i) * time.Minute)
				c := credential("k", user, user)
				c.ExpiresAt = ss.ExpiresAt
				tk := auth.Ticket{Purpose: "p", Key: user, UserID: user, Slot: user, ExpiresAt: ss.ExpiresAt}
				if err := errors.Join(s.CreateSession(ctx, ss), s.ChangeCredentials(ctx, auth.Change{New: c}), s.PutTicket(ctx, tk),
					third(s.Count(ctx, user, time.Hour, ss.ExpiresAt)), second(s.Users().CreateUser(ctx, auth.Profile{Name: user})),
					s.Roles().Grant(ctx, bunstore.Grant{UserID: user, Role: fmt.Sprint(i % 10), Tenant: fmt.Sprint(i % 7)}),
					s.Outbox().Enqueue(ctx, inRealm(newEntry(user, user), ss.ExpiresAt)), s.Audit().Append(ctx, ofRealm(newRecord(user, user), ss.ExpiresAt))); err != nil {
					return err
				}
			}
			return nil
		}))
		for _, table := range []string{"sessions", "credentials", "tickets", "counters", "users", "role_grants", "outbox", "audit"} {
			analyze := "ANALYZE {p}" + table
			if v.name == "MySQL" {
				analyze = "ANALYZE TABLE {p}" + table
			}
			raw(t, s, analyze)
		}

		explain := postgresPlan
		if v.name == "MySQL" {
			explain = mysqlPlan
		}
		for _, q := range statements {
			if strings.Contains(q, "roles r") {
				continue // it returns them all
			}
			plan, bad := explain(t, s.SQLDB(), q)
			if bad != "" {
				t.Errorf("%s: %s\n%s", bad, q, plan)
			}
		}
	})
}

// postgresPlan returns the plan of q and what is bad about it.
func postgresPlan(t *testing.T, db *sql.DB, q string) (plan, bad string) {
	t.Helper()
	args := 0
	for strings.Contains(q, fmt.Sprint("$", args+1)) {
		args++
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+q, slices.Repeat([]any{"1"}, args)...)
	if err != nil {
		t.Fatalf("%v: %s", err, q)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		must(t, rows.Scan(&line))
		plan += line + "\n"
	}
	must(t, rows.Err())
	for _, word := range []string{"Seq Scan", "Sort", "Filter: (user_id", "Hash"} {
		if strings.Contains(plan, word) {
			bad += word
		}
	}
	if strings.Contains(q, "LIMIT 100 FOR UPDATE") && !strings.Contains(plan, "Tid Scan") {
		bad += "rows are found twice"
	}
	return plan, bad
}

// mysqlPlan does the same.
func mysqlPlan(t *testing.T, db *sql.DB, q string) (plan, bad string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+q, slices.Repeat([]any{"1"}, strings.Count(q, "?"))...)
	if err != nil {
		t.Fatalf("%v: %s", err, q)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		dest := make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		must(t, rows.Scan(dest...))
		for i, name := range columns {
			v := values[i].String
			plan += name + "=" + v + " "
			if strings.HasPrefix(q, "INSERT") {
				continue // it has no plan
			}
			switch {
			case name == "type" && (v == "ALL" || v == "index"), name == "Extra" && (strings.Contains(v, "filesort") || strings.Contains(v, "temporary")):
				bad += name + " " + v
			}
		}
		plan += "\n"
	}
	must(t, rows.Err())
	return plan, bad
}
