package open

import (
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
)

func PostgresConfig(dsn string) (*pgx.ConnConfig, error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	n, err := parseServer(scheme, rest)
	if err != nil {
		return nil, err
	}
	return postgresConfig(n)
}

func MySQLConfig(dsn string) (*mysql.Config, error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	n, err := parseServer(scheme, rest)
	if err != nil {
		return nil, err
	}
	return mysqlConfig(n)
}
