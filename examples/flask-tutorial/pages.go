package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
)

//go:embed html
var files embed.FS

var templates = template.Must(template.ParseFS(files, "html/*.html"))

// page shows what load returns.
func page[T any](s *site, name string, load func(*http.Request) (T, error)) http.Handler {
	return s.answer(func(w http.ResponseWriter, r *http.Request) error {
		data, err := load(r)
		if err != nil {
			return err
		}
		user, _ := auth.UserFrom[*User](r.Context()) // nil: nobody
		dot := map[string]any{"User": user, "Messages": s.auth.Flashes(w, r), "Data": data}
		var html bytes.Buffer // so that a failure is not half a page
		if err := templates.ExecuteTemplate(&html, name, dot); err != nil {
			return err
		}
		w.Header().Set("Cache-Control", "no-store")
		_, _ = html.WriteTo(w) // the visitor has gone: nobody to tell
		return nil
	})
}

// api answers with what do returns, in JSON.
func api[T any](s *site, status int, do func(*http.Request) (T, error)) http.Handler {
	return s.answer(func(w http.ResponseWriter, r *http.Request) error {
		body, err := do(r)
		if err == nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(body) // the client has gone: nobody to tell
		}
		return err
	})
}

// form does what a form asks for, and goes back to the comments, with a message.
func form[T any](s *site, message string, do func(*http.Request) (T, error)) http.Handler {
	return s.answer(func(w http.ResponseWriter, r *http.Request) error {
		_, err := do(r)
		if err == nil {
			s.auth.Flash(w, r, auth.Flash{ID: message, Category: "success"})
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}
		return err
	})
}

// answer leaves errors to Gatehouse: the login page, an error page, or
// application/problem+json.
func (s *site) answer(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.auth.Refuse(w, r, err)
		}
	})
}
