package pages

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Form is a form of the page, ready to be shown.
type Form struct {
	Name   string
	Action string // where to send it
	Lead   string // a sentence above it, or ""; that of the first form is the View's
	Submit string // the button's text
	Next   string // to be sent along as "next", or ""
	// Username is what the user logs in with, for password managers that
	// would not know whose password the form has; or "".
	Username string
	Fields   []Field
	Quiet    bool // nothing to fill in: only a button
	Second   bool // its button is not the page's main one: that of the first form to fill in or to use a link with, or the only one
	Or       bool // another way than the form before; buttons in a row are one
}

// A Field is an input of a [Form], ready to be shown.
type Field struct {
	ID           string // unique on the page
	Name         string
	Label        string
	Hint         string // or ""
	Error        string // what is wrong with it, or ""
	Type         string // "checkbox", "hidden", or one that takes a line of text
	Autocomplete string // or ""
	InputMode    string // or ""
	Value        string // never of a password or code
	Checked      bool
	Required     bool
	Optional     bool // to be marked as such
	Literal      bool // no capitals and no spelling
	MinLength    int  // 0: none
	MaxLength    int  // 0: none
	Focus        bool // where the visitor should start
	DescribedBy  string
}

func (p *Pages) forms(r *http.Request, page *auth.Page) []Form {
	wrong, main := wrongForm(r, page), mainForm(page)
	var out []Form
	var ids []string
	for i, f := range page.Forms {
		form := Form{
			Name:   f.Name,
			Action: page.Action(f.Action),
			Submit: p.submit(page, f, i == main),
			Next:   page.Next,
			Quiet:  true,
		}
		for _, fd := range f.Fields {
			field := p.field(page, f, fd)
			for n := 2; slices.Contains(ids, field.ID); n++ {
				field.ID = f.Name + "-" + fd.Name + "-" + strconv.Itoa(n)
			}
			ids = append(ids, field.ID)
			if i == wrong && field.Type != "hidden" && page.Problem.Field == fd.Name {
				field.Error = p.problemText(page.Problem)
			}
			if field.Type != "hidden" {
				form.Quiet = false
			}
			if fd.Name == "next" {
				form.Next = ""
			}
			form.Fields = append(form.Fields, field)
		}
		if i > 0 {
			form.Lead = p.texts.find("", variants(page.Name+".lead", f)...)
		}
		form.Or = i > 0 && !(form.Quiet && out[i-1].Quiet)
		if wantsUsername(form.Fields) {
			form.Username = identifier(page)
		}
		out = append(out, form)
	}
	for i := range out {
		out[i].Second = i != main
	}
	if page.Data == nil || wrong >= 0 { // or else there is something to read first
		focus(out, wrong, page.Problem != nil)
	}
	for i := range out {
		for j := range out[i].Fields {
			out[i].Fields[j].describe()
		}
	}
	return out
}

// mainForm returns the index of the form that the page is there for, or -1: the only
// one, or the first to fill in or to use a link with.
func mainForm(page *auth.Page) int {
	if len(page.Forms) == 1 {
		return 0
	}
	return slices.IndexFunc(page.Forms, func(f auth.Form) bool {
		return usesLink(f) || slices.ContainsFunc(f.Fields, func(fd auth.Field) bool { return fd.Type != "hidden" })
	})
}

// usesLink reports whether the form is for who has followed a link that was sent.
func usesLink(f auth.Form) bool {
	return slices.ContainsFunc(f.Fields, func(fd auth.Field) bool { return fd.Name == "token" && fd.Type == "hidden" })
}

// variants returns the ids of a text of the form's own, the particular one first:
// "link.lead" has "link.lead.token" for who comes with a link.
func variants(id string, f auth.Form) []string {
	ids := []string{id + "." + f.Name}
	if usesLink(f) {
		ids = append(ids, id+".token")
	}
	return ids
}

// wrongForm returns the index of the form that the problem is about, or -1:
// the one that was sent, or else the first that has the field.
func wrongForm(r *http.Request, page *auth.Page) int {
	if page.Problem == nil {
		return -1
	}
	has := func(f auth.Form) bool {
		return page.Problem.Field == "" ||
			slices.ContainsFunc(f.Fields, func(fd auth.Field) bool { return fd.Name == page.Problem.Field })
	}
	sent := func(f auth.Form) bool {
		return r.Method == http.MethodPost && r.URL.Path == page.Action(f.Action) && has(f)
	}
	if i := slices.IndexFunc(page.Forms, sent); i >= 0 {
		return i
	}
	return slices.IndexFunc(page.Forms, has)
}

