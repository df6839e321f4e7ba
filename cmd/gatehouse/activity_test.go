package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/audit"
)

type activityJSON struct {
	UserID string `json:"user_id"`
	Events []struct {
		At                                        time.Time
		Name, Method, Device, Addr, Actor, Reason string
	}
	Next string
}

func names(v activityJSON) string {
	var all []string
	for _, e := range v.Events {
		all = append(all, e.Name)
	}
	return strings.Join(all, " ")
}

// watched returns a site that keeps what happens.
func (g *tool) watched(realm string) *hostSite {
	g.t.Helper()
	return g.site(realm, func(s *hostSite, o *auth.Options, _ *auth.Parts) {
		o.Events = append(o.Events, audit.Sink(s.db.Audit(), realm, 365*24*hour))
	})
}

// TestUserActivity looks at an account that was taken over, which is disabled by now.
func TestUserActivity(t *testing.T) { onEach(t, testUserActivity) }

func testUserActivity(t *testing.T, g *tool) {
	s, p := g.watched(""), g.create("ada@example.com")
	code, out, errs := g.run("", "user", "activity", p.ID)
	if code != exitOK || out != "no activity\n" || !strings.Contains(errs, "nothing is kept of anybody") {
		t.Errorf("where nothing is kept: exit code %d, %q, %q", code, out, errs)
	}
	now := s.Now().Truncate(time.Second)
	for i, e := range []auth.Event{
		{Name: "login", At: now.Add(-72 * hour), UserID: p.ID, Method: "password", Label: "Firefox on Linux", Addr: netip.MustParseAddr("192.0.2.1")},
		{Name: "login.failed", At: now.Add(-3 * hour), UserID: p.ID, Method: "password", Label: "Chrome\x1b[2J\u202e on Windows",
			Addr: netip.MustParseAddr("2001:db8::1"), Reason: "a wrong\npassword"},
		{Name: "account.locked", At: now.Add(-2 * hour), UserID: p.ID, Method: "password"},
		{Name: "login", At: now.Add(-2 * hour), UserID: "somebody else"},
		{Name: "sessions.revoked", At: now.Add(-1 * hour), UserID: p.ID, Actor: "support"},
	} {
		if i == 0 { // older than what is kept, and not swept
			old := audit.Record{ID: "old", Event: e, ExpiresAt: now.Add(-hour)}
			old.Name, old.At = "registered", now.Add(-400*24*hour)
			if err := s.db.Audit().Append(t.Context(), old); err != nil {
				t.Fatal(err)
			}
		}
		s.EmitContext(t.Context(), e)
	}
	g.ok("", "user", "disable", p.ID)

	var v activityJSON
	for _, who := range []string{p.ID, "Ada@example.com"} {
		g.parse(&v, "", "user", "activity", who)
		if v.UserID != p.ID || v.Next != "" || names(v) != "sessions.revoked account.locked login.failed login" {
			t.Errorf("user activity %s: %+v", who, v)
		}
	}
	if e := v.Events[2]; !e.At.Equal(now.Add(-3*hour)) || e.Method != "password" || e.Device != "Chrome\x1b[2J\u202e on Windows" ||
		e.Addr != "2001:db8::1" || e.Reason != "a wrong\npassword" || v.Events[0].Actor != "support" {
		t.Errorf("got %+v", v.Events)
	}
	for _, args := range [][]string{{"user", "activity", p.ID}, {"user", "activity", p.ID, "--json"}} {
		for _, r := range g.ok("", args...) {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q prints %U", args, r)
			}
		}
	}
	text := strings.Split(g.ok("", "user", "activity", p.ID), "\n")
	want := now.Add(-1*hour).UTC().Format(time.DateTime) + "Z  sessions.revoked  -         -"
	if !strings.HasPrefix(text[0], "TIME  ") || !strings.HasPrefix(text[1], want) || len(text) != 6 || !strings.HasSuffix(text[3], "  a wrong password") {
		t.Errorf("printed\n%s", strings.Join(text, "\n"))
	}

	g.parse(&v, "", "user", "activity", p.ID, "--since", "48h")
	if names(v) != "sessions.revoked account.locked login.failed" {
		t.Errorf("since 48h: %s", names(v))
	}
	// Page by page.
	var all []string
	for after, pages := "", 0; ; {
		v = activityJSON{}
		g.parse(&v, "", "user", "activity", p.ID, "--limit", "2", "--after", after)
		all = append(all, names(v))
		if after, pages = v.Next, pages+1; after == "" || pages > 5 {
			break
		}
	}
	if got := strings.Join(all, "|"); got != "sessions.revoked account.locked|login.failed login|" {
		t.Errorf("page by page: %s", got)
	}
	// There are more, but not since then.
	if g.parse(&v, "", "user", "activity", p.ID, "--limit", "3", "--since", "150m"); names(v) != "sessions.revoked account.locked" || v.Next != "" {
		t.Errorf("since 150m: %+v", v)
	}
	if text := g.ok("", "user", "activity", p.ID, "--limit", "1"); !strings.Contains(text, "\nmore: --after ") {
		t.Errorf("it does not say how to go on:\n%s", text)
	}
	g.fails(exitUsage, "nothing that was printed as next", "", "user", "activity", p.ID, "--after", "x")
	if got := g.ok("", "user", "activity", g.create("bob@example.com").ID); got != "no activity\n" {
		t.Errorf("of whom nothing is kept: %q", got)
	}
}

// TestUserActivityElsewhere has users who are not in the ready-made table, or in no table
// any more.
func TestUserActivityElsewhere(t *testing.T) {
	g := migrated(t)
	s := g.watched("staff")
	for i, id := range []string{"42", "66"} {
		s.EmitContext(t.Context(), auth.Event{Name: fmt.Sprintf("login%d", i), UserID: id})
	}
	name := auth.Credential{Kind: "username", Key: "42", UserID: "66"}
	if err := s.Store().ChangeCredentials(t.Context(), auth.Change{New: &name}); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{"--realm=staff"}, {"--realm=staff", "--no-users"}, {"--realm=staff", "--sessions=redis://127.0.0.1:1/0"}} {
		g.flags = flags
		var v activityJSON
		if g.parse(&v, "", "user", "activity", "42"); v.UserID != "42" || names(v) != "login0" {
			t.Errorf("%s: %+v", flags, v)
		}
	}
	g.flags = nil
	g.fails(exitNotFound, "--realm", "", "user", "activity", "42")
}

// TestFormerAddress names a user by the address that was theirs until somebody changed it,
// which is nobody's while the change can be undone.
func TestFormerAddress(t *testing.T) {
	g := migrated(t)
	s := g.watched("")
	s.EmitContext(t.Context(), auth.Event{Name: "email.changed", UserID: "42"})
	// As providers/account keeps it.
	former := auth.Credential{Kind: "email", Key: "ada@example.com", UserID: "reserved\x1f42", ExpiresAt: s.Now().Add(hour)}
	if err := s.Store().ChangeCredentials(t.Context(), auth.Change{New: &former}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"user", "activity"}, {"user", "disable"}, {"user", "activity", "--no-users"}, {"sessions", "list", "--user"},
		{"sessions", "revoke", "--user"}, {"role", "grant", "admin"}, {"role", "grant", "--no-users", "admin"}} {
		g.fails(exitNotFound, "give that user's ID, 42", "", append(args, "Ada@example.com")...)
	}
}
