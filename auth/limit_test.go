package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// wide leaves only the limits of accounts.
func wide(o *auth.Options) {
	many := auth.Limit{Max: 1_000_000, Per: time.Hour}
	o.Limits.Network, o.Limits.NetworkLong, o.Limits.Site = many, many, many
}

// guess makes a guess that is wrong and returns how long it would have to wait, 0 if it
// was made.
func (s *site) guess(v *visitor, account, user string) (*auth.Attempt, time.Duration) {
	s.t.Helper()
	a, err := s.m.Attempt(v.request("POST", "/", ""), "password", account, user)
	if err == nil {
		return a, 0
	}
	var p *auth.Problem
	if !errors.As(err, &p) || p.Status != 429 || p.Code != "rate_limited" || p.RetryAfter <= 0 {
		s.t.Fatal(err)
	}
	return nil, p.RetryAfter
}

// right makes a guess that is right, in a browser that keeps its cookies.
func (s *site) right(v *visitor, user string) {
	s.t.Helper()
	a, wait := s.guess(v, "user:"+user, user)
	if wait > 0 {
		s.t.Fatalf("the right answer must wait %v", wait)
	}
	w := httptest.NewRecorder()
	a.Succeeded(w, asAda(v.request("POST", "/", "")), user)
	for _, c := range w.Result().Cookies() {
		v.cookies[c.Name] = c.Value
	}
}

// The waits between guesses that are made as soon as they may: five are free, then they
// double from a second, then from half a minute, to an hour; no more than ten in a
// quarter of an hour. It is the same for accounts that are not there.
func TestDelays(t *testing.T) {
	for account, user := range map[string]string{"user:ada": "ada", "email:nobody": ""} {
		s := newSite(t, wide)
		if user == "" {
			user = s.m.Nobody()
		}
		var waits []time.Duration
		for range 24 {
			var waited time.Duration
			for {
				_, wait := s.guess(s.visitor(), account, user)
				if wait == 0 {
					break
				}
				for range 20 { // whoever is too early makes nobody wait longer
					if _, again := s.guess(s.visitor(), account, user); again > wait {
						t.Fatalf("after guess %d: %v, and then %v", len(waits), wait, again)
					}
				}
				waited += wait
				s.clock.Advance(wait - time.Millisecond)
				if _, again := s.guess(s.visitor(), account, user); again != time.Second {
					t.Fatalf("a moment too early, after guess %d: %v", len(waits), again)
				}
				s.clock.Advance(time.Millisecond)
			}
			waits = append(waits, waited)
		}
		sec := time.Second
		rest := 15*time.Minute - 31*sec
		want := []time.Duration{0, 0, 0, 0, 0, sec, 2 * sec, 4 * sec, 8 * sec, 16 * sec, rest,
			60 * sec, 120 * sec, 240 * sec, 480 * sec, 960 * sec, 1920 * sec,
			time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour}
		if !slices.Equal(waits, want) {
			t.Errorf("%s:\n%v; want\n%v", account, waits, want)
		}
	}
}

// When a wait is over the next guess makes a new one (CVE-2020-11052), and when nobody
// guesses for a day the waits begin small again.
func TestDelaysAfterADay(t *testing.T) {
	s := newSite(t, wide)
	made := 0
	for range 15 * 60 { // a quarter of an hour, every second
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
			made++
		}
		s.clock.Advance(time.Second)
	}
	if made != 10 {
		t.Errorf("%d guesses in a quarter of an hour; want 10", made)
	}
	for hour := range 23 {
		made = 0
		for range 60 {
			if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
				made++
			}
			s.clock.Advance(time.Minute)
		}
		if hour > 0 && made > 2 {
			t.Errorf("%d guesses in hour %d", made, hour)
		}
	}
	s.clock.Advance(25 * time.Hour)
	for i, want := range []time.Duration{0, 2 * time.Second} {
		if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait != want {
			t.Errorf("a day later, guess %d must wait %v; want %v", i, wait, want)
		}
	}
}

