package maillink_test

import (
	"net/http"
	"testing"

	randoms "github.com/gatehouse-go/gatehouse/internal/secret"
)

// Whoever posts tokens that they have made up is refused after so many, and what is kept of
// each, as a login that failed, has a bound.
func TestHostileForgedWithoutEnd(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for i := range 200 {
		want := http.StatusGone
		if i >= 60 {
			want = http.StatusTooManyRequests
		}
		if r := b.post("/link", "token", randoms.New()); r.Code != want {
			t.Fatalf("token %d: %d %s", i+1, r.Code, r.text)
		}
	}
	if n := len(s.named("login.failed")); n != 60 {
		t.Errorf("%d events, want 60", n)
	}
}
