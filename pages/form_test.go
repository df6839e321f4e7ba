package pages_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
)

func TestField(t *testing.T) {
	tests := []struct {
		name  string
		field auth.Field
		want  map[string]string // "-" in the value: not there
	}{
		{"email", auth.Field{Name: "email", Type: "email", Autocomplete: "username", Value: "a@b.c", MaxLength: 254},
			map[string]string{"type": "email", "autocomplete": "username", "value": "a@b.c", "maxlength": "254", "required": "", "autocapitalize": "none"}},
		{"optional", auth.Field{Name: "name", Type: "text", Optional: true},
			map[string]string{"type": "text", "required": "-", "minlength": "-", "maxlength": "-", "autofocus": "-"}},
		{"password", auth.Field{Name: "password", Type: "password", Autocomplete: "new-password", Value: "hunter2", MinLength: 15, MaxLength: 1024},
			map[string]string{"type": "password", "autocomplete": "new-password", "value": "-", "minlength": "15", "maxlength": "-", "aria-describedby": "f-password-hint"}},
		{"present password", auth.Field{Name: "password", Type: "password", Autocomplete: "current-password", MinLength: 8},
			map[string]string{"aria-describedby": "-"}},
		{"password as text", auth.Field{Name: "password", Type: "text", Autocomplete: "section-a current-password", Value: "hunter2"},
			map[string]string{"type": "text", "value": "-"}},
		{"code", auth.Field{Name: "code", Type: "text", Autocomplete: "one-time-code", Value: "123456"},
			map[string]string{"inputmode": "numeric", "value": "-", "autofocus": ""}},
		{"unknown type", auth.Field{Name: "x", Type: "file"}, map[string]string{"type": "text"}},
		{"no type", auth.Field{Name: "x"}, map[string]string{"type": "text"}},
		{"ticked", auth.Field{Name: "remember", Type: "checkbox", Value: "on", Optional: true},
			map[string]string{"type": "checkbox", "value": "true", "checked": "", "required": "-"}},
		{"not ticked", auth.Field{Name: "remember", Type: "checkbox", Optional: true},
			map[string]string{"value": "true", "checked": "-"}},
		{"hidden", auth.Field{Name: "token", Type: "hidden", Value: "t"},
			map[string]string{"type": "hidden", "value": "t"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page := auth.Page{Name: "login", Forms: []auth.Form{{Name: "f", Action: "/login", Fields: []auth.Field{tt.field}}}}
			html := render(t, pages.New(nil), page)
			inputs := find(checkPage(t, html), "input", "name", tt.field.Name)
			if len(inputs) != 1 {
				t.Fatalf("%d inputs", len(inputs))
			}
			for attr, want := range tt.want {
				got, ok := inputs[0].attrs[attr]
				if ok == (want == "-") || ok && got != want {
					t.Errorf("%s is %q (there: %v), want %q", attr, got, ok, want)
				}
			}
			if strings.Contains(html, "hunter2") {
				t.Error("shows a password")
			}
		})
	}
}

func TestNothingBreaksOut(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1) x='`
	user := &auth.Identity{UserID: evil, Session: &auth.Session{ID: auth.SessionID{1}, Label: evil}}
	for _, name := range []string{"login", "register", "account", "sessions", "password", "keys", "key", "accounts", "confirm", "error", evil} {
		t.Run(name, func(t *testing.T) {
			page := auth.Page{
				Name: name, Next: "/" + evil, Identity: user,
				Problem: &auth.Problem{Code: evil, Field: "email", Detail: evil},
				Forms: []auth.Form{{Name: "f", Action: "/" + evil, Submit: evil, Fields: []auth.Field{
					{Name: "email", Label: evil, Hint: evil, Type: evil, Autocomplete: evil, Value: evil},
					{Name: "tick", Label: evil, Type: "checkbox"},
					{Name: "hidden", Type: "hidden", Value: evil},
				}}},
				Sessions: []*auth.Session{user.Session, {ID: auth.SessionID{2}, Label: evil}},
				Ways:     []auth.Credential{{Kind: evil, Label: evil}, {Kind: "email", Key: evil}},
				Flashes:  []auth.Flash{{ID: evil, Category: evil}, {ID: "logged_out", Category: evil}, {ID: "mine"}},
			}
			html := render(t, pages.New(&pages.Options{Site: evil, Texts: map[string]string{"login.title": evil, "flash.mine": evil}}), page)
			for _, e := range checkPage(t, html) {
				if e.name == "script" || e.name == "img" {
					t.Errorf("has a %s", e.name)
				}
			}
		})
	}
}

