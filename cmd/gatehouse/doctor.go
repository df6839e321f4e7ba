package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/health"
)

type doctorCmd struct {
	Timeout time.Duration `default:"30s" placeholder:"DURATION" help:"How long all of it may take (${default})."`
}

// Help is the detail of the help.
func (*doctorCmd) Help() string {
	return `Connects to the database, and to the store of sessions if --sessions says where that is, and examines what the guarantees of Gatehouse rest on: whether the schema is there and up to date, the clocks agree, the indexes are used, and the settings lose nothing that was acknowledged. It changes nothing.

The exit code is that of the worst finding: 0 if all is well, 5 if it works and will not always (a warning), 1 if it does not work (a fault).

Examples:

    gatehouse doctor
    gatehouse doctor --sessions redis://127.0.0.1:6379/0 --json`
}

type diagnosis struct {
	Level    health.Level `json:"level"`
	Findings []finding    `json:"findings"`
}

type finding struct {
	Store string `json:"store"` // "database" or "sessions"
	health.Finding
}

// Run examines the stores.
func (c *doctorCmd) Run(a *app) error {
	places := a.places()
	if len(places) == 0 {
		return usage("give --db file:app.db, or set GATEHOUSE_DB", "which database?")
	}
	whole := a.ctx
	ctx, cancel := context.WithTimeout(whole, c.Timeout)
	defer cancel()
	a.ctx = ctx // opening heeds it too
	return a.diagnose(whole, places)
}

// diagnose examines places and prints what is found. The exit code is that of the
// worst. whole is the context without the timeout.
func (a *app) diagnose(whole context.Context, places []place) error {
	d := diagnosis{Findings: []finding{}}
	for _, place := range places {
		found, err := examine(a.ctx, place)
		if err != nil {
			return err
		}
		for _, f := range found {
			f.Detail = a.clean(f.Detail)
			d.Findings = append(d.Findings, finding{place.name, f})
			d.Level = max(d.Level, f.Level)
		}
	}
	err := a.print(d, func(w io.Writer) {
		for _, f := range d.Findings {
			fmt.Fprintf(w, "%-8s %s, %s: %s\n", f.Level, f.Store, f.Check, line(f.Detail))
			if f.Fix != "" {
				fmt.Fprintf(w, "         fix: %s\n", line(f.Fix))
			}
		}
	})
	switch {
	case err != nil:
		return err
	case whole.Err() != nil:
		return whole.Err()
	case d.Level == health.Fault:
		return said(exitFailed)
	case d.Level == health.Warning:
		return said(exitWarnings)
	}
	return nil
}

// examine opens a store and returns what is found, its not being there included.
// A command line that is not right is an error.
func examine(ctx context.Context, p place) ([]health.Finding, error) {
	fault := func(detail, fix string) ([]health.Finding, error) {
		return []health.Finding{{Check: "connection", Level: health.Fault, Detail: detail, Fix: fix}}, nil
	}
	store, err := p.open()
	switch {
	case errors.As(err, new(*coded)):
		return nil, err
	case err != nil:
		return fault(err.Error(), "check the URL, whether the server runs, and whether it can be reached from here")
	}
	defer store.Close()
	c, ok := auth.As[health.Checker](store)
	if !ok {
		return fault(fmt.Sprintf("a %T cannot be examined", store), "")
	}
	found := c.Check(ctx, time.Now())
	if len(found) == 0 {
		return fault("nothing was examined", "")
	}
	return found, nil
}
