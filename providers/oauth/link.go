package oauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/form"
	"golang.org/x/oauth2"
)

// maxLinks is how many accounts a user can have linked.
const maxLinks = 20

// link links the account to who is logged in, in the session that began it.
func (p *Provider) link(w http.ResponseWriter, r *http.Request, c *Connector, t transaction, userID string, a Account, token *oauth2.Token) {
	id, err := p.sameSession(r, t, userID) // again: the identity provider took its time
	if err == nil {
		_, err = p.attach(r.Context(), c, id.UserID, a, token)
	}
	if err != nil {
		p.failed(r, c, t, userID, err)
		p.tell(w, r, t, err)
		return
	}
	p.m.Flash(w, r, auth.Flash{ID: "oauth.linked", Category: "success"})
	p.m.Finish(w, r, nil, p.after(t))
}

// after returns where to go after a change of the links.
func (p *Provider) after(t transaction) string {
	if t.Next != "" {
		return t.Next
	}
	return p.m.URL("/accounts")
}

// confirm adds the proof to the session that asked for it, if the account is one
// of its user's.
func (p *Provider) confirm(w http.ResponseWriter, r *http.Request, c *Connector, t transaction, userID string, a Account, token *oauth2.Token) {
	l, err := p.held(r.Context(), c, a)
	if err == nil {
		_, err = p.sameSession(r, t, userID)
	}
	if errors.Is(err, auth.ErrNotFound) || err == nil && l.UserID != userID {
		err = problem(http.StatusForbidden, "wrong_account", "This is not an account that you have linked.", errors.New("oauth: confirmed by an account of somebody else"))
	}
	if err == nil {
		err = p.m.Reauthenticate(w, r, p.proofOf(l))
	}
	if err != nil {
		p.failed(r, c, t, userID, err)
		p.tell(w, r, t, err)
		return
	}
	p.renew(r.Context(), c, l, a, token)
	p.m.Finish(w, r, nil, t.Next)
}

// attach links the account to the user, if what it rests on can be changed as well. The
// user's other sessions end.
func (p *Provider) attach(ctx context.Context, c *Connector, userID string, a Account, token *oauth2.Token, restsOn ...auth.Change) (auth.Credential, error) {
	switch l, err := p.held(ctx, c, a); {
	case err == nil && l.UserID == userID:
		p.renew(ctx, c, l, a, token)
		return l, nil
	case err == nil:
		return auth.Credential{}, alreadyLinked(nil)
	case !errors.Is(err, auth.ErrNotFound):
		return auth.Credential{}, err
	}
	links, err := p.links(ctx, userID)
	if err != nil {
		return auth.Credential{}, err
	}
	if len(links) >= maxLinks {
		return auth.Credential{}, problem(http.StatusConflict, "too_many_links", "You have linked as many accounts as you can. Unlink one first.", nil)
	}
	l, err := p.newLink(c, userID, a, token)
	if err != nil {
		return auth.Credential{}, err
	}
	err = p.m.ChangeCredentials(ctx, userID, append([]auth.Change{{New: &l}}, restsOn...)...)
	switch {
	case errors.Is(err, auth.ErrExists):
		return auth.Credential{}, alreadyLinked(err)
	case errors.Is(err, auth.ErrConflict), errors.Is(err, auth.ErrNotFound):
		return auth.Credential{}, conflict(err)
	}
	return l, err
}

func (p *Provider) postUnlink(w http.ResponseWriter, r *http.Request, c *Connector) {
	sent, err := form.Parse(w, r, "account", "next")
	t := transaction{Intent: toLink, Next: clean(sent.Get("next"))}
	var id *auth.Identity
	if err == nil {
		id, err = p.owner(r)
	}
	if err == nil {
		err = p.fresh(r, id)
	}
	var gone auth.Credential
	if err == nil {
		gone, err = p.unlink(r.Context(), c, id.UserID, sent.Get("account"))
	}
	next := p.after(t)
	if gone.Kind != "" && restsOn(id, gone) {
		// A session ends with the link that it rests on.
		err = errors.Join(err, p.m.LogOut(w, r))
		next = t.Next // or Home, as after a log-out
	}
	if err != nil {
		p.tell(w, r, t, err)
		return
	}
	p.m.Flash(w, r, auth.Flash{ID: "oauth.unlinked", Category: "success"})
	p.m.Finish(w, r, nil, next)
}

// unlink removes the user's link to the account with that subject, or to the only
// one of the connector's if subject is "". It returns the link if that is gone, also
// with an error: the user's other sessions may live on then.
func (p *Provider) unlink(ctx context.Context, c *Connector, userID, subject string) (auth.Credential, error) {
	links, err := p.m.Store().UserCredentials(ctx, userID, c.kind)
	if err != nil {
		return auth.Credential{}, err
	}
	var l *auth.Credential
	for i := range links {
		if links[i].Key == subject || subject == "" && len(links) == 1 {
			l = &links[i]
		}
	}
	if l == nil {
		return auth.Credential{}, problem(http.StatusNotFound, "not_linked", "This account is not linked.", auth.ErrNotFound)
	}
	change, err := removal(*l)
	if err != nil {
		return auth.Credential{}, err
	}
	err = p.m.ChangeCredentials(ctx, userID, change)
	switch {
	case errors.Is(err, auth.ErrLastCredential):
		return auth.Credential{}, problem(http.StatusConflict, "last_credential", "This is the only way in that you have. Add another one first.", err)
	case errors.Is(err, auth.ErrConflict), errors.Is(err, auth.ErrNotFound):
		return auth.Credential{}, conflict(err)
	case err != nil:
		if _, there := p.m.Store().LoadCredential(ctx, l.Kind, l.Key); !errors.Is(there, auth.ErrNotFound) {
			return auth.Credential{}, err
		}
	}
	p.revokeTokens(ctx, *l)
	return *l, err
}

// UnlinkAll removes all of the user's links, and ends all of their sessions but the
// one that ctx belongs to: for
// whoever gives an account back to its owner, who does not know what somebody else has
// linked to it. There must be another way in, or the error wraps
// [auth.ErrLastCredential] and nothing has changed; [auth.ErrConflict] if something
// was changed at the same time. Having none is not an error.
func (p *Provider) UnlinkAll(ctx context.Context, userID string) error {
	links, err := p.links(ctx, userID)
	if err != nil || len(links) == 0 {
		return err
	}
	changes := make([]auth.Change, len(links))
	for i := range links {
		if changes[i], err = removal(links[i]); err != nil {
			return err
		}
	}
	if err := p.m.ChangeCredentials(ctx, userID, changes...); err != nil {
		return err
	}
	p.revokeTokens(ctx, links...)
	return nil
}

// restsOn reports whether the session was begun, or confirmed, by the link.
func restsOn(id *auth.Identity, l auth.Credential) bool {
	for _, proof := range id.Proofs {
		if proof.Kind == l.Kind && proof.Key == l.Key {
			return true
		}
	}
	return false
}

func alreadyLinked(cause error) error {
	return problem(http.StatusConflict, "already_linked", "This account is linked to another user here.", cause)
}

func conflict(cause error) error {
	return problem(http.StatusConflict, "conflict", "Something was changed somewhere else meanwhile. Please try again.", cause)
}
