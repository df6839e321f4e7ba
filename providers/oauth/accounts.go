package oauth

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Accounts is what the page "accounts" is about: [auth.Page.Data].
type Accounts struct {
	Linked    []Linked    `json:"linked"`
	Available []Available `json:"available"`
	// Stale says that who one is has to be confirmed before anything can be changed.
	Stale bool `json:"stale"`
}

// Linked is an account that the user has linked.
type Linked struct {
	Connector string    `json:"connector"`
	Title     string    `json:"title"`
	Subject   string    `json:"account"` // what to send to unlink it
	Label     string    `json:"label,omitempty"`
	LinkedAt  time.Time `json:"linked_at"`
	UsedAt    time.Time `json:"used_at,omitzero"`
	// Last says that it is the only way in, and cannot be unlinked.
	Last bool `json:"last"`
}

// Available is where the user can link an account.
type Available struct {
	Connector string `json:"connector"`
	Title     string `json:"title"`
}

func (p *Provider) getAccounts(w http.ResponseWriter, r *http.Request) { p.showAccounts(w, r, nil) }

// showAccounts answers with the user's links, and with what was wrong with what was
// asked for.
func (p *Provider) showAccounts(w http.ResponseWriter, r *http.Request, problem error) {
	id, err := p.m.IdentityFrom(r.Context())
	if err != nil {
		p.m.Refuse(w, r, err)
		return
	}
	data, forms, err := p.accounts(r, id)
	if err != nil {
		p.m.Refuse(w, r, err)
		return
	}
	page := &auth.Page{Name: "accounts", Title: "Linked accounts", Data: data, Forms: forms}
	if data.Stale {
		page.Forms, page.Next = nil, p.m.URL("/accounts") // where confirming leads back to
	}
	p.m.Answer(w, r, page, problem)
}

func (p *Provider) accounts(r *http.Request, id *auth.Identity) (*Accounts, []auth.Form, error) {
	data := &Accounts{Linked: []Linked{}, Available: []Available{}, Stale: !id.Fresh(p.m.Now(), p.opts.Fresh)}
	links, err := p.links(r.Context(), id.UserID)
	if err != nil {
		return nil, nil, err
	}
	ways, err := p.m.WaysIn(r.Context(), id.UserID)
	if err != nil {
		return nil, nil, err
	}
	last := ways < 2
	var forms []auth.Form
	var free []*Connector
	for _, c := range p.connectors {
		linked := false
		for _, l := range links {
			if l.Kind != c.kind {
				continue
			}
			linked = true
			data.Linked = append(data.Linked, Linked{Connector: c.opts.Name, Title: c.opts.Title, Subject: l.Key, Label: l.Label,
				LinkedAt: l.CreatedAt, UsedAt: l.UsedAt, Last: last})
			if !last {
				forms = append(forms, auth.Form{Name: "unlink." + c.opts.Name, Action: c.path("/unlink"), Submit: "Unlink",
					Fields: []auth.Field{{Name: "account", Type: "hidden", Value: l.Key}}})
			}
		}
		if !linked {
			free = append(free, c)
			data.Available = append(data.Available, Available{Connector: c.opts.Name, Title: c.opts.Title})
		}
	}
	return data, append(forms, buttons(r.Context(), free, "link.", "/link", "Link ")...), nil
}

// PageForms implements [auth.FormProvider]: a button for each connector.
func (p *Provider) PageForms(r *http.Request, page string) []auth.Form {
	switch page {
	case "login", "register":
		if page == "register" && !p.canCreate {
			return nil
		}
		return buttons(r.Context(), p.connectors, "oauth.", "", "Continue with ")
	case "confirm":
		id, err := p.m.IdentityFrom(r.Context())
		if err != nil {
			return nil
		}
		links, err := p.links(r.Context(), id.UserID)
		linked := slices.DeleteFunc(slices.Clone(p.connectors), func(c *Connector) bool {
			// If it cannot be told which, all are offered.
			return err == nil && !slices.ContainsFunc(links, func(l auth.Credential) bool { return l.Kind == c.kind })
		})
		return buttons(r.Context(), linked, "oauth.", "/confirm", "Confirm with ")
	}
	return nil
}

// buttons returns a form without anything to fill in for each of the connectors. Pages
// add the way back. Where several identity providers have to be asked where their page
// is, that is done at the same time.
func buttons(ctx context.Context, connectors []*Connector, name, action, verb string) []auth.Form {
	forms := make([]auth.Form, len(connectors))
	var asked sync.WaitGroup
	for i, c := range connectors {
		asked.Go(func() {
			forms[i] = auth.Form{Name: name + c.opts.Name, Action: c.path(action), Submit: verb + c.opts.Title, Origins: c.origins(ctx)}
		})
	}
	asked.Wait()
	return forms
}

// origins returns where the browser passes on its way to the identity provider, for
// the form-action of pages. It may ask the identity provider where that is, if it is
// not known yet, and does not wait long.
func (c *Connector) origins(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var found []string
	_ = c.guarded(func() error { // without them the page is as good, but for the button
		for _, o := range c.backend.origins(ctx, c.out.client(ctx)) {
			found = append(found, originOf(c.out.authURL(o+"/")))
		}
		return nil
	})
	return append(found, c.opts.Origins...)
}
