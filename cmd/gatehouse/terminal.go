package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// terminal returns standard input if somebody can type there.
func (a *app) terminal() (*os.File, bool) {
	f, ok := a.stdin.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// maxInput is more than any password that is accepted has bytes.
const maxInput = 1 << 14

// password returns a new password: from standard input if piped, or else typed
// twice on a terminal, which does not show it.
func (a *app) password(piped bool) (string, error) {
	tty, ok := a.terminal()
	switch {
	case piped && ok:
		return "", usage("leave --password-stdin out, and type the password", "standard input is a terminal, which would show the password")
	case piped:
		return a.pipedPassword()
	case !ok:
		return "", usage("pipe it in with --password-stdin", "there is no terminal on which to ask for the password")
	}
	typed, err := a.typed(tty, "New password: ", "The same again: ")
	if err != nil {
		return "", err
	}
	if typed[0] != typed[1] {
		return "", refused("", "the two passwords differ; nothing was changed")
	}
	return typed[0], nil
}

// pipedPassword is what standard input holds, without a line end after it.
func (a *app) pipedPassword() (string, error) {
	b, err := await(a.ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(a.stdin, maxInput+1)) })
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	if len(b) > maxInput {
		return "", refused("", "standard input is too long for a password")
	}
	b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(b, "\r\n") {
		return "", usage("give the password alone, in one line", "standard input has more than one line")
	}
	if len(b) == 0 {
		return "", usage("", "standard input holds no password")
	}
	return string(b), nil
}

// typed asks for lines that are not shown. However it ends, the terminal is as it
// was: nothing but this changes it, so no signal comes in between.
func (a *app) typed(tty *os.File, prompts ...string) (lines []string, err error) {
	before, err := term.MakeRaw(int(tty.Fd()))
	if err != nil {
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	defer func() {
		if e := term.Restore(int(tty.Fd()), before); e != nil && err == nil {
			err = fmt.Errorf("the terminal: %w", e)
		}
		if err != nil {
			fmt.Fprintln(a.stderr) // after the prompt
		}
	}()
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{tty, a.stderr}, "")
	for _, prompt := range prompts {
		line, err := await(a.ctx, func() (string, error) { return t.ReadPassword(prompt) })
		switch {
		case errors.Is(err, io.EOF): // Ctrl-C, which is no signal here, or Ctrl-D
			return nil, &coded{code: exitInterrupted, text: "interrupted"}
		case err != nil:
			return nil, fmt.Errorf("reading the password: %w", err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// confirm asks whether what must be meant is meant. yes answers it; where
// nobody can be asked, it is refused.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	tty, ok := a.terminal()
	if !ok {
		return refused("give --yes if that is what you want", "%s There is no terminal on which to ask", question)
	}
	fmt.Fprintf(a.stderr, "%s Type yes to go on: ", printable(question))
	answer, err := await(a.ctx, func() (string, error) { return readLine(tty) })
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if strings.TrimSpace(answer) != "yes" {
		return refused("", "not confirmed; nothing was changed")
	}
	return nil
}

// readLine reads a line and nothing after it.
func readLine(r io.Reader) (string, error) {
	var got []byte
	for one := make([]byte, 1); len(got) < maxInput; {
		n, err := r.Read(one)
		if n == 1 && one[0] == '\n' || err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		got = append(got, one[:n]...)
	}
	return string(got), nil
}

// await returns what f does, or the error of ctx if that ends earlier. f is then
// left alone: the program is about to end.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
