package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
)

var _ auth.Sweeper = (*Store)(nil)

// Sweep implements [auth.Sweeper]. Each sort of thing is swept by one
// statement, so that writers wait no longer than limit deletions take. On
// PostgreSQL, what another transaction has locked is left for the next time.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, outage(ctx, "sweep", err)
	}
	if limit <= 0 {
		return 0, nil
	}
	total := 0
	for _, t := range []batch{
		{table: "sessions", key: "id", row: "id"},
		{table: "credentials", key: "kind, credential_key", row: "(kind, credential_key)"},
		{table: "tickets", key: "purpose, ticket_key", row: "(purpose, ticket_key)"},
		{table: "counters", key: "counter_key", row: "counter_key"},
		{table: "audit", key: "id", row: "id"},
	} {
		t.order, t.lock, t.by, t.limit = "expires_at", "UPDATE SKIP LOCKED", "ctid", limit
		// Nothing that was touched meanwhile goes: its time is compared again, or
		// it is locked when it is compared.
		t.where, t.args = "expires_at <= ?", []any{now.UnixMilli()}
		n, err := s.deleteBatch(ctx, t)
		if err != nil {
			return total, outage(ctx, "sweep", err)
		}
		total += int(n)
	}
	return total, nil
}

// DeleteAllSessions deletes at most limit sessions, of any user, and returns
// how many it deleted. Called until it returns less than limit, it logs
// everybody out who was logged in at the first call. A limit of 0 deletes
// nothing.
func (s *Store) DeleteAllSessions(ctx context.Context, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, outage(ctx, "delete all sessions", err)
	}
	if limit <= 0 {
		return 0, nil
	}
	n, err := s.deleteBatch(ctx, batch{table: "sessions", key: "id", row: "id",
		where: "id >= ?", args: []any{s.backend.literal([]byte{})}, order: "id", lock: "UPDATE", by: "id", limit: limit})
	if err != nil {
		return 0, outage(ctx, "delete all sessions", err)
	}
	return int(n), nil
}

// A batch is some rows of a table.
type batch struct {
	table    string
	key, row string // the columns of its key, and the same as one value
	where    string
	args     []any
	order    string // the first of them in this order
	lock     string // how to lock them, where rows are locked one by one
	by       string // what the locked ones are found by: with ctid, one that was changed meanwhile is passed over
	limit    int
}

// deleteBatch deletes the rows of b by one statement and returns how many.
func (s *Store) deleteBatch(ctx context.Context, b batch) (int64, error) {
	db, table := s.DB(ctx), s.prefix+b.table
	q := db.NewDelete().Table(table)
	if s.backend.mysql { // which has no LIMIT in a subquery
		return s.build(ctx, q.Where(b.where, b.args...).Order(b.order).Limit(int64(b.limit)))
	}
	first := db.NewSelect().Table(table).Where(b.where, b.args...).Order(b.order).Limit(int64(b.limit))
	if s.backend.dollars {
		// The rows are found once: as a join the subquery might be repeated, and
		// delete more than its limit. They are locked, as they are.
		return s.build(ctx, q.Where("? = ANY (ARRAY(?))", bun.Safe(b.by), first.ColumnExpr(b.by).For(b.lock)))
	}
	return s.build(ctx, q.Where("? IN (?)", bun.Safe(b.row), first.ColumnExpr(b.key)).Where(b.where, b.args...))
}
