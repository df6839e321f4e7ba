package oauth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const clientSecret = "the-secret-of-the-client"

// signing is the key of all services in tests: to make one takes a moment.
var signing = sync.OnceValues(func() (*oauthtest.Key, error) { return oauthtest.NewKey("RS256") })

// An observed site is one of which everything that could leak a secret is kept.
type observed struct {
	*world
	store  auth.Store
	users  *authtest.Users
	clock  *authtest.Clock
	events *authtest.Outbox
	log    *lockedText
	wire   *wire

	mu      sync.Mutex
	answers []string // pages and headers
	sent    []string // cookies, states and challenges: what this site has made
}

// A wire leads to an identity provider until it is cut.
type wire struct {
	*oauthtest.Server
	cut atomic.Bool
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.cut.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return w.Server.RoundTrip(r)
}

type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// observe makes a site with a connector of every service that has tokens, which are
// kept. The store may be nil.
func observe(t testing.TB, store auth.Store, live bool, change ...func(*oauth.ConnectorOptions)) *observed {
	t.Helper()
	if store == nil {
		store = memory.New(nil)
	}
	// Not the clock of the machine: tests let time pass. The identity provider has it too.
	o := &observed{store: store, users: &authtest.Users{}, clock: authtest.NewClock(time.Now()), events: &authtest.Outbox{}, log: &lockedText{}}
	key, err := signing()
	if err != nil {
		t.Fatal(err)
	}
	idp := oauthtest.New(&oauthtest.Options{Keys: []*oauthtest.Key{key}, Now: o.clock.Now})
	t.Cleanup(func() { idp.Close() })
	o.wire = &wire{Server: idp}
	opts := func(scopes ...string) *oauth.ConnectorOptions {
		co := &oauth.ConnectorOptions{Insecure: o.wire, KeepTokens: true, Scopes: scopes, Timeout: 2 * time.Second}
		for _, f := range change {
			f(co)
		}
		return co
	}
	oidc := opts("openid", "email", "profile", "offline_access")
	if live { // over a network, such as it is
		if err := idp.Start(""); err != nil {
			t.Fatal(err)
		}
		oidc.Insecure, oidc.InsecureHTTP = nil, true
	}
	logger := slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	keySecret := [32]byte([]byte("the secret of the key that seals"))
	o.world = &world{t: t, idp: idp, p: oauth.New(authtest.Origin, &oauth.Options{
		Starts: auth.Limit{Max: 10_000, Per: time.Minute}, Logger: logger, Keys: []oauth.Key{{ID: "test", Secret: keySecret}},
	}, oauth.GitHub("id", clientSecret, opts()), oauth.Google("id", clientSecret, opts()),
		oauth.Apple("id", oauth.AppleKey{TeamID: "TEAM", KeyID: "KEY", PrivateKey: appleKey(t)}, opts()),
		oauth.OIDC(idp.URL, "id", clientSecret, oidc))}
	o.m, err = auth.New(o.users, store, &auth.Options{Providers: []auth.Provider{o.p}, Pages: pages.New(nil), Logger: logger, Now: o.clock.Now,
		Events: []func(context.Context, auth.Event){o.events.Record}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	o.m.Mount(mux)
	mux.Handle("GET /me", o.m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.UserFrom[authtest.User](r.Context())
		fmt.Fprintf(w, "%s %s", u.ID, u.Profile.Name)
	})))
	inner := o.m.Handler(mux)
	o.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		inner.ServeHTTP(rec, r)
		o.seen(rec)
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes()) // into memory
	})
	return o
}