// twoForms both have a field of the same name.
func twoForms() []auth.Form {
	return []auth.Form{
		{Name: "password", Action: "/login", Fields: []auth.Field{{Name: "email", Type: "email", Value: "a"}, {Name: "password", Type: "password"}}},
		{Name: "password", Action: "/link", Fields: []auth.Field{{Name: "email", Type: "email", Value: "a"}}},
	}
}

func TestProblem(t *testing.T) {
	tests := []struct {
		name      string
		path      string
		problem   auth.Problem
		wrong     string // id of the field that is wrong
		focus     string // id of the field to start with
		described string // what describes that field
		text      string
	}{
		{"field", "/login", auth.Problem{Code: "invalid_field", Field: "password", Detail: "Too short."},
			"password-password", "password-password", "password-password-error", "Too short."},
		{"field of the form that was sent", "/link", auth.Problem{Code: "invalid_field", Field: "email"},
			"password-email-2", "password-email-2", "password-email-2-error", "This cannot be used."},
		{"field that no form sent has", "/link", auth.Problem{Code: "invalid_field", Field: "password"},
			"password-password", "password-password", "password-password-error", "This cannot be used."},
		{"field on no form", "/login", auth.Problem{Code: "invalid_field", Field: "id", Detail: "Say which."}, "", "", "", "Say which."},
		{"no field", "/login", auth.Problem{Code: "bad_credentials"}, "", "password-password", "problem", "This is not right."},
		{"unknown code", "/login", auth.Problem{Code: "odd"}, "", "password-password", "problem", "That did not work."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", tt.path, nil)
			html := renderTo(t, pages.New(nil), r, auth.Page{Name: "login", Forms: twoForms(), Problem: &tt.problem}).Body.String()
			all := checkPage(t, html)
			if !strings.Contains(html, tt.text) {
				t.Errorf("does not say %q", tt.text)
			}
			var wrong []string
			for _, e := range find(all, "input", "aria-invalid", "true") {
				wrong = append(wrong, e.attrs["id"])
			}
			if got := strings.Join(wrong, " "); got != tt.wrong {
				t.Errorf("wrong is %q, want %q", got, tt.wrong)
			}
			focus := element{attrs: map[string]string{}}
			if f := find(all, "input", "autofocus", ""); len(f) > 0 {
				focus = f[0]
			}
			if focus.attrs["id"] != tt.focus || focus.attrs["aria-describedby"] != tt.described {
				t.Errorf("focus on %v", focus.attrs)
			}
			if link := slices.ContainsFunc(all, func(e element) bool { return e.attrs["href"] == "#"+tt.wrong }); link != (tt.wrong != "") {
				t.Errorf("the problem leads to its field: %v", link)
			}
		})
	}
}

// A password manager that sees no name stores a second entry, without one.
func TestUsernameForPasswordManagers(t *testing.T) {
	email := auth.Credential{Kind: "email", Key: "ada@example.com"}
	name := auth.Credential{Kind: "username", Key: "ada"}
	change := auth.Form{Name: "f", Action: "/password", Fields: []auth.Field{{Name: "current", Type: "password", Autocomplete: "current-password"}}}
	named := auth.Form{Name: "f", Action: "/password", Fields: append([]auth.Field{{Name: "email", Autocomplete: "username"}}, change.Fields...)}
	tests := []struct {
		name string
		form auth.Form
		ways []auth.Credential
		want string
	}{
		{"email", change, []auth.Credential{email}, "ada@example.com"},
		{"username", change, []auth.Credential{{Kind: "password"}, name}, "ada"},
		{"email before username", change, []auth.Credential{name, email}, "ada@example.com"},
		{"not known", change, nil, ""},
		{"asked for", named, []auth.Credential{email}, ""},
		{"no password", auth.Form{Name: "f", Action: "/x"}, []auth.Credential{email}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := checkPage(t, render(t, pages.New(nil), auth.Page{Name: "password", Forms: []auth.Form{tt.form}, Ways: tt.ways}))
			var got string
			if f := find(all, "input", "autocomplete", "username", "hidden", "", "readonly", ""); len(f) > 0 {
				got = f[0].attrs["value"]
				if _, sent := f[0].attrs["name"]; sent {
					t.Error("is sent")
				}
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
