package main

import (
	"net/http"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
)

// An asker lets a template of the demo's own ask what the visitor may do.
type asker struct {
	can func(action string, object ...any) (bool, error)
}

// Can is in templates {{if .Page.Data.Can "posts:edit" .Page.Data.Post}}.
func (a asker) Can(action string, object ...any) (bool, error) { return a.can(action, object...) }

// Admin reports whether to show the way to the page for admins. Where that cannot be
// found out the way is not shown, and the rest of the page is.
func (a asker) Admin() bool {
	may, err := a.can("admin:view")
	return may && err == nil
}

// asks returns the asker of a request.
func (s *site) asks(r *http.Request) asker {
	can, _ := s.manager.TemplateFuncs(r)["can"].(func(string, ...any) (bool, error))
	return asker{can}
}

// answer answers with a page of the demo's own, or with its data in JSON.
func (s *site) answer(w http.ResponseWriter, r *http.Request, p *auth.Page) {
	w.Header().Add("Vary", "Accept")
	s.manager.Answer(w, r, p, nil)
}

// done answers when something was done: a browser goes on to another page, and is told
// there; others get the status and the data of the page, which may be nil.
func (s *site) done(w http.ResponseWriter, r *http.Request, next, message string, p *auth.Page) {
	w.Header().Add("Vary", "Accept")
	switch {
	case wantsPage(r):
		s.manager.Flash(w, r, auth.Flash{ID: message, Category: "success"})
		http.Redirect(w, r, next, http.StatusSeeOther)
	case p == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		if p.Status == http.StatusCreated {
			w.Header().Set("Location", next)
		}
		s.manager.Answer(w, r, p, nil)
	}
}

// wantsPage reports whether r is answered with a page, or by sending the browser to
// one, and not with JSON.
func wantsPage(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	switch {
	case strings.Contains(accept, "text/html"):
		return true
	case strings.Contains(accept, "application/json"):
		return false
	}
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}
