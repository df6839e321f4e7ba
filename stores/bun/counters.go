package bunstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Count implements [auth.Limiter].
func (s *Store) Count(ctx context.Context, key string, window time.Duration, now time.Time) (int64, time.Time, error) {
	if err := ctx.Err(); err != nil {
		return 0, time.Time{}, outage(ctx, "count", err)
	}
	if !storable(key) {
		return 0, time.Time{}, fmt.Errorf("%w: key of a counter", auth.ErrInvalid)
	}
	if window < 0 {
		return 0, time.Time{}, fmt.Errorf("%w: negative window", auth.ErrInvalid)
	}
	var end time.Time
	if window > 0 {
		end = now.Add(window)
	}
	if err := s.lock(ctx); err != nil {
		return 0, time.Time{}, outage(ctx, "count", err)
	}
	defer s.unlock(ctx)
	at := now.UnixMilli()
	rows, err := s.query(ctx, &s.sql.count, s.backend.text(key), millis(end), at, at)
	if err != nil {
		return 0, time.Time{}, outage(ctx, "count", err)
	}
	var n int64
	var until time.Time
	found, err := oneChanged(rows, (*intColumn)(&n), (*timeColumn)(&until))
	if err == nil && !found {
		err = errors.New("no row returned")
	}
	if err != nil {
		return 0, time.Time{}, outage(ctx, "count", err)
	}
	return n, until, nil
}

// Forget implements [auth.Limiter].
func (s *Store) Forget(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "forget", err)
	}
	if keys = storables(keys); len(keys) == 0 {
		return nil
	}
	q := s.DB(ctx).NewDelete().Table(s.prefix+"counters").Where("counter_key IN (?)", bun.List(s.backend.texts(keys)))
	if _, err := s.execDelete(ctx, q); err != nil {
		return outage(ctx, "forget", err)
	}
	return nil
}
