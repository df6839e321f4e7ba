package gorillastore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/gorilla/sessions"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
	gorillastore "github.com/gatehouse-go/gatehouse/stores/gorilla"
)

var day = time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)

// A kind is a kind of backend: open returns an empty one, ready for use.
type kind struct {
	name string
	open func(t testing.TB) gorillastore.Backend
}

var kinds = []kind{
	{"memory", func(testing.TB) gorillastore.Backend { return gorillastore.NewMemory() }},
	{"SQLite", func(t testing.TB) gorillastore.Backend { return newBun(t, sqliteDB(t)) }},
	{"PostgreSQL", func(t testing.TB) gorillastore.Backend { return newBun(t, postgresDB(t)) }},
	{"MySQL", func(t testing.TB) gorillastore.Backend { return newBun(t, mysqlDB(t)) }},
	{"Redis", newRedis},
}

// onAll runs f on every kind of backend.
func onAll(t *testing.T, f func(t *testing.T, b gorillastore.Backend)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { f(t, k.open(t)) })
	}
}

func sqliteDB(t testing.TB) *bun.DB {
	t.Helper()
	path := strings.NewReplacer("%", "%25", "#", "%23", "?", "%3f").Replace(filepath.Join(t.TempDir(), "test.db"))
	return opened(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(wal)&_pragma=synchronous(off)",
		func(db *sql.DB) *bun.DB { return bun.NewDB(db, sqlitedialect.New()) })
}

func postgresDB(t testing.TB) *bun.DB {
	t.Helper()
	dsn := os.Getenv("GATEHOUSE_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("server: set GATEHOUSE_TEST_POSTGRES to the DSN of a PostgreSQL database for tests")
	}
	return opened(t, "pgx", dsn, func(db *sql.DB) *bun.DB { return bun.NewDB(db, pgdialect.New()) })
}

func mysqlDB(t testing.TB) *bun.DB {
	t.Helper()
	dsn := os.Getenv("GATEHOUSE_TEST_MYSQL")
	if dsn == "" {
		t.Skip("server: set GATEHOUSE_TEST_MYSQL to the DSN of a MariaDB or MySQL database for tests")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("GATEHOUSE_TEST_MYSQL is no URL")
	}
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = u.User.Username(), "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	c.Passwd, _ = u.User.Password()
	return opened(t, "mysql", c.FormatDSN(), func(db *sql.DB) *bun.DB { return bun.NewDB(db, mysqldialect.New()) })
}

func opened(t testing.TB, driver, dsn string, dialect func(*sql.DB) *bun.DB) *bun.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	t.Cleanup(func() { db.Close() })
	return dialect(db)
}

// newBun returns a backend with a table of its own, which is dropped at the end.
func newBun(t testing.TB, db *bun.DB) *gorillastore.Bun {
	t.Helper()
	prefix := randomPrefix()
	b := gorillastore.NewBun(db, &gorillastore.BunOptions{Prefix: prefix})
	if err := b.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := db.DB.Exec("DROP TABLE " + prefix + "gorilla"); err != nil {
			t.Error(err)
		}
	})
	return b
}

func randomPrefix() string { return "t_" + strings.ToLower(rand.Text())[:20] + "_" }

func redisClient(t testing.TB) *redis.Client {
	t.Helper()
	dsn := os.Getenv("GATEHOUSE_TEST_REDIS")
	if dsn == "" {
		t.Skip("server: set GATEHOUSE_TEST_REDIS to the URL of a Redis database for tests")
	}
	opts, err := redis.ParseURL(dsn)
	if err != nil {
		t.Fatal("GATEHOUSE_TEST_REDIS is no URL")
	}
	c := redis.NewClient(opts)
	t.Cleanup(func() { c.Close() })
	return c
}

func newRedis(t testing.TB) gorillastore.Backend {
	t.Helper()
	b, _, _ := redisWithKeys(t)
	return b
}

// redisWithKeys returns a backend, its client, and what keys it has used, which are
// deleted at the end. The database may have millions of others.
func redisWithKeys(t testing.TB) (*gorillastore.Redis, *redis.Client, func() []string) {
	t.Helper()
	c, used := redisClient(t), &keys{prefix: randomPrefix(), used: map[string]bool{}}
	c.AddHook(used)
	t.Cleanup(func() {
		for _, key := range used.list() {
			if err := c.Del(context.Background(), key).Err(); err != nil {
				t.Error(err)
			}
		}
	})
	return gorillastore.NewRedis(c, &gorillastore.RedisOptions{Prefix: used.prefix}), c, used.list
}

