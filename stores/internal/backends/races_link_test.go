package backends_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/providers/account"
)

// The races of the links that are mailed besides those of TestAccountRaces: fifty that
// come to two processes of the site with one link are one that has used it.
func TestLinkRaces(t *testing.T) {
	onAll(t, []raceCase{
		{"login link", func(t *testing.T, p place) { loginLinkAtOnce(t, p, true) }},
		{"login link to a claim", func(t *testing.T, p place) { loginLinkAtOnce(t, p, false) }},
		{"new address link", moveAtOnce},
		{"undo link", undoAtOnce},
		{"disown link", disownAtOnce},
		{"keep link", keepAtOnce},
		{"close", closeAtOnce},
	})
}

// linkSites opens two processes of a site that has every link there is, and registers
// somebody.
func linkSites(t *testing.T, p place, verified bool) (sites [2]*site, l *letters, id string) {
	t.Helper()
	l = newLetters()
	for i := range sites {
		sites[i] = p.open(t, l.with(account.Options{}), l.withLinks)
	}
	id = sites[0].register(email)
	if verified {
		sites[0].verified(email)
	}
	return sites, l, id
}

// linkAtOnce has fifty browsers, by turns at either process, post at once: all of them
// have called verb before one of them goes on. Exactly one is to be done, and the others
// are to be told one of the codes.
func linkAtOnce(t *testing.T, sites [2]*site, verb string, from func() *browser, late []string, path string, fields ...any) {
	t.Helper()
	browsers, replies := make([]*browser, fifty), make([]reply, fifty)
	for i := range browsers {
		browsers[i] = from().at(sites[i%2])
	}
	stop := meetAfter(fifty, verb, sites[0].faults, sites[1].faults)
	atOnce(fifty, func(i int) { replies[i] = browsers[i].post(path, fields...) })
	stop()
	for i, r := range replies {
		if r.status != http.StatusOK && !slices.Contains(late, r.code()) {
			t.Errorf("%d: %d %s\n%s", i, r.status, r.text, sites[i%2].log)
		}
	}
	if n := count(replies, http.StatusOK); n != 1 {
		t.Errorf("%d have done it: %d", n, statuses(replies))
	}
}

// happened returns how often the event was told at either process.
func happened(sites [2]*site, event string) int {
	return len(sites[0].events.Named(event)) + len(sites[1].events.Named(event))
}

func once(t *testing.T, what string, n int) {
	t.Helper()
	if n != 1 {
		t.Errorf("%s: %d times, want once", what, n)
	}
}

// undone requires that the event was told once. Where there is no transaction the change of
// who is late is not taken back, though nothing comes of it: see [auth.Manager.Apply].
func undone(t *testing.T, sites [2]*site, event string) {
	t.Helper()
	if n := happened(sites, event); n == 0 || n > 1 && transactional(sites[0].faults) {
		t.Errorf("%s was told %d times, want once", event, n)
	}
}

// recoveries is how often somebody was mailed the way back into the account.
func (l *letters) recoveries(t *testing.T) int {
	t.Helper()
	if err := l.post.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return len(l.sent(email, "account.forgot")) + len(l.sent(email, "account.first-password"))
}

var (
	used       = []string{"link_invalid"}
	usedOrLost = []string{"link_invalid", "conflict"} // what it was about was changed meanwhile
)

// Fifty uses of one link to log in are one login and one session.
func loginLinkAtOnce(t *testing.T, p place, verified bool) {
	sites, l, id := linkSites(t, p, verified)
	asking := sites[0].browser()
	asking.post("/auth/link", "email", email)
	token := tokenIn(t, l.newest(t, l.post, email, "link.login"))
	var tabs []*browser
	tab := func() *browser {
		tabs = append(tabs, asking.tab())
		return tabs[len(tabs)-1]
	}
	linkAtOnce(t, sites, "LoadTicket", tab, used, "/auth/link", "token", token)
	in := 0
	for _, b := range tabs {
		if b.who() == id {
			in++
		}
	}
	once(t, "logged in", in)
	once(t, "sessions", len(sites[0].live(id)))
	once(t, "events", happened(sites, "login"))
	c, err := sites[0].m.Store().LoadCredential(t.Context(), "email", email)
	if err != nil || c.UserID != id || c.VerifiedAt.IsZero() {
		t.Errorf("address %+v, %v", c, err)
	}
	if good := sites[0].browser().logIn(email, good).status == http.StatusOK; good != verified {
		t.Errorf("the password of an account whose address was verified before: %v is good: %v", verified, good)
	}
}

