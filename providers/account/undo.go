package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/form"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

// undoPurpose is that of the links to undo a change of address, and of the entries that
// ask for one.
const undoPurpose = "account.undo"

// A former is a former address: what is kept with the link to it.
type former struct {
	User    string `json:"user"`
	Address string `json:"address"`
}

func (p *Provider) mountUndo(mux auth.Mux) {
	p.post.Handle(undoPurpose, p.composeUndo)
	mux.Handle("GET /email/undo", http.HandlerFunc(p.getUndo))
	mux.Handle("POST /email/undo", http.HandlerFunc(p.postUndo))
}

// composeUndo mails a former address the link by which it comes back, for as long as it
// is reserved. What is kept of the link is the shadow's: whoever has the account now can
// do nothing about it.
func (p *Provider) composeUndo(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
	reservation, err := p.reservation(ctx, e.UserID, e.To)
	if errors.Is(err, auth.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	data, err := json.Marshal(former{User: e.UserID, Address: e.To})
	if err != nil {
		return nil, fmt.Errorf("account: encoding a link: %w", err)
	}
	held, err := p.m.Store().UserCredentials(ctx, shadow(e.UserID), undoKind)
	if err != nil {
		return nil, err
	}
	token := secret.New()
	changes := []auth.Change{{New: &auth.Credential{Kind: undoKind, Key: p.undoKey(token), UserID: shadow(e.UserID), Label: e.ID,
		Data: data, CreatedAt: reservation.CreatedAt, ExpiresAt: reservation.ExpiresAt}}}
	for i := range held {
		if held[i].Label == e.ID { // that of an earlier try
			changes = append(changes, auth.Change{Old: &held[i]})
		}
	}
	if err := p.m.Store().ChangeCredentials(ctx, changes...); err != nil {
		return nil, err
	}
	d := &mail.Draft{ID: undoPurpose, To: e.To, Data: map[string]string{"address": e.To, "link": p.post.Link("/email/undo", token)}}
	now, err := p.addresses(ctx, e.UserID)
	if len(now) > 0 {
		d.Data["new_address"] = now[0].Key
	}
	return d, err
}

// undoKey is what a store keeps of the token of a link to undo a change.
func (p *Provider) undoKey(token string) string {
	return secret.Digest(p.m.Realm(), undoPurpose, token)
}

// findUndo returns the link that the token stands for, and what it is about.
func (p *Provider) findUndo(ctx context.Context, token string) (link auth.Credential, f former, err error) {
	if !secret.Valid(token) {
		return link, f, linkInvalid(nil)
	}
	link, err = p.m.Store().LoadCredential(ctx, undoKind, p.undoKey(token))
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return link, f, linkInvalid(err)
	case err != nil:
		return link, f, err
	case !p.live(&link):
		return link, f, linkInvalid(errors.New("account: the link has expired"))
	}
	if err := json.Unmarshal(link.Data, &f); err != nil {
		return link, f, fmt.Errorf("account: a link cannot be read: %w", err)
	}
	return link, f, nil
}

func undoPage(token string) *auth.Page {
	return &auth.Page{Name: "email-undo", Title: "Take back your address", Forms: []auth.Form{
		tokenForm("email-undo", "/email/undo", "Take back my address", token)}}
}

func (p *Provider) getUndo(w http.ResponseWriter, r *http.Request) {
	withToken(w)
	token := tokenIn(r)
	_, _, err := p.findUndo(r.Context(), token)
	p.answerToken(w, r, undoPage(token), err)
}

func (p *Provider) postUndo(w http.ResponseWriter, r *http.Request) {
	withToken(w)
	sent, err := form.Parse(w, r, "token")
	if err == nil {
		err = p.limitPosts(r)
	}
	if err == nil {
		err = p.undo(r, sent.Get("token"))
	}
	if err != nil {
		p.answerToken(w, r, undoPage(sent.Get("token")), err)
		return
	}
	p.m.Flash(w, r, auth.Flash{ID: "email.reverted", Category: "success"})
	p.m.Done(w, r, "/login", http.StatusOK, map[string]string{"status": "reverted"})
}

// undo gives the account back to its former address, and begins its recovery there.
func (p *Provider) undo(r *http.Request, token string) error {
	ctx := r.Context()
	link, f, err := p.findUndo(ctx, token)
	if err != nil {
		return err
	}
	in := &intent{event: "email.reverted", over: []auth.Credential{link}, language: p.post.LanguageOf(r)}
	changes, err := p.giveBack(ctx, in, f.User, f.Address, time.Time{})
	if err != nil {
		return err
	}
	changes, err = p.spare(ctx, in, f.User, link.CreatedAt, changes)
	if err != nil {
		return err
	}
	err = p.applyIntent(ctx, f.User, in, changes...)
	if isLate(err) {
		if _, _, again := p.findUndo(ctx, token); isLinkInvalid(again) {
			return again
		}
	}
	return err
}

