package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/redirect"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

const (
	registerKind        = "account.register"
	registrationPurpose = "account.registration"
	// registerCookie holds the secret of the browser in which the password was chosen.
	registerCookie = "register"
	// mailMayTake is how much longer than its link a registration is kept, which begins
	// when it is mailed.
	mailMayTake = 7 * 24 * time.Hour
)

// A registration is a ticket without a secret: somebody who waits for their address to be
// verified.
type registration struct {
	Profile     auth.Profile      `json:"profile"`
	Credentials []auth.Credential `json:"credentials"`
	Next        string            `json:"next,omitempty"`
	Browser     string            `json:"browser"` // digest of the secret in its cookie
}

// A registering is what an entry says of a registration.
type registering struct {
	ID string `json:"id"`
}

var _ auth.Registrar = (*Provider)(nil)

// TakesRegistrations implements [auth.Registrar]: with [Options.RequireVerification].
func (p *Provider) TakesRegistrations() bool { return p.opts.RequireVerification }

func (p *Provider) mountRegister(auth.Mux) { p.post.Handle(registerKind, p.composeRegister) }

// TakeRegistration implements [auth.Registrar]. A credential of reg without a Key gets the
// user's ID for it. The answer is 202, or 303 to a page, and the same for everybody.
func (p *Provider) TakeRegistration(w http.ResponseWriter, r *http.Request, reg auth.Registration) {
	if err := p.takeRegistration(w, r, reg); err != nil {
		p.m.Answer(w, r, &auth.Page{Name: "register", Next: reg.Next}, err)
		return
	}
	p.sent(w, r)
}

func (p *Provider) takeRegistration(w http.ResponseWriter, r *http.Request, reg auth.Registration) error {
	address, err := addressIn(reg.Profile.Email)
	if err != nil {
		return err
	}
	browser := secret.New()
	if err := p.m.SetCookie(w, r, registerCookie, browser, p.opts.VerifyLifetime); err != nil {
		return err
	}
	if may, err := p.mayAsk(r, registerKind, address); err != nil || !may {
		return err
	}
	next, _ := redirect.Clean(reg.Next) // and bounds it: what is kept has a bound
	data, err := json.Marshal(registration{reg.Profile, reg.Credentials, next, p.registeredIn(browser)})
	if err != nil {
		return fmt.Errorf("account: encoding a registration: %w", err)
	}
	asked := registering{ID: rand.Text()}
	entry, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("account: encoding an entry: %w", err)
	}
	now := p.m.Now()
	t := auth.Ticket{Purpose: registrationPurpose, Key: p.registrationKey(asked.ID), Slot: p.slotOf(address), Data: data,
		CreatedAt: now, ExpiresAt: now.Add(p.opts.VerifyLifetime + mailMayTake)}
	// In front of the mail: without it there would be nothing to verify.
	if err := p.m.Store().PutTicket(r.Context(), t); err != nil {
		return err
	}
	return p.post.Post(r.Context(), outbox.Entry{Kind: registerKind, To: address, Language: p.post.LanguageOf(r), Data: entry})
}

func (p *Provider) registrationKey(id string) string {
	return secret.Digest(p.m.Realm(), registrationPurpose, id)
}

func (p *Provider) registeredIn(browser string) string {
	return secret.Digest(p.m.Realm(), registrationPurpose+".browser", browser)
}

// slotOf is for tickets of nobody's: of those for an address only the newest is good.
func (p *Provider) slotOf(address string) string {
	return secret.Digest(p.m.Realm(), registrationPurpose+".slot", address)
}

// composeRegister tells who reads the mail of the address what somebody wants with it.
func (p *Provider) composeRegister(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
	var asked registering
	if err := json.Unmarshal(e.Data, &asked); err != nil {
		return nil, fmt.Errorf("account: an entry cannot be read: %w", err)
	}
	key := p.registrationKey(asked.ID)
	held, err := p.m.Store().LoadCredential(ctx, "email", e.To)
	switch {
	case err == nil && !p.live(&held): // nobody's any more
	case err == nil:
		if _, err := p.m.Store().TakeTicket(ctx, registrationPurpose, key); err != nil && !errors.Is(err, auth.ErrNotFound) {
			return nil, err
		}
		return &mail.Draft{ID: "account.taken", Data: map[string]string{"address": e.To}}, nil
	case !errors.Is(err, auth.ErrNotFound):
		return nil, err
	}
	if _, err := p.m.Store().LoadTicket(ctx, registrationPurpose, key); errors.Is(err, auth.ErrNotFound) {
		return nil, nil // they have registered again since
	} else if err != nil {
		return nil, err
	}
	token, err := p.issue(ctx, verifyPurpose, "", p.slotOf(e.To), verifyTicket{Address: e.To, Registration: asked.ID}, p.opts.VerifyLifetime)
	if err != nil {
		return nil, err
	}
	return &mail.Draft{ID: registerKind, Data: map[string]string{"address": e.To, "link": p.post.Link("/verify", token)}}, nil
}

