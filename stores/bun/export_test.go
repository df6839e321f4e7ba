package bunstore

import (
	"context"
	"database/sql"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Statements returns the SQL of every prepared statement.
func (s *Store) Statements() []string {
	var list []string
	for _, st := range s.sql.all() {
		list = append(list, st.sql)
	}
	return list
}

func EncodeProofs(p []auth.Proof) []byte          { return encodeProofs(p) }
func DecodeProofs(b []byte) ([]auth.Proof, error) { return decodeProofs(b) }

// SQLDB returns what is below Bun, whose formatter would look for placeholders.
func (s *Store) SQLDB() *sql.DB { return s.db.DB }

// Backend returns the name of the backend.
func (s *Store) Backend() string { return s.backend.name }

// Named returns q with the prefix where {p} is.
func (s *Store) Named(q string) string { return s.named(q) }

// MigrateAlone runs f in the place of migrations.
func (s *Store) MigrateAlone(ctx context.Context, f func()) error {
	return s.migrating(ctx, "test", func(*migrator) error { f(); return nil })
}

func (s *Store) NoPrepare() bool { return s.noPrepare }

// Transient says what the store in each kind of database makes of err.
func Transient(err error) (postgres, mysql, sqlite bool) {
	return postgresConflict(err), mysqlConflict(err), sqliteBusy(err)
}

// UnknownSkipLocked makes the store speak to a server that has no SKIP LOCKED.
func (s *Store) UnknownSkipLocked() {
	s.sql.lockDue.sql = strings.ReplaceAll(s.sql.lockDue.sql, "SKIP LOCKED", "SKIP WHAT IS LOCKED")
}

func (s *Store) LockWaits() bool { return s.lockWaits.Load() }
