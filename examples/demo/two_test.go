package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/servers"
)

// TestTwoProcesses starts the demo twice, on one PostgreSQL and one Redis: two processes,
// and one site.
func TestTwoProcesses(t *testing.T) {
	db, sessions := servers.Postgres(t), servers.Redis(t)
	// Both find the database empty and make its tables at the same time.
	var processes [2]*process
	for i := range processes {
		cmd := exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "-db", db.DSN(), "-sessions", sessions.DSN(), "-trusted-proxies", "127.0.0.0/8")
		cmd.Env = append(os.Environ(), childEnv+"=1")
		processes[i] = begin(t, cmd)
		t.Cleanup(processes[i].stop)
	}
	for _, p := range processes {
		p.await()
	}
	for _, p := range processes {
		if p.url == "" {
			t.Fatalf("does not serve: %s", p.logs.String())
		}
	}
	one, other := processes[0].url, processes[1].url
	n := 0
	visitor := func(t *testing.T, js bool) *client {
		c := newClient(t, one, js)
		n++
		c.header.Set("X-Forwarded-For", fmt.Sprintf("10.0.0.%d", n)) // or they would be limited as one
		return c
	}
	at := func(c *client, url string) *client { c.base = url; return c } // cookies do not know of ports
	in := func(t *testing.T, c *client, want bool) {
		t.Helper()
		for _, url := range []string{other, one, other} {
			if at(c, url).in() != want {
				t.Errorf("logged in: %t, want %t everywhere", !want, want)
			}
		}
	}

	for name, js := range map[string]bool{"form": false, "json": true} {
		t.Run(name, func(t *testing.T) {
			email := name + "@example.com"
			ada, phone := visitor(t, js), visitor(t, js)
			ada.register(email, secret)
			in(t, ada, true)

			at(phone, other).logIn(email, secret)
			in(t, phone, true)
			if a := at(ada, one).post("/auth/sessions/revoke", "all", "others"); a.StatusCode >= 400 {
				t.Fatalf("revoking: %s", a)
			}
			in(t, phone, false)
			in(t, ada, true)

			at(phone, one).logIn(email, secret)
			if a := at(ada, other).post("/auth/password", "current", secret, "password", secret+"!"); a.StatusCode >= 400 {
				t.Fatalf("changing the password: %s", a)
			}
			in(t, phone, false)
			in(t, ada, true)
			at(phone, one).logIn(email, secret+"!")

			if a := at(ada, other).post("/auth/logout"); a.StatusCode >= 400 {
				t.Fatalf("logging out: %s", a)
			}
			in(t, ada, false)
			in(t, phone, true)

			// Whoever is remembered by one is remembered by the other.
			at(phone, one).logIn(email, secret+"!", "remember", "true")
			phone.drop("sid")
			if !at(phone, other).in() {
				t.Error("the other process does not remember the browser")
			}
			in(t, phone, true)
		})
	}

	t.Run("limits", func(t *testing.T) {
		c := visitor(t, true)
		limited := 0
		for i := range 14 {
			a := at(c, []string{one, other}[i%2]).post("/auth/login", "email", "form@example.com", "password", "wrong")
			if a.StatusCode == http.StatusTooManyRequests {
				limited++
			}
		}
		if limited != 9 { // five are free, by the two together; the next would have to wait
			t.Errorf("%d of 14 guesses were refused, want 9", limited)
		}
	})

	t.Run("registering at once", func(t *testing.T) {
		status := make(chan int, 5) // more at once have to wait
		var wg sync.WaitGroup
		for i := range cap(status) {
			c := at(visitor(t, true), []string{one, other}[i%2])
			wg.Go(func() {
				a, err := c.try("POST", "/auth/register", "application/json", `{"email":"all@example.com","password":"`+secret+`"}`)
				if err == nil {
					status <- a.StatusCode
				}
			})
		}
		wg.Wait()
		close(status)
		made := 0
		for s := range status {
			switch s {
			case http.StatusCreated:
				made++
			case http.StatusConflict:
			default:
				t.Errorf("registering: %d", s)
			}
		}
		if made != 1 {
			t.Errorf("%d accounts were made with one address", made)
		}
	})

	t.Run("one dies", func(t *testing.T) {
		c := visitor(t, true)
		at(c, one).logIn("json@example.com", secret+"!")
		processes[0].stop()
		if !at(c, other).in() {
			t.Error("the other process does not know the session")
		}
	})
	for i, p := range processes {
		if bad := complaints(p.logs.String()); bad != "" {
			t.Errorf("process %d: %s", i, bad)
		}
	}
}
