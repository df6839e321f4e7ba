package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

type sweptJSON struct {
	Deleted, Batches int
	Complete         bool
}

// expire puts n tickets into the site that had expired at that time.
func (s *hostSite) expire(n int, at time.Time) {
	s.t.Helper()
	err := s.db.InTx(s.t.Context(), func(ctx context.Context) error {
		for i := range n {
			if err := s.db.PutTicket(ctx, auth.Ticket{Purpose: at.String(), Key: fmt.Sprint(i), ExpiresAt: at}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestSweep(t *testing.T) { onEach(t, testSweep) }

func testSweep(t *testing.T, g *tool) {
	s := g.site("")
	now := time.Now()
	s.expire(25, now.Add(-hour))
	s.expire(10, now.Add(-48*hour))
	s.expire(5, now.Add(hour))
	s.login("a", 1)
	var r sweptJSON
	for _, step := range []struct {
		args []string
		want sweptJSON
	}{
		{[]string{"--older-than", "24h"}, sweptJSON{10, 1, true}},
		{[]string{"--batch", "4", "--max", "10"}, sweptJSON{10, 3, false}},
		{[]string{"--batch", "4"}, sweptJSON{15, 4, true}},
		{nil, sweptJSON{0, 0, true}},
	} {
		if g.parse(&r, "", append([]string{"sweep"}, step.args...)...); r != step.want {
			t.Errorf("sweep %v: %+v, want %+v", step.args, r, step.want)
		}
	}
	if s.sessions("a") != 1 {
		t.Error("what has not expired was swept")
	}
	old := audit.Record{ID: "old", Event: auth.Event{Name: "login", UserID: "a", At: now.Add(-400 * 24 * hour)}, ExpiresAt: now.Add(-hour)}
	if err := s.db.Audit().Append(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if got := g.ok("", "sweep"); got != "deleted 1 thing in 1 batch\n" {
		t.Errorf("with what has happened: said %q", got)
	}
	if got := g.ok("", "sweep", "--help"); !strings.Contains(strings.Join(strings.Fields(got), " "), "records of what happened") {
		t.Errorf("the help does not say that what has happened is swept: %s", got)
	}
	s.expire(1, now.Add(-time.Minute))
	if got := g.ok("", "sweep"); got != "deleted 1 thing in 1 batch\n" {
		t.Errorf("said %q", got)
	}
	g.fails(exitUsage, "make it 1 to 100000", "", "sweep", "--batch", "0")
	g.fails(exitUsage, "--max", "", "sweep", "--max=-1")
	g.fails(exitUsage, "--older-than", "", "sweep", "--older-than=-1h")
	g.fails(exitUsage, "--older-than", "", "sweep", "--older-than", "yesterday")
}

// endingAfter is a context that ends when it has been looked at n times.
type endingAfter struct {
	context.Context
	end func()
	n   int
}

func (c *endingAfter) Err() error {
	if c.n--; c.n == 0 {
		c.end()
	}
	return c.Context.Err()
}

// TestSweepInterrupted ends the context in the middle: what was deleted is
// said, the code is 130, and the next call finds the rest.
func TestSweepInterrupted(t *testing.T) {
	g := migrated(t)
	s := g.site("")
	s.expire(100, time.Now().Add(-hour))
	ctx, cancel := context.WithCancel(t.Context())
	g.ctx = &endingAfter{ctx, cancel, 20}
	code, out, errs := g.run("", "sweep", "--batch", "1", "--json")
	var r sweptJSON
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if code != exitInterrupted || r.Complete || r.Deleted == 0 || r.Deleted == 100 || !strings.Contains(errs, "interrupted") {
		t.Errorf("exit code %d, %+v, saying %q", code, r, errs)
	}
	g.ctx = t.Context()
	first := r.Deleted
	if g.parse(&r, "", "sweep"); first+r.Deleted != 100 {
		t.Errorf("%d and then %d were deleted, want 100 together", first, r.Deleted)
	}
}
