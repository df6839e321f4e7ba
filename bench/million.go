package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// Million is what a memory store with a million sessions costs.
type Million struct {
	Sessions, Users int
	Bytes           float64       // of heap for each session, indexes included
	GC              time.Duration // of one collection that is asked for
	// Stall is the longest that a reader had to wait while half of the
	// sessions were swept, and Control the same while nothing was swept and
	// something else kept a processor as busy: what they have in common is
	// the machine's. Other programs stop a reader as well, and never help it, so
	// both are of the less disturbed tenths of the sweep: their lower quartile.
	Stall, Control time.Duration
	SweepTime      time.Duration // all tenths together
}

// MeasureMillion fills a store with n sessions of half as many users, and
// sweeps half of them.
func MeasureMillion(n int) (Million, error) {
	m := Million{Sessions: n, Users: n / 2}
	ctx, now := context.Background(), time.Now().UTC().Truncate(time.Millisecond)
	store := memory.New(&memory.Options{Sessions: n})
	ids := make([]auth.SessionID, n)
	before := heap()
	for i := range ids {
		rand.Read(ids[i][:])
		ends := now.Add(24 * time.Hour)
		if i%2 == 0 {
			ends = now.Add(time.Hour)
		}
		user := UserID(i / 2)
		err := store.CreateSession(ctx, &auth.Session{
			ID: ids[i], UserID: user,
			Proofs: []auth.Proof{{Method: "password", At: now, Kind: "password", Key: user, Generation: 1}},
			Label:  "Firefox on Linux", Addr: netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}),
			CreatedAt: now, SeenAt: now, EndsAt: ends, ExpiresAt: ends,
		})
		if err != nil {
			return m, err
		}
	}
	start := time.Now()
	runtime.GC()
	m.GC = time.Since(start)
	m.Bytes = float64(heap()-before) / float64(n)

	const parts = 10
	var stalls, controls []time.Duration
	later := now.Add(2 * time.Hour)
	for range parts {
		var swept time.Duration
		stall, err := longestRead(store, ids, func() error {
			start := time.Now()
			for swept := 0; swept < n/2/parts; {
				some, err := store.Sweep(ctx, later, 1000) // as Manager.Run does
				if err != nil || some == 0 {
					return fmt.Errorf("bench: sweeping stopped early: %v", err)
				}
				swept += some
			}
			swept = time.Since(start)
			return nil
		})
		if err != nil {
			return m, err
		}
		control, _ := longestRead(store, ids, func() error {
			for end := time.Now().Add(swept); time.Now().Before(end); {
			}
			return nil
		})
		stalls, controls = append(stalls, stall), append(controls, control)
		m.SweepTime += swept
	}
	slices.Sort(stalls)
	slices.Sort(controls)
	m.Stall, m.Control = stalls[parts/4], controls[parts/4]
	runtime.KeepAlive(store)
	return m, nil
}

// longestRead reads until work is done and returns how long the slowest read
// took.
func longestRead(store *memory.Store, ids []auth.SessionID, work func() error) (longest time.Duration, err error) {
	var done atomic.Bool
	finished := make(chan error)
	go func() {
		err := work()
		done.Store(true)
		finished <- err
	}()
	ctx := context.Background()
	for i := 1; !done.Load(); i += 2 { // those that live on
		start := time.Now()
		if _, err := store.LoadSession(ctx, ids[i%len(ids)|1]); err != nil {
			<-finished
			return 0, err
		}
		longest = max(longest, time.Since(start))
	}
	return longest, <-finished
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first has made free
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
