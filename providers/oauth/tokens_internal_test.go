package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// onEveryStore runs a test on every store that there is.
func onEveryStore(t *testing.T, test func(t *testing.T, store auth.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, memory.New(nil)) })
	t.Run("SQLite", func(t *testing.T) { test(t, sqlite(t)) })
}

// A granter is an identity provider that refreshes tokens, and ends a grant when a
// refresh token is used twice.
type granter struct {
	backend // is not asked for anything else

	mu       sync.Mutex
	n        int
	current  string // the refresh token
	asked    int
	revoked  []string
	lifetime time.Duration // of an access token
	steady   bool          // refresh tokens are used more than once, and not sent again
	dead     bool

	// before is called with each request, and after with what would be answered.
	before func(ctx context.Context, t *oauth2.Token) error
	after  func(t *oauth2.Token) (*oauth2.Token, error)
}

func (g *granter) check() error { return nil }

// grant begins a grant anew: a login.
func (g *granter) grant() *oauth2.Token {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead, g.current = false, ""
	return g.next()
}

func (g *granter) next() *oauth2.Token {
	g.n++
	t := &oauth2.Token{AccessToken: fmt.Sprintf("the-access-token-%d", g.n), TokenType: "Bearer", ExpiresIn: int64(g.lifetime / time.Second)}
	if !g.steady || g.current == "" {
		g.current = fmt.Sprintf("the-refresh-token-%d", g.n)
		t.RefreshToken = g.current
	}
	return t.WithExtra(map[string]any{"scope": "read write", "id_token": "x"})
}

func (g *granter) requests() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

