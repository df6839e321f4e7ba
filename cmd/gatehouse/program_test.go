package main

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// A program is the tool as it is built and run by a user.
type program struct {
	t   *testing.T
	exe string
	env []string
}

func (p program) cmd(stdin string, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	var out, errs bytes.Buffer
	c := exec.CommandContext(p.t.Context(), p.exe, args...)
	c.Stdin, c.Stdout, c.Stderr, c.Env, c.Dir = strings.NewReader(stdin), &out, &errs, p.env, p.t.TempDir()
	return c, &out, &errs
}

func (p program) run(stdin string, args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	c, out, errs := p.cmd(stdin, args...)
	err := c.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// build builds the program, for a database file that is not there.
func build(t *testing.T) program {
	t.Helper()
	if testing.Short() {
		t.Skip("not in short mode: it builds the program")
	}
	dir := t.TempDir()
	exe := filepath.Join(dir, "gatehouse")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program{t, exe, []string{"GATEHOUSE_DB=file:" + filepath.Join(dir, "app.db")}}
}

// TestProgram builds the program, and uses it in an environment that has next
// to nothing in it.
func TestProgram(t *testing.T) {
	p := build(t)
	for _, step := range []struct {
		code  int
		say   string // on standard output, or on standard error of a failure
		stdin string
		args  []string
	}{
		{0, "Usage: gatehouse <command>", "", []string{"--help"}},
		{0, "Usage: gatehouse user create <email>", "", []string{"user", "create", "-h"}},
		{2, "Usage: gatehouse <command>", "", nil},
		{2, "unknown flag --nope", "", []string{"sweep", "--nope"}},
		{0, "gatehouse ", "", []string{"version"}},
		{1, "app.db", "", []string{"user", "list"}},
		{1, "fault", "", []string{"doctor"}},
		{0, "applied ", "", []string{"migrate", "up"}},
		{0, "ok  ", "", []string{"doctor"}},
		{0, "created ada@example.com", good, []string{"user", "create", "ada@example.com", "--password-stdin"}},
		{4, "taken", good, []string{"user", "create", "ada@example.com", "--password-stdin"}},
		{2, "no terminal", good, []string{"user", "set-password", "ada@example.com"}},
		{3, "there is no user eve", "", []string{"user", "show", "eve"}},
		{0, `"email": "ada@example.com"`, "", []string{"user", "list", "--json"}},
		{0, "deleted 0 things", "", []string{"sweep"}},
		{0, "defined admin", "", []string{"role", "set", "admin", "--permission", "*"}},
		{3, "there is no user eve", "", []string{"role", "grant", "admin", "eve"}},
		{4, "nobody has proved that the address ada@example.com is theirs", "", []string{"role", "grant", "admin", "ada@example.com"}},
		{2, "--object is a type, a slash and an ID", "", []string{"role", "grant", "admin", "ada@example.com", "--object", "post"}},
		{0, "granted admin to 42", "", []string{"role", "grant", "admin", "42", "--no-users"}},
		{0, "42", "", []string{"role", "holders", "admin"}},
		{0, "took admin from 42", "", []string{"role", "revoke", "admin", "42", "--no-users"}},
		{3, "42 was not granted admin", "", []string{"role", "revoke", "admin", "42", "--no-users"}},
		{4, "--yes", "", []string{"role", "delete", "admin"}},
		{0, "deleted admin", "", []string{"role", "delete", "admin", "--yes"}},
		{4, "--yes", "", []string{"migrate", "down"}},
		{0, "undid", "", []string{"migrate", "down", "--yes"}},
	} {
		code, stdout, stderr := p.run(step.stdin, step.args...)
		said, other := stdout, stderr
		if step.code != 0 && step.args != nil && step.args[0] != "doctor" || step.args == nil {
			said, other = stderr, stdout
		}
		if code != step.code || !strings.Contains(said, step.say) || other != "" {
			t.Errorf("gatehouse %s: exit code %d, want %d, saying %q\n%s\n%s", strings.Join(step.args, " "), code, step.code, step.say, stdout, stderr)
		}
	}

	// The other tests hash quickly.
	db, err := open.DB(strings.TrimPrefix(p.env[0], "GATEHOUSE_DB="))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var hash string
	if err := db.QueryRow("SELECT data FROM gatehouse_credentials WHERE kind = 'password'").Scan(&hash); err != nil || !strings.HasPrefix(hash, "$2a$12$") || (password.Bcrypt{}).Verify(hash, []byte(strings.TrimSpace(good))) != nil {
		t.Errorf("the hash is %q, %v", hash, err)
	}
}
