package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// While the slot of all tickets moves from one server of a cluster to another, some
// keys of a script are here and some are there. A verb may fail then; it may not say
// that it has done what it has not.
func TestTicketsWhileTheirSlotMoves(t *testing.T) {
	c := startCluster(t)
	ctx := t.Context()
	prefix := "test:" + rand.Text()[:16]
	s, err := redisstore.New(c, &redisstore.Options{Prefix: prefix})
	must(t, err)
	slot := int(c.ClusterKeySlot(ctx, "{t}").Val())
	from, err := c.MasterForKey(ctx, "{t}")
	must(t, err)
	var to *redis.Client
	var mu sync.Mutex
	must(t, c.ForEachMaster(ctx, func(_ context.Context, n *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		if n.Options().Addr != from.Options().Addr && (to == nil || n.Options().Addr < to.Options().Addr) {
			to = n
		}
		return nil
	}))
	fromID, toID := from.Do(ctx, "cluster", "myid").Val(), to.Do(ctx, "cluster", "myid").Val()

	ticket := func(key string) auth.Ticket {
		return auth.Ticket{Purpose: "reset", Key: key, UserID: "u", Slot: "u", CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)}
	}
	must(t, s.PutTicket(ctx, ticket("warm")))
	_, err = s.TakeTicket(ctx, "reset", "warm")
	must(t, err)
	must(t, s.DeleteUserTickets(ctx, "u"))
	must(t, s.PutTicket(ctx, ticket("old")))

	must(t, to.Do(ctx, "cluster", "setslot", slot, "importing", fromID).Err())
	must(t, from.Do(ctx, "cluster", "setslot", slot, "migrating", toID).Err())
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.PutTicket(short, auth.Ticket{Purpose: "state", Key: "k", CreatedAt: t0, ExpiresAt: t0}); errors.Is(err, auth.ErrExists) {
		t.Errorf("PutTicket: %v", err)
	}
	if _, err := s.TakeTicket(short, "reset", "none"); err == nil {
		t.Error("a ticket was taken that nobody has put")
	}
	put := s.PutTicket(short, ticket("new"))

	// The index has gone before what is in it.
	for _, k := range keys(t, from, prefix+":{t}:u") {
		must(t, from.Do(ctx, "migrate", "127.0.0.1", to.Options().Addr[len("127.0.0.1:"):], k, 0, 1000, "replace").Err())
	}
	revoked := s.DeleteUserTickets(short, "u")
	if _, err := s.LoadTicket(ctx, "reset", "old"); err != nil && !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("LoadTicket: %v", err)
	}

	for { // the move goes on
		left := from.ClusterGetKeysInSlot(ctx, slot, 100).Val()
		if len(left) == 0 {
			break
		}
		for _, k := range left {
			if err := from.Do(ctx, "migrate", "127.0.0.1", to.Options().Addr[len("127.0.0.1:"):], k, 0, 1000, "replace").Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range []*redis.Client{to, from} {
		must(t, n.Do(ctx, "cluster", "setslot", slot, "node", toID).Err())
	}
	live := 0
	for _, key := range []string{"old", "new"} {
		if _, err := s.LoadTicket(ctx, "reset", key); err == nil {
			live++
			if revoked == nil {
				t.Errorf("ticket %q was deleted with its user's, and is there", key)
			}
		} else if !errors.Is(err, auth.ErrNotFound) {
			t.Error(err)
		}
	}
	if live > 1 {
		t.Errorf("two tickets have one slot; PutTicket said %v", put)
	}
	must(t, s.DeleteUserTickets(ctx, "u"))
	if _, err := s.LoadTicket(ctx, "reset", "old"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("LoadTicket after the move: %v, want %v", err, auth.ErrNotFound)
	}
}
