package bunstore_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

const benchSessions = 20_000

func benchID(i int) (id auth.SessionID) {
	binary.BigEndian.PutUint64(id[:], uint64(i+1)*0x9E3779B97F4A7C15)
	id[31] = 1
	return id
}

// BenchmarkLoadSession compares LoadSession with a floor: one prepared SELECT
// of the same row by its key, through database/sql and without a store.
//
//	go test -run '^$' -bench LoadSession -benchmem ./stores/bun
func BenchmarkLoadSession(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background()) // as a request's, it can end
	defer cancel()
	for _, stats := range []bool{false, true} {
		s := newStore(b, "file:"+filepath.Join(b.TempDir(), "bench.db")+"?_pragma=synchronous(off)", nil)
		err := s.InTx(ctx, func(ctx context.Context) error {
			for i := range benchSessions {
				ss := newSession(0, fmt.Sprintf("0190a8f0-0000-7000-8000-%012d", i))
				ss.ID = benchID(i)
				if err := s.CreateSession(ctx, ss); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		if stats { // SQLite may plan again and again once it has statistics
			if _, err := s.DB(ctx).NewRaw("ANALYZE").Exec(ctx); err != nil {
				b.Fatal(err)
			}
		}
		floor, err := s.SQLDB().Prepare("SELECT id, user_id, actor, auth_version, proofs, binding, stale, label, addr, version, created_at, seen_at, ends_at, expires_at FROM gatehouse_sessions WHERE id = ?")
		if err != nil {
			b.Fatal(err)
		}
		defer floor.Close()
		ways := []struct {
			name string
			load func(i int) error
		}{
			{"floor", func(i int) error {
				id := benchID(i % benchSessions)
				var key, proofs []byte
				var user, actor, version, binding, label, addr string
				var stale, n, created, seen, ends, expires int64
				return floor.QueryRowContext(ctx, id[:]).Scan(&key, &user, &actor, &version, &proofs, &binding, &stale, &label, &addr, &n, &created, &seen, &ends, &expires)
			}},
			{"store", func(i int) error {
				_, err := s.LoadSession(ctx, benchID(i%benchSessions))
				return err
			}},
		}
		for _, w := range ways {
			b.Run(fmt.Sprintf("serial/stats=%t/%s", stats, w.name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := w.load(i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		for _, w := range ways {
			b.Run(fmt.Sprintf("par16/stats=%t/%s", stats, w.name), func(b *testing.B) { sixteen(b, w.load) })
		}
	}
}

// BenchmarkWrites is what sixteen goroutines wait for a write each.
func BenchmarkWrites(b *testing.B) {
	ctx := context.Background()
	for _, sync := range []string{"full", "normal"} {
		s := newStore(b, "file:"+filepath.Join(b.TempDir(), "bench.db")+"?_pragma=synchronous("+sync+")", &bunstore.Options{})
		b.Run("CreateSession/"+sync, func(b *testing.B) {
			base := int(time.Now().UnixNano())
			sixteen(b, func(i int) error {
				ss := newSession(0, "u")
				ss.ID = benchID(base + i)
				return s.CreateSession(ctx, ss)
			})
		})
		b.Run("Count/"+sync, func(b *testing.B) {
			sixteen(b, func(i int) error {
				return third(s.Count(ctx, fmt.Sprint(i%100), time.Minute, day))
			})
		})
	}
}

// sixteen shares b.N calls of f among 16 goroutines.
func sixteen(b *testing.B, f func(i int) error) {
	b.ReportAllocs()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 16 {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > b.N {
					return
				}
				if err := f(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
