//go:build !race

// The race detector changes what is allocated, and makes a million slow.

package memory_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const million = 1_000_000

// fill gives s a million sessions of half a million users. Every string of
// every session is allocated for it alone, as those are that come from a
// database and from requests.
func fill(tb testing.TB, s *memory.Store) {
	ctx := tb.Context()
	for i := range million {
		must(tb, s.CreateSession(ctx, newSession(i, userID(i%(million/2)))))
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func bytesPerSession(tb testing.TB) float64 {
	before := heap()
	s := memory.New(nil)
	fill(tb, s)
	after := heap()
	runtime.KeepAlive(s)
	return float64(after-before) / million
}

func TestBytesPerSession(t *testing.T) {
	if testing.Short() {
		t.Skip("creates a million sessions")
	}
	const most = 550
	if got := bytesPerSession(t); got > most {
		t.Errorf("a session takes %.0f bytes, want at most %d", got, most)
	} else {
		t.Logf("a session takes %.0f bytes", got)
	}
}

// What was deleted must not take memory, nor must what was updated.
func TestBytesAfterChurn(t *testing.T) {
	s := memory.New(nil)
	ctx := t.Context()
	const live = 1000
	churn := func(from, to int) {
		for i := from; i < to; i++ {
			v := newSession(i, userID(i))
			v.Label = userID(i) // a host may take it from what clients send
			must(t, s.CreateSession(ctx, v))
			v.Version = 1
			must(t, s.UpdateSession(ctx, v))
			must(t, s.PutTicket(ctx, newTicket(i, userID(i), userID(i%live))))
			must(t, s.ChangeCredentials(ctx, create(newCredential(i, userID(i)))))
			_, _, err := s.Count(ctx, userID(i), time.Minute, t0)
			must(t, err)
			if i < live {
				continue
			}
			must(t, s.DeleteSession(ctx, sid(i-live)))
			must(t, s.ChangeCredentials(ctx, auth.Change{Old: &auth.Credential{Kind: "device", Key: newCredential(i-live, "").Key, Version: 1}}))
			must(t, s.Forget(ctx, userID(i-live)))
		}
	}
	churn(0, 20*live)
	before := heap()
	churn(20*live, 60*live)
	after := heap()
	runtime.KeepAlive(s)
	if grown := int64(after) - int64(before); grown > 1<<20 {
		t.Errorf("the heap grew from %d by %d bytes, with nothing more in the store", before, grown)
	}
}

func TestAllocs(t *testing.T) {
	s := memory.New(nil)
	ctx := context.Background()
	must(t, s.CreateSession(ctx, newSession(0, "u")))
	load := func() { _, _ = s.LoadSession(ctx, sid(0)) }
	miss := func() { _, _ = s.LoadSession(ctx, sid(1)) }
	v := newSession(2, "u")
	createAndDelete := func() { _ = s.CreateSession(ctx, v); _ = s.DeleteSession(ctx, v.ID) }
	touched := newSession(0, "u")
	touched.Version = 1
	update := func() { _ = s.UpdateSession(ctx, touched); touched.Version++ }
	count := func() { _, _, _ = s.Count(ctx, "k", time.Minute, t0) }
	users := memory.NewUsers()
	id, err := users.CreateUser(ctx, auth.Profile{})
	must(t, err)
	user := func() { _, _ = users.LoadUser(ctx, id) }
	for _, tt := range []struct {
		name string
		f    func()
		want float64
	}{
		{"LoadSession", load, 0},
		{"LoadSession of none", miss, 0},
		{"CreateSession and DeleteSession", createAndDelete, 1},
		{"UpdateSession", update, 1},
		{"Count", count, 0},
		{"LoadUser", user, 0},
	} {
		if got := testing.AllocsPerRun(1000, tt.f); got > tt.want {
			t.Errorf("%s: %v allocations, want %v", tt.name, got, tt.want)
		}
	}
}

func BenchmarkBytesPerSession(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(bytesPerSession(b), "bytes/session")
	}
}

// BenchmarkSweepStall reports how long a reader waited at worst while a million
// sessions were swept (-max-µs), and for how many of a million reads it waited
// for more than a millisecond (-over-1ms): when none had expired, when half had
// been in use since they began and had to be queued anew, and when the others
// had expired. "spin" is beside a loop that locks nothing, what the machine
// itself does: on one that is busy with other things compare with it. The garbage collector is off
// meanwhile, for it would be what is measured.
func BenchmarkSweepStall(b *testing.B) {
	for range b.N {
		b.StopTimer()
		s := memory.New(nil)
		fill(b, s)
		ctx := b.Context()
		for i := range million / 2 {
			v, err := s.LoadSession(ctx, sid(2*i))
			must(b, err)
			u := *v
			u.ExpiresAt = t0.Add(2 * time.Hour)
			must(b, s.UpdateSession(ctx, &u))
		}
		runtime.GC()
		percent := debug.SetGCPercent(-1)
		b.StartTimer()
		stall := func(name string, during func()) {
			worst, over := slowReads(b, s, during)
			b.ReportMetric(float64(worst)/1e3, name+"-max-µs")
			b.ReportMetric(over, name+"-over-1ms")
		}
		sweep := func(at time.Duration, want int) func() {
			return func() {
				if n, err := s.Sweep(ctx, t0.Add(at), 2*million); err != nil || n != want {
					b.Errorf("Sweep = %d, %v, want %d", n, err, want)
				}
			}
		}
		stall("spin", func() {
			for end := time.Now().Add(time.Second); time.Now().Before(end); {
			}
		})
		stall("none", sweep(time.Minute, 0))
		stall("half", sweep(time.Hour, million/2))
		stall("rest", sweep(2*time.Hour, million/2))
		debug.SetGCPercent(percent)
	}
}

// slowReads loads sessions from one goroutine while f runs in another. It
// returns how long the longest load took, and how many of a million took more
// than a millisecond.
func slowReads(b *testing.B, s *memory.Store, f func()) (worst time.Duration, over float64) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	slow, reads := 0, 0
	last := time.Now()
	for {
		select {
		case <-done:
			return worst, float64(slow) / float64(max(reads, 1)) * million
		default:
		}
		_, _ = s.LoadSession(b.Context(), sid(reads*7919%million))
		now := time.Now()
		took := now.Sub(last)
		if reads++; took > time.Millisecond {
			slow++
		}
		worst, last = max(worst, took), now
	}
}
