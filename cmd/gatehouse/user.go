package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

type userCmd struct {
	Create      userCreateCmd      `cmd:"" help:"Create a user with a password."`
	Disable     userDisableCmd     `cmd:"" help:"Disable a user, and end all their sessions."`
	Enable      userEnableCmd      `cmd:"" help:"Let a disabled user log in again."`
	SetPassword userSetPasswordCmd `cmd:"" help:"Give a user another password, and end all their sessions."`
	List        userListCmd        `cmd:"" help:"List users."`
	Show        userShowCmd        `cmd:"" help:"Show a user, and what they can log in with."`
	Activity    userActivityCmd    `cmd:"" help:"List what has happened to a user's account."`
}

// Help is the detail of the help.
func (*userCmd) Help() string {
	return `For sites whose users are in the ready-made table of bunstore; "user activity" is for every site. WHO is an e-mail address, an ID or a user name.

A password is typed on the terminal, twice and not shown, or comes from standard input with --password-stdin; there is no flag and no variable for it. It is checked and hashed as by the site's own page for registering, with the default options of providers/password: at least 15 characters, not a common one, not made of the user's name. A site that hashes otherwise, or with a pepper, replaces the hash at the next login.`
}

// who is the argument that names a user.
type who struct {
	Who string `arg:"" name:"who" help:"An e-mail address, an ID or a user name."`
}

// newPassword are the flags about one.
type newPassword struct {
	PasswordStdin bool `help:"Read the password from standard input, one line."`
	MinLength     int  `placeholder:"N" help:"How many characters it needs: the site's password.Options.MinLength. Default 15."`
}

// Validate is called by Kong.
func (n *newPassword) Validate() error {
	if n.MinLength != 0 && (n.MinLength < 8 || n.MinLength > 64) {
		return fmt.Errorf("--min-length is %d: make it 8 to 64", n.MinLength)
	}
	return nil
}

// A person is a user in JSON.
type person struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Disabled bool   `json:"disabled"`
}

func personOf(u *bunstore.User) person { return person{u.ID, u.Email, u.Name, u.Disabled} }

// report prints what has become of a user.
func (a *app) report(u *bunstore.User, what string) error {
	return a.print(personOf(u), func(w io.Writer) {
		fmt.Fprintf(w, "%s %s (%s)\n", what, line(cmp.Or(u.Email, u.Name)), u.ID)
	})
}

type userCreateCmd struct {
	Email    string `arg:"" help:"The e-mail address to log in with."`
	Name     string `placeholder:"TEXT" help:"What the user is called."`
	Username string `placeholder:"NAME" help:"A user name, for sites where people log in with one."`
	newPassword
}

// Help is the detail of the help.
func (*userCreateCmd) Help() string {
	return `Creates a user who can log in with the address and the password. The address counts as claimed, not as proved. Refused (4) if the address or the name is taken, or the password is not good enough.

Examples:

    gatehouse user create ada@example.com --name "Ada Lovelace"
    pwgen -s 24 1 | tee ada.txt | gatehouse user create ada@example.com --password-stdin`
}

// Run creates a user.
func (c *userCreateCmd) Run(a *app) error {
	s, err := a.users(c.MinLength)
	if err != nil {
		return err
	}
	defer s.close()
	password, err := a.password(c.PasswordStdin)
	if err != nil {
		return err
	}
	id, err := s.passwords.Register(a.ctx, auth.Profile{Email: c.Email, Username: c.Username, Name: c.Name}, password)
	if err != nil {
		return err
	}
	u, err := s.user(a.ctx, id)
	if err != nil {
		return err
	}
	return a.report(u, "created")
}

type userDisableCmd struct{ who }

// Help is the detail of the help.
func (*userDisableCmd) Help() string {
	return `The user cannot log in any more, and whatever they hold ends: sessions, remembered browsers, half-done logins. Sessions that were ended do not come back when the user is enabled.

Examples:

    gatehouse user disable ada@example.com
    gatehouse user disable 0193b0a2-1f4e-7c5a-9d3e-0a1b2c3d4e5f --json`
}

// Run disables a user.
func (c *userDisableCmd) Run(a *app) error {
	return c.setDisabled(a, true, "disabled")
}

type userEnableCmd struct{ who }

// Help is the detail of the help.
func (*userEnableCmd) Help() string {
	return `Lets a disabled user log in again.

Examples:

    gatehouse user enable ada@example.com`
}

// Run enables a user.
func (c *userEnableCmd) Run(a *app) error {
	return c.setDisabled(a, false, "enabled")
}

func (c *who) setDisabled(a *app, disabled bool, done string) error {
	s, err := a.users(0)
	if err != nil {
		return err
	}
	defer s.close()
	u, err := s.user(a.ctx, c.Who)
	if err != nil {
		return err
	}
	if err := s.db.Users().SetDisabled(a.ctx, u.ID, disabled); err != nil {
		return err
	}
	u.Disabled = disabled
	if disabled {
		// The sessions are dead already, by the user's version.
		if err := s.RevokeUserSessions(a.ctx, u.ID); err != nil {
			return fmt.Errorf("the user is disabled, but not all that they hold could be ended; do it again: %w", err)
		}
	}
	return a.report(u, done)
}

type userSetPasswordCmd struct {
	who
	newPassword
}

