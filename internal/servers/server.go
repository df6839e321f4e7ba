package servers

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// readyWithin is how long a server may take until it can be used. Recovery after
// a kill is part of it.
const readyWithin = 30 * time.Second

// A Server is a process that belongs to a test. Its methods are called from one
// goroutine at a time; those that fail end the test, so let it be the test's own.
type Server struct {
	t    testing.TB
	kind kind
	dir  string
	port int
	proc *process // nil if it does not run
}

// A kind is what differs from server to server.
type kind struct {
	name    string
	account string // who runs it if the tests run as root
	prepare func(s *Server) error
	command func(s *Server) *exec.Cmd
	ready   func(s *Server) error
	dsn     func(s *Server) string
}

// open prepares a folder for the server and starts it.
func open(t testing.TB, k kind) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "gatehouse-"+k.name+"-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, kind: k, dir: dir}
	t.Cleanup(func() {
		if err := s.kill(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := give(dir, k.account); err != nil {
		t.Fatal(err)
	}
	if err := k.prepare(s); err != nil {
		t.Fatalf("servers: preparing %s: %v", k.name, err)
	}
	// Somebody else may take the port in between.
	for try := 1; ; try++ {
		s.port, err = freePort()
		if err == nil {
			err = s.start()
		}
		if err == nil {
			return s
		}
		if try == 3 {
			t.Fatal(err)
		}
	}
}

// freePort returns a port that nobody listens on. It is none of those that the
// kernel hands out, so that nobody gets it while the server is down.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + rand.IntN(12000)
		if l, err := net.Listen("tcp", addr(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("servers: no port is free")
}

func addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Addr returns where it listens, such as "127.0.0.1:20123", whether or not it
// runs. It is the same for the whole life of the Server.
func (s *Server) Addr() string { return addr(s.port) }

// DSN returns its name as a URL, with user, password and database.
func (s *Server) DSN() string { return s.kind.dsn(s) }

// Dir returns the folder of its data.
func (s *Server) Dir() string { return s.dir }

// Start starts a server that does not run, on the data that it had, and waits
// until it can be used.
func (s *Server) Start() {
	s.t.Helper()
	if s.proc != nil {
		s.t.Fatalf("servers: %s runs", s.kind.name)
	}
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends it as a crash does (SIGKILL), and whatever it has started.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.kill(); err != nil {
		s.t.Fatal(err)
	}
}

// Stop ends it as an operator does (SIGINT: PostgreSQL does not wait for its
// clients; SIGTERM for others).
func (s *Server) Stop() {
	s.t.Helper()
	if s.proc == nil {
		return
	}
	err := s.proc.stop(s.kind.name == "postgres")
	s.proc = nil
	if err != nil {
		s.t.Fatalf("servers: stopping %s: %v", s.kind.name, err)
	}
}

// Restart is Stop and Start.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.Start()
}

func (s *Server) kill() error {
	if s.proc == nil {
		return nil
	}
	err := s.proc.kill()
	s.proc = nil
	if err != nil {
		return fmt.Errorf("servers: killing %s: %w", s.kind.name, err)
	}
	return nil
}

func (s *Server) start() error {
	until := time.Now().Add(readyWithin)
	for {
		again, err := s.tryStart(until)
		if err == nil {
			return nil
		}
		// What was killed may not be quite gone.
		if !again || time.Now().After(until) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// tryStart starts it once. It says whether it is worth trying again: not if it
// runs and is never ready.
func (s *Server) tryStart(until time.Time) (again bool, err error) {
	logFile := filepath.Join(s.dir, "log")
	log, err := os.OpenFile(logFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	defer log.Close() // the child has its own
	cmd := s.kind.command(s)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := spawn(cmd, s.kind.account)
	if err != nil {
		return false, fmt.Errorf("servers: starting %s: %w", s.kind.name, err)
	}
	for {
		if err = s.kind.ready(s); err == nil {
			s.proc = p
			return false, nil
		}
		select {
		case <-p.done:
			return true, fmt.Errorf("servers: %s ended: %v\n%s", s.kind.name, p.err, tail(logFile))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(until) {
			return false, fmt.Errorf("servers: %s is not ready within %v: %w\n%s", s.kind.name, readyWithin, errors.Join(err, p.kill()), tail(logFile))
		}
	}
}

// tail returns the end of a log.
func tail(file string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(text, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}

// run runs a program to its end as the account does.
func run(account string, cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := spawn(cmd, account)
	if err != nil {
		return err
	}
	<-p.done
	if p.err != nil {
		return fmt.Errorf("%w: %s", p.err, out.Bytes())
	}
	return nil
}

// find returns where a program is, in PATH or in one of the folders.
func find(name string, folders ...string) (string, bool) {
	if path, err := exec.LookPath(name); err == nil {
		return path, true
	}
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(folder, name))
		if err == nil && len(found) > 0 {
			return found[len(found)-1], true // of the newest version
		}
	}
	return "", false
}

// need returns where programs are, or skips the test.
func need(t testing.TB, what string, folders []string, names ...string) []string {
	t.Helper()
	if !startable {
		t.Skipf("server: no %s of a test's own on this system", what)
	}
	var paths []string
	for _, name := range names {
		path, ok := find(name, folders...)
		if !ok {
			t.Skipf("server: no %s on this machine: there is no program %s", what, name)
		}
		paths = append(paths, path)
	}
	return paths
}
