package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// verify has the user prove that the address is theirs.
func (s *hostSite) verify(address string) {
	s.t.Helper()
	c, err := s.Store().LoadCredential(s.t.Context(), "email", address)
	if err != nil {
		s.t.Fatal(err)
	}
	next := c
	next.VerifiedAt = s.Now()
	if err := s.Store().ChangeCredentials(s.t.Context(), auth.Change{Old: &c, New: &next}); err != nil {
		s.t.Fatal(err)
	}
}

// grants returns what the site sees.
func (s *hostSite) grants(userID string) string {
	s.t.Helper()
	list, _, err := s.db.Roles().Grants(s.t.Context(), userID)
	if err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for _, g := range list {
		all = append(all, g.Role+"|"+g.Tenant+"|"+g.Object)
	}
	return strings.Join(all, " ")
}

// TestRole takes roles from their definition to their end, and looks at each step from
// the site.
func TestRole(t *testing.T) { onEach(t, testRole) }

func testRole(t *testing.T, g *tool) {
	s := g.site("")
	if got := g.ok("", "role", "list"); got != "no roles are defined in the database\n" {
		t.Errorf("the list of none is %q", got)
	}
	g.ok("", "role", "set", "editor", "--permission", "posts:*", "--permission", "a:b")
	var r shownRole
	g.parse(&r, "", "role", "set", "admin", "--inherit=editor", "--permission=*")
	admin := shownRole{"admin", []string{"*"}, []string{"editor"}}
	if !reflect.DeepEqual(r, admin) {
		t.Errorf("set %+v", r)
	}
	if g.parse(&r, "", "role", "show", "admin"); !reflect.DeepEqual(r, admin) {
		t.Errorf("shown %+v", r)
	}
	var defined struct{ Roles []shownRole }
	g.parse(&defined, "", "role", "list")
	if want := []shownRole{admin, {"editor", []string{"posts:*", "a:b"}, []string{}}}; !reflect.DeepEqual(defined.Roles, want) {
		t.Errorf("listed %+v", defined.Roles)
	}
	if got := g.ok("", "role", "list"); !strings.Contains(got, "admin   *            editor\n") || !strings.Contains(got, "editor  posts:* a:b  -\n") {
		t.Errorf("the list is\n%s", got)
	}

	ada, eve := g.create("ada@example.com"), g.create("eve@example.com")
	s.verify("ada@example.com")
	var granted shownGrant
	g.parse(&granted, "", "role", "grant", "admin", "ADA@example.com")
	if granted != (shownGrant{ada.ID, "admin", "", ""}) || s.grants(ada.ID) != "admin||" {
		t.Errorf("granted %+v, the site sees %s", granted, s.grants(ada.ID))
	}
	if got := g.ok("", "role", "grant", "admin", "ada@example.com"); got != "granted admin to ada@example.com ("+ada.ID+")\n" {
		t.Errorf("again: %q", got)
	}
	if got := g.ok("", "role", "grant", "editor", ada.ID, "--tenant", "acme", "--object", "post/17"); got != "granted editor for post/17 in the tenant acme to "+ada.ID+"\n" {
		t.Errorf("scoped: %q", got)
	}
	g.ok("", "role", "grant", "editor", ada.ID, "--tenant", "acme")
	if got := s.grants(ada.ID); got != "admin|| editor|acme| editor|acme|post/17" {
		t.Errorf("the site sees %s", got)
	}
	var held shownGrants
	g.parse(&held, "", "role", "list", ada.ID)
	if held.UserID != ada.ID || len(held.Grants) != 3 || held.Grants[1] != (shownGrant{ada.ID, "editor", "acme", ""}) {
		t.Errorf("listed %+v", held)
	}
	if got := g.ok("", "role", "list", "ada@example.com"); !strings.Contains(got, "editor  acme    post/17\n") {
		t.Errorf("the list is\n%s", got)
	}
	if got := g.ok("", "role", "list", eve.ID); got != "no roles\n" {
		t.Errorf("the list of none is %q", got)
	}

	// One page after the other.
	g.ok("", "role", "grant", "editor", eve.ID)
	g.ok("", "user", "disable", eve.ID)
	var got []string
	for after, pages := "", 0; pages == 0 || after != ""; pages++ {
		var page holders
		g.parse(&page, "", "role", "holders", "editor", "--limit", "2", "--after", after)
		for _, h := range page.Holders {
			got = append(got, fmt.Sprint(h.Email, h.Disabled, h.Tenant, h.Object))
		}
		after = page.Next
	}
	if want := []string{"ada@example.comfalseacme", "ada@example.comfalseacmepost/17", "eve@example.comtrue"}; ada.ID < eve.ID && !reflect.DeepEqual(got, want) {
		t.Errorf("holders %q", got)
	}
	if text := g.ok("", "role", "holders", "editor", "--limit", "1"); !strings.Contains(text, "more: --after ") {
		t.Errorf("the list does not say how to go on:\n%s", text)
	}
	if text := g.ok("", "role", "holders", "nobody's"); text != "nobody\n" {
		t.Errorf("holders of none: %q", text)
	}

	g.fails(exitNotFound, "ada@example.com was not granted editor\n", "", "role", "revoke", "editor", "ada@example.com")
	if text := g.ok("", "role", "revoke", "editor", "ada@example.com", "--tenant", "acme"); text != "took editor in the tenant acme from ada@example.com ("+ada.ID+")\n" {
		t.Errorf("revoke: %q", text)
	}
	g.ok("", "role", "grant", "editor", ada.ID)
	var taken shownGrants
	g.parse(&taken, "", "role", "revoke", "editor", ada.ID, "--all")
	if len(taken.Grants) != 2 || s.grants(ada.ID) != "admin||" {
		t.Errorf("took %+v, left %s", taken, s.grants(ada.ID))
	}
	g.fails(exitNotFound, "was not granted editor", "", "role", "revoke", "editor", ada.ID, "--all")

	g.fails(exitRefused, "it is inherited by admin", "", "role", "delete", "editor", "--yes")
	g.fails(exitRefused, "--yes", "", "role", "delete", "admin")
	if s.grants(eve.ID) != "editor||" || s.grants(ada.ID) != "admin||" {
		t.Error("what was refused was done")
	}
	g.ok("", "role", "delete", "admin", "--yes")
	g.ok("", "role", "delete", "editor", "--yes")
	if s.grants(eve.ID)+s.grants(ada.ID) != "" {
		t.Error("a role that was deleted is granted")
	}
}

