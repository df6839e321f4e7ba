package password_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// A stuck hasher verifies nothing until it is let go.
type stuck struct {
	password.Hasher
	on      *atomic.Bool
	entered chan struct{}
	free    chan struct{}
}

func newStuck() stuck {
	return stuck{cheap, new(atomic.Bool), make(chan struct{}, 100), make(chan struct{})}
}

func (h stuck) Verify(encoded string, pw []byte) error {
	if h.on.Load() {
		h.entered <- struct{}{}
		<-h.free
	}
	return h.Hasher.Verify(encoded, pw)
}

// One network has a quarter of the places to wait, and who is told that there is
// none has used up no guess.
func TestBusy(t *testing.T) {
	h := newStuck()
	s := newSite(t, &password.Options{Hasher: h, AtOnce: 2, Queue: 6})
	s.register("ada@example.com", goodPassword)
	login := fields{"email": "ada@example.com", "password": goodPassword}
	ada := s.client()
	if r := ada.json("/login", login); r.Code != 200 {
		t.Fatal(r.text)
	}
	h.on.Store(true)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			s.client().json("/login", fields{"email": fmt.Sprintf("x%d@example.com", i), "password": goodPassword})
		})
	}
	<-h.entered
	<-h.entered // both have a slot
	for _, path := range []string{"/login", "/confirm", "/password"} {
		for range 12 {
			r := ada.json(path, fields{"email": "ada@example.com", "password": goodPassword, "current": goodPassword})
			if r.Code != 503 || r.code() != "busy" || r.Header().Get("Retry-After") == "" {
				t.Fatalf("%s from a network that has its share: %d %s", path, r.Code, r.text)
			}
		}
	}
	if r := ada.json("/register", fields{"email": "new@example.com", "password": goodPassword}); r.code() != "busy" {
		t.Errorf("registering: %d %s", r.Code, r.text)
	}
	wg.Go(func() {
		stranger := s.client()
		stranger.addr = "198.51.100.1"
		if r := stranger.json("/login", login); r.Code != 200 {
			t.Errorf("another network, in line: %d %s", r.Code, r.text)
		}
	})
	h.on.Store(false)
	close(h.free)
	wg.Wait()
	if r := ada.json("/login", login); r.Code != 200 {
		t.Errorf("idle again: %d %s", r.Code, r.text)
	}
}

// A hash that nobody can read is as good as none, and tells nobody that it is
// there.
func TestDamagedHashTellsNothing(t *testing.T) {
	old := openOldTable(t)
	for _, hash := range []string{
		"$2y$17$" + strings.Repeat("a", 53), "$2y$10$tooshort", "!", "*LK*", "$2x$10$" + strings.Repeat("a", 53), "$1$abc$def",
		"$argon2id$v=19$m=1048576,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
	} {
		old.rows = append(old.rows[:0], oldUser{"7", "zed", hash})
		s := tableSite(t, old, password.Options{Login: password.ByUsername})
		known := s.client().json("/login", fields{"username": "zed", "password": goodPassword})
		unknown := s.client().json("/login", fields{"username": "nobody", "password": goodPassword})
		if known.Code != 401 || known.text != unknown.text {
			t.Errorf("%.20s: known %d %s, unknown %d %s", hash, known.Code, known.text, unknown.Code, unknown.text)
		}
	}
}

// Spellings that a Table may take for one name share their guesses, whether
// there is somebody of that name or not.
func TestTableSpellingsShareGuesses(t *testing.T) {
	old := openOldTable(t)
	old.rows = append(old.rows[:0], oldUser{"7", "ada", "$2y$06$" + strings.Repeat("a", 53)})
	for _, name := range []string{"ada", "bob"} {
		s := tableSite(t, old, password.Options{Login: password.ByUsername})
		for range 10 {
			s.client().json("/login", fields{"username": name, "password": "x"})
		}
		if r := s.client().json("/login", fields{"username": strings.ToUpper(name), "password": "x"}); r.Code != 429 {
			t.Errorf("10 guesses at %s, then at %s: %d", name, strings.ToUpper(name), r.Code)
		}
	}
}

