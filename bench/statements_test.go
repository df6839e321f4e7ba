package bench_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
	"modernc.org/sqlite"

	"github.com/gatehouse-go/gatehouse/bench"
)

// An authenticated request on an SQL database is one SELECT of the session by its
// key and one of the user, both prepared before, and no write.
func TestStatementsOfARequest(t *testing.T) {
	for _, b := range []struct {
		name        string
		dialect     func() schema.Dialect
		connector   func(t *testing.T) driver.Connector
		placeholder string
	}{
		{"SQLite", func() schema.Dialect { return sqlitedialect.New() }, sqliteConnector, "?"},
		{"PostgreSQL", func() schema.Dialect { return pgdialect.New() }, postgresConnector, "$1"},
		{"MariaDB", func() schema.Dialect { return mysqldialect.New() }, mysqlConnector, "?"},
	} {
		t.Run(b.name, func(t *testing.T) {
			prefix := "t" + strings.ToLower(rand.Text()[:10]) + "_"
			log := &statementLog{}
			pool := sql.OpenDB(logged{b.connector(t), log})
			pool.SetMaxOpenConns(1)
			first := prefix
			t.Cleanup(func() {
				if err := bench.Drop(pool, first); err != nil {
					t.Error(err)
				}
				pool.Close()
			})
			site, err := bench.NewSQL(bun.NewDB(pool, b.dialect()), prefix)
			if err != nil {
				t.Fatal(err)
			}
			w, r := loggedIn(t, site)
			for range 3 {
				log.take()
				w.Reset()
				site.Private.ServeHTTP(w, r)
				if w.User == nil || w.User.ID != bench.UserID(3) {
					t.Fatalf("the user is %v", w.User)
				}
				got := log.take()
				where := "WHERE id = " + b.placeholder
				user := "SELECT id, name FROM " + prefix + "users " + where
				if len(got) != 2 || !strings.HasPrefix(got[0], "SELECT ") || !strings.HasSuffix(got[0], "FROM "+prefix+"gatehouse_sessions "+where) || got[1] != user {
					t.Errorf("the statements are\n%s", strings.Join(got, "\n"))
				}
			}

			// With the ready-made users both are one.
			prefix += "r_"
			if site, err = bench.NewReady(bun.NewDB(pool, b.dialect()), prefix); err != nil {
				t.Fatal(err)
			}
			readyPrefix := prefix
			t.Cleanup(func() {
				if err := bench.Drop(pool, readyPrefix); err != nil {
					t.Error(err)
				}
			})
			w, r = loggedIn(t, site)
			for range 3 {
				log.take()
				w.Reset()
				site.Private.ServeHTTP(w, r)
				if w.User == nil || w.User.ID != bench.UserID(3) {
					t.Fatalf("the user is %v", w.User)
				}
				if got := log.take(); len(got) != 1 || !strings.Contains(got[0], "LEFT JOIN "+prefix+"gatehouse_users") {
					t.Errorf("with ready-made users the statements are\n%s", strings.Join(got, "\n"))
				}
			}
			// Nothing that cannot be a token reaches the database.
			r.Header.Set("Cookie", r.Header.Get("Cookie")+"!")
			site.Private.ServeHTTP(w, r)
			if got := log.take(); len(got) != 0 {
				t.Errorf("for a malformed cookie the statements are\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

// loggedIn returns a request of a user who is logged in, and whose first request
// was answered: what is prepared is prepared.
func loggedIn(t *testing.T, site *bench.Site) (*bench.Sink, *http.Request) {
	t.Helper()
	w := bench.NewSink()
	post, _ := http.NewRequest("POST", "/", nil)
	post.RemoteAddr = "192.0.2.7:51413"
	if err := site.LogIn(w, site.Enter(post), bench.UserID(3)); err != nil {
		t.Fatal(err)
	}
	cookie, _, _ := strings.Cut(w.Header()["Set-Cookie"][0], ";")
	r, _ := http.NewRequest("GET", "/account", nil)
	r.Header.Set("Cookie", cookie)
	site.Private.ServeHTTP(w, r)
	return w, r
}

func sqliteConnector(t *testing.T) driver.Connector {
	c, err := sqlite.NewConnector("file:" + filepath.Join(t.TempDir(), "test.db") + "?_pragma=synchronous(off)")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func postgresConnector(t *testing.T) driver.Connector {
	cfg, err := pgx.ParseConfig(server(t, "GATEHOUSE_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	return stdlib.GetConnector(*cfg)
}

func mysqlConnector(t *testing.T) driver.Connector {
	u, err := url.Parse(server(t, "GATEHOUSE_TEST_MYSQL"))
	if err != nil {
		t.Fatal("GATEHOUSE_TEST_MYSQL is not a URL")
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.DBName, cfg.Net, cfg.Addr = u.User.Username(), strings.TrimPrefix(u.Path, "/"), "tcp", u.Host
	cfg.Passwd, _ = u.User.Password()
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// server returns the name of a server for tests, or skips.
func server(t *testing.T, variable string) string {
	t.Helper()
	name := os.Getenv(variable)
	if name == "" {
		t.Skip("server: set " + variable + " to the name of one for tests")
	}
	return name
}

// A statementLog has what is sent to a database: statements that are executed,
// and "prepare: " and those that are prepared.
type statementLog struct {
	mu  sync.Mutex
	sql []string
}

func (l *statementLog) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sql = append(l.sql, s)
}

func (l *statementLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.sql
	l.sql = nil
	return all
}

// logged is a driver whose connections write to the log. It hides what they can
// do besides preparing, so that everything is prepared.
type logged struct {
	driver.Connector
	log *statementLog
}

func (c logged) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return loggedConn{conn, c.log}, err
}

type loggedConn struct {
	driver.Conn
	log *statementLog
}

func (c loggedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c loggedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.log.add("prepare: " + query)
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	return loggedStmt{stmt, query, c.log}, err
}

type loggedStmt struct {
	driver.Stmt
	query string
	log   *statementLog
}

func (s loggedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.log.add(s.query)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s loggedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.log.add(s.query)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