// TestRoleRefused has what is refused, and how it is told apart.
func TestRoleRefused(t *testing.T) {
	g := migrated(t)
	s := g.site("")
	g.ok("", "role", "set", "a", "--permission", "x")
	g.ok("", "role", "set", "b", "--inherit", "a")
	g.ok("", "role", "set", "c", "--inherit", "b")
	for name, tt := range map[string]struct {
		code int
		say  string
		args []string
	}{
		"nobody":                  {exitNotFound, "there is no user eve@example.com", []string{"grant", "a", "eve@example.com"}},
		"nobody by name":          {exitNotFound, "there is no user eve", []string{"grant", "a", "eve"}},
		"nobody by ID":            {exitNotFound, "there is no user eve", []string{"grant", "a", "eve", "--id"}},
		"nobody, revoked":         {exitNotFound, "there is no user eve", []string{"revoke", "a", "eve"}},
		"nobody, listed":          {exitNotFound, "there is no user eve", []string{"list", "eve"}},
		"no role":                 {exitUsage, "is no name of a role", []string{"grant", "", "eve"}},
		"a role with a space":     {exitUsage, "is no name of a role", []string{"set", "a ", "--permission", "x"}},
		"a role with a tab":       {exitUsage, "is no name of a role", []string{"grant", "a\tb", "eve"}},
		"a long role":             {exitUsage, "is no name of a role", []string{"set", strings.Repeat("x", 256), "--permission", "x"}},
		"inherits no name":        {exitUsage, "is no name of a role", []string{"set", "x", "--inherit", ""}},
		"nothing":                 {exitUsage, "--permission or --inherit", []string{"set", "x"}},
		"no pattern":              {exitUsage, `--permission "posts:e*" is no pattern`, []string{"set", "x", "--permission", "posts:edit", "--permission", "posts:e*"}},
		"no list of patterns":     {exitUsage, "exit", []string{"set", "x", "--permission"}},
		"an empty pattern":        {exitUsage, `--permission "" is no pattern`, []string{"set", "x", "--permission", ""}},
		"itself":                  {exitRefused, "x inherits x", []string{"set", "x", "--inherit", "x"}},
		"a circle":                {exitRefused, "a inherits c inherits b inherits a", []string{"set", "a", "--inherit", "z", "--inherit", "c"}},
		"an object without ID":    {exitUsage, "--object is a type", []string{"grant", "a", "eve", "--object", "post/"}},
		"an object without type":  {exitUsage, "--object is a type", []string{"revoke", "a", "eve", "--object", "/17"}},
		"a tenant that is empty":  {exitUsage, "--tenant: empty", []string{"grant", "a", "42", "--no-users", "--tenant", ""}},
		"no tenant behind =":      {exitUsage, "--tenant: empty", []string{"grant", "a", "42", "--no-users", "--tenant="}},
		"an object that is empty": {exitUsage, "--object: empty", []string{"grant", "a", "42", "--no-users", "--object", ""}},
		"revoked in no tenant":    {exitUsage, "--tenant: empty", []string{"revoke", "a", "42", "--no-users", "--tenant", ""}},
		"everywhere and there":    {exitUsage, "--all", []string{"revoke", "a", "eve", "--all", "--tenant", "x"}},
		"no such role":            {exitNotFound, "no role x is defined", []string{"show", "x"}},
		"no such role, deleted":   {exitNotFound, "no role x is defined", []string{"delete", "x", "--yes"}},
		"a list of none":          {exitUsage, "make it 1 to 10000", []string{"holders", "a", "--limit", "0"}},
		"a place that is none":    {exitUsage, "--after", []string{"holders", "a", "--after", "x"}},
		"a user that cannot be":   {exitRefused, "invalid value", []string{"grant", "a", "x\x00y", "--no-users"}},
		"a tenant that cannot be": {exitRefused, "invalid value", []string{"grant", "a", "42", "--no-users", "--tenant", strings.Repeat("x", 256)}},
		"nobody, by address":      {exitNotFound, "nobody is known here by the address eve@example.com", []string{"grant", "a", "eve@example.com", "--no-users"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := *g
			g.t = t
			if tt.say == "exit" {
				tt.say = ""
			}
			g.fails(tt.code, tt.say, "", append([]string{"role"}, tt.args...)...)
		})
	}
	roles, _, err := s.db.Roles().Roles(t.Context())
	if want := []bunstore.Role{{Name: "a", Permissions: []string{"x"}}, {Name: "b", Inherits: []string{"a"}}, {Name: "c", Inherits: []string{"b"}}}; !reflect.DeepEqual(roles, want) || err != nil {
		t.Errorf("the roles are %+v, %v", roles, err)
	}
	for _, role := range []string{"a", "b", "c"} {
		if list, _, err := s.db.Roles().Holders(t.Context(), role, "", 10); len(list) != 0 || err != nil {
			t.Errorf("granted: %v, %v", list, err)
		}
	}
}

