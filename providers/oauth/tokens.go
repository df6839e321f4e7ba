package oauth

import (
	"context"

	"github.com/gatehouse-go/gatehouse/auth"
	"golang.org/x/oauth2"
)

func (p *Provider) sealTokens(l *auth.Credential, t *oauth2.Token) ([]byte, error) { return nil, nil }

func (p *Provider) revokeTokens(ctx context.Context, c *Connector, l auth.Credential) {}
