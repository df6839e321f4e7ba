// Command load runs one site as two processes, with users, credentials and
// guards in PostgreSQL and sessions, tickets and counters in Redis, and has 64
// clients use both for a minute. Every answer is checked. It prints what happened
// as JSON and exits with 1 if an answer was wrong or there were too few.
//
//	GATEHOUSE_TEST_POSTGRES=postgres://… GATEHOUSE_TEST_REDIS=redis://… go run ./cmd/load
//
// It listens on the loopback interface only, and removes what it has made.
package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/bench"
	"github.com/gatehouse-go/gatehouse/bench/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c config
	flag.IntVar(&c.processes, "processes", 2, "how many processes the site has")
	flag.IntVar(&c.clients, "clients", 64, "how many clients use it at once")
	flag.IntVar(&c.users, "users", 16, "how many accounts the clients share")
	flag.DurationVar(&c.duration, "duration", time.Minute, "for how long")
	flag.Int64Var(&c.requests, "requests", 100_000, "fewer requests than this are a failure")
	flag.StringVar(&c.postgres, "postgres", "", "name of the database; default $GATEHOUSE_TEST_POSTGRES, where a password is safer")
	flag.StringVar(&c.redis, "redis", "", "URL of the server; default $GATEHOUSE_TEST_REDIS")
	flag.Parse()
	c.postgres = cmp.Or(c.postgres, os.Getenv("GATEHOUSE_TEST_POSTGRES")) // not as the default of a flag, which is printed
	c.redis = cmp.Or(c.redis, os.Getenv("GATEHOUSE_TEST_REDIS"))
	err := c.run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

type config struct {
	processes, clients, users int
	duration                  time.Duration
	requests                  int64
	postgres, redis           string
}

func (c config) run(ctx context.Context) (err error) {
	place := place{c.postgres, c.redis, os.Getenv(prefixVariable)}
	if place.prefix != "" { // we are one of the processes
		return serve(ctx, place)
	}
	if c.postgres == "" || c.redis == "" {
		return errors.New("server: set GATEHOUSE_TEST_POSTGRES and GATEHOUSE_TEST_REDIS, or the flags -postgres and -redis")
	}
	place.prefix = "l" + strings.ToLower(rand.Text()[:10]) + "_"
	s, err := place.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	cfg := load.Config{Clients: c.clients, Duration: c.duration}
	if cfg.Accounts, err = s.populate(ctx, c.users); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the processes, whatever happens
	for range c.processes {
		p, err := start(ctx, place)
		if err != nil {
			return err
		}
		defer p.stop()
		cfg.Sites = append(cfg.Sites, "http://"+p.addr)
	}
	report, err := load.Run(ctx, cfg)
	if err != nil {
		return err
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(struct {
		Processes  int    `json:"processes"`
		Clients    int    `json:"clients"`
		Users      int    `json:"users"`
		Duration   string `json:"duration"`
		Processors int    `json:"processors"`
		load.Report
	}{c.processes, c.clients, c.users, c.duration.String(), runtime.NumCPU(), report}); err != nil {
		return err
	}
	switch {
	case report.Wrong > 0:
		return fmt.Errorf("%d of %d answers were wrong", report.Wrong, report.Requests)
	case report.Requests < c.requests:
		return fmt.Errorf("%d requests, want %d at least", report.Requests, c.requests)
	}
	return ctx.Err()
}

// populate makes the tables and registers users.
func (s *site) populate(ctx context.Context, users int) ([]load.Account, error) {
	if err := s.db.Migrate(ctx); err != nil {
		return nil, err
	}
	_, provider, err := load.NewSite(s.store, s.db.Users())
	if err != nil {
		return nil, err
	}
	accounts := make([]load.Account, users)
	return accounts, bench.InParallel(users, func(i int) error {
		email := fmt.Sprintf("user%d@example.com", i)
		id, err := provider.Register(ctx, auth.Profile{Email: email}, load.Password)
		accounts[i] = load.Account{UserID: id, Email: email}
		return err
	})
}

// A process serves the site.
type process struct {
	addr  string
	cmd   *exec.Cmd
	stdin io.Closer
}

// start runs this program again as one of the processes, which says where it
// listens. What it may know is in the environment, where other users of the machine
// do not see it.
func start(ctx context.Context, at place) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), prefixVariable+"="+at.prefix, "GATEHOUSE_TEST_POSTGRES="+at.postgres, "GATEHOUSE_TEST_REDIS="+at.redis)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("a process of the site did not start: %w", errors.Join(err, cmd.Wait()))
	}
	return &process{strings.TrimSpace(line), cmd, in}, nil
}

// stop ends the process: it serves until its standard input ends.
func (p *process) stop() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
}
