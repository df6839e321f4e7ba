package maillink_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// BenchmarkKnownOrUnknown asks whether time tells that there is an account. It asks for
// links over real HTTP, in random order for an address with an account and for one
// without, b.N of each, 1,100 at least: without the slowest that is over 2,000 still. What
// it reports is as in BenchmarkEnumeration of package account.
//
//	go test -run '^$' -bench KnownOrUnknown ./providers/maillink
func BenchmarkKnownOrUnknown(b *testing.B) {
	s := newSite(b, func(c *config) {
		l := auth.Limit{Max: 1 << 40, Per: time.Hour}
		c.opts.PerAddress, c.opts.PerNetwork = l, l
	})
	s.register(ada, true)
	srv := httptest.NewTLSServer(s.handler)
	defer srv.Close()
	client := srv.Client()
	ask := func(email string) float64 {
		body := strings.NewReader(fmt.Sprintf(`{"email":%q}`, email))
		began := time.Now()
		res, err := client.Post(srv.URL+"/auth/link", "application/json", body)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		took := time.Since(began)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusAccepted {
			b.Fatalf("%d, %v", res.StatusCode, err)
		}
		return took.Seconds()
	}
	for range 100 {
		ask(ada)
		ask(nobody)
	}
	b.ResetTimer()
	var known, unknown []float64
	for range max(b.N, 1100) {
		if rand.IntN(2) == 0 {
			known = append(known, ask(ada))
			unknown = append(unknown, ask(nobody))
		} else {
			unknown = append(unknown, ask(nobody))
			known = append(known, ask(ada))
		}
	}
	b.StopTimer()
	compare(b, known, unknown)
}

// compare reports Welch's t of two samples, and of the two without the slowest twentieth of
// each. Below 4.5 neither shows a difference; above 10 no busy machine explains it.
func compare(b *testing.B, known, unknown []float64) {
	b.Helper()
	for _, c := range []struct {
		name string
		x, y []float64
	}{{"", known, unknown}, {"-trimmed", trimmed(known), trimmed(unknown)}} {
		t := math.Abs(welch(c.x, c.y))
		b.ReportMetric(t, "|t|"+c.name)
		b.ReportMetric(float64(len(c.x)+len(c.y)), "samples"+c.name)
		switch {
		case t > 10:
			b.Errorf("|t|%s is %.1f: the two can be told apart", c.name, t)
		case t > 4.5:
			b.Logf("|t|%s is %.1f, above 4.5: perhaps the two can be told apart", c.name, t)
		}
	}
}

// trimmed leaves out the slowest twentieth.
func trimmed(x []float64) []float64 {
	x = slices.Sorted(slices.Values(x))
	return x[:len(x)-len(x)/20]
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
