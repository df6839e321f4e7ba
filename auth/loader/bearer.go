package loader

import (
	"context"
	"net/http"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Bearer returns a loader for tokens in the Authorization header, as in
//
//	Authorization: Bearer mF_9.B5f-4.1JqM
//
// (RFC 6750, section 2.1; the token in a form or in the URL, sections 2.2 and 2.3, is
// not looked for). verify says whose a token is: see the package's comment. A 401
// has the challenge of section 3, with error="invalid_token" if there was a token
// and it was bad. Browsers do not send such tokens by themselves: a request that is
// answered by one needs no check of its origin. Opts may be nil; what is wrong
// is reported by auth.New.
func Bearer(verify func(ctx context.Context, token string) (*auth.Identity, error), opts *Options) auth.RequestLoader {
	return &bearer{newBase("Bearer", opts, verify != nil), verify}
}

type bearer struct {
	base
	verify func(ctx context.Context, token string) (*auth.Identity, error)
}

func (b *bearer) LoadRequest(r *http.Request) (*auth.Identity, error) {
	if b.err != nil {
		return nil, b.err
	}
	token, err := authorization(r, "Bearer", b.max)
	if err != nil {
		return nil, err
	}
	return said(b.verify(r.Context(), token))
}

func (b *bearer) Challenge() string { return `Bearer realm="` + b.realm + `"` }

func (b *bearer) ChallengeBad() string { return b.Challenge() + `, error="invalid_token"` }
