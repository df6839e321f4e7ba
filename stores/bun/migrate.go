package bunstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
)

// A Migration is a step of the schema, for hosts with a migration tool of
// their own.
type Migration struct {
	Name    string   // sorts in the order in which migrations are applied
	Comment string   // what it is about
	SQL     []string // to be executed one by one; each may be repeated
}

// Migrations returns the steps of the schema for this store's database and
// prefix, oldest first. A release may add steps at the end; it never changes
// one that was released.
func (s *Store) Migrations() []Migration {
	ms := s.backend.ddl(s.prefix)
	if s.noUsers {
		ms = slices.DeleteFunc(ms, func(m Migration) bool { return m.Comment == usersComment })
	}
	return ms
}

// Migrate creates the tables, or brings them up to date. The host calls it
// before anything else is called, at every start if it likes: having nothing
// to do costs a few statements. Several processes may call it at once, and
// one that was killed half-way is made up for by the next.
//
// What has been applied is recorded in two tables of its own, the prefix
// followed by "migrations" and "migration_locks"; the latter is not used.
// Migrate cannot be a part of a transaction.
func (s *Store) Migrate(ctx context.Context) error {
	if _, ok := s.tx(ctx); ok {
		return errors.New("bunstore: migrate: called in a transaction")
	}
	if err := s.lock(ctx); err != nil {
		return outage(ctx, "migrate", err)
	}
	defer s.unlock(ctx)

	all := migrate.NewMigrations()
	for _, m := range s.Migrations() {
		all.Add(migrate.Migration{Name: m.Name, Comment: m.Comment, Up: func(ctx context.Context, mr *migrate.Migrator, mm *migrate.Migration) error {
			return s.apply(ctx, mr.DB(), m, mm.GroupID)
		}})
	}
	migrator := migrate.NewMigrator(s.db, all,
		// Bun's own names would be the host's.
		migrate.WithTableName(s.prefix+"migrations"),
		migrate.WithLocksTableName(s.prefix+"migration_locks"),
		// By default a migration that failed would count as applied.
		migrate.WithMarkAppliedOnSuccess(true),
		// Makes names unique, which apply relies on.
		migrate.WithUpsert(true),
	)
	// Migrator.Lock is not used: a process that is killed would leave the
	// lock for ever. What keeps two from applying one migration is in apply.
	if err := initMigrator(ctx, migrator); err != nil {
		return outage(ctx, "migrate", err)
	}
	if _, err := migrator.Migrate(ctx); err != nil {
		return outage(ctx, "migrate", err)
	}
	return nil
}

// initMigrator creates the tables of the migrator. Where several processes do,
// CREATE TABLE IF NOT EXISTS may fail in all but one of them (PostgreSQL), so
// it is tried again.
func initMigrator(ctx context.Context, m *migrate.Migrator) error {
	for try := 1; ; try++ {
		err := m.Init(ctx)
		if err == nil || try == 10 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try) * 5 * time.Millisecond):
		}
	}
}

// apply makes a migration and marks it as made in one transaction. The mark
// comes first: whoever is second waits for the first at the unique name, and
// then finds it there.
func (s *Store) apply(ctx context.Context, db *bun.DB, m Migration, group int64) error {
	return db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		res, err := tx.ExecContext(ctx, "INSERT INTO ? (name, group_id) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
			bun.Ident(s.prefix+"migrations"), m.Name, group)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		for _, stmt := range m.SQL {
			// Around the formatter of Bun, which would look for placeholders.
			if _, err := tx.Tx.ExecContext(ctx, stmt); err != nil {
				return err
			}
		}
		return nil
	})
}
