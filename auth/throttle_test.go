package auth_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A browser in which the user of an address has logged in before has mail for itself, in
// place of that of the address: as much, of each kind, and no other browser has.
func TestThrottleOfAKnownBrowser(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		for _, id := range []string{"ada", "bob"} {
			c := auth.Credential{Kind: "email", Key: id + "@example.com", UserID: id, VerifiedAt: s.clock.Now()}
			if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &c}); err != nil {
				t.Fatal(err)
			}
		}
		former := auth.Credential{Kind: "email", Key: "former@example.com", UserID: "ada", VerifiedAt: s.clock.Now(), ExpiresAt: s.clock.Now()}
		if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &former}); err != nil {
			t.Fatal(err)
		}
		owner := s.visitor()
		s.right(owner, "ada")
		mails := func(v *visitor, scope, account string) (n int) {
			for i := range 5 {
				r := v.request("POST", "/", "")
				r.RemoteAddr = fmt.Sprintf("198.51.100.%d:1", i)
				wait, err := s.m.Throttle(r, scope, account, auth.Limit{Max: 3, Per: time.Hour}, auth.Limit{Max: 100, Per: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				if wait == 0 {
					n++
				}
			}
			return n
		}
		for _, tt := range []struct {
			who     *visitor
			scope   string
			account string
			want    int
		}{
			{s.visitor(), "reset", "email:ada@example.com", 3}, {s.visitor(), "reset", "email:ada@example.com", 0},
			{owner, "reset", "email:ada@example.com", 3}, {owner, "reset", "email:ada@example.com", 0},
			{owner, "link", "ada@example.com", 3}, {s.visitor(), "link", "ada@example.com", 3}, {owner, "link", "ada@example.com", 0},
			{s.visitor(), "reset", "email:nobody@example.com", 3}, {owner, "reset", "email:nobody@example.com", 0},
			{s.visitor(), "reset", "email:bob@example.com", 3}, {owner, "reset", "email:bob@example.com", 0},
			{s.visitor(), "former", "email:former@example.com", 3}, {owner, "former", "email:former@example.com", 0},
			{s.visitor(), "reset", "user:ada", 3}, {owner, "reset", "user:ada", 0},
		} {
			if n := mails(tt.who, tt.scope, tt.account); n != tt.want {
				t.Errorf("%s to %s: %d mails, want %d", tt.scope, tt.account, n, tt.want)
			}
		}
		// A change of what they log in with makes it a browser like any other.
		s.clock.Advance(time.Hour)
		s.addKey("ada", "new")
		mails(s.visitor(), "reset", "email:ada@example.com")
		if n := mails(owner, "reset", "email:ada@example.com"); n != 0 {
			t.Errorf("a browser that was known before a change has %d mails", n)
		}
		// So does time.
		s.right(owner, "ada")
		s.clock.Advance(366 * 24 * time.Hour)
		mails(s.visitor(), "reset", "email:ada@example.com")
		if n := mails(owner, "reset", "email:ada@example.com"); n != 0 {
			t.Errorf("a browser that was known long ago has %d mails", n)
		}
	})
}

// Whoever knows a password can log in, in any number of browsers: they do not bury the user in
// mail. With an address that is only claimed, and may be somebody else's, none of them has
// any for itself.
func TestHostileMailFromManyBrowsers(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		for userID, verified := range map[string]time.Time{"ada": t0, "bob": {}} {
			c := auth.Credential{Kind: "email", Key: userID + "@example.com", UserID: userID, VerifiedAt: verified}
			if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &c}); err != nil {
				t.Fatal(err)
			}
		}
		for userID, want := range map[string]int{"ada": 5 * 3, "bob": 3} {
			n := 0
			for i := range 40 {
				v := s.visitor()
				w := httptest.NewRecorder()
				s.m.KnowBrowser(w, as(v.request("POST", "/", ""), userID))
				for _, c := range w.Result().Cookies() {
					v.cookies[c.Name] = c.Value
				}
				r := v.request("POST", "/", "")
				r.RemoteAddr = fmt.Sprintf("198.51.100.%d:1", i)
				wait, err := s.m.Throttle(r, "reset", "email:"+userID+"@example.com", auth.Limit{Max: 3, Per: time.Hour}, auth.Limit{Max: 10, Per: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				if wait == 0 {
					n++
				}
			}
			if n != want {
				t.Errorf("%d mails to %s, want %d", n, userID, want)
			}
		}
	})
}

// mailFrom asks for a mail to an account from an address, by the limits that providers
// have, and reports whether it would be sent.
func (s *site) mailFrom(addr, account string) bool {
	s.t.Helper()
	r := s.visitor().request("POST", "/", "")
	r.RemoteAddr = addr
	wait, err := s.m.Throttle(r, "mail", account, auth.Limit{Max: 3, Per: time.Hour}, auth.Limit{Max: 10, Per: time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	return wait == 0
}

// Whoever is over the limit of their network, or of their /48, uses up nothing of an
// account's, and makes no counters: neither for accounts nor for a /48.
func TestThrottleStopsAtTheFirst(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		for _, from := range []struct {
			addr  func(i int) string
			free  int
			other string
		}{
			{func(int) string { return "198.51.100.7:1" }, 10, "203.0.113.1:1"},
			{func(int) string { return "[2001:db8:1:1::1]:1" }, 10, "203.0.113.2:1"},
			{func(i int) string { return fmt.Sprintf("[2001:db8:2:%x::1]:1", i) }, 50, "203.0.113.3:1"},
		} {
			for i := range 100 {
				if sent := s.mailFrom(from.addr(i), fmt.Sprint("email:", from.free, i)); sent != (i < from.free) {
					t.Fatalf("mail %d from %s: %v", i+1, from.addr(i), sent)
				}
			}
			for i := range 10 {
				s.mailFrom(from.addr(100+i), "email:ada "+from.addr(0))
			}
			for i := range 5 {
				if sent := s.mailFrom(from.other, "email:ada "+from.addr(0)); sent != (i < 3) {
					t.Errorf("mail %d to who was asked for from %s too often: %v", i+1, from.addr(0), sent)
				}
			}
		}
		// One network's refusals use up nothing of its /48.
		for i := range 200 {
			s.mailFrom("[2001:db8:3:1::1]:1", fmt.Sprint("email:of a /48", i))
		}
		if !s.mailFrom("[2001:db8:3:2::1]:1", "email:of a /48") {
			t.Error("a network has used up more of its /48 than it may have itself")
		}
	})
}

// What is refused costs the store one count, whoever is asked for.
func TestThrottleCounts(t *testing.T) {
	store := newFaults(memory.New(nil))
	s := newSiteOn(t, store, nil)
	calls := func(addr, account string) int {
		store.heal()
		s.mailFrom(addr, account)
		return len(slices.DeleteFunc(store.heal(), func(call string) bool { return call != "Count" }))
	}
	for i := range 12 {
		for addr, want := range map[string]int{"198.51.100.7:1": 2, "[2001:db8::1]:1": 3} {
			if i >= 10 {
				want = 1
			}
			if n := calls(addr, fmt.Sprint("email:", addr, i)); n != want {
				t.Errorf("mail %d from %s: %d counts; want %d", i+1, addr, n, want)
			}
		}
	}
}
