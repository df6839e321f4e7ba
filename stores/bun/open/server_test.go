package open_test

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun/dialect/feature"

	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// serverDSN returns the name of a database of a server for tests, with params
// added to it, or skips.
func serverDSN(t *testing.T, env, params string) string {
	t.Helper()
	dsn := os.Getenv(env)
	if dsn == "" {
		t.Skipf("server: set %s to the DSN of a database for tests", env)
	}
	sep := "?"
	if strings.Contains(dsn, "?") {
		sep = "&"
	}
	return dsn + sep + params
}

const (
	postgresEnv = "GATEHOUSE_TEST_POSTGRES"
	mysqlEnv    = "GATEHOUSE_TEST_MYSQL"
)

func TestServerDefaults(t *testing.T) {
	for _, c := range []struct {
		env, params, query, want string
	}{
		{postgresEnv, "", "SELECT current_setting('application_name')", "gatehouse"},
		{postgresEnv, "application_name=shop", "SELECT current_setting('application_name')", "shop"},
		{postgresEnv, "search_path=pg_catalog", "SELECT current_setting('search_path')", "pg_catalog"},
		{mysqlEnv, "", "SELECT CONCAT_WS(' ', @@time_zone, @@innodb_lock_wait_timeout, @@character_set_client, @@character_set_connection)", "+00:00 10 utf8mb4 utf8mb4"},
		{mysqlEnv, "", "SELECT @@sql_mode LIKE '%STRICT_TRANS_TABLES%' AND @@sql_mode LIKE '%NO_ENGINE_SUBSTITUTION%'", "1"},
		{mysqlEnv, "sql_mode=%27ANSI%27&innodb_lock_wait_timeout=3&time_zone=%27%2B02:00%27", "SELECT CONCAT_WS(' ', @@time_zone, @@innodb_lock_wait_timeout, @@sql_mode LIKE '%ANSI%')", "+02:00 3 1"},
	} {
		t.Run(c.env+c.params, func(t *testing.T) {
			db, err := open.DB(serverDSN(t, c.env, c.params))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var got string
			if err := db.NewRaw(strings.ReplaceAll(c.query, "?", `\?`)).Scan(t.Context(), &got); err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestPool(t *testing.T) {
	for _, env := range []string{postgresEnv, mysqlEnv} {
		for params, want := range map[string]int{"": 20, "pool_max_conns=3": 3} {
			db, err := open.DB(serverDSN(t, env, params))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if got := db.Stats().MaxOpenConnections; got != want {
				t.Errorf("%s %s: at most %d connections, want %d", env, params, got, want)
			}
			// As many are kept as may be open.
			var conns []*sql.Conn
			for range want {
				conn, err := db.DB.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, conn)
			}
			for _, conn := range conns {
				conn.Close()
			}
			if got := db.Stats().Idle; got != want {
				t.Errorf("%s %s: %d connections are kept, want %d", env, params, got, want)
			}
		}
	}
}

// TestServersDialect has the store's tables on each and finds out who it is.
func TestServersDialect(t *testing.T) {
	for env, want := range map[string]feature.Feature{postgresEnv: feature.InsertOnConflict, mysqlEnv: feature.InsertOnDuplicateKey} {
		db, err := open.DB(serverDSN(t, env, ""))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if !db.HasFeature(want) {
			t.Errorf("%s: the dialect is %v", env, db.Dialect().Name())
		}
	}
	if slices.Contains(sql.Drivers(), "sqliteshim") {
		t.Error("sqliteshim, which takes another driver on other machines, is in the program")
	}
}

func TestPostgresConfig(t *testing.T) {
	cfg, err := open.PostgresConfig("postgres://us%40er:p%2Fa%3As%25s%3F%23@db.example.com:6543/app%2Dname?sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.User != "us@er" || cfg.Password != "p/a:s%s?#" || cfg.Host != "db.example.com" || cfg.Port != 6543 || cfg.Database != "app-name" {
		t.Errorf("got %q %q %q %d %q", cfg.User, cfg.Password, cfg.Host, cfg.Port, cfg.Database)
	}
	if cfg.TLSConfig == nil || cfg.ConnectTimeout != 10*time.Second {
		t.Errorf("TLS %v, timeout %v", cfg.TLSConfig, cfg.ConnectTimeout)
	}
	cfg, err = open.PostgresConfig("postgresql://app:secret@one:1,two:2/app?target_session_attrs=read-write&connect_timeout=3&sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Host != "one" || len(cfg.Fallbacks) != 1 || cfg.Fallbacks[0].Host != "two" || cfg.ConnectTimeout != 3*time.Second || cfg.ValidateConnect == nil || cfg.Password != "secret" {
		t.Errorf("several hosts: %q, %v", cfg.Host, cfg.Fallbacks)
	}
}

func TestMySQLConfig(t *testing.T) {
	for dsn, want := range map[string]string{
		"mysql://us%40er:p%2Fa%3As%25s%3F%23@db.example.com:3307/app%2Dname": "us@er p/a:s%s?# tcp db.example.com:3307 app-name preferred",
		"mariadb://app@/app":                      "app  tcp 127.0.0.1:3306 app preferred",
		"mysql://app:p@ss@[::1]/app?tls=true":     "app p@ss tcp [::1]:3306 app true",
		"mysql://app:s@/app?socket=%2Frun%2Fm.so": "app s unix /run/m.so app ",
	} {
		cfg, err := open.MySQLConfig(dsn)
		if err != nil {
			t.Errorf("%s: %v", dsn, err)
			continue
		}
		if got := strings.Join([]string{cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName, cfg.TLSConfig}, " "); got != want {
			t.Errorf("%s: got %q, want %q", dsn, got, want)
		}
		if cfg.InterpolateParams || cfg.ClientFoundRows || cfg.MultiStatements || cfg.AllowAllFiles || !cfg.ParseTime || !cfg.RejectReadOnly ||
			!cfg.CheckConnLiveness || cfg.Loc != time.UTC || cfg.Timeout != 10*time.Second {
			t.Errorf("%s: got %+v", dsn, cfg)
		}
	}
	cfg, err := open.MySQLConfig("mysql://app@db.example.com/app?tls=true")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.TLS == nil || cfg.TLS.ServerName != "db.example.com" || cfg.TLS.InsecureSkipVerify {
		t.Errorf("tls=true checks the certificate of %v", cfg.TLS)
	}
	cfg, err = open.MySQLConfig("mysql://app@db/app?loc=Local&parseTime=false&timeout=1s&clientFoundRows=true&readTimeout=5s")
	if err != nil || cfg.Loc != time.Local || cfg.ParseTime || cfg.Timeout != time.Second || !cfg.ClientFoundRows || cfg.ReadTimeout != 5*time.Second {
		t.Errorf("what the name says: %+v, %v", cfg, err)
	}
}

func TestServersRefused(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres:u:hunter2@host/db":                                  `want "postgres://user:password@host:port/database"`,
		"postgres://u:hunter2@host:port/db":                           "malformed host or port",
		"postgres://u:hun/ter2@host/db":                               "malformed host or port",
		"postgres://u:1234/ter2hunter2@host/db":                       "malformed name after the host",
		"postgres://u:hunter2#3@host/db":                              "%23",
		"postgres://u:hunter2%zz@host/db":                             "malformed password",
		"postgres://u%zz:hunter2@host/db":                             "malformed user",
		"postgres://u:hunter2@host/db?sslmode=nonsense":               "sslmode",
		"postgres://u:hunter2@host/db?connect_timeout=long":           "connect_timeout",
		"postgres://u:hunter2@host/db?a=%zz":                          "malformed parameters",
		"postgres://u:hunter2@host/db?pool_max_conns=0":               "pool_max_conns",
		"postgres://u:hunter2@host/db?pool_max_conns=many":            "pool_max_conns",
		"postgres://u:hunter2@host/db?default_query_exec_mode=fast":   "default_query_exec_mode",
		"postgres://u:hunter2@127.0.0.1:1/db?sslmode=disable":         "connect",
		"mysql:u:hunter2@/db":                                         `want "mysql://user:password@host:port/database"`,
		"mysql://u:hunter2@tcp(127.0.0.1:3306)/db":                    "malformed host or port",
		"mysql://u:hunter2@host":                                      "no name of a database",
		"mysql://host/db":                                             "no user",
		"mysql://":                                                    "no user",
		"mysql://u:hunter2@a,b/db":                                    "several hosts",
		"mysql://u:hunter2@host/db?parseTime=perhaps":                 "parseTime",
		"mysql://u:hunter2@host/db?timeout=long":                      "timeout",
		"mysql://u:hunter2@host/db?tls=nonsense":                      "nonsense",
		"mysql://u:hunter2@host/db?strict=true":                       "strict",
		"mysql://u:hunter2@host/db?loc=Nowhere":                       "Nowhere",
		"mariadb://u:hunter2@127.0.0.1:1/db":                          "refused",
		"mysql://u:hunter2@host/db?pool_max_conns=-1&a":               "malformed parameters",
		"sqlserver://u:hunter2@host/db":                               `scheme "sqlserver" is not supported`,
		"postgres://u:hunter2@host/db/more":                           "malformed name",
		"mysql://u:hunter2@host/d%zz":                                 "malformed name",
		"postgresql://u:hunter2@host:1:2/db":                          "malformed host",
		"postgres://u:hunter2@ho st/db":                               "malformed host",
		"mysql://u:hunter2@127.0.0.1:1/db?timeout=50ms&tls=hunter2%":  "malformed parameters",
		"postgres://u:hunter2@127.0.0.1:1/db?connect_timeout=-1":      "connect_timeout",
		"mysql://u:hunter2@127.0.0.1:99999/db":                        "",
		"postgres://u:hunter2@127.0.0.1:99999/db?sslmode=disable":     "port",
		"postgres://u:hunter2@127.0.0.1:1/db?sslrootcert=/none/there": "CA file",
	} {
		s, err := open.Open(dsn)
		if err == nil {
			s.Close()
			t.Errorf("%q is accepted", dsn)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "open: ") {
			t.Errorf("%q: got %q, want it to say %q", dsn, err, want)
		}
		for _, part := range []string{"ter2", "u@", "u:", "xxxxx"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%q: the error repeats the name: %q", dsn, err)
			}
		}
	}
	// Everything at once.
	_, err := open.Open("mysql://ho st?pool_max_conns=x&strict=1")
	for _, want := range []string{"malformed host", "pool_max_conns"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %q, want it to say %q too", err, want)
		}
	}
}

