package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new pseudoterminal: what a person has in
// front of them, and what a program reads.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("there are no pseudoterminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Skipf("there are no pseudoterminals here: %v", err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudoterminals here: %v", err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func echoes(t *testing.T, program *os.File) bool {
	t.Helper()
	termios, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return termios.Lflag&unix.ECHO != 0
}

// A prompter is where the program asks; it lets a person answer each question.
type prompter struct {
	bytes.Buffer
	mu      sync.Mutex
	answers []answer
}

type answer struct {
	to string
	do func()
}

func (p *prompter) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Buffer.Write(b)
	if len(p.answers) > 0 && strings.HasSuffix(p.String(), p.answers[0].to) {
		do := p.answers[0].do
		p.answers = p.answers[1:]
		do()
	}
	return len(b), nil
}

// A session at a terminal: what a person types to each question, and how it ends.
func TestTerminal(t *testing.T) {
	const pass = "correct horse battery staple"
	for name, tt := range map[string]struct {
		args    []string
		answers [][2]string
		code    int
		say     string
	}{
		"typed twice":    {[]string{"user", "create", "ada@example.com"}, [][2]string{{"New password: ", pass}, {"The same again: ", pass}}, exitOK, ""},
		"a mistake":      {[]string{"user", "create", "ada@example.com"}, [][2]string{{"New password: ", pass}, {"The same again: ", pass + "x"}}, exitRefused, "differ"},
		"nothing":        {[]string{"user", "create", "ada@example.com"}, [][2]string{{"New password: ", ""}, {"The same again: ", ""}}, exitRefused, "needed"},
		"Ctrl-C":         {[]string{"user", "create", "ada@example.com"}, [][2]string{{"New password: ", pass}, {"The same again: ", "\x03"}}, exitInterrupted, "interrupted"},
		"Ctrl-D":         {[]string{"user", "create", "ada@example.com"}, [][2]string{{"New password: ", "\x04"}}, exitInterrupted, "interrupted"},
		"shown":          {[]string{"user", "create", "ada@example.com", "--password-stdin"}, nil, exitUsage, "would show the password"},
		"confirmed":      {[]string{"migrate", "down"}, [][2]string{{"Type yes to go on: ", "yes"}}, exitOK, ""},
		"not confirmed":  {[]string{"migrate", "down"}, [][2]string{{"Type yes to go on: ", "y"}}, exitRefused, "not confirmed"},
		"the end, asked": {[]string{"sessions", "revoke", "--all"}, [][2]string{{"Type yes to go on: ", "\x04"}}, exitRefused, "not confirmed"},
		"everybody":      {[]string{"sessions", "revoke", "--all"}, [][2]string{{"Everybody will be logged out and has to log in again. Type yes to go on: ", "yes"}}, exitOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := migrated(t)
			person, program := openTerminal(t)
			var asked prompter
			for _, qa := range tt.answers {
				asked.answers = append(asked.answers, answer{qa[0], func() {
					go func() {
						for hides := strings.HasPrefix(qa[0], "New") || strings.HasPrefix(qa[0], "The same"); hides && echoes(t, program); {
							time.Sleep(time.Millisecond)
						}
						line := qa[1]
						if line == "" || line >= " " {
							line += "\r" // as a keyboard does
						}
						person.WriteString(line)
					}()
				}})
			}
			var out bytes.Buffer
			code := run(t.Context(), tt.args, program, &out, &asked, func(name string) string { return g.env[name] })
			if code != tt.code || !strings.Contains(asked.String(), tt.say) || len(asked.answers) > 0 {
				t.Errorf("exit code %d, want %d, saying %q\n%s%s", code, tt.code, tt.say, out.String(), asked.String())
			}
			if !echoes(t, program) {
				t.Error("the terminal was left not showing what is typed")
			}
			program.Close()
			shown, _ := readAll(person)
			if strings.Contains(shown+out.String()+asked.String(), pass) {
				t.Errorf("the password was shown: %q", shown)
			}
		})
	}
}

// readAll reads what the terminal has shown; a terminal that nobody has open any
// more is an error, which is its end.
func readAll(person *os.File) (string, error) {
	var b bytes.Buffer
	_, err := b.ReadFrom(person)
	return b.String(), err
}

// TestInterruptedPrompt ends the program while it waits for a password.
func TestInterruptedPrompt(t *testing.T) {
	g := migrated(t)
	_, program := openTerminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	var asked prompter
	asked.answers = []answer{{"New password: ", func() {
		go func() {
			for echoes(t, program) {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
	}}}
	code := run(ctx, []string{"user", "create", "ada@example.com"}, program, &asked, &asked, func(name string) string { return g.env[name] })
	if code != exitInterrupted || !strings.Contains(asked.String(), "interrupted") {
		t.Errorf("exit code %d\n%s", code, asked.String())
	}
	if !echoes(t, program) {
		t.Error("the terminal was left not showing what is typed")
	}
}

// TestProgramInterrupted sends SIGINT to the program while it asks for a password.
func TestProgramInterrupted(t *testing.T) {
	p := build(t)
	p.run("", "migrate", "up")
	_, tty := openTerminal(t)
	c, out, _ := p.cmd("", "user", "create", "bob@example.com")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c.Stdin, c.Stderr = tty, w
	err = c.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for b := make([]byte, 64); ; {
		n, err := r.Read(b)
		said.Write(b[:n])
		if strings.HasSuffix(said.String(), "New password: ") {
			c.Process.Signal(os.Interrupt)
		}
		if err != nil {
			break
		}
	}
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); code != exitInterrupted || said.String() != "New password: \ngatehouse: interrupted\n" || out.Len() > 0 {
		t.Errorf("exit code %d\n%s%s", code, out, said.String())
	}
	if !echoes(t, tty) {
		t.Error("the terminal was left not showing what is typed")
	}
}
