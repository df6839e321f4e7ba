package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/form"
)

const (
	codeNotFresh        = "not_fresh"
	codeLoggedIn        = "logged_in"
	codeUnauthenticated = "unauthenticated"
	codeBadCredentials  = "bad_credentials"
	codeFactorOwed      = "factor_owed"
	codeProofRequired   = "proof_required"
)

// outageRetry is when a client is to ask again after an outage: about as long as a
// database takes to restart, so that not everybody comes at once and at once again.
const outageRetry = 5 * time.Second

// problemOf says how err is answered. What it does not know is broken.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		if p.Status >= 400 && p.Status < 600 {
			return p
		}
		c := *p
		c.Status = http.StatusServiceUnavailable
		return &c
	}
	var f *form.Error
	if errors.As(err, &f) {
		return &Problem{Status: f.Status, Code: f.Code, Field: f.Field, Detail: f.Detail, Err: err}
	}
	var owed *OwedError
	if errors.As(err, &owed) {
		return &Problem{Status: http.StatusUnauthorized, Code: codeFactorOwed, Reason: nobodyOwes.reason, Factors: owed.Factors,
			Detail: "One more step is needed to log in.", Err: err}
	}
	for _, k := range [...]struct {
		err    error
		status int
		code   string
		detail string
	}{
		{ErrNotFresh, http.StatusUnauthorized, codeNotFresh, "Confirm that it is you."},
		{ErrBadCredentials, http.StatusUnauthorized, codeBadCredentials, "These credentials are not right."},
		{ErrNoCredentials, http.StatusUnauthorized, codeUnauthenticated, "Log in to continue."},
		{ErrForbidden, http.StatusForbidden, "forbidden", "You may not do this."},
		{ErrCrossOrigin, http.StatusForbidden, "cross_origin", "This request came from another site."},
		{ErrLastCredential, http.StatusConflict, "last_credential", "This is the last way to log in."},
		{ErrExists, http.StatusConflict, "taken", "This is taken already."},
		{ErrInvalid, http.StatusUnprocessableEntity, "invalid", "This cannot be stored as it is."},
		{ErrConflict, http.StatusConflict, "conflict", "This was changed meanwhile. Try again."},
		{errNoHandler, http.StatusInternalServerError, "internal", "Something went wrong here."},
	} {
		if errors.Is(err, k.err) {
			p := &Problem{Status: k.status, Code: k.code, Detail: k.detail, Err: err}
			switch k.code {
			case codeUnauthenticated:
				p.Reason = reasonOf(err)
			case codeNotFresh, codeBadCredentials:
				p.Reason = k.code
			}
			return p
		}
	}
	return &Problem{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: outageRetry,
		Detail: "This does not work at the moment. Try again later.", Err: err}
}

// Refuse answers err in the one place where refusals are answered. Unless one of
// [Options.Unauthenticated], NeedsRefresh, Forbidden and Failed does it, a browser
// that navigates is sent (303) to the login page, or to confirm who it is, with a
// message if there are [Options.Flashes], and comes back afterwards; for any other
// refusal it gets the page "error". A client that wants JSON gets
// application/problem+json. Both get the status of the problem: see [Problem].
func (m *Manager) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	m.logProblem(r, p)
	if m.hostAnswers(w, r, p) {
		return
	}
	if m.wantsHTML(r) {
		to := ""
		switch p.Code {
		case codeLoggedIn:
			m.redirect(w, m.opts.Home)
			return
		case codeNotFresh:
			to = m.confirmURL(r)
		case codeProofRequired:
			if m.canProve(r, p.Factors) {
				to = m.confirmURL(r)
			}
		case codeFactorOwed:
			to = m.factorURL(r, p.Factors)
		case codeUnauthenticated:
			if to = m.factorURL(r, m.factorsPending(r)); to == "" {
				to = m.loginURL(r)
			}
		}
		if to != "" && !isSame(to, r) {
			category := "warning" // there was a login, and something has become of it
			if p.MessageID() == p.Code {
				category = "info"
			}
			m.Flash(w, r, Flash{ID: p.MessageID(), Category: category})
			m.redirect(w, to)
			return
		}
		m.render(w, r, &Page{Name: "error"}, p)
		return
	}
	m.writeProblem(w, p)
}

// confirmURL returns where who is asking can prove once more who they are, or "".
func (m *Manager) confirmURL(r *http.Request) string {
	if !m.pages["/confirm"] {
		return ""
	}
	return withNext(m.URL("/confirm"), r)
}

