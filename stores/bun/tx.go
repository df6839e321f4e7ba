package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// txKey finds the transaction in a context. It holds the pool, so that two
// stores of one database share a transaction and those of two do not.
type txKey struct{ db *sql.DB }

// WithTx returns a context in which the verbs of s, and of every other Store
// in the same database, are a part of tx. The host commits tx or rolls it
// back. tx must be of the database that s was given.
func (s *Store) WithTx(ctx context.Context, tx bun.Tx) context.Context {
	return context.WithValue(ctx, txKey{s.db.DB}, tx)
}

func (s *Store) tx(ctx context.Context) (bun.Tx, bool) {
	tx, ok := ctx.Value(txKey{s.db.DB}).(bun.Tx)
	return tx, ok
}

// DB returns where the host reads and writes to be in the same transaction as
// the verbs of s called with ctx: the transaction that ctx is in, or else the
// database.
func (s *Store) DB(ctx context.Context) bun.IDB {
	if tx, ok := s.tx(ctx); ok {
		return tx
	}
	return s.db
}

// InTx runs f in a transaction and commits it if f returns nil. If f returns
// an error or panics, nothing of what it did is kept, and InTx returns that
// error as it is. What belongs to the transaction is called with the context
// that f is given. If ctx is in a transaction already, f joins it behind a
// savepoint, and what it did is kept when the outer one is committed.
//
// On SQLite the transaction begins as a writer, and no other verb of s writes
// until f returns. On PostgreSQL and MySQL it is READ COMMITTED: a verb sees
// what others have committed when it is called. f runs once: if the database
// gives the transaction up because of others (a deadlock, a serialization
// failure), that is an outage, which the host may answer by trying again.
func (s *Store) InTx(ctx context.Context, f func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "begin", err)
	}
	if outer, ok := s.tx(ctx); ok {
		return s.inSavepoint(ctx, outer, f)
	}
	if err := s.lock(ctx); err != nil {
		return outage(ctx, "begin", err)
	}
	defer s.unlock(ctx)
	if err := s.prepareForTx(ctx); err != nil {
		return outage(ctx, "prepare", err)
	}
	var tx bun.Tx
	err := s.retry(ctx, func() (err error) {
		tx, err = s.begin(ctx)
		return err
	})
	if err != nil {
		return outage(ctx, "begin", err)
	}
	done := false
	defer func() {
		if !done {
			_ = tx.Rollback() // the error of f, or its panic, says more
		}
	}()
	inner := s.WithTx(ctx, tx)
	if err := f(inner); err != nil {
		return err
	}
	done = true
	if err := tx.Commit(); err != nil {
		return outage(ctx, "commit", err)
	}
	return nil
}

func (s *Store) begin(ctx context.Context) (bun.Tx, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: s.backend.isolation})
	if err != nil || !s.backend.oneWriter {
		return tx, err
	}
	// A deferred transaction that reads first could not become a writer once
	// another had written.
	if _, err := s.exec(s.WithTx(ctx, tx), &s.sql.becomeWriter); err != nil {
		_ = tx.Rollback()
		return tx, err
	}
	return tx, nil
}

func (s *Store) inSavepoint(ctx context.Context, outer bun.Tx, f func(ctx context.Context) error) error {
	// The savepoint is given up even if ctx has ended: the outer transaction
	// may go on.
	sp, err := outer.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return outage(ctx, "savepoint", err)
	}
	done := false
	defer func() {
		if done {
			return
		}
		if err := sp.Rollback(); err != nil {
			_ = outer.Tx.Rollback() // rather nothing than half
		}
	}()
	if err := f(s.WithTx(ctx, sp)); err != nil {
		return err
	}
	if err := sp.Commit(); err != nil {
		return outage(ctx, "savepoint", err)
	}
	done = true
	return nil
}

// A writer lets the writers of one Store stand in line, where SQLite would
// have them poll. It is nil where the database does it well.
type writer chan struct{}

// longestWait is how long a verb stands in line. It ends what would else be a
// deadlock: a verb called in f of InTx with another context than f's.
const longestWait = 30 * time.Second

var errLongestWait = errors.New("no turn to write within " + longestWait.String() +
	"; inside InTx, verbs must be called with the context that it gives")

// lock waits for the turn to write, unless ctx is in a transaction: it has it.
func (s *Store) lock(ctx context.Context) error {
	if s.writer == nil {
		return nil
	}
	if _, ok := s.tx(ctx); ok {
		return nil
	}
	select {
	case s.writer <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(longestWait)
	defer t.Stop()
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return errLongestWait
	}
}

// unlock ends the turn that lock gave for ctx.
func (s *Store) unlock(ctx context.Context) {
	if s.writer == nil {
		return
	}
	if _, ok := s.tx(ctx); !ok {
		<-s.writer
	}
}

// outage wraps what went wrong below. If ctx has ended, that is the error,
// whatever the driver made of it.
func outage(ctx context.Context, what string, err error) error {
	if end := ctx.Err(); end != nil && !errors.Is(err, end) {
		return fmt.Errorf("bunstore: %s: %w: %v", what, end, err)
	}
	return fmt.Errorf("bunstore: %s: %w", what, err)
}
