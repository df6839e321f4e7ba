package bunstore_test

import (
	"context"
	"database/sql"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// sends counts how often something is sent: each time the client then waits
// for the server.
type sends struct {
	net.Conn
	n *atomic.Int64
}

func (s sends) Write(b []byte) (int, error) {
	s.n.Add(1)
	return s.Conn.Write(b)
}

// counted opens a database of v, as a host may by itself, and counts what is
// sent to it.
func counted(t *testing.T, v server, n *atomic.Int64) *bun.DB {
	t.Helper()
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		return sends{c, n}, err
	}
	dsn := v.dsn(t, "")
	if v.name == "PostgreSQL" {
		cfg, err := pgx.ParseConfig(dsn)
		must(t, err)
		cfg.DialFunc = dial
		return bun.NewDB(stdlib.OpenDB(*cfg), pgdialect.New())
	}
	u, err := url.Parse(dsn)
	must(t, err)
	cfg := mysql.NewConfig()
	cfg.User, cfg.DBName, cfg.Net, cfg.Addr = u.User.Username(), strings.Trim(u.Path, "/"), "tcp", u.Host
	cfg.Passwd, _ = u.User.Password()
	cfg.DialFunc = dial
	connector, err := mysql.NewConnector(cfg)
	must(t, err)
	return bun.NewDB(sql.OpenDB(connector), mysqldialect.New())
}

// TestOneRoundTrip counts what an authenticated request sends: the session is
// asked for once, and the user.
func TestOneRoundTrip(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		var n atomic.Int64
		db := counted(t, v, &n)
		s, err := bunstore.New(db, &bunstore.Options{Prefix: v.prefix(t), CloseDB: true})
		must(t, err)
		defer s.Close()
		ctx, cancel := context.WithCancel(t.Context()) // as a request's, it can end
		defer cancel()
		must(t, s.Migrate(ctx), s.CreateSession(ctx, newSession(1, "u")))
		id, err := s.Users().CreateUser(ctx, auth.Profile{})
		must(t, err)
		for name, c := range map[string]struct {
			want int64
			f    func() error
		}{
			"LoadSession":        {1, func() error { return second(s.LoadSession(ctx, auth.SessionID{1, 1})) }},
			"LoadUser":           {1, func() error { return second(s.Users().LoadUser(ctx, id)) }},
			"UserSessions":       {1, func() error { return second(s.UserSessions(ctx, "u")) }},
			"UserCredentials":    {1, func() error { return second(s.UserCredentials(ctx, "u", "k")) }},
			"DeleteUserSessions": {1, func() error { return s.DeleteUserSessions(ctx, "nobody") }},
			"CreateSession":      {1, func() error { _ = s.CreateSession(ctx, newSession(1, "u")); return nil }},
		} {
			must(t, c.f()) // which prepares it
			before := n.Load()
			const calls = 20
			for range calls {
				must(t, c.f())
			}
			if got := n.Load() - before; got != calls*c.want {
				t.Errorf("%s: %d calls sent %d times, want %d each", name, calls, got, c.want)
			}
		}
	})
}
