package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

const hour = time.Hour

// TestUser takes a user through their life, and looks at each step from the
// site.
func TestUser(t *testing.T) { onEach(t, testUser) }

func testUser(t *testing.T, g *tool) {
	s := g.site("")
	var ada person
	g.parse(&ada, good, "user", "create", " Ada@Example.com", "--name", "Ada L.", "--password-stdin")
	if ada.ID == "" || ada != (person{ada.ID, "Ada@Example.com", "Ada L.", false}) {
		t.Errorf("created %+v", ada)
	}
	verifies := func(password string) bool {
		t.Helper()
		id, _, err := s.passwords.Verify(t.Context(), "ada@example.com", strings.TrimSuffix(password, "\n"))
		if err != nil && !errors.Is(err, auth.ErrBadCredentials) {
			t.Fatal(err)
		}
		return err == nil && id == ada.ID
	}
	guard := func() auth.Credential {
		t.Helper()
		c, err := s.Store().LoadCredential(t.Context(), "account", ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if !verifies(good) {
		t.Error("the site does not know the password that the tool has set")
	}
	before := guard()

	g.fails(exitRefused, "taken", good, "user", "create", "ada@example.COM", "--password-stdin")
	if got := g.ok("", "user", "list"); !strings.Contains(got, ada.ID+"  Ada@Example.com  Ada L.  -\n") {
		t.Errorf("the list is\n%s", got)
	}
	for _, who := range []string{"ada@example.com", "ADA@example.com", ada.ID} {
		var v shownUserJSON
		g.parse(&v, "", "user", "show", who)
		if v.ID != ada.ID || v.Sessions != 0 || kinds(v) != "account email=ada@example.com password" {
			t.Errorf("user show %s: %+v", who, v)
		}
	}

	// Another password ends the sessions, and the other of two changes at once.
	s.login(ada.ID, 1)
	if got := g.ok(better, "user", "set-password", "ada@example.com", "--password-stdin"); !strings.HasPrefix(got, "set the password") {
		t.Errorf("set-password says %q", got)
	}
	if verifies(good) || !verifies(better) || s.sessions(ada.ID) != 0 {
		t.Error("the password was not changed, or a session goes on")
	}
	if after := guard(); after.Version <= before.Version {
		t.Error("the guard was not replaced")
	}

	s.login(ada.ID, 2)
	g.parse(&ada, "", "user", "disable", ada.ID)
	if !ada.Disabled || verifies(better) || s.sessions(ada.ID) != 0 {
		t.Errorf("a disabled user is %+v, can log in, or has a session", ada)
	}
	if got := g.ok("", "user", "list", "--query", "example"); !strings.Contains(got, "disabled") {
		t.Errorf("the list is\n%s", got)
	}
	g.parse(&ada, "", "user", "enable", ada.ID)
	if ada.Disabled || !verifies(better) {
		t.Error("an enabled user cannot log in")
	}
	for _, secret := range []string{good, better} {
		if strings.Contains(g.log.String(), strings.TrimSpace(secret)) {
			t.Error("a password was printed")
		}
	}
}

// shownUserJSON is shownUser as a stranger would read it.
type shownUserJSON struct {
	ID, Email, Name string
	Disabled        bool
	Sessions        int
	Credentials     []struct {
		Kind, Name, Label string
		CreatedAt         *time.Time `json:"created_at"`
		VerifiedAt        *time.Time `json:"verified_at"`
		UsedAt            *time.Time `json:"used_at"`
		ExpiresAt         *time.Time `json:"expires_at"`
	}
}

func kinds(v shownUserJSON) string {
	var all []string
	for _, c := range v.Credentials {
		s := c.Kind
		if c.Name != "" {
			s += "=" + c.Name
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

// TestUserRefused has what is refused, and how it is told apart.
func TestUserRefused(t *testing.T) {
	g := migrated(t)
	create := func(args ...string) []string { return append([]string{"user", "create", "--password-stdin"}, args...) }
	for name, tt := range map[string]struct {
		code  int
		say   string
		stdin string
		args  []string
	}{
		"too short":         {exitRefused, "(password, password_too_short): The password is too short", "tomato\n", create("bob@example.com")},
		"a common one":      {exitRefused, "password_blocklisted", "password1234567890", create("bob@example.com")},
		"of the address":    {exitRefused, "password_blocklisted", "bob.builder@example.com", create("bob.builder@example.com")},
		"a minimum of 20":   {exitRefused, "at least 20 characters", "seventeen waltzes", create("bob@example.com", "--min-length", "20")},
		"not an address":    {exitRefused, "(email, invalid_field)", good, create("bob")},
		"not a name":        {exitRefused, "(name, invalid_field)", good, create("bob@example.com", "--name", "B\x1bob")},
		"two lines":         {exitUsage, "more than one line", good + good, create("bob@example.com")},
		"no password":       {exitUsage, "holds no password", "\n", create("bob@example.com")},
		"a file":            {exitRefused, "too long", strings.Repeat("x", 1<<15), create("bob@example.com")},
		"no terminal":       {exitUsage, "--password-stdin", good, []string{"user", "create", "bob@example.com"}},
		"minimum of 7":      {exitUsage, "make it 8 to 64", good, create("bob@example.com", "--min-length", "7")},
		"nobody":            {exitNotFound, "no user eve@example.com", good, []string{"user", "set-password", "eve@example.com", "--password-stdin"}},
		"nobody, disabled":  {exitNotFound, "no user eve", "", []string{"user", "disable", "eve"}},
		"nobody, enabled":   {exitNotFound, "no user eve", "", []string{"user", "enable", "eve"}},
		"nobody, shown":     {exitNotFound, "no user not a name", "", []string{"user", "show", "not a name"}},
		"nobody, activity":  {exitNotFound, "nothing is known here of a user eve", "", []string{"user", "activity", "eve"}},
		"activity of none":  {exitUsage, "make it 1 to 10000", "", []string{"user", "activity", "eve", "--limit", "0"}},
		"since tomorrow":    {exitUsage, "make it 0s or more", "", []string{"user", "activity", "eve", "--since=-24h"}},
		"a table elsewhere": {exitUsage, "--no-users", good, create("bob@example.com", "--no-users")},
		"a list of none":    {exitUsage, "make it 1 to 10000", "", []string{"user", "list", "--limit", "0"}},
		"a strange realm":   {exitUsage, "Options.Realm", "", []string{"user", "show", "x", "--realm", "A B"}},
		"a strange prefix":  {exitUsage, "Options.Prefix", "", []string{"user", "list", "--prefix", "a-b"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := *g
			g.t = t
			g.fails(tt.code, tt.say, tt.stdin, tt.args...)
		})
	}
	if got := g.ok("", "user", "list"); strings.Contains(got, "@") {
		t.Errorf("somebody was created:\n%s", got)
	}
}

// TestUserList reads a list page by page.
func TestUserList(t *testing.T) {
	g := migrated(t)
	users := g.site("").db.Users()
	want := ""
	for i := range 7 {
		if _, err := users.CreateUser(t.Context(), auth.Profile{Email: fmt.Sprintf("u%d@example.com", i), Name: "x\x1b[2J\u202ey"}); err != nil {
			t.Fatal(err)
		}
		want += fmt.Sprintf("u%d@example.com ", i)
	}
	var emails []string // within a millisecond, IDs have no order
	after := ""
	for pages := 1; ; pages++ {
		var page struct {
			Users []person
			Next  string
		}
		g.parse(&page, "", "user", "list", "--limit", "3", "--after", after)
		for _, u := range page.Users {
			emails = append(emails, u.Email)
		}
		if after = page.Next; after == "" {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
	}
	slices.Sort(emails)
	if got := strings.Join(emails, " ") + " "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	text := g.ok("", "user", "list", "--limit", "3")
	if strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("what somebody has called themselves steers the terminal: %q", text)
	}
	if !strings.Contains(text, "more: --after ") {
		t.Errorf("the list does not say how to go on:\n%s", text)
	}
}

// TestUsername finds a user by the name that they have chosen.
func TestUsername(t *testing.T) {
	g := migrated(t)
	var p person
	g.parse(&p, good, "user", "create", "ada@example.com", "--username", "Countess", "--password-stdin")
	var v shownUserJSON
	g.parse(&v, "", "user", "show", "countess")
	if v.ID != p.ID || kinds(v) != "account email=ada@example.com password username=countess" {
		t.Errorf("got %+v", v)
	}
}

// TestUserOfRealm creates a user who is somebody in one realm only.
func TestUserOfRealm(t *testing.T) {
	g := migrated(t)
	g.flags = []string{"--realm=staff"}
	p := g.create("ada@example.com")
	if id, _, err := g.site("staff").passwords.Verify(t.Context(), "ada@example.com", strings.TrimSpace(good)); err != nil || id != p.ID {
		t.Errorf("in the realm: %q, %v", id, err)
	}
	if _, _, err := g.site("").passwords.Verify(t.Context(), "ada@example.com", strings.TrimSpace(good)); !errors.Is(err, auth.ErrBadCredentials) {
		t.Errorf("outside of it: %v", err)
	}
	g.flags = nil
	g.fails(exitNotFound, "no user ada@example.com", "", "user", "show", "ada@example.com")
}

// TestSessionsOutOfReach has sessions in a Redis that cannot be reached: that
// they go on is never taken for success.
func TestSessionsOutOfReach(t *testing.T) {
	g := migrated(t)
	p := g.create("ada@example.com")
	s := g.site("")
	version := func() int64 {
		t.Helper()
		c, err := s.Store().LoadCredential(t.Context(), "password", p.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Version
	}
	before := version()
	g.flags = []string{"--sessions=redis://127.0.0.1:1/0"}
	g.fails(exitFailed, "127.0.0.1:1", better, "user", "set-password", p.ID, "--password-stdin")
	if version() != before { // a new password whose sessions cannot be ended is none
		t.Error("the password was changed")
	}
	g.fails(exitFailed, "is disabled, but not all", "", "user", "disable", p.ID)
	g.fails(exitFailed, "127.0.0.1:1", "", "sessions", "revoke", "--user", p.ID)
	g.fails(exitFailed, "ended 0 sessions before it stopped", "", "sessions", "revoke", "--all", "--yes")
}

// TestJSONIsHarmless has a user with a name that steers terminals.
func TestJSONIsHarmless(t *testing.T) {
	g := migrated(t)
	const name = "Ada\u009b31m\u202e\u007f\x1b]0;x\a\u2028Ünï 😀"
	db, err := open.Open(g.env["GATEHOUSE_DB"])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	id, err := db.Users().CreateUser(t.Context(), auth.Profile{Name: name}) // as a host may
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"user", "list"}, {"user", "list", "--json"}, {"user", "show", id}, {"user", "show", id, "--json"}} {
		out := g.ok("", args...)
		for _, r := range out {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q prints %U", args, r)
			}
		}
		if !strings.Contains(out, "Ünï 😀") {
			t.Errorf("%q spoils what can be printed: %s", args, out)
		}
	}
	var page userPage
	g.parse(&page, "", "user", "list", "--json")
	if len(page.Users) != 1 || page.Users[0].Name != name {
		t.Errorf("got %+v, want the name as it is", page.Users)
	}
}
