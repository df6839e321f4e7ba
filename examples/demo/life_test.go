package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/policy"
)

const (
	newSecret  = "another horse, another battery"
	lastSecret = "a third horse and its battery"
)

// letters returns the mail that the demo has sent, newest first, as it is shown to
// programs.
func (c *client) letters() (list []letter) {
	c.t.Helper()
	a := c.get("/dev/mail", "Accept", "application/json")
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || a.StatusCode != 200 {
		c.t.Fatalf("/dev/mail: %v, %s", err, a)
	}
	return list
}

// mailed returns the token of the newest letter to an address that leads to a path.
func (c *client) mailed(to, path string) string {
	c.t.Helper()
	for _, l := range c.letters() {
		for _, link := range l.Links {
			if token, ok := strings.CutPrefix(link, c.base+path+"?token="); ok && l.To == to {
				return token
			}
		}
	}
	c.t.Fatalf("nothing that leads to %s was mailed to %s: %+v", path, to, c.letters())
	return ""
}

// told reports whether a letter to that address has the words in its subject or text.
func (c *client) told(to, words string) bool {
	c.t.Helper()
	for _, l := range c.letters() {
		if l.To == to && strings.Contains(l.Subject+"\n"+l.Text, words) {
			return true
		}
	}
	return false
}

// takes fails the test unless a says that what was sent was taken.
func (c *client) takes(what string, a answer) answer {
	c.t.Helper()
	if c.json && a.StatusCode != 200 && a.StatusCode != 202 || !c.json && a.StatusCode != 303 {
		c.t.Fatalf("%s: %s", what, a)
	}
	return a
}

// opens fails the test unless the page of a link is shown, and uses nothing up.
func (c *client) opens(path, token string) {
	c.t.Helper()
	for range 2 {
		if a := c.get(path + "?token=" + token); a.StatusCode != 200 || a.Header.Get("Referrer-Policy") != "no-referrer" {
			c.t.Fatalf("opening %s: %s, %v", path, a, a.Header)
		}
	}
}

// TestLifeOfAccount is an account from the first day to the last, on every store.
func TestLifeOfAccount(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db)
		lifeOfAccount(t, d, js, email, func() *client { return d.client(t, js) })
	})
}

