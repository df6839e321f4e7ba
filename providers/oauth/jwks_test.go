package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// at moves the issuer's clock.
func (i *testIssuer) at(d time.Duration) { i.set(func() { i.now = i.now.Add(d) }) }

// A thousand key IDs that nobody knows ask for the keys once a minute, and others
// log in meanwhile.
func TestUnknownKeyIDs(t *testing.T) {
	i := newTestIssuer(t)
	c := i.connector(nil)
	if _, _, err := i.logIn(c, i.flow()); err != nil {
		t.Fatal(err)
	}
	good := i.idToken
	i.at(2 * time.Minute)
	before := i.asked("/jwks")
	for n := range 1000 {
		i.set(func() {
			i.idToken = func(nonce string) string {
				return rawJWT(fmt.Sprintf(`{"alg":"RS256","kid":"random-%d"}`, n), i.claims(nonce, nil), []byte("x"))
			}
		})
		a, token, err := i.logIn(c, i.flow())
		wantRefused(t, errBadAnswer, a, token, err)
		if n%100 == 0 {
			i.set(func() { i.idToken = good })
			if _, _, err := i.logIn(c, i.flow()); err != nil {
				t.Fatalf("meanwhile, somebody else: %v", err)
			}
		}
	}
	if n := i.asked("/jwks") - before; n != 1 {
		t.Errorf("the keys were asked for %d times", n)
	}
	i.at(time.Minute)
	i.set(func() {
		i.idToken = func(nonce string) string { return signWith(jose.RS256, otherRSAKey(), "k2", nil, i.claims(nonce, nil)) }
	})
	i.set(func() { i.keys = append(i.keys, jose.JSONWebKey{Key: otherRSAKey().Public(), KeyID: "k2"}) })
	if _, _, err := i.logIn(c, i.flow()); err != nil {
		t.Errorf("a new key is not found a minute later: %v", err)
	}
	if n := i.asked("/jwks") - before; n != 2 {
		t.Errorf("the keys were asked for %d times", n)
	}
}

// While the issuer publishes nothing, its keys are used for a day, and nobody else's
// are.
func TestKeysWhileDown(t *testing.T) {
	i := newTestIssuer(t)
	c := i.connector(nil)
	if _, _, err := i.logIn(c, i.flow()); err != nil {
		t.Fatal(err)
	}
	i.set(func() { i.broken["/jwks"] = true })
	for range 23 {
		i.at(time.Hour)
		if _, _, err := i.logIn(c, i.flow()); err != nil {
			t.Fatal(err)
		}
	}
	good := i.idToken
	i.set(func() {
		i.idToken = func(nonce string) string { return signWith(jose.RS256, otherRSAKey(), "k2", nil, i.claims(nonce, nil)) }
	})
	i.at(10 * time.Minute)
	before := i.asked("/jwks")
	for range 20 {
		a, token, err := i.logIn(c, i.flow())
		if n := i.asked("/jwks") - before; err == nil || n > 1 {
			t.Fatalf("%v, after asking %d times", err, n)
		}
		wantRefused(t, err, a, token, err)
	}
	i.set(func() { i.idToken = good })
	i.at(time.Hour)
	a, token, err := i.logIn(c, i.flow())
	wantRefused(t, errUnavailable, a, token, err)
}

func TestKeyRemoved(t *testing.T) {
	for header, fresh := range map[string]time.Duration{
		"":                              defaultKeysFresh,
		"max-age=7200":                  2 * time.Hour,
		"public, max-age=1":             minKeysFresh,
		"max-age=31536000":              maxKeysFresh,
		"max-age=99999999999999999999":  defaultKeysFresh,
		"no-store":                      minKeysFresh,
		"max-age=7200, No-Cache":        minKeysFresh,
		"s-maxage=1, Max-Age = 7200":    defaultKeysFresh,
		"must-revalidate,max-age=10800": 3 * time.Hour,
	} {
		i := newTestIssuer(t)
		i.keysHead = http.Header{"Cache-Control": {header}}
		i.keys = append(i.keys, jose.JSONWebKey{Key: otherRSAKey().Public(), KeyID: "k2"})
		c := i.connector(nil)
		if _, _, err := i.logIn(c, i.flow()); err != nil {
			t.Fatal(err)
		}
		i.set(func() { i.keys = i.keys[1:] })
		i.at(fresh - time.Second)
		if _, _, err := i.logIn(c, i.flow()); err != nil {
			t.Errorf("%q: removed too soon: %v", header, err)
		}
		i.at(time.Second)
		a, token, err := i.logIn(c, i.flow())
		wantRefused(t, errBadAnswer, a, token, err)
	}
}

