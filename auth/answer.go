package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// Answer answers with a page. If err is nil, p is shown, to clients that want
// JSON as p.Data or, without any, as a description of its forms. Otherwise a browser gets p with the
// problem in it, under the problem's status, and others get
// application/problem+json. Answer adds to p.Forms what each [FormProvider] has
// for the page and p has not, sets p.Problem, p.Status, p.Identity and, if it is
// empty, p.Next from the query.
func (m *Manager) Answer(w http.ResponseWriter, r *http.Request, p *Page, err error) {
	if err == nil {
		switch status := max(p.Status, http.StatusOK); {
		case m.wantsHTML(r):
			m.render(w, r, p, nil)
		case p.Data != nil:
			writeJSON(w, status, "application/json", p.Data)
		default:
			m.completeForms(r, p)
			writeJSON(w, status, "application/json", describe(m, p))
		}
		return
	}
	problem := problemOf(err)
	m.logProblem(r, problem)
	if m.wantsHTML(r) {
		m.render(w, r, p, problem)
		return
	}
	m.refuseJSON(w, r, problem)
}

// refuseJSON answers in JSON, unless the host does it.
func (m *Manager) refuseJSON(w http.ResponseWriter, r *http.Request, p *Problem) {
	if !m.hostAnswers(w, r, p) {
		m.writeProblem(w, p)
	}
}

// Finish answers what [Manager.LogIn] returned. A browser that is logged in is
// sent (303) to next, if that is a path on this site, or else to
// [Options.Home]; others get 200 and their user ID. A half-done login goes on
// at the page of the factor that is owed, or is told 401 "factor_owed". A
// refusal is shown on the login page.
func (m *Manager) Finish(w http.ResponseWriter, r *http.Request, err error, next string) {
	var owed *OwedError
	switch {
	case err == nil:
		next = m.nextOrHome(next)
		if m.wantsHTML(r) {
			m.redirect(w, next)
			return
		}
		body := map[string]any{"next": next}
		if id, err := m.IdentityFrom(r.Context()); err == nil {
			body["user_id"] = id.UserID
		}
		writeJSON(w, http.StatusOK, "application/json", body)
	case errors.As(err, &owed) && len(owed.Factors) > 0 && m.wantsHTML(r) && m.pages["/"+owed.Factors[0]]:
		to := m.URL("/" + owed.Factors[0])
		if next, ok := m.cleanNext(next); ok {
			to += "?next=" + url.QueryEscape(next)
		}
		m.redirect(w, to)
	default:
		m.Answer(w, r, loginPage(next), err)
	}
}

// Done answers that what was sent was taken: a browser is sent (303) to path, a page
// below the prefix with what query it has, such as "/login"; others get status, 200 or
// 202, and body as JSON.
func (m *Manager) Done(w http.ResponseWriter, r *http.Request, path string, status int, body any) {
	if m.wantsHTML(r) {
		m.redirect(w, m.prefix+path)
		return
	}
	writeJSON(w, status, "application/json", body)
}

// Render answers with a page as HTML, whatever the client wants: for pages of
// the host's own in the same clothes. It sets p.Identity and, if it is empty,
// p.Next. Without [Options.Pages] it is [Manager.Answer].
func (m *Manager) Render(w http.ResponseWriter, r *http.Request, p *Page) {
	if m.opts.Pages == nil {
		m.Answer(w, r, p, nil)
		return
	}
	m.render(w, r, p, nil)
}

// render shows p to a browser, with problem in it.
func (m *Manager) render(w http.ResponseWriter, r *http.Request, p *Page, problem *Problem) {
	p.m, p.Problem = m, problem
	m.completeForms(r, p)
	if problem != nil {
		p.Status = problem.Status
		m.problemHeaders(w, problem)
	}
	if id, err := m.IdentityFrom(r.Context()); err == nil {
		p.Identity = id
		m.addIdentifiers(r.Context(), p)
	}
	if p.Next == "" {
		p.Next = r.URL.Query().Get("next")
	}
	p.Next, _ = m.cleanNext(p.Next)
	p.Flashes = append(p.Flashes, m.Flashes(w, r)...)
	noStore(w.Header())
	if err := m.opts.Pages.Render(w, r, p); err != nil {
		m.broken(r.Context(), "rendering page "+strconv.Quote(p.Name), err)
		http.Error(w, "Something went wrong here.", http.StatusInternalServerError)
	}
}

// completeForms adds to a page that several providers have a part in what the
// one that renders it does not know of.
func (m *Manager) completeForms(r *http.Request, p *Page) {
	given := p.Forms
	p.Forms = nil
	for _, f := range m.forms(r, p.Name) {
		if i := slices.IndexFunc(given, func(g Form) bool { return g.Name == f.Name }); i >= 0 {
			f, given = given[i], slices.Delete(slices.Clone(given), i, i+1)
		}
		p.Forms = append(p.Forms, f)
	}
	p.Forms = append(p.Forms, given...)
}

// addIdentifiers says on a page with forms who it is for, so that password
// managers know whose password is meant.
func (m *Manager) addIdentifiers(ctx context.Context, p *Page) {
	if p.Ways != nil || len(p.Forms) == 0 {
		return
	}
	var kinds []string
	for kind, role := range m.roles {
		if role == Identifier {
			kinds = append(kinds, kind)
		}
	}
	ways, err := m.store.UserCredentials(ctx, p.Identity.UserID, kinds...)
	if err != nil {
		m.broken(ctx, "looking up whom a page is for", err)
		return
	}
	p.Ways = ways
	for i := range p.Ways {
		p.Ways[i].Data = nil
	}
}

// describe is a page for clients that want JSON: what can be sent where.
func describe(m *Manager, p *Page) any {
	type fieldJSON struct {
		Name     string `json:"name"`
		Type     string `json:"type"`
		Optional bool   `json:"optional,omitempty"`
	}
	type formJSON struct {
		Name   string      `json:"name"`
		Action string      `json:"action"`
		Fields []fieldJSON `json:"fields"`
	}
	forms := make([]formJSON, len(p.Forms))
	for i, f := range p.Forms {
		forms[i] = formJSON{f.Name, m.prefix + f.Action, make([]fieldJSON, len(f.Fields))}
		for j, field := range f.Fields {
			forms[i].Fields[j] = fieldJSON{field.Name, field.Type, field.Optional}
		}
	}
	return map[string]any{"page": p.Name, "forms": forms}
}
