package redisstore_test

import (
	"crypto/rand"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/health"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

func TestCluster(t *testing.T) {
	c := startCluster(t)
	open := func(t *testing.T) *redisstore.Store {
		s, err := redisstore.New(c, &redisstore.Options{Prefix: "test:" + rand.Text()[:16]})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Run("Sessions", func(t *testing.T) {
		authtest.TestSessionStore(t, func(t *testing.T) auth.SessionStore { return open(t) })
	})
	t.Run("Tickets", func(t *testing.T) {
		authtest.TestTicketStore(t, func(t *testing.T) auth.TicketStore { return open(t) })
	})
	t.Run("Counters", func(t *testing.T) {
		authtest.TestLimiter(t, func(t *testing.T) auth.Limiter { return open(t) })
	})
	t.Run("Check", func(t *testing.T) {
		found := map[string]int{}
		for _, f := range open(t).Check(t.Context(), now()) {
			found[f.Check]++
			if f.Level == health.Fault {
				t.Errorf("%s: %s", f.Check, f.Detail)
			}
		}
		for _, check := range []string{"redis", "memory", "persistence", "replicas", "cluster", "clock"} {
			if found[check] != 3 {
				t.Errorf("%s was looked at on %d servers, want 3", check, found[check])
			}
		}
	})
}