// lifeOfAccount lives that of an address, in browsers that open opens.
func lifeOfAccount(t *testing.T, d *demo, js bool, email string, open func() *client) {
	newAddress := "moved-" + email
	c := open()
	c.register(email, secret)
	id := c.id()
	c.post("/posts", "title", "Of mine", "body", "")

	// Verify.
	token := c.mailed(email, "/auth/verify")
	c.opens("/auth/verify", token)
	c.takes("verifying", c.post("/auth/verify", "token", token))
	c.refused(c.post("/auth/verify", "token", token), http.StatusGone, "link_invalid")

	// Forget, and reset: every session ends, and none begins.
	other, stranger := open(), open()
	other.logIn(email, secret, "remember", "true")
	known, unknown := stranger.post("/auth/forgot", "email", email), stranger.post("/auth/forgot", "email", "nobody@example.com")
	stranger.takes("forgetting", known)
	if known.StatusCode != unknown.StatusCode || known.body != unknown.body || known.Header.Get("Location") != unknown.Header.Get("Location") {
		t.Errorf("known: %s\nunknown: %s", known, unknown)
	}
	if !c.told("nobody@example.com", "no account") {
		t.Errorf("who has no account is not told: %+v", c.letters())
	}
	token = c.mailed(email, "/auth/reset")
	stranger.opens("/auth/reset", token)
	stranger.refused(stranger.post("/auth/reset", "token", token, "password", "short"), http.StatusUnprocessableEntity, "password_too_short")
	stranger.takes("resetting", stranger.post("/auth/reset", "token", token, "password", newSecret))
	if stranger.in() || c.in() || other.in() {
		t.Errorf("after a reset: who has reset is logged in %t, the others %t and %t", stranger.in(), c.in(), other.in())
	}
	stranger.refused(stranger.post("/auth/reset", "token", token, "password", lastSecret), http.StatusGone, "link_invalid")
	stranger.refused(stranger.post("/auth/login", "email", email, "password", secret), http.StatusUnauthorized, "bad_credentials")

	// Log in by link, in the browser that has asked only.
	c.takes("asking for a link", c.post("/auth/link", "email", email, "next", "/me"))
	token = c.mailed(email, "/auth/link")
	c.opens("/auth/link", token)
	stranger.refused(stranger.post("/auth/link", "token", token), http.StatusForbidden, "wrong_browser")
	c.leads(c.post("/auth/link", "token", token), "/me")
	if c.id() != id || stranger.in() {
		t.Fatalf("by the link %q is logged in, want %q", c.id(), id)
	}

	// Change the address, and take it back from the old one.
	c.takes("changing the address", c.post("/auth/email", "email", newAddress))
	token = c.mailed(newAddress, "/auth/email")
	c.opens("/auth/email", token)
	if !strings.Contains(c.get("/me", "Accept", "application/json").body, `"`+email+`"`) {
		t.Error("the address has changed before it was confirmed")
	}
	c.takes("confirming", c.post("/auth/email", "token", token))
	if !strings.Contains(c.get("/me", "Accept", "application/json").body, `"`+newAddress+`"`) {
		t.Errorf("the host is not told of the address: %s", c.get("/me", "Accept", "application/json"))
	}
	stranger.refused(stranger.post("/auth/login", "email", email, "password", newSecret), http.StatusUnauthorized, "bad_credentials")
	stranger.logIn(newAddress, newSecret)
	token = c.mailed(email, "/auth/email/undo")
	stranger.opens("/auth/email/undo", token)
	undoing := open()
	undoing.takes("undoing", undoing.post("/auth/email/undo", "token", token))
	if stranger.in() || c.in() || undoing.in() {
		t.Error("after undoing somebody is logged in")
	}
	undoing.refused(undoing.post("/auth/login", "email", newAddress, "password", newSecret), http.StatusUnauthorized, "bad_credentials")
	undoing.takes("recovering", undoing.post("/auth/reset", "token", c.mailed(email, "/auth/reset"), "password", lastSecret))
	c.logIn(email, lastSecret)

	// What has happened, and what there is.
	for _, name := range []string{"registered", "email.verified", "password.reset", "email.changed", "email.reverted"} {
		if a := c.get("/auth/activity", "Accept", "application/json"); !strings.Contains(a.body, `"`+name+`"`) {
			t.Errorf("the activity has no %s: %s", name, a)
		}
	}
	if a := c.get("/auth/export"); a.StatusCode != 200 || !strings.Contains(a.body, email) || !strings.Contains(a.body, "Of mine") {
		t.Errorf("the export: %s", a)
	}

	// Close, keep, close, and be gone.
	c.takes("closing", c.post("/auth/close"))
	if c.in() {
		t.Error("logged in after closing")
	}
	c.refused(c.post("/auth/login", "email", email, "password", lastSecret), http.StatusForbidden, "account_closed")
	token = c.mailed(email, "/auth/close")
	c.opens("/auth/close", token)
	c.takes("keeping", c.post("/auth/close", "token", token))
	c.logIn(email, lastSecret)
	c.takes("closing again", c.post("/auth/close"))
	d.Advance(15 * 24 * time.Hour)
	if !c.told(email, "was deleted") {
		t.Errorf("the last letter is %+v", c.letters()[0])
	}
	c.refused(c.post("/auth/login", "email", email, "password", lastSecret), http.StatusUnauthorized, "bad_credentials")
	if posts, err := d.site.posts.List(t.Context(), policy.Equal("owner", id), "", 10); err != nil || len(posts) != 0 {
		t.Errorf("posts are left: %v, %v", posts, err)
	}
	again := open()
	again.register(email, secret)
	if again.id() == id {
		t.Error("who registers anew is who has gone")
	}
}

