package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// TestEveryStatementUsesAnIndex asks SQLite how it would execute each
// statement, before and after it has statistics.
func TestEveryStatementUsesAnIndex(t *testing.T) {
	ctx := context.Background()
	s, r, _ := recorded(t, bunstore.Options{})
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
	// Each table is swept, and each but the counters is asked by user.
	for _, want := range []string{
		"DELETE FROM `gatehouse_sessions` WHERE (user_id", "FROM `gatehouse_sessions` WHERE (user_id", "id NOT IN", "id IN (SELECT",
		"FROM `gatehouse_credentials` WHERE (user_id", "kind IN (", "(kind, credential_key) IN (SELECT",
		"FROM `gatehouse_tickets` WHERE (user_id", "purpose IN (", "(purpose, ticket_key) IN (SELECT",
		"counter_key IN (X", "counter_key IN (SELECT", "DELETE FROM `gatehouse_audit` WHERE (id IN (SELECT", "UPDATE `gatehouse_users`", "DELETE FROM `gatehouse_users`",
	} {
		want = strings.NewReplacer("`", `"`, "(X", "(").Replace(want)
		if !slices.ContainsFunc(statements, func(q string) bool { return strings.Contains(q, want) }) {
			t.Errorf("no statement with %s was seen; the list is not whole", want)
		}
	}

	db := s.DB(ctx)
	check := func(when string) {
		for _, q := range statements {
			plan := ""
			rows, err := s.SQLDB().QueryContext(ctx, "EXPLAIN QUERY PLAN "+q, slices.Repeat([]any{"1"}, strings.Count(q, "?"))...)
			if err != nil {
				t.Fatalf("%v: %s", err, q)
			}
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					t.Fatal(err)
				}
				plan += "\n\t" + detail
				if all := strings.Contains(q, "_roles r"); all && strings.HasPrefix(detail, "SCAN r") {
					continue // it returns them all
				}
				if strings.Contains(detail, "SCAN gatehouse") || strings.Contains(detail, "TEMP B-TREE") {
					t.Errorf("%s: %s%s", when, q, plan)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(plan, "SEARCH") && !strings.HasPrefix(q, "INSERT") {
				t.Errorf("%s: no search: %s%s", when, q, plan)
			}
		}
	}
	check("empty")
	for i := range byte(200) {
		user := fmt.Sprint("user ", i)
		ss, tk := newSession(i+3, user), auth.Ticket{Purpose: "p", Key: user, UserID: user, ExpiresAt: day}
		if err := errors.Join(s.CreateSession(ctx, ss), s.ChangeCredentials(ctx, create("k", user, user)), s.PutTicket(ctx, tk),
			third(s.Count(ctx, user, time.Hour, day)), s.Outbox().Enqueue(ctx, newEntry(user, user)), s.Audit().Append(ctx, newRecord(user, user))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.NewRaw("ANALYZE").Exec(ctx); err != nil {
		t.Fatal(err)
	}
	check("with statistics")
}
