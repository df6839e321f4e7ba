package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/form"
)

// emailPurpose is that of the tickets of links to confirm a new address, and of the
// entries that ask for one.
const emailPurpose = "account.email"

// A move is what is to become of a user's address: first in the entry, then in the
// ticket.
type move struct {
	Address string `json:"address"` // canonical: the one that the link is mailed to
	Written string `json:"written"` // as the user wrote it, for the host
	// Guard is the version of the user's guard when they asked: whatever is changed
	// about how they log in, a reset above all, is the end of the link, however late
	// it is mailed.
	Guard int64 `json:"guard"`
}

func (p *Provider) mountEmail(mux auth.Mux) {
	p.post.Handle(emailPurpose, p.composeEmail)
	mux.Handle("GET /email", http.HandlerFunc(p.getEmail))
	mux.Handle("POST /email", http.HandlerFunc(p.postEmail))
	p.mountUndo(mux)
}

func emailPage(forms ...auth.Form) *auth.Page {
	return &auth.Page{Name: "email", Title: "Change email address", Forms: forms}
}

func newEmailForm(written string) auth.Form {
	return auth.Form{Name: "email", Action: "/email", Submit: "Send link", Fields: []auth.Field{
		{Name: "email", Label: "New email address", Type: "email", Autocomplete: "email", Value: written, MaxLength: 254}}}
}

func (p *Provider) getEmail(w http.ResponseWriter, r *http.Request) {
	token := tokenIn(r)
	if token == "" {
		p.user(func(w http.ResponseWriter, r *http.Request) { p.m.Answer(w, r, emailPage(newEmailForm("")), nil) }).ServeHTTP(w, r)
		return
	}
	withToken(w)
	p.m.Answer(w, r, emailPage(tokenForm("email", "/email", "Use this address", token)), p.good(r.Context(), emailPurpose, token))
}

// good reports, as an error, whether a link leads to a ticket.
func (p *Provider) good(ctx context.Context, purpose, token string) error {
	var any json.RawMessage
	_, err := p.find(ctx, purpose, token, &any)
	return err
}

// tokenForm is the form of who has followed a link.
func tokenForm(name, action, submit, token string) auth.Form {
	return auth.Form{Name: name, Action: action, Submit: submit, Fields: []auth.Field{hidden(token)}}
}

// answerToken answers the form of a link that was posted. A link that is not good any
// more has no form.
func (p *Provider) answerToken(w http.ResponseWriter, r *http.Request, page *auth.Page, err error) {
	if isLinkInvalid(err) {
		page.Forms = nil
	}
	p.m.Answer(w, r, page, err)
}

func (p *Provider) postEmail(w http.ResponseWriter, r *http.Request) {
	sent, err := form.Parse(w, r, "email", "token")
	switch token := sent.Get("token"); {
	case err != nil:
		p.m.Answer(w, r, emailPage(newEmailForm("")), err)
	case token == "":
		p.user(func(w http.ResponseWriter, r *http.Request) { p.askEmail(w, r, sent.Get("email")) }).ServeHTTP(w, r)
	default:
		withToken(w)
		if err := p.confirmEmail(r, token); err != nil {
			p.answerToken(w, r, emailPage(tokenForm("email", "/email", "Use this address", token)), err)
			return
		}
		p.m.Flash(w, r, auth.Flash{ID: "email.changed", Category: "success"})
		p.m.Done(w, r, p.backTo(r), http.StatusOK, map[string]string{"status": "changed"})
	}
}

// backTo is where somebody goes on who has changed something of an account's.
func (p *Provider) backTo(r *http.Request) string {
	if _, err := p.m.IdentityFrom(r.Context()); err == nil && p.m.Recheck(r.Context()) == nil {
		return "/account"
	}
	return "/login"
}

