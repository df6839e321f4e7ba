package servers_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/internal/servers"
)

// A client keeps one value, and reads it.
type client struct {
	name  string
	open  func(t *testing.T) *servers.Server
	write func(ctx context.Context, s *servers.Server) error
	read  func(ctx context.Context, s *servers.Server) error
}

func clients() []client {
	database := func(driver string, name func(s *servers.Server) string, statement string) func(context.Context, *servers.Server) error {
		return func(ctx context.Context, s *servers.Server) error {
			db, err := sql.Open(driver, name(s))
			if err != nil {
				return err
			}
			defer db.Close()
			_, err = db.ExecContext(ctx, statement)
			return err
		}
	}
	pg := (*servers.Server).DSN
	my := func(s *servers.Server) string {
		return strings.NewReplacer("mysql://", "", "@", "@tcp(", "/gatehouse", ")/gatehouse").Replace(s.DSN())
	}
	rd := func(do func(ctx context.Context, c *redis.Client) error) func(context.Context, *servers.Server) error {
		return func(ctx context.Context, s *servers.Server) error {
			o, err := redis.ParseURL(s.DSN())
			if err != nil {
				return err
			}
			c := redis.NewClient(o)
			defer c.Close()
			return do(ctx, c)
		}
	}
	const write, read = "CREATE TABLE kept (n INT)", "DELETE FROM kept"
	return []client{
		{"PostgreSQL", func(t *testing.T) *servers.Server { return servers.Postgres(t, "synchronous_commit=on") }, database("pgx", pg, write), database("pgx", pg, read)},
		{"MariaDB", func(t *testing.T) *servers.Server { return servers.MariaDB(t, "--max-connections=20") }, database("mysql", my, write), database("mysql", my, read)},
		{"Redis", func(t *testing.T) *servers.Server {
			return servers.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
		}, rd(func(ctx context.Context, c *redis.Client) error { return c.Set(ctx, "kept", "1", 0).Err() }),
			rd(func(ctx context.Context, c *redis.Client) error { return c.Get(ctx, "kept").Err() })},
	}
}

// What was acknowledged is there after a crash and after a restart, at the same
// address; while the server is down there is none.
func TestServers(t *testing.T) {
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			s := c.open(t)
			if err := c.write(ctx, s); err != nil {
				t.Fatal(err)
			}
			addr := s.Addr()
			s.Kill()
			if err := c.read(ctx, s); err == nil {
				t.Error("it answers after it was killed")
			}
			s.Kill() // is nothing
			s.Start()
			if err := c.read(ctx, s); err != nil {
				t.Errorf("after a crash: %v", err)
			}
			s.Restart()
			if err := c.read(ctx, s); err != nil {
				t.Errorf("after a restart: %v", err)
			}
			s.Stop()
			if err := c.read(ctx, s); err == nil {
				t.Error("it answers after it was stopped")
			}
			if s.Addr() != addr {
				t.Errorf("it was at %s and is at %s", addr, s.Addr())
			}
		})
	}
}
