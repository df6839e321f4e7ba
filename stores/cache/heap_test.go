//go:build !race

// The race detector changes what is allocated.

package cachestore_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	cachestore "github.com/gatehouse-go/gatehouse/stores/cache"
)

// made makes a session whenever it is asked for one, as a database does.
type made struct{ auth.SessionStore }

func (made) LoadSession(_ context.Context, id auth.SessionID) (*auth.Session, error) {
	return &auth.Session{ID: id, UserID: "u", ExpiresAt: t0.Add(time.Hour)}, nil
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What is remembered takes the sessions themselves and little more, however many
// come and go.
func TestBytesPerSession(t *testing.T) {
	const max, most = 50_000, 250
	sessions := make([]*auth.Session, 0, max) // what the sessions themselves take
	before := heap()
	for i := range max {
		s, _ := made{}.LoadSession(t.Context(), id(i))
		sessions = append(sessions, s)
	}
	alone := heap() - before
	runtime.KeepAlive(sessions)
	sessions = nil

	before = heap()
	c := newCache(t, made{}, &cachestore.Options{Sessions: max, TTL: time.Minute, Now: func() time.Time { return t0 }})
	for i := range 4 * max {
		load(t, c, i, nil)
	}
	took := heap() - before
	n := c.Len()
	runtime.KeepAlive(c)
	if n > max || n < max*9/10 {
		t.Errorf("%d are remembered", n)
	}
	per := (float64(took) - float64(alone)) / max
	t.Logf("%.0f bytes for each of %d, beside %.0f of its own", per, n, float64(alone)/max)
	if per > most {
		t.Errorf("a session takes %.0f bytes more, want at most %d", per, most)
	}
}

// A hit allocates nothing.
func TestAllocationsOfAHit(t *testing.T) {
	c, _, _ := set(t, nil)
	ctx := context.Background()
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := c.LoadSession(ctx, id(1)); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
