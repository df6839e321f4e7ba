package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestTokenIsRefreshedWhenItIsDue(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		k := newKeeping(t, store, &granter{}, "")
		before := k.link("ada", "1", k.g.grant())
		for _, step := range []struct {
			advance time.Duration
			access  string
		}{
			{0, "the-access-token-1"},
			{time.Hour - minLife, "the-access-token-1"},
			{time.Millisecond, "the-access-token-2"},
			{time.Hour - minLife, "the-access-token-2"},
			{24 * time.Hour, "the-access-token-3"},
		} {
			k.clock.Advance(step.advance)
			k.want("ada", step.access)
		}
		if k.g.requests() != 2 {
			t.Errorf("%d requests", k.g.requests())
		}
		l := k.kept("ada", "1")
		if l.Refresh != "the-refresh-token-3" || l.Scope != "read write" || l.rec.Lease != 0 || l.Expiry != k.m.Now().Add(time.Hour).UnixMilli() {
			t.Errorf("kept %+v, lease %d", l.tokens, l.rec.Lease)
		}
		// Sessions that rest on the link go on.
		if c := l.cred; c.Generation != before.Generation || !c.UsedAt.Equal(before.UsedAt) || c.Label != before.Label || !c.VerifiedAt.Equal(before.VerifiedAt) {
			t.Errorf("the link is %+v, and was %+v", c, before)
		}
		if k.log.Len() != 0 {
			t.Errorf("logged: %s", k.log)
		}
	})
}

// An answer without a refresh token leaves the old one as it is.
func TestRefreshWithoutRotation(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{steady: true}, "")
	k.g.after = func(t *oauth2.Token) (*oauth2.Token, error) { return t.WithExtra(nil), nil } // nor a scope
	k.link("ada", "1", k.g.grant())
	for i := range 3 {
		k.clock.Advance(time.Hour)
		k.want("ada", fmt.Sprintf("the-access-token-%d", i+2))
		if l := k.kept("ada", "1"); l.Refresh != "the-refresh-token-1" || l.Scope != "read write" {
			t.Errorf("kept %+v", l.tokens)
		}
	}
}

// RT-3: of all that want a token at once, in two processes, one asks for it, and all
// get it. A second use of the refresh token would end the grant.
func TestParallelRefresh(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		const callers = 50
		a := newKeeping(t, store, &granter{}, "")
		b := a.beside()
		a.link("ada", "1", a.g.grant())
		a.g.before = func(ctx context.Context, _ *oauth2.Token) error {
			time.Sleep(100 * time.Millisecond) // so that the others are there
			return nil
		}
		for round := range 3 {
			a.clock.Advance(time.Hour)
			want := fmt.Sprintf("the-access-token-%d", round+2)
			var wg sync.WaitGroup
			start := make(chan struct{})
			for i := range callers {
				k := []*keeping{a, b}[i%2]
				wg.Go(func() {
					<-start
					if got, err := k.get(t.Context(), "ada"); got != want || err != nil {
						t.Errorf("round %d: %q, %v; want %q", round, got, err, want)
					}
				})
			}
			close(start)
			wg.Wait()
			if n := a.g.requests(); n != round+1 {
				t.Fatalf("round %d: %d requests", round, n)
			}
		}
	})
}