// proven reports whether who asks is the user, and nobody who acts as them, and has lately
// proved it. If not it has answered.
func (p *Provider) proven(w http.ResponseWriter, r *http.Request) bool {
	err := p.m.Recheck(r.Context()) // who sends slowly gains no time
	if id, failed := p.m.IdentityFrom(r.Context()); err == nil && failed == nil {
		err = themself(id)
	}
	if err == nil {
		err = p.m.Fresh(r.Context(), p.opts.Fresh)
	}
	if err == nil {
		return true
	}
	if errors.Is(err, auth.ErrNotFresh) {
		if id, err := p.m.IdentityFrom(r.Context()); err == nil {
			p.m.Emit(r, auth.Event{Name: "not_fresh", UserID: id.UserID, Actor: id.Actor})
		}
		// Confirming leads back to the page with the form, and not to sending it again.
		page := *r
		page.Method = http.MethodGet
		r = &page
	}
	p.m.Refuse(w, r, err)
	return false
}

// themself refuses who acts as the user: what is done here would outlive what they are
// allowed.
func themself(id *auth.Identity) error {
	if id.Actor == "" {
		return nil
	}
	return &auth.Problem{Status: http.StatusForbidden, Code: "forbidden", Detail: "Only the user can do this.", Err: auth.ErrForbidden}
}

// askEmail enqueues a link to the new address. What it answers does not depend on
// whether somebody has that.
func (p *Provider) askEmail(w http.ResponseWriter, r *http.Request, written string) {
	if !p.proven(w, r) {
		return
	}
	if err := p.enqueueMove(r, written); err != nil {
		p.m.Answer(w, r, emailPage(newEmailForm(written)), err)
		return
	}
	p.sent(w, r)
}

func (p *Provider) enqueueMove(r *http.Request, written string) error {
	ctx := r.Context()
	id, err := p.m.IdentityFrom(ctx)
	if err != nil {
		return err
	}
	if hosts, err := p.hostsAddress(ctx, id.UserID); err != nil {
		return err
	} else if hosts != "" { // who would be found by the new one is for the host to say
		return &auth.Problem{Status: http.StatusConflict, Code: "email_elsewhere", Detail: "Your email address cannot be changed here."}
	}
	address, err := addressIn(written)
	if err != nil {
		return err
	}
	held, err := p.addresses(ctx, id.UserID)
	if err != nil {
		return err
	}
	for i := range held {
		if held[i].Key == address {
			return &auth.Problem{Status: http.StatusUnprocessableEntity, Code: "email_unchanged", Field: "email", Detail: "This is your address already."}
		}
	}
	guard, err := p.guard(ctx, id.UserID)
	if err != nil {
		return err
	}
	// One account does not write to ever more addresses, from wherever.
	wait, err := p.m.Throttle(r, "account.email, of user", id.UserID, p.opts.PerNetwork, auth.Limit{})
	if err != nil || wait > 0 {
		return err
	}
	data, err := json.Marshal(move{Address: address, Written: strings.Trim(written, " "), Guard: guard})
	if err != nil {
		return fmt.Errorf("account: encoding an entry: %w", err)
	}
	return p.ask(r, outbox.Entry{Kind: emailPurpose, To: address, UserID: id.UserID, Data: data})
}

// composeEmail mails the link, or tells who has the address already that somebody wanted
// it.
func (p *Provider) composeEmail(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
	var v move
	if err := json.Unmarshal(e.Data, &v); err != nil {
		return nil, fmt.Errorf("account: an entry cannot be read: %w", err)
	}
	guard, err := p.guard(ctx, e.UserID)
	if err != nil || guard != v.Guard {
		return nil, err // the account is not as it was when this was asked for
	}
	if there, err := p.there(ctx, e.UserID); err != nil || !there {
		return nil, err
	}
	data := map[string]string{"address": v.Address, "new_address": v.Address}
	free, _, err := p.free(ctx, e.UserID, v.Address)
	if err != nil {
		return nil, err
	}
	if !free {
		return &mail.Draft{ID: "account.email-taken", To: v.Address, Data: data}, nil
	}
	token, err := p.issue(ctx, emailPurpose, e.UserID, e.UserID, v, p.opts.ChangeLifetime)
	if err != nil {
		return nil, err
	}
	data["link"] = p.post.Link("/email", token)
	return &mail.Draft{ID: "account.email", To: v.Address, Data: data}, nil
}

