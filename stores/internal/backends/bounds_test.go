package backends_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/stores/internal/backends"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What strangers can fill, security.md §5.6.
func TestBounds(t *testing.T) {
	onAll(t, []raceCase{
		{"RC-54", flooded},
		{"RC-61", everythingAtOnce},
		{"secrets", nothingToSteal},
	})
}

// Counters, tickets and sessions under ever more keys are gone once they are over and
// swept; in memory there is a bound besides, at which what limits goes on limiting.
func flooded(t *testing.T, p place) {
	const n = 1000
	s := p.open(t)
	store, ctx, now := s.m.Store(), t.Context(), s.m.Now()
	mark := "flood-" + p.realm + "-"
	atOnce(8, func(i int) {
		for j := i; j < n; j += 8 {
			name := fmt.Sprintf("%s%d", mark, j)
			if _, _, err := store.Count(ctx, name, time.Minute, now); err != nil {
				t.Error(err)
			}
			if j%10 == 0 {
				s.must(store.PutTicket(ctx, auth.Ticket{Purpose: mark, Key: name, UserID: name, Slot: name, Data: []byte(name), CreatedAt: now, ExpiresAt: now.Add(time.Minute)}))
			}
		}
	})
	p.clock.Advance(2 * time.Minute)
	s.sweep()
	for j := range 20 {
		name := fmt.Sprintf("%s%d", mark, j*10)
		if _, err := store.LoadTicket(ctx, mark, name); err == nil && p.b.Name != "Redis" { // which sweeps itself
			t.Errorf("the ticket %s is still there", name)
		}
		if got, _, err := store.Count(ctx, name, time.Minute, s.m.Now()); err != nil || got != 1 {
			t.Errorf("the counter %s is %d, %v, want one that begins anew", name, got, err)
		}
	}
	if p.b.Name != "memory" {
		return
	}
	small := place{b: p.b, realm: p.realm, clock: p.clock}.on(t, backends.Instance{Store: memory.New(&memory.Options{Counters: 500}), Users: memory.NewUsers()},
		func(c *config) { c.Limits.Account = auth.Limit{Max: 3, Per: 15 * time.Minute} })
	small.register(email)
	for range 3 {
		small.browser().logIn(email, wrong)
	}
	for j := range 1000 {
		_, _, _ = small.m.Store().Count(ctx, fmt.Sprint(mark, j), time.Hour, now)
	}
	if r := small.browser().logIn(email, good); r.status == http.StatusOK {
		t.Error("whoever fills the limiter can guess again")
	}
}

// All that a site does, by many at once, at two processes: nothing breaks, and each
// is who they are.
func everythingAtOnce(t *testing.T, p place) {
	sites := []*site{p.open(t), p.open(t)}
	ids := map[string]string{}
	for i := range 4 {
		address := fmt.Sprintf("ada%d@example.com", i)
		ids[address] = sites[0].register(address)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		for ctx.Err() == nil {
			sites[1].sweep()
			time.Sleep(time.Millisecond)
		}
	}()
	atOnce(16, func(i int) {
		address := fmt.Sprintf("ada%d@example.com", i%4)
		for j := range 6 {
			b := sites[(i+j)%2].browser()
			if r := b.logInRemembered(address, good); r.status != http.StatusOK {
				t.Errorf("logging in: %d %s", r.status, r.text)
				return
			}
			b = b.at(sites[j%2])
			if who := b.who(); who != ids[address] {
				t.Errorf("%q, want %q", who, ids[address])
			}
			b.endSession()
			if who := b.who(); who != ids[address] {
				t.Errorf("restored as %q, want %q", who, ids[address])
			}
			if r := b.post("/auth/confirm", "password", good); r.status != http.StatusOK {
				t.Errorf("confirming: %d %s", r.status, r.text)
			}
			old := b.tab()
			if r := b.post("/auth/logout"); r.status != http.StatusOK {
				t.Errorf("logging out: %d %s", r.status, r.text)
			}
			isNobody(t, "logged out", old, b)
		}
	})
	cancel()
	<-swept
	for address, id := range ids {
		if n := len(sites[0].live(id)); n != 0 {
			t.Errorf("%s has %d sessions", address, n)
		}
	}
}

// After every flow, none of the secrets that were ever sent is in what is kept, in
// any of the ways in which it could be written.
func nothingToSteal(t *testing.T, p place) {
	s := p.open(t, withFactor)
	var secrets []string
	keep := func(b *browser) {
		for _, value := range b.cookies {
			secrets = append(secrets, strings.Split(value, ".")...)
		}
	}
	id := s.register(email)
	b := s.browser().mustLogInRemembered(email)
	keep(b)
	b.endSession()
	b.get("/me")
	keep(b)
	b.post("/auth/confirm", "password", good)
	keep(b)
	made, err := s.keys.Create(t.Context(), id, apikey.NewKey{Name: "key"})
	s.must(err)
	secrets = append(secrets, strings.Split(made.Secret, "_")[2], made.Secret)
	s.owesCode(id)
	half := s.halfDone(email)
	keep(half)
	half.post("/auth/code", "code", authtest.Code)
	keep(half)
	secrets = append(secrets, good)
	if len(secrets) < 10 {
		t.Fatalf("only %d secrets were sent", len(secrets))
	}
	dump := p.b.Dump(t)
	if !bytes.Contains(dump, []byte(email)) || len(dump) < 1000 {
		t.Fatal("the dump has nothing in it")
	}
	for _, secret := range secrets {
		forms := map[string]string{"as it is": secret, "in hexadecimal": hex.EncodeToString([]byte(secret)), "in base64": base64.RawStdEncoding.EncodeToString([]byte(secret))}
		if raw, err := base64.RawURLEncoding.DecodeString(secret); err == nil && len(raw) >= 16 {
			forms["as bytes"], forms["as bytes in hexadecimal"] = string(raw), hex.EncodeToString(raw)
		}
		for how, text := range forms {
			if bytes.Contains(dump, []byte(text)) {
				t.Errorf("%q is kept %s", secret, how)
			}
		}
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// What was opened is closed: no goroutine is left of a site that has been used and
// given up.
func TestRC65NothingIsLeft(t *testing.T) {
	for _, b := range backends.All(t) {
		t.Run(b.Name, func(t *testing.T) {
			b.Open(t) // what the backend has for itself
			before := runtime.NumGoroutine()
			t.Run("used", func(t *testing.T) {
				s := newPlace(b, "rc-65").open(t)
				s.register(email)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- s.m.Run(ctx) }()
				atOnce(8, func(int) { s.browser().logInRemembered(email, good) })
				gone, leave := context.WithTimeout(t.Context(), time.Nanosecond)
				defer leave()
				late := s.browser()
				late.ctx = gone
				late.logIn(email, good)
				cancel()
				<-done
			})
			until := time.Now().Add(10 * time.Second)
			for runtime.NumGoroutine() > before {
				if time.Now().After(until) {
					stacks := make([]byte, 1<<20)
					t.Fatalf("%d goroutines, there were %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}
