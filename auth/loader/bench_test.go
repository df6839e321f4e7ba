package loader_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/loader"
)

var (
	bob       = &auth.Identity{UserID: "bob"}
	cheap     = func(context.Context, string) (*auth.Identity, error) { return bob, nil }
	cheapUser = func(context.Context, string, string) (*auth.Identity, error) { return bob, nil }
)

// What a loader adds to what the host's function costs.
func BenchmarkLoadRequest(b *testing.B) {
	jwt := base64.RawURLEncoding.EncodeToString(make([]byte, 600))
	for _, bb := range []struct {
		name   string
		l      auth.RequestLoader
		header string
		query  string
	}{
		{"Bearer", loader.Bearer(cheap, nil), "Bearer mF_9.B5f-4.1JqM", ""},
		{"Bearer/800", loader.Bearer(cheap, nil), "Bearer " + jwt, ""},
		{"Bearer/none", loader.Bearer(cheap, nil), "", ""},
		{"Bearer/other", loader.Bearer(cheap, nil), "Basic Ym9iOmJvYnMta2V5", ""},
		{"Bearer/bad", loader.Bearer(cheap, nil), "Bearer a b", ""},
		{"Basic", loader.Basic(cheapUser, nil), "Basic Ym9iOmJvYnMta2V5", ""},
		{"Header", loader.Header("X-API-Key", cheap, nil), "", ""},
		{"InsecureQueryKey", loader.InsecureQueryKey("key", cheap, nil), "", "a=b&key=mF_9.B5f-4.1JqM"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			r := request(bb.header, bb.query)
			for b.Loop() {
				_, _ = bb.l.LoadRequest(r)
			}
		})
	}
}

func request(authorization, query string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	r.Header.Set("X-API-Key", "mF_9.B5f-4.1JqM")
	r.URL.RawQuery = query
	return r
}

// Times belong to a machine; what is allocated is the same everywhere.
func TestAllocations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		l      auth.RequestLoader
		header string
		query  string
		want   string
		most   float64
	}{
		{"Bearer", loader.Bearer(cheap, nil), "Bearer mF_9.B5f-4.1JqM", "", "bob", 0},
		{"Bearer, none", loader.Bearer(cheap, nil), "", "", "none", 0},
		{"Bearer, another scheme", loader.Bearer(cheap, nil), "Basic Ym9iOmJvYnMta2V5", "", "none", 0},
		{"Bearer, malformed", loader.Bearer(cheap, nil), "Bearer a b", "", "bad", 0},
		{"Basic", loader.Basic(cheapUser, nil), "Basic Ym9iOmJvYnMta2V5", "", "bob", 2}, // decoded, as bytes and as a string
		{"Header", loader.Header("X-API-Key", cheap, nil), "", "", "bob", 0},
		{"InsecureQueryKey", loader.InsecureQueryKey("key", cheap, nil), "", "a=b&key=mF_9.B5f-4.1JqM&c=d", "bob", 0},
		{"InsecureQueryKey, none", loader.InsecureQueryKey("key", cheap, nil), "", "a=b&c=d", "none", 0},
	} {
		r := request(tt.header, tt.query)
		if got := outcome(tt.l.LoadRequest(r)); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
		if got := testing.AllocsPerRun(1000, func() { _, _ = tt.l.LoadRequest(r) }); got > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, got, tt.most)
		}
	}
}
