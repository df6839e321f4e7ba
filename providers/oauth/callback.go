package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/form"
	"golang.org/x/oauth2"
)

func (p *Provider) getCallback(w http.ResponseWriter, r *http.Request, c *Connector) {
	t, userID, a, token, err := p.complete(r, c)
	if err == nil {
		err = p.admitAccount(r, c, a)
	}
	if err != nil {
		p.failed(r, c, t, userID, err)
		p.tell(w, r, t, err)
		return
	}
	switch t.Intent {
	case toLogIn:
		p.logIn(w, r, c, t, a, token)
	case toLink:
		p.link(w, r, c, t, userID, a, token)
	case toConfirm:
		p.confirm(w, r, c, t, userID, a, token)
	default:
		p.tell(w, r, t, expired("the transaction is for nothing known"))
	}
}

// complete takes the transaction of a callback and trades its code for an account.
func (p *Provider) complete(r *http.Request, c *Connector) (t transaction, userID string, a Account, token *oauth2.Token, err error) {
	ans, err := p.readCallback(r, c)
	if err != nil {
		return t, "", a, nil, err
	}
	t, userID, f, err := p.take(r, c, ans)
	if err != nil {
		return t, userID, a, nil, err
	}
	if t.Intent != toLogIn {
		// Before anything is asked of anybody: whoever comes back must be who left
		// (omniauth CVE-2015-9284).
		if _, err := p.sameSession(r, t, userID); err != nil {
			return t, userID, a, nil, err
		}
	}
	a, token, err = c.finish(r.Context(), f, ans)
	return t, userID, a, token, err
}

// readCallback reads the answer, from where the connector's answers come.
func (p *Provider) readCallback(r *http.Request, c *Connector) (answer, error) {
	if !c.formPost {
		return readAnswer(r, c)
	}
	// The answer has come as a form, and waits for the browser to fetch it.
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q["state"]) != 1 {
		return answer{}, malformed("the query cannot be read")
	}
	state := q.Get("state")
	if _, ok := parseSecret(state); !ok {
		return answer{}, malformed("the state is none of ours")
	}
	key := p.postedKey(state)
	ticket, err := p.m.Store().TakeTicket(r.Context(), posted, key)
	if errors.Is(err, auth.ErrNotFound) {
		return answer{}, expired("no answer waits for this state")
	} else if err != nil {
		return answer{}, err
	}
	if !p.m.Now().Before(ticket.ExpiresAt) {
		return answer{}, expired("the answer has waited too long")
	}
	var a answer
	plain, err := unseal(p.postedSeal(state), ticket.Data, []byte(key))
	if err == nil {
		err = json.Unmarshal(plain, &a)
	}
	if err != nil || a.State != state {
		return answer{}, expired("the answer cannot be opened")
	}
	return a, nil
}

// postCallback takes an answer that a browser posts from the identity provider's
// site (OAuth 2.0 Form Post Response Mode). Such a request has no cookies and
// decides nothing: the answer is kept, sealed by its state, and the browser is sent
// to fetch it, which it does with its cookies and without the code in the address.
func (p *Provider) postCallback(w http.ResponseWriter, r *http.Request, c *Connector) {
	a, err := readPosted(w, r)
	if err == nil {
		err = p.keepPosted(r, c, a)
	}
	if err != nil {
		p.failed(r, c, transaction{}, "", err)
		p.m.Refuse(w, r, err)
		return
	}
	w.Header().Set("Location", p.m.Path(c.path("/callback"))+"?state="+url.QueryEscape(a.State))
	w.WriteHeader(http.StatusSeeOther)
}

func readPosted(w http.ResponseWriter, r *http.Request) (answer, error) {
	if r.URL.RawQuery != "" {
		return answer{}, malformed("a form and a query")
	}
	sent, err := form.Parse(w, r, "state", "code", "iss", "error", "access_token", "id_token", "token_type")
	if err != nil {
		return answer{}, err
	}
	return answerOf(func(name string) []string {
		if v, ok := sent[name]; ok {
			return []string{v}
		}
		return nil
	})
}

// keepPosted keeps an answer for a minute, if there is a transaction for it.
func (p *Provider) keepPosted(r *http.Request, c *Connector, a answer) error {
	ticket, err := p.m.Store().LoadTicket(r.Context(), purpose, p.ticketKey(a.State))
	if errors.Is(err, auth.ErrNotFound) {
		return expired("no transaction has this state")
	} else if err != nil {
		return err
	}
	var t transaction
	now := p.m.Now()
	if err := json.Unmarshal(ticket.Data, &t); err != nil || t.Connector != c.opts.Name || !now.Before(ticket.ExpiresAt) {
		return expired("the transaction is of another connector, or too old")
	}
	plain, err := json.Marshal(a)
	if err != nil {
		return err
	}
	key := p.postedKey(a.State)
	sealed, err := seal(p.postedSeal(a.State), plain, []byte(key))
	if err != nil {
		return err
	}
	err = p.m.Store().PutTicket(r.Context(), auth.Ticket{Purpose: posted, Key: key, UserID: ticket.UserID, Data: sealed,
		CreatedAt: now, ExpiresAt: now.Add(time.Minute)})
	if errors.Is(err, auth.ErrExists) {
		return expired("an answer for this state is there already")
	}
	return err
}

func (p *Provider) postedKey(state string) string { return encode(p.tags.of([]byte(state), "posted")) }

func (p *Provider) postedSeal(state string) (key [32]byte) {
	copy(key[:], p.tags.of([]byte(state), "posted seal"))
	return key
}
