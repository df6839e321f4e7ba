package main

import (
	"fmt"
	"io"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

type sweepCmd struct {
	Batch     int           `default:"1000" placeholder:"N" help:"How many things of each sort one statement deletes at most (${default}): writers of the site wait for one statement."`
	Max       int           `placeholder:"N" help:"Stop with the batch that makes it N or more. Default: go on until nothing is left."`
	OlderThan time.Duration `placeholder:"DURATION" help:"Delete only what had expired so long ago, as in 24h. Default 0s."`
}

// Help is the detail of the help.
func (*sweepCmd) Help() string {
	return `Deletes sessions, credentials, tickets, counters and records of what happened to accounts that have expired, in small batches, as auth.Manager.Run does in a site. What has expired is good for nothing; sweeping only gives its space back. It may run beside the site, and several times at once. Interrupted, it says how far it came, and can be called again.

Redis forgets by itself: --sessions is not looked at.

Examples:

    gatehouse sweep
    gatehouse sweep --older-than 24h --max 100000 --json`
}

// Validate is called by Kong.
func (c *sweepCmd) Validate() error {
	switch {
	case c.Batch < 1 || c.Batch > 100_000:
		return fmt.Errorf("--batch is %d: make it 1 to 100000", c.Batch)
	case c.Max < 0:
		return fmt.Errorf("--max is %d: make it 1 or more", c.Max)
	case c.OlderThan < 0:
		return fmt.Errorf("--older-than is %v: make it 0s or more", c.OlderThan)
	}
	return nil
}

type swept struct {
	Deleted  int  `json:"deleted"`
	Batches  int  `json:"batches"`
	Complete bool `json:"complete"` // nothing that has expired is left
}

// Run sweeps.
func (c *sweepCmd) Run(a *app) error {
	db, err := a.database(false)
	if err != nil {
		return err
	}
	defer db.Close()
	result := swept{Complete: true}
	if err = c.sweep(a, db, &result); err != nil {
		result.Complete = false
	}
	printErr := a.print(result, func(w io.Writer) {
		fmt.Fprintf(w, "deleted %s in %s\n", count(result.Deleted, "thing"), countBatches(result.Batches))
		if !result.Complete {
			fmt.Fprintln(w, "there may be more")
		}
	})
	if err == nil {
		err = printErr
	}
	return err
}

// sweep sweeps until nothing is left, or as far as the flags say.
func (c *sweepCmd) sweep(a *app, s auth.Sweeper, result *swept) error {
	before := time.Now().Add(-c.OlderThan)
	for {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		limit := c.Batch
		if c.Max > 0 {
			if result.Deleted >= c.Max {
				result.Complete = false
				return nil
			}
			limit = min(limit, c.Max-result.Deleted)
		}
		n, err := s.Sweep(a.ctx, before, limit)
		result.Deleted += n
		if err != nil {
			return fmt.Errorf("sweeping: %w", err)
		}
		if n == 0 {
			return nil
		}
		result.Batches++
	}
}

func countBatches(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return fmt.Sprintf("%d batches", n)
}