// TestVerifyRequired: nobody has an account before they have shown that the address is
// theirs, and nobody is told who has one.
func TestVerifyRequired(t *testing.T) {
	bothWays(t, func(t *testing.T, db string, js bool) {
		d := newDemo(t, db, func(c *config) { c.verify = "required" })
		c := d.client(t, js)
		register := func(c *client, pw string) answer {
			return c.post("/auth/register", "email", email, "password", pw, "name", "Ada", "next", "/me")
		}
		first := c.takes("registering", register(c, secret))
		if js && first.StatusCode != http.StatusAccepted || c.in() {
			t.Errorf("registering: %s, logged in %t", first, c.in())
		}
		c.refused(c.post("/auth/login", "email", email, "password", secret), http.StatusUnauthorized, "bad_credentials")
		token := c.mailed(email, "/auth/verify")

		// In another browser it takes the password that was chosen.
		other := d.client(t, js)
		if a := other.get("/auth/verify?token=" + token); a.StatusCode != 200 || !js && !strings.Contains(a.body, `type="password"`) {
			t.Errorf("another browser: %s", a)
		}
		other.refused(other.post("/auth/verify", "token", token), http.StatusForbidden, "wrong_browser")
		other.refused(other.post("/auth/verify", "token", token, "password", newSecret), http.StatusUnauthorized, "bad_credentials")
		other.takes("verifying elsewhere", other.post("/auth/verify", "token", token, "password", secret))
		if other.in() || c.in() {
			t.Error("verifying has logged in")
		}
		c.logIn(email, secret)

		// Again: the answer is the same, and the mail says why nothing comes of it.
		again := d.client(t, js)
		second := register(again, newSecret)
		if second.StatusCode != first.StatusCode || second.body != first.body || second.Header.Get("Location") != first.Header.Get("Location") {
			t.Errorf("the first: %s\nthe second: %s", first, second)
		}
		if !again.told(email, "already") {
			t.Errorf("the owner is not told: %+v", again.letters()[0])
		}
		again.refused(again.post("/auth/login", "email", email, "password", newSecret), http.StatusUnauthorized, "bad_credentials")

		// In the same browser the link is enough.
		here := d.client(t, js)
		here.takes("registering", here.post("/auth/register", "email", "bob@example.com", "password", secret))
		here.takes("verifying", here.post("/auth/verify", "token", here.mailed("bob@example.com", "/auth/verify")))
		here.logIn("bob@example.com", secret)
	})
}

// TestDevMail: mail is shown as a page and as a list, the newest first.
func TestDevMail(t *testing.T) {
	d := newDemo(t, "memory:")
	c := d.client(t, true)
	if a := c.get("/dev/mail"); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("without mail: %s", a)
	}
	c.post("/auth/forgot", "email", "first@example.com")
	c.letters()
	d.Advance(time.Minute)
	c.post("/auth/forgot", "email", "second@example.com")
	list := c.letters()
	if len(list) != 2 || list[0].To != "second@example.com" || list[0].Subject == "" || list[0].Text == "" || list[0].HTML == "" || list[0].Links == nil {
		t.Fatalf("mail: %+v", list)
	}
	var raw []map[string]any
	if err := json.Unmarshal([]byte(c.get("/dev/mail").body), &raw); err != nil || len(raw[0]) != 5 {
		t.Errorf("%v, %v", raw, err)
	}
	page := d.client(t, false)
	page.register(email, secret)
	token := page.mailed(email, "/auth/verify")
	a := page.get("/dev/mail")
	if !strings.Contains(a.body, `<a href="`+d.URL+"/auth/verify?token="+token) {
		t.Errorf("the page leads nowhere: %s", a)
	}
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, "second@example.com") ||
		strings.Index(a.body, "second@") > strings.Index(a.body, "first@") {
		t.Errorf("the page: %s", a)
	}
}

// TestLanguages: pages and mail are in the language that the browser wants.
func TestLanguages(t *testing.T) {
	d := newDemo(t, "memory:")
	for accept, want := range map[string][2]string{"de-AT, en;q=0.5": {`lang="de" dir="ltr"`, "Passwort"}, "ar": {`lang="ar-XB" dir="rtl"`, "\u202e"}, "en": {`lang="en" dir="ltr"`, "password"}} {
		c := d.client(t, false)
		c.header.Set("Accept-Language", accept)
		if a := c.get("/auth/forgot"); !strings.Contains(a.body, want[0]) {
			t.Errorf("%s: %s", accept, a)
		}
		c.post("/auth/forgot", "email", email)
		if l := c.letters()[0]; !strings.Contains(l.Text, want[1]) && !strings.Contains(l.Text, "Konto") {
			t.Errorf("%s: %+v", accept, l)
		}
	}
}