// confirmEmail makes the address to which the token was mailed the user's. Until it is
// known to be free the token is not used up.
func (p *Provider) confirmEmail(r *http.Request, token string) error {
	ctx := r.Context()
	if err := p.limitPosts(r); err != nil {
		return err
	}
	var v move
	t, err := p.find(ctx, emailPurpose, token, &v)
	if err != nil {
		return err
	}
	guard, err := p.guard(ctx, t.UserID)
	if err == nil && guard != v.Guard {
		err = linkInvalid(errors.New("account: something else was changed since"))
	}
	if err == nil {
		err = p.isUser(ctx, t.UserID)
	}
	if err != nil {
		return err
	}
	held, err := p.addresses(ctx, t.UserID)
	if err != nil {
		return err
	}
	free, reservation, err := p.free(ctx, t.UserID, v.Address)
	if err != nil {
		return err
	}
	if !free {
		if err := p.good(ctx, emailPurpose, token); err != nil { // it is the user's by now, by this link
			return err
		}
		return taken(nil)
	}
	if err := p.take(ctx, t); err != nil {
		return err
	}
	next := p.provedAddress(t.UserID, v.Address)
	in := &intent{event: "email.changed", guarded: true, guard: v.Guard, profile: v.Written, language: p.post.LanguageOf(r)}
	var changes []auth.Change
	if len(held) > 0 {
		changes = append(changes, auth.Change{Old: &held[0]})
	}
	if reservation != nil {
		in.over, in.give = []auth.Credential{*reservation}, []auth.Credential{*next}
	} else {
		changes = append(changes, auth.Change{New: next})
	}
	err = p.applyIntent(ctx, t.UserID, in, changes...)
	if errors.Is(err, auth.ErrExists) {
		err = taken(err)
	}
	return err
}

// isUser refuses whoever is not logged in as the user. Who reads the mail of an address
// need not be who asked for it: they would give somebody else's account an address of
// theirs, by which they, or their account elsewhere, are then taken for its owner.
func (p *Provider) isUser(ctx context.Context, userID string) error {
	id, err := p.m.IdentityFrom(ctx)
	switch {
	case err == nil && id.UserID == userID && id.Session != nil && themself(id) == nil:
		return p.m.Recheck(ctx)
	case err == nil, errors.Is(err, auth.ErrNoCredentials), errors.Is(err, auth.ErrBadCredentials):
		return &auth.Problem{Status: http.StatusForbidden, Code: "other_account",
			Detail: "Log in to the account that is to have this address, and follow the link again."}
	}
	return err
}

// provedAddress is an address of which the user has just shown that it is theirs.
func (p *Provider) provedAddress(userID, address string) *auth.Credential {
	now := p.m.Now()
	return &auth.Credential{Kind: emailKind, Key: address, UserID: userID, CreatedAt: now, VerifiedAt: now,
		Generation: now.UnixMilli()} // another than when they had it before
}

func taken(cause error) error {
	return &auth.Problem{Status: http.StatusConflict, Code: "taken", Field: "email", Detail: "Another account has this address.", Err: cause}
}

// recordMove reserves an address that was changed, and mails the link to undo that. An
// address that nobody has shown to be theirs gives no power over the account, and is free
// again at once.
func (p *Provider) recordMove(ctx context.Context, e auth.Event, changes []auth.Change) error {
	if e.Name != "email.changed" {
		return nil
	}
	for _, c := range changes {
		if c.Old == nil || c.New != nil || c.Old.Kind != emailKind || c.Old.VerifiedAt.IsZero() {
			continue
		}
		if err := p.reserve(ctx, e.UserID, c.Old.Key); err != nil {
			return err
		}
		if err := p.post.Post(ctx, outbox.Entry{Kind: undoPurpose, To: c.Old.Key, UserID: e.UserID}); err != nil {
			return err
		}
	}
	return nil
}
