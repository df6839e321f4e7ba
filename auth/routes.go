package auth

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/form"
)

// mountCore adds the routes that every composition has, whatever its providers.
func (m *Manager) mountCore(mux Mux) {
	mux.Handle("GET /login", http.HandlerFunc(m.getLogin))
	mux.Handle("POST /logout", http.HandlerFunc(m.postLogout))
	mux.Handle("GET /session", http.HandlerFunc(m.getSession))
	mux.Handle("GET /sessions", m.RequireSession(http.HandlerFunc(m.getSessions)))
	mux.Handle("POST /sessions/revoke", m.RequireSession(http.HandlerFunc(m.postRevoke)))
	mux.Handle("GET /account", m.RequireSession(http.HandlerFunc(m.getAccount)))
	mux.Handle("GET /confirm", m.RequireSession(http.HandlerFunc(m.getConfirm)))
}

// forms returns what the providers offer on a page that answers r.
func (m *Manager) forms(r *http.Request, page string) []Form {
	var all []Form
	for _, f := range m.formProviders {
		all = append(all, f.PageForms(r, page)...)
	}
	return all
}

// loginPage returns the login page, whose forms [Manager.Answer] adds.
func loginPage(next string) *Page { return &Page{Name: "login", Next: next} }

func (m *Manager) getLogin(w http.ResponseWriter, r *http.Request) {
	next := r.URL.Query().Get("next")
	switch _, err := m.IdentityFrom(r.Context()); {
	case err == nil && m.wantsHTML(r):
		m.redirect(w, m.nextOrHome(next))
	case err == nil, errors.Is(err, ErrNoCredentials):
		m.Answer(w, r, loginPage(next), nil)
	default: // whatever cannot be said of them, they can log in anew
		m.Answer(w, r, loginPage(next), err)
	}
}

func (m *Manager) getConfirm(w http.ResponseWriter, r *http.Request) {
	m.Answer(w, r, &Page{Name: "confirm"}, nil)
}

func (m *Manager) postLogout(w http.ResponseWriter, r *http.Request) {
	v, err := form.Parse(w, r, "next")
	if err == nil {
		err = m.LogOut(w, r)
	}
	if err != nil {
		m.Refuse(w, r, err)
		return
	}
	m.done(w, r, m.nextOrHome(v.Get("next")), "logged_out")
}

// done answers something that has been done and has nothing to show, but for a
// message on the page that comes next.
func (m *Manager) done(w http.ResponseWriter, r *http.Request, next, message string) {
	m.Flash(w, r, Flash{ID: message, Category: "success"})
	if m.wantsHTML(r) {
		m.redirect(w, next)
		return
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]string{"next": next})
}

// getSession speaks JSON only: it is for scripts, whatever they accept.
func (m *Manager) getSession(w http.ResponseWriter, r *http.Request) {
	id, err := m.IdentityFrom(r.Context())
	if err != nil {
		p := problemOf(err)
		m.logProblem(r, p)
		m.refuseJSON(w, r, p)
		return
	}
	body := struct {
		UserID  string       `json:"user_id"`
		Actor   string       `json:"actor,omitempty"`
		Proofs  []proofJSON  `json:"proofs"`
		Session *sessionJSON `json:"session,omitempty"`
	}{UserID: id.UserID, Actor: id.Actor, Proofs: []proofJSON{}}
	for i, p := range id.Proofs {
		if p.Kind == rememberKind && i > 0 {
			continue // the browser is remembered; it is not how the user logged in
		}
		body.Proofs = append(body.Proofs, proofJSON{p.Method, p.At})
	}
	if id.Session != nil {
		s := describeSession(id.Session, id)
		body.Session = &s
	}
	writeJSON(w, http.StatusOK, "application/json", body)
}

type proofJSON struct {
	Method string    `json:"method"`
	At     time.Time `json:"at"`
}

