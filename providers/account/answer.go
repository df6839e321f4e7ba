package account

import (
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// mayAsk counts that a visitor asked for mail of a kind to an address, whether or not
// anybody has it. If it says no, nothing is sent, and the visitor is not told.
func (p *Provider) mayAsk(r *http.Request, kind, address string) (bool, error) {
	wait, err := p.m.Throttle(r, kind, "email:"+address, p.opts.PerAddress, p.opts.PerNetwork)
	return err == nil && wait == 0, err
}

// ask enqueues e because a visitor asked for mail, if they may.
func (p *Provider) ask(r *http.Request, e outbox.Entry) error {
	may, err := p.mayAsk(r, e.Kind, e.To)
	if err != nil || !may {
		return err
	}
	e.Language = p.post.LanguageOf(r)
	return p.post.Post(r.Context(), e)
}

// sent answers who has asked for mail: look into it.
func (p *Provider) sent(w http.ResponseWriter, r *http.Request) {
	p.m.Done(w, r, "/sent", http.StatusAccepted, sentBody())
}

func sentBody() any { return map[string]string{"status": "sent"} }

func (p *Provider) getSent(w http.ResponseWriter, r *http.Request) {
	p.m.Answer(w, r, &auth.Page{Name: "sent", Title: "Look into your mail"}, nil)
}

// perNetwork is how many links one network can use or try. None can be guessed: it is
// for the store's sake.
var perNetwork = auth.Limit{Max: 60, Per: time.Minute}

// limitPosts counts what is posted with a link, or in place of one.
func (p *Provider) limitPosts(r *http.Request) error {
	wait, err := p.m.Throttle(r, "account.token", "", auth.Limit{}, perNetwork)
	if err == nil && wait > 0 {
		err = &auth.Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: wait, Limit: perNetwork, Detail: "Too many attempts. Try again later."}
	}
	return err
}

// tokenIn returns the token in the address of r, "" if there is none, and what is no
// token if there are several.
func tokenIn(r *http.Request) string {
	switch tokens := r.URL.Query()["token"]; len(tokens) {
	case 0:
		return ""
	case 1:
		return tokens[0]
	}
	return "several"
}

// withToken says of an answer that the address it is for has a secret in it.
func withToken(w http.ResponseWriter) { w.Header().Set("Referrer-Policy", "no-referrer") }

// hidden is the field that carries a token from a link to the form.
func hidden(token string) auth.Field {
	return auth.Field{Name: "token", Type: "hidden", Value: token}
}

// whose says on a page whose password is asked for there, so that password managers keep
// it under the right name: who follows a link is logged in as nobody, or as somebody else.
func whose(address string) []auth.Credential {
	return []auth.Credential{{Kind: emailKind, Key: address}}
}

// missing is a field that must not be empty.
func missing(field string) error { return invalidField(field, "This is needed.") }

func invalidField(field, detail string) error {
	return &auth.Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Field: field, Detail: detail}
}