// canProve reports whether who is asking can prove one of the methods on the page to
// confirm. Where they cannot, it would lead nowhere but back.
func (m *Manager) canProve(r *http.Request, methods []string) bool {
	return slices.ContainsFunc(m.opts.Providers, func(p Provider) bool {
		f, ok := As[FormProvider](p)
		return ok && proves(p, methods) && len(f.PageForms(r, "confirm")) > 0
	})
}

// proves reports whether p has one of the methods: they are the names of providers, or
// of the kinds of credentials of those that have several.
func proves(p Provider, methods []string) bool {
	owner, ok := As[Owner](p)
	return slices.Contains(methods, p.Name()) ||
		ok && slices.ContainsFunc(owner.Kinds(), func(k Kind) bool { return slices.Contains(methods, k.Name) })
}

// hostAnswers lets the host answer, if it wants to.
func (m *Manager) hostAnswers(w http.ResponseWriter, r *http.Request, p *Problem) bool {
	answer := m.opts.Failed
	switch {
	case p.Code == codeNotFresh, p.Code == codeProofRequired:
		answer = m.opts.NeedsRefresh
	case p.Status == http.StatusUnauthorized:
		answer = m.opts.Unauthenticated
	case p.Status == http.StatusForbidden:
		answer = m.opts.Forbidden
	}
	return answer != nil && answer(w, r, p)
}

// problemHeaders sets what HTTP wants beside the status.
func (m *Manager) problemHeaders(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	noStore(h)
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(p.RetryAfter)))
	}
	rateLimitHeaders(h, p)
	if p.Status != http.StatusUnauthorized {
		return
	}
	// RFC 9110, section 15.5.2: a 401 has a challenge. The loaders' are for where
	// the request itself can say who asks: with a form that was refused, Basic
	// would open the browser's own, and nothing that a loader takes is fresh. Where
	// there are none, the scheme names how one logs in here; browsers ignore it.
	h.Del("WWW-Authenticate")
	var bad *badLoaded
	if errors.As(p.Err, &bad) || p.Code == codeUnauthenticated {
		for i, l := range m.opts.Loaders {
			if c := challenge(l, bad != nil && bad.by == i); c != "" {
				h.Add("WWW-Authenticate", c)
			}
		}
	}
	if len(h["Www-Authenticate"]) == 0 {
		challenge := fmt.Sprintf("Cookie realm=%q", m.realmName())
		if p.Code == codeNotFresh || p.Code == codeProofRequired { // RFC 9470, section 3
			challenge += `, error="insufficient_user_authentication"`
			if p.MaxAge > 0 {
				challenge += fmt.Sprintf(`, max_age=%d`, int(p.MaxAge/time.Second))
			}
			if len(p.Factors) > 0 {
				challenge += fmt.Sprintf(`, acr_values=%q`, strings.Join(p.Factors, " "))
			}
		}
		h.Set("WWW-Authenticate", challenge)
	}
}

// challenge returns what l has to say to whoever could give it a credential, or
// has given it a bad one.
func challenge(l RequestLoader, bad bool) string {
	if bad {
		if c, ok := As[interface{ ChallengeBad() string }](l); ok {
			return c.ChallengeBad()
		}
	}
	if c, ok := As[interface{ Challenge() string }](l); ok {
		return c.Challenge()
	}
	return ""
}

func (m *Manager) writeProblem(w http.ResponseWriter, p *Problem) {
	m.problemHeaders(w, p)
	writeJSON(w, p.Status, "application/problem+json", struct {
		Type    string   `json:"type"`
		Title   string   `json:"title"`
		Status  int      `json:"status"`
		Code    string   `json:"code"`
		Reason  string   `json:"reason,omitempty"`
		Field   string   `json:"field,omitempty"`
		Detail  string   `json:"detail,omitempty"`
		Factors []string `json:"factors,omitempty"`
	}{"about:blank", http.StatusText(p.Status), p.Status, p.Code, p.Reason, p.Field, p.Detail, p.Factors})
}

// logProblem logs what the host must look after. Refusals have their events.
func (m *Manager) logProblem(r *http.Request, p *Problem) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		return // the client has gone; nothing is broken
	}
	if p.Status >= 500 && p.Err != nil {
		m.broken(r.Context(), "answering a request", p.Err)
	}
}

func (m *Manager) redirect(w http.ResponseWriter, location string) {
	h := w.Header()
	noStore(h)
	h.Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

func noStore(h http.Header) { h.Set("Cache-Control", "no-store") }

func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "Something went wrong here.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	noStore(h)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client has gone; nobody is left to tell
}
