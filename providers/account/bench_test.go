package account_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// What Welch's t is to stay below, after the practice of TVLA (Goodwill and others,
// "A testing methodology for side-channel resistance validation", 2011).
const leaks = 4.5

// glaring is a t that no busy machine explains: the benchmark fails.
const glaring = 10

// BenchmarkEnumeration asks over real HTTP, for an address that has an account and for one
// that has none, in random order, and reports Welch's t of how long the two take, see
// compare. With b.N requests of each, 1,100 at least: without the slowest that is over
// 2,000 still. No hash is as cheap as that of tests, which leaves nothing to hide behind.
//
//	go test -run '^$' -bench Enumeration ./providers/account
func BenchmarkEnumeration(b *testing.B) {
	for _, ask := range askings {
		b.Run(ask.name, func(b *testing.B) {
			s := newSite(b, ask.setup...)
			n := max(b.N, 1100)
			// No address is guessed at so often that it is locked.
			known, unknown := make([]string, n/50+3), make([]string, n/50+3)
			for i := range known {
				known[i], unknown[i] = fmt.Sprintf("known%06d@example.com", i), fmt.Sprintf("other%06d@example.com", i)
				s.verified(known[i], good)
			}
			srv := httptest.NewTLSServer(s.h)
			defer srv.Close()
			client := srv.Client()
			send := func(address string) float64 {
				body := fmt.Sprintf(`{"email":%q`, address)
				for i := 0; i < len(ask.fields); i += 2 {
					body += fmt.Sprintf(`,%q:%q`, ask.fields[i], ask.fields[i+1])
				}
				began := time.Now()
				res, err := client.Post(srv.URL+"/auth"+ask.path, "application/json", bytes.NewReader([]byte(body+"}")))
				if err != nil {
					b.Fatal(err)
				}
				_, err = io.Copy(io.Discard, res.Body)
				took := time.Since(began)
				res.Body.Close()
				if err != nil || res.StatusCode != ask.status {
					b.Fatalf("%d, %v", res.StatusCode, err)
				}
				return took.Seconds()
			}
			for i := range 100 {
				send(known[i%len(known)])
				send(unknown[i%len(known)])
			}
			b.ResetTimer()
			var here, nowhere []float64
			for i := range n {
				a, z := known[i%len(known)], unknown[i%len(known)]
				if rand.IntN(2) == 0 {
					here = append(here, send(a))
					nowhere = append(nowhere, send(z))
				} else {
					nowhere = append(nowhere, send(z))
					here = append(here, send(a))
				}
			}
			b.StopTimer()
			compare(b, here, nowhere)
		})
	}
}

// compare reports Welch's t of two samples, and of the two without the slowest twentieth of
// each: in the first nothing is left out that could tell them apart, in the second nothing
// hides behind what else the machine did. Below 4.5 neither shows a difference.
func compare(b *testing.B, here, nowhere []float64) {
	b.Helper()
	for _, c := range []struct {
		name string
		x, y []float64
	}{{"", here, nowhere}, {"-trimmed", trimmed(here), trimmed(nowhere)}} {
		t := math.Abs(welch(c.x, c.y))
		b.ReportMetric(t, "|t|"+c.name)
		b.ReportMetric(float64(len(c.x)+len(c.y)), "samples"+c.name)
		switch {
		case t > glaring:
			b.Errorf("|t|%s is %.1f: the two can be told apart", c.name, t)
		case t > leaks:
			b.Logf("|t|%s is %.1f, above %.1f: perhaps the two can be told apart", c.name, t, leaks)
		}
	}
}

// trimmed leaves out the slowest twentieth.
func trimmed(x []float64) []float64 {
	x = slices.Sorted(slices.Values(x))
	return x[:len(x)-len(x)/20]
}

// welch is the t of two samples whose variances may differ.
func welch(a, b []float64) float64 {
	ma, va := moments(a)
	mb, vb := moments(b)
	return (ma - mb) / math.Sqrt(va/float64(len(a))+vb/float64(len(b)))
}

func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(x)-1)
}

// The benchmark sees what is there to be seen.
func TestWelch(t *testing.T) {
	sample := func(shift float64) (x []float64) {
		r := rand.New(rand.NewPCG(1, uint64(shift)))
		for range 1000 {
			x = append(x, 100+shift+r.NormFloat64())
		}
		return x
	}
	if got := welch(sample(1), sample(0)); got < leaks {
		t.Errorf("a difference of one deviation: t = %.1f", got)
	}
	if got := math.Abs(welch(sample(0), slices.Clone(sample(0)))); got > leaks {
		t.Errorf("no difference: t = %.1f", got)
	}
	slow := sample(0)
	for i := range 40 {
		slow[i] += 50
	}
	if all, most := welch(slow, sample(0)), math.Abs(welch(trimmed(slow), trimmed(sample(0)))); all < leaks || most > leaks {
		t.Errorf("a difference of the slowest only: t = %.1f, and %.1f without them", all, most)
	}
	if got := welch([]float64{1, 2, 3, 4}, []float64{2, 4, 6, 8}); math.Abs(got-(-1.7320508)) > 1e-6 {
		t.Errorf("t is %v", got)
	}
}
