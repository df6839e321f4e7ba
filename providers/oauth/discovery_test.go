package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const wellKnown = "/.well-known/openid-configuration"

func TestOA15Metadata(t *testing.T) {
	for _, tt := range []struct {
		name     string
		metadata map[string]any
		ok       bool
	}{
		{"as it should be", nil, true},
		{"issuer missing", map[string]any{"issuer": nil}, false},
		{"issuer of another", map[string]any{"issuer": "https://accounts.google.com"}, false},
		{"issuer no string", map[string]any{"issuer": []string{"https://accounts.google.com"}}, false},
		{"authorization endpoint missing", map[string]any{"authorization_endpoint": nil}, false},
		{"authorization endpoint http", map[string]any{"authorization_endpoint": "http://login.example.com/a"}, false},
		{"authorization endpoint script", map[string]any{"authorization_endpoint": "javascript:alert(1)"}, false},
		{"authorization endpoint relative", map[string]any{"authorization_endpoint": "/authorize"}, false},
		{"authorization endpoint with a user", map[string]any{"authorization_endpoint": "https://login.example.com@evil.example/"}, false},
		{"token endpoint missing", map[string]any{"token_endpoint": nil}, false},
		{"token endpoint http", map[string]any{"token_endpoint": "http://login.example.com/t"}, false},
		{"token endpoint no string", map[string]any{"token_endpoint": 1}, false},
		{"keys missing", map[string]any{"jwks_uri": nil}, false},
		{"keys http", map[string]any{"jwks_uri": "http://login.example.com/k"}, false},
		{"keys on another host", map[string]any{"jwks_uri": "https://keys.example.com/k"}, true},
		{"userinfo http", map[string]any{"userinfo_endpoint": "http://login.example.com/u"}, false},
		{"revocation http", map[string]any{"revocation_endpoint": "http://login.example.com/r"}, false},
		{"no code flow", map[string]any{"response_types_supported": []string{"id_token"}}, false},
		{"no algorithm of ours", map[string]any{"id_token_signing_alg_values_supported": []string{"HS256", "none"}}, false},
		{"algorithms unsaid", map[string]any{"id_token_signing_alg_values_supported": nil}, true},
		{"algorithms no list", map[string]any{"id_token_signing_alg_values_supported": "RS256"}, false},
		{"algorithms no strings", map[string]any{"id_token_signing_alg_values_supported": []int{1}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := newTestIssuer(t)
			i.metadata = tt.metadata
			b, err := i.connector(nil).backend.begin(t.Context(), i.flow())
			if tt.ok != (err == nil) || tt.ok != (b.url != "") || err != nil && !errors.Is(err, errBadAnswer) {
				t.Errorf("%v, %v", b, err)
			}
		})
	}
	// What the host has configured is what the issuer calls itself, in every byte.
	for _, change := range []func(url string) string{
		func(url string) string { return url + "/" },
		func(url string) string { return strings.ToUpper(url[:4]) + url[4:] },
		func(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) },
	} {
		i := newTestIssuer(t)
		c := OIDC(change(i.URL), testClient, "", &ConnectorOptions{InsecureHTTP: true})
		if b, err := c.backend.begin(t.Context(), i.flow()); !errors.Is(err, errBadAnswer) || b.url != "" {
			t.Errorf("%s configured for %s: %v", change(i.URL), i.URL, err)
		}
		i.metadata["issuer"] = change(i.URL)
		if _, err := OIDC(change(i.URL), testClient, "", &ConnectorOptions{InsecureHTTP: true}).backend.begin(t.Context(), i.flow()); err != nil {
			t.Errorf("%s: %v", change(i.URL), err)
		}
	}
	// Plain HTTP is for this machine, and only where it was asked for.
	b := &oidcBackend{iss: "https://login.example.com", opts: &ConnectorOptions{}}
	doc := `{"issuer":"https://login.example.com","authorization_endpoint":"https://a","token_endpoint":"https://t","jwks_uri":"https://j","response_types_supported":["code"]}`
	if _, err := b.readMetadata([]byte(doc)); err != nil {
		t.Error(err)
	}
	for _, e := range []string{"a", "t", "j"} {
		if _, err := b.readMetadata([]byte(strings.Replace(doc, "https://"+e+`"`, `http://127.0.0.1"`, 1))); !errors.Is(err, errBadAnswer) {
			t.Errorf("with %s on plain HTTP: %v", e, err)
		}
	}
	for _, odd := range []string{"", "null", "[]", "<html>", doc + "{}", "\xef\xbb\xbf" + doc, strings.Replace(doc, "{", `{"issuer":"https://login.example.com",`, 1)} {
		if _, err := b.readMetadata([]byte(odd)); !errors.Is(err, errBadAnswer) {
			t.Errorf("%q: %v", odd, err)
		}
	}
}

func TestIssuerParameter(t *testing.T) {
	for v, want := range map[any]bool{nil: false, false: false, true: true, "true": false} {
		i := newTestIssuer(t)
		i.metadata["authorization_response_iss_parameter_supported"] = v
		if iss, required, err := i.connector(nil).backend.issuer(t.Context(), i.flow()); iss != i.URL || required != want || err != nil {
			t.Errorf("%v: %q, %v, %v", v, iss, required, err)
		}
	}
	i := newTestIssuer(t)
	i.broken[wellKnown] = true
	if _, _, err := i.connector(nil).backend.issuer(t.Context(), i.flow()); !errors.Is(err, errUnavailable) {
		t.Error(err)
	}
}