// giveBack makes the address the user's again, who begins to recover the account by it,
// and keeps the account if it was closed. The error is the problem "link_invalid" if
// nothing says any more that the address is, or lately was, theirs: a mailbox that its
// owner has left for longer than a change can be undone has no power over the account.
//
// All other addresses go, with what would bring them back of those that were changed
// later, but not of one that had been the user's before already: that is reserved once
// more, for as long as its link is good. So goes every way in that was added since then: who has had the account for longer
// wins. So do those added since another time, if it is not zero.
func (p *Provider) giveBack(ctx context.Context, in *intent, userID, address string, since time.Time) ([]auth.Change, error) {
	if there, err := p.there(ctx, userID); err != nil {
		return nil, err
	} else if !there {
		return nil, linkInvalid(errors.New("account: the account is gone"))
	}
	changes, err := p.unclose(ctx, userID)
	if err != nil {
		return nil, err
	}
	held, err := p.addresses(ctx, userID)
	if err != nil {
		return nil, err
	}
	in.recover = address
	if hosts, err := p.hostsAddress(ctx, userID); err != nil {
		return nil, err
	} else if hosts == address {
		added, err := p.addedSince(ctx, userID, since)
		return append(changes, added...), err
	}
	for i := range held {
		if held[i].Key == address {
			added, err := p.addedSince(ctx, userID, since)
			return append(changes, added...), err
		}
	}
	reservation, err := p.reservation(ctx, userID, address)
	if errors.Is(err, auth.ErrNotFound) {
		return nil, linkInvalid(err)
	} else if err != nil {
		return nil, err
	}
	for i := range held {
		changes = append(changes, auth.Change{Old: &held[i]})
	}
	later, err := p.m.Store().UserCredentials(ctx, shadow(userID), emailKind, undoKind)
	if err != nil {
		return nil, err
	}
	in.give, in.profile = []auth.Credential{*p.provedAddress(userID, address)}, address
	for _, c := range later {
		used := len(in.over) > 0 && c.Kind == in.over[0].Kind && c.Key == in.over[0].Key
		if !used && !c.CreatedAt.Before(reservation.CreatedAt) {
			in.over = append(in.over, c)
		} else if had, err := p.hadBefore(&c, held); err != nil {
			return nil, err
		} else if had != "" && !slices.ContainsFunc(in.give, func(g auth.Credential) bool { return g.Key == had }) {
			in.give = append(in.give, auth.Credential{Kind: emailKind, Key: had, UserID: c.UserID, CreatedAt: c.CreatedAt, ExpiresAt: c.ExpiresAt})
		}
	}
	if since.IsZero() || reservation.CreatedAt.Before(since) {
		since = reservation.CreatedAt
	}
	added, err := p.addedSince(ctx, userID, since)
	return append(changes, added...), err
}

// hadBefore returns which of the addresses the link is to, if it is one: it was the user's
// before, and then became theirs again.
func (p *Provider) hadBefore(link *auth.Credential, addresses []auth.Credential) (string, error) {
	if link.Kind != undoKind || !p.live(link) {
		return "", nil
	}
	var f former
	if err := json.Unmarshal(link.Data, &f); err != nil {
		return "", fmt.Errorf("account: a link cannot be read: %w", err)
	}
	if slices.ContainsFunc(addresses, func(c auth.Credential) bool { return c.Key == f.Address }) {
		return f.Address, nil
	}
	return "", nil
}

// addedSince returns the changes that remove the ways in that the user has had only since
// then: whoever had the account may have added them, and would come back by them. Second
// factors stay: they let nobody in, and a mailbox alone is not to do away with them.
func (p *Provider) addedSince(ctx context.Context, userID string, since time.Time) (changes []auth.Change, err error) {
	if since.IsZero() {
		return nil, nil
	}
	held, err := p.m.Store().UserCredentials(ctx, userID)
	if err != nil {
		return nil, err
	}
	roles := p.roles()
	for i := range held {
		if roles[held[i].Kind] == auth.FirstFactor && !held[i].CreatedAt.IsZero() && !held[i].CreatedAt.Before(since) {
			changes = append(changes, auth.Change{Old: &held[i]})
		}
	}
	return changes, nil
}
