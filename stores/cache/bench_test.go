package cachestore_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	cachestore "github.com/gatehouse-go/gatehouse/stores/cache"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// filled is a cache in front of below that has 10,000 sessions, two for each user.
func filled(tb testing.TB, below auth.SessionStore) (*cachestore.Store, int) {
	const n = 10_000
	c := newCache(tb, below, &cachestore.Options{TTL: time.Minute, Sessions: 20_000})
	ctx := context.Background()
	for i := range n {
		s := session(i, fmt.Sprint(i/2))
		s.ExpiresAt, s.EndsAt = time.Now().Add(time.Hour), time.Now().Add(time.Hour)
		if err := c.CreateSession(ctx, s); err != nil {
			tb.Fatal(err)
		}
		if _, err := c.LoadSession(ctx, s.ID); err != nil {
			tb.Fatal(err)
		}
	}
	return c, n
}

func BenchmarkHit(b *testing.B) {
	c, n := filled(b, memory.New(nil))
	ctx := context.Background()
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i = (i + 7919) % n
			if _, err := c.LoadSession(ctx, id(i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one", func(b *testing.B) { // what is in the processor's cache
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.LoadSession(ctx, id(1))
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			i := 0
			for pb.Next() {
				i = (i + 7919) % n
				if _, err := c.LoadSession(ctx, id(i)); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// Beyond what the store below costs.
func BenchmarkMiss(b *testing.B) {
	below := memory.New(nil)
	clock := authtest.NewClock(t0)
	c := newCache(b, below, &cachestore.Options{TTL: time.Millisecond, Now: clock.Now})
	ctx := context.Background()
	if err := c.CreateSession(ctx, session(0, "ada")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		clock.Advance(time.Millisecond)
		if _, err := c.LoadSession(ctx, id(0)); err != nil {
			b.Fatal(err)
		}
	}
}

// Of a user who has nothing: what is measured is the look at all that there is.
func BenchmarkDeleteUserSessions(b *testing.B) {
	c, _ := filled(b, memory.New(nil))
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if err := c.DeleteUserSessions(ctx, "nobody"); err != nil {
			b.Fatal(err)
		}
	}
}

type user struct{}

func (user) AuthID() string { return "ada" }

// A whole request of somebody who is logged in, on a database.
func BenchmarkRequest(b *testing.B) {
	db := onSQLite(b)
	cached := newCache(b, db, &cachestore.Options{TTL: time.Minute})
	for name, store := range map[string]auth.Store{
		"SQLite":         db,
		"SQLite, cached": auth.Combine(db, auth.Parts{Sessions: cached}),
		"memory":         memory.New(nil),
	} {
		m, err := auth.New(auth.UserFunc(func(context.Context, string) (user, error) { return user{}, nil }), store,
			&auth.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		h := m.Handler(m.RequireUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(authtest.LogIn(b, m, "ada"))
		w := &blank{http.Header{}}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
			if w.header.Get("Failed") != "" {
				b.Error("refused")
			}
		})
	}
}

// blank is a ResponseWriter that costs nothing.
type blank struct {
	header http.Header
}

func (b *blank) Header() http.Header       { return b.header }
func (*blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(int)           { b.header.Set("Failed", "yes") }
