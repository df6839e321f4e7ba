package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

type roleCmd struct {
	Grant   roleGrantCmd   `cmd:"" help:"Grant a role to a user: this makes the first administrator."`
	Revoke  roleRevokeCmd  `cmd:"" help:"Take a role away from a user."`
	List    roleListCmd    `cmd:"" help:"List what a user was granted, or all roles that are defined."`
	Holders roleHoldersCmd `cmd:"" help:"List who was granted a role."`
	Set     roleSetCmd     `cmd:"" help:"Define a role, in place of what was defined by its name."`
	Show    roleShowCmd    `cmd:"" help:"Show the definition of a role."`
	Delete  roleDeleteCmd  `cmd:"" help:"Delete a role, and take it from everybody."`
}

// Help is the detail of the help.
func (*roleCmd) Help() string {
	return `For sites that decide with contrib/rbac, and have grants, or the definitions of roles too, in the database. Whatever is changed counts from the next request on, in every process.

Nobody has a role before somebody grants one: the first administrator of a site is made here, by whoever can reach its database.

WHO is an e-mail address, an ID or a user name. With --no-users it is an e-mail address, or an ID as the site has it.

Grants go by user ID and know no realm: with or without --realm they count in all realms that are kept here. Where two of them have different users by the same ID, each needs tables of its own (--prefix).`
}

// grantee is the argument that names who has a role, or is to have it.
type grantee struct {
	who
	ID bool `name:"id" help:"WHO is an ID, whatever it looks like."`
}

// A grantedTo is whom a grantee names.
type grantedTo struct {
	id      string
	claimed bool // by an address that nobody has proved to be theirs
}

// find returns whom it names.
func (g *grantee) find(ctx context.Context, s *site) (grantedTo, error) {
	if s.ownUsers {
		return g.elsewhere(ctx, s)
	}
	_, err := s.Users().LoadUser(ctx, g.Who)
	if err == nil {
		return grantedTo{id: g.Who}, nil
	}
	if errors.Is(err, auth.ErrNotFound) && !g.ID {
		var to grantedTo
		if to, err = s.named(ctx, g.Who); err == nil {
			// A credential may be left of somebody who is gone.
			_, err = s.Users().LoadUser(ctx, to.id)
		}
		if err == nil {
			return to, nil
		}
	}
	if errors.Is(err, auth.ErrNotFound) {
		err = notFound(`"gatehouse user list" shows who there is`, "there is no user %s", g.Who)
	}
	return grantedTo{}, err
}

// elsewhere is find where the users are in a table of the host's, of which nothing is
// known here. An ID is taken as it is: not for a user name, which somebody may have
// chosen because it is an ID of somebody else.
func (g *grantee) elsewhere(ctx context.Context, s *site) (grantedTo, error) {
	if g.ID || !strings.Contains(g.Who, "@") {
		return grantedTo{id: g.Who}, nil
	}
	to, err := s.named(ctx, g.Who)
	if errors.Is(err, auth.ErrNotFound) {
		err = notFound("give the ID as the site has it; with --id, if it has an @ in it", "nobody is known here by the address %s", g.Who)
	}
	return to, err
}

// named returns who has the address or the user name.
func (s *site) named(ctx context.Context, who string) (grantedTo, error) {
	if !strings.Contains(who, "@") {
		id, err := s.holder(ctx, "username", identifier.Username, who)
		return grantedTo{id: id}, err
	}
	c, err := s.credential(ctx, "email", identifier.Email, who)
	return grantedTo{c.UserID, c.VerifiedAt.IsZero()}, err
}

// scope are the flags that say where a grant holds.
type scope struct {
	Tenant scopeName `placeholder:"NAME" help:"In this tenant only. Default: everywhere."`
	Object scopeName `placeholder:"TYPE/ID" help:"For this object only, such as post/17. Default: any."`
}

// A scopeName is where a grant holds; "" if the flag is not there. A flag that is there and
// empty is a variable of a script that is not set, and is not to mean everywhere.
type scopeName string

// UnmarshalText is called by Kong.
func (n *scopeName) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("empty; leave it out for everywhere, or any object")
	}
	*n = scopeName(text)
	return nil
}

// Validate is called by Kong.
func (s *scope) Validate() error {
	if s.Object != "" {
		if kind, id, _ := strings.Cut(string(s.Object), "/"); kind == "" || id == "" {
			return errors.New("--object is a type, a slash and an ID: post/17")
		}
	}
	return nil
}

func (s scope) String() string {
	text := ""
	if s.Object != "" {
		text += " for " + line(string(s.Object))
	}
	if s.Tenant != "" {
		text += " in the tenant " + line(string(s.Tenant))
	}
	return text
}

// checkRole refuses names of roles that contrib/rbac knows none by.
func checkRole(name string) error {
	switch {
	case name == "", len(name) > 255, strings.TrimSpace(name) != name, !utf8.ValidString(name),
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return usage("", "%q is no name of a role: at most 255 bytes that can be printed, no space at the ends", name)
	}
	return nil
}