// keys notes which keys a client uses.
type keys struct {
	prefix string
	mu     sync.Mutex
	used   map[string]bool
}

func (k *keys) list() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(k.used))
}

func (k *keys) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		for _, arg := range cmd.Args() {
			if key, ok := arg.(string); ok && strings.HasPrefix(key, k.prefix+":") {
				k.mu.Lock()
				k.used[key] = true
				k.mu.Unlock()
			}
		}
		return next(ctx, cmd)
	}
}

func (k *keys) DialHook(next redis.DialHook) redis.DialHook { return next }

func (k *keys) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// newStore returns a store with a clock.
func newStore(t testing.TB, b gorillastore.Backend, opts *gorillastore.Options) (*gorillastore.Store, *authtest.Clock) {
	t.Helper()
	var o gorillastore.Options
	if opts != nil {
		o = *opts
	}
	clock := authtest.NewClock(day)
	if o.Now == nil {
		o.Now = clock.Now
	}
	s, err := gorillastore.New(b, &o)
	if err != nil {
		t.Fatal(err)
	}
	return s, clock
}

// A browser keeps cookies by name and makes requests without a server.
type browser struct {
	mu      sync.Mutex
	cookies map[string]string
}

func newBrowser() *browser { return &browser{cookies: map[string]string{}} }

// request returns a request with the cookies.
func (b *browser) request() *http.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// keep takes what a response sets and returns it.
func (b *browser) keep(w *httptest.ResponseRecorder) []*http.Cookie {
	b.mu.Lock()
	defer b.mu.Unlock()
	set := w.Result().Cookies()
	for _, c := range set {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return set
}

// copy returns another browser with the same cookies.
func (b *browser) copy() *browser {
	c := newBrowser()
	for name, value := range b.cookies {
		c.cookies[name] = value
	}
	return c
}

// visit makes a request in which f is given the session "cart", and returns what was
// set.
func (b *browser) visit(t testing.TB, s *gorillastore.Store, f func(w http.ResponseWriter, r *http.Request, session *sessions.Session)) []*http.Cookie {
	t.Helper()
	r, w := b.request(), httptest.NewRecorder()
	session, err := s.Get(r, "cart")
	if err != nil {
		t.Fatal(err)
	}
	f(w, r, session)
	return b.keep(w)
}

// put sets a value and saves.
func (b *browser) put(t testing.TB, s *gorillastore.Store, key string, value any) []*http.Cookie {
	t.Helper()
	return b.visit(t, s, func(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
		session.Values[key] = value
		if err := session.Save(r, w); err != nil {
			t.Fatal(err)
		}
	})
}

// values returns what the browser's session has.
func (b *browser) values(t testing.TB, s *gorillastore.Store) (values map[any]any) {
	t.Helper()
	b.visit(t, s, func(_ http.ResponseWriter, _ *http.Request, session *sessions.Session) { values = session.Values })
	return values
}

// A faulty backend does what it is told before and after a verb.
type faulty struct {
	gorillastore.Backend
	mu     sync.Mutex
	calls  []string
	before func(verb string) error
	after  func(verb string) error
}

func (f *faulty) tell(before bool, verb string) error {
	f.mu.Lock()
	g := f.after
	if before {
		f.calls = append(f.calls, verb)
		g = f.before
	}
	f.mu.Unlock()
	if g == nil {
		return nil
	}
	return g(verb)
}

func (f *faulty) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *faulty) set(before, after func(verb string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}

func (f *faulty) around(verb string, do func() error) error {
	if err := f.tell(true, verb); err != nil {
		return err
	}
	err := do()
	if failed := f.tell(false, verb); failed != nil {
		return failed
	}
	return err
}

func (f *faulty) Load(ctx context.Context, id gorillastore.ID) (r *gorillastore.Record, err error) {
	err = f.around("load", func() error { r, err = f.Backend.Load(ctx, id); return err })
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (f *faulty) Create(ctx context.Context, r *gorillastore.Record) error {
	return f.around("create", func() error { return f.Backend.Create(ctx, r) })
}

func (f *faulty) Update(ctx context.Context, r *gorillastore.Record) error {
	return f.around("update", func() error { return f.Backend.Update(ctx, r) })
}

func (f *faulty) Delete(ctx context.Context, id gorillastore.ID) error {
	return f.around("delete", func() error { return f.Backend.Delete(ctx, id) })
}