// Two right logins at once, on a hash that is due, are both right.
func TestTableParallelUpgrade(t *testing.T) {
	old := openOldTable(t)
	due, err := password.Bcrypt{Cost: 4, InsecureFast: true}.Hash([]byte(goodPassword))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		old.mu.Lock()
		old.rows = append(old.rows[:0], oldUser{"7", "ada", due})
		old.mu.Unlock()
		s := tableSite(t, old, password.Options{Login: password.ByUsername, AtOnce: 2})
		s.client().json("/login", fields{"username": "warm", "password": "up"}) // makes the dummy
		codes := make([]int, 2)
		var wg sync.WaitGroup
		for i := range codes {
			wg.Go(func() {
				codes[i] = s.client().json("/login", fields{"username": "ada", "password": goodPassword}).Code
			})
		}
		wg.Wait()
		if codes[0] != 200 || codes[1] != 200 {
			t.Fatal(codes)
		}
	}
}

// A login by a password that has been removed is not one by its successor.
func TestGenerationIsNotReused(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	_, proof, err := s.provider.Verify(t.Context(), "ada@example.com", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	old := s.stored(id)
	if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: &old}); err != nil {
		t.Fatal(err)
	}
	if err := s.provider.Set(t.Context(), id, newPassword); err != nil {
		t.Fatal(err)
	}
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.m.LogIn(w, r, id, proof); !errors.Is(err, auth.ErrBadCredentials) {
			t.Errorf("a proof by the password before: %v", err)
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/x", nil))
}

// A Table's column is the host's to write, whoever asks.
func TestTableIsNotSet(t *testing.T) {
	old := openOldTable(t)
	hash, err := cheap.Hash([]byte(goodPassword))
	if err != nil {
		t.Fatal(err)
	}
	old.rows = append(old.rows[:0], oldUser{"7", "ada", hash})
	s := tableSite(t, old, password.Options{Login: password.ByUsername})
	ctx := auth.WithIdentity(t.Context(), &auth.Identity{User: old.rows[0], Proofs: []auth.Proof{{Method: "password", Kind: "password", Key: "ada"}}})
	if err := s.provider.Set(ctx, "7", newPassword); codeOf(err) != "no_password" || old.rows[0].hash != hash {
		t.Errorf("%v", err)
	}
}

type nilChecker struct{ password.BreachChecker }

func TestTypedNil(t *testing.T) {
	p := password.New(&password.Options{Breached: (*nilChecker)(nil), OldHashers: []password.Hasher{(*password.Bcrypt)(nil)}})
	_, err := auth.New(newSite(t, nil).users, newSite(t, nil).store, &auth.Options{Providers: []auth.Provider{p}})
	if err == nil || !strings.Contains(err.Error(), "Options.Breached") || !strings.Contains(err.Error(), "OldHashers") {
		t.Errorf("%v", err)
	}
}

// A name that no store keeps is refused, and no outage.
func TestLongNames(t *testing.T) {
	s := newSite(t, nil)
	for name, status := range map[string]int{strings.Repeat("a", 100): 201, strings.Repeat("名", 85): 201, strings.Repeat("名", 86): 422, strings.Repeat("a", 101): 422} {
		email := fmt.Sprintf("u%d@example.com", len(name))
		if r := s.client().json("/register", fields{"email": email, "password": goodPassword, "name": name}); r.Code != status {
			t.Errorf("%d bytes: %d %s", len(name), r.Code, r.text)
		}
	}
}

// Who changes their password while strangers have locked the account can log in with the
// new one, in browsers that are not known any more as well.
func TestHostileChangeWhileLocked(t *testing.T) {
	s := newSite(t, nil, func(o *auth.Options) { o.Limits.Network = auth.Limit{Max: 1000, Per: time.Minute} })
	s.register("ada@example.com", goodPassword)
	ada, laptop := s.client(), s.client()
	for _, c := range []*client{ada, laptop} {
		if r := c.json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 200 {
			t.Fatal(r.text)
		}
	}
	for range 20 {
		s.client().json("/login", fields{"email": "ada@example.com", "password": "something else"})
	}
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 429 {
		t.Fatalf("strangers are not limited: %d", r.Code)
	}
	if r := ada.json("/password", fields{"current": goodPassword, "password": newPassword}); r.Code != 200 {
		t.Fatalf("%d %s", r.Code, r.text)
	}
	if r := laptop.json("/login", fields{"email": "ada@example.com", "password": newPassword}); r.Code != 200 {
		t.Errorf("the laptop, with the new password: %d %s", r.Code, r.text)
	}
}
