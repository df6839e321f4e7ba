package main

import (
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestCrashLife kills the demo after every step of an account's life, before its mail
// has gone and while the step is being taken, and starts it again on the same file.
// Whatever was asked for by mail arrives, and of every change there is all or nothing.
func TestCrashLife(t *testing.T) {
	if testing.Short() {
		t.Skip("short: kills the demo 20 times")
	}
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	const newAddress = "ada@elsewhere.example"
	// Long enough for the mail by which a closed account can be kept, which arrives late.
	const closeAfter = time.Hour
	mail, db := newSink(t), file(t)
	var p *process
	var ahead time.Duration // of the demo's clock
	c := newClient(t, "", true)
	restart := func() {
		t.Helper()
		if p != nil {
			p.stop()
			if bad := complaints(p.logs.String()); bad != "" {
				t.Error(bad)
			}
		}
		cmd := exec.Command(os.Args[0], "-addr", "127.0.0.1:0", "-oauth", "off", "-db", db, "-close-after", closeAfter.String(), "-smtp", "smtp://"+mail.Addr().String())
		cmd.Env = append(os.Environ(), childEnv+"=1", childAheadEnv+"="+ahead.String())
		if p = start(t, cmd); p.url == "" {
			t.Fatalf("does not come back: %s", p.logs.String())
		}
		c.base = p.url
	}
	defer func() { p.stop() }()
	restart()

	// arrives waits for a message. If the demo was killed while it had it, it is sent
	// once nobody else can still be at it: that is some minutes later, which are passed
	// over here.
	arrives := func(what string, here func(m sunk) bool, n int) (got sunk) {
		t.Helper()
		for range 4 {
			for range 60 {
				for _, m := range mail.after(n) {
					if here(m) {
						return m
					}
				}
				time.Sleep(50 * time.Millisecond)
			}
			ahead += 6 * time.Minute
			restart()
		}
		t.Fatalf("%s was lost; there is %+v", what, mail.after(n))
		return got
	}
	dead := map[string]bool{} // tokens that were refused as used or replaced
	token := func(n int, to, path string) (token string) {
		t.Helper()
		arrives("a link to "+path, func(m sunk) bool {
			_, rest, ok := strings.Cut(m.text, path+"?token=")
			if ok = ok && m.to == to && len(rest) >= 43 && !dead[rest[:43]]; ok {
				token = rest[:43]
			}
			return ok
		}, n)
		return token
	}
	says := func(to, words string) {
		t.Helper()
		arrives(words, func(m sunk) bool { return m.to == to && strings.Contains(m.subject, words) }, 0)
	}

	// step does something, kills the demo at once, and starts it again.
	step := func(what, path string, fields ...string) {
		t.Helper()
		if a := c.post(path, fields...); a.StatusCode < 200 || a.StatusCode > 299 {
			t.Fatalf("%s: %s", what, a)
		}
		restart()
	}
	// interrupted kills the demo while something is being done; later each time, so that
	// it comes to its end on a slow machine too.
	longest := map[string]time.Duration{}
	interrupted := func(path string, fields ...string) {
		t.Helper()
		longest[path] = max(15*time.Millisecond, 2*longest[path])
		wait := time.Duration(random.Int64N(int64(longest[path])))
		timer := time.AfterFunc(wait, func() { _ = p.Process.Kill() }) // it may have ended
		contentType, body := c.encode(fields...)
		_, _ = c.try("POST", path, contentType, body) // whatever comes of it
		timer.Stop()
		restart()
	}
	// logsIn asks in a browser of its own.
	logsIn := func(address, password string) bool {
		t.Helper()
		a := newClient(t, p.url, true).post("/auth/login", "email", address, "password", password)
		if a.StatusCode != http.StatusOK && a.StatusCode != http.StatusUnauthorized && a.StatusCode != http.StatusForbidden {
			t.Fatalf("logging in: %s", a)
		}
		return a.StatusCode == http.StatusOK
	}
	// one fails unless exactly one of two holds, and returns whether it is the new one.
	one := func(what string, old, changed bool) bool {
		t.Helper()
		if old == changed {
			t.Fatalf("%s: half a change: the old holds %t, the new %t", what, old, changed)
		}
		return changed
	}

	step("registering", "/auth/register", "email", email, "password", secret)
	step("verifying", "/auth/verify", "token", token(0, email, "/auth/verify"))

	// Reset.
	n := mail.count()
	step("forgetting", "/auth/forgot", "email", email)
	link := token(n, email, "/auth/reset")
	interrupted("/auth/reset", "token", link, "password", newSecret)
	if !one("the reset", logsIn(email, secret), logsIn(email, newSecret)) {
		if a := c.post("/auth/reset", "token", link, "password", newSecret); a.StatusCode == http.StatusGone { // taken, and nothing done
			n = mail.count()
			step("forgetting again", "/auth/forgot", "email", email)
			step("resetting", "/auth/reset", "token", token(n, email, "/auth/reset"), "password", newSecret)
		}
	}
	if logsIn(email, secret) || !logsIn(email, newSecret) {
		t.Fatal("the password was not reset")
	}
	says(email, "password")

	// Change the address.
	for changed := false; !changed; {
		n = mail.count()
		c.logIn(email, newSecret) // just now: it may be later than it was
		step("asking for another address", "/auth/email", "email", newAddress)
		interrupted("/auth/email", "token", token(n, newAddress, "/auth/email"))
		if changed = one("the change", logsIn(email, newSecret), logsIn(newAddress, newSecret)); !changed {
			ahead += time.Hour // an address is sent three mails an hour
			restart()
		}
	}
	// Undo it.
	for undone := false; !undone; {
		interrupted("/auth/email/undo", "token", token(0, email, "/auth/email/undo"))
		undone = !logsIn(newAddress, newSecret)
		if logsIn(email, newSecret) { // the password goes with the change that is undone
			t.Fatal("undoing: half a change: the address is back, and the password there still")
		}
		if !undone {
			ahead += time.Hour // that was a wrong guess, of which the sixth must wait
			restart()
		}
	}
	// Of two mails with a link the newer one's is good, and the older may be the one that
	// is seen first: the demo was killed while it had a mail of an earlier step.
	for recovered := false; !recovered; {
		link := token(n, email, "/auth/reset")
		a := c.post("/auth/reset", "token", link, "password", lastSecret)
		if recovered = a.StatusCode == http.StatusOK; !recovered && a.StatusCode != http.StatusGone {
			t.Fatalf("recovering: %s", a)
		}
		dead[link] = !recovered
		restart()
	}

	// Close it.
	for closed := false; !closed; {
		c.logIn(email, lastSecret)
		interrupted("/auth/close")
		a := newClient(t, p.url, true).post("/auth/login", "email", email, "password", lastSecret)
		if closed = a.StatusCode != http.StatusOK; closed {
			if code, _ := a.problem(); code != "account_closed" {
				t.Fatalf("after closing: %s", a)
			}
		}
	}
	token(n, email, "/auth/close")
	ahead += closeAfter
	restart()
	says(email, "was deleted")
	if logsIn(email, lastSecret) {
		t.Error("logs in after it is gone")
	}
	c.register(email, secret)
	seen := map[string]string{}
	for _, m := range mail.after(0) {
		// A mail that is sent again says what is true by then: whoever has no password is
		// asked to set one, and to set a new one once there is one.
		what := m.to + ": " + strings.Replace(m.subject, "Set a new password", "Set a password", 1)
		if _, twice := seen[m.id]; !twice {
			seen[m.id] = what
		} else if seen[m.id] != what {
			t.Errorf("one Message-ID for %q and %q", seen[m.id], what)
		}
	}
	t.Logf("%d messages, %d of them sent twice", len(mail.after(0)), len(mail.after(0))-len(seen))
}
