package account

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/form"
)

const (
	verifyKind    = "account.verify"
	verifyPurpose = "account.verify"
)

// A verifyTicket is what a link to verify an address is bound to.
type verifyTicket struct {
	Address      string `json:"address"`                // that it was mailed to
	Registration string `json:"registration,omitempty"` // that waits for it; or else the ticket's user has it already
}

func (p *Provider) mountVerify(mux auth.Mux) {
	p.post.Handle(verifyKind, p.composeVerify)
	mux.Handle("GET /verify", http.HandlerFunc(p.getVerify))
	mux.Handle("POST /verify", http.HandlerFunc(p.postVerify))
}

// recordClaim enqueues the mail for the address that a new user claims to have.
func (p *Provider) recordClaim(ctx context.Context, e auth.Event, changes []auth.Change) error {
	if e.Name != "registered" {
		return nil
	}
	for _, c := range changes {
		if c.New != nil && c.New.Kind == "email" && c.New.VerifiedAt.IsZero() {
			return p.post.Post(ctx, outbox.Entry{Kind: verifyKind, To: c.New.Key, UserID: e.UserID})
		}
	}
	return nil
}

// composeVerify makes the mail with the link, unless there is nothing to verify any more.
func (p *Provider) composeVerify(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
	o, found, err := p.ownerOf(ctx, e.To)
	if err != nil || !found || o.userID != e.UserID || o.verified() {
		return nil, err
	}
	token, err := p.issue(ctx, verifyPurpose, o.userID, o.userID, verifyTicket{Address: o.address}, p.opts.VerifyLifetime)
	if err != nil {
		return nil, err
	}
	return &mail.Draft{ID: verifyKind, To: o.address, Data: map[string]string{"address": o.address, "link": p.post.Link("/verify", token)}}, nil
}

func verifyPage(forms ...auth.Form) *auth.Page {
	return &auth.Page{Name: "verify", Title: "Confirm your email address", Forms: forms}
}

func verifyForm(token string, more ...auth.Field) auth.Form {
	return auth.Form{Name: "verify", Action: "/verify", Submit: "Confirm address", Fields: append([]auth.Field{hidden(token)}, more...)}
}

