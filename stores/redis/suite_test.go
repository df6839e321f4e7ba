package redisstore_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/internal/servers"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// run begins the prefix of everything that these tests write.
var run = "test:" + rand.Text()[:10]

// TestMain deletes what was written into the server that others use too, which
// takes a look at everything that is in it: once.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := cleanUp(os.Getenv("GATEHOUSE_TEST_REDIS")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func cleanUp(url string) error {
	if url == "" {
		return nil
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	c := redis.NewClient(o)
	defer c.Close()
	ctx := context.Background()
	it := c.Scan(ctx, 0, run+":*", 10_000).Iterator()
	for it.Next(ctx) {
		if err := c.Del(ctx, it.Val()).Err(); err != nil {
			return err
		}
	}
	return it.Err()
}

// own are the servers of tests that look at all keys, by the test's name.
var own sync.Map

// ownServer gives the test a server that nobody else uses.
func ownServer(t testing.TB) {
	t.Helper()
	own.Store(t.Name(), servers.Redis(t).DSN())
}

// server returns the URL of the server of this test.
func server(t testing.TB) string {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	if url, ok := own.Load(name); ok {
		return url.(string)
	}
	url := os.Getenv("GATEHOUSE_TEST_REDIS")
	if url == "" {
		t.Skip("server: set GATEHOUSE_TEST_REDIS")
	}
	return url
}

// newStore returns an empty store in the server, and its prefix.
func newStore(t testing.TB, opts redisstore.Options) (*redisstore.Store, string) {
	t.Helper()
	opts.Prefix = run + ":" + rand.Text()[:10]
	s, err := redisstore.Open(server(t), &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
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
