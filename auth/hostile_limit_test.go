package auth_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// atCount does f when the store is asked to count for the nth time from now.
func (s *site) atCount(n int, f func()) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.before["Count"] = func() {
		if n--; n == 0 {
			f()
		}
	}
}

// waits makes n guesses, each as soon as it may be made, and returns how long each had
// to wait.
func (s *site) waits(n int, account, user string) (all []time.Duration) {
	for range n {
		waited := time.Duration(0)
		for {
			_, wait := s.guess(s.visitor(), account, user)
			if wait == 0 {
				break
			}
			waited += wait
			s.clock.Advance(wait)
		}
		all = append(all, waited)
	}
	return all
}

// While the last free guess is on its way no other is made in its place.
func TestHostileBesideTheLastFreeGuess(t *testing.T) {
	s := newSite(t, wide)
	s.waits(4, "user:ada", "ada")
	beside := time.Duration(0)
	s.atCount(5, func() { _, beside = s.guess(s.visitor(), "user:ada", "ada") }) // the gate of the fifth
	s.waits(1, "user:ada", "ada")
	if beside == 0 {
		t.Error("a sixth guess was made at once")
	}
}

// While a gate is being shut for longer nobody slips through, and it is shut after that.
func TestHostileWhileTheGateIsShut(t *testing.T) {
	s := newSite(t, wide)
	s.waits(5, "user:ada", "ada")
	s.clock.Advance(time.Second)
	beside := time.Duration(0)
	// Before: two of the network, all, gate, turn, waited, window, level.
	s.atCount(9, func() { _, beside = s.guess(s.visitor(), "user:ada", "ada") })
	s.waits(1, "user:ada", "ada")
	if beside == 0 {
		t.Error("two guesses were made at once")
	}
	s.clock.Advance(1500 * time.Millisecond)
	if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
		t.Error("the next has not waited two seconds")
	}
}

// Nor is it left open by many who hammer at an account, so that each time it is to be shut
// one of them has been there in between.
func TestHostileHammeringWhileTheGateIsShut(t *testing.T) {
	hammered := &forgetting{Store: memory.New(nil)}
	s := newSiteOn(t, hammered, wide)
	s.waits(10, "user:ada", "ada")
	s.clock.Advance(15 * time.Minute)
	between := 0
	hammered.after = func() {
		if between++; between > 15 {
			return
		}
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
			t.Error("two guesses were made at once")
		}
	}
	s.waits(1, "user:ada", "ada")
	s.clock.Advance(59 * time.Second)
	if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
		t.Errorf("%d have been there in between, and the next has not waited a minute", between)
	}
}

// A forgetting store says when it has forgotten counters.
type forgetting struct {
	auth.Store
	after func()
}

func (f *forgetting) Forget(ctx context.Context, keys ...string) error {
	err := f.Store.Forget(ctx, keys...)
	if f.after != nil {
		f.after()
	}
	return err
}

// A right answer forgets all that was counted: the next guesses are as the first.
func TestHostileRightAnswerForgetsAll(t *testing.T) {
	s := newSite(t, wide)
	fresh := s.waits(12, "user:bob", "bob")
	s.waits(9, "user:ada", "ada")
	s.clock.Advance(time.Minute)
	s.right(s.visitor(), "ada")
	if got := s.waits(12, "user:ada", "ada"); !slices.Equal(got, fresh) {
		t.Errorf("after a right answer\n%v; want\n%v", got, fresh)
	}
	if err := s.m.Unlock(t.Context(), "password", "ada"); err != nil {
		t.Fatal(err)
	}
	if got := s.waits(12, "user:ada", "ada"); !slices.Equal(got, fresh) {
		t.Errorf("after a reset\n%v; want\n%v", got, fresh)
	}
}

// What was refused is no guess, whatever refused it: the cap is of those that were made.
func TestHostileRefusedCountForNothing(t *testing.T) {
	s := newSite(t, wide)
	made := 0
	for range 120 * 60 {
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
			made++
		}
		s.clock.Advance(time.Minute)
	}
	if made != 100 {
		t.Errorf("%d guesses were made; want 100", made)
	}
}