func (g *granter) refresh(ctx context.Context, client *http.Client, t *oauth2.Token) (*oauth2.Token, error) {
	g.mu.Lock()
	g.asked++
	before, after := g.before, g.after
	g.mu.Unlock()
	if before != nil {
		if err := before(ctx, t); err != nil {
			return nil, err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dead || t.RefreshToken != g.current {
		g.dead = true
		return nil, fmt.Errorf("%w: it says invalid_grant", errInvalidGrant)
	}
	next := g.next()
	if after != nil {
		return after(next)
	}
	return next, nil
}

func (g *granter) revoke(ctx context.Context, client *http.Client, t *oauth2.Token) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.revoked = append(g.revoked, t.AccessToken+" "+t.RefreshToken)
	g.dead = true
	return nil
}

// A keeping is a process that keeps tokens, with a connector to a granter.
type keeping struct {
	*tokenKeeper
	t     testing.TB
	store *authtest.Recorder
	users *authtest.Users
	clock *authtest.Clock
	g     *granter
	c     *Connector
	log   *bytes.Buffer
}

type lockedLog struct {
	mu sync.Mutex
	*bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func newKeeping(t testing.TB, store auth.Store, g *granter, realm string) *keeping {
	t.Helper()
	if g.lifetime == 0 {
		g.lifetime = time.Hour
	}
	k := &keeping{t: t, store: authtest.NewRecorder(store), users: authtest.NewUsers("ada", "bob"), clock: authtest.NewClock(t0), g: g, log: new(bytes.Buffer)}
	logger := slog.New(slog.NewTextHandler(&lockedLog{Buffer: k.log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	m, err := auth.New(k.users, k.store, &auth.Options{Now: k.clock.Now, Logger: logger, Realm: realm})
	if err != nil {
		t.Fatal(err)
	}
	k.c = newConnector(&ConnectorOptions{KeepTokens: true}, "corp", "Corp", nil, func(*Connector) backend { return g })
	k.tokenKeeper, err = newTokenKeeper(m, []Key{testKey("one")}, []*Connector{k.c}, logger)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// beside returns another process over the same store, users and clock.
func (k *keeping) beside() *keeping {
	k.t.Helper()
	other := newKeeping(k.t, k.store, k.g, k.m.Realm())
	other.users, other.clock = k.users, k.clock
	m, err := auth.New(k.users, other.store, &auth.Options{Now: k.clock.Now, Logger: other.tokenKeeper.log, Realm: k.m.Realm()})
	if err != nil {
		k.t.Fatal(err)
	}
	other.m = m
	return other
}

func (k *keeping) name(user, subject string) linkName { return linkName{k.c, user, subject} }

// link links an account whose tokens are kept.
func (k *keeping) link(user, subject string, token *oauth2.Token) auth.Credential {
	k.t.Helper()
	var rec record
	k.keep(&rec, k.name(user, subject), token)
	data, err := rec.encode()
	if err != nil {
		k.t.Fatal(err)
	}
	now := k.m.Now()
	c := auth.Credential{Kind: k.c.kind, Key: subject, UserID: user, Data: data, Label: "Corp", Generation: 1, CreatedAt: now, VerifiedAt: now, UsedAt: now}
	if err := k.m.Store().ChangeCredentials(context.Background(), auth.Change{New: &c}); err != nil {
		k.t.Fatal(err)
	}
	c.Version = 1
	return c
}

// change changes a link as a login does.
func (k *keeping) change(subject string, change func(c *auth.Credential, rec *record)) {
	k.t.Helper()
	for {
		old, err := k.m.Store().LoadCredential(context.Background(), k.c.kind, subject)
		if err != nil {
			k.t.Fatal(err)
		}
		rec, err := decodeRecord(old.Data)
		if err != nil {
			k.t.Fatal(err)
		}
		next := old
		change(&next, &rec)
		if next.Data, err = rec.encode(); err != nil {
			k.t.Fatal(err)
		}
		err = k.m.Store().ChangeCredentials(context.Background(), auth.Change{Old: &old, New: &next})
		if err == nil {
			return
		}
		if !errors.Is(err, auth.ErrConflict) {
			k.t.Fatal(err)
		}
	}
}

// kept returns what is kept of a link.
func (k *keeping) kept(user, subject string) link {
	k.t.Helper()
	l, err := k.load(context.Background(), k.name(user, subject))
	if err != nil {
		k.t.Fatal(err)
	}
	return l
}

// get asks for a token, as a host does.
func (k *keeping) get(ctx context.Context, user string) (string, error) {
	s, err := k.source(ctx, user, "corp", nil)
	if err != nil {
		return "", err
	}
	token, err := s.Token()
	if err != nil {
		return "", err
	}
	if token.RefreshToken != "" {
		k.t.Errorf("the host is given a refresh token")
	}
	return token.AccessToken, nil
}

func (k *keeping) want(user, access string) {
	k.t.Helper()
	if got, err := k.get(context.Background(), user); got != access || err != nil {
		k.t.Errorf("token %q, %v; want %q", got, err, access)
	}
}

func (k *keeping) wantErr(user string, want error) {
	k.t.Helper()
	got, err := k.get(context.Background(), user)
	if got != "" || !errors.Is(err, want) {
		k.t.Errorf("token %q, %v; want %v", got, err, want)
	}
	if err != nil && strings.Contains(err.Error(), "-token-") {
		k.t.Errorf("the error tells a token: %v", err)
	}
}

// RT-1: tokens are kept only where the host asked for it, and forgotten by the first
// login after it has stopped asking.
func TestTokensAreNotKept(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	k.c.opts.KeepTokens = false
	k.link("ada", "1", k.g.grant())
	cred, err := k.m.Store().LoadCredential(t.Context(), k.c.kind, "1")
	if err != nil || bytes.Contains(cred.Data, []byte("tokens")) {
		t.Errorf("kept: %s, %v", cred.Data, err)
	}
	if s, err := k.source(t.Context(), "ada", "corp", nil); s != nil || err == nil || !strings.Contains(err.Error(), "KeepTokens") {
		t.Errorf("a source: %v, %v", s, err)
	}

	k.c.opts.KeepTokens = true
	k.wantErr("ada", auth.ErrNotFound)
	k.change("1", func(_ *auth.Credential, rec *record) {
		k.keep(rec, k.name("ada", "1"), k.g.grant())
	})
	k.want("ada", "the-access-token-2")
	k.c.opts.KeepTokens = false
	k.change("1", func(_ *auth.Credential, rec *record) {
		k.keep(rec, k.name("ada", "1"), k.g.grant())
	})
	k.c.opts.KeepTokens = true
	k.wantErr("ada", auth.ErrNotFound)
	if k.g.requests() != 0 {
		t.Errorf("%d requests", k.g.requests())
	}
}

// RT-2: what is kept is sealed, and opens for its realm, user, connector and subject
// only: it can be moved nowhere in the store.
func TestTokensAreSealed(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		k := newKeeping(t, store, &granter{}, "")
		token := k.g.grant()
		ada := k.link("ada", "1", token)
		for _, form := range []string{token.AccessToken, token.RefreshToken, "access", "refresh"} {
			if bytes.Contains(ada.Data, []byte(form)) {
				t.Errorf("%q is in %s", form, ada.Data)
			}
		}
		k.want("ada", token.AccessToken)
		l := k.kept("ada", "1")
		if want := (tokens{token.AccessToken, token.RefreshToken, "Bearer", t0.Add(time.Hour).UnixMilli(), "read write"}); l.tokens != want {
			t.Errorf("kept %+v, want %+v", l.tokens, want)
		}

		// The same bytes, as another link's.
		for _, c := range []auth.Credential{{Kind: k.c.kind, Key: "2", UserID: "ada"}, {Kind: k.c.kind, Key: "3", UserID: "bob"}} {
			c.Data = ada.Data
			if err := store.ChangeCredentials(t.Context(), auth.Change{New: &c}); err != nil {
				t.Fatal(err)
			}
			s, err := k.source(t.Context(), c.UserID, "corp", nil)
			if c.UserID == "ada" {
				s, err = tokenSource{t.Context(), k.tokenKeeper, k.name("ada", "2")}, nil
			}
			if err != nil {
				t.Fatal(err)
			}
			if token, err := s.Token(); token != nil || !errors.Is(err, errSealed) {
				t.Errorf("%s %s: %v, %v", c.UserID, c.Key, token, err)
			}
		}
		other := newConnector(&ConnectorOptions{KeepTokens: true, Name: "other"}, "", "Corp", nil, func(*Connector) backend { return k.g })
		if _, err := k.open(linkName{other, "ada", "1"}, l.rec.Tokens); !errors.Is(err, errSealed) {
			t.Errorf("another connector's: %v", err)
		}
		if _, err := newKeeping(t, store, k.g, "other").open(k.name("ada", "1"), l.rec.Tokens); !errors.Is(err, errSealed) {
			t.Errorf("another realm's: %v", err)
		}
		if k.g.requests() != 0 {
			t.Errorf("%d requests", k.g.requests())
		}
	})
}

func TestTokensOfOthers(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	k.link("ada", "1", k.g.grant())
	if s, err := k.source(t.Context(), "bob", "corp", &TokenOptions{Subject: "1"}); s != nil || !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("bob has a source of ada's tokens: %v, %v", s, err)
	}
	if s, err := k.source(t.Context(), "ada", "none", nil); s != nil || err == nil || errors.Is(err, auth.ErrNotFound) {
		t.Errorf("of no connector: %v, %v", s, err)
	}
	k.wantErr("bob", auth.ErrNotFound)
}

// Of several accounts the source is of the one that was used last, and stays with
// it; one whose tokens are revoked, or were not kept, does not come before others.
func TestTokensOfSeveralAccounts(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		k := newKeeping(t, store, &granter{}, "")
		k.link("ada", "1", k.g.grant())
		k.clock.Advance(time.Minute)
		k.link("ada", "2", k.g.grant())
		k.clock.Advance(time.Minute)
		k.link("ada", "3", nil)
		k.clock.Advance(time.Minute)
		k.link("bob", "4", k.g.grant())
		k.want("ada", "the-access-token-2")
		s, err := k.source(t.Context(), "ada", "corp", nil)
		if err != nil {
			t.Fatal(err)
		}
		k.change("1", func(c *auth.Credential, _ *record) { c.UsedAt = k.m.Now() })
		k.want("ada", "the-access-token-1")
		if token, err := s.Token(); err != nil || token.AccessToken != "the-access-token-2" {
			t.Errorf("a source has changed its account: %v, %v", token, err)
		}
		k.change("1", func(_ *auth.Credential, rec *record) { rec.Broken = true })
		k.want("ada", "the-access-token-2")
		for subject, want := range map[string]error{"1": ErrTokenRevoked, "2": nil} {
			s, err := k.source(t.Context(), "ada", "corp", &TokenOptions{Subject: subject})
			if err != nil {
				t.Fatal(err)
			}
			if token, err := s.Token(); !errors.Is(err, want) || err == nil && token.AccessToken != "the-access-token-2" {
				t.Errorf("%s: %v, %v", subject, token, err)
			}
		}
		k.change("1", func(c *auth.Credential, rec *record) { rec.Broken = false })
		k.change("2", func(c *auth.Credential, rec *record) { rec.Broken, c.UsedAt = true, k.m.Now().Add(time.Hour) })
		k.want("ada", "the-access-token-1")
		k.change("1", func(_ *auth.Credential, rec *record) { rec.Broken = true })
		k.wantErr("ada", ErrTokenRevoked)
	})
}

// What a login brings takes the place of what there was, but for a refresh token that
// identity providers send with the first login only.
func TestTokensOfTheNextLogin(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	n := k.name("ada", "1")
	logIn := func(token *oauth2.Token) {
		t.Helper()
		k.change("1", func(_ *auth.Credential, rec *record) { k.keep(rec, n, token) })
	}
	wantKept := func(access, refresh string, lease int64) {
		t.Helper()
		l := k.kept("ada", "1")
		if l.Access != access || l.Refresh != refresh || l.rec.Lease != lease || l.rec.Broken {
			t.Errorf("kept %+v, lease %d, broken %v; want %s and %s", l.tokens, l.rec.Lease, l.rec.Broken, access, refresh)
		}
	}
	k.link("ada", "1", &oauth2.Token{AccessToken: "a1", RefreshToken: "r1"})
	k.change("1", func(_ *auth.Credential, rec *record) { rec.Lease = 7 })
	logIn(&oauth2.Token{AccessToken: "a2"})
	wantKept("a2", "r1", 7) // whoever refreshes r1 goes on
	logIn(&oauth2.Token{AccessToken: "a3", RefreshToken: "r3"})
	wantKept("a3", "r3", 0)
	k.change("1", func(_ *auth.Credential, rec *record) { rec.Broken = true })
	logIn(&oauth2.Token{AccessToken: "a4"})
	wantKept("a4", "", 0)
	k.change("1", func(_ *auth.Credential, rec *record) { rec.Broken = true })
	logIn(&oauth2.Token{AccessToken: "a5", RefreshToken: "r5"})
	wantKept("a5", "r5", 0)
	k.ring = testRing(t, "tokens", "another") // whoever lost the key loses what it has sealed
	logIn(&oauth2.Token{AccessToken: "a6"})
	wantKept("a6", "", 0)

	// What cannot be kept is not, and the login goes on.
	for _, bad := range []*oauth2.Token{{}, {AccessToken: strings.Repeat("x", 64<<10)}, {AccessToken: "not\xffUTF-8"}} {
		logIn(bad)
		k.wantErr("ada", auth.ErrNotFound)
	}
	if n := strings.Count(k.log.String(), "keeping the tokens of a login failed"); n != 3 {
		t.Errorf("logged %d times: %s", n, k.log)
	}
	if strings.Contains(k.log.String(), "xxxx") {
		t.Error("the log has a token")
	}
	logIn(&oauth2.Token{AccessToken: strings.Repeat("x", 24<<10), RefreshToken: strings.Repeat("y", 7<<10)})
	if l := k.kept("ada", "1"); len(l.Access) != 24<<10 {
		t.Error("tokens that are long are not kept")
	}
}

// How long a token lives is read by the Manager's clock.
func TestTokenExpiry(t *testing.T) {
	far := t0.Add(maxExpiry).UnixMilli()
	for _, test := range []struct {
		token oauth2.Token
		want  int64
	}{
		{oauth2.Token{}, 0},
		{oauth2.Token{ExpiresIn: 60, Expiry: time.Now()}, t0.Add(time.Minute).UnixMilli()},
		{oauth2.Token{Expiry: t0.Add(time.Hour)}, t0.Add(time.Hour).UnixMilli()},
		{oauth2.Token{ExpiresIn: 1 << 62}, far},
		{oauth2.Token{ExpiresIn: -5}, 0},
	} {
		test.token.AccessToken = "a"
		k, err := readTokens(&test.token, t0)
		if err != nil || k.Expiry != test.want {
			t.Errorf("%+v: %v, %v; want %v", test.token, k.Expiry, err, test.want)
		}
	}
	got := tokens{Access: "a", Refresh: "r", Type: "bearer", Expiry: t0.UnixMilli(), Scope: "s"}.oauth2()
	if got.AccessToken != "a" || got.RefreshToken != "" || got.Type() != "Bearer" || !got.Expiry.Equal(t0) || got.Extra("scope") != "s" {
		t.Errorf("%+v", got)
	}
}

// RT-4: what is unlinked is given back, in so far as the identity provider takes it;
// whoever unlinks does not wait for it for long, and hears no error.
func TestTokensAreGivenBack(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	cred := k.link("ada", "1", k.g.grant())
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the browser has gone
	k.forget(ctx, k.c, cred)
	if len(k.g.revoked) != 1 || k.g.revoked[0] != "the-access-token-1 the-refresh-token-1" {
		t.Errorf("revoked: %q", k.g.revoked)
	}
	k.forget(t.Context(), k.c, k.link("ada", "2", nil))
	if len(k.g.revoked) != 1 || k.log.Len() != 0 {
		t.Errorf("revoked: %q\n%s", k.g.revoked, k.log)
	}
	k.c.backend = failing{k.g}
	k.forget(t.Context(), k.c, cred)
	k.ring = nil
	k.forget(t.Context(), k.c, cred)
	if n := strings.Count(k.log.String(), "revoking tokens failed"); n != 2 || strings.Contains(k.log.String(), "-token-") {
		t.Errorf("logged: %s", k.log)
	}
}

// failing revokes nothing, and says too much.
type failing struct{ *granter }

func (f failing) revoke(_ context.Context, _ *http.Client, t *oauth2.Token) error {
	panic("cannot revoke " + t.AccessToken)
}
