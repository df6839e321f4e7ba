package oauth

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What strangers do to what is asked once for everybody.

// A page that waits for a short time, or a browser that leaves, does not decide what
// others learn of the issuer.
func TestHostileFirstDecidesForNobody(t *testing.T) {
	for name, hurry := range map[string]func(ctx context.Context) (context.Context, context.CancelFunc){
		"a browser that leaves": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			return ctx, func() { cancel() }
		},
		"a page with little time": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			return ctx, func() { <-ctx.Done(); cancel() }
		},
	} {
		i := newTestIssuer(t)
		asked, release := make(chan struct{}, 10), make(chan struct{})
		i.respondTo(wellKnown, func() { asked <- struct{}{}; <-release })
		c := i.connector(nil)
		ctx, end := hurry(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			c.backend.(*oidcBackend).metadata.get(ctx, c.out.client(ctx), i.now, false)
		}()
		<-asked
		end()
		<-gone
		close(release)
		if _, _, err := i.logIn(c, i.flow()); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
		if n := i.asked(wellKnown); n != 1 {
			t.Errorf("after %s: asked %d times", name, n)
		}
	}
}

// Keys change; somebody with a token by the new key goes away while they are asked
// for, once a minute. The others still log in.
func TestHostileRenewalGivenUp(t *testing.T) {
	i := newTestIssuer(t)
	c := i.connector(nil)
	if _, _, err := i.logIn(c, i.flow()); err != nil {
		t.Fatal(err)
	}
	i.at(2 * time.Minute)
	i.set(func() {
		i.keys = []any{jose.JSONWebKey{Key: otherRSAKey().Public(), KeyID: "k2"}}
		i.idToken = func(nonce string) string { return signWith(jose.RS256, otherRSAKey(), "k2", nil, i.claims(nonce, nil)) }
	})
	asked, release := make(chan struct{}, 10), make(chan struct{})
	i.respondTo("/jwks", func() { asked <- struct{}{}; <-release })
	ctx, leave := context.WithCancel(t.Context())
	keys := &c.backend.(*oidcBackend).metadata.value.verifier.keys.keys
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		keys.get(ctx, c.out.client(ctx), i.now, true)
	}()
	<-asked
	leave()
	<-gone
	close(release)
	if _, _, err := i.logIn(c, i.flow()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// What is asked for everybody must not end the process either.
func TestHostileSharedFetchPanics(t *testing.T) {
	var n atomic.Int32
	c := fetched[int]{keep: time.Hour}
	c.fetch = func(context.Context, *http.Client) (int, time.Duration, error) { n.Add(1); panic("odd") }
	for range 3 {
		if _, err := c.get(t.Context(), nil, t0, false); !errors.Is(err, errBadAnswer) {
			t.Error(err)
		}
	}
	if n.Load() != 1 {
		t.Errorf("asked %d times", n.Load())
	}
}
