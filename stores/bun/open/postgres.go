package open

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

func openPostgres(n *serverName) (db *bun.DB, noPrepare bool, err error) {
	cfg, err := postgresConfig(n)
	if err != nil {
		return nil, false, err
	}
	pool := stdlib.OpenDB(*cfg)
	if err := connectPool(pool, n.conns); err != nil {
		_ = pool.Close()
		return nil, false, err
	}
	// Every other mode is for those who cannot keep prepared statements.
	noPrepare = cfg.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement
	return bun.NewDB(pool, pgdialect.New()), noPrepare, nil
}

func postgresConfig(n *serverName) (*pgx.ConnConfig, error) {
	// The password stays out of what is parsed, and so out of errors.
	params := slices.Clone(n.params)
	if !n.has("connect_timeout") {
		params = append(params, "connect_timeout=10")
	}
	name := "postgres://"
	if n.user != "" {
		name += url.User(n.user).String() + "@"
	}
	name += n.hosts + "/" + url.PathEscape(n.path) + "?" + strings.Join(params, "&")
	cfg, err := pgx.ParseConfig(name)
	if err != nil {
		return nil, withoutName(err)
	}
	if n.password != "" {
		cfg.Password = n.password
	}
	if _, ok := cfg.RuntimeParams["application_name"]; !ok {
		cfg.RuntimeParams["application_name"] = "gatehouse"
	}
	return cfg, nil
}

// withoutName is what was wrong with the name of a database, without the name:
// the driver says "cannot parse `name`: what is wrong".
func withoutName(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		return errors.New("malformed name of the database: " + text[i+len("`: "):])
	}
	return errors.New("malformed name of the database")
}