// submit returns the text of the form's button. Of several forms that differ in the
// end of their names only, "oauth.github" and "oauth.google", one text can be for
// all: the end is cut off at a dot until there is one, and {title} in it is what
// people call the kind of credential "oauth:github". The page's main button can have
// the text of the page.
func (p *Pages) submit(page *auth.Page, f auth.Form, main bool) string {
	ids := append(variants(page.Name+".submit", f), "submit."+f.Name)
	section, rest, ok := strings.Cut(f.Name, ".")
	if ok {
		for shorter := f.Name; strings.Contains(shorter, "."); {
			shorter = shorter[:strings.LastIndexByte(shorter, '.')]
			ids = append(ids, page.Name+".submit."+shorter, "submit."+shorter)
		}
	}
	if main {
		ids = append(ids, page.Name+".submit")
	}
	s := p.texts.find(f.Submit, ids...)
	if strings.Contains(s, "{title}") && ok {
		title := page.KindTitle(section + ":" + rest)
		if title == "" {
			title = rest
		}
		s = strings.ReplaceAll(s, "{title}", title)
	}
	if s != "" {
		return s
	}
	return p.texts.find("", page.Name+".submit", "submit")
}

func (p *Pages) field(page *auth.Page, form auth.Form, f auth.Field) Field {
	out := Field{
		ID:           form.Name + "-" + f.Name,
		Name:         f.Name,
		Label:        p.texts.find(f.Label, page.Name+".field."+form.Name+"."+f.Name, page.Name+".field."+f.Name, "field."+f.Name),
		Hint:         p.texts.find(f.Hint, page.Name+".hint."+form.Name+"."+f.Name, page.Name+".hint."+f.Name, "hint."+f.Name),
		Type:         inputType(f.Type),
		Autocomplete: f.Autocomplete,
		Required:     !f.Optional,
		MinLength:    f.MinLength,
		MaxLength:    f.MaxLength,
	}
	if out.Label == "" {
		out.Label = f.Name
	}
	secret := out.Type == "password" || isSecret(f.Autocomplete)
	if !secret {
		out.Value = f.Value
	}
	switch {
	case out.Type == "checkbox":
		out.Checked = slices.Contains([]string{"1", "true", "on", "yes"}, strings.ToLower(f.Value))
		out.Value, out.MinLength, out.MaxLength = "true", 0, 0
	case out.Type == "password":
		out.MaxLength = 0 // it would cut what is pasted, unseen; the server says so
		if out.Hint == "" && out.MinLength > 0 && !strings.Contains(f.Autocomplete, "current-password") {
			out.Hint = p.texts.text("hint.min_length", "n", out.MinLength)
		}
	case strings.Contains(f.Autocomplete, "one-time-code"):
		out.InputMode, out.Literal = "numeric", true
	case out.Type == "email", strings.Contains(f.Autocomplete, "username"):
		out.Literal = true
	}
	out.Optional = f.Optional && out.Type != "checkbox"
	return out
}

// inputType returns t if it is a type whose value is one line of text, a tick
// or nothing to see: the kinds that the templates can show.
func inputType(t string) string {
	switch t {
	case "email", "password", "checkbox", "hidden", "tel", "url":
		return t
	}
	return "text"
}

func isSecret(autocomplete string) bool {
	return strings.Contains(autocomplete, "password") || strings.Contains(autocomplete, "one-time-code")
}

// wantsUsername reports whether the form has a password and does not say whose.
func wantsUsername(fields []Field) bool {
	password := false
	for _, f := range fields {
		if strings.Contains(f.Autocomplete, "username") {
			return false
		}
		password = password || f.Type == "password"
	}
	return password
}

// focus marks the field to start with: the wrong one, or else the first that
// is empty. If something is wrong that is not about a field, nothing has the
// focus unless the form was sent before, so that the problem is met first.
func focus(forms []Form, wrong int, problem bool) {
	if problem && wrong < 0 {
		return
	}
	for i := range forms {
		for j := range forms[i].Fields {
			if f := &forms[i].Fields[j]; f.Error != "" {
				f.Focus = true
				return
			}
		}
	}
	for i := max(wrong, 0); i < len(forms); i++ {
		for j := range forms[i].Fields {
			f := &forms[i].Fields[j]
			if f.Value == "" && f.Required && f.Type != "hidden" && f.Type != "checkbox" {
				f.Focus = true
				if problem {
					f.DescribedBy = "problem"
				}
				return
			}
		}
	}
}

// describe says which elements of the page describe the field.
func (f *Field) describe() {
	var ids []string
	if f.DescribedBy != "" {
		ids = append(ids, f.DescribedBy)
	}
	if f.Error != "" {
		ids = append(ids, f.ID+"-error")
	}
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	f.DescribedBy = strings.Join(ids, " ")
}
