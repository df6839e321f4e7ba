package oauth

import (
	"errors"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
)

// failed tells of a flow that has failed. Outages are told where they are answered, and of
// flows that nobody has begun as many as a network may begin.
func (p *Provider) failed(r *http.Request, c *Connector, t transaction, userID string, err error) {
	var problem *auth.Problem
	if !errors.As(err, &problem) || problem.Code == "not_fresh" || problem.Code == "rate_limited" || errors.Is(err, auth.ErrNoCredentials) {
		return
	}
	if t.Version == 0 {
		// No flow is known by that state. Anybody can make up any number of these, and each
		// may be kept as a record.
		wait, err := p.m.Throttle(r, "oauth.callback", "", auth.Limit{}, p.opts.Starts)
		if err == nil && wait > 0 {
			return
		}
	}
	reason := problem.Code
	if problem.Err != nil {
		reason = describe(problem.Err)
	}
	p.m.Emit(r, auth.Event{Name: "login.failed", UserID: userID, Method: c.kind, Reason: reason})
}

// tell answers with what went wrong, on the page that the flow was begun on.
func (p *Provider) tell(w http.ResponseWriter, r *http.Request, t transaction, err error) {
	_, nobody := p.m.IdentityFrom(r.Context())
	switch {
	case errors.Is(err, auth.ErrNoCredentials), errors.Is(err, auth.ErrNotFresh):
		// Confirming leads back to the page with the buttons, and not to pressing them.
		page := *r
		page.Method = http.MethodGet
		url := *r.URL
		url.Path, url.RawPath, url.RawQuery = p.m.Path("/accounts"), "", ""
		page.URL, page.RequestURI = &url, url.Path // neither has the code
		p.m.Refuse(w, &page, err)
	case t.Intent == toLink && nobody == nil:
		p.showAccounts(w, r, err)
	case t.Intent == toConfirm && nobody == nil:
		p.m.Answer(w, r, &auth.Page{Name: "confirm", Next: t.Next}, err)
	case t.Intent == toLogIn || nobody != nil:
		next := t.Next
		if problem := (*auth.Problem)(nil); errors.As(err, &problem) && problem.Code == "account_exists" {
			next = p.m.URL("/accounts") // where to link it, once they have logged in
		}
		p.m.Finish(w, r, err, next)
	default:
		p.m.Refuse(w, r, err)
	}
}
