package backends

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A Backend is a place to keep things, empty at first. Its methods are safe for
// concurrent use.
type Backend struct {
	// Name is "memory", "SQLite", "PostgreSQL", "MariaDB" or "Redis".
	Name string

	// open opens an instance; its first call makes what all share.
	open func(t testing.TB) Instance
	dump func(t testing.TB) []byte
}

// An Instance is what one process of a site has.
type Instance struct {
	Store auth.Store
	Users Users // kept beside what Store keeps; in the same database if it is one
}

// Users is a host's table of users.
type Users interface {
	auth.UserLoader
	CreateUser(ctx context.Context, p auth.Profile) (id string, err error)
	SetDisabled(ctx context.Context, id string, disabled bool) error
	DeleteUser(ctx context.Context, id string) error
}

// Open opens another instance on the same data: with connections, locks and
// prepared statements of its own, as another process of the same site would. It
// is closed at the end of t. Only that of "memory" is the same again, since
// memory has no second process. Open skips the test if its server is not named.
func (b *Backend) Open(t testing.TB) Instance {
	t.Helper()
	return b.open(t)
}

// Dump returns all that is kept, keys included, as an attacker would find it: to
// look for what must not be in it. Strings and bytes are in it as they are, with
// something between any two.
func (b *Backend) Dump(t testing.TB) []byte {
	t.Helper()
	return b.dump(t)
}

// All returns the five, each empty. What they keep is removed at the end of t.
func All(t testing.TB) []*Backend {
	return []*Backend{
		Memory(t),
		SQLite(t),
		shared(t, "PostgreSQL", "GATEHOUSE_TEST_POSTGRES", sqlBackend, removeSQL),
		shared(t, "MariaDB", "GATEHOUSE_TEST_MYSQL", sqlBackend, removeSQL),
		shared(t, "Redis", "GATEHOUSE_TEST_REDIS", redisBackend, removeRedis),
	}
}

// Each runs f on each of the five, as a subtest with the name of the backend.
func Each(t *testing.T, f func(t *testing.T, b *Backend)) {
	t.Helper()
	for _, b := range All(t) {
		t.Run(b.Name, func(t *testing.T) { f(t, b) })
	}
}

// At returns a Backend on the server that dsn names, such as that of
// servers.Server: its tables and keys have a prefix that others have not, and are
// left there. It ends the test if the scheme of dsn is none of "postgres",
// "mysql", "redis" and "file".
func At(t testing.TB, dsn string) *Backend {
	t.Helper()
	scheme, _, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "file":
		return sqlBackend(t, "SQLite", dsn, newPrefix())
	case "postgres":
		return sqlBackend(t, "PostgreSQL", dsn, newPrefix())
	case "mysql":
		return sqlBackend(t, "MariaDB", dsn, newPrefix())
	case "redis":
		return redisBackend(t, "Redis", dsn, newPrefix())
	}
	t.Fatalf("backends: no store for the scheme %q", scheme)
	return nil
}

// newPrefix begins the names of tables and keys. It is short, since MySQL's names
// of indexes are.
func newPrefix() string { return "t" + strings.ToLower(rand.Text()[:12]) + "_" }

// shared is a Backend on a server that others use at the same time. Nothing is
// connected to before it is used.
func shared(t testing.TB, name, variable string, at func(t testing.TB, name, dsn, prefix string) *Backend, remove func(t testing.TB, dsn, prefix string)) *Backend {
	dsn, prefix := os.Getenv(variable), newPrefix()
	var used sync.Once
	b := at(t, name, dsn, prefix)
	open := b.open
	b.open = func(test testing.TB) Instance {
		test.Helper()
		if dsn == "" {
			test.Skipf("server: set %s", variable)
		}
		used.Do(func() { t.Cleanup(func() { remove(t, dsn, prefix) }) })
		return open(test)
	}
	return b
}

// Memory returns an empty store in memory.
func Memory(t testing.TB) *Backend {
	store := &written{Store: memory.New(nil)}
	users := memory.NewUsers()
	return &Backend{
		Name: "memory",
		open: func(testing.TB) Instance { return Instance{store, users} },
		dump: func(testing.TB) []byte { return store.dump() },
	}
}