// A dead issuer is asked every ten seconds, a living one every day, and one that died
// meanwhile is remembered for a week.
func TestMetadataCache(t *testing.T) {
	i := newTestIssuer(t)
	i.broken[wellKnown] = true
	c := i.connector(nil)
	for range 10 {
		if _, err := c.backend.begin(t.Context(), i.flow()); !errors.Is(err, errUnavailable) {
			t.Fatal(err)
		}
	}
	if n := i.asked(wellKnown); n != 1 {
		t.Errorf("asked %d times", n)
	}
	i.at(retryMissing)
	i.set(func() { i.broken[wellKnown] = false })
	for _, d := range []time.Duration{0, time.Hour, 22 * time.Hour} {
		i.at(d)
		if _, _, err := i.logIn(c, i.flow()); err != nil {
			t.Fatal(err)
		}
	}
	if n := i.asked(wellKnown); n != 2 {
		t.Errorf("asked %d times", n)
	}
	i.at(time.Hour)
	keys := i.asked("/jwks")
	if _, _, err := i.logIn(c, i.flow()); err != nil || i.asked(wellKnown) != 3 {
		t.Errorf("asked %d times, %v", i.asked(wellKnown), err)
	}
	if n := i.asked("/jwks") - keys; n > 1 {
		t.Errorf("asked for keys %d times", n)
	}
	i.set(func() { i.broken[wellKnown] = true })
	i.at(metadataKept)
	if _, _, err := i.logIn(c, i.flow()); err != nil {
		t.Error(err)
	}
	i.at(time.Minute)
	if _, err := c.backend.begin(t.Context(), i.flow()); !errors.Is(err, errUnavailable) {
		t.Error(err)
	}
}

func TestMetadataAtOnce(t *testing.T) {
	i := newTestIssuer(t)
	c := i.connector(nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := c.backend.begin(t.Context(), i.flow()); err != nil {
				t.Error(err)
			}
			c.backend.origins(t.Context(), http.DefaultClient)
		})
	}
	wg.Wait()
	if n := i.asked(wellKnown); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestOrigins(t *testing.T) {
	i := newTestIssuer(t)
	i.metadata["authorization_endpoint"] = "https://Login.example.com:8443/authorize"
	c := i.connector(nil)
	if got := c.backend.origins(t.Context(), nil); !slices.Equal(got, []string{i.URL}) {
		t.Errorf("without a client: %v", got)
	}
	want := []string{i.URL, "https://login.example.com:8443"}
	if got := c.backend.origins(t.Context(), http.DefaultClient); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	i.set(func() { i.broken[wellKnown] = true })
	if got := c.backend.origins(t.Context(), http.DefaultClient); !slices.Equal(got, want) || i.asked(wellKnown) != 1 {
		t.Errorf("%v, want %v", got, want)
	}
	// An issuer that hangs is waited for no longer than the page can wait, and once.
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer func() { hang.CloseClientConnections(); hang.Close() }()
	c = OIDC(hang.URL, testClient, "", &ConnectorOptions{InsecureHTTP: true})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got := c.backend.origins(ctx, http.DefaultClient); !slices.Equal(got, []string{hang.URL}) {
		t.Errorf("%v", got)
	}
	start := time.Now()
	if got := c.backend.origins(t.Context(), http.DefaultClient); !slices.Equal(got, []string{hang.URL}) || time.Since(start) > originsWait-500*time.Millisecond {
		t.Errorf("%v, after %v", got, time.Since(start))
	}
}

// Metadata that is asked for again does not lose the keys.
func TestMetadataKeepsKeys(t *testing.T) {
	i := newTestIssuer(t)
	i.keysHead = http.Header{"Cache-Control": {"max-age=86400"}}
	c := i.connector(nil)
	if _, err := c.backend.begin(t.Context(), i.flow()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		i.at(13 * time.Hour)
		if _, _, err := i.logIn(c, i.flow()); err != nil {
			t.Fatal(err)
		}
	}
	if m, k := i.asked(wellKnown), i.asked("/jwks"); m != 2 || k != 1 {
		t.Errorf("asked for the metadata %d times, and for the keys %d times", m, k)
	}
	i.set(func() { i.metadata["jwks_uri"] = i.URL + "/new-jwks" })
	i.at(25 * time.Hour)
	if _, _, err := i.logIn(c, i.flow()); err != nil || i.asked("/new-jwks") != 1 {
		t.Errorf("asked for keys at another address %d times, %v", i.asked("/new-jwks"), err)
	}
}

// Garbage, redirects and floods are no metadata, be they otherwise right.
func TestMetadataAnswers(t *testing.T) {
	i := newTestIssuer(t)
	right := string(must(json.Marshal(i.document())))
	for name, h := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		"HTML":      func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) },
		"huge": func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(right + strings.Repeat(" ", maxMetadataSize)))
		},
		"203": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNonAuthoritativeInfo)
			w.Write([]byte(right))
		},
		"a redirect elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(i.URL, "127.0.0.1", "localhost", 1)+wellKnown, http.StatusFound)
		},
	} {
		s := httptest.NewServer(h)
		// The document is that of the issuer, so that nothing but the answer is wrong.
		f := i.flow()
		f.client = &http.Client{Transport: to{s.URL, f.client.Transport}, CheckRedirect: f.client.CheckRedirect}
		if b, err := i.connector(nil).backend.begin(t.Context(), f); !errors.Is(err, errBadAnswer) || b.url != "" {
			t.Errorf("%s: %v, %v", name, b, err)
		}
		s.Close()
	}
	if _, err := i.connector(nil).backend.begin(t.Context(), i.flow()); err != nil {
		t.Error(err)
	}
}

// to sends every request to a server.
type to struct {
	server string
	base   http.RoundTripper
}

func (t to) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host = must(url.Parse(t.server)).Host
	return t.base.RoundTrip(r)
}