// A shownGrant is a grant in JSON.
type shownGrant struct {
	UserID string `json:"user_id"`
	Role   string `json:"role"`
	Tenant string `json:"tenant"` // "" for all
	Object string `json:"object"` // "" for any
}

type roleGrantCmd struct {
	Role string `arg:"" help:"The role."`
	grantee
	scope
	Unverified bool `help:"Grant it also to whoever merely claims the address WHO."`
}

// Help is the detail of the help.
func (*roleGrantCmd) Help() string {
	return `Grants a role to a user, from their next request on. What was granted already is left as it is.

Nobody is an administrator of a new site: grant the role admin, or what the site calls it, to the first one here. Everybody else can then be granted theirs by the site itself, if it has pages for it.

An address is claimed by whoever registers with it, and proved by whoever reads its mail. Where it is only claimed, the account may be anybody's, also that of somebody who was faster than its owner: then it is refused (4). Ask for the user's ID, or have them follow the link in the site's mail. --unverified is for an account of which you know whose it is, such as one that you have just made by "user create".

A role that is not defined in the database is granted with a warning: the site may define it elsewhere, in YAML or in Go.

Examples:

    gatehouse role grant admin ada@example.com
    gatehouse role grant editor 0193b0a2-1f4e-7c5a-9d3e-0a1b2c3d4e5f --tenant acme
    gatehouse role grant editor bob --object post/17
    gatehouse role grant admin 42 --no-users`
}

// Run grants a role.
func (c *roleGrantCmd) Run(a *app) error {
	if err := checkRole(c.Role); err != nil {
		return err
	}
	s, err := a.site(0)
	if err != nil {
		return err
	}
	defer s.close()
	to, err := c.find(a.ctx, s)
	if err != nil {
		return err
	}
	if to.claimed && !c.Unverified {
		return refused(fmt.Sprintf(`if you know that it is theirs, give the ID, %s, or --unverified; "gatehouse user show" shows the account`, line(to.id)),
			"nobody has proved that the address %s is theirs: whoever registered with it first has this account, and would be granted %s", c.Who, c.Role)
	}
	g := bunstore.Grant{UserID: to.id, Role: c.Role, Tenant: string(c.Tenant), Object: string(c.Object)}
	roles, _, err := s.db.Roles().Roles(a.ctx)
	if err != nil {
		return err
	}
	if err := s.db.Roles().Grant(a.ctx, g); err != nil {
		return err
	}
	if to.claimed {
		a.warn("nobody has proved that the address %s is theirs", c.Who)
	}
	if !isDefined(roles, c.Role) {
		a.warn("no role %s is defined in the database: it means nothing, unless the site defines it elsewhere", c.Role)
	}
	return a.print(shownGrant(g), func(w io.Writer) {
		fmt.Fprintf(w, "granted %s%s to %s\n", line(c.Role), c.scope, c.shown(to))
	})
}

// shown is whom it names, for people.
func (g *grantee) shown(to grantedTo) string {
	if to.id == g.Who {
		return line(to.id)
	}
	return line(g.Who) + " (" + line(to.id) + ")"
}

// warn says on standard error what is not an error.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.stderr, "gatehouse: warning: %s\n", line(a.clean(fmt.Sprintf(format, args...))))
}

func isDefined(roles []bunstore.Role, name string) bool {
	return slices.ContainsFunc(roles, func(r bunstore.Role) bool { return r.Name == name })
}

type roleRevokeCmd struct {
	Role string `arg:"" help:"The role."`
	grantee
	scope
	All bool `help:"Wherever it was granted: everywhere, in tenants and for objects."`
}

// Help is the detail of the help.
func (*roleRevokeCmd) Help() string {
	return `Takes away what was granted, from the next request on. It is the very grant: one that holds everywhere is not taken away in one tenant, and the other way round. With --all it is every grant of the role that the user has. Not found (3) if there is none; "role list WHO" shows those that there are.

The user stays logged in, and keeps what they may do by other roles. To have them out altogether, see "user disable" and "sessions revoke".

Examples:

    gatehouse role revoke admin ada@example.com
    gatehouse role revoke editor ada@example.com --tenant acme
    gatehouse role revoke editor ada@example.com --all`
}

