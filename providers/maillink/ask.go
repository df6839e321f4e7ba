package maillink

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/form"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
	"github.com/gatehouse-go/gatehouse/internal/redirect"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

// browserLifetime is how long a browser keeps the secret that its links are bound to:
// longer than a link is good, since mail may be late.
const browserLifetime = 24 * time.Hour

// wanted is what somebody has asked for: first in the entry, then in the ticket.
type wanted struct {
	Version  int    `json:"v"`
	Browser  string `json:"browser"` // the digest of the asking browser's secret
	Address  string `json:"address,omitempty"`
	Next     string `json:"next,omitempty"`
	Remember bool   `json:"remember,omitempty"`
}

const wantedVersion = 1

func (v *wanted) encode() ([]byte, error) {
	v.Version = wantedVersion
	return json.Marshal(v)
}

func decodeWanted(data []byte) (wanted, error) {
	var v wanted
	if err := json.Unmarshal(data, &v); err != nil || v.Version != wantedVersion {
		return v, fmt.Errorf("maillink: what was asked for cannot be read: version %d, %w", v.Version, err)
	}
	return v, nil
}

func (p *Provider) postLink(w http.ResponseWriter, r *http.Request) {
	sent, err := form.Parse(w, r, "email", "token", "remember", "next")
	switch {
	case err != nil:
		p.m.Answer(w, r, askPage(sent), err)
	case sent.Get("token") != "":
		p.use(w, r, sent.Get("token"))
	default:
		if err := p.ask(w, r, sent); err != nil {
			p.m.Answer(w, r, askPage(sent), err)
			return
		}
		p.m.Done(w, r, "/link?sent=1", http.StatusAccepted, map[string]string{"status": "sent"})
	}
}

func askPage(sent form.Values) *auth.Page {
	return &auth.Page{Name: "link", Title: "Log in by email", Forms: []auth.Form{askForm(sent)}, Next: sent.Get("next")}
}

// ask enqueues what was asked for. It does not look whether anybody has the address:
// what it does, and what it sets, is the same for all.
func (p *Provider) ask(w http.ResponseWriter, r *http.Request, sent form.Values) error {
	address, err := identifier.Email(sent.Get("email"))
	if err != nil {
		return &auth.Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Field: "email", Err: err,
			Detail: "Type an email address such as ada@example.com."}
	}
	browser := p.m.Cookie(r, name)
	if !secret.Valid(browser) { // one that it has is good for more links than one
		browser = secret.New()
	}
	v := wanted{Browser: p.browserDigest(browser), Remember: sent.Bool("remember")}
	v.Next, _ = redirect.Clean(sent.Get("next"))
	data, err := v.encode()
	if err != nil {
		return fmt.Errorf("maillink: encoding what was asked for: %w", err)
	}
	if err := p.m.SetCookie(w, r, name, browser, browserLifetime); err != nil {
		return err
	}
	wait, err := p.m.Throttle(r, purpose, address, p.opts.PerAddress, p.opts.PerNetwork)
	if err != nil || wait > 0 {
		return err
	}
	return p.post.Post(r.Context(), outbox.Entry{Kind: purpose, To: address, Language: p.post.LanguageOf(r), Data: data})
}

// browserDigest is what is kept of a browser's secret.
func (p *Provider) browserDigest(browser string) string {
	return secret.Digest(p.m.Realm(), "link.browser", browser)
}