func presentPassword() auth.Field {
	return auth.Field{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"}
}

func (p *Provider) getVerify(w http.ResponseWriter, r *http.Request) {
	withToken(w)
	token := tokenIn(r)
	if token == "" {
		p.user(p.getUnverified).ServeHTTP(w, r)
		return
	}
	c, err := p.findClaim(r, token)
	if err != nil {
		p.m.Answer(w, r, p.unverifiedPage(r, err), err)
		return
	}
	page := verifyPage(c.forms(token)...)
	page.Ways = whose(c.of())
	p.m.Answer(w, r, page, nil)
}

func (p *Provider) postVerify(w http.ResponseWriter, r *http.Request) {
	withToken(w)
	sent, err := form.Parse(w, r, "token", "password", "take_over")
	if err == nil && sent.Get("token") == "" {
		p.user(p.askToVerify).ServeHTTP(w, r)
		return
	}
	if err == nil {
		err = p.limitPosts(r)
	}
	var c claim
	if err == nil {
		c, err = p.findClaim(r, sent.Get("token"))
	}
	switch {
	case err != nil:
	case sent.Bool("take_over"):
		err = c.takeOver(r.Context(), sent.Get("password"))
	default:
		err = c.confirm(w, r, sent.Get("password"))
	}
	if err != nil {
		page := p.unverifiedPage(r, err)
		if c != nil && !isLinkInvalid(err) {
			page.Forms, page.Ways = c.forms(sent.Get("token")), whose(c.of())
		}
		p.m.Answer(w, r, page, err)
		return
	}
	p.m.Flash(w, r, auth.Flash{ID: "email.verified", Category: "success"})
	p.m.Done(w, r, c.next(r), http.StatusOK, map[string]string{"status": "verified"})
}

// unverifiedPage is where somebody is with a link that did not do. If it is not good any
// more, and nobody has an account before they have followed one, whoever is not logged in
// has nothing to ask for another with: they can register again.
func (p *Provider) unverifiedPage(r *http.Request, err error) *auth.Page {
	if p.opts.RequireVerification && isLinkInvalid(err) {
		if _, err := p.m.IdentityFrom(r.Context()); err != nil {
			return &auth.Page{Name: "register", Title: "Create an account"}
		}
	}
	return verifyPage()
}

// A claim is an address that somebody says is theirs, and the link that was sent to it.
// Who has the link reads the mail. That alone proves nothing of who chose the password:
// it may have been somebody else who does not.
type claim interface {
	// forms returns what can be done with the link by who is asking.
	forms(token string) []auth.Form
	// of returns the address.
	of() string
	// confirm makes the address a verified one, for who has made the account as well.
	confirm(w http.ResponseWriter, r *http.Request, password string) error
	// takeOver gives the account to who reads the mail, with a new password and
	// without whatever was there before.
	takeOver(ctx context.Context, password string) error
	// next returns the path of the page that comes afterwards.
	next(r *http.Request) string
}

// findClaim returns what a token is for. It uses nothing up.
func (p *Provider) findClaim(r *http.Request, token string) (claim, error) {
	var data verifyTicket
	t, err := p.find(r.Context(), verifyPurpose, token, &data)
	if err != nil {
		return nil, err
	}
	if data.Registration != "" {
		return p.findRegistration(r, t, data)
	}
	o, err := p.stillOwns(r.Context(), t.UserID, data.Address)
	if err != nil {
		return nil, err
	}
	c := &claimed{p: p, ticket: t, owner: o}
	id, err := p.m.IdentityFrom(r.Context())
	switch {
	case err == nil:
		c.theirs = id.UserID == o.userID && id.Session != nil && themself(id) == nil
	case !errors.Is(err, auth.ErrNoCredentials) && !errors.Is(err, auth.ErrBadCredentials):
		return nil, err
	}
	return c, nil
}

// claimed is the address of a user.
type claimed struct {
	p      *Provider
	ticket auth.Ticket
	owner  owner
	theirs bool // whether the user is who is asking
}

func (c *claimed) of() string { return c.owner.address }

func (c *claimed) forms(token string) []auth.Form {
	if c.theirs {
		return []auth.Form{verifyForm(token)}
	}
	if c.p.pass == nil {
		return nil
	}
	takeOver := auth.Form{Name: "take-over", Action: "/verify", Submit: "Take the account over",
		Fields: append([]auth.Field{hidden(token), {Name: "take_over", Type: "hidden", Value: "true"}}, c.p.pass.NewPasswordFields()...)}
	return []auth.Form{verifyForm(token, presentPassword()), takeOver}
}

func (c *claimed) confirm(w http.ResponseWriter, r *http.Request, password string) error {
	p, ctx := c.p, r.Context()
	if !c.theirs {
		if password == "" || p.pass == nil {
			return wrongBrowser("Log in first, or give the password that was chosen for this account.")
		}
		right, attempt, err := p.isPassword(r, c.owner.userID, password)
		if err != nil {
			return err
		}
		if !right {
			return &auth.Problem{Status: http.StatusUnauthorized, Code: "bad_credentials", Field: "password", Detail: "This is not the password of this account.", Err: auth.ErrBadCredentials}
		}
		defer attempt.Succeeded(w, r, c.owner.userID)
	}
	if err := p.take(ctx, c.ticket); err != nil {
		return err
	}
	if c.owner.verified() {
		return nil
	}
	return p.apply(ctx, c.owner.userID, "email.verified", p.proved(&c.owner))
}

// isPassword counts a guess at the user's password with those at logging in.
func (p *Provider) isPassword(r *http.Request, userID, password string) (right bool, attempt *auth.Attempt, err error) {
	attempt, err = p.m.Attempt(r, p.pass.Name(), "user:"+userID, userID)
	if err != nil {
		return false, nil, err
	}
	held, err := p.m.Store().UserCredentials(r.Context(), userID, p.pass.Name())
	if err != nil {
		return false, nil, err
	}
	var c auth.Credential // nobody's, if the user has none
	if len(held) > 0 {
		c = held[0]
	}
	right, err = p.pass.Matches(r.Context(), c, password)
	return right, attempt, err
}

func (c *claimed) takeOver(ctx context.Context, password string) error {
	if c.p.pass == nil || c.owner.verified() {
		return linkInvalid(errors.New("account: there is nothing to take over"))
	}
	return c.p.reset(ctx, c.ticket, c.owner.address, password)
}

func (c *claimed) next(*http.Request) string {
	if c.theirs {
		return "/account"
	}
	return "/login"
}

// own returns the address of who is logged in, if it can be verified. Who acts as them has
// none here.
func (p *Provider) own(r *http.Request) (c auth.Credential, unverified bool, err error) {
	id, err := p.m.IdentityFrom(r.Context())
	if err == nil {
		err = themself(id)
	}
	if err != nil {
		return c, false, err
	}
	held, err := p.m.Store().UserCredentials(r.Context(), id.UserID, "email")
	for _, c := range held {
		if c.VerifiedAt.IsZero() {
			return c, true, nil
		}
	}
	return c, false, err
}

// getUnverified offers to send the mail again.
func (p *Provider) getUnverified(w http.ResponseWriter, r *http.Request) {
	_, unverified, err := p.own(r)
	page := verifyPage()
	if unverified {
		page.Forms = []auth.Form{{Name: "verify-send", Action: "/verify", Submit: "Send mail"}}
	}
	p.m.Answer(w, r, page, err)
}

func (p *Provider) askToVerify(w http.ResponseWriter, r *http.Request) {
	c, unverified, err := p.own(r)
	if err == nil && unverified {
		err = p.ask(r, outbox.Entry{Kind: verifyKind, To: c.Key, UserID: c.UserID})
	}
	switch {
	case err != nil:
		p.m.Answer(w, r, verifyPage(), err)
	case unverified:
		p.sent(w, r)
	default:
		p.m.Done(w, r, "/account", http.StatusOK, map[string]string{"status": "verified"})
	}
}