// Of any number of guesses at once those are made that are free, and one more each
// time a wait is over.
func TestGuessesAtOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, wide)
		storm := func() int64 {
			var made atomic.Int64
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					for range 4 {
						if _, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "password", "user:ada", "ada"); err == nil {
							made.Add(1)
						}
					}
				})
			}
			wg.Wait()
			return made.Load()
		}
		if n := storm(); n != 5 {
			t.Errorf("%d of many guesses at once were made; want 5", n)
		}
		// The first after that may be nobody's: it came before the fifth was through.
		total := int64(0)
		for range 6 {
			s.clock.Advance(time.Hour)
			n := storm()
			if total += n; n > 1 {
				t.Errorf("%d guesses at once after a wait; want 1", n)
			}
		}
		if total < 5 {
			t.Errorf("only %d of 6", total)
		}
	})
}

// A hundred wrong guesses in a row are the last; no time changes that, and no right
// answer: it is not looked at. The event says so once. A reset lets people in again.
func TestCap(t *testing.T) {
	for _, change := range []func(*auth.Options){
		wide,
		func(o *auth.Options) { wide(o); o.Limits.Account = auth.Limit{Max: 1000, Per: time.Second} },
	} {
		var mu sync.Mutex
		var locked []auth.Event
		s := newSite(t, func(o *auth.Options) {
			change(o)
			o.Events = append(o.Events, func(_ context.Context, e auth.Event) {
				mu.Lock()
				defer mu.Unlock()
				if e.Name == "account.locked" {
					locked = append(locked, e)
				}
			})
		})
		made := func() (n int) {
			for range 400 {
				if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
					n++
				}
				s.clock.Advance(time.Hour)
			}
			return n
		}
		owner := s.visitor()
		s.right(owner, "ada")
		if n := made(); n != 100 {
			t.Errorf("%d wrong guesses in a row; want 100", n)
		}
		s.clock.Advance(400 * 24 * time.Hour)
		owner = s.visitor()
		if _, wait := s.guess(owner, "user:ada", "ada"); wait == 0 {
			t.Error("a year later there is another guess")
		}
		if len(locked) != 1 || locked[0].UserID != "ada" || locked[0].Method != "password" || !locked[0].Addr.IsValid() {
			t.Errorf("told: %+v", locked)
		}
		if err := s.m.Unlock(t.Context(), "password", "ada"); err != nil {
			t.Fatal(err)
		}
		if n := made(); n != 100 {
			t.Errorf("after a reset: %d; want 100", n)
		}
		if err := s.m.Unlock(t.Context(), "password", "ada"); err != nil {
			t.Fatal(err)
		}
		s.right(owner, "ada")
		if n := made(); n != 100 {
			t.Errorf("after a right answer: %d; want 100", n)
		}
	}
}

// What strangers do to an account, up to its lock, is nothing to a browser in which its
// owner has logged in; that has a cap of its own, which a reset ends as well.
func TestCapOfAKnownBrowser(t *testing.T) {
	s := newSite(t, wide)
	owner := s.visitor()
	s.right(owner, "ada")
	exhaust := func(v func() *visitor) (n int) {
		for range 200 {
			if _, wait := s.guess(v(), "user:ada", "ada"); wait == 0 {
				n++
			}
			s.clock.Advance(time.Hour)
		}
		return n
	}
	if n := exhaust(func() *visitor { return s.visitor() }); n != 100 {
		t.Fatalf("strangers had %d", n)
	}
	s.right(owner, "ada")
	if _, wait := s.guess(s.visitor(), "user:ada", "ada"); wait == 0 {
		t.Error("the owner's right answer has let strangers guess on")
	}
	if n := exhaust(func() *visitor { return owner }); n != 100 {
		t.Errorf("a known browser had %d; want 100", n)
	}
	if err := s.m.Unlock(t.Context(), "password", "ada"); err != nil {
		t.Fatal(err)
	}
	s.right(owner, "ada")

	// A change forgets which browsers are known: then one begins anew with its next login.
	if n := exhaust(func() *visitor { return owner }); n != 100 {
		t.Fatalf("a known browser had %d", n)
	}
	s.addKey("ada", "new")
	if err := s.m.Unlock(t.Context(), "password", "ada"); err != nil {
		t.Fatal(err)
	}
	s.right(owner, "ada")
	s.right(owner, "ada")
}