// Even if the gate could not be shut there are ten in a quarter of an hour.
func TestHostileWindowWithoutAGate(t *testing.T) {
	s := newSite(t, wide)
	s.waits(9, "user:ada", "ada")
	s.clock.Advance(time.Minute)
	s.atCount(9, func() { s.store.fails("Count", errDown) })
	for range 2 {
		if _, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "password", "user:ada", "ada"); err != nil && !errors.Is(err, errDown) {
			t.Fatal(err)
		}
	}
	s.store.fails("Count", nil)
	s.clock.Advance(2 * time.Second)
	if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait < time.Minute {
		t.Errorf("an eleventh must wait %v", wait)
	}
}

// Of an unknown name the last guess is told to nobody. A known browser's own cap locks
// nobody out but it, so that no account is said to be locked: neither told nor recorded.
// The account's own is, once.
func TestHostileLockedIsToldOfUsers(t *testing.T) {
	var recorded []string
	keeper := &able{name: "keeper", record: func(_ context.Context, e auth.Event, _ []auth.Change) error {
		if e.Name != "device.added" {
			recorded = append(recorded, e.Name+" "+e.UserID+" "+e.Method)
		}
		return nil
	}}
	s := newSite(t, func(o *auth.Options) { wide(o); o.Providers = append(o.Providers, keeper) })
	owner := s.visitor()
	s.right(owner, "ada")
	for range 150 {
		s.guess(s.visitor(), "email:nobody", s.m.Nobody())
		s.guess(owner, "user:ada", "ada")
		s.clock.Advance(time.Hour)
	}
	if got := s.named("account.locked"); len(got) != 0 || len(recorded) != 0 {
		t.Errorf("of a known browser is told: %+v %q", got, recorded)
	}
	used := 0
	for _, e := range s.named("login.limited") {
		if e.Reason != "" {
			used++
		}
	}
	if used != 1 {
		t.Errorf("that a known browser has used up its own guesses is told %d times; want once", used)
	}
	for range 150 {
		s.guess(s.visitor(), "user:ada", "ada")
		s.clock.Advance(time.Hour)
	}
	if got := s.named("account.locked"); len(got) != 1 || got[0].UserID != "ada" || !slices.Equal(recorded, []string{"account.locked ada password"}) {
		t.Errorf("of the account is told: %+v %q", got, recorded)
	}
}

// What is locked is what was guessed at: the event says which scope.
func TestHostileLockedSaysWhichScope(t *testing.T) {
	s := newSite(t, wide)
	for _, scope := range []string{"password.change", "password.confirm", "password"} {
		for range 150 {
			_, _ = s.m.Attempt(s.visitor().request("POST", "/", ""), scope, "user:ada", "ada")
			s.clock.Advance(time.Hour)
		}
		if got := s.named("account.locked"); len(got) == 0 || got[len(got)-1].Method != scope {
			t.Errorf("of %s is told: %+v", scope, got)
		}
	}
}

// A right answer for somebody else than who is logged in makes no browser known.
func TestHostileKnownForSomebodyElse(t *testing.T) {
	s := newSite(t, wide)
	a, _ := s.guess(s.visitor(), "user:bob", "bob")
	w := httptest.NewRecorder()
	a.Succeeded(w, asAda(s.visitor().request("POST", "/", "")), "bob")
	if len(w.Result().Cookies()) != 0 {
		t.Error("ada's browser is known")
	}
}

// Whoever makes up names does so for a month: what is counted there ends.
func TestHostileUnknownNamesEnd(t *testing.T) {
	s := newSite(t, wide)
	s.waits(5, "email:nobody", s.m.Nobody())
	s.clock.Advance(30 * 24 * time.Hour)
	if got := s.waits(5, "email:nobody", s.m.Nobody()); slices.Max(got) != 0 {
		t.Errorf("a month later: %v", got)
	}
}

