package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/markbates/goth"
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

// A key says what it is for in two ways (RFC 7517, sections 4.2 and 4.3).
func TestHostileKeyOperations(t *testing.T) {
	const key = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	for more, want := range map[string]int{
		``:                                1,
		`,"key_ops":["verify"]`:           1,
		`,"key_ops":["sign","verify"]`:    1,
		`,"key_ops":["encrypt"]`:          0,
		`,"key_ops":["wrapKey","Verify"]`: 0,
		`,"key_ops":[]`:                   0,
		`,"key_ops":"verify"`:             0,
		`,"use":"enc"`:                    0,
		`,"alg":"HS256"`:                  0,
	} {
		keys, err := readKeys([]byte(`{"keys":[` + key + more + `}]}`))
		if len(keys) != want || (err != nil) != (want == 0) {
			t.Errorf("%s: %d keys, %v", more, len(keys), err)
		}
	}
}

// Of two claims about one address, the one that denies counts.
func TestHostileEmailTwoWords(t *testing.T) {
	for _, tt := range []struct {
		verified, edov any
		want           EmailStatus
	}{
		{false, true, EmailUnverified},
		{false, false, EmailUnverified},
		{true, false, EmailUnknown},
		{true, true, EmailVerified},
		{nil, "true", EmailUnknown},
		{true, nil, EmailUnknown},
	} {
		a := Account{Email: "a@example.com", Claims: map[string]any{"email": "a@example.com", "email_verified": tt.verified, "xms_edov": tt.edov}}
		if got := TrustEmailVerified(a); got != tt.want {
			t.Errorf("email_verified %v, xms_edov %v: %q, want %q", tt.verified, tt.edov, got, tt.want)
		}
	}
}

// answers is the transport of a client whose answers are made up.
type answers func(r *http.Request) *http.Response

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// AuthURL makes it an Imitation.
func (f answers) AuthURL(u string) string { return u }

func answerWith(status int, body string, header ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
	for n := 0; n+1 < len(header); n += 2 {
		resp.Header.Set(header[n], header[n+1])
	}
	return resp
}

// GitHub refuses with 403 also whoever asks too often. That is not to have no
// address, with which somebody who has an account here would become a second user.
func TestHostileGitHubRateLimit(t *testing.T) {
	for name, tt := range map[string]struct {
		header []string
		want   error
	}{
		"no permission":       {nil, nil},
		"some requests left":  {[]string{"X-RateLimit-Remaining", "4999"}, nil},
		"none left":           {[]string{"X-RateLimit-Remaining", "0"}, errUnavailable},
		"the secondary limit": {[]string{"Retry-After", "60"}, errUnavailable},
	} {
		idp := answers(func(*http.Request) *http.Response { return answerWith(http.StatusForbidden, `{}`, tt.header...) })
		out := newOutbound(&ConnectorOptions{Insecure: idp, Timeout: time.Second})
		a, err := githubAccount(&exchange{ctx: t.Context(), flow: &flow{client: out.client(t.Context())}, account: Account{Subject: "1"}})
		if !errors.Is(err, tt.want) || (err == nil) != (a.Subject != "") {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

// wrapped is a host's provider around another.
type wrapped struct{ *madeUp }

// A provider made anew around one that is not is shared all the same: two flows would
// put their clients, and so their verifiers, into one field.
func TestHostileSharedInside(t *testing.T) {
	inner := &madeUp{name: "inner"}
	shared := GothFunc(func(string, *http.Client) goth.Provider { return &wrapped{inner} }, &ConnectorOptions{Name: "x", Title: "X"})
	if err := shared.check(); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("one provider within two: %v", err)
	}
	apart := GothFunc(func(string, *http.Client) goth.Provider { return &wrapped{&madeUp{name: "inner"}} }, &ConnectorOptions{Name: "x", Title: "X"})
	if err := apart.check(); err != nil {
		t.Errorf("two within two: %v", err)
	}
}

// unnamed is one whose Name does not need what it is around.
type unnamed struct{ *madeUp }

func (unnamed) Name() string { return "unnamed" }

// Reflection meets a nil pointer, and the host a fault that is told rather than a
// panic while the site is put together.
func TestHostileNilInside(t *testing.T) {
	c := GothFunc(func(string, *http.Client) goth.Provider { return &unnamed{} }, nil)
	_ = c.check()
	if _, err := c.begin(t.Context(), &flow{state: "s"}); err == nil {
		t.Error("it has begun")
	}
}
