package auth

import "net/http"

// A Flash is a message that is shown once, on the next page: why somebody has to
// log in, or that something was done.
type Flash struct {
	ID       string // which message, as in [Problem.MessageID]; pages have the text, in the visitor's language
	Category string // how it looks: "info", "success", "warning" or "error", or the host's own
}

// Flashes keeps messages between two requests of a browser. It is called
// concurrently. Package auth/flash has one that keeps them in a cookie.
type Flashes interface {
	// Add keeps f for the next page, behind those that are there.
	Add(w http.ResponseWriter, r *http.Request, f Flash) error

	// Take returns the messages, oldest first, and forgets them. Those that were
	// added in the same request are among them. What cannot be read is none.
	Take(w http.ResponseWriter, r *http.Request) ([]Flash, error)
}

// flash keeps f, if the host wants messages. Without it everything goes on.
func (m *Manager) flash(w http.ResponseWriter, r *http.Request, f Flash) {
	if m.opts.Flashes == nil {
		return
	}
	if err := m.opts.Flashes.Add(w, r, f); err != nil {
		m.broken(r.Context(), "keeping a message for the next page", err)
	}
}

// takeFlashes puts the messages on a page that is shown. A HEAD shows nothing.
func (m *Manager) takeFlashes(w http.ResponseWriter, r *http.Request, p *Page) {
	if m.opts.Flashes == nil || r.Method == http.MethodHead {
		return
	}
	flashes, err := m.opts.Flashes.Take(w, r)
	if err != nil {
		m.broken(r.Context(), "taking the messages for a page", err)
		return
	}
	p.Flashes = append(p.Flashes, flashes...)
}