// An outage of the store is one of Unlock.
func TestUnlockOutage(t *testing.T) {
	for _, verb := range []string{"UserCredentials", "Forget"} {
		store := newFaults(memory.New(nil))
		s := newSiteOn(t, store, nil)
		store.failAll(verb)
		if err := s.m.Unlock(t.Context(), "password", "ada"); !errors.Is(err, errDown) {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

// An IPv6 /48 is limited as a whole, with more than one of its networks has.
func TestSite(t *testing.T) {
	s := newSite(t, nil)
	made := func(format string) (n int) {
		for i := range 700 {
			r := s.visitor().request("POST", "/", "")
			r.RemoteAddr = fmt.Sprintf(format, i)
			if _, err := s.m.Attempt(r, "password", fmt.Sprint("email:", format, i), s.m.Nobody()); err == nil {
				n++
			}
		}
		return n
	}
	if n := made("[2001:db8:1:%x::1]:1"); n != 500 {
		t.Errorf("%d from many /64 of a /48; want 500", n)
	}
	if n := made("[2001:db8:%x::1]:1"); n != 699 { // one of them is that
		t.Errorf("%d from many /48; want all others", n)
	}
	wait := func(i int) time.Duration {
		r := s.visitor().request("POST", "/", "")
		r.RemoteAddr = fmt.Sprintf("[2001:db8:ffff:%x::1]:1", i)
		wait, err := s.m.Throttle(r, "mail", fmt.Sprint(i), auth.Limit{}, auth.Limit{Max: 10, Per: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	for i := range 50 {
		if wait(i) != 0 {
			t.Fatalf("mail %d from a /48 was not sent", i)
		}
	}
	if wait(50) != time.Hour {
		t.Error("a /48 has no end of mails")
	}
}

// Right answers lock nobody out: a whole office may come with new browsers in one
// minute. They make up for no wrong ones, and are not without end.
func TestRightAnswersOfANetwork(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, func(o *auth.Options) { o.Limits.Account = auth.Limit{Max: 1000, Per: time.Minute} })
		n := 0
		for range 1000 {
			a, wait := s.guess(s.visitor(), "user:ada", "ada")
			if wait > 0 {
				break
			}
			n++
			a.Succeeded(httptest.NewRecorder(), s.visitor().request("POST", "/", ""), "ada")
		}
		if n != 200 {
			t.Errorf("%d right answers in a minute; want 200", n)
		}
		s.clock.Advance(2 * time.Hour)
		var wrong, right int
		for i := range 300 {
			a, wait := s.guess(s.visitor(), fmt.Sprint("user:", i%20), "ada")
			switch {
			case wait > 0:
			case i%3 == 0:
				right++
				a.Succeeded(httptest.NewRecorder(), s.visitor().request("POST", "/", ""), "ada")
			default:
				wrong++
			}
		}
		if wrong > 20 || wrong < 16 || right < 8 {
			t.Errorf("%d wrong and %d right in a minute; want 20 wrong at most", wrong, right)
		}
	})
}

// The headers of an answer to too many requests say the same whatever was counted.
func TestRateLimitHeaders(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Limits.Network = auth.Limit{Max: 7, Per: time.Minute} })
	answer := func(err error) http.Header {
		w := httptest.NewRecorder()
		r := s.visitor().request("POST", "/auth/login", "")
		r.Header.Set("Accept", "application/json")
		s.m.Answer(w, r, &auth.Page{Name: "login"}, err)
		return w.Header()
	}
	seen := map[string]bool{}
	for i := range 10 {
		account := "user:ada"
		if i > 5 {
			account = fmt.Sprint("email:", i)
		}
		_, err := s.m.Attempt(s.visitor().request("POST", "/", ""), "password", account, "ada")
		if err == nil {
			continue
		}
		h := answer(err)
		seen[h.Get("RateLimit-Policy")] = true
		if want := fmt.Sprintf(`"attempts";r=0;t=%s`, h.Get("Retry-After")); h.Get("Retry-After") == "" || h.Get("RateLimit") != want {
			t.Errorf("RateLimit %s, want %s", h.Get("RateLimit"), want)
		}
	}
	if len(seen) != 1 || !seen[`"attempts";q=10;w=900`] {
		t.Errorf("RateLimit-Policy %v", seen)
	}
	for name, p := range map[string]*auth.Problem{
		"an outage":         {Status: 503, Code: "unavailable", RetryAfter: time.Second},
		"a wrong answer":    {Status: 401, Code: "bad_credentials"},
		"no time to say so": {Status: 429, Code: "rate_limited"},
	} {
		if h := answer(p); h.Get("RateLimit") != "" || h.Get("RateLimit-Policy") != "" {
			t.Errorf("%s: %v", name, h)
		}
	}
	if h := answer(&auth.Problem{Status: 429, Code: "rate_limited", RetryAfter: 1500 * time.Millisecond}); h.Get("RateLimit") != `"attempts";r=0;t=2` || h.Get("RateLimit-Policy") != "" {
		t.Errorf("without a quota: %v", h)
	}
}

// New reports limits that are none.
func TestLimitsAreChecked(t *testing.T) {
	for field, l := range map[string]auth.Limits{
		"Account":     {Account: auth.Limit{Max: 5}},
		"Network":     {Network: auth.Limit{Per: time.Hour}},
		"NetworkLong": {NetworkLong: auth.Limit{Max: -1, Per: time.Hour}},
		"Site":        {Site: auth.Limit{Max: 5, Per: time.Millisecond}},
		"Free":        {Free: 11},
		"Free ":       {Free: -1},
		"Delay":       {Delay: time.Millisecond},
		"Backoff":     {Backoff: time.Millisecond},
		"BackoffMax":  {BackoffMax: time.Second},
		"BackoffFor":  {BackoffFor: time.Minute},
		"Cap":         {Cap: 101},
		"Cap ":        {Cap: -1},
	} {
		_, err := auth.New(noUsers{}, memory.New(nil), &auth.Options{Limits: l})
		if want := "Options.Limits." + strings.TrimSpace(field) + " "; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

type noUsers struct{}

func (noUsers) LoadUser(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound }

// Whichever guess it is, at an account that is there and at one that is not the same
// is asked of the store.
func TestGuessesTakeTheSameCalls(t *testing.T) {
	calls := func(account, user string) (all [][]string) {
		store := newFaults(memory.New(nil))
		s := newSiteOn(t, store, wide)
		if user == "" {
			user = s.m.Nobody()
		}
		for range 90 {
			store.heal()
			_, wait := s.guess(s.visitor(), account, user)
			all = append(all, store.heal())
			s.clock.Advance(wait)
		}
		return all
	}
	known, unknown := calls("user:ada", "ada"), calls("email:nobody@example.com", "")
	for i := range known {
		if !slices.Equal(known[i], unknown[i]) {
			t.Fatalf("guess %d: %q, and where nobody is %q", i+1, known[i], unknown[i])
		}
	}
	if n := len(known[0]); n != 4 {
		t.Errorf("a login takes %d calls: %q; want 4 counts", n, known[0])
	}
}
