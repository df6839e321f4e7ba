package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

const usersPerPage = 20

// mountAdmin adds the pages of those who look after the site.
func (s *site) mountAdmin(mux *http.ServeMux) {
	mux.Handle("GET /admin", s.manager.Require("admin:view")(http.HandlerFunc(s.showAdmin)))
	mux.Handle("POST /admin/roles", s.requireAtAdmin("admin:roles", s.changeRole, "user", "role", "do", "q"))
	mux.Handle("POST /admin/sessions", s.requireAtAdmin("admin:sessions", s.endSessions, "user", "session", "q"))
}

// An adminForm handles what was sent, or what is wrong with that.
type adminForm func(w http.ResponseWriter, r *http.Request, sent map[string]string, err error)

// requireAtAdmin is Manager.Require for forms on the page /admin, which takes that one
// may see it as well: whoever is sent to log in, or to confirm who they are, comes back to
// that page. It reads the fields first: whoever sends slowly may have lost the role
// meanwhile, and would give it back to themselves.
func (s *site) requireAtAdmin(action string, next adminForm, fields ...string) http.Handler {
	return s.manager.WithUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, wrong := s.read(w, r, fields...)
		err := s.manager.Authorize(r.Context(), "admin:view", nil)
		if err == nil {
			err = s.manager.Authorize(r.Context(), action, nil)
		}
		if err != nil {
			page := *r
			page.Method, page.RequestURI = http.MethodGet, "/admin"
			s.manager.Refuse(w, &page, err)
			return
		}
		next(w, r, sent, wrong)
	}))
}

// adminShown is what the page has on it, and what it is in JSON.
type adminShown struct {
	asker
	Users []userShown `json:"users"`
	Roles []string    `json:"roles"` // that can be granted
	Next  string      `json:"next,omitempty"`
	Query string      `json:"-"`
	Stale bool        `json:"-"` // whether they have to confirm who they are, to change anything
}

// userShown is a user, as admins see them.
type userShown struct {
	ID       string         `json:"id"`
	Email    string         `json:"email"`
	Name     string         `json:"name"`
	Active   bool           `json:"active"`
	Grants   []grantShown   `json:"roles"`
	Sessions []sessionShown `json:"sessions"`
	Self     bool           `json:"-"`
}

type grantShown struct {
	Role   string `json:"role"`
	Tenant string `json:"tenant,omitempty"`
	Object string `json:"object,omitempty"`
}

type sessionShown struct {
	ID      string    `json:"id"`
	Label   string    `json:"label"`
	Addr    string    `json:"addr,omitempty"`
	SeenAt  time.Time `json:"seen_at"`
	BeganAt time.Time `json:"began_at"`
}

// Lacks returns which of the roles the user has not been granted everywhere.
func (u userShown) Lacks(roles []string) (list []string) {
	for _, role := range roles {
		if !slices.Contains(u.Grants, grantShown{Role: role}) {
			list = append(list, role)
		}
	}
	return list
}

func (s *site) showAdmin(w http.ResponseWriter, r *http.Request) { s.admin(w, r, nil) }

// admin shows the page, with what is wrong with what was sent.
func (s *site) admin(w http.ResponseWriter, r *http.Request, problem error) {
	shown, err := s.adminShown(r)
	if err != nil || errors.Is(problem, auth.ErrNoCredentials) {
		s.manager.Refuse(w, r, errors.Join(err, problem))
		return
	}
	w.Header().Add("Vary", "Accept")
	s.manager.Answer(w, r, &auth.Page{Name: "admin", Data: shown}, problem)
}

func (s *site) adminShown(r *http.Request) (*adminShown, error) {
	ctx, query := r.Context(), r.URL.Query()
	shown := &adminShown{asker: s.asks(r), Users: []userShown{}, Roles: roleNames, Query: query.Get("q")}
	users, next, err := s.users.List(ctx, shown.Query, query.Get("after"), usersPerPage)
	if err != nil {
		return nil, err
	}
	shown.Next = next
	for _, p := range users {
		u, err := s.userShown(ctx, p)
		if err != nil {
			return nil, err
		}
		shown.Users = append(shown.Users, u)
	}
	shown.Stale = errors.Is(s.manager.Authorize(ctx, "admin:roles", nil), auth.ErrNotFresh)
	return shown, nil
}

// Grantable reports whether the role is one that can be granted here.
func (a *adminShown) Grantable(role string) bool { return slices.Contains(a.Roles, role) }

// More returns where the list goes on.
func (a *adminShown) More() string {
	return "/admin?" + url.Values{"q": {a.Query}, "after": {a.Next}}.Encode()
}

func (s *site) userShown(ctx context.Context, p *person) (userShown, error) {
	u := userShown{ID: p.AuthID(), Email: p.Email, Name: p.Name, Active: p.IsActive(), Grants: []grantShown{}, Sessions: []sessionShown{}}
	grants, _, err := s.roles.Grants(ctx, u.ID)
	if err != nil {
		return u, err
	}
	for _, g := range grants {
		u.Grants = append(u.Grants, grantShown{g.Role, g.Tenant, g.Object})
	}
	sessions, err := s.manager.Sessions(ctx, u.ID)
	if err != nil {
		return u, err
	}
	for _, sess := range sessions {
		shown := sessionShown{ID: sess.Handle(), Label: sess.Label, SeenAt: sess.SeenAt, BeganAt: sess.CreatedAt}
		if sess.Addr.IsValid() {
			shown.Addr = sess.Addr.String()
		}
		u.Sessions = append(u.Sessions, shown)
	}
	id, err := s.manager.IdentityFrom(ctx)
	u.Self = err == nil && id.UserID == u.ID
	return u, nil
}