// A reset ends what was counted for those who were logged in as well.
func TestHostileUnlockOfEveryScope(t *testing.T) {
	s := newSite(t, wide)
	guess := func(scope string) bool {
		_, err := s.m.Attempt(s.visitor().request("POST", "/", ""), scope, "user:ada", "ada")
		return err == nil
	}
	scopes := []string{"password", "password.change", "password.confirm"}
	for _, scope := range scopes {
		if !guess(scope) {
			t.Errorf("%s is limited by another scope", scope)
		}
		for range 10 {
			guess(scope)
		}
		if guess(scope) {
			t.Fatalf("%s has no limit", scope)
		}
	}
	if err := s.m.Unlock(t.Context(), "password", "ada"); err != nil {
		t.Fatal(err)
	}
	for _, scope := range scopes {
		if !guess(scope) {
			t.Errorf("%s is limited after a reset", scope)
		}
	}
}

// A browser that was known half a year ago is as any other.
func TestHostileKnownLongAgo(t *testing.T) {
	s := newSite(t, wide)
	owner := s.visitor()
	s.right(owner, "ada")
	s.clock.Advance(180 * 24 * time.Hour)
	for range 10 {
		s.guess(s.visitor(), "user:ada", "ada")
	}
	if _, wait := s.guess(owner, "user:ada", "ada"); wait == 0 {
		t.Error("it has guesses of its own")
	}
}

// A browser becomes known by a login in this very request only.
func TestHostileKnownWithoutALogin(t *testing.T) {
	s := newSite(t, nil)
	v := s.browser()
	s.inRequest(v, func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogIn(w, r, "ada", auth.Proof{Method: "trust"}); err != nil {
			t.Fatal(err)
		}
	})
	s.inRequest(v, func(w http.ResponseWriter, r *http.Request) { s.m.KnowBrowser(w, r) })
	if n := len(s.named("device.added")); n != 0 || v.cookies["__Host-device"] != "" {
		t.Error("who is logged in has made their browser known")
	}
}

// knownAgain logs ada in and makes the browser known.
func (s *site) knownAgain(v *visitor) {
	s.inRequest(v, func(w http.ResponseWriter, r *http.Request) {
		_ = s.m.LogIn(w, r, "ada", auth.Proof{Method: "trust"})
		s.m.KnowBrowser(w, r)
	})
}

// A browser that is used goes on being known; one that is not is new half a year later;
// and when there are too many the one goes that was used longest ago.
func TestHostileKnownForHowLong(t *testing.T) {
	s := newSite(t, nil)
	v := s.browser()
	for range 4 {
		s.knownAgain(v)
		s.clock.Advance(100 * 24 * time.Hour)
	}
	if n := len(s.named("device.added")); n != 1 {
		t.Errorf("a browser that is used was added %d times", n)
	}
	s.clock.Advance(100 * 24 * time.Hour)
	s.knownAgain(v)
	if n := len(s.named("device.added")); n != 2 {
		t.Errorf("one that was not used for half a year was added %d times; want twice", n)
	}
	s.clock.Advance(time.Second)
	for range 30 {
		s.knownAgain(s.browser())
		s.clock.Advance(time.Second)
	}
	*s.events = nil
	s.knownAgain(v)
	if n := len(s.named("device.added")); n != 1 {
		t.Error("the oldest of too many browsers was kept")
	}
}

// Whatever another login has changed meanwhile, the browser is known.
func TestHostileKnownBesideOthers(t *testing.T) {
	for _, err := range []error{auth.ErrExists, auth.ErrConflict, auth.ErrNotFound} {
		s := newSite(t, nil)
		s.store.mu.Lock()
		s.store.fail["ChangeCredentials"] = err
		s.store.before["ChangeCredentials"] = func() { s.store.fails("ChangeCredentials", nil) }
		s.store.mu.Unlock()
		s.knownAgain(s.browser())
		if n := len(s.named("device.added")); n != 1 {
			t.Errorf("%v: added %d times\n%s", err, n, s.log)
		}
	}
}

