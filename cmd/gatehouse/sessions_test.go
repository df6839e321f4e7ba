package main

import (
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

type sessionsJSON struct {
	UserID   string `json:"user_id"`
	Sessions []struct {
		Handle, Label, Addr, Actor string
		Methods                    []string
		CreatedAt                  time.Time `json:"created_at"`
		SeenAt                     time.Time `json:"seen_at"`
		ExpiresAt                  time.Time `json:"expires_at"`
		EndsAt                     time.Time `json:"ends_at"`
	}
}

type revokedJSON struct {
	UserID  string `json:"user_id"`
	Revoked int
}

// TestSessions lists and ends the sessions of one user, of whom there is a row
// in the table, and of another, of whom there is none.
func TestSessions(t *testing.T) { onEach(t, testSessions) }

func testSessions(t *testing.T, g *tool) {
	s := g.site("")
	p := g.create("ada@example.com")
	for who, id := range map[string]string{"ada@example.com": p.ID, p.ID: p.ID, "42": "42", "odd@id": "odd@id"} {
		t.Run(who, func(t *testing.T) {
			g := *g
			g.t = t
			first, second := s.login(id, 1), s.login(id, 2)
			s.login(id, 3)
			var list sessionsJSON
			g.parse(&list, "", "sessions", "list", "--user", who)
			if list.UserID != id || len(list.Sessions) != 3 {
				t.Fatalf("listed %+v", list)
			}
			if one := list.Sessions[0]; one.Label != "Firefox on Linux" || one.Methods[0] != "password" || one.ExpiresAt.IsZero() {
				t.Errorf("listed %+v", one)
			}
			if text := g.ok("", "sessions", "list", "--user", who); !strings.Contains(text, first.Handle()+"  Firefox on Linux") {
				t.Errorf("listed\n%s", text)
			}

			var r revokedJSON
			g.parse(&r, "", "sessions", "revoke", "--user", who, first.Handle())
			if _, err := s.Store().LoadSession(t.Context(), first.ID); r != (revokedJSON{id, 1}) || !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("revoked %+v, %v", r, err)
			}
			// One that is not there does not keep the other from being ended.
			g.fails(exitNotFound, "no session "+first.Handle(), "", "sessions", "revoke", "--user", who, first.Handle(), second.Handle())
			if n := s.sessions(id); n != 1 {
				t.Errorf("%d sessions are left, want 1", n)
			}
			if err := s.Store().PutTicket(t.Context(), auth.Ticket{Purpose: "login", Key: "k", UserID: id}); err != nil {
				t.Fatal(err)
			}
			g.parse(&r, "", "sessions", "revoke", "--user", who)
			if _, err := s.Store().LoadTicket(t.Context(), "login", "k"); r != (revokedJSON{id, 1}) || s.sessions(id) != 0 || !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("revoked %+v; %d sessions are left; the half-done login: %v", r, s.sessions(id), err)
			}
		})
	}
	g.fails(exitNotFound, "nothing is known here of a user 43", "", "sessions", "list", "--user", "43")
	g.fails(exitNotFound, "nothing is known here of a user eve@example.com", "", "sessions", "revoke", "--user", "eve@example.com")
	if got := g.ok("", "sessions", "list", "--user", p.ID); got != "no sessions\n" {
		t.Errorf("of a user without sessions: %q", got)
	}
}

// remember makes a credential of a remembered browser.
func (s *hostSite) remember(userID, key string) {
	s.t.Helper()
	c := auth.Credential{Kind: "remember", Key: key, UserID: userID}
	if err := s.Store().ChangeCredentials(s.t.Context(), auth.Change{New: &c}); err != nil {
		s.t.Fatal(err)
	}
}

// left counts what would let the user in, or has.
func (s *hostSite) left(userID string) (sessions, browsers, others int) {
	s.t.Helper()
	held, err := s.Store().UserCredentials(s.t.Context(), userID)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range held {
		if c.Kind == "remember" {
			browsers++
		} else {
			others++
		}
	}
	return s.sessions(userID), browsers, others
}

// TestRevokeAll ends everybody's sessions, and those of one realm only.
func TestRevokeAll(t *testing.T) { onEach(t, testRevokeAll) }