// changeRole grants a role, or takes it away.
func (s *site) changeRole(w http.ResponseWriter, r *http.Request, sent map[string]string, err error) {
	var p *person
	if err == nil {
		p, err = s.findUser(r.Context(), sent["user"])
	}
	if err == nil {
		err = s.assign(r, p.AuthID(), sent["role"], sent["do"])
	}
	s.changed(w, r, p, sent["q"], "roles.changed", err)
}

// assign does to a role what do says.
func (s *site) assign(r *http.Request, userID, role, do string) error {
	ctx, g := r.Context(), rbac.Grant{UserID: userID, Role: role}
	if !slices.Contains(roleNames, role) {
		return invalid("role", "There is no such role.")
	}
	e := auth.Event{UserID: userID, Reason: role}
	if id, err := s.manager.IdentityFrom(ctx); err == nil {
		e.Reason += ", by " + id.UserID
	}
	var err error
	switch do {
	case "grant":
		e.Name, err = "role.granted", s.roles.Grant(ctx, g)
	case "revoke":
		e.Name, err = "role.revoked", s.revoke(ctx, g)
	default:
		err = invalid("do", "A role can be granted or revoked: send grant or revoke.")
	}
	if err == nil {
		s.manager.Emit(r, e)
	}
	return err
}

// revoke takes a role away, but not that of the last admin: then nobody could grant any.
func (s *site) revoke(ctx context.Context, g rbac.Grant) error {
	last := &auth.Problem{Status: http.StatusConflict, Code: "last_admin", Detail: "This is the last admin: make somebody else an admin first."}
	another := func(p *person) bool { return p.AuthID() != g.UserID && p.IsActive() }
	if g.Role == "admin" {
		s.admins.Lock()
		defer s.admins.Unlock()
		if is, err := s.hasAdmin(ctx, another); err != nil {
			return err
		} else if !is {
			return last
		}
	}
	// Whoever has sent this may hang up, and what is begun is put right nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.roles.Revoke(ctx, g); err != nil || g.Role != "admin" {
		return ignoring(err, auth.ErrNotFound) // it is as they want it
	}
	// Elsewhere somebody may have taken it from the other at the same time.
	switch is, err := s.hasAdmin(ctx, another); {
	case err != nil:
		return errors.Join(err, s.roles.Grant(ctx, g))
	case !is:
		return errors.Join(last, s.roles.Grant(ctx, g))
	}
	return nil
}

// hasAdmin reports whether there is an admin, of the whole site, who is such a person.
func (s *site) hasAdmin(ctx context.Context, such func(*person) bool) (bool, error) {
	for after := ""; ; {
		list, next, err := s.roles.Holders(ctx, "admin", after, 100)
		if err != nil {
			return false, err
		}
		for _, g := range list {
			if g.Tenant != "" || g.Object != "" {
				continue
			}
			u, err := s.users.LoadUser(ctx, g.UserID)
			if err != nil && !errors.Is(err, auth.ErrNotFound) {
				return false, err
			}
			if p, ok := u.(*person); ok && such(p) {
				return true, nil
			}
		}
		if next == "" {
			return false, nil
		}
		after = next
	}
}

// endSessions ends a session of somebody, or all of them.
func (s *site) endSessions(w http.ResponseWriter, r *http.Request, sent map[string]string, err error) {
	var p *person
	if err == nil {
		p, err = s.findUser(r.Context(), sent["user"])
	}
	switch {
	case err != nil:
	case sent["session"] == "":
		err = s.manager.RevokeUserSessions(r.Context(), p.AuthID())
	default:
		// What has ended is as they want it.
		err = ignoring(s.manager.RevokeSession(r.Context(), p.AuthID(), sent["session"]), auth.ErrNotFound)
	}
	s.changed(w, r, p, sent["q"], "sessions.ended", err)
}

// findUser finds the user that a form is about.
func (s *site) findUser(ctx context.Context, id string) (*person, error) {
	u, err := s.users.LoadUser(ctx, id)
	if errors.Is(err, auth.ErrNotFound) {
		return nil, invalid("user", "There is no such user.")
	} else if err != nil {
		return nil, err
	}
	return u.(*person), nil
}

// changed answers a change to a user.
func (s *site) changed(w http.ResponseWriter, r *http.Request, p *person, query, message string, err error) {
	var u userShown
	if err == nil {
		u, err = s.userShown(r.Context(), p)
	}
	if err != nil {
		s.admin(w, r, err)
		return
	}
	next := "/admin"
	if query != "" {
		next += "?" + url.Values{"q": {query}}.Encode()
	}
	s.done(w, r, next, message, &auth.Page{Data: u})
}

// ignoring returns err, unless it is the other.
func ignoring(err, other error) error {
	if errors.Is(err, other) {
		return nil
	}
	return err
}
