package open

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
)

func openMySQL(n *serverName) (*bun.DB, bool, error) {
	cfg, err := mysqlConfig(n)
	if err != nil {
		return nil, false, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, false, err
	}
	pool := sql.OpenDB(connector)
	if err := connectPool(pool, n.conns); err != nil {
		_ = pool.Close()
		return nil, false, err
	}
	// The dialect asks for the server's version.
	return bun.NewDB(pool, mysqldialect.New(mysqldialect.WithTimeLocation("UTC"))), false, nil
}

// mysqlMode is the default of MySQL 8.0.
const mysqlMode = "'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"

func mysqlConfig(n *serverName) (*mysql.Config, error) {
	var errs []error
	if n.user == "" {
		errs = append(errs, errors.New("no user"))
	}
	if n.path == "" {
		errs = append(errs, errors.New("no name of a database after the host"))
	}
	if strings.Contains(n.hosts, ",") {
		errs = append(errs, errors.New("several hosts; want one"))
	}
	var params []string
	socket := ""
	for _, p := range n.params {
		switch key, value, _ := strings.Cut(p, "="); key {
		case "socket":
			socket, _ = url.QueryUnescape(value)
		case "strict": // the driver panics
			errs = append(errs, errors.New("parameter strict is not supported; sql_mode is strict by default"))
		default:
			if _, err := mysql.ParseDSN("/?" + p); err != nil {
				errs = append(errs, fmt.Errorf("parameter %s: %w", key, err))
			}
			params = append(params, p)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, d := range []struct{ name, value string }{
		{"tls", "preferred"},
		{"timeout", dialTimeout.String()},
		{"parseTime", "true"},
		{"charset", "utf8mb4"},
		{"rejectReadOnly", "true"},
		{"sql_mode", url.QueryEscape(mysqlMode)},
		{"time_zone", url.QueryEscape("'+00:00'")},
		{"innodb_lock_wait_timeout", "10"},
	} {
		if !n.has(d.name) && (d.name != "tls" || socket == "") {
			params = append(params, d.name+"="+d.value)
		}
	}
	// The driver's own form of a name has nothing escaped in it: it is given
	// the parameters only, and a host that is none.
	const nobody = "gatehouse.invalid"
	cfg, err := mysql.ParseDSN("tcp(" + nobody + ")/?" + strings.Join(params, "&"))
	if err != nil {
		return nil, err
	}
	u := url.URL{Host: n.hosts}
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "3306"
	}
	cfg.User, cfg.Passwd, cfg.DBName = n.user, n.password, n.path
	cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(host, port)
	if socket != "" {
		cfg.Net, cfg.Addr = "unix", socket
	}
	if !n.has("loc") {
		cfg.Loc = time.UTC
	}
	cfg.Logger = &mysql.NopLogger{} // what it would say is in the errors
	// Whose certificate is to be seen, unless registered settings say so.
	if cfg.TLS != nil && cfg.TLS.ServerName == nobody {
		cfg.TLS.ServerName = host
	}
	return cfg, nil
}