// Help is the detail of the help.
func (*userSetPasswordCmd) Help() string {
	return `Gives the user another password, or a first one, without asking for the present one. All of their sessions end, remembered browsers are forgotten, and so is whatever waits for an answer. Wrong guesses are forgotten: an account that was locked by them is open again. If the site keeps sessions in Redis, give --sessions, or those there go on, and guesses that are counted there stay.

Examples:

    gatehouse user set-password ada@example.com
    gatehouse user set-password ada@example.com --password-stdin < password.txt`
}

// Run sets a password.
func (c *userSetPasswordCmd) Run(a *app) error {
	s, err := a.users(c.MinLength)
	if err != nil {
		return err
	}
	defer s.close()
	u, err := s.user(a.ctx, c.Who)
	if err != nil {
		return err
	}
	password, err := a.password(c.PasswordStdin)
	if err != nil {
		return err
	}
	if err := s.passwords.Set(a.ctx, u.ID, password); err != nil {
		return err
	}
	// The provider has done it too, and goes on without: in a site, the user can wait.
	if err := s.Unlock(a.ctx, s.passwords.Name(), u.ID); err != nil {
		return fmt.Errorf("the password is set, but not all wrong guesses could be forgotten, and the account may be locked still; do it again: %w", err)
	}
	return a.report(u, "set the password, and ended the sessions, of")
}

type userShowCmd struct{ who }

// Help is the detail of the help.
func (*userShowCmd) Help() string {
	return `Shows a user, the credentials that they can log in with or be found by, without what is secret in them, and how many sessions they have.

Examples:

    gatehouse user show ada@example.com
    gatehouse user show ada@example.com --json | jq .credentials`
}

type shownUser struct {
	person
	Sessions    int               `json:"sessions"`
	Credentials []shownCredential `json:"credentials"`
}

type shownCredential struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"` // the address or user name, or ""
	Label      string `json:"label"`
	CreatedAt  moment `json:"created_at"`
	VerifiedAt moment `json:"verified_at"`
	UsedAt     moment `json:"used_at"`
	ExpiresAt  moment `json:"expires_at"`
}

// Run shows a user.
func (c *userShowCmd) Run(a *app) error {
	s, err := a.users(0)
	if err != nil {
		return err
	}
	defer s.close()
	u, err := s.user(a.ctx, c.Who)
	if err != nil {
		return err
	}
	live, err := s.Sessions(a.ctx, u.ID)
	if err != nil {
		return err
	}
	held, err := s.Store().UserCredentials(a.ctx, u.ID)
	if err != nil {
		return err
	}
	v := shownUser{personOf(u), len(live), []shownCredential{}}
	for _, c := range held {
		shown := shownCredential{Kind: c.Kind, Label: c.Label, CreatedAt: moment(c.CreatedAt),
			VerifiedAt: moment(c.VerifiedAt), UsedAt: moment(c.UsedAt), ExpiresAt: moment(c.ExpiresAt)}
		// The keys of other kinds are digests, or names that somebody else gives.
		if c.Kind == "email" || c.Kind == "username" {
			shown.Name = c.Key
		}
		v.Credentials = append(v.Credentials, shown)
	}
	return a.print(v, func(w io.Writer) {
		state := "can log in"
		if u.Disabled {
			state = "disabled"
		}
		table(w, [][]string{{"id", u.ID}, {"email", u.Email}, {"name", u.Name}, {"state", state}, {"sessions", fmt.Sprint(v.Sessions)}})
		rows := [][]string{{"KIND", "NAME", "LABEL", "CREATED", "VERIFIED", "USED", "EXPIRES"}}
		for _, c := range v.Credentials {
			rows = append(rows, []string{c.Kind, c.Name, c.Label, c.CreatedAt.String(), c.VerifiedAt.String(), c.UsedAt.String(), c.ExpiresAt.String()})
		}
		fmt.Fprintln(w)
		table(w, rows)
	})
}

type userListCmd struct {
	Query string `placeholder:"TEXT" help:"Only users in whose address or name this is."`
	After string `placeholder:"TEXT" help:"Go on after this, which the last call has printed as next."`
	Limit int    `default:"100" placeholder:"N" help:"How many at most (${default})."`
}

// Help is the detail of the help.
func (*userListCmd) Help() string {
	return `Lists users in the order of their IDs, which is the order in which they were created. If there are more, the last line says how to go on.

Examples:

    gatehouse user list
    gatehouse user list --query example.com --json | jq -r '.users[].email'`
}

// Validate is called by Kong.
func (c *userListCmd) Validate() error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return fmt.Errorf("--limit is %d: make it 1 to 10000", c.Limit)
	}
	return nil
}

type userPage struct {
	Users []person `json:"users"`
	Next  string   `json:"next"` // for --after; "" if these were the last
}

// Run lists users.
func (c *userListCmd) Run(a *app) error {
	s, err := a.users(0)
	if err != nil {
		return err
	}
	defer s.close()
	list, next, err := s.db.Users().ListUsers(a.ctx, c.Query, c.After, c.Limit)
	if err != nil {
		return err
	}
	page := userPage{[]person{}, next}
	for _, u := range list {
		page.Users = append(page.Users, personOf(u.(*bunstore.User)))
	}
	return a.print(page, func(w io.Writer) {
		rows := [][]string{{"ID", "EMAIL", "NAME", "STATE"}}
		for _, u := range page.Users {
			state := ""
			if u.Disabled {
				state = "disabled"
			}
			rows = append(rows, []string{u.ID, u.Email, u.Name, state})
		}
		table(w, rows)
		if next != "" {
			fmt.Fprintf(w, "\nmore: --after %s\n", line(next))
		}
	})
}
