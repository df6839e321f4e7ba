package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/form"
)

const (
	forgotKind   = "account.forgot"
	resetPurpose = "account.reset"
)

// A resetTicket is what a link or a code for a new password is bound to.
type resetTicket struct {
	Address string `json:"address"` // that it was mailed to
	Code    string `json:"code,omitempty"`
}

// A forgotten is what an entry says of who has asked.
type forgotten struct {
	Browser *browser `json:"browser,omitempty"`
}

func (p *Provider) mountReset(mux auth.Mux) {
	if p.pass == nil {
		return
	}
	p.post.Handle(forgotKind, p.composeForgot)
	mux.Handle("GET /forgot", http.HandlerFunc(p.getForgot))
	mux.Handle("POST /forgot", http.HandlerFunc(p.postForgot))
	mux.Handle("GET /reset", http.HandlerFunc(p.getReset))
	mux.Handle("POST /reset", http.HandlerFunc(p.postReset))
}

func (p *Provider) forgotPage(email string) *auth.Page {
	return &auth.Page{Name: "forgot", Title: "Forgot your password?", Forms: []auth.Form{{Name: "forgot", Action: "/forgot", Submit: "Send mail", Fields: []auth.Field{
		{Name: "email", Label: "Email address", Type: "email", Autocomplete: "username", MaxLength: 254, Value: email},
	}}}}
}

func (p *Provider) getForgot(w http.ResponseWriter, r *http.Request) {
	p.m.Answer(w, r, p.forgotPage(""), nil)
}

func (p *Provider) postForgot(w http.ResponseWriter, r *http.Request) {
	sent, err := form.Parse(w, r, "email")
	var address string
	if err == nil {
		address, err = addressIn(sent.Get("email"))
	}
	if err == nil {
		err = p.forgot(w, r, address)
	}
	switch {
	case err != nil:
		p.m.Answer(w, r, p.forgotPage(sent.Get("email")), err)
	case p.opts.Codes:
		p.m.Done(w, r, "/reset", http.StatusAccepted, sentBody())
	default:
		p.sent(w, r)
	}
}

// forgot does the same for every address: it enqueues.
func (p *Provider) forgot(w http.ResponseWriter, r *http.Request, address string) error {
	var asked forgotten
	if p.opts.Codes {
		b, err := p.newBrowser(w, r)
		if err != nil {
			return err
		}
		asked.Browser = &b
	}
	data, err := json.Marshal(asked)
	if err != nil {
		return fmt.Errorf("account: encoding an entry: %w", err)
	}
	return p.ask(r, outbox.Entry{Kind: forgotKind, To: address, Data: data})
}

// recoverAccess starts what [Provider.postForgot] does, for who is to get back in after
// something was undone. Who can have no password has nothing to reset: they ask for a link
// to log in with, or have what was there before, see [Provider.spare]. The mail waits until
// release, which is nil if there is none, is called.
func (p *Provider) recoverAccess(ctx context.Context, userID, address, language string) (release func(context.Context) error, err error) {
	if ok, err := p.canReset(ctx, userID); err != nil || !ok {
		return nil, err
	}
	return p.post.Hold(ctx, outbox.Entry{Kind: forgotKind, To: address, Language: language})
}

// composeForgot tells the truth to who reads the mail of the address.
func (p *Provider) composeForgot(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
	o, found, err := p.ownerOf(ctx, e.To)
	if err != nil {
		return nil, err
	}
	if !found {
		return &mail.Draft{ID: "account.unknown", Data: map[string]string{"address": e.To}}, nil
	}
	has, err := p.pass.HasPassword(ctx, o.userID)
	if err != nil {
		return nil, err
	}
	token, err := p.issue(ctx, resetPurpose, o.userID, o.userID, resetTicket{Address: o.address}, p.opts.ResetLifetime)
	if err != nil {
		return nil, err
	}
	d := &mail.Draft{ID: forgotKind, To: o.address, Data: map[string]string{"address": o.address, "link": p.post.Link("/reset", token)}}
	if !has {
		d.ID = "account.first-password"
	}
	if len(e.Data) == 0 {
		return d, nil
	}
	var asked forgotten
	if err := json.Unmarshal(e.Data, &asked); err != nil {
		return nil, fmt.Errorf("account: an entry cannot be read: %w", err)
	}
	if asked.Browser != nil {
		d.Data["code"], err = p.issueCode(ctx, &o, *asked.Browser)
	}
	return d, err
}

func (p *Provider) resetForm(fields ...auth.Field) auth.Form {
	return auth.Form{Name: "reset", Action: "/reset", Submit: "Set password", Fields: append(fields, p.pass.NewPasswordFields()...)}
}

// resetPage is where a new password is chosen, by who has a link, or by who was sent a
// code.
func (p *Provider) resetPage(fields ...auth.Field) *auth.Page {
	return &auth.Page{Name: "reset", Title: "Choose a new password", Forms: []auth.Form{p.resetForm(fields...)}}
}

