package bunstore

import (
	"context"
	"database/sql"
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
	var n int64
	var until time.Time
	id, at := s.backend.text(key), now.UnixMilli()
	scan := func(rows *sql.Rows, err error) error {
		if err != nil {
			return err
		}
		found, err := oneChanged(rows, (*intColumn)(&n), (*timeColumn)(&until))
		if err == nil && !found {
			err = errors.New("no row returned")
		}
		return err
	}
	var err error
	if s.backend.mysql {
		_, in := s.tx(ctx)
		err = s.atomically(ctx, func(ctx context.Context) error {
			var err error
			if in {
				err = s.countInTx(ctx, id, millis(end), at)
			} else {
				_, err = s.exec(ctx, &s.sql.count, id, millis(end), at, at)
			}
			if err != nil {
				return err
			}
			return scan(s.query(ctx, &s.sql.counter, id)) // the row is locked
		})
	} else {
		err = s.write(ctx, func() error { return scan(s.query(ctx, &s.sql.count, id, millis(end), at, at)) })
	}
	if err != nil {
		return 0, time.Time{}, outage(ctx, "count", err)
	}
	return n, until, nil
}

// countInTx counts in a transaction of the host's, on MySQL. There, of those that wait for
// one to insert the same key all but one would be given up if it rolled back, and the store
// cannot try again. So they do not insert at once: who sees no counter passes a gate, a row
// with a key that nobody has. Who waits there has locked nothing of the counter's: an
// UPDATE that finds none could have locked one that is deleted and not cleaned up yet.
func (s *Store) countInTx(ctx context.Context, id, end any, at int64) error {
	rows, err := s.query(ctx, &s.sql.counter, id)
	if err != nil {
		return err
	}
	var n intColumn
	var until timeColumn
	there, err := one(rows, &n, &until)
	if err != nil {
		return err
	}
	if !there {
		if err := s.passGate(ctx); err != nil {
			return err
		}
	}
	again, err := s.exec(ctx, &s.sql.countAgain, at, at, end, id)
	if err != nil || again != 0 {
		return err
	}
	_, err = s.exec(ctx, &s.sql.count, id, end, at, at)
	return err
}

// passGate waits for all others who have passed the gate to end their transactions.
func (s *Store) passGate(ctx context.Context) error {
	return s.write(ctx, func() error {
		rows, err := s.query(ctx, &s.sql.gate)
		if err != nil {
			return err
		}
		var unused intColumn
		if found, err := one(rows, &unused); err != nil || found {
			return err
		}
		_, err = s.exec(ctx, &s.sql.newGate) // the host has emptied the table
		return err
	})
}

// Forget implements [auth.Limiter].
func (s *Store) Forget(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "forget", err)
	}
	if keys = storables(keys); len(keys) == 0 {
		return nil
	}
	q := s.DB(ctx).NewDelete().Table(s.prefix+"counters").Where("counter_key IN (?)", bun.List(s.backend.textLiterals(keys)))
	if _, err := s.build(ctx, q); err != nil {
		return outage(ctx, "forget", err)
	}
	return nil
}
