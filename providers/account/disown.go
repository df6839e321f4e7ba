package account

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/form"
)

// disownPurpose is that of the tickets of links "this was not me".
const disownPurpose = "account.disown"

// A disowned is what a link is about: somebody's account, the address that was told, and
// what happened.
type disowned struct {
	User    string      `json:"user"`
	Address string      `json:"address"`
	Event   string      `json:"event"`
	At      time.Time   `json:"at,omitzero"`
	Added   []addedName `json:"added,omitempty"`
}

func (p *Provider) mountDisown(mux auth.Mux) {
	mux.Handle("GET /disown", http.HandlerFunc(p.getDisown))
	mux.Handle("POST /disown", http.HandlerFunc(p.postDisown))
}

func disownPage(token string) *auth.Page {
	return &auth.Page{Name: "disown", Title: "This was not you?", Forms: []auth.Form{tokenForm("disown", "/disown", "Secure my account", token)}}
}

func (p *Provider) getDisown(w http.ResponseWriter, r *http.Request) {
	withToken(w)
	token := tokenIn(r)
	p.answerToken(w, r, disownPage(token), p.good(r.Context(), disownPurpose, token))
}

func (p *Provider) postDisown(w http.ResponseWriter, r *http.Request) {
	withToken(w)
	sent, err := form.Parse(w, r, "token")
	if err == nil {
		err = p.limitPosts(r)
	}
	if err == nil {
		err = p.disown(r, sent.Get("token"))
	}
	if err != nil {
		p.answerToken(w, r, disownPage(sent.Get("token")), err)
		return
	}
	p.m.Flash(w, r, auth.Flash{ID: "account.disowned", Category: "success"})
	p.m.Done(w, r, "/login", http.StatusOK, map[string]string{"status": "disowned"})
}

// disown ends all that can act as the user, removes what they say they have not added and
// every way in that was added since, and begins the recovery of the account at the address
// that was told.
//
// The address must be the user's still, or one that they can take back: since a link is
// good for no longer after what it is about than a change of address can be undone, an
// address that has left the account later than that says nothing any more, and one that
// was only claimed, and changed, never does.
func (p *Provider) disown(r *http.Request, token string) error {
	ctx := r.Context()
	var v disowned
	t, err := p.find(ctx, disownPurpose, token, &v)
	if err != nil {
		return err
	}
	in := &intent{event: "account.disowned", ticket: &t, language: p.post.LanguageOf(r)}
	changes, err := p.giveBack(ctx, in, v.User, v.Address, v.At)
	if err != nil {
		return err
	}
	changes, err = p.withdraw(ctx, v, changes)
	if err != nil {
		return err
	}
	if err := p.forgetRemoved(ctx, in, v); err != nil {
		return err
	}
	changes, err = p.spare(ctx, in, v.User, v.At, changes)
	if err != nil {
		return err
	}
	err = p.applyIntent(ctx, v.User, in, changes...)
	if isLate(err) {
		if again := p.good(ctx, disownPurpose, token); isLinkInvalid(again) {
			return again
		}
	}
	return err
}

// withdraw adds to changes those that remove what was added, as far as it is still there.
func (p *Provider) withdraw(ctx context.Context, v disowned, changes []auth.Change) ([]auth.Change, error) {
	held, err := p.m.Store().UserCredentials(ctx, v.User)
	if err != nil {
		return nil, err
	}
	for i := range held {
		for _, a := range v.Added {
			gone := slices.ContainsFunc(changes, func(c auth.Change) bool { return c.Old.Kind == a.Kind && c.Old.Key == a.Key })
			if !gone && held[i].Kind == a.Kind && held[i].Key == a.Key && a.Kind != emailKind {
				changes = append(changes, auth.Change{Old: &held[i]})
			}
		}
	}
	return changes, nil
}
