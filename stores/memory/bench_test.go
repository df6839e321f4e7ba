package memory_test

import (
	"context"
	"testing"

	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// filled has n sessions, two for each user.
func filled(b *testing.B, n int) *memory.Store {
	s := memory.New(nil)
	for i := range n {
		must(b, s.CreateSession(b.Context(), newSession(i, userID(i/2))))
	}
	return s
}

func BenchmarkLoadSession(b *testing.B) {
	const n = 100_000
	s := filled(b, n)
	ctx := context.Background()
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i = (i + 7919) % n
			if _, err := s.LoadSession(ctx, sid(i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one", func(b *testing.B) { // what is in the processor's cache
		b.ReportAllocs()
		id := sid(1)
		for b.Loop() {
			_, _ = s.LoadSession(ctx, id)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			i := 0
			for pb.Next() {
				i = (i + 7919) % n
				if _, err := s.LoadSession(ctx, sid(i)); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkCreateSession also deletes, so that the store stays as full as it is.
func BenchmarkCreateSession(b *testing.B) {
	const n = 100_000
	s := filled(b, n)
	ctx := context.Background()
	v := newSession(0, "")
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		v.ID, v.UserID = sid(n+i), "user"
		if err := s.CreateSession(ctx, v); err != nil {
			b.Fatal(err)
		}
		if err := s.DeleteSession(ctx, v.ID); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkUpdateSession(b *testing.B) {
	s := filled(b, 100_000)
	ctx := context.Background()
	v := newSession(1, userID(0))
	b.ReportAllocs()
	for b.Loop() {
		v.Version++
		if err := s.UpdateSession(ctx, v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCount(b *testing.B) {
	s := memory.New(nil)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Count(ctx, "password:account:ada@example.com", 0, t0); err != nil {
			b.Fatal(err)
		}
	}
}