// An outage of the limiter that lasts gives no more guesses than one that does not.
func TestHostileLongOutageOfTheLimiter(t *testing.T) {
	s, limiter := newSplitSite(t, wide)
	limiter.On("Count", "Forget").Fail(errors.New("down"))
	made := 0
	for range 600 {
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
			made++
		}
		s.clock.Advance(time.Second)
	}
	if made > 5 {
		t.Errorf("%d guesses in ten minutes; want a few", made)
	}
}

// Throttle keeps scopes and accounts apart, and says the wait of the first limit that is over.
func TestHostileThrottle(t *testing.T) {
	s := newSite(t, nil)
	wait := func(scope, account string, perAccount, perNetwork auth.Limit) time.Duration {
		t.Helper()
		wait, err := s.m.Throttle(s.visitor().request("POST", "/", ""), scope, account, perAccount, perNetwork)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	hourly, none := auth.Limit{Max: 1, Per: time.Hour}, auth.Limit{}
	for _, tt := range []struct {
		scope, account         string
		perAccount, perNetwork auth.Limit
		want                   time.Duration
	}{
		{"a", "x", hourly, none, 0},
		{"a", "x", hourly, none, time.Hour},
		{"a", "y", hourly, none, 0},
		{"b", "x", hourly, none, 0},
		{"c", "x", none, hourly, 0},
		{"c", "y", none, hourly, time.Hour},
		{"d", "y", none, hourly, 0},
		{"e", "x", auth.Limit{Max: 1, Per: time.Minute}, hourly, 0},
		{"e", "x", auth.Limit{Max: 1, Per: time.Minute}, hourly, time.Hour},
	} {
		if got := wait(tt.scope, tt.account, tt.perAccount, tt.perNetwork); got != tt.want {
			t.Errorf("%s of %s: %v; want %v", tt.scope, tt.account, got, tt.want)
		}
	}
	s.clock.Advance(time.Hour - 500*time.Millisecond)
	if got := wait("a", "x", hourly, none); got != time.Second {
		t.Errorf("half a second before the end: %v", got)
	}
}

// An IPv4 client is the same one however a proxy writes its address.
func TestHostileMappedBehindAProxy(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	for _, sent := range []string{"198.51.100.7", "::ffff:198.51.100.7", "[::FFFF:198.51.100.7]:443", "203.0.113.1, ::ffff:198.51.100.7", "198.51.100.7, ::ffff:192.0.2.9"} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = "192.0.2.1:1"
		r.Header.Set("X-Forwarded-For", sent)
		if got := s.m.ClientAddr(r); got != netip.MustParseAddr("198.51.100.7") {
			t.Errorf("%s: %v", sent, got)
		}
	}
}

// What was counted of an account that is locked, and of a browser that is added, is
// recorded by who keeps such things, once.
func TestHostileRecorded(t *testing.T) {
	var names []string
	keeper := &able{name: "keeper", record: func(_ context.Context, e auth.Event, _ []auth.Change) error {
		names = append(names, e.Name)
		return nil
	}}
	s := newSite(t, func(o *auth.Options) { wide(o); o.Limits.Cap = 6; o.Providers = append(o.Providers, keeper) })
	s.knownAgain(s.browser())
	for range 10 {
		s.guess(s.visitor(), "user:ada", "ada")
		s.clock.Advance(time.Hour)
	}
	if want := []string{"device.added", "account.locked"}; !slices.Equal(names, want) {
		t.Errorf("recorded: %q; want %q", names, want)
	}
}

// A credential that has expired, and that nobody has swept, logs nobody in.
func TestHostileExpiredProof(t *testing.T) {
	s := newSite(t, nil)
	c := auth.Credential{Kind: "key", Key: "old", UserID: "ada", CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)}
	if err := s.m.ChangeCredentials(t.Context(), "ada", auth.Change{New: &c}); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(time.Hour)
	s.inRequest(s.browser(), func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogIn(w, r, "ada", auth.Proof{Method: "trust", Kind: "key", Key: "old", Generation: 0}); !errors.Is(err, auth.ErrBadCredentials) {
			t.Errorf("an expired credential: %v", err)
		}
	})
}

