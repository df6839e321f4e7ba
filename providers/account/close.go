package account

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/form"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

const (
	keepPurpose  = "account.keep"    // of the tickets of links to keep an account that was closed
	closingEntry = "account.closing" // of the entries that ask for one
	purgeEntry   = "account.purge"   // of those with which the account ends
)

// A closing is what is kept of an account that was closed, as a credential, and what its
// entries and its link are about.
type closing struct {
	User    string    `json:"user"`
	ID      string    `json:"id"` // of two closings of an account
	Due     time.Time `json:"due"`
	Purging bool      `json:"purging,omitempty"` // it is too late to keep it
}

// deleter is the ability of a [auth.UserLoader] without which accounts cannot be closed.
type deleter interface {
	DeleteUser(ctx context.Context, id string) error
}

func (p *Provider) mountClose(mux auth.Mux) {
	p.mountExport(mux)
	if _, ok := auth.As[deleter](p.m.Users()); !ok {
		return
	}
	p.post.Handle(closingEntry, p.composeClosing)
	p.post.Handle(purgeEntry, p.purge)
	mux.Handle("GET /close", http.HandlerFunc(p.getClose))
	mux.Handle("POST /close", http.HandlerFunc(p.postClose))
}

func closePage(token string) *auth.Page {
	page := &auth.Page{Name: "close", Title: "Close your account", Forms: []auth.Form{{Name: "close", Action: "/close", Submit: "Close my account"}}}
	if token != "" {
		page.Title, page.Forms = "Keep your account", []auth.Form{tokenForm("keep", "/close", "Keep my account", token)}
	}
	return page
}

func (p *Provider) getClose(w http.ResponseWriter, r *http.Request) {
	token := tokenIn(r)
	if token == "" {
		p.user(func(w http.ResponseWriter, r *http.Request) { p.m.Answer(w, r, closePage(""), nil) }).ServeHTTP(w, r)
		return
	}
	withToken(w)
	_, _, err := p.findClosing(r.Context(), token)
	p.answerToken(w, r, closePage(token), err)
}

func (p *Provider) postClose(w http.ResponseWriter, r *http.Request) {
	sent, err := form.Parse(w, r, "token")
	switch token := sent.Get("token"); {
	case err != nil:
		p.m.Answer(w, r, closePage(""), err)
	case token == "":
		p.user(p.closeAccount).ServeHTTP(w, r)
	default:
		withToken(w)
		if err := p.keep(r, token); err != nil {
			p.answerToken(w, r, closePage(token), err)
			return
		}
		p.m.Flash(w, r, auth.Flash{ID: "account.kept", Category: "success"})
		p.m.Done(w, r, "/login", http.StatusOK, map[string]string{"status": "kept"})
	}
}

// closeAccount closes the account of who asks. It is gone once that cannot be undone any
// more, and no former address can come back.
func (p *Provider) closeAccount(w http.ResponseWriter, r *http.Request) {
	if !p.proven(w, r) {
		return
	}
	due, err := p.begin(r)
	if err != nil {
		p.m.Answer(w, r, closePage(""), err)
		return
	}
	p.m.Flash(w, r, auth.Flash{ID: "account.closed", Category: "success"})
	p.m.Done(w, r, "/login", http.StatusOK, map[string]any{"status": "closed", "due": due})
}

func (p *Provider) begin(r *http.Request) (due time.Time, err error) {
	ctx := r.Context()
	id, err := p.m.IdentityFrom(ctx)
	if err != nil {
		return due, err
	}
	if err := p.limitPosts(r); err != nil {
		return due, err
	}
	former, err := p.m.Store().UserCredentials(ctx, shadow(id.UserID), emailKind)
	if err != nil {
		return due, err
	}
	now := p.m.Now()
	due = now.Add(p.opts.CloseAfter)
	for _, c := range former {
		if c.ExpiresAt.After(due) {
			due = c.ExpiresAt
		}
	}
	data, err := json.Marshal(closing{User: id.UserID, ID: rand.Text(), Due: due})
	if err != nil {
		return due, fmt.Errorf("account: encoding a closing: %w", err)
	}
	in := &intent{event: "account.closed", language: p.post.LanguageOf(r)}
	err = p.m.Apply(in.context(ctx), id.UserID, in.event, auth.Change{New: &auth.Credential{
		Kind: closingKind, Key: id.UserID, UserID: id.UserID, Data: data, CreatedAt: now}})
	if errors.Is(err, auth.ErrExists) || errors.Is(err, auth.ErrConflict) {
		if _, _, again := p.closingOf(ctx, id.UserID); again == nil {
			err = accountClosed()
		}
	}
	return due, err
}