// Run takes a role away.
func (c *roleRevokeCmd) Run(a *app) error {
	if c.All && c.scope != (scope{}) {
		return usage("leave one of them out", "--all is wherever it was granted, and --tenant and --object say where")
	}
	s, err := a.site(0)
	if err != nil {
		return err
	}
	defer s.close()
	to, err := c.find(a.ctx, s)
	if err != nil {
		return err
	}
	revoked := []bunstore.Grant{{UserID: to.id, Role: c.Role, Tenant: string(c.Tenant), Object: string(c.Object)}}
	err = s.db.InTx(a.ctx, func(ctx context.Context) error {
		if c.All {
			held, _, err := s.db.Roles().Grants(ctx, to.id)
			if err != nil {
				return err
			}
			revoked = slices.DeleteFunc(held, func(g bunstore.Grant) bool { return g.Role != c.Role })
			if len(revoked) == 0 {
				return auth.ErrNotFound
			}
		}
		for _, g := range revoked {
			if err := s.db.Roles().Revoke(ctx, g); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, auth.ErrNotFound) {
		return notFound(`"gatehouse role list" shows what they were granted`, "%s was not granted %s%s", c.Who, c.Role, c.scope)
	}
	if err != nil {
		return err
	}
	list := shownGrants{UserID: to.id, Grants: grantsOf(revoked)}
	return a.print(list, func(w io.Writer) {
		for _, g := range revoked {
			fmt.Fprintf(w, "took %s%s from %s\n", line(g.Role), scope{scopeName(g.Tenant), scopeName(g.Object)}, c.shown(to))
		}
	})
}

// shownGrants are the grants of a user in JSON.
type shownGrants struct {
	UserID string       `json:"user_id"`
	Grants []shownGrant `json:"grants"`
}

func grantsOf(list []bunstore.Grant) []shownGrant {
	shown := make([]shownGrant, len(list)) // not null
	for i, g := range list {
		shown[i] = shownGrant(g)
	}
	return shown
}

type roleListCmd struct {
	Who string `arg:"" optional:"" help:"Whose grants: an e-mail address, an ID or a user name. Default: the roles that are defined."`
	ID  bool   `name:"id" help:"WHO is an ID, whatever it looks like."`
}

// Help is the detail of the help.
func (*roleListCmd) Help() string {
	return `Lists what a user was granted; without WHO, the roles that are defined in the database. Roles that a granted one inherits are not listed.

Examples:

    gatehouse role list ada@example.com
    gatehouse role list
    gatehouse role list --json | jq -r '.roles[].name'`
}

// Run lists grants or roles.
func (c *roleListCmd) Run(a *app) error {
	if c.Who == "" {
		return a.listRoles()
	}
	s, err := a.site(0)
	if err != nil {
		return err
	}
	defer s.close()
	to, err := (&grantee{who{c.Who}, c.ID}).find(a.ctx, s)
	if err != nil {
		return err
	}
	grants, _, err := s.db.Roles().Grants(a.ctx, to.id)
	if err != nil {
		return err
	}
	return a.print(shownGrants{to.id, grantsOf(grants)}, func(w io.Writer) {
		if len(grants) == 0 {
			fmt.Fprintln(w, "no roles")
			return
		}
		rows := [][]string{{"ROLE", "TENANT", "OBJECT"}}
		for _, g := range grants {
			rows = append(rows, []string{g.Role, g.Tenant, g.Object})
		}
		table(w, rows)
	})
}

type roleHoldersCmd struct {
	Role  string `arg:"" help:"The role."`
	After string `placeholder:"TEXT" help:"Go on after this, which the last call has printed as next."`
	Limit int    `default:"100" placeholder:"N" help:"How many at most (${default})."`
}

// Help is the detail of the help.
func (*roleHoldersCmd) Help() string {
	return `Lists who was granted a role, and where, in the order of their IDs. Who has it because another role inherits it is not listed: look for the holders of that one too. If there are more, the last line says how to go on.

Examples:

    gatehouse role holders admin
    gatehouse role holders editor --json | jq -r '.holders[].user_id'`
}

// Validate is called by Kong.
func (c *roleHoldersCmd) Validate() error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return fmt.Errorf("--limit is %d: make it 1 to 10000", c.Limit)
	}
	return nil
}

// holders are a page of those who hold a role.
type holders struct {
	Holders []holder `json:"holders"`
	Next    string   `json:"next"` // for --after; "" if these were the last
}

type holder struct {
	shownGrant
	Email    string `json:"email"` // "" if the site keeps its users elsewhere
	Disabled bool   `json:"disabled"`
}

// Run lists who holds a role.
func (c *roleHoldersCmd) Run(a *app) error {
	db, err := a.database(false)
	if err != nil {
		return err
	}
	defer db.Close()
	list, next, err := db.Roles().Holders(a.ctx, c.Role, c.After, c.Limit)
	if errors.Is(err, auth.ErrInvalid) {
		return usage("", "--after is nothing that was printed as next")
	}
	if err != nil {
		return err
	}
	page := holders{[]holder{}, next}
	for _, g := range list {
		h := holder{shownGrant: shownGrant(g)}
		if !a.flags.NoUsers {
			switch u, err := db.Users().LoadUser(a.ctx, g.UserID); {
			case err == nil:
				h.Email, h.Disabled = u.(*bunstore.User).Email, u.(*bunstore.User).Disabled
			case !errors.Is(err, auth.ErrNotFound):
				return err
			}
		}
		page.Holders = append(page.Holders, h)
	}
	return a.print(page, func(w io.Writer) {
		if len(page.Holders) == 0 {
			fmt.Fprintln(w, "nobody")
			return
		}
		rows := [][]string{{"USER", "EMAIL", "TENANT", "OBJECT", "STATE"}}
		for _, h := range page.Holders {
			state := ""
			if h.Disabled {
				state = "disabled"
			}
			rows = append(rows, []string{h.UserID, h.Email, h.Tenant, h.Object, state})
		}
		table(w, rows)
		if next != "" {
			fmt.Fprintf(w, "\nmore: --after %s\n", line(next))
		}
	})
}