// A client that goes in the middle of a guess shortens no wait.
func TestHostileGoneWhileTheGateIsShut(t *testing.T) {
	for at := 6; at <= 9; at++ {
		s := newSite(t, wide)
		s.waits(10, "user:ada", "ada")
		s.clock.Advance(15 * time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		s.atCount(at, cancel)
		_, _ = s.m.Attempt(s.visitor().request("POST", "/", "").WithContext(ctx), "password", "user:ada", "ada")
		if ctx.Err() == nil {
			t.Fatal("nobody has gone")
		}
		s.clock.Advance(2 * time.Second)
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
			t.Errorf("gone before count %d: the next guess did not wait", at)
		}
	}
}

// Also while a stand-in counts, which counts some guesses for several, it is told once that
// an account is locked.
func TestHostileLockedIsToldOnceByTheStandIn(t *testing.T) {
	for _, free := range []int64{1, 5, 50} {
		for most := int64(1); most <= 40; most++ {
			s, limiter := newSplitSite(t, func(o *auth.Options) {
				wide(o)
				o.Limits.Account, o.Limits.Free, o.Limits.Cap = auth.Limit{Max: 50, Per: time.Second}, free, most
				o.Limits.Delay, o.Limits.Backoff, o.Limits.BackoffMax = time.Second, time.Second, time.Second
			})
			limiter.On("Count", "Forget").Fail(errDown)
			for range 60 {
				s.guess(s.visitor(), "user:ada", "ada")
				s.clock.Advance(2 * time.Second)
			}
			if got := s.named("account.locked"); len(got) > 1 {
				t.Errorf("Free %d, Cap %d: told %d times", free, most, len(got))
			}
		}
	}
}

// Whoever locks an account and goes at that moment keeps nobody from recording it.
func TestHostileLockedIsRecordedThoughTheClientHasGone(t *testing.T) {
	var recorded []string
	keeper := &able{name: "keeper", record: func(ctx context.Context, e auth.Event, _ []auth.Change) error {
		if ctx.Err() == nil { // as what is asked of a database
			recorded = append(recorded, e.Name)
		}
		return ctx.Err()
	}}
	s := newSite(t, func(o *auth.Options) { wide(o); o.Providers = append(o.Providers, keeper) })
	for range 100 {
		s.waits(1, "user:ada", "ada")
	}
	s.clock.Advance(time.Hour)
	ctx, gone := context.WithCancel(t.Context())
	s.atCount(6, gone) // after two of the network, all, gate, turn
	if _, err := s.m.Attempt(s.visitor().request("POST", "/", "").WithContext(ctx), "password", "user:ada", "ada"); err == nil || ctx.Err() == nil {
		t.Fatalf("the last guess: %v; gone: %v", err, ctx.Err())
	}
	if !slices.Equal(recorded, []string{"account.locked"}) {
		t.Errorf("recorded %q", recorded)
	}
}

// A limit that is as good as none is none for an IPv6 /48, which has five times as much.
func TestHostileThrottleWithoutEnd(t *testing.T) {
	s := newSite(t, nil)
	for _, most := range []int64{math.MaxInt64, math.MaxInt64 / 2, math.MaxInt64 / 3, math.MaxInt64 / 4, 1 << 61} {
		r := s.visitor().request("POST", "/", "")
		r.RemoteAddr = "[2001:db8::1]:1"
		wait, err := s.m.Throttle(r, fmt.Sprint("mail", most), "email:ada", auth.Limit{}, auth.Limit{Max: most, Per: time.Hour})
		if err != nil || wait != 0 {
			t.Errorf("of %d the first must wait %v, %v", most, wait, err)
		}
	}
}
