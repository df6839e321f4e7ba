package bunstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Migration is a step of the schema, for hosts with a migration tool of
// their own.
type Migration struct {
	Name    string   // sorts in the order in which migrations are applied
	Comment string   // what it is about
	SQL     []string // to be executed one by one; each may be repeated
	Down    []string // what undoes it, and drops what it held; each may be repeated
}

// A MigrationStatus is a migration and whether it has been applied.
type MigrationStatus struct {
	Migration
	AppliedAt time.Time // by the clock of whoever applied it; zero: it has not been
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
// to do costs a few statements. Any number of processes may call it at once,
// and one that was killed half-way is made up for by the next: nothing that it
// locked outlives its connection.
//
// What has been applied is recorded in a table of its own, the prefix followed
// by "migrations". Migrate cannot be a part of a transaction.
func (s *Store) Migrate(ctx context.Context) error {
	return s.migrating(ctx, "migrate", func(m *migrator) error {
		applied, err := m.applied(ctx)
		if err != nil {
			return err
		}
		group := int64(1)
		for _, a := range applied {
			group = max(group, a.group+1)
		}
		for _, step := range s.Migrations() {
			if _, done := applied[step.Name]; done {
				continue
			}
			if err := m.run(ctx, step, step.SQL); err != nil {
				return err
			}
			// Marked when it is done: what was interrupted is done again.
			if err := m.mark(ctx, step.Name, group); err != nil {
				return err
			}
		}
		return nil
	})
}

// MigrateDown undoes the newest steps of those that have been applied, at most
// as many as steps says, the newest first. What their tables held is lost. It
// refuses to undo below a step of a newer release, which it does not know.
// It may be called as [Store.Migrate] may, and not while the store is in use.
func (s *Store) MigrateDown(ctx context.Context, steps int) error {
	if steps < 1 {
		return fmt.Errorf("bunstore: migrate down: %d steps; want 1 or more", steps)
	}
	return s.migrating(ctx, "migrate down", func(m *migrator) error {
		applied, err := m.applied(ctx)
		if err != nil {
			return err
		}
		all := s.backend.ddl(s.prefix)
		for name := range applied {
			if !slices.ContainsFunc(all, func(m Migration) bool { return m.Name == name }) {
				return fmt.Errorf("step %q was applied by a newer release; undo it with that one", name)
			}
		}
		for _, step := range slices.Backward(s.Migrations()) {
			if _, done := applied[step.Name]; !done || steps == 0 {
				continue
			}
			steps--
			// No longer marked before it is undone: what was interrupted is not
			// taken for whole.
			if err := m.unmark(ctx, step.Name); err != nil {
				return err
			}
			if err := m.run(ctx, step, step.Down); err != nil {
				return err
			}
		}
		return nil
	})
}

// MigrationStatus returns the steps of the schema, oldest first, and when each
// was applied. It changes nothing. Steps of a newer release, which this one
// does not know, come last and have a name only.
func (s *Store) MigrationStatus(ctx context.Context) ([]MigrationStatus, error) {
	const what = "migration status"
	if err := ctx.Err(); err != nil {
		return nil, outage(ctx, what, err)
	}
	m := &migrator{s: s, q: s.db.DB}
	applied := map[string]appliedStep{}
	there, err := m.hasTable(ctx)
	if err == nil && there {
		applied, err = m.applied(ctx)
	}
	if err != nil {
		return nil, outage(ctx, what, err)
	}
	var list []MigrationStatus
	for _, step := range s.Migrations() {
		list = append(list, MigrationStatus{step, applied[step.Name].at})
	}
	for _, step := range s.backend.ddl(s.prefix) {
		delete(applied, step.Name)
	}
	var newer []MigrationStatus
	for name, a := range applied {
		newer = append(newer, MigrationStatus{Migration{Name: name}, a.at})
	}
	slices.SortFunc(newer, func(a, b MigrationStatus) int { return strings.Compare(a.Name, b.Name) })
	return append(list, newer...), nil
}

// migrating runs f with the sole right to change the schema.
//
// Bun's migrator is not used. Its lock is a row that a killed process leaves
// for ever; ours ends with the connection that holds it.
func (s *Store) migrating(ctx context.Context, what string, f func(*migrator) error) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, what, err)
	}
	if _, ok := s.tx(ctx); ok {
		return fmt.Errorf("bunstore: %s: called in a transaction", what)
	}
	if s.closed.Load() {
		return outage(ctx, what, errClosed)
	}
	if err := s.lock(ctx); err != nil {
		return outage(ctx, what, err)
	}
	defer s.unlock(ctx)
	err := s.retry(ctx, func() error {
		conn, err := s.db.DB.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		m := &migrator{s: s, q: conn}
		return m.alone(ctx, conn, func() error {
			if err := m.createTable(ctx); err != nil {
				return err
			}
			return f(m)
		})
	})
	if err != nil {
		return outage(ctx, what, err)
	}
	return nil
}