// In a process all callers are one: the store is asked for one lease. And none of
// them depends on the one that came first.
func TestCallersAreJoined(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	other := k.beside()
	k.link("ada", "1", k.g.grant())
	k.clock.Advance(time.Hour)
	held := make(chan struct{})
	k.g.before = func(context.Context, *oauth2.Token) error { <-held; return nil }
	var wg sync.WaitGroup
	wg.Go(func() { other.want("ada", "the-access-token-2") })
	for k.g.requests() == 0 {
		time.Sleep(time.Millisecond)
	}
	writes, reads := k.store.Called("ChangeCredentials"), k.store.Called("LoadCredential")
	first, leave := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := k.get(first, "ada"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	for k.store.Called("LoadCredential") < reads+3 { // it polls
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		wg.Go(func() { k.want("ada", "the-access-token-2") })
	}
	for k.store.Called("LoadCredential") < reads+3+20 {
		time.Sleep(time.Millisecond)
	}
	leave()
	time.Sleep(20 * time.Millisecond)
	close(held)
	wg.Wait()
	if n := k.store.Called("ChangeCredentials") - writes; n != 1 || k.g.requests() != 1 {
		t.Errorf("%d writes and %d requests", n, k.g.requests())
	}
	if n := k.store.Called("LoadCredential") - reads; n > 60 {
		t.Errorf("%d reads: every caller polls", n)
	}
}

// Refreshing one link holds up no other.
func TestRefreshOfOneLinkDoesNotHoldUpAnother(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	k.link("ada", "1", k.g.grant())
	k.link("bob", "2", &oauth2.Token{AccessToken: "b", RefreshToken: "of bob", ExpiresIn: 60})
	held := make(chan struct{})
	k.g.before = func(_ context.Context, t *oauth2.Token) error {
		if t.RefreshToken == "of bob" {
			return errBadAnswer
		}
		<-held
		return nil
	}
	k.clock.Advance(time.Hour)
	var wg sync.WaitGroup
	wg.Go(func() { k.want("ada", "the-access-token-2") })
	for k.g.requests() == 0 {
		time.Sleep(time.Millisecond)
	}
	k.wantErr("bob", errBadAnswer)
	close(held)
	wg.Wait()
}

// RT-3: a grant that the identity provider has ended is marked as that, and not asked
// for again.
func TestRevokedTokens(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		k := newKeeping(t, store, &granter{}, "")
		k.link("ada", "1", k.g.grant())
		k.g.dead = true
		k.clock.Advance(time.Hour)
		for range 3 {
			k.wantErr("ada", ErrTokenRevoked)
		}
		if k.g.requests() != 1 {
			t.Errorf("%d requests", k.g.requests())
		}
		if l := k.kept("ada", "1"); !l.rec.Broken || l.rec.Lease != 0 || l.cred.Generation != 1 {
			t.Errorf("kept %+v", l.rec)
		}
		k.change("1", func(_ *auth.Credential, rec *record) { k.keep(rec, k.name("ada", "1"), k.g.grant()) })
		k.want("ada", "the-access-token-2")
	})
}

func TestTokensThatCannotBeRefreshed(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	k.link("ada", "1", &oauth2.Token{AccessToken: "a", ExpiresIn: 3600})
	k.link("bob", "2", &oauth2.Token{AccessToken: "for ever"})
	k.clock.Advance(time.Hour)
	k.wantErr("ada", ErrTokenRevoked)
	k.clock.Advance(10000 * time.Hour)
	k.want("bob", "for ever")
	k.change("1", func(_ *auth.Credential, rec *record) { k.keep(rec, k.name("ada", "1"), k.g.grant()) })
	k.c.backend = struct{ backend }{} // with which nothing can be done
	k.clock.Advance(time.Hour)
	k.wantErr("ada", ErrTokenRevoked)
	if k.g.requests() != 0 {
		t.Errorf("%d requests", k.g.requests())
	}
}

