package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "demo.db")
	for name, tt := range map[string]struct {
		args []string
		want string // in the error
	}{
		"all addresses":    {[]string{"-addr", "0.0.0.0:0"}, "-addr 0.0.0.0:0 can be reached from other machines"},
		"all addresses, 6": {[]string{"-addr", "[::]:0"}, "can be reached from other machines"},
		"no address":       {[]string{"-addr", ":0"}, "can be reached from other machines"},
		"not an address":   {[]string{"-addr", "nonsense"}, "nonsense"},
		"other database":   {[]string{"-addr", "localhost:0", "-db", "oracle://u:hunter2@localhost/x"}, `-db: open: scheme "oracle"`},
		"nearly memory":    {[]string{"-addr", "localhost:0", "-db", "memory"}, "-db: open: no scheme"},
		"nobody there":     {[]string{"-addr", "localhost:0", "-db", "postgres://u:hunter2@127.0.0.1:1/x"}, "-db: open: PostgreSQL"},
		"not a redis":      {[]string{"-addr", "localhost:0", "-db", "memory:", "-sessions", "http://u:hunter2@localhost"}, "-sessions: "},
		"no file":          {[]string{"-addr", "localhost:0", "-db", "file:"}, `-db "file:"`},
		"no folder":        {[]string{"-addr", "localhost:0", "-db", "file:" + missing}, missing},
		"not a network":    {[]string{"-trusted-proxies", "10.0.0.1"}, `"10.0.0.1" is not a network such as 10.0.0.0/8`},
		"half a network":   {[]string{"-trusted-proxies", "10.0.0.0/8,x"}, `"x" is not a network`},
		"no such binding":  {[]string{"-binding", "basic"}, `-binding "basic": want off, notice or strict`},
		"empty binding":    {[]string{"-binding="}, `-binding "": want off, notice or strict`},
		"no overlap":       {[]string{"-remember-overlap", "0"}, "-remember-overlap 0s: make it 1s or more, and 10m at most"},
		"negative overlap": {[]string{"-remember-overlap", "-1m"}, "-remember-overlap -1m0s: make it"},
		"too much overlap": {[]string{"-remember-overlap", "10m1s"}, "-remember-overlap 10m1s: make it"},
		"not a duration":   {[]string{"-remember-overlap", "60"}, `invalid value "60" for flag -remember-overlap`},
		"no such oauth":    {[]string{"-oauth", "env"}, `-oauth "env": want dev, all or off`},
		"empty oauth":      {[]string{"-oauth="}, `-oauth "": want dev, all or off`},
		"not of the loop":  {[]string{"-addr", "localhost:0", "-db", "memory:", "-oauth-addr", "0.0.0.0:0"}, "-oauth-addr"},
		"not an address 2": {[]string{"-addr", "localhost:0", "-db", "memory:", "-oauth-addr", "nonsense"}, "-oauth-addr"},
		"no such engine":   {[]string{"-authz", "acl"}, `-authz "acl": want rbac, casbin, cedar, opa`},
		"empty engine":     {[]string{"-authz="}, `-authz "": want rbac`},
		"no policy":        {[]string{"-addr", "localhost:0", "-db", "memory:", "-oauth", "off", "-policy", missing}, "-policy"},
		"not an address 3": {[]string{"-bootstrap-admin", "ada"}, `-bootstrap-admin "ada": want an e-mail address such as ada@example.com`},
		"two addresses":    {[]string{"-bootstrap-admin", "ada@example.com,bob@example.com"}, "-bootstrap-admin"},
		"no such verify":   {[]string{"-verify", "yes"}, `-verify "yes": want required or optional`},
		"empty verify":     {[]string{"-verify="}, `-verify "": want`},
		"closed at once":   {[]string{"-close-after", "0"}, "-close-after 0s: make it 1s or more"},
		"no mail server":   {[]string{"-addr", "localhost:0", "-db", "memory:", "-oauth", "off", "-smtp", "http://u:hunter2@localhost"}, "-smtp: "},
		"not encrypted":    {[]string{"-addr", "localhost:0", "-db", "memory:", "-oauth", "off", "-smtp", "localhost:25"}, "-smtp: "},
		"argument":         {[]string{"serve"}, `unexpected argument "serve"`},
		"unknown flag":     {[]string{"-tls"}, "-tls"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := run(ctx, tt.args)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") ||
				strings.Contains(err.Error(), "\n") && name != "nobody there" /* pgx says what it tried */ {
				t.Errorf("%v: got %q, want a line with %q", tt.args, err, tt.want)
			}
		})
	}
	c, err := parse(nil)
	if err != nil || c.addr != "localhost:8080" || c.db != "file:demo.db" || c.sessions != "" || c.proxies != nil || c.binding != "notice" || c.overlap != time.Minute || c.oauth != "dev" || c.oauthAddr != "" || c.authz != "rbac" || c.policy != "" || c.firstAdmin != "" || c.verify != "optional" || c.closeAfter != 14*24*time.Hour || c.smtp != "" {
		t.Errorf("without flags: %+v, %v", c, err)
	}
	c, err = parse([]string{"-trusted-proxies", "10.0.0.0/8, ::1/128", "-trusted-proxies", "192.0.2.0/24"})
	if err != nil || len(c.proxies) != 3 {
		t.Errorf("networks: %+v, %v", c, err)
	}
	c, err = parse([]string{"-binding", "strict", "-remember-overlap", "1m30s"})
	if err != nil || c.binding != "strict" || c.overlap != 90*time.Second {
		t.Errorf("binding and overlap: %+v, %v", c, err)
	}
	if _, err := parse([]string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

// built is where program builds. TestMain removes it.
var built string

// program builds the demo as people get it, once for all tests.
var program = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "demo")
	if err != nil {
		return "", err
	}
	built = folder
	name := filepath.Join(folder, "demo")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", name, ".").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return name, nil
})

