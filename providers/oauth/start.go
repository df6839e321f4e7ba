package oauth

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/form"
	"github.com/gatehouse-go/gatehouse/internal/redirect"
)

// Every flow is started by a POST, which browsers do not send from another site
// unseen (RFC 9700, 4.7; omniauth CVE-2015-9284).

func (p *Provider) postLogin(w http.ResponseWriter, r *http.Request, c *Connector) {
	sent, err := form.Parse(w, r, "next", "remember")
	t := transaction{Intent: toLogIn, Next: clean(sent.Get("next")), Remember: sent.Bool("remember")}
	to := ""
	if err == nil {
		to, err = p.begin(w, r, c, t, "")
	}
	p.started(w, r, c, t, "", to, err)
}

func (p *Provider) postLink(w http.ResponseWriter, r *http.Request, c *Connector) {
	p.startFor(w, r, c, toLink)
}

func (p *Provider) postConfirm(w http.ResponseWriter, r *http.Request, c *Connector) {
	p.startFor(w, r, c, toConfirm)
}

// startFor starts a flow for who is logged in. Only who has just proved who they are
// may link, and nobody on behalf of somebody else.
func (p *Provider) startFor(w http.ResponseWriter, r *http.Request, c *Connector, why intent) {
	sent, err := form.Parse(w, r, "next")
	t := transaction{Intent: why, Next: clean(sent.Get("next"))}
	var id *auth.Identity
	if err == nil {
		id, err = p.owner(r)
	}
	if err == nil && why == toLink {
		err = p.fresh(r, id)
	}
	to, userID := "", ""
	if err == nil {
		t.Session, userID = id.Session.Handle(), id.UserID
		to, err = p.begin(w, r, c, t, id.UserID)
	}
	p.started(w, r, c, t, userID, to, err)
}

// started sends the browser to the identity provider.
func (p *Provider) started(w http.ResponseWriter, r *http.Request, c *Connector, t transaction, userID, to string, err error) {
	if err != nil {
		p.failed(r, c, t, userID, err)
		p.tell(w, r, t, err)
		return
	}
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html") {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"next": to}) // the client has gone
		return
	}
	// 303 and nothing else: after 307 the browser would post the form to the identity
	// provider (RFC 9700, 4.12).
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// clean returns next if it is a path on this site.
func clean(next string) string {
	next, _ = redirect.Clean(next)
	return next
}
