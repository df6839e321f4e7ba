package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// migrationsOf returns the migrations for a dialect, from a store in a database
// that is none: New does not touch it.
func migrationsOf(dialect, prefix string, noUsers bool) ([]bunstore.Migration, error) {
	var d schema.Dialect
	switch dialect {
	case "sqlite":
		d = sqlitedialect.New()
	case "postgres":
		d = pgdialect.New()
	case "mysql":
		d = mysqldialect.New()
	default:
		return nil, fmt.Errorf("dialect %q is not known", dialect)
	}
	db := bun.NewDB(sql.OpenDB(nowhere{}), d)
	defer db.Close()
	s, err := bunstore.New(db, &bunstore.Options{Prefix: prefix, NoUsers: noUsers})
	if err != nil {
		return nil, err
	}
	return s.Migrations(), nil
}

// nowhere is a database that knows one thing: Bun's dialect for MySQL asks a new
// connection which version it speaks to. The schema is the same for all.
type nowhere struct{}

func (nowhere) Connect(context.Context) (driver.Conn, error) { return nowhere{}, nil }
func (nowhere) Driver() driver.Driver                        { return nowhere{} }
func (nowhere) Open(string) (driver.Conn, error)             { return nowhere{}, nil }
func (nowhere) Prepare(string) (driver.Stmt, error)          { return nowhere{}, nil }
func (nowhere) Begin() (driver.Tx, error)                    { return nil, driver.ErrBadConn }
func (nowhere) Close() error                                 { return nil }
func (nowhere) NumInput() int                                { return -1 }
func (nowhere) Exec([]driver.Value) (driver.Result, error)   { return nil, driver.ErrBadConn }
func (nowhere) Query([]driver.Value) (driver.Rows, error)    { return &versionRow{}, nil }

type versionRow struct{ read bool }

func (*versionRow) Columns() []string { return []string{"version()"} }
func (*versionRow) Close() error      { return nil }

func (r *versionRow) Next(to []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read, to[0] = true, "8.4.0"
	return nil
}
