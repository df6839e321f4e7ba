package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The exit codes, which are a promise; see the help of the program.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitWarnings    = 5
	exitInterrupted = 130 // as a shell says of a program that SIGINT ended
)

// A coded error has its exit code with it. If its text is empty, everything has
// been said already.
type coded struct {
	code int
	text string
	next string // what to do now, or ""
}

func (e *coded) Error() string { return e.text }

func usage(next, format string, args ...any) error {
	return &coded{exitUsage, fmt.Sprintf(format, args...), next}
}

func notFound(next, format string, args ...any) error {
	return &coded{exitNotFound, fmt.Sprintf(format, args...), next}
}

func refused(next, format string, args ...any) error {
	return &coded{exitRefused, fmt.Sprintf(format, args...), next}
}

// said is for a result that has been printed, and is not success.
func said(code int) error { return &coded{code: code} }

// exitOf tells the outcomes apart. What is not known is a failure.
func exitOf(ctx context.Context, err error) int {
	var c *coded
	var p *auth.Problem
	switch {
	case errors.As(err, &c):
		return c.code
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &p):
		if p.Status >= http.StatusInternalServerError {
			return exitFailed // "busy"
		}
		return exitRefused
	case errors.Is(err, auth.ErrNotFound):
		return exitNotFound
	case errors.Is(err, auth.ErrExists), errors.Is(err, auth.ErrConflict), errors.Is(err, auth.ErrInvalid):
		return exitRefused
	}
	return exitFailed
}

// complain says what went wrong, and what to do.
func (a *app) complain(err error, code int) {
	var c *coded
	var p *auth.Problem
	text, next := err.Error(), ""
	switch {
	case errors.As(err, &c):
		if text == "" {
			return
		}
		next = c.next
	case code == exitInterrupted:
		text = "interrupted"
	case errors.As(err, &p):
		text = fmt.Sprintf("refused (%s): %s", p.Code, p.Detail)
		if p.Field != "" {
			text = fmt.Sprintf("refused (%s, %s): %s", p.Field, p.Code, p.Detail)
		}
	case code == exitFailed:
		next = `"gatehouse doctor" says more of what it stands on`
	}
	fmt.Fprintf(a.stderr, "gatehouse: %s\n", strings.ReplaceAll(a.clean(text), "\n", "\n  "))
	if next != "" {
		fmt.Fprintf(a.stderr, "  %s\n", next)
	}
}
