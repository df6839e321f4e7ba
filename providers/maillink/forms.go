package maillink

import (
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/form"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

// PageForms implements [auth.FormProvider]: how to ask for a link to log in, if there is
// no other form to log in with, and, for a user with an address, to confirm who they are.
// Where there is another, two that ask for an address would be one too many: the page
// leads to GET /link.
func (p *Provider) PageForms(r *http.Request, page string) []auth.Form {
	switch page {
	case "login":
		if p.alone {
			return []auth.Form{askForm(nil)}
		}
	case "confirm":
		return p.confirmForms(r)
	}
	return nil
}

// askForm shows again what was sent.
func askForm(sent form.Values) auth.Form {
	email := auth.Field{Name: "email", Label: "Email address", Type: "email", Autocomplete: "email", Value: sent.Get("email"), MaxLength: identifier.MaxEmail}
	remember := auth.Field{Name: "remember", Label: "Stay logged in on this device", Type: "checkbox", Optional: true}
	if sent.Bool("remember") {
		remember.Value = "on"
	}
	return auth.Form{Name: name, Action: "/link", Submit: "Send me a link", Fields: []auth.Field{email, remember}}
}

// confirmForms sends the link to the user's own address. If it cannot be told now
// which that is, they are asked.
func (p *Provider) confirmForms(r *http.Request) []auth.Form {
	id, err := p.m.IdentityFrom(r.Context())
	if err != nil {
		return nil
	}
	held, err := p.m.Store().UserCredentials(r.Context(), id.UserID, "email")
	switch {
	case err != nil:
		return []auth.Form{{Name: name, Action: "/link", Submit: "Send me a link", Fields: askForm(nil).Fields[:1]}}
	case len(held) == 0:
		return nil
	}
	return []auth.Form{{Name: name, Action: "/link", Submit: "Send me a link", Fields: []auth.Field{{Name: "email", Type: "hidden", Value: held[0].Key}}}}
}

// useForm is the button on the page that a link opens.
func useForm(token string) auth.Form {
	return auth.Form{Name: name, Action: "/link", Submit: "Log in", Fields: []auth.Field{{Name: "token", Type: "hidden", Value: token}}}
}
