package password

import (
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/form"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

// PageForms implements [auth.FormProvider]: how to log in, how to register where
// that can be done, and, for a user who has a password, how to confirm.
func (p *Provider) PageForms(r *http.Request, page string) []auth.Form {
	switch {
	case page == "login":
		return []auth.Form{p.loginForm(nil)}
	case page == "register" && p.canRegister(): // its place among those of others
		return []auth.Form{p.registerForm(nil)}
	case page == "confirm" && !p.hasNone(r):
		return []auth.Form{confirmForm()}
	}
	return nil
}

// hasNone reports whether it is known that who is asking has no password.
func (p *Provider) hasNone(r *http.Request) bool {
	id, err := p.m.IdentityFrom(r.Context())
	if err != nil {
		return false
	}
	_, err = p.held(r.Context(), id.UserID)
	problem, ok := isProblem(err)
	return ok && problem.Code == codeNoPassword
}

// The forms show again what was sent, but for passwords.

func (p *Provider) loginForm(sent form.Values) auth.Form {
	name := auth.Field{Name: "email", Label: "Email address", Type: "email", Autocomplete: "username", MaxLength: identifier.MaxEmail}
	switch {
	case p.opts.Login == ByUsername:
		name = usernameField()
	case p.opts.Login == ByEither:
		name.Name, name.Label, name.Type = "login", "Email address or user name", "text"
	}
	if p.opts.Table != nil { // the host decides what a name looks like
		name.Type, name.MaxLength = "text", 255
	}
	name.Value = sent.Get(name.Name)
	remember := auth.Field{Name: "remember", Label: "Stay logged in on this device", Type: "checkbox", Optional: true}
	if sent.Bool("remember") {
		remember.Value = "on"
	}
	return auth.Form{Name: kind, Action: "/login", Submit: "Log in", Fields: []auth.Field{name, presentPassword("password", "Password"), remember}}
}

func (p *Provider) registerForm(sent form.Values) auth.Form {
	fields := []auth.Field{{Name: "name", Label: "Name", Type: "text", Autocomplete: "name", Optional: true, MaxLength: maxName}}
	email := auth.Field{Name: "email", Label: "Email address", Type: "email", Autocomplete: "username", MaxLength: identifier.MaxEmail}
	username := usernameField()
	switch p.opts.Login {
	case ByUsername:
		fields = append(fields, username)
	case ByEither:
		email.Autocomplete, username.Optional = "email", true // one field for a password manager to take as the name
		fields = append(fields, email, username)
	default:
		fields = append(fields, email)
	}
	for i := range fields {
		fields[i].Value = sent.Get(fields[i].Name)
	}
	return auth.Form{Name: kind, Action: "/register", Submit: "Create account", Fields: append(fields, p.newPassword("Password", p.opts.MinLength))}
}

func (p *Provider) changeForm(r *http.Request) auth.Form {
	return auth.Form{Name: kind, Action: "/password", Submit: "Change password", Fields: []auth.Field{
		presentPassword("current", "Current password"),
		p.newPassword("New password", p.leastFor(r)),
	}}
}

// firstForm is for who has no password yet.
func (p *Provider) firstForm(r *http.Request) auth.Form {
	return auth.Form{Name: "first-password", Action: "/password", Submit: "Set password", Fields: []auth.Field{p.newPassword("New password", p.leastFor(r))}}
}

// leastFor returns how many characters the new password of who is asking needs. If it
// cannot be told now, the answer tells it.
func (p *Provider) leastFor(r *http.Request) int {
	if id, err := p.m.IdentityFrom(r.Context()); err == nil {
		if second, err := p.policy.factors(r.Context(), id.UserID); err != nil || second {
			return leastMinLength
		}
	}
	return p.opts.MinLength
}

func confirmForm() auth.Form {
	return auth.Form{Name: kind, Action: "/confirm", Submit: "Confirm", Fields: []auth.Field{presentPassword("password", "Password")}}
}

func usernameField() auth.Field {
	return auth.Field{Name: "username", Label: "User name", Type: "text", Autocomplete: "username", MaxLength: identifier.MaxUsername}
}

func presentPassword(name, label string) auth.Field {
	return auth.Field{Name: name, Label: label, Type: "password", Autocomplete: "current-password"}
}

func (p *Provider) newPassword(label string, least int) auth.Field {
	return auth.Field{Name: "password", Label: label, Type: "password", Autocomplete: "new-password", MinLength: least}
}
