package apikey

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/form"
)

// manage lets in who has a session. Who comes with a credential in the request
// itself, a key or any other, is refused: it could make itself another that
// outlives it and may do more.
func (p *Provider) manage(f func(http.ResponseWriter, *http.Request, *auth.Identity)) http.Handler {
	return p.m.RequireSession(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := p.m.IdentityFrom(r.Context())
		if err != nil {
			p.m.Refuse(w, r, err)
			return
		}
		f(w, r, id)
	}))
}

func (p *Provider) getKeys(w http.ResponseWriter, r *http.Request, id *auth.Identity) {
	p.show(w, r, id, nil, nil)
}

// show answers with the user's keys, and with what was wrong with what was sent.
func (p *Provider) show(w http.ResponseWriter, r *http.Request, id *auth.Identity, forms []auth.Form, problem error) {
	keys, err := p.List(r.Context(), id.UserID)
	if err != nil {
		p.m.Refuse(w, r, err)
		return
	}
	list := Listing{Keys: keys, Scopes: p.opts.Scopes}
	if list.Scopes == nil {
		list.Scopes = []Scope{}
	}
	page := &auth.Page{Name: "keys", Title: "API keys", Forms: forms, Data: &list}
	switch {
	case !id.Fresh(p.m.Now(), p.opts.Fresh):
		list.Stale = true
		page.Forms, page.Next = nil, p.m.URL("/keys") // where confirming leads back to
	case problem == nil:
		page.Forms = []auth.Form{p.createForm(nil)}
	}
	p.m.Answer(w, r, page, problem)
}

func (p *Provider) postKeys(w http.ResponseWriter, r *http.Request, id *auth.Identity) {
	fields := []form.Field{{Name: "name"}, {Name: "days", Kind: form.Number}, {Name: "scopes", Kind: form.List}}
	for _, s := range p.opts.Scopes {
		fields = append(fields, form.Field{Name: tick(s)})
	}
	// First, and then whether they may: who sends slowly gains no time.
	sent, err := form.ParseFields(w, r, fields...)
	if gone := p.m.Recheck(r.Context()); gone != nil {
		p.m.Refuse(w, r, gone)
		return
	}
	if stale := p.m.Fresh(r.Context(), p.opts.Fresh); errors.Is(stale, auth.ErrNotFresh) {
		p.m.Emit(r, auth.Event{Name: "not_fresh", UserID: id.UserID, Actor: id.Actor})
		// Confirming leads back to the page with the form, which has the same
		// address, and not to sending it again.
		page := *r
		page.Method = http.MethodGet
		p.m.Refuse(w, &page, stale)
		return
	} else if stale != nil {
		p.m.Refuse(w, r, stale)
		return
	}
	var made Created
	if err == nil {
		made, err = p.create(r, id, sent)
	}
	if errors.Is(err, auth.ErrNoCredentials) {
		p.m.Refuse(w, r, err)
		return
	}
	if err != nil {
		p.show(w, r, id, []auth.Form{p.createForm(sent)}, err)
		return
	}
	// In this answer and nowhere else: not in an address, not in a cookie, and the
	// Manager has forbidden every cache to keep it.
	p.m.Answer(w, r, &auth.Page{Name: "key", Title: "Your new API key", Status: http.StatusCreated, Data: &made}, nil)
}

// create makes the key that was asked for.
func (p *Provider) create(r *http.Request, id *auth.Identity, sent form.Values) (Created, error) {
	if id.Actor != "" { // the key would outlive what they are allowed
		return Created{}, &auth.Problem{Status: http.StatusForbidden, Code: "forbidden", Err: auth.ErrForbidden,
			Detail: "Only the user can make keys."}
	}
	k := NewKey{Name: sent.Get("name"), Scopes: strings.Fields(sent.Get("scopes"))}
	for _, s := range p.opts.Scopes {
		if sent.Bool(tick(s)) {
			k.Scopes = append(k.Scopes, s.Name)
		}
	}
	switch days := strings.TrimSpace(sent.Get("days")); days {
	case "":
	case "never":
		k.NeverExpires = true
	default:
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > p.maxDays() {
			return Created{}, invalidField("days", fmt.Sprintf("A key lives 1 to %d days.", p.maxDays()))
		}
		k.Lifetime = time.Duration(n) * day
	}
	made, err := p.createFor(r.Context(), id.User, id.UserID, k)
	if err != nil {
		return made, err
	}
	// As the gate does: what ended the login while the key was made has not seen
	// the key.
	if gone := p.m.Recheck(r.Context()); gone != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
		defer cancel()
		if err := p.withdraw(ctx, id.UserID, made.ID); err != nil {
			return Created{}, err
		}
		return Created{}, gone
	}
	return made, nil
}

func (p *Provider) postRename(w http.ResponseWriter, r *http.Request, id *auth.Identity) {
	sent, err := form.Parse(w, r, "id", "name")
	if err == nil {
		err = p.m.Recheck(r.Context())
	}
	if err == nil {
		err = p.Rename(r.Context(), id.UserID, sent.Get("id"), sent.Get("name"))
	}
	p.changed(w, r, id, "key.renamed", err)
}

func (p *Provider) postRevoke(w http.ResponseWriter, r *http.Request, id *auth.Identity) {
	sent, err := form.Parse(w, r, "id")
	if err == nil {
		err = p.m.Recheck(r.Context())
	}
	if err == nil {
		err = p.Revoke(r.Context(), id.UserID, sent.Get("id"))
	}
	p.changed(w, r, id, "key.revoked", err)
}

// changed answers a change to a key, with a message. With a problem there is no form for another
// key, whose name it could be taken to be about.
func (p *Provider) changed(w http.ResponseWriter, r *http.Request, id *auth.Identity, message string, err error) {
	if errors.Is(err, auth.ErrNoCredentials) {
		p.m.Refuse(w, r, err)
		return
	}
	if err != nil {
		p.show(w, r, id, nil, err)
		return
	}
	p.m.Flash(w, r, auth.Flash{ID: message, Category: "success"})
	p.m.Finish(w, r, nil, p.m.URL("/keys"))
}

// tick returns the name of the checkbox of a scope.
func tick(s Scope) string { return "scope:" + s.Name }

// createForm shows again what was sent.
func (p *Provider) createForm(sent form.Values) auth.Form {
	days := auth.Field{Name: "days", Label: "Expires after how many days", Hint: fmt.Sprintf("1 to %d.", p.maxDays()),
		Type: "text", Autocomplete: "off", Value: strconv.Itoa(int(p.opts.Lifetime / day)), MaxLength: 5}
	if p.opts.InsecureNoExpiry {
		days.Hint = fmt.Sprintf("1 to %d, or never.", p.maxDays())
	}
	if sent != nil {
		days.Value = sent.Get("days")
	}
	fields := []auth.Field{
		{Name: "name", Label: "Name", Hint: "What the key is for.", Type: "text", Autocomplete: "off", Value: sent.Get("name"), MaxLength: maxName},
		days,
	}
	for _, s := range p.opts.Scopes {
		f := auth.Field{Name: tick(s), Label: s.Name, Type: "checkbox", Optional: true}
		if s.Description != "" {
			f.Label, f.Hint = s.Description, s.Name
		}
		if sent.Bool(tick(s)) {
			f.Value = "on"
		}
		fields = append(fields, f)
	}
	return auth.Form{Name: kind, Action: "/keys", Submit: "Create key", Fields: fields}
}