// An outage is an error, and nothing more: the next caller tries again.
func TestRefreshDuringAnOutage(t *testing.T) {
	for name, fail := range map[string]struct {
		f    func(ctx context.Context, t *oauth2.Token) error
		want error
	}{
		"unavailable": {func(context.Context, *oauth2.Token) error { return fmt.Errorf("%w: 503", errUnavailable) }, errUnavailable},
		"says too much": {func(_ context.Context, t *oauth2.Token) error {
			return fmt.Errorf("%w: POST refresh_token=%s", errUnavailable, t.RefreshToken)
		}, errUnavailable},
		"says too much of a bad answer": {func(_ context.Context, t *oauth2.Token) error {
			return fmt.Errorf("%w: %s", errBadAnswer, t.AccessToken)
		}, errBadAnswer},
		"panics":       {func(_ context.Context, t *oauth2.Token) error { panic("with " + t.RefreshToken) }, errBadAnswer},
		"unknown":      {func(context.Context, *oauth2.Token) error { return errors.New("what is this") }, errBadAnswer},
		"its deadline": {func(context.Context, *oauth2.Token) error { return context.DeadlineExceeded }, errUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(t, memory.New(nil), &granter{}, "")
			k.link("ada", "1", k.g.grant())
			k.clock.Advance(time.Hour)
			k.g.before = fail.f
			for range 2 {
				_, err := k.get(t.Context(), "ada")
				if !errors.Is(err, fail.want) || errors.Is(err, ErrTokenRevoked) || strings.Contains(err.Error(), "-token-") {
					t.Errorf("%v", err)
				}
			}
			if k.g.requests() != 2 {
				t.Errorf("%d requests", k.g.requests())
			}
			k.g.before = nil
			k.want("ada", "the-access-token-2")
			if strings.Contains(k.log.String(), "-token-") {
				t.Errorf("the log has a token: %s", k.log)
			}
		})
	}
	for name, after := range map[string]func(t *oauth2.Token) (*oauth2.Token, error){
		"nothing":   func(*oauth2.Token) (*oauth2.Token, error) { return nil, nil },
		"no access": func(t *oauth2.Token) (*oauth2.Token, error) { t.AccessToken = ""; return t, nil },
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(t, memory.New(nil), &granter{steady: true, after: after}, "")
			k.link("ada", "1", k.g.grant())
			k.clock.Advance(time.Hour)
			k.wantErr("ada", errBadAnswer)
			if l := k.kept("ada", "1"); l.Access != "the-access-token-1" || l.rec.Lease != 0 {
				t.Errorf("kept %+v", l.tokens)
			}
		})
	}
}

// RT-5: nothing is refreshed for a user who is disabled or gone.
func TestNoTokensForDisabledUsers(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	k.link("ada", "1", k.g.grant())
	for _, good := range []bool{true, false} {
		k.users.Put(userOff)
		k.wantErr("ada", auth.ErrBadCredentials)
		if err := k.users.DeleteUser(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		k.wantErr("ada", auth.ErrBadCredentials)
		k.users.Fail(errors.New("users are down"))
		if _, err := k.get(t.Context(), "ada"); err == nil || errors.Is(err, auth.ErrBadCredentials) {
			t.Errorf("an outage is %v", err)
		}
		k.users.Fail(nil)
		if k.g.requests() != 0 {
			t.Errorf("good %v: %d requests", good, k.g.requests())
		}
		k.clock.Advance(time.Hour)
	}
	k.users.Put(userOn)
	k.want("ada", "the-access-token-2")

	// Disabled while others refresh: whoever waits does not go on for them.
	k.clock.Advance(time.Hour)
	k.change("1", func(_ *auth.Credential, rec *record) { rec.Lease = k.m.Now().Add(minLease).UnixMilli() })
	before := k.store.Called("LoadCredential")
	got := make(chan error)
	go func() {
		_, err := k.get(t.Context(), "ada")
		got <- err
	}()
	for k.store.Called("LoadCredential") < before+3 {
		time.Sleep(time.Millisecond)
	}
	k.users.Put(userOff)
	if err := <-got; !errors.Is(err, auth.ErrBadCredentials) || k.g.requests() != 1 {
		t.Errorf("%v, after %d requests", err, k.g.requests())
	}
}

// A process that dies with the lease holds the others up until that has ended.
func TestLeaseOfTheDead(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		k := newKeeping(t, store, &granter{}, "")
		k.link("ada", "1", k.g.grant())
		k.clock.Advance(time.Hour)
		l := k.kept("ada", "1")
		l.rec.Lease = k.m.Now().Add(leaseOf(k.c)).UnixMilli()
		if err := k.write(t.Context(), &l); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := k.get(ctx, "ada"); !errors.Is(err, context.DeadlineExceeded) || k.g.requests() != 0 {
			t.Errorf("while the lease lasts: %v, %d requests", err, k.g.requests())
		}
		k.clock.Advance(leaseOf(k.c))
		k.want("ada", "the-access-token-2")
		if k.g.requests() != 1 {
			t.Errorf("%d requests", k.g.requests())
		}

		// A lease from a clock that was put back is none.
		k.clock.Advance(time.Hour)
		k.change("1", func(_ *auth.Credential, rec *record) { rec.Lease = k.m.Now().Add(1000 * time.Hour).UnixMilli() })
		k.want("ada", "the-access-token-3")
	})
}

