package oauth

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A login there and back costs the site this, without the identity provider: two
// requests, a transaction and the gate.
func BenchmarkLogIn(b *testing.B) {
	s := newSite(b, func(set *setup) {
		quiet := slog.New(slog.DiscardHandler)
		set.opts.Logger, set.auth.Logger, set.auth.Events = quiet, quiet, nil
		set.opts.Starts, set.opts.MaxOpen = auth.Limit{Max: 1 << 40, Per: time.Minute}, 1<<40
	})
	s.browser().logIn(ada())
	b.ReportAllocs()
	for b.Loop() {
		j := s.browser()
		if r := j.logIn(ada()); r.Code != http.StatusSeeOther {
			b.Fatal(r.Code)
		}
	}
}

func BenchmarkForgedCallback(b *testing.B) {
	s := newSite(b, func(set *setup) {
		quiet := slog.New(slog.DiscardHandler)
		set.opts.Logger, set.auth.Logger, set.auth.Events, set.auth.Pages = quiet, quiet, nil, nil
	})
	j := s.browser()
	target := "/auth/oauth/alpha/callback?code=c&state=" + newSecret().String()
	b.ReportAllocs()
	for b.Loop() {
		if r := j.get(target); r.Code != http.StatusBadRequest {
			b.Fatal(r.Code)
		}
	}
}