const moved = "new@example.com"

// move asks for another address in a new browser, and returns it with its link.
func (s *site) move(t *testing.T, l *letters) (b *browser, token string) {
	t.Helper()
	b = s.browser().mustLogIn(email)
	if r := b.post("/auth/email", "email", moved); r.status != http.StatusAccepted {
		t.Fatalf("%d %s", r.status, r.text)
	}
	return b, tokenIn(t, l.newest(t, l.post, moved, "account.email"))
}

// owner returns whose an address is.
func (s *site) owner(address string) auth.Credential {
	s.t.Helper()
	c, err := s.m.Store().LoadCredential(s.t.Context(), "email", address)
	s.must(err)
	return c
}

// Fifty who follow the link to another address have it once, and one can take it back.
func moveAtOnce(t *testing.T, p place) {
	sites, l, id := linkSites(t, p, true)
	b, token := sites[0].move(t, l)
	linkAtOnce(t, sites, "LoadTicket", b.tab, used, "/auth/email", "token", token)
	if c := sites[0].owner(moved); c.UserID != id || c.VerifiedAt.IsZero() {
		t.Errorf("the new address: %+v", c)
	}
	if c := sites[0].owner(email); c.UserID == id || c.ExpiresAt.IsZero() {
		t.Errorf("the old address: %+v", c)
	}
	l.newest(t, l.post, email, "account.undo")
	once(t, "mails to undo it", len(l.sent(email, "account.undo")))
	once(t, "events", happened(sites, "email.changed"))
}

// Fifty who undo a change of address undo it once, and recovery begins once.
func undoAtOnce(t *testing.T, p place) {
	sites, l, id := linkSites(t, p, true)
	b, token := sites[0].move(t, l)
	if r := b.post("/auth/email", "token", token); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.text)
	}
	undo := tokenIn(t, l.newest(t, l.post, email, "account.undo"))
	linkAtOnce(t, sites, "LoadCredential", sites[0].browser, used, "/auth/email/undo", "token", undo)
	if c := sites[0].owner(email); c.UserID != id || !c.ExpiresAt.IsZero() {
		t.Errorf("the address: %+v", c)
	}
	once(t, "recoveries", l.recoveries(t))
	undone(t, sites, "email.reverted")
}

// Fifty who say that it was not them have said it once.
func disownAtOnce(t *testing.T, p place) {
	sites, l, id := linkSites(t, p, true)
	sites[0].browser().mustLogIn(email)
	p.clock.Advance(2 * time.Hour)
	thief := sites[0].browser().mustLogIn(email)
	token := tokenIn(t, l.newest(t, l.post, email, "notice.device.added"))
	linkAtOnce(t, sites, "LoadTicket", sites[0].browser, usedOrLost, "/auth/disown", "token", token)
	isNobody(t, "disowned", thief)
	if n := len(sites[0].live(id)); n != 0 {
		t.Errorf("%d sessions", n)
	}
	once(t, "recoveries", l.recoveries(t))
	undone(t, sites, "account.disowned")
}

// Fifty who keep an account that was closed keep it once.
func keepAtOnce(t *testing.T, p place) {
	sites, l, id := linkSites(t, p, true)
	if r := sites[0].browser().mustLogIn(email).post("/auth/close"); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.text)
	}
	token := tokenIn(t, l.newest(t, l.post, email, "account.closing"))
	linkAtOnce(t, sites, "LoadTicket", sites[0].browser, used, "/auth/close", "token", token)
	once(t, "events", happened(sites, "account.kept"))
	if b := sites[1].browser().mustLogIn(email); b.who() != id {
		t.Error("it was not kept")
	}
}

// Fifty tabs that close an account close it once: it is mailed about once.
func closeAtOnce(t *testing.T, p place) {
	sites, l, _ := linkSites(t, p, true)
	b := sites[0].browser().mustLogIn(email)
	linkAtOnce(t, sites, "LoadSession", b.tab, []string{"account_closed", "unauthenticated"}, "/auth/close")
	l.newest(t, l.post, email, "account.closing")
	once(t, "mails", len(l.sent(email, "account.closing")))
	once(t, "events", happened(sites, "account.closed"))
	if r := sites[1].browser().logIn(email, good); r.code() != "account_closed" {
		t.Errorf("logging in: %d %s", r.status, r.text)
	}
}