// Whoever waits for the lease of another process gets what that one got.
func TestWaitingForAnotherProcess(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	other := k.beside()
	k.link("ada", "1", k.g.grant())
	k.clock.Advance(time.Hour)
	go_ := make(chan struct{})
	k.g.before = func(context.Context, *oauth2.Token) error { <-go_; return nil }
	var wg sync.WaitGroup
	wg.Go(func() { other.want("ada", "the-access-token-2") })
	for k.g.requests() == 0 {
		time.Sleep(time.Millisecond)
	}
	before := k.store.Called("LoadCredential")
	wg.Go(func() { k.want("ada", "the-access-token-2") })
	for k.store.Called("LoadCredential") < before+5 {
		time.Sleep(time.Millisecond)
	}
	close(go_)
	wg.Wait()
	if k.g.requests() != 1 {
		t.Errorf("%d requests", k.g.requests())
	}
}

// A caller who goes away in the middle takes nothing with them: the identity provider
// has rotated, and the answer is the only copy of the next token.
func TestCallerGoesAway(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		k := newKeeping(t, store, &granter{}, "")
		k.link("ada", "1", k.g.grant())
		k.clock.Advance(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		go_ := make(chan struct{})
		k.g.before = func(ctx context.Context, _ *oauth2.Token) error {
			cancel()
			<-go_
			return ctx.Err()
		}
		if _, err := k.get(ctx, "ada"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		close(go_)
		k.want("ada", "the-access-token-2")
		if k.g.requests() != 1 {
			t.Errorf("%d requests", k.g.requests())
		}
	})
}

// A login that is written down while tokens are refreshed loses nothing, and neither
// do the tokens.
func TestRefreshMeetsALogin(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		k := newKeeping(t, store, &granter{}, "")
		k.link("ada", "1", k.g.grant())
		n := k.name("ada", "1")
		during := func(f func()) {
			k.clock.Advance(time.Hour)
			k.g.before = func(context.Context, *oauth2.Token) error { f(); return nil }
		}
		// One that brings no tokens, or no refresh token.
		during(func() {
			k.change("1", func(c *auth.Credential, rec *record) {
				c.UsedAt, c.Label, rec.Name = k.m.Now(), "changed", "Ada L."
			})
		})
		k.want("ada", "the-access-token-2")
		l := k.kept("ada", "1")
		if l.Refresh != "the-refresh-token-2" || l.cred.Label != "changed" || l.rec.Name != "Ada L." || !l.cred.UsedAt.Equal(k.m.Now()) || l.rec.Lease != 0 {
			t.Errorf("kept %+v, %+v, %+v", l.tokens, l.rec, l.cred)
		}
		during(func() {
			k.change("1", func(_ *auth.Credential, rec *record) {
				k.keep(rec, n, &oauth2.Token{AccessToken: "of a login", ExpiresIn: 3600})
			})
		})
		k.clock.Advance(0)
		k.want("ada", "the-access-token-3")
		if l := k.kept("ada", "1"); l.Refresh != "the-refresh-token-3" || l.rec.Lease != 0 {
			t.Errorf("kept %+v, lease %d", l.tokens, l.rec.Lease)
		}
		// One that brings both, of a grant of its own.
		fresh := &oauth2.Token{AccessToken: "of a login", RefreshToken: "also", ExpiresIn: 3600}
		during(func() {
			k.change("1", func(_ *auth.Credential, rec *record) { k.keep(rec, n, fresh) })
		})
		k.want("ada", "of a login")
		if l := k.kept("ada", "1"); l.Refresh != "also" || l.rec.Lease != 0 {
			t.Errorf("kept %+v, lease %d", l.tokens, l.rec.Lease)
		}
		// The same while the old grant is refused: that says nothing of the new one.
		during(func() {
			k.change("1", func(_ *auth.Credential, rec *record) { k.keep(rec, n, fresh) })
			k.g.mu.Lock()
			k.g.current, k.g.dead = "also", false
			k.g.mu.Unlock()
		})
		k.change("1", func(_ *auth.Credential, rec *record) {
			k.keep(rec, n, &oauth2.Token{AccessToken: "old", RefreshToken: "dead", ExpiresIn: 1})
		})
		k.want("ada", "of a login")
		if l := k.kept("ada", "1"); l.rec.Broken {
			t.Error("a login's tokens are taken for revoked")
		}
	})
}

