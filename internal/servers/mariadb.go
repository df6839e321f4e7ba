package servers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// MariaDB starts a MariaDB server with an empty database. Settings are such as
// "--max-connections=20". Commits reach the kernel at once, the disk later: a kill
// loses nothing.
func MariaDB(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin := need(t, "MariaDB", []string{"/usr/sbin", "/usr/libexec", "/usr/bin"}, "mariadb-install-db", "mariadbd")
	data := func(s *Server) string { return filepath.Join(s.dir, "data") }
	first := func(s *Server) string { return filepath.Join(s.dir, "first.sql") }
	return open(t, kind{
		name:    "mariadb",
		account: "mysql",
		prepare: func(s *Server) error {
			// Read at every start.
			err := os.WriteFile(first(s), []byte("CREATE DATABASE IF NOT EXISTS gatehouse;\n"+
				"CREATE USER IF NOT EXISTS gatehouse@'%' IDENTIFIED BY 'gatehouse';\n"+
				"GRANT ALL ON *.* TO gatehouse@'%';\n"), 0o644)
			if err != nil {
				return err
			}
			return run("mysql", exec.Command(bin[0], "--no-defaults", "--datadir="+data(s), "--skip-test-db", "--skip-name-resolve",
				"--auth-root-authentication-method=normal", "--innodb-flush-method=nosync", "--innodb-log-file-size=8M"))
		},
		command: func(s *Server) *exec.Cmd {
			return exec.Command(bin[1], append([]string{"--no-defaults", "--datadir=" + data(s), "--tmpdir=" + s.dir,
				"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(s.port), "--socket=" + filepath.Join(s.dir, "socket"),
				"--pid-file=" + filepath.Join(s.dir, "pid"), "--init-file=" + first(s), "--skip-name-resolve", "--skip-log-bin",
				"--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=2",
				"--aria-pagecache-buffer-size=1M", "--key-buffer-size=1M"}, settings...)...)
		},
		ready: greets,
		dsn: func(s *Server) string {
			return fmt.Sprintf("mysql://gatehouse:gatehouse@%s/gatehouse", s.Addr())
		},
	})
}

// greets waits for the first packet, which a MariaDB that can be used sends
// unasked: four bytes of length and number, then version 10 of the protocol.
func greets(s *Server) error {
	c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	var head [5]byte
	if _, err := c.Read(head[:]); err != nil {
		return err
	}
	if head[4] != 10 {
		return errors.New("it refuses")
	}
	return nil
}