// recordClosing enqueues what an account that is closed comes to: a mail to all of its
// addresses, by which it can be kept, and its end.
func (p *Provider) recordClosing(ctx context.Context, e auth.Event, changes []auth.Change) error {
	if e.Name != "account.closed" {
		return nil
	}
	for _, c := range changes {
		if c.New == nil || c.New.Kind != closingKind {
			continue
		}
		var v closing
		if err := json.Unmarshal(c.New.Data, &v); err != nil {
			return fmt.Errorf("account: a closing cannot be read: %w", err)
		}
		mails, err := p.closingMails(ctx, e.UserID, c.New.Data)
		if err != nil {
			return err
		}
		// The end is nobody's: with what waits for the user it would be deleted by itself.
		last := outbox.Entry{Kind: purgeEntry, Data: c.New.Data, DueAt: v.Due}
		if len(mails) > 0 {
			last.To = mails[0].To
		}
		for _, entry := range mails {
			if err := p.post.Post(ctx, entry); err != nil {
				return err
			}
		}
		if err := p.post.Post(ctx, last); err != nil {
			return err
		}
	}
	return nil
}

// closingMails are those by which a closing of the user's can be kept from its end: one to the
// address that a table of the host's has, or one to each of the user's own.
func (p *Provider) closingMails(ctx context.Context, userID string, closing []byte) (mails []outbox.Entry, err error) {
	add := func(to string) {
		mails = append(mails, outbox.Entry{Kind: closingEntry, To: to, UserID: userID, Data: closing})
	}
	if address, err := p.hostsAddress(ctx, userID); err != nil {
		return nil, err
	} else if address != "" {
		add(address)
		return mails, nil
	}
	held, err := p.addresses(ctx, userID)
	for i := range held {
		add(held[i].Key)
	}
	return mails, err
}

// closingOf returns what is kept of the user's having closed the account.
// [auth.ErrNotFound] if they have not.
func (p *Provider) closingOf(ctx context.Context, userID string) (c auth.Credential, v closing, err error) {
	if c, err = p.m.Store().LoadCredential(ctx, closingKind, userID); err != nil {
		return c, v, err
	}
	if err := json.Unmarshal(c.Data, &v); err != nil {
		return c, v, fmt.Errorf("account: a closing cannot be read: %w", err)
	}
	return c, v, nil
}

// composeClosing mails the link by which the account can be kept. Its ticket is the
// shadow's: what else is done to the account does not use it up.
func (p *Provider) composeClosing(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
	var asked closing
	if err := json.Unmarshal(e.Data, &asked); err != nil {
		return nil, fmt.Errorf("account: an entry cannot be read: %w", err)
	}
	_, v, err := p.closingOf(ctx, asked.User)
	if errors.Is(err, auth.ErrNotFound) || err == nil && (v.ID != asked.ID || v.Purging) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	token, err := p.issue(ctx, keepPurpose, shadow(asked.User), secret.Digest(p.m.Realm(), keepPurpose, asked.ID, e.To), asked, v.Due.Sub(p.m.Now()))
	if err != nil {
		return nil, err
	}
	return &mail.Draft{ID: closingEntry, To: e.To, Data: map[string]string{"address": e.To, "link": p.post.Link("/close", token), "until": when(v.Due)}}, nil
}

// when is a time as mail has it.
func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// findClosing returns the ticket of a link, and what is kept of the closing that it is
// about.
func (p *Provider) findClosing(ctx context.Context, token string) (t auth.Ticket, c auth.Credential, err error) {
	var asked closing
	if t, err = p.find(ctx, keepPurpose, token, &asked); err != nil {
		return t, c, err
	}
	c, v, err := p.closingOf(ctx, asked.User)
	if errors.Is(err, auth.ErrNotFound) || err == nil && (v.ID != asked.ID || v.Purging) {
		err = linkInvalid(err)
	}
	return t, c, err
}

// keep keeps an account that was closed. What decides, also against its end, is who
// changes what is kept of the closing.
func (p *Provider) keep(r *http.Request, token string) error {
	ctx := r.Context()
	if err := p.limitPosts(r); err != nil {
		return err
	}
	t, c, err := p.findClosing(ctx, token)
	if err != nil {
		return err
	}
	err = p.m.Store().ChangeCredentials(ctx, auth.Change{Old: &c})
	if errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrConflict) {
		return linkInvalid(err)
	} else if err != nil {
		return err
	}
	// Nothing is left for the link to do.
	if err := p.take(ctx, t); err != nil && !isLinkInvalid(err) {
		p.broken(ctx, "using a link up", c.UserID, err)
	}
	p.m.Emit(r, auth.Event{Name: "account.kept", UserID: c.UserID})
	return nil
}

// unclose returns the change that keeps the user's account, none if they have not closed
// it. The error is the problem "link_invalid" if it is too late.
func (p *Provider) unclose(ctx context.Context, userID string) ([]auth.Change, error) {
	c, v, err := p.closingOf(ctx, userID)
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case v.Purging:
		return nil, linkInvalid(errors.New("account: the account is about to be deleted"))
	}
	return []auth.Change{{Old: &c}}, nil
}
