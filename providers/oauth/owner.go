package oauth

import (
	"errors"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
)

// owner returns who is logged in, to change what they can log in with.
func (p *Provider) owner(r *http.Request) (*auth.Identity, error) {
	id, err := p.m.IdentityFrom(r.Context())
	if err != nil {
		return nil, err
	}
	if err := p.m.Recheck(r.Context()); err != nil { // reading what was sent takes as long as the client likes
		return nil, err
	}
	if id.Session == nil {
		return nil, auth.ErrNoCredentials
	}
	if id.Actor != "" { // a link would outlive what they are allowed
		return nil, problem(http.StatusForbidden, "forbidden", "Only the user can do this.", auth.ErrForbidden)
	}
	return id, nil
}

// fresh refuses who has not just proved who they are.
func (p *Provider) fresh(r *http.Request, id *auth.Identity) error {
	err := p.m.Fresh(r.Context(), p.opts.Fresh)
	if errors.Is(err, auth.ErrNotFresh) {
		p.m.Emit(r, auth.Event{Name: "not_fresh", UserID: id.UserID, Actor: id.Actor})
	}
	return err
}

// sameSession returns who is logged in, if it is who began the transaction, in the
// same session.
func (p *Provider) sameSession(r *http.Request, t transaction, userID string) (*auth.Identity, error) {
	id, err := p.owner(r)
	if err != nil {
		return nil, err
	}
	if id.UserID != userID || id.Session.Handle() != t.Session {
		return nil, expired("the transaction was begun by another session")
	}
	return id, nil
}
