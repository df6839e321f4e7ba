package redisstore_test

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// server returns the URL of the server for tests.
func server(t testing.TB) string {
	t.Helper()
	url := os.Getenv("GATEHOUSE_TEST_REDIS")
	if url == "" {
		t.Skip("server: set GATEHOUSE_TEST_REDIS")
	}
	return url
}

// newStore returns an empty store in the server, and its prefix. What is in it
// is deleted after the test.
func newStore(t testing.TB, opts redisstore.Options) (*redisstore.Store, string) {
	t.Helper()
	url := server(t)
	opts.Prefix = "test:" + rand.Text()[:16]
	s, err := redisstore.Open(url, &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		must(t, s.Close())
		c := newClient(t, url)
		deleteKeys(t, c, opts.Prefix)
		c.Close()
	})
	return s, opts.Prefix
}

func newClient(t testing.TB, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return redis.NewClient(o)
}

// keys returns the names of all keys with the prefix.
func keys(t testing.TB, c redis.Cmdable, prefix string) []string {
	t.Helper()
	var all []string
	it := c.Scan(context.Background(), 0, prefix+":*", 1000).Iterator()
	for it.Next(context.Background()) {
		all = append(all, it.Val())
	}
	must(t, it.Err())
	return all
}

func deleteKeys(t testing.TB, c redis.Cmdable, prefix string) {
	t.Helper()
	for _, k := range keys(t, c, prefix) {
		must(t, c.Del(context.Background(), k).Err())
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSessions(t *testing.T) {
	authtest.TestSessionStore(t, func(t *testing.T) auth.SessionStore { s, _ := newStore(t, redisstore.Options{}); return s })
}

func TestTickets(t *testing.T) {
	authtest.TestTicketStore(t, func(t *testing.T) auth.TicketStore { s, _ := newStore(t, redisstore.Options{}); return s })
}

func TestCounters(t *testing.T) {
	authtest.TestLimiter(t, func(t *testing.T) auth.Limiter { s, _ := newStore(t, redisstore.Options{}); return s })
}

// now is the clock of this machine, which is also that of its servers.
func now() time.Time { return time.Now() }
