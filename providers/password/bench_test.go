package password_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

func unlimited(o *auth.Options) {
	l := auth.Limit{Max: 1 << 40, Per: time.Hour}
	o.Limits = auth.Limits{Account: l, Network: l, NetworkLong: l}
}

// BenchmarkKnownOrUnknown asks whether time tells that there is an account. It
// logs in 2,000 times, by turns with a wrong password of a known address and
// with an unknown address, and reports Welch's t of the two samples: beyond 4.5
// or so they differ.
func BenchmarkKnownOrUnknown(b *testing.B) {
	const n = 1000
	s := newSite(b, &password.Options{Hasher: cheap}, unlimited)
	s.register("known@example.com", goodPassword)
	c := s.client()
	login := func(email string) float64 {
		begin := time.Now()
		if r := c.json("/login", fields{"email": email, "password": "something else"}); r.Code != 401 {
			b.Fatalf("%d %s", r.Code, r.text)
		}
		return float64(time.Since(begin))
	}
	for range 50 {
		login("known@example.com")
		login("nobody@example.com")
	}
	for b.Loop() {
		var known, unknown []float64
		for range n {
			if rand.IntN(2) == 0 {
				known = append(known, login("known@example.com"))
				unknown = append(unknown, login("nobody@example.com"))
			} else {
				unknown = append(unknown, login("nobody@example.com"))
				known = append(known, login("known@example.com"))
			}
		}
		b.ReportMetric(math.Abs(welch(known, unknown)), "t")
		b.ReportMetric(median(known), "ns-known")
		b.ReportMetric(median(unknown), "ns-unknown")
	}
}

func welch(a, b []float64) float64 {
	ma, va := moments(a)
	mb, vb := moments(b)
	return (ma - mb) / math.Sqrt(va/float64(len(a))+vb/float64(len(b)))
}

func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x)-1)
	}
	return mean, variance
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// BenchmarkHundredLogins logs in 100 times at once, and meanwhile asks each
// millisecond how long somebody waits who wants nothing but a moment's work.
func BenchmarkHundredLogins(b *testing.B) {
	for _, h := range []struct {
		name string
		password.Hasher
	}{{"bcrypt-10", password.Bcrypt{Cost: 10}}, {"argon2id", password.Argon2id{}}} {
		for _, atOnce := range []int{runtime.GOMAXPROCS(0), runtime.GOMAXPROCS(0) - 1} {
			if atOnce == 0 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", h.name, atOnce), func(b *testing.B) {
				s := newSite(b, &password.Options{Hasher: h.Hasher, AtOnce: atOnce}, unlimited)
				s.register("ada@example.com", goodPassword)
				if _, _, err := s.provider.Verify(b.Context(), "ada@example.com", goodPassword); err != nil {
					b.Fatal(err)
				}
				var late []float64
				var refused atomic.Int64
				for b.Loop() {
					ctx, cancel := context.WithCancel(b.Context())
					stopped := make(chan struct{})
					go func() {
						defer close(stopped)
						for ctx.Err() == nil {
							begin := time.Now()
							time.Sleep(time.Millisecond)
							late = append(late, float64(time.Since(begin)-time.Millisecond))
						}
					}()
					var wg sync.WaitGroup
					for range 100 {
						wg.Go(func() {
							if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 200 {
								refused.Add(1)
							}
						})
					}
					wg.Wait()
					cancel()
					<-stopped
				}
				if n := refused.Load(); n > 0 {
					b.Errorf("%d logins were refused", n)
				}
				b.ReportMetric(100*float64(b.N)/b.Elapsed().Seconds(), "logins/s")
				b.ReportMetric(median(late)/1e6, "ms-p50-bystander")
				b.ReportMetric(late[len(late)*99/100]/1e6, "ms-p99-bystander")
			})
		}
	}
}
