package apikey_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// lean is a composition that allocates nothing of its own.
func lean(t testing.TB, opts *apikey.Options) (*apikey.Provider, *auth.Manager) {
	t.Helper()
	p := apikey.New(opts)
	m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{
		Providers: []auth.Provider{p}, Loaders: []auth.RequestLoader{p}, Logger: discard, Now: func() time.Time { return t0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, m
}

// used makes a key that was used within the last minute.
func used(t testing.TB, p *apikey.Provider, k apikey.NewKey) string {
	t.Helper()
	k.Name = "x"
	made, err := p.Create(t.Context(), "ada", k)
	if err == nil {
		_, err = p.LoadRequest(bearer(made.Secret))
	}
	if err != nil {
		t.Fatal(err)
	}
	return made.Secret
}

// BenchmarkLoadRequest asks for a key that is in memory, beside what a request
// costs that carries none, or one with a typing error.
func BenchmarkLoadRequest(b *testing.B) {
	p, _ := lean(b, &apikey.Options{Scopes: scopes()})
	all, _ := lean(b, nil)
	key := used(b, p, apikey.NewKey{Scopes: []string{"admin", "orders:read"}})
	for _, bb := range []struct {
		name string
		p    *apikey.Provider
		r    *http.Request
		want error
	}{
		{"key", all, bearer(used(b, all, apikey.NewKey{})), nil},
		{"key with scopes", p, bearer(key), nil},
		{"typing error", p, bearer(key[:60] + "-" + key[61:]), auth.ErrBadCredentials},
		{"another's token", p, bearer("eyJhbGciOiJIUzI1NiJ9"), auth.ErrNoCredentials},
		{"none", p, request("GET", "/me"), auth.ErrNoCredentials},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bb.p.LoadRequest(bb.r); !errors.Is(err, bb.want) {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a request with a key costs is the same on every machine: the two of the
// store's copy and the identity, and two for the scopes.
func TestAllocations(t *testing.T) {
	p, _ := lean(t, &apikey.Options{Scopes: scopes()})
	all, _ := lean(t, nil)
	key := used(t, p, apikey.NewKey{Scopes: []string{"admin", "orders:read"}})
	for _, tt := range []struct {
		name string
		p    *apikey.Provider
		r    *http.Request
		most float64
	}{
		{"key", all, bearer(used(t, all, apikey.NewKey{})), 2},
		{"key with scopes", p, bearer(key), 4},
		{"typing error", p, bearer(key[:60] + "-" + key[61:]), 0},
		{"another's token", p, bearer("eyJhbGciOiJIUzI1NiJ9"), 0},
		{"none", p, request("GET", "/me"), 0},
	} {
		if got := testing.AllocsPerRun(1000, func() { _, _ = tt.p.LoadRequest(tt.r) }); got > tt.most {
			t.Errorf("%s: %v allocations, want %v", tt.name, got, tt.most)
		}
	}
}

// BenchmarkTiming asks whether time tells how much of a secret is right: by turns
// it sends a key whose stored digest begins like the right one for 31 bytes, and one
// that differs in the first byte, and reports Welch's t of the two samples. Beyond
// 4.5 or so they differ.
func BenchmarkTiming(b *testing.B) {
	const n = 20_000
	p, m := lean(b, nil)
	forge := func(at int) *http.Request {
		made, err := p.Create(b.Context(), "ada", apikey.NewKey{Name: "x"})
		if err != nil {
			b.Fatal(err)
		}
		c, err := m.Store().LoadCredential(b.Context(), "apikey", made.ID)
		if err != nil {
			b.Fatal(err)
		}
		wrong := c
		wrong.Data = slices.Clone(c.Data)
		wrong.Data[1+at] ^= 1
		if err := m.Store().ChangeCredentials(b.Context(), auth.Change{Old: &c, New: &wrong}); err != nil {
			b.Fatal(err)
		}
		return bearer(made.Secret)
	}
	early, late := forge(0), forge(31)
	load := func(r *http.Request) float64 {
		begin := time.Now()
		if _, err := p.LoadRequest(r); !errors.Is(err, auth.ErrBadCredentials) {
			b.Fatal(err)
		}
		return float64(time.Since(begin))
	}
	for b.Loop() {
		runtime.GC()
		samples := map[*http.Request][]float64{}
		for range n {
			first, second := early, late
			if rand.IntN(2) == 0 {
				first, second = second, first
			}
			samples[first] = append(samples[first], load(first))
			samples[second] = append(samples[second], load(second))
		}
		b.ReportMetric(math.Abs(welch(samples[early], samples[late])), "t")
	}
}

// welch leaves out the slowest tenth, which is the machine's.
func welch(a, b []float64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	a, b = a[:len(a)*9/10], b[:len(b)*9/10]
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
