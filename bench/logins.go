package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const passphrase = "seven lamps and a borrowed ladder"

// Logins is what 100 people who log in by password at once cost everybody.
type Logins struct {
	AtOnce int     // of the provider's Options
	Rate   float64 // logins a second; this and what follows are the best of three rounds: other programs only make it worse
	Best   float64 // hashes a second of as many goroutines as there are processors, which do nothing else
	P99    time.Duration
	Idle   time.Duration // the bystander's p99 while nobody logs in
	Peak   uint64        // the most bytes of heap beyond what there was before, garbage included
	Bound  uint64        // what it may be
}

// MeasureLogins has n people log in at once, by argon2id of 19 MiB, while a
// bystander asks for a page that needs no hashing every millisecond. atOnce is
// how many hashes the provider computes at the same time.
func MeasureLogins(n, atOnce int) (Logins, error) {
	hasher := password.Argon2id{}
	result := Logins{AtOnce: atOnce}
	p := password.New(&password.Options{Hasher: hasher, AtOnce: atOnce, Queue: n, MaxWait: time.Minute,
		Logger: slog.New(slog.DiscardHandler)})
	m, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{
		Providers: []auth.Provider{p}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return result, err
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /account", m.WithUser(http.HandlerFunc(plain)))
	h := m.Handler(mux)
	if err := register(m, hasher, n); err != nil {
		return result, err
	}
	if err := logInOnce(h, n, 1); err != nil { // makes the dummy hash, and shows that it works
		return result, err
	}

	runtime.GC()
	result.Idle = bystander(h, func() { time.Sleep(time.Second) })
	const rounds = 3
	var best, rate []float64
	var p99 []time.Duration
	for range rounds {
		each, err := bestRate(hasher, n)
		if err != nil {
			return result, err
		}
		best = append(best, each)
		runtime.GC()
		before := taken()
		peak, stop := watch()
		p99 = append(p99, bystander(h, func() {
			start := time.Now()
			err = logInOnce(h, n, n)
			rate = append(rate, float64(n)/time.Since(start).Seconds())
		}))
		stop()
		if err != nil {
			return result, err
		}
		result.Peak = max(result.Peak, max(peak.Load(), before)-before)
	}
	slices.Sort(best)
	slices.Sort(rate)
	slices.Sort(p99)
	result.Best, result.Rate, result.P99 = best[rounds-1], rate[rounds-1], p99[0]
	// Each hash allocates its memory anew. Go lets as much garbage pile up as
	// is live before it collects, and hashes go on while it does.
	result.Bound = uint64(4*atOnce*19+16) << 20
	return result, nil
}

func email(i int) string { return fmt.Sprintf("user%d@example.com", i) }

// register makes n users who have the same password and the same hash of it,
// which nothing measured here can tell.
func register(m *auth.Manager, hasher password.Hasher, n int) error {
	encoded, err := hasher.Hash([]byte(passphrase))
	if err != nil {
		return err
	}
	for i := range n {
		_, err := m.CreateUser(context.Background(), auth.Profile{Email: email(i)}, func(userID string) []auth.Credential {
			return []auth.Credential{{Kind: "password", Key: userID, UserID: userID, Data: []byte(encoded), Generation: 1}}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// logInOnce logs the first n users in, atOnce of them at the same time, each
// from another address.
func logInOnce(h http.Handler, n, atOnce int) error {
	var wg sync.WaitGroup
	var failed atomic.Pointer[string]
	next := make(chan int)
	for range atOnce {
		wg.Go(func() {
			for i := range next {
				body := fmt.Sprintf(`{"email":%q,"password":%q}`, email(i), passphrase)
				r := httptest.NewRequest("POST", "/auth/login", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.RemoteAddr = fmt.Sprintf("198.51.%d.%d:4000", i/250, i%250)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					answer := fmt.Sprint(w.Code, " ", w.Body)
					failed.Store(&answer)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	if answer := failed.Load(); answer != nil {
		return fmt.Errorf("bench: a login was answered %s", *answer)
	}
	return nil
}

// bestRate is the rate of verifications when nothing else is done.
func bestRate(hasher password.Hasher, n int) (float64, error) {
	encoded, err := hasher.Hash([]byte(passphrase))
	if err != nil {
		return 0, err
	}
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	start := time.Now()
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				_ = hasher.Verify(encoded, []byte(passphrase)) // it is right
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(start).Seconds(), nil
}

// bystander asks for a page every millisecond while work goes on and returns
// the 99th percentile of how long it took, from when it was due.
func bystander(h http.Handler, work func()) time.Duration {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	var took []time.Duration
	r, w := newRequest(http.MethodGet, "", ""), NewSink()
	for due := time.Now(); ; {
		due = due.Add(time.Millisecond)
		time.Sleep(time.Until(due))
		w.Reset()
		h.ServeHTTP(w, r)
		took = append(took, time.Since(due))
		if late := time.Since(due); late > time.Millisecond {
			due = due.Add(late.Truncate(time.Millisecond)) // one at a time
		}
		select {
		case <-done:
			slices.Sort(took)
			return took[len(took)*99/100]
		default:
		}
	}
}

// watch looks at what memory is taken until it is stopped.
func watch() (peak *atomic.Uint64, stop func()) {
	peak = new(atomic.Uint64)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			peak.Store(max(peak.Load(), taken()))
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return peak, func() { close(done); <-stopped }
}

// taken is the heap that is in use, garbage included.
func taken() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
