package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

func TestDeleteAll(t *testing.T) {
	s, prefix := newStore(t, redisstore.Options{})
	testDeleteAll(t, s)
	c := newClient(t, server(t))
	defer c.Close()
	if left := keys(t, c, prefix); len(left) != 1 { // the ticket of nobody
		t.Errorf("left over: %q", left)
	}

	// What cannot be read keeps nobody else logged in, and is said.
	must(t, s.CreateSession(t.Context(), newSession(1, "u")))
	must(t, c.Set(t.Context(), prefix+":s:nonsense", "nonsense", 0).Err())
	if n, err := s.DeleteAllSessions(t.Context(), ""); n != 1 || err == nil || errors.Is(err, auth.ErrNotFound) {
		t.Errorf("with something unreadable: %d, %v", n, err)
	}
	if left := keys(t, c, prefix); len(left) != 2 { // nor is anything left in the index of the user
		t.Errorf("left over: %q", left)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.DeleteAllSessions(ended, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestDeleteAllOnCluster(t *testing.T) {
	c := startCluster(t)
	s, err := redisstore.New(c, &redisstore.Options{Prefix: "test:" + rand.Text()[:16]})
	must(t, err)
	testDeleteAll(t, s)
}

// testDeleteAll has the users of two realms log in, more of them than are
// looked at at once, and logs out those of one and then all.
func testDeleteAll(t *testing.T, s *redisstore.Store) {
	t.Helper()
	const users = 700
	ctx := t.Context()
	name := func(i int) string { return fmt.Sprintf("%c:%d", 'a'+i%2, i) }
	for i := range users {
		must(t, s.CreateSession(ctx, newSession(i, name(i))))
		must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "login", Key: name(i), UserID: name(i), CreatedAt: now(), ExpiresAt: now()}))
	}
	must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "oauth", Key: "x", CreatedAt: now(), ExpiresAt: now()}))
	left := func() (sessions, listed, tickets [2]int) {
		t.Helper()
		for i := range users {
			if _, err := s.LoadSession(ctx, sid(i)); err == nil {
				sessions[i%2]++
			} else if !errors.Is(err, auth.ErrNotFound) {
				t.Fatal(err)
			}
			all, err := s.UserSessions(ctx, name(i))
			must(t, err)
			listed[i%2] += len(all)
			if _, err := s.LoadTicket(ctx, "login", name(i)); err == nil {
				tickets[i%2]++
			}
		}
		return sessions, listed, tickets
	}
	expect := func(b int) {
		t.Helper()
		want := [2]int{0, b}
		if sessions, listed, tickets := left(); sessions != want || listed != want || tickets != want {
			t.Errorf("%v sessions, %v in the lists, %v tickets; want %v of each", sessions, listed, tickets, want)
		}
	}
	n, err := s.DeleteAllSessions(ctx, "a:")
	must(t, err)
	must(t, s.DeleteAllTickets(ctx, "a:"))
	if n != users/2 {
		t.Errorf("deleted %d, want %d", n, users/2)
	}
	expect(users / 2)
	n, err = s.DeleteAllSessions(ctx, "")
	must(t, err)
	must(t, s.DeleteAllTickets(ctx, ""))
	if n != users/2 {
		t.Errorf("deleted %d, want %d", n, users/2)
	}
	expect(0)
	if _, err := s.LoadTicket(ctx, "oauth", "x"); err != nil {
		t.Errorf("the ticket of nobody: %v", err)
	}
	if n, err := s.DeleteAllSessions(ctx, ""); n != 0 || err != nil {
		t.Errorf("of nobody: %d, %v", n, err)
	}
}