// A process is a demo of its own.
type process struct {
	*exec.Cmd
	url  string // see await
	logs logbook
	out  io.Reader
	done chan struct{} // closed when it has ended
}

// begin runs a command that is a demo.
func begin(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, done: make(chan struct{})}
	cmd.Stderr = &p.logs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// await waits until it serves, which a process that is killed may never do: then its
// url is "". It is called once.
func (p *process) await() {
	line, _ := bufio.NewReader(p.out).ReadString('\n')
	_, p.url, _ = strings.Cut(strings.TrimSpace(line), " is at ")
	go func() {
		defer close(p.done)
		_, _ = io.Copy(io.Discard, p.out)
		_ = p.Wait() // it is killed more often than not
	}()
}

// start is begin and await.
func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := begin(t, cmd)
	p.await()
	return p
}

// stop kills the process, if it still lives, and waits for its end.
func (p *process) stop() {
	_ = p.Process.Kill() // it may have ended
	<-p.done
}

// TestProgram is the demo as people start it: with its own hasher, on a file,
// until it is told to end.
func TestProgram(t *testing.T) {
	name, err := program()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	args := []string{"-addr", "127.0.0.1:0"}
	for _, already := range []bool{false, true} {
		cmd := exec.Command(name, args...)
		cmd.Dir = folder
		p := start(t, cmd)
		defer p.stop()
		if p.url == "" {
			t.Fatalf("does not serve: %s", p.logs.String())
		}
		c := newClient(t, p.url, true)
		if !already {
			c.register(email, secret)
		}
		c.logIn(email, secret)
		if a := c.get("/me"); a.StatusCode != 200 || !strings.Contains(a.body, email) {
			t.Errorf("/me: %s", a)
		}
		if err := p.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.done:
		case <-time.After(15 * time.Second):
			t.Fatal("does not end")
		}
		if !p.ProcessState.Success() {
			t.Errorf("ended with %s: %s", p.ProcessState, p.logs.String())
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "demo.db")); err != nil {
		t.Error(err)
	}
	out, err := exec.Command(name, "-addr", "0.0.0.0:0").CombinedOutput()
	if err == nil || strings.Count(string(out), "\n") != 1 || !strings.HasPrefix(string(out), "demo: -addr") {
		t.Errorf("all addresses: %v, %s", err, out)
	}
}