// TestRoleClaimed wants no role for whoever was first to register with an address.
func TestRoleClaimed(t *testing.T) {
	g := migrated(t)
	s := g.site("")
	g.ok("", "role", "set", "admin", "--permission", "*")
	mallory := g.create("boss@example.com")
	for _, flags := range [][]string{nil, {"--json"}, {"--tenant", "x"}} {
		code, out, errs := g.run("", append([]string{"role", "grant", "admin", "Boss@Example.com"}, flags...)...)
		if code != exitRefused || out != "" || !strings.Contains(errs, "nobody has proved that the address Boss@Example.com is theirs") || !strings.Contains(errs, mallory.ID) {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
	}
	if got := s.grants(mallory.ID); got != "" {
		t.Fatalf("granted %s", got)
	}
	code, out, errs := g.run("", "role", "grant", "admin", "boss@example.com", "--unverified", "--tenant", "x")
	if code != exitOK || !strings.HasPrefix(out, "granted admin in the tenant x") || !strings.Contains(errs, "warning: nobody has proved") || s.grants(mallory.ID) != "admin|x|" {
		t.Errorf("--unverified: exit code %d\n%s%s%s", code, out, errs, s.grants(mallory.ID))
	}
	// Looking, and taking away, need no proof.
	g.ok("", "role", "list", "boss@example.com")
	g.ok("", "role", "revoke", "admin", "boss@example.com", "--all")
	g.ok("", "role", "grant", "admin", mallory.ID) // who it is was known
	g.ok("", "role", "revoke", "admin", mallory.ID)

	s.verify("boss@example.com")
	g.ok("", "role", "grant", "admin", "boss@example.com")

	// An address whose claim has ended is nobody's.
	p := g.create("eve@example.com")
	c, err := s.Store().LoadCredential(t.Context(), "email", "eve@example.com")
	if err != nil {
		t.Fatal(err)
	}
	ended := c
	ended.ExpiresAt = s.Now().Add(-time.Second)
	if err := s.Store().ChangeCredentials(t.Context(), auth.Change{Old: &c, New: &ended}); err != nil {
		t.Fatal(err)
	}
	g.fails(exitNotFound, "no user eve@example.com", "", "role", "grant", "admin", "eve@example.com", "--unverified")
	// And so is one whose user is gone, while its credential is not.
	if err := s.Store().ChangeCredentials(t.Context(), auth.Change{New: &auth.Credential{Kind: "email", Key: "bob@example.com", UserID: "gone", VerifiedAt: s.Now(), CreatedAt: s.Now()}}); err != nil {
		t.Fatal(err)
	}
	g.fails(exitNotFound, "no user bob@example.com", "", "role", "grant", "admin", "bob@example.com")
	if got := s.grants(p.ID) + s.grants("gone"); got != "" {
		t.Errorf("granted %s", got)
	}
}

// TestRoleElsewhere is for sites with a table of users of their own.
func TestRoleElsewhere(t *testing.T) {
	g := newTool(t)
	g.flags = []string{"--no-users"}
	g.ok("", "migrate", "up")
	s := g.site("")
	g.ok("", "role", "set", "admin", "--permission", "*")
	g.ok("", "role", "grant", "admin", "42")
	if got := s.grants("42"); got != "admin||" {
		t.Errorf("granted %q", got)
	}
	// Somebody has chosen for a user name what is somebody else's ID.
	now := s.Now()
	for _, c := range []auth.Credential{
		{Kind: "username", Key: "43", UserID: "mallory", CreatedAt: now},
		{Kind: "email", Key: "ada@example.com", UserID: "44", CreatedAt: now, VerifiedAt: now},
		{Kind: "email", Key: "eve@example.com", UserID: "45", CreatedAt: now},
	} {
		if err := s.Store().ChangeCredentials(t.Context(), auth.Change{New: &c}); err != nil {
			t.Fatal(err)
		}
	}
	g.ok("", "role", "grant", "admin", "43")
	g.ok("", "role", "grant", "admin", "ada@example.com")
	g.fails(exitRefused, "nobody has proved", "", "role", "grant", "admin", "eve@example.com")
	g.ok("", "role", "grant", "admin", "ada@example.com", "--id", "--tenant", "x") // an ID like an address
	for user, want := range map[string]string{"mallory": "", "43": "admin||", "44": "admin||", "45": "", "ada@example.com": "admin|x|"} {
		if got := s.grants(user); got != want {
			t.Errorf("%s was granted %q, want %q", user, got, want)
		}
	}
	var page holders
	g.parse(&page, "", "role", "holders", "admin")
	if len(page.Holders) != 4 || page.Holders[0].Email != "" {
		t.Errorf("holders %+v", page)
	}
	g.ok("", "role", "revoke", "admin", "ada@example.com", "--id", "--all")
	if got := s.grants("44") + s.grants("ada@example.com"); got != "admin||" {
		t.Errorf("left %q", got)
	}
}

// TestRoleDefinedElsewhere grants what is in a file of the site's: that is told, and done.
func TestRoleDefinedElsewhere(t *testing.T) {
	g := migrated(t)
	s := g.site("")
	p := g.create("ada@example.com")
	code, out, errs := g.run("", "role", "grant", "owner", p.ID, "--json")
	var granted shownGrant
	if err := json.Unmarshal([]byte(out), &granted); code != exitOK || err != nil || granted.Role != "owner" || errs != "gatehouse: warning: no role owner is defined in the database: it means nothing, unless the site defines it elsewhere\n" {
		t.Errorf("exit code %d, %v\n%s%s", code, err, out, errs)
	}
	if got := s.grants(p.ID); got != "owner||" {
		t.Errorf("granted %q", got)
	}
	code, _, errs = g.run("", "role", "set", "admin", "--inherit", "owner")
	if code != exitOK || !strings.Contains(errs, "warning: no role owner is defined") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	// Not defined here: it is not taken from anybody.
	g.fails(exitNotFound, "no role owner", "", "role", "delete", "owner", "--yes")
	if got := s.grants(p.ID); got != "owner||" {
		t.Errorf("left %q", got)
	}
}

// TestRolesAreHarmless has names that steer terminals, as a host may keep them.
func TestRolesAreHarmless(t *testing.T) {
	g := migrated(t)
	s := g.site("")
	p := g.create("ada@example.com")
	const evil = "x\x1b[2J\u202e\u009by\nz"
	roles := s.db.Roles()
	for _, err := range []error{
		roles.SetRole(t.Context(), bunstore.Role{Name: evil, Permissions: []string{evil}, Inherits: []string{evil}}),
		roles.Grant(t.Context(), bunstore.Grant{UserID: p.ID, Role: evil, Tenant: evil, Object: evil}),
		roles.Grant(t.Context(), bunstore.Grant{UserID: evil, Role: evil, Tenant: evil, Object: evil}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"role", "list"}, {"role", "list", p.ID}, {"role", "holders", evil}, {"role", "show", evil}, {"role", "show", evil + "x"},
		{"role", "revoke", evil, p.ID}, {"role", "revoke", evil, p.ID, "--all"}, {"role", "revoke", evil, evil, "--no-users", "--all"},
		{"role", "grant", "r", evil}, {"role", "grant", "r", evil, "--no-users"}, {"role", "grant", evil, p.ID}, {"role", "grant", "r", p.ID, "--tenant", evil, "--object", evil + "/" + evil},
		{"role", "set", "s", "--inherit", evil}, {"role", "delete", evil}, {"role", "delete", evil, "--yes"},
	} {
		for _, flags := range [][]string{{"--json"}, nil} {
			_, out, errs := g.run("", append(args, flags...)...)
			for _, r := range out + errs {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Errorf("%q prints %U", args, r)
				}
			}
		}
	}
}
