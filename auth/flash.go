package auth

import "net/http"

// A Flash is a message that is shown once, on the next page: why somebody has to
// log in, or that something was done. It says which message, and never holds the
// text: whoever can write to what keeps it can show what the site itself has to
// say, and nothing else.
//
// The Manager's own are those of [Problem.MessageID] where it sends somebody to log
// in or to confirm, "logged_out", "sessions.revoked" and
// "sessions.revoked.others".
type Flash struct {
	// ID is which message, as in [Problem.MessageID]: 1 to 64 of the characters a-z,
	// 0-9, "_", "." and "-". Pages have the text, in the visitor's language.
	ID string
	// Category is how it looks: "info", "success", "warning" or "error", or the
	// host's own, 32 of the same characters at most.
	Category string
}

const (
	maxFlashID  = 64
	maxCategory = 32
)

// Validate returns an error wrapping [ErrInvalid] for a message that is none.
func (f Flash) Validate() error {
	if f.ID == "" || len(f.ID) > maxFlashID || !isFlashWord(f.ID) {
		return invalid("ID of a message")
	}
	if len(f.Category) > maxCategory || !isFlashWord(f.Category) {
		return invalid("category of a message")
	}
	return nil
}

func isFlashWord(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return true
}

// Flashes keeps messages between two requests of a browser; each browser has its
// own. It is called concurrently, for one request by one caller at a time and
// before the header is written, and leaves alone whatever else the response sets.
// Package auth/flash has one that keeps them in a cookie.
type Flashes interface {
	// Add keeps f for the next page, behind those that are there. A message that
	// is there already is kept once. Of many the newest are kept, 8 at least.
	// [ErrInvalid] for what [Flash.Validate] refuses.
	Add(w http.ResponseWriter, r *http.Request, f Flash) error

	// Take returns the messages, oldest first, and forgets them. Those that were
	// added in the same request are among them. What cannot be read is none, and
	// not an error. Where there is none nothing is written.
	Take(w http.ResponseWriter, r *http.Request) ([]Flash, error)
}

// Flash keeps f for the next page, if there are [Options.Flashes]: for what is
// answered with a redirect. A client that is answered in JSON sees no page, and
// gets none. If the message cannot be kept that is logged, and all goes on.
func (m *Manager) Flash(w http.ResponseWriter, r *http.Request, f Flash) {
	if m.opts.Flashes == nil || m.opts.Pages != nil && !m.wantsHTML(r) {
		return
	}
	if err := m.opts.Flashes.Add(w, r, f); err != nil {
		m.broken(r.Context(), "keeping a message for the next page", err)
	}
}

// Flashes takes the messages for a page of the host's own, oldest first; pages of
// [Manager.Answer] and [Manager.Render] have taken theirs. A HEAD shows nothing and
// takes none. The response depends on the visitor's cookies, which Vary then says. If
// they cannot be taken that is logged, and there are none.
func (m *Manager) Flashes(w http.ResponseWriter, r *http.Request) []Flash {
	if m.opts.Flashes == nil {
		return nil
	}
	vary(w.Header(), varyCookie)
	if r.Method == http.MethodHead {
		return nil
	}
	flashes, err := m.opts.Flashes.Take(w, r)
	if err != nil {
		m.broken(r.Context(), "taking the messages for a page", err)
		return nil
	}
	return flashes
}