type sessionJSON struct {
	ID         string     `json:"id"` // the handle
	Label      string     `json:"label"`
	Addr       netip.Addr `json:"addr,omitzero"`
	CreatedAt  time.Time  `json:"created_at"`
	SeenAt     time.Time  `json:"seen_at"`
	EndsAt     time.Time  `json:"ends_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	Current    bool       `json:"current"`
	Remembered bool       `json:"remembered"`
}

func describeSession(s *Session, id *Identity) sessionJSON {
	_, remembered := familyOf(s.Proofs)
	return sessionJSON{s.Handle(), s.Label, s.Addr, s.CreatedAt, s.SeenAt, s.EndsAt, s.ExpiresAt,
		id.Session != nil && id.Session.ID == s.ID, remembered}
}

func (m *Manager) getSessions(w http.ResponseWriter, r *http.Request) {
	m.showSessions(w, r, nil)
}

// showSessions answers with the user's sessions, and with problem if there is
// one.
func (m *Manager) showSessions(w http.ResponseWriter, r *http.Request, problem error) {
	id, err := m.IdentityFrom(r.Context())
	if err != nil {
		if problem != nil { // what went wrong first, such as ending one's own session
			err = problem
		}
		m.Refuse(w, r, err)
		return
	}
	live, err := m.Sessions(r.Context(), id.UserID)
	if err != nil {
		m.Refuse(w, r, err)
		return
	}
	if m.wantsHTML(r) || problem != nil {
		m.Answer(w, r, &Page{Name: "sessions", Sessions: live}, problem)
		return
	}
	list := make([]sessionJSON, len(live))
	for i, s := range live {
		list[i] = describeSession(s, id)
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"sessions": list})
}

func (m *Manager) postRevoke(w http.ResponseWriter, r *http.Request) {
	message, err := m.revoke(w, r)
	if err != nil {
		m.showSessions(w, r, err)
		return
	}
	next := m.prefix + "/sessions"
	if _, err := m.IdentityFrom(r.Context()); err != nil {
		next = m.opts.Home
	}
	m.done(w, r, next, message)
}

// revoke ends what the request says, and returns what to tell.
func (m *Manager) revoke(w http.ResponseWriter, r *http.Request) (message string, err error) {
	id, err := m.IdentityFrom(r.Context())
	if err != nil {
		return "", err
	}
	v, err := form.Parse(w, r, "id", "all")
	if err != nil {
		return "", err
	}
	switch handle, all := v.Get("id"), v.Get("all"); {
	case all == "others" && handle == "":
		var except []SessionID
		if id.Session != nil {
			except = []SessionID{id.Session.ID}
		}
		err := m.RevokeUserSessions(r.Context(), id.UserID, except...)
		if key, ok := familyOf(id.Proofs); ok && err == nil {
			m.reissue(r.Context(), w, r, key)
		}
		return "sessions.revoked.others", err
	case all != "":
		return "", &Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Field: "all",
			Detail: `Send either an id, or all with the value "others".`}
	case handle == "":
		return "", &Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Field: "id", Detail: "Say which session."}
	case id.Session != nil && id.Session.Handle() == handle:
		return "logged_out", m.LogOut(w, r)
	default:
		err := m.RevokeSession(r.Context(), id.UserID, handle)
		if errors.Is(err, ErrNotFound) {
			return "", &Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "This session has ended already.", Err: err}
		}
		return "sessions.revoked", err
	}
}

func (m *Manager) getAccount(w http.ResponseWriter, r *http.Request) {
	id, err := m.IdentityFrom(r.Context())
	if err != nil {
		m.Refuse(w, r, err)
		return
	}
	held, err := m.store.UserCredentials(r.Context(), id.UserID)
	if err != nil {
		m.Refuse(w, r, asOutage(err))
		return
	}
	ways := slices.DeleteFunc(held, func(c Credential) bool {
		return c.Kind == guardKind || m.roles[c.Kind] == Device || m.roles[c.Kind] == Token
	})
	for i := range ways {
		ways[i].Data = nil
		if m.roles[ways[i].Kind] != Identifier {
			ways[i].Key = "" // an identifier is for people; any other key may be a digest, or an ID elsewhere
		}
	}
	if m.wantsHTML(r) {
		m.Answer(w, r, &Page{Name: "account", Ways: ways}, nil)
		return
	}
	type wayJSON struct {
		Kind      string    `json:"kind"`
		Key       string    `json:"key,omitempty"`
		Label     string    `json:"label,omitempty"`
		CreatedAt time.Time `json:"created_at"`
	}
	list := make([]wayJSON, len(ways))
	for i, c := range ways {
		list[i] = wayJSON{c.Kind, c.Key, c.Label, c.CreatedAt}
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"user_id": id.UserID, "ways": list})
}
