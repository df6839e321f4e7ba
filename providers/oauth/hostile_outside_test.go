package oauth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
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

// Whatever of a provider's code never ends is counted: an identity provider that
// takes connections and says nothing does not cost the site one for every visitor.
func TestHostileHungCallsAreBounded(t *testing.T) {
	var began atomic.Int64
	release := make(chan struct{})
	c := GothFunc(func(string, *http.Client) goth.Provider {
		return &madeUp{name: "deaf", at: func(step string) {
			if step == "begin" {
				began.Add(1)
				<-release
			}
		}}
	}, &ConnectorOptions{Timeout: time.Minute})
	try := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := c.backend.begin(ctx, &flow{client: &http.Client{}, state: "s"})
		return err
	}
	for range 3 * maxHung {
		if err := try(time.Millisecond); !errors.Is(err, errUnavailable) {
			t.Fatal(err)
		}
	}
	if n := began.Load(); n > maxHung {
		t.Errorf("%d calls hang", n)
	}
	close(release)
	hung := &c.backend.(*gothBackend).hung
	for end := time.Now().Add(5 * time.Second); hung.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := hung.Load(); n != 0 {
		t.Fatalf("%d calls hang after they have ended", n)
	}
	if err := try(time.Minute); errors.Is(err, errUnavailable) {
		t.Errorf("afterwards: %v", err)
	}
}

// Nobody makes the site ask an identity provider by looking at its pages, more than
// once.
func TestHostilePagesAskOnce(t *testing.T) {
	var asked atomic.Int64
	p := func() *madeUp {
		p := &madeUp{name: "asking", at: func(step string) {
			if step == "begin" {
				asked.Add(1)
			}
		}}
		p.config.Endpoint.AuthURL = "https://login.example.net/authorize"
		return p
	}
	c := GothFunc(func(string, *http.Client) goth.Provider { return p() }, nil)
	for range 100 {
		if got := c.origins(t.Context()); len(got) != 1 || got[0] != "https://login.example.net" {
			t.Fatalf("%q", got)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A profile names pages that whoever it is of has chosen. Who fetches one with the
// client at hand gives nobody's token away.
func TestHostileTokenToOthers(t *testing.T) {
	sent := map[string]string{}
	idp := answers(func(r *http.Request) *http.Response {
		sent[r.URL.Scheme+"://"+r.URL.Host+r.URL.Path] = r.Header.Get("Authorization")
		if r.URL.Path == "/token" {
			return answerWith(http.StatusOK, `{"access_token":"the-access-token","token_type":"Bearer"}`)
		}
		return answerWith(http.StatusOK, `{"id":"7","picture":"https://evil.example/picture"}`)
	})
	c := OAuth2(Endpoint{AuthURL: "https://login.example.net/a", TokenURL: "https://login.example.net/token"}, "id", "secret",
		func(ctx context.Context, client *http.Client) (Account, error) {
			for _, u := range []string{"https://api.example.net/user", "https://evil.example/picture", "https://api.example.net:8443/x",
				"http://api.example.net/x", "https://API.example.net/emails"} {
				var v map[string]any
				if err := GetJSON(ctx, client, u, &v); err != nil {
					t.Error(err)
				}
			}
			return Account{Subject: "7"}, nil
		}, &ConnectorOptions{Insecure: idp})
	f := &flow{state: "s", verifier: "v", client: c.out.client(t.Context())}
	if _, _, err := c.backend.finish(t.Context(), f, url.Values{"code": {"c"}}); err != nil {
		t.Fatal(err)
	}
	for u, want := range map[string]string{
		"https://api.example.net/user": "Bearer the-access-token", "https://API.example.net/emails": "Bearer the-access-token",
		"https://evil.example/picture": "", "https://api.example.net:8443/x": "", "http://api.example.net/x": "",
	} {
		if got, there := sent[u]; !there || got != want {
			t.Errorf("%s: %q, want %q (asked: %v)", u, got, want, there)
		}
	}
}

// Several identity providers that do not answer keep a page as long as one: nobody
// waits until somebody else has answered.
func TestHostileDeadIssuersTogether(t *testing.T) {
	var missed atomic.Int64
	var all atomic.Pointer[sync.WaitGroup]
	dead := func(name string) *Connector {
		f := &fake{name: name}
		c := connect(f, &ConnectorOptions{Name: name, Title: name})
		c.backend = lateBackend{f, func(ctx context.Context) {
			group := all.Load()
			group.Done()
			here := make(chan struct{})
			go func() { group.Wait(); close(here) }()
			select {
			case <-here:
			case <-ctx.Done():
				missed.Add(1)
			}
		}}
		return c
	}
	again := func() {
		group := &sync.WaitGroup{}
		group.Add(3)
		all.Store(group)
	}
	s := newSite(t, func(set *setup) { set.more = []*Connector{dead("one"), dead("two"), dead("three")} })
	j := s.browser()
	again()
	if r := j.get("/auth/login"); r.Code != http.StatusOK || strings.Count(r.text, "Continue with ") != 5 {
		t.Fatal(r.Code, r.text)
	}
	j.register("ada@example.com")
	again()
	if r := j.get("/auth/accounts"); r.Code != http.StatusOK || strings.Count(r.text, "Link ") < 5 {
		t.Fatal(r.Code, r.text)
	}
	if n := missed.Load(); n != 0 {
		t.Errorf("%d were waited for without the others", n)
	}
}

type lateBackend struct {
	*fake
	origins_ func(ctx context.Context)
}

func (b lateBackend) origins(ctx context.Context, _ *http.Client) []string {
	b.origins_(ctx)
	return nil
}

// A secret is found in however an error may spell it, also one that is short.
func TestHostileSecretsSpelled(t *testing.T) {
	const secret = `s"e<c r/e+t`
	inJSON, err := json.Marshal(map[string]string{"message": secret})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"as it is":      secret,
		"in a query":    url.QueryEscape(secret),
		"in a path":     "https://login.example.net/revoke/" + url.PathEscape(secret) + "/x",
		"in JSON":       string(inJSON),
		"in quotes":     fmt.Sprintf("%q", secret),
		"in lower case": strings.ToLower(url.QueryEscape(secret)),
	} {
		got := describe(errors.New("x "+text), secret)
		for _, rest := range []string{"s%22", "s\"e", "s\\\"e", "r/e", "r%2F", "r%2f", "e+t", "%2bt"} {
			if strings.Contains(got, rest) {
				t.Errorf("%s: %q has %q", name, got, rest)
			}
		}
	}
}

// An issuer that publishes many great keys under one name does not have the site
// compute for seconds with each login.
func TestHostileManyKeys(t *testing.T) {
	i := newTestIssuer(t)
	for n, keys := range map[int]bool{maxTried - 1: true, maxTried: false} {
		i.set(func() {
			i.keys = nil
			for range n {
				i.keys = append(i.keys, jose.JSONWebKey{Key: otherRSAKey().Public(), KeyID: "k1"})
			}
			i.keys = append(i.keys, jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "k1"})
		})
		a, token, err := i.logIn(i.connector(nil), i.flow())
		if keys && err != nil {
			t.Errorf("the key after %d others: %v", n, err)
		} else if !keys {
			wantRefused(t, errBadAnswer, a, token, err)
		}
	}
	great := &rsa.PublicKey{N: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), maxRSABits+1), big.NewInt(1)), E: 65537}
	if maxRSABits > 8192 || usable(jose.JSONWebKey{Key: great}) {
		t.Errorf("keys of %d bits take long", maxRSABits+1)
	}
}