// TestWrongPassword is refused by the server.
func TestWrongPassword(t *testing.T) {
	for _, env := range []string{postgresEnv, mysqlEnv} {
		dsn := serverDSN(t, env, "")
		_, err := open.Open(strings.Replace(dsn, ":gatehouse@", ":hunter2@", 1))
		if err == nil {
			continue // a server that trusts everybody on this machine
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: the error has the password: %v", env, err)
		}
	}
}

// TestNobodyAnswers has a server that accepts and says nothing.
func TestNobodyAnswers(t *testing.T) {
	l := listen(t)
	for _, dsn := range []string{"postgres://u:hunter2@" + l + "/db?sslmode=disable&connect_timeout=1", "mysql://u:hunter2@" + l + "/db?timeout=1s&readTimeout=1s"} {
		start := time.Now()
		_, err := open.Open(dsn)
		if err == nil || errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s took %v", dsn[:5], d)
		}
	}
}

// TestMySQLNamedTLS has settings for TLS that the host has registered: the
// certificate is that of the host that the name names, unless they say otherwise.
func TestMySQLNamedTLS(t *testing.T) {
	for name, want := range map[string]string{"": "db.example.com", "other.example.com": "other.example.com", "127.0.0.1": "127.0.0.1"} {
		if err := mysql.RegisterTLSConfig("ours", &tls.Config{ServerName: name}); err != nil {
			t.Fatal(err)
		}
		defer mysql.DeregisterTLSConfig("ours")
		cfg, err := open.MySQLConfig("mysql://app@db.example.com/app?tls=ours")
		if err != nil {
			t.Fatal(err)
		}
		if cfg.TLS.ServerName != want || cfg.TLS.InsecureSkipVerify {
			t.Errorf("ServerName %q: the certificate is to be that of %q, want %q", name, cfg.TLS.ServerName, want)
		}
	}
}
