package password_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// What is refused at a glance costs no attempt; what is hashed, or tells whether
// a name is taken, does.
func TestRegisterLimit(t *testing.T) {
	rec := &recorder{}
	s := newSite(t, &password.Options{Hasher: spyHasher{cheap, rec}})
	c := s.client()
	for i := range 30 {
		for _, f := range []fields{
			{"email": "", "password": goodPassword},
			{"email": "not an address", "password": goodPassword},
			{"email": "a@example.com", "password": "short"},
			{"email": "a@example.com", "password": goodPassword, "name": "\x00"},
		} {
			if r := c.json("/register", f); r.Code != 422 {
				t.Fatalf("%d: %v: %d %s", i, f, r.Code, r.text)
			}
		}
	}
	free := 0
	for i := range 30 {
		r := c.json("/register", fields{"email": fmt.Sprintf("user%d@example.com", i), "password": goodPassword})
		switch r.Code {
		case 201:
			free++
		case 429:
		default:
			t.Fatalf("%d: %d %s", i, r.Code, r.text)
		}
	}
	if free != 10 {
		t.Errorf("%d registrations in an hour from one address; want 10", free)
	}
	rec.take()
	if r := c.json("/register", fields{"email": "user1@example.com", "password": goodPassword}); r.Code != 429 {
		t.Errorf("while limited it is told whether an address is taken: %d", r.Code)
	}
	if calls := rec.take(); calls != nil {
		t.Errorf("hashed while limited: %q", calls)
	}
}

// The limit is the network's: another has its own, and an hour later there is room again.
func TestRegisterLimitIsTheNetworks(t *testing.T) {
	s := newSite(t, &password.Options{PerNetwork: auth.Limit{Max: 2, Per: time.Hour}})
	n := 0
	register := func(addr string) int {
		c := s.client()
		c.addr, n = addr, n+1
		r := c.json("/register", fields{"email": fmt.Sprintf("user%d@example.com", n), "password": goodPassword})
		if r.Code == 429 && (r.code() != "rate_limited" || r.Header().Get("Retry-After") == "" || r.Header().Get("RateLimit-Policy") != `"attempts";q=2;w=3600`) {
			t.Errorf("%s %v", r.text, r.Header())
		}
		return r.Code
	}
	got := []int{register("203.0.113.1"), register("203.0.113.1"), register("203.0.113.1"), register("203.0.113.2")}
	s.advance(59 * time.Minute)
	got = append(got, register("203.0.113.1"))
	s.advance(time.Minute)
	got = append(got, register("203.0.113.1"))
	if want := []int{201, 201, 429, 201, 429, 201}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Who has registered in a browser cannot be locked out of it by strangers.
func TestRegisteringMakesTheBrowserKnown(t *testing.T) {
	s := newSite(t, nil)
	ada := s.client()
	if r := ada.json("/register", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 201 {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	s.advance(time.Minute)
	for i := range 12 {
		stranger := s.client()
		stranger.addr = fmt.Sprintf("198.51.100.%d", i)
		stranger.json("/login", fields{"email": "ada@example.com", "password": "something else"})
	}
	login := fields{"email": "ada@example.com", "password": goodPassword}
	if r := s.client().json("/login", login); r.Code != 429 {
		t.Fatalf("the account is not limited for strangers: %d", r.Code)
	}
	if r := ada.json("/login", login); r.Code != 200 {
		t.Errorf("ada is locked out of her own browser: %d %s", r.Code, r.text)
	}
}
