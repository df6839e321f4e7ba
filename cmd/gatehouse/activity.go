package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

type userActivityCmd struct {
	who
	Since time.Duration `placeholder:"DURATION" help:"Only what happened in this time until now, as in 48h. Default: all that is kept."`
	After string        `placeholder:"TEXT" help:"Go on after this, which the last call has printed as next."`
	Limit int           `default:"100" placeholder:"N" help:"How many at most (${default})."`
}

// Help is the detail of the help.
func (*userActivityCmd) Help() string {
	return `Lists what the site keeps of what happened to a user's account, the newest first: logins and wrong guesses, from where and in which device, and what was changed, by whom. It is for every site that has audit.Sink among its auth.Options.Events, over the store's Audit; one that has not keeps nothing, which is said. It is no matter whether the user is disabled, or has closed the account. With --no-users, WHO is an ID, or an e-mail address or user name of which there is a credential.

If there are more, the last line says how to go on.

Examples:

    gatehouse user activity ada@example.com
    gatehouse user activity ada@example.com --since 48h
    gatehouse user activity 0193b0a2-1f4e-7c5a-9d3e-0a1b2c3d4e5f --json | jq -r '.events[].addr'`
}

// Validate is called by Kong.
func (c *userActivityCmd) Validate() error {
	switch {
	case c.Limit < 1 || c.Limit > 10_000:
		return fmt.Errorf("--limit is %d: make it 1 to 10000", c.Limit)
	case c.Since < 0:
		return fmt.Errorf("--since is %v: make it 0s or more", c.Since)
	}
	return nil
}

// An activity is a part of what happened to an account.
type activity struct {
	UserID string      `json:"user_id"`
	Events []happening `json:"events"`
	Next   string      `json:"next"` // for --after; "" if these were the last
}

// A happening is a record in JSON, with the names that it has on the user's own page.
type happening struct {
	At     moment `json:"at"`
	Name   string `json:"name"`
	Method string `json:"method"`
	Device string `json:"device"`
	Addr   string `json:"addr"`
	Actor  string `json:"actor"`
	Reason string `json:"reason"`
}

func happeningOf(r *audit.Record) happening {
	h := happening{moment(r.At), r.Name, r.Method, r.Label, "", r.Actor, r.Reason}
	if r.Addr.IsValid() {
		h.Addr = r.Addr.String()
	}
	return h
}

// Run lists what happened.
func (c *userActivityCmd) Run(a *app) error {
	s, err := a.site(0)
	if err != nil {
		return err
	}
	defer s.close()
	id, err := s.idOfRecorded(a.ctx, c.Who)
	if errors.Is(err, auth.ErrNotFound) {
		return notFound("an ID must be given as the site has it; is it in another --realm?", "nothing is known here of a user %s", c.Who)
	}
	if err != nil {
		return err
	}
	v, err := c.page(a.ctx, s, id)
	if err != nil {
		return err
	}
	if len(v.Events) == 0 && c.After == "" {
		kept, err := s.keepsRecords(a.ctx)
		if err != nil {
			return err
		}
		if !kept {
			a.warn("nothing is kept of anybody: the site has no audit.Sink over this database among its auth.Options.Events, or nothing has happened since")
		}
	}
	return a.print(v, func(w io.Writer) {
		if len(v.Events) == 0 {
			fmt.Fprintln(w, "no activity")
			return
		}
		rows := [][]string{{"TIME", "EVENT", "METHOD", "DEVICE", "ADDRESS", "ACTOR", "REASON"}}
		for _, h := range v.Events {
			rows = append(rows, []string{h.At.String(), h.Name, h.Method, h.Device, h.Addr, h.Actor, h.Reason})
		}
		table(w, rows)
		if v.Next != "" {
			fmt.Fprintf(w, "\nmore: --after %s\n", line(v.Next))
		}
	})
}

// page returns the part that was asked for.
func (c *userActivityCmd) page(ctx context.Context, s *site, id string) (activity, error) {
	v := activity{UserID: id, Events: []happening{}}
	records, err := s.db.Audit().UserRecords(ctx, s.Realm(), id, c.After, c.Limit+1)
	if err != nil {
		return v, err
	}
	if len(records) == 0 && c.After != "" {
		return v, usage("", "--after is nothing that was printed as next, or is not kept any more")
	}
	if len(records) > c.Limit {
		records = records[:c.Limit]
		v.Next = records[c.Limit-1].ID
	}
	now := s.Now()
	for i := range records {
		r := &records[i]
		if c.Since > 0 && r.At.Before(now.Add(-c.Since)) {
			v.Next = ""
			break
		}
		if r.ExpiresAt.IsZero() || now.Before(r.ExpiresAt) { // it may not be swept yet
			v.Events = append(v.Events, happeningOf(r))
		}
	}
	return v, nil
}

// idOfRecorded is idOf for users of whom there may be nothing but records, or who are in
// a table of the host's. The sessions are not asked, which may be what is down.
func (s *site) idOfRecorded(ctx context.Context, who string) (string, error) {
	// Who has chosen somebody's ID for a user name is not taken for them.
	records, err := s.db.Audit().UserRecords(ctx, s.Realm(), who, "", 1)
	if err != nil || len(records) > 0 {
		return who, err
	}
	held, err := s.Store().UserCredentials(ctx, who)
	if err != nil || len(held) > 0 {
		return who, err
	}
	return s.idOf(ctx, who)
}

// keepsRecords reports whether there is a record of anybody.
func (s *site) keepsRecords(ctx context.Context) (bool, error) {
	var ids []string
	err := s.db.DB(ctx).NewSelect().Table(s.prefix+"audit").Column("id").Limit(1).Scan(ctx, &ids)
	return len(ids) > 0, err
}
