package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

type sessionsCmd struct {
	List   sessionsListCmd   `cmd:"" help:"List the sessions of a user."`
	Revoke sessionsRevokeCmd `cmd:"" help:"End sessions: some of a user's, all of them, or everybody's."`
}

// Help is the detail of the help.
func (*sessionsCmd) Help() string {
	return `For every site, whether its users are in the ready-made table or in one of its own. If the site keeps sessions in Redis, give --sessions; --db is needed as well, for what else lets people in: remembered browsers, half-done logins.

WHO is an ID, or an e-mail address or user name of which there is a credential.`
}

// idAnywhere is idOf for users who may be in a table of the host's, of which
// nothing is known here. known says whether anything is.
func (s *site) idAnywhere(ctx context.Context, who string) (id string, known bool, err error) {
	// Who has chosen somebody's ID for a user name is not taken for them.
	held, err := s.Store().UserCredentials(ctx, who)
	if err != nil {
		return "", false, err
	}
	all, err := s.Store().UserSessions(ctx, who)
	if err != nil {
		return "", false, err
	}
	if len(held) > 0 || len(all) > 0 {
		return who, true, nil
	}
	id, err = s.idOf(ctx, who)
	switch {
	case err == nil:
		return id, true, nil
	case !errors.Is(err, auth.ErrNotFound):
		return "", false, err
	}
	return who, false, nil
}

// A login is a session in JSON.
type login struct {
	Handle    string   `json:"handle"`
	Label     string   `json:"label"`
	Addr      string   `json:"addr"`
	Methods   []string `json:"methods"`
	Actor     string   `json:"actor"`
	CreatedAt moment   `json:"created_at"`
	SeenAt    moment   `json:"seen_at"`
	ExpiresAt moment   `json:"expires_at"`
	EndsAt    moment   `json:"ends_at"`
}

func loginOf(s *auth.Session) login {
	l := login{Handle: s.Handle(), Label: s.Label, Methods: []string{}, Actor: s.Actor,
		CreatedAt: moment(s.CreatedAt), SeenAt: moment(s.SeenAt), ExpiresAt: moment(s.ExpiresAt), EndsAt: moment(s.EndsAt)}
	if s.Addr.IsValid() {
		l.Addr = s.Addr.String()
	}
	for _, p := range s.Proofs {
		l.Methods = append(l.Methods, p.Method)
	}
	return l
}

type sessionsListCmd struct {
	User string `required:"" placeholder:"WHO" help:"Whose."`
}

// Help is the detail of the help.
func (*sessionsListCmd) Help() string {
	return `Lists the live sessions of a user, the newest first. The handle of each is its public name, for "sessions revoke"; nobody can log in with it.

Examples:

    gatehouse sessions list --user ada@example.com
    gatehouse sessions list --user 42 --sessions redis://127.0.0.1:6379/0 --json`
}

// Run lists sessions.
func (c *sessionsListCmd) Run(a *app) error {
	s, err := a.site(0)
	if err != nil {
		return err
	}
	defer s.close()
	id, known, err := s.idAnywhere(a.ctx, c.User)
	if err != nil {
		return err
	}
	if !known {
		return nobodyKnown(c.User)
	}
	live, err := s.Sessions(a.ctx, id)
	if err != nil {
		return err
	}
	logins := []login{}
	for _, sess := range live {
		logins = append(logins, loginOf(sess))
	}
	return a.print(map[string]any{"user_id": id, "sessions": logins}, func(w io.Writer) {
		if len(logins) == 0 {
			fmt.Fprintln(w, "no sessions")
			return
		}
		rows := [][]string{{"HANDLE", "DEVICE", "ADDRESS", "BY", "CREATED", "SEEN", "EXPIRES"}}
		for _, l := range logins {
			rows = append(rows, []string{l.Handle, l.Label, l.Addr, strings.Join(l.Methods, ","), l.CreatedAt.String(), l.SeenAt.String(), l.ExpiresAt.String()})
		}
		table(w, rows)
	})
}

func nobodyKnown(who string) error {
	return notFound("an ID must be given as the site has it; is the session elsewhere (--sessions), or in another --realm?",
		"nothing is known here of a user %s", who)
}

type sessionsRevokeCmd struct {
	Handles []string `arg:"" optional:"" name:"handle" help:"The sessions to end, by their handles. Default: all of the user's."`
	User    string   `placeholder:"WHO" xor:"whose" required:"" help:"Whose."`
	All     bool     `xor:"whose" required:"" help:"Everybody's: everybody has to log in again."`
	Yes     bool     `help:"With --all: do it without asking."`
}

// Help is the detail of the help.
func (*sessionsRevokeCmd) Help() string {
	return `Ends sessions. They are dead when the command returns, on the next request at every process of the site (that of a process which caches sessions: within the bound of its cache). The browser is forgotten if it was remembered. Without handles, whatever else waits for the user ends as well: half-done logins, reset links.

--all works in small batches, so that the site goes on meanwhile; interrupted, it can be called again. It asks first; where nobody can be asked, it needs --yes. With --realm it is everybody of that realm. Passwords and API keys are not touched.

Examples:

    gatehouse sessions revoke --user ada@example.com
    gatehouse sessions revoke --user ada@example.com q0V7n4h2XJ8mY1t5b3c9dA
    gatehouse sessions revoke --all --yes --sessions redis://127.0.0.1:6379/0`
}

// Run ends sessions.
func (c *sessionsRevokeCmd) Run(a *app) error {
	if c.All && len(c.Handles) > 0 {
		return usage("give --user in its place", "--all ends everybody's sessions, whatever their handles")
	}
	s, err := a.site(0)
	if err != nil {
		return err
	}
	defer s.close()
	if c.All {
		return c.everybody(a, s)
	}
	id, known, err := s.idAnywhere(a.ctx, c.User)
	if err != nil {
		return err
	}
	if len(c.Handles) > 0 {
		return c.some(a, s, id)
	}
	live, err := s.Sessions(a.ctx, id)
	if err != nil {
		return err
	}
	// In any case: a session may have begun meanwhile.
	if err := s.RevokeUserSessions(a.ctx, id); err != nil {
		return err
	}
	if !known {
		return nobodyKnown(c.User)
	}
	return a.revoked(id, len(live))
}

// some ends the sessions with these handles, as many as there are.
func (c *sessionsRevokeCmd) some(a *app, s *site, id string) error {
	var missing []string
	n := 0
	for _, handle := range c.Handles {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		switch err := s.RevokeSession(a.ctx, id, handle); {
		case errors.Is(err, auth.ErrNotFound):
			missing = append(missing, handle)
		case err != nil:
			return err
		default:
			n++
		}
	}
	if err := a.revoked(id, n); err != nil {
		return err
	}
	if len(missing) > 0 {
		return notFound(`"gatehouse sessions list" shows those that there are`, "the user has no session %s", strings.Join(missing, ", "))
	}
	return nil
}

type revocation struct {
	UserID  string `json:"user_id"` // "" for everybody
	Revoked int    `json:"revoked"`
}

func (a *app) revoked(id string, n int) error {
	return a.print(revocation{id, n}, func(w io.Writer) { fmt.Fprintf(w, "ended %s\n", count(n, "session")) })
}
