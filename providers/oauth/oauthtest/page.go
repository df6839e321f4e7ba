package oauthtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
)

const style = `:root{color-scheme:light dark}
body{font:1.05rem/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;background:#8881}
main{box-sizing:border-box;width:min(26rem,100%);padding:2rem;border:1px solid #8885;border-radius:.75rem;background:Canvas}
h1{font-size:1.35rem;margin:0 0 .5rem}p{margin:.5rem 0 1.25rem;overflow-wrap:anywhere}
small{display:block;opacity:.75;font-weight:400;overflow-wrap:anywhere}
button{display:block;box-sizing:border-box;width:100%;margin:.6rem 0;padding:.7rem 1rem;font:inherit;font-weight:600;text-align:left;border:1px solid #8888;border-radius:.5rem;background:Canvas;color:CanvasText;cursor:pointer}
button:hover{border-color:#2563eb}button:focus-visible{outline:3px solid #2563eb;outline-offset:2px}
button.plain{font-weight:400;text-align:center;border-color:transparent;text-decoration:underline}`

const script = `document.forms[0].submit()`

const pages = `{{define "head"}}<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>{{style}}</head><body><main>{{end}}

{{define "foot"}}</main></body></html>{{end}}

{{define "choose"}}{{template "head" .}}
<h1>Log in with {{.Title}}</h1>
<p>The client <strong>{{.Client}}</strong> wants to know who you are. This is a stand-in for tests and development: there are no passwords.</p>
<form method="post" action="{{.Action}}">
{{range .People}}<button type="submit" name="person" value="{{.Login}}">Log in as {{.Name}}{{if .Email}} <small>{{.Email}}{{if not (verified .)}} (not verified){{end}}</small>{{end}}</button>
{{else}}<p>There is nobody who could log in.</p>
{{end}}<button type="submit" name="cancel" value="1" class="plain">Cancel</button>
</form>{{template "foot" .}}{{end}}

{{define "post"}}{{template "head" .}}
<h1>Logged in</h1>
<form method="post" action="{{.Action}}">
{{range .Fields}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<button type="submit">Continue</button>
</form>{{script}}{{template "foot" .}}{{end}}

{{define "refuse"}}{{template "head" .}}
<h1>This does not work</h1>
<p role="alert">{{.Message}}</p>{{template "foot" .}}{{end}}

{{define "index"}}{{template "head" .}}
<h1>{{.Title}}</h1>
<p>A stand-in for tests and development. Applications send people here to log in; these can:</p>
<ul>{{range .People}}<li>{{.Name}}{{with .Email}} <small>{{.}}</small>{{end}}</li>{{end}}</ul>{{template "foot" .}}{{end}}`

// A look has the pages.
type look struct {
	pages *template.Template
	csp   string
}

type choosing struct {
	Title, Client, Hint, Action string
	People                      []Person
}

func newLook() (*look, error) {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	t, err := template.New("").Funcs(template.FuncMap{
		"verified": Person.verified,
		"style":    func() template.HTML { return "<style>" + style + "</style>" },
		"script":   func() template.HTML { return "<script>" + script + "</script>" },
	}).Parse(pages)
	// There is no form-action: browsers apply it to where a form is redirected,
	// too, and that is the client.
	csp := "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(script) + "; base-uri 'none'; frame-ancestors 'none'"
	return &look{pages: t, csp: csp}, err
}

func (l *look) show(w http.ResponseWriter, status int, page string, data any) {
	var b bytes.Buffer
	if err := l.pages.ExecuteTemplate(&b, page, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", l.csp)
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// choose shows the people as buttons, whoever is hinted at first.
func (l *look) choose(w http.ResponseWriter, c choosing) {
	slices.SortStableFunc(c.People, func(a, b Person) int {
		switch {
		case a.hinted(c.Hint) == b.hinted(c.Hint):
			return 0
		case a.hinted(c.Hint):
			return -1
		}
		return 1
	})
	l.show(w, http.StatusOK, "choose", c)
}

// hinted reports whether a login_hint means p.
func (p Person) hinted(hint string) bool {
	return hint != "" && (hint == p.Login || hint == p.Email)
}

// post sends the browser on with a POST (OAuth 2.0 Form Post Response Mode).
func (l *look) post(w http.ResponseWriter, title, action string, v url.Values) {
	type field struct{ Name, Value string }
	var fields []field
	for name, vs := range v {
		for _, value := range vs {
			fields = append(fields, field{name, value})
		}
	}
	l.show(w, http.StatusOK, "post", map[string]any{"Title": title, "Action": action, "Fields": fields})
}

// refuse says what is wrong to the person, because the client cannot be trusted
// to be the one it says it is.
func (l *look) refuse(w http.ResponseWriter, title, message string) {
	l.show(w, http.StatusBadRequest, "refuse", map[string]any{"Title": title, "Message": message})
}

func (l *look) index(w http.ResponseWriter, people []Person) {
	l.show(w, http.StatusOK, "index", map[string]any{"Title": "Identity provider", "People": people})
}
