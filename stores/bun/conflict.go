package bunstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"time"
)

// What a database gives up because of others at the same time (a deadlock, a
// serialization failure, a file that is busy) is done again, a bounded number
// of times, where the store owns all of it: a statement of its own, or a
// transaction of its own. In a transaction of the host it is an outage, since
// only the host can begin again.
const (
	maxTries     = 12
	longestRetry = 5 * time.Second // after it, no other try begins
)

// retry calls f until it is not given up because of others.
func (s *Store) retry(ctx context.Context, f func() error) error {
	start := time.Now()
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == maxTries || ctx.Err() != nil || !s.backend.transient(err) || time.Since(start) > longestRetry {
			return err
		}
		// Not in step with those that it met.
		t := time.NewTimer(rand.N(min(time.Millisecond<<try, 200*time.Millisecond)))
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// write has f write by one statement, in the writer's turn.
func (s *Store) write(ctx context.Context, f func() error) error {
	if tx, ok := s.tx(ctx); ok {
		err := f()
		if err != nil && s.backend.mysql && s.backend.transient(err) {
			// The server has rolled the transaction back by itself, and would
			// keep what follows, statement by statement: rather nothing than half.
			_ = tx.Tx.Rollback()
		}
		return err
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock(ctx)
	return s.retry(ctx, f)
}

// atomically has f write by several verbs of s, all or none. f may be called
// more than once and must do nothing else.
func (s *Store) atomically(ctx context.Context, f func(ctx context.Context) error) error {
	if _, ok := s.tx(ctx); ok {
		return s.InTx(ctx, f)
	}
	return s.retry(ctx, func() error { return s.InTx(ctx, f) })
}

// This package imports no driver. What drivers say is read from the methods
// and fields that their errors have, through what wraps them.

func postgresConflict(err error) bool {
	state := sqlState(err)
	return state == "40001" || state == "40P01" // serialization_failure, deadlock_detected
}

func postgresTaken(err error) bool { return sqlState(err) == "23505" } // unique_violation

func sqlState(err error) string {
	if e := (interface{ SQLState() string })(nil); errors.As(err, &e) { // pgx, lib/pq
		return e.SQLState()
	}
	if e := (interface{ Field(byte) string })(nil); errors.As(err, &e) { // bun/driver/pgdriver
		return e.Field('C')
	}
	return ""
}

func mysqlConflict(err error) bool {
	switch field(err, "Number") { // go-sql-driver
	case 1205, // ER_LOCK_WAIT_TIMEOUT
		1213, // ER_LOCK_DEADLOCK
		1020: // ER_CHECKREAD: MariaDB from 11.6, where another was faster
		return true
	}
	return false
}

func mysqlSyntax(err error) bool { return err != nil && field(err, "Number") == 1064 } // ER_PARSE_ERROR

func sqliteBusy(err error) bool {
	code := 0
	if e := (interface{ Code() int })(nil); errors.As(err, &e) { // modernc.org/sqlite
		code = e.Code()
	} else {
		code = field(err, "Code") // mattn/go-sqlite3
	}
	return code&0xff == 5 || code&0xff == 6 // SQLITE_BUSY, SQLITE_LOCKED
}

// field returns the number in a field of err, or of an error that it wraps, or
// 0 if none has it.
func field(err error, name string) int {
	for err != nil {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() == reflect.Struct {
			switch f := v.FieldByName(name); {
			case !f.IsValid():
			case f.CanInt():
				return int(f.Int())
			case f.CanUint():
				return int(f.Uint())
			}
		}
		switch w := err.(type) {
		case interface{ Unwrap() error }:
			err = w.Unwrap()
		case interface{ Unwrap() []error }:
			for _, err := range w.Unwrap() {
				if n := field(err, name); n != 0 {
					return n
				}
			}
			return 0
		default:
			return 0
		}
	}
	return 0
}