// Keys of one issuer are of no use at another, be their IDs the same.
func TestKeysOfOthers(t *testing.T) {
	i, evil := newTestIssuer(t), newTestIssuer(t)
	evil.keys = []any{jose.JSONWebKey{Key: otherRSAKey().Public(), KeyID: "k2"}}
	evil.idToken = func(nonce string) string {
		return signWith(jose.RS256, otherRSAKey(), "k2", nil, evil.claims(nonce, nil))
	}
	c := i.connector(nil)
	if _, _, err := evil.logIn(evil.connector(nil), evil.flow()); err != nil {
		t.Fatal(err)
	}
	i.idToken = func(nonce string) string { return signWith(jose.RS256, otherRSAKey(), "k2", nil, i.claims(nonce, nil)) }
	a, token, err := i.logIn(c, i.flow())
	wantRefused(t, errBadAnswer, a, token, err)
}

func TestReadKeys(t *testing.T) {
	good := `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}`
	for body, want := range map[string]int{
		`{"keys":[` + good + `]}`: 1,
		`{"keys":[{"kty":"new","x":1},"odd",null,` + good + `,{"kty":"oct","k":"AAAA"},{}]}`: 1,
		`{"keys":[]}`: 0, `{}`: 0, `[]`: 0, `<html>`: 0, `{"keys":{}}`: 0, `{"keys":null}`: 0, ``: 0,
		`{"keys":[` + good + `],"keys":[]}`: 0,
		`{"keys":[` + good + `]} `:          1,
		`{"keys":[` + good + `]}{}`:         0,
		// A private key: somebody has lost it.
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`: 0,
	} {
		keys, err := readKeys([]byte(body))
		if len(keys) != want || (err != nil) != (want == 0) || err != nil && !errors.Is(err, errBadAnswer) {
			t.Errorf("%s: %d keys, %v", body, len(keys), err)
		}
	}
}

// A hundred who come at once make one request, and one who leaves takes nobody along.
func TestKeysAtOnce(t *testing.T) {
	began, release := make(chan struct{}, 2), make(chan struct{})
	var asked atomic.Int32
	c := fetched[int]{keep: time.Hour}
	c.fetch = func(ctx context.Context, _ *http.Client) (int, time.Duration, error) {
		asked.Add(1)
		began <- struct{}{}
		select {
		case <-release:
			return 42, time.Hour, nil
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
	now := time.Now()
	ctx, leave := context.WithCancel(t.Context())
	var left, done sync.WaitGroup
	left.Go(func() {
		if _, err := c.get(ctx, nil, now, false); err == nil {
			t.Error("got something from a request that was given up")
		}
	})
	<-began
	for range 100 {
		done.Go(func() {
			if v, err := c.get(t.Context(), nil, now, false); v != 42 || err != nil {
				t.Error(v, err)
			}
		})
	}
	leave()
	left.Wait()
	close(release)
	done.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A panic leaves nobody waiting.
func TestFetchPanics(t *testing.T) {
	c := fetched[int]{keep: time.Hour}
	c.fetch = func(context.Context, *http.Client) (int, time.Duration, error) { panic("odd") }
	now := time.Now()
	func() {
		defer func() { recover() }()
		c.get(t.Context(), nil, now, false)
	}()
	c.fetch = func(context.Context, *http.Client) (int, time.Duration, error) { return 1, time.Hour, nil }
	if v, err := c.get(t.Context(), nil, now.Add(retryMissing), false); v != 1 || err != nil {
		t.Error(v, err)
	}
}

// A clock that is set back does not make what is old new, nor stop every request.
func TestFetchClockBack(t *testing.T) {
	n := 0
	c := fetched[int]{keep: time.Hour}
	c.fetch = func(context.Context, *http.Client) (int, time.Duration, error) { n++; return n, time.Hour, nil }
	now := time.Now()
	for _, tt := range []struct {
		at   time.Duration
		want int
	}{{0, 1}, {-time.Second, 1}, {-2 * time.Hour, 2}, {-2*time.Hour + time.Second, 2}} {
		if v, err := c.get(t.Context(), nil, now.Add(tt.at), false); v != tt.want || err != nil {
			t.Errorf("at %v: %d, %v", tt.at, v, err)
		}
	}
}
