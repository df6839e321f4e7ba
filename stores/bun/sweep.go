package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// Sweep implements [auth.Sweeper]. Each sort of thing is swept by one
// statement, so that writers wait no longer than limit deletions take.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, outage(ctx, "sweep", err)
	}
	if limit <= 0 {
		return 0, nil
	}
	total := 0
	for _, t := range []struct{ table, key, row string }{
		{"sessions", "id", "id"},
		{"credentials", "kind, credential_key", "(kind, credential_key)"},
		{"tickets", "purpose, ticket_key", "(purpose, ticket_key)"},
		{"counters", "counter_key", "counter_key"},
	} {
		at := now.UnixMilli()
		db, table := s.DB(ctx), s.prefix+t.table
		old := db.NewSelect().Table(table).ColumnExpr(t.key).Where("expires_at <= ?", at).
			Order("expires_at").Limit(int64(limit))
		// The time is compared again: what was touched meanwhile stays.
		q := db.NewDelete().Table(table).Where("? IN (?)", bun.Safe(t.row), old).Where("expires_at <= ?", at)
		n, err := s.execDelete(ctx, q)
		if err != nil {
			return total, outage(ctx, "sweep", err)
		}
		total += int(n)
	}
	return total, nil
}
