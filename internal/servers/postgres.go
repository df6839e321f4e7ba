package servers

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Postgres starts a PostgreSQL server with an empty database. Settings are such
// as "max_connections=20". Commits are not forced to the disk (fsync=off): a
// kill loses nothing of what the kernel has.
func Postgres(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin := need(t, "PostgreSQL", []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"}, "initdb", "postgres", "pg_isready")
	data := func(s *Server) string { return filepath.Join(s.dir, "data") }
	return open(t, kind{
		name:    "postgres",
		account: "postgres",
		prepare: func(s *Server) error {
			return run("postgres", exec.Command(bin[0], "-D", data(s), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"))
		},
		command: func(s *Server) *exec.Cmd {
			args := []string{"-D", data(s), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", "", "-F",
				"-c", "shared_buffers=16MB", "-c", "max_connections=60", "-c", "log_min_messages=error"}
			for _, setting := range settings {
				args = append(args, "-c", setting)
			}
			return exec.Command(bin[1], args...)
		},
		ready: func(s *Server) error {
			return exec.Command(bin[2], "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-d", "postgres", "-t", "1").Run()
		},
		dsn: func(s *Server) string {
			return fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", s.Addr())
		},
	})
}
