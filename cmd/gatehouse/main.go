// Command gatehouse looks after what Gatehouse keeps: it makes the tables,
// sweeps them, examines them, and creates users, gives them passwords and ends
// their sessions, with the same checks and consequences as the site itself.
//
//	go install github.com/gatehouse-go/gatehouse/cmd/gatehouse@latest
//
// Where to start: gatehouse --help, or docs/cli.md, which is the same on one
// page.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	redis.SetLogger(quiet{})
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// quiet keeps go-redis from writing to standard error: what fails is said once.
type quiet struct{}

// Printf implements go-redis' interface of loggers.
func (quiet) Printf(context.Context, string, ...any) {}

// run is the whole program and returns its exit code. When ctx ends, it stops
// between two steps, says how far it came, and returns 130.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) string) int {
	return (&app{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}).run(args, env)
}

func (a *app) run(args []string, env func(string) string) int {
	err := a.main(args, env)
	if err == nil {
		return exitOK
	}
	code := exitOf(a.ctx, err)
	a.complain(err, code)
	return code
}