// TestPreHijacking: whoever was there first with somebody's address, and has never shown
// that it is theirs, has nothing of theirs afterwards.
func TestPreHijacking(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		d := newDemo(t, db)
		attacker := d.client(t, true)
		attacker.register(email, secret)
		id := attacker.id()
		lookout := d.client(t, true)
		lookout.logIn(email, secret, "remember", "true")
		key := lookout.post("/auth/keys", "name", "backdoor")
		attacker.visit("/auth/oauth/github/link", "mallory")
		if linked, _, _ := attacker.linked(); len(linked) != 1 {
			t.Fatalf("linked: %v", linked)
		}

		// PH-1: who comes with an account elsewhere that has the address is not let in.
		victim := d.client(t, true)
		victim.refused(victim.visit("/auth/oauth/google", "ada"), http.StatusConflict, "account_exists")

		// PH-6: who comes by mail is, and takes the account over.
		victim.takes("asking for a link", victim.post("/auth/link", "email", email))
		if a := victim.post("/auth/link", "token", victim.mailed(email, "/auth/link")); a.StatusCode != 200 || victim.id() != id {
			t.Fatalf("the link: %s", a)
		}
		if attacker.in() || lookout.in() {
			t.Error("the attacker is still logged in")
		}
		attacker.refused(attacker.post("/auth/login", "email", email, "password", secret), http.StatusUnauthorized, "bad_credentials")
		var made struct{ Key string }
		if err := json.Unmarshal([]byte(key.body), &made); err != nil || made.Key == "" {
			t.Fatalf("no key: %s", key)
		}
		if a := d.client(t, true).get("/me", "Authorization", "Bearer "+made.Key); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("the attacker's key: %s", a)
		}
		if attacker.visit("/auth/oauth/github", "mallory"); attacker.in() && attacker.id() == id {
			t.Error("the attacker's account elsewhere still leads in")
		}
		// PH-1 again: the address is the victim's now, and the account is linked by hand.
		victim.leads(victim.visit("/auth/oauth/google/link", "ada"), "/auth/accounts")
		other := d.client(t, true)
		if other.visit("/auth/oauth/google", "ada"); other.id() != id {
			t.Errorf("the victim's own account elsewhere leads to %q", other.id())
		}
	})
}

// TestPreHijackingElsewhere is PH-5: an identity provider that verifies no addresses
// proves none.
func TestPreHijackingElsewhere(t *testing.T) {
	onEach(t, func(t *testing.T, db string) {
		d := newDemo(t, db)
		attacker := d.client(t, true)
		attacker.visit("/auth/oauth/google", "mallory") // whose address is Ada's, unverified
		if !attacker.in() {
			t.Skip("is not let in at all")
		}
		victim := d.client(t, true)
		victim.register(email, secret)
		if victim.id() == attacker.id() {
			t.Fatal("merged")
		}
		victim.takes("verifying", victim.post("/auth/verify", "token", victim.mailed(email, "/auth/verify")))
		again := d.client(t, true)
		again.takes("asking for a link", again.post("/auth/link", "email", email))
		again.post("/auth/link", "token", again.mailed(email, "/auth/link"))
		if again.id() != victim.id() || !attacker.in() {
			t.Errorf("the link leads to %q; the victim is %q", again.id(), victim.id())
		}
		if strings.Contains(attacker.get("/me").body, email) {
			t.Error("the attacker has the victim's address")
		}
		attacker.refused(attacker.post("/auth/email", "email", email), http.StatusAccepted, "") // alike, as for any address
		if !victim.told(email, "another account") {
			t.Errorf("the owner is not told: %+v", victim.letters()[0])
		}
	})
}

// TestFirstAdminByMail is PH-8 as far as it exists: what an address gives, here being
// the first admin, is for who has shown that it is theirs.
func TestFirstAdminByMail(t *testing.T) {
	d := newDemo(t, "memory:", func(c *config) { c.firstAdmin, c.stdout = email, new(logbook) })
	attacker := d.client(t, true)
	attacker.register(email, secret)
	if a := attacker.get("/admin"); a.StatusCode != http.StatusForbidden {
		t.Fatalf("who has only said that the address is theirs: %s", a)
	}
	owner := d.client(t, true)
	owner.takes("asking for a link", owner.post("/auth/link", "email", email))
	owner.post("/auth/link", "token", owner.mailed(email, "/auth/link"))
	if a := owner.get("/admin"); a.StatusCode != 200 {
		t.Errorf("the owner: %s", a)
	}
	if attacker.in() {
		t.Error("and the other one is still logged in")
	}
}

// TestFirstAdminVerifies: it is enough to verify the address; nobody has to log in anew.
func TestFirstAdminVerifies(t *testing.T) {
	d := newDemo(t, "memory:", func(c *config) { c.firstAdmin, c.stdout = email, new(logbook) })
	c := d.client(t, true)
	c.register(email, secret)
	if a := c.get("/admin"); a.StatusCode != http.StatusForbidden {
		t.Fatalf("before: %s", a)
	}
	c.takes("verifying", c.post("/auth/verify", "token", c.mailed(email, "/auth/verify")))
	if a := c.get("/admin"); a.StatusCode != 200 {
		t.Errorf("after: %s", a)
	}
}
