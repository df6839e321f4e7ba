package bunstore_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// Errors as drivers make them that are not in this module.
type (
	pgdriverError struct{ code string }
	mattnErrNo    int
	mattnError    struct {
		Code         mattnErrNo
		ExtendedCode mattnErrNo
	}
)

func (e pgdriverError) Error() string       { return e.code }
func (e pgdriverError) Field(k byte) string { return map[byte]string{'C': e.code}[k] }
func (e mattnError) Error() string          { return "database is locked" }

type modernError int

func (e *modernError) Error() string { return "database is locked" }
func (e *modernError) Code() int     { return int(*e) }

// TestTransient tells what is to be tried again from what is not.
func TestTransient(t *testing.T) {
	busy, constraint := modernError(5|2<<8), modernError(19) // SQLITE_BUSY_SNAPSHOT
	for _, c := range []struct {
		err                     error
		postgres, mysql, sqlite bool
	}{
		{&pgconn.PgError{Code: "40P01"}, true, false, false},
		{&pgconn.PgError{Code: "40001"}, true, false, false},
		{&pgconn.PgError{Code: "23505"}, false, false, false},
		{&pgconn.PgError{Code: "57P01"}, false, false, false},
		{pgdriverError{"40001"}, true, false, false},
		{pgdriverError{"23505"}, false, false, false},
		{&mysql.MySQLError{Number: 1213}, false, true, false},
		{&mysql.MySQLError{Number: 1205}, false, true, false},
		{&mysql.MySQLError{Number: 1020}, false, true, false},
		{&mysql.MySQLError{Number: 1062}, false, false, false},
		{&busy, false, false, true},
		{&constraint, false, false, false},
		{mattnError{Code: 5}, false, false, true},
		{mattnError{Code: 6}, false, false, true},
		{mattnError{Code: 19}, false, false, false},
		{io.ErrUnexpectedEOF, false, false, false},
		{nil, false, false, false},
	} {
		wrapped := []error{c.err}
		if c.err != nil {
			wrapped = append(wrapped, fmt.Errorf("a: %w", fmt.Errorf("b: %w", c.err)), errors.Join(io.EOF, c.err), fmt.Errorf("%w: %w", io.EOF, c.err))
		}
		for _, err := range wrapped {
			p, m, s := bunstore.Transient(err)
			if p != c.postgres || m != c.mysql || s != c.sqlite {
				t.Errorf("%T %v: got %t, %t, %t, want %t, %t, %t", err, err, p, m, s, c.postgres, c.mysql, c.sqlite)
			}
		}
	}
}