func (p *Provider) getReset(w http.ResponseWriter, r *http.Request) {
	withToken(w)
	token := tokenIn(r)
	if token == "" && p.opts.Codes {
		p.m.Answer(w, r, p.resetPage(codeField()), nil)
		return
	}
	var t resetTicket
	found, err := p.find(r.Context(), resetPurpose, token, &t)
	if err == nil {
		_, err = p.stillOwns(r.Context(), found.UserID, t.Address)
	}
	if err != nil {
		p.m.Answer(w, r, &auth.Page{Name: "reset", Title: "Choose a new password"}, err)
		return
	}
	page := p.resetPage(hidden(token))
	page.Ways = whose(t.Address)
	p.m.Answer(w, r, page, nil)
}

func (p *Provider) postReset(w http.ResponseWriter, r *http.Request) {
	withToken(w)
	sent, err := form.Parse(w, r, "token", "code", "password")
	token, byCode := sent.Get("token"), p.opts.Codes && sent.Get("token") == ""
	if err == nil {
		err = p.limitPosts(r)
	}
	if err == nil && byCode {
		err = p.resetByCode(w, r, sent.Get("code"), sent.Get("password"))
	} else if err == nil {
		err = p.resetByLink(r, token, sent.Get("password"))
	}
	if err == nil {
		p.m.Flash(w, r, auth.Flash{ID: "password.reset", Category: "success"})
		p.m.Done(w, r, "/login", http.StatusOK, map[string]string{"status": "reset"})
		return
	}
	page := p.resetPage(hidden(token))
	if byCode {
		page = p.resetPage(codeField())
	} else if isLinkInvalid(err) {
		page.Forms = nil
	} else {
		page.Ways = p.whoseReset(r.Context(), token)
	}
	p.m.Answer(w, r, page, err)
}

// whoseReset is whose, of the address that a link was mailed to, if it is good still.
func (p *Provider) whoseReset(ctx context.Context, token string) []auth.Credential {
	var t resetTicket
	if _, err := p.find(ctx, resetPurpose, token, &t); err != nil {
		return nil
	}
	return whose(t.Address)
}

func (p *Provider) resetByLink(r *http.Request, token, password string) error {
	var t resetTicket
	found, err := p.find(r.Context(), resetPurpose, token, &t)
	if err != nil {
		return err
	}
	return p.reset(r.Context(), found, t.Address, password)
}

// reset sets the password of the user whom a ticket is for, and uses it up. Until the
// password is known to be one that may be set, nothing is. It logs nobody in.
//
// If the address was not verified before, somebody else may have made the account:
// whoever resets it has proved that the address is theirs, and takes it over.
func (p *Provider) reset(ctx context.Context, t auth.Ticket, address, password string) error {
	o, err := p.stillOwns(ctx, t.UserID, address)
	if err != nil {
		return err
	}
	if password == "" {
		return missing("password")
	}
	change, err := p.pass.NewPassword(ctx, o.userID, password)
	if err != nil {
		return err
	}
	event, changes := "password.reset", []auth.Change{change}
	switch {
	case !o.verified():
		event, changes = "account.reclaimed", append(changes, p.proved(&o))
	case change.Old == nil:
		event = "credential.added"
	}
	if !o.hosts && o.verified() { // it must still be theirs when the password changes
		changes = append(changes, auth.Change{Old: &o.claim, New: &o.claim})
	}
	if err := p.take(ctx, t); err != nil {
		return err
	}
	if err := p.apply(ctx, o.userID, event, changes...); err != nil {
		return err
	}
	p.unlock(ctx, o.userID)
	return nil
}

// proved is the change that makes a claimed address a verified one.
func (p *Provider) proved(o *owner) auth.Change {
	old, verified := o.claim, o.claim
	verified.VerifiedAt = p.m.Now()
	return auth.Change{Old: &old, New: &verified}
}

// apply is Manager.Apply. That something else was changed at the same time is for people
// to know.
func (p *Provider) apply(ctx context.Context, userID, event string, changes ...auth.Change) error {
	err := p.m.Apply(ctx, userID, event, changes...)
	if isLate(err) {
		err = &auth.Problem{Status: http.StatusConflict, Code: "conflict", Err: err, Detail: "The account was changed somewhere else meanwhile. Please begin again."}
	}
	return err
}

// unlock forgets the guesses at the old password, and those at codes for a new one, also if
// the client has gone: the password is changed. It fails only into the log.
func (p *Provider) unlock(ctx context.Context, userID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := errors.Join(p.m.Unlock(ctx, p.pass.Name(), userID), p.m.Store().Forget(ctx, p.codeCounter(userID)))
	if err != nil {
		p.opts.Logger.LogAttrs(ctx, slog.LevelError, "account: the guesses before a reset could not be forgotten", slog.String("user", userID), slog.Any("error", err))
	}
}

func isLinkInvalid(err error) bool {
	var problem *auth.Problem
	return errors.As(err, &problem) && problem.Code == "link_invalid"
}