// findRegistration returns what waits for the address that a link was mailed to.
func (p *Provider) findRegistration(r *http.Request, t auth.Ticket, data verifyTicket) (claim, error) {
	waiting, err := p.m.Store().LoadTicket(r.Context(), registrationPurpose, p.registrationKey(data.Registration))
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return nil, linkInvalid(err)
	case err != nil:
		return nil, err
	case !p.m.Now().Before(waiting.ExpiresAt):
		return nil, linkInvalid(errors.New("account: the registration has expired"))
	}
	c := &registered{p: p, link: t, waiting: waiting, address: data.Address}
	if err := json.Unmarshal(waiting.Data, &c.registration); err != nil {
		return nil, fmt.Errorf("account: a registration cannot be read: %w", err)
	}
	if s := p.m.Cookie(r, registerCookie); secret.Valid(s) {
		c.here = subtle.ConstantTimeCompare([]byte(p.registeredIn(s)), []byte(c.Browser)) == 1
	}
	return c, nil
}

// registered is the address of who is going to be a user once it is verified.
type registered struct {
	registration
	p             *Provider
	link, waiting auth.Ticket
	address       string
	here          bool // whether they have registered in the browser that asks
}

func (c *registered) of() string { return c.address }

func (c *registered) forms(token string) []auth.Form {
	if c.here {
		return []auth.Form{verifyForm(token)}
	}
	return []auth.Form{verifyForm(token, presentPassword())}
}

func (c *registered) confirm(w http.ResponseWriter, r *http.Request, password string) error {
	p, ctx := c.p, r.Context()
	if !c.here {
		if err := c.chose(w, r, password); err != nil {
			return err
		}
	}
	if err := p.take(ctx, c.link); err != nil {
		return err
	}
	if err := p.take(ctx, c.waiting); err != nil {
		return err
	}
	_, err := p.m.CreateUser(ctx, c.Profile, func(userID string) []auth.Credential {
		all := []auth.Credential{{Kind: "email", Key: c.address, VerifiedAt: p.m.Now()}}
		for _, cred := range c.Credentials {
			if cred.Key == "" {
				cred.Key = userID
			}
			all = append(all, cred)
		}
		return all
	})
	if errors.Is(err, auth.ErrExists) {
		err = &auth.Problem{Status: http.StatusConflict, Code: "taken", Detail: "There is an account with this address or user name already.", Err: err}
	}
	if err != nil {
		return err
	}
	return p.m.SetCookie(w, r, registerCookie, "", -1)
}

// chose makes sure that who has the link has chosen the password as well: who registers
// somebody else's address does not read its mail.
func (c *registered) chose(w http.ResponseWriter, r *http.Request, password string) error {
	p := c.p
	if password == "" || p.pass == nil {
		return wrongBrowser("Follow the link in the browser in which you have registered, or give the password that you have chosen.")
	}
	attempt, err := p.m.Attempt(r, "register.confirm", "registration:"+c.waiting.Key, p.m.Nobody())
	if err != nil {
		return err
	}
	for _, cred := range c.Credentials {
		if cred.Kind != p.pass.Name() {
			continue
		}
		if right, err := p.pass.Matches(r.Context(), cred, password); err != nil || right {
			if right {
				attempt.Succeeded(w, r, p.m.Nobody())
			}
			return err
		}
	}
	return &auth.Problem{Status: http.StatusUnauthorized, Code: "bad_credentials", Field: "password", Err: auth.ErrBadCredentials,
		Detail: "This is not the password that was chosen. If you have not registered, do nothing; or register yourself."}
}

func (c *registered) takeOver(context.Context, string) error {
	return linkInvalid(errors.New("account: there is no account yet to take over"))
}

func (c *registered) next(*http.Request) string {
	if c.Next == "" {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(c.Next)
}
