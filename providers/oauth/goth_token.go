package oauth

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
)

func (b *gothBackend) refresh(ctx context.Context, client *http.Client, t *oauth2.Token) (*oauth2.Token, error) {
	tr := &gothTransport{secretInBody: b.known}
	client = b.client(client, tr)
	old := t.RefreshToken
	if old == "" {
		return nil, fmt.Errorf("%w: there is no refresh token", errInvalidGrant)
	}
	fresh, err := run(ctx, &b.hung, b.patience(), func() (*oauth2.Token, error) {
		p, err := b.make("https://callback.invalid/", client, nil)
		if err != nil {
			return nil, err
		}
		if !p.RefreshTokenAvailable() {
			return nil, fmt.Errorf("%w: goth's provider refreshes none", errInvalidGrant)
		}
		if b.traits.exchange {
			return renew(ctx, client, p, old)
		}
		return p.RefreshToken(old)
	})
	if err := tr.verdict(err); err != nil {
		return nil, outcome(err, b.secret, old)
	}
	if fresh == nil || fresh.AccessToken == "" {
		return nil, fmt.Errorf("%w: it has no access token", errBadAnswer)
	}
	out := bareToken(fresh)
	if out.RefreshToken == "" {
		out.RefreshToken = old // RFC 6749, section 6: the old one stays
	}
	return out, nil
}

func (b *gothBackend) revoke(ctx context.Context, client *http.Client, t *oauth2.Token) error {
	if b.gothSpec.revoke == nil {
		return errNoRevocation // goth has none
	}
	return b.gothSpec.revoke(ctx, client, t)
}