// seen keeps what was answered, and the secrets of this site that went with it where
// the protocols put them.
func (o *observed) seen(rec *httptest.ResponseRecorder) {
	header := rec.Header().Clone()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range rec.Result().Cookies() {
		value, _, _ := strings.Cut(c.Value, ".")
		o.sent = append(o.sent, value)
	}
	header.Del("Set-Cookie")
	if u, err := url.Parse(header.Get("Location")); err == nil && u.Query().Has("state") {
		// To the identity provider, or, for a form, to the callback: the state belongs
		// there, and nothing else does.
		q := u.Query()
		o.sent = append(o.sent, q.Get("state"))
		if q.Get("nonce") != "" {
			o.sent = append(o.sent, q.Get("nonce"))
		}
		q.Del("state")
		q.Del("nonce")
		u.RawQuery = q.Encode()
		header.Set("Location", u.String())
	}
	o.answers = append(o.answers, fmt.Sprint(rec.Code, header, rec.Body))
}

// secrets returns everything that must be nowhere, by name.
func (o *observed) secrets() map[string]string {
	all := map[string]string{}
	add := func(name, secret string) {
		if len(secret) >= 8 {
			all[secret] = name
		}
	}
	add("the client's secret", clientSecret)
	add("the key", "the secret of the key that seals")
	for _, s := range o.idp.Issued() {
		add("a code or token", s)
	}
	for _, r := range o.idp.Requests() {
		for _, name := range []string{"code", "code_verifier", "client_secret", "refresh_token", "access_token"} {
			add("a sent "+name, r.Form.Get(name))
		}
		add("a header", strings.TrimPrefix(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "Basic "))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.sent {
		add("a cookie, state or nonce", s)
	}
	return all
}

// spelled returns what a secret could be written as.
func spelled(secret string) []string {
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	of := [][]byte{[]byte(secret)}
	if err == nil && len(raw) == 32 {
		of = append(of, raw)
	}
	all := []string{secret, url.QueryEscape(secret)}
	for _, b := range of {
		all = append(all, string(b), hex.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
			strings.Trim(fmt.Sprint(b), "[]"))
	}
	return all
}

// checkLeaks fails the test if a secret, or one of the words that only the identity
// provider said, is in anything that is kept, logged or shown.
func (o *observed) checkLeaks(words ...string) {
	o.t.Helper()
	var kept bytes.Buffer
	walk(&kept, reflect.ValueOf(o.store), map[uintptr]bool{})
	events := ""
	for _, e := range o.events.Events() {
		events += fmt.Sprintf("%+v\n", e)
	}
	o.mu.Lock()
	answers := strings.Join(o.answers, "\n")
	o.mu.Unlock()
	dumps := map[string]string{"the log": o.log.String(), "the store": kept.String(), "the events": events, "the answers": answers}
	secrets := o.secrets()
	for _, w := range words {
		secrets[w] = "the identity provider's words"
	}
	for secret, name := range secrets {
		for _, form := range spelled(secret) {
			for where, dump := range dumps {
				if i := strings.Index(dump, form); i >= 0 {
					o.t.Errorf("%s has %s: …%q…", where, name, dump[max(0, i-80):min(len(dump), i+len(form)+20)])
					return
				}
			}
		}
	}
	if len(secrets) < 4 || answers == "" || kept.Len() == 0 {
		o.t.Errorf("%d secrets, %d bytes of answers, %d bytes kept: nothing was looked at", len(secrets), len(answers), kept.Len())
	}
}

// walk writes all strings and bytes that v leads to.
func walk(b *bytes.Buffer, v reflect.Value, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			walk(b, v.Elem(), seen)
		}
	case reflect.Interface:
		if !v.IsNil() {
			walk(b, v.Elem(), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			walk(b, v.Field(i), seen)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			walk(b, it.Key(), seen)
			walk(b, it.Value(), seen)
		}
	case reflect.String:
		b.WriteString(v.String() + "\n")
	case reflect.Slice, reflect.Array:
		bytes := v.Type().Elem().Kind() == reflect.Uint8
		for i := range v.Len() {
			if bytes {
				b.WriteByte(byte(v.Index(i).Uint()))
			} else {
				walk(b, v.Index(i), seen)
			}
		}
		b.WriteByte('\n')
	}
}