func testRevokeAll(t *testing.T, g *tool) {
	plain, staff := g.site(""), g.site("staff")
	fill := func() {
		for i, id := range []string{"a", "b", "c"} {
			plain.login(id, byte(10+i))
			plain.remember(id, "browser of "+id)
			staff.login(id, byte(20+i))
			staff.remember(id, "browser of "+id)
			if err := staff.Store().PutTicket(t.Context(), auth.Ticket{Purpose: "login", Key: id, UserID: id}); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect := func(s *hostSite, sessions, browsers int) {
		t.Helper()
		for _, id := range []string{"a", "b", "c"} {
			if n, m, _ := s.left(id); n != sessions || m != browsers {
				t.Errorf("user %s of realm %q has %d sessions and %d browsers, want %d and %d", id, s.Realm(), n, m, sessions, browsers)
			}
		}
	}
	fill()
	key := auth.Credential{Kind: "apikey", Key: "k", UserID: "a"}
	if err := plain.Store().ChangeCredentials(t.Context(), auth.Change{New: &key}); err != nil {
		t.Fatal(err)
	}

	g.fails(exitRefused, "give --yes", "yes\n", "sessions", "revoke", "--all")
	g.fails(exitUsage, "give --user", "", "sessions", "revoke", "--all", "--yes", "somehandle")
	g.fails(exitUsage, "--user", "", "sessions", "revoke")
	g.fails(exitUsage, "can't be used together", "", "sessions", "revoke", "--all", "--user", "a")
	expect(plain, 1, 1)

	var r revokedJSON
	g.parse(&r, "", "sessions", "revoke", "--all", "--yes", "--realm", "staff")
	if r != (revokedJSON{"", 3}) {
		t.Errorf("revoked %+v", r)
	}
	expect(plain, 1, 1)
	expect(staff, 0, 0)
	if _, err := staff.Store().LoadTicket(t.Context(), "login", "a"); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("a half-done login of the realm: %v", err)
	}
	for i, id := range []string{"a", "b", "c"} {
		staff.login(id, byte(20+i))
		staff.remember(id, "browser of "+id)
	}
	if got := g.ok("", "sessions", "revoke", "--all", "--yes"); got != "ended 6 sessions\n" {
		t.Errorf("said %q", got)
	}
	expect(plain, 0, 0)
	expect(staff, 0, 0)
	if _, _, others := plain.left("a"); others != 1 {
		t.Error("an API key is gone")
	}
}

// TestRevokeAllOfOldSettings is TestRevokeAll where a backslash in a query is
// taken for something else.
func TestRevokeAllOfOldSettings(t *testing.T) {
	dsn := os.Getenv("GATEHOUSE_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("server: set GATEHOUSE_TEST_POSTGRES")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("GATEHOUSE_TEST_POSTGRES is no URL")
	}
	q := u.Query()
	q.Set("standard_conforming_strings", "off")
	u.RawQuery = q.Encode()
	prefix := "t" + strings.ToLower(rand.Text()[:8]) + "_"
	g := toolOn(t, u.String())
	g.flags = []string{"--prefix=" + prefix}
	t.Cleanup(func() { dropTables(t, dsn, prefix) })
	g.ok("", "migrate", "up")
	testRevokeAll(t, g)
}

// TestUsernameIsNoID has somebody choose another's ID for a user name, on a site
// that keeps its users in a table of its own.
func TestUsernameIsNoID(t *testing.T) {
	g := migrated(t)
	g.flags = []string{"--no-users"}
	s := g.site("")
	s.login("42", 1)
	s.login("66", 2)
	name := auth.Credential{Kind: "username", Key: "42", UserID: "66"}
	if err := s.Store().ChangeCredentials(t.Context(), auth.Change{New: &name}); err != nil {
		t.Fatal(err)
	}
	var list sessionsJSON
	if g.parse(&list, "", "sessions", "list", "--user", "42"); list.UserID != "42" {
		t.Errorf("listed the sessions of %s", list.UserID)
	}
	var r revokedJSON
	if g.parse(&r, "", "sessions", "revoke", "--user", "42"); r != (revokedJSON{"42", 1}) || s.sessions("42") != 0 || s.sessions("66") != 1 {
		t.Errorf("revoked %+v; %d and %d sessions are left, want 0 and 1", r, s.sessions("42"), s.sessions("66"))
	}
}
