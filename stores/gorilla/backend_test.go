package gorillastore_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	gorillastore "github.com/gatehouse-go/gatehouse/stores/gorilla"
)

func record(n byte, userID string) *gorillastore.Record {
	return &gorillastore.Record{
		ID: gorillastore.ID{n, 0, 0xff}, Digest: [32]byte{n, 0, 0x80}, UserID: userID, Data: []byte{n, 0, 0xfe},
		SeenAt: day, EndsAt: day.Add(30 * 24 * time.Hour), ExpiresAt: day.Add(time.Duration(n) * time.Hour),
	}
}

// TestBackend is the contract of Backend, sentence by sentence.
func TestBackend(t *testing.T) {
	onAll(t, func(t *testing.T, b gorillastore.Backend) {
		ctx := t.Context()
		create := func(t *testing.T, rs ...*gorillastore.Record) {
			t.Helper()
			for _, r := range rs {
				if err := b.Create(ctx, r); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = b.Delete(context.Background(), r.ID) })
			}
		}
		load := func(t *testing.T, n byte) *gorillastore.Record {
			t.Helper()
			r, err := b.Load(ctx, gorillastore.ID{n, 0, 0xff})
			if err != nil {
				t.Fatalf("record %d: %v", n, err)
			}
			return r
		}
		missing := func(t *testing.T, ns ...byte) {
			t.Helper()
			for _, n := range ns {
				if r, err := b.Load(ctx, gorillastore.ID{n, 0, 0xff}); !errors.Is(err, auth.ErrNotFound) || r != nil {
					t.Errorf("record %d: %v, %v, want ErrNotFound", n, r, err)
				}
			}
		}

		t.Run("comes back", func(t *testing.T) {
			for i, r := range []*gorillastore.Record{record(1, "ada"), record(2, ""), record(3, "Ünï \x00 "+strings.Repeat("x", 240))} {
				r.Version = 77
				r.SeenAt = day.Add(1234567 * time.Nanosecond).In(time.FixedZone("", 3600))
				if i == 0 {
					r.RenewedAt, r.Data = day, []byte(strings.Repeat("\x00\xff", 1<<16))
				}
				want := *r
				create(t, r)
				r.Data[0]++ // it is the caller's
				want.Data = append([]byte(nil), r.Data...)
				want.Data[0]--
				want.Version, want.SeenAt = 1, day.Add(time.Millisecond)
				got := load(t, r.ID[0])
				if !reflect.DeepEqual(*got, want) {
					t.Errorf("got %.200v\nwant %.200v", *got, want)
				}
				got.Data[0]++
				if again := load(t, r.ID[0]); !reflect.DeepEqual(*again, want) {
					t.Error("what is loaded shares memory")
				}
			}
		})
		t.Run("create", func(t *testing.T) {
			create(t, record(1, "ada"))
			other := record(1, "bob")
			other.Digest = [32]byte{9}
			if err := b.Create(ctx, other); err == nil || errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrConflict) {
				t.Errorf("an ID that is taken: %v", err)
			}
			if r := load(t, 1); r.UserID != "ada" {
				t.Error("was overwritten")
			}
		})
		t.Run("update", func(t *testing.T) {
			create(t, record(1, ""), record(2, ""))
			r := record(1, "ada")
			r.Version, r.Digest, r.Data, r.RenewedAt, r.SeenAt = 1, [32]byte{7}, []byte("other"), day, day.Add(time.Minute)
			r.EndsAt, r.ExpiresAt = day.Add(time.Hour), day.Add(2*time.Hour)
			if err := b.Update(ctx, r); err != nil {
				t.Fatal(err)
			}
			r.Version = 2
			if got := load(t, 1); !reflect.DeepEqual(got, r) {
				t.Errorf("got %v\nwant %v", got, r)
			}
			if got := load(t, 2); got.Version != 1 {
				t.Error("another record was changed")
			}
			for _, v := range []int64{1, 3, 0, -1} {
				stale := record(1, "mallory")
				stale.Version = v
				if err := b.Update(ctx, stale); !errors.Is(err, auth.ErrConflict) {
					t.Errorf("version %d: %v, want ErrConflict", v, err)
				}
			}
			if got := load(t, 1); !reflect.DeepEqual(got, r) {
				t.Errorf("changed by a conflict: %v", got)
			}
			gone := record(9, "ada")
			gone.Version = 1
			if err := b.Update(ctx, gone); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("one that is not there: %v, want ErrNotFound", err)
			}
			missing(t, 9)
		})
		t.Run("one of many updates", func(t *testing.T) {
			create(t, record(1, ""))
			var wg sync.WaitGroup
			var won, lost atomic.Int32
			for range 20 {
				wg.Go(func() {
					r := record(1, "ada")
					r.Version = 1
					switch err := b.Update(ctx, r); {
					case err == nil:
						won.Add(1)
					case errors.Is(err, auth.ErrConflict):
						lost.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 || lost.Load() != 19 {
				t.Errorf("%d won, %d lost", won.Load(), lost.Load())
			}
		})
		t.Run("one of many deletes", func(t *testing.T) {
			create(t, record(1, ""), record(2, ""))
			var wg sync.WaitGroup
			var won atomic.Int32
			for range 20 {
				wg.Go(func() {
					switch err := b.Delete(ctx, gorillastore.ID{1, 0, 0xff}); {
					case err == nil:
						won.Add(1)
					case !errors.Is(err, auth.ErrNotFound):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Errorf("%d deleted it", won.Load())
			}
			missing(t, 1)
			load(t, 2)
		})
		t.Run("delete user", func(t *testing.T) {
			ada := record(1, "ada")
			create(t, ada, record(2, "ada"), record(3, "Ada"), record(4, "ada "), record(5, ""), record(6, ""))
			later := record(6, "ada")
			later.Version = 1
			if err := b.Update(ctx, later); err != nil {
				t.Fatal(err)
			}
			if err := b.DeleteUser(ctx, "ada", ada.ID); err != nil {
				t.Fatal(err)
			}
			missing(t, 2, 6)
			for _, n := range []byte{1, 3, 4, 5} {
				load(t, n)
			}
			if err := errors.Join(b.DeleteUser(ctx, "ada"), b.DeleteUser(ctx, "nobody"), b.DeleteUser(ctx, "")); err != nil {
				t.Fatal(err)
			}
			missing(t, 1)
			load(t, 5)
		})
		t.Run("user changes", func(t *testing.T) {
			create(t, record(1, "ada"))
			r := record(1, "")
			r.Version = 1
			if err := b.Update(ctx, r); err != nil {
				t.Fatal(err)
			}
			if err := b.DeleteUser(ctx, "ada"); err != nil {
				t.Fatal(err)
			}
			load(t, 1)
		})
		t.Run("sweep", func(t *testing.T) {
			if _, ok := b.(*gorillastore.Redis); ok {
				t.Log("forgets by itself")
				if n, err := b.Sweep(ctx, day, 10); n != 0 || err != nil {
					t.Error(n, err)
				}
				return
			}
			for n := range byte(7) {
				create(t, record(n+1, ""))
			}
			for i, want := range []int{0, 2, 1, 0} {
				limit := 2
				if i == 0 {
					limit = 0
				}
				n, err := b.Sweep(ctx, day.Add(3*time.Hour), limit)
				if n != want || err != nil {
					t.Errorf("sweep %d: %d, %v, want %d", i, n, err, want)
				}
			}
			missing(t, 1, 2, 3)
			for n := byte(4); n <= 7; n++ {
				load(t, n)
			}
		})
		t.Run("ended context", func(t *testing.T) {
			create(t, record(1, "ada"))
			ended, cancel := context.WithCancel(ctx)
			cancel()
			_, err1 := b.Load(ended, gorillastore.ID{8})
			_, err2 := b.Sweep(ended, day, 1)
			for i, err := range []error{err1, err2, b.Create(ended, record(2, "ada")), b.Update(ended, record(1, "")),
				b.Delete(ended, record(1, "").ID), b.DeleteUser(ended, "ada")} {
				if !errors.Is(err, context.Canceled) || errors.Is(err, auth.ErrNotFound) {
					t.Errorf("verb %d: %v", i, err)
				}
			}
			load(t, 1)
			missing(t, 2)
		})
	})
}

// TestMigrate makes the table ten times at once, by Migrate and by hand.
func TestMigrate(t *testing.T) {
	for _, k := range kinds[1:4] {
		t.Run(k.name, func(t *testing.T) {
			open := map[string]func(testing.TB) *bun.DB{"SQLite": sqliteDB, "PostgreSQL": postgresDB, "MySQL": mysqlDB}[k.name]
			db := open(t)
			for range 3 {
				prefix := randomPrefix()
				b := gorillastore.NewBun(db, &gorillastore.BunOptions{Prefix: prefix, NoPrepare: true})
				var wg sync.WaitGroup
				for range 10 {
					wg.Go(func() {
						if err := gorillastore.NewBun(db, &gorillastore.BunOptions{Prefix: prefix}).Migrate(context.Background()); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				for _, stmt := range b.SQL() { // by a tool of the host's, once more
					if _, err := db.DB.Exec(stmt); err != nil {
						t.Error(err)
					}
				}
				if err := b.Create(t.Context(), record(1, "ada")); err != nil {
					t.Error(err)
				}
				if _, err := b.Load(t.Context(), record(1, "").ID); err != nil {
					t.Error(err)
				}
				if _, err := db.DB.Exec("DROP TABLE " + prefix + "gorilla"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestIndexes asks SQLite how it would execute each statement.
func TestIndexes(t *testing.T) {
	db := sqliteDB(t)
	b := gorillastore.NewBun(db, nil)
	if err := b.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, q := range append(b.Statements(),
		"DELETE FROM gatehouse_gorilla WHERE user_id = ?",
		"DELETE FROM gatehouse_gorilla WHERE user_id = ? AND id NOT IN (?, ?)") {
		args := make([]any, strings.Count(q, "?"))
		for i := range args {
			args[i] = []byte{1}
		}
		rows, err := db.DB.Query("EXPLAIN QUERY PLAN "+q, args...)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		plan := ""
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan += "\n\t" + detail
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(plan, "SCAN gatehouse") || strings.Contains(plan, "TEMP B-TREE") || !strings.Contains(plan, "INDEX") && !strings.HasPrefix(q, "INSERT") {
			t.Errorf("%s:%s", q, plan)
		}
	}
}

// TestRedisForgets looks at what is left in Redis: everything has a time to live, and
// the index of a user forgets what has ended.
func TestRedisForgets(t *testing.T) {
	b, c, used := redisWithKeys(t)
	ctx := t.Context()
	for i := range byte(100) {
		r := record(i+1, "ada")
		at := day.Add(time.Duration(i) * 24 * time.Hour)
		r.SeenAt, r.ExpiresAt, r.EndsAt = at, at.Add(24*time.Hour), at.Add(10*24*time.Hour)
		if err := b.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	if len(used()) != 101 {
		t.Errorf("%d keys", len(used()))
	}
	for _, k := range used() {
		ttl := c.TTL(ctx, k).Val()
		want := 25 * time.Hour
		if !strings.Contains(k, "{") {
			want = 10*24*time.Hour + 2*time.Hour
			if n := c.ZCard(ctx, k).Val(); n < 10 || n > 12 {
				t.Errorf("the index has %d entries, of which 10 are live", n)
			}
		}
		if ttl > want || ttl < want-time.Minute {
			t.Errorf("%s lives for %v, want %v", k, ttl, want)
		}
	}
}

// TestNewSaysAllThatIsWrong at once.
func TestNewSaysAllThatIsWrong(t *testing.T) {
	var none *gorillastore.Memory
	for i, b := range []gorillastore.Backend{nil, none, gorillastore.NewBun(nil, &gorillastore.BunOptions{Prefix: "1;"}), gorillastore.NewRedis(nil, &gorillastore.RedisOptions{Prefix: "{"})} {
		_, err := gorillastore.New(b, &gorillastore.Options{
			IdleTimeout: time.Millisecond, Lifetime: -1, MaxSize: -1, MaxAge: -1, Path: "x;", Domain: "a b", SameSite: 9, InsecureCookies: true, Partitioned: true,
		})
		want := []string{"IdleTimeout", "Lifetime", "MaxSize", "MaxAge", "Path", "SameSite", "InsecureCookies",
			[]string{"Backend", "Backend", "db is nil", "client is nil"}[i], []string{"", "", "Prefix", "Prefix"}[i]}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("backend %d: nothing said of %s: %v", i, w, err)
			}
		}
	}
	if err := gorillastore.NewBun(nil, nil).Migrate(t.Context()); err == nil {
		t.Error("Migrate without a database")
	}
}

// TestLateWriter has a record renewed, and then one who had read it before fail to
// write: the record is still found by its user after what would have been its end.
func TestLateWriter(t *testing.T) {
	onAll(t, func(t *testing.T, b gorillastore.Backend) {
		ctx := t.Context()
		r := record(1, "ada")
		r.EndsAt, r.ExpiresAt = day.Add(2*time.Hour), day.Add(2*time.Hour)
		if err := b.Create(ctx, r); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Delete(context.Background(), r.ID) })
		r.Version = 1
		late := *r
		r.EndsAt, r.ExpiresAt = day.Add(30*24*time.Hour), day.Add(7*24*time.Hour)
		if err := b.Update(ctx, r); err != nil {
			t.Fatal(err)
		}
		if err := b.Update(ctx, &late); !errors.Is(err, auth.ErrConflict) {
			t.Fatalf("the late one: %v, want ErrConflict", err)
		}
		// Another of hers, a day later.
		other := record(2, "ada")
		other.SeenAt, other.ExpiresAt = day.Add(24*time.Hour), day.Add(48*time.Hour)
		if err := b.Create(ctx, other); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Delete(context.Background(), other.ID) })
		if err := b.DeleteUser(ctx, "ada"); err != nil {
			t.Fatal(err)
		}
		for _, id := range []gorillastore.ID{r.ID, other.ID} {
			if _, err := b.Load(ctx, id); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("record %d of a user who was logged out everywhere: %v, want ErrNotFound", id[0], err)
			}
		}
	})
}
