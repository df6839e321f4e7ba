package servers

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// Redis starts a Redis server, empty, that keeps nothing on disk. Settings are
// such as "--appendonly", "yes", "--appendfsync", "always": then it does.
func Redis(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin := need(t, "Redis", nil, "redis-server")
	return open(t, kind{
		name:    "redis",
		prepare: func(*Server) error { return nil },
		command: func(s *Server) *exec.Cmd {
			return exec.Command(bin[0], append([]string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
				"--save", "", "--appendonly", "no", "--daemonize", "no"}, settings...)...)
		},
		ready: pongs,
		dsn: func(s *Server) string {
			return fmt.Sprintf("redis://%s/0", s.Addr())
		},
	})
}

// pongs asks whether it has loaded its data.
func pongs(s *Server) error {
	c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && line != "+PONG\r\n" {
		err = errors.New(line)
	}
	return err
}