// A link that is removed while its tokens are refreshed stays removed, and the new
// tokens are given back.
func TestRefreshMeetsAnUnlink(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		k := newKeeping(t, store, &granter{}, "")
		k.link("ada", "1", k.g.grant())
		k.clock.Advance(time.Hour)
		k.g.before = func(context.Context, *oauth2.Token) error {
			c, err := k.m.Store().LoadCredential(context.Background(), k.c.kind, "1")
			if err != nil {
				t.Error(err)
			}
			if err := k.m.Store().ChangeCredentials(context.Background(), auth.Change{Old: &c}); err != nil {
				t.Error(err)
			}
			return nil
		}
		k.wantErr("ada", auth.ErrNotFound)
		if _, err := k.m.Store().LoadCredential(t.Context(), k.c.kind, "1"); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("it is back: %v", err)
		}
		if len(k.g.revoked) != 1 || k.g.revoked[0] != "the-access-token-2 the-refresh-token-2" {
			t.Errorf("revoked: %q", k.g.revoked)
		}
	})
}

// A store that fails for a moment loses no tokens.
func TestRefreshWhileTheStoreFails(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	k.link("ada", "1", k.g.grant())
	down := errors.New("the store is down")
	k.clock.Advance(time.Hour)
	k.g.before = func(context.Context, *oauth2.Token) error {
		for i := range 4 { // the write, and the next ones to load
			k.store.FailAt(i+1, down)
		}
		return nil
	}
	k.want("ada", "the-access-token-2")
	if l := k.kept("ada", "1"); l.Refresh != "the-refresh-token-2" {
		t.Errorf("kept %+v", l.tokens)
	}
	k.store.FailVerb("LoadCredential", down)
	if _, err := k.m.Store().LoadCredential(t.Context(), "a", "b"); err != down {
		t.Fatal(err)
	}
	k.store.Reset()

	// And before anything is asked, an outage is all it is.
	k.clock.Advance(time.Hour)
	k.g.before = nil
	asked := k.g.requests()
	k.store.FailVerb("ChangeCredentials", down)
	k.wantErr("ada", down)
	if k.g.requests() != asked {
		t.Error("refreshed without a lease")
	}
	k.store.Reset()
	k.want("ada", "the-access-token-3")
}

// A takeover that met the old holder after all does not undo what that one got.
func TestLateAnswerAfterATakeover(t *testing.T) {
	k := newKeeping(t, memory.New(nil), &granter{}, "")
	other := k.beside()
	k.link("ada", "1", k.g.grant())
	k.clock.Advance(time.Hour)
	var first atomic.Bool
	arrived, go_ := make(chan struct{}), make(chan struct{})
	k.g.after = func(t *oauth2.Token) (*oauth2.Token, error) { return t, nil }
	slow := &slowAnswer{granter: k.g, arrived: arrived, go_: go_, first: &first}
	k.c.backend, other.c.backend = slow, slow
	var wg sync.WaitGroup
	wg.Go(func() { k.want("ada", "the-access-token-2") })
	<-arrived // the identity provider has rotated, and the answer is under way
	k.clock.Advance(leaseOf(k.c))
	other.wantErr("ada", ErrTokenRevoked) // the second use of the refresh token
	close(go_)
	wg.Wait()
	if l := k.kept("ada", "1"); l.rec.Broken || l.Access != "the-access-token-2" {
		t.Errorf("kept %+v, broken %v", l.tokens, l.rec.Broken)
	}
}

// slowAnswer holds back the first answer.
type slowAnswer struct {
	*granter
	arrived, go_ chan struct{}
	first        *atomic.Bool
}

func (s *slowAnswer) refresh(ctx context.Context, client *http.Client, t *oauth2.Token) (*oauth2.Token, error) {
	next, err := s.granter.refresh(ctx, client, t)
	if s.first.CompareAndSwap(false, true) {
		close(s.arrived)
		<-s.go_
	}
	return next, err
}

var userOn, userOff = authtest.User{ID: "ada"}, authtest.User{ID: "ada", Disabled: true}
