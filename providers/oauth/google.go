package oauth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/google"
	"golang.org/x/oauth2"
)

const (
	googleIssuer        = "https://accounts.google.com"
	googleKeysURL       = "https://www.googleapis.com/oauth2/v3/certs"
	googleRevocationURL = "https://oauth2.googleapis.com/revoke"
)

// Google returns a connector for Google accounts; docs/oauth.md says how to register
// a client there. What it says of the user is the ID token's, whose signature,
// audience and nonce are verified; the profile only adds what the token does not
// have. With [ConnectorOptions.Domains], the claim "hd" decides, which Google signs.
//
// Defaults: Name is "google", Title "Google", Scopes "openid", "email" and
// "profile"; "openid" is asked for in any case. A refresh token is asked for if
// [ConnectorOptions.KeepTokens] is set; Google gives it with the consent, so that
// AuthParams "prompt": "consent" may be needed.
func Google(clientID, secret string, opts *ConnectorOptions) *Connector {
	verifier := newIDTokenVerifier(googleKeysURL, "RS256")
	c := gothConnector(gothSpec{
		new: func(callback string, _ *http.Client, scopes []string) goth.Provider {
			return google.New(clientID, secret, callback, scopes...)
		},
		id: clientID, secret: secret, credentials: true,
		name: "google", title: "Google",
		scopes: []string{"openid", "email", "profile"},
		scope:  "openid",
		iss:    googleIssuer,
		nonce:  true,
		params: func(o *ConnectorOptions, f *flow) map[string]string {
			params := chooseAgain(f)
			if !o.KeepTokens {
				params["access_type"] = "online" // goth has "offline"
			}
			return params
		},
		account: func(x *exchange) (Account, error) {
			claims, err := verifier.verify(x.ctx, x.flow.client, x.user.IDToken, expected{
				issuers:     []string{googleIssuer, "accounts.google.com"}, // Google documents both
				clientID:    clientID,
				nonce:       x.flow.nonce,
				accessToken: x.user.AccessToken,
				now:         x.flow.now,
				began:       x.flow.began,
			})
			if err != nil {
				return Account{}, err
			}
			return googleAccount(x.account, claims)
		},
		revoke: googleRevoke,
	}, opts)
	c.hosted = true
	return c
}

// googleAccount is the account of verified claims; profile is what goth fetched.
func googleAccount(profile Account, claims map[string]any) (Account, error) {
	text := func(name string) string { s, _ := claims[name].(string); return s }
	if text("sub") == "" || profile.Subject != text("sub") {
		return Account{}, fmt.Errorf("%w: the profile is somebody else's than the ID token", errBadAnswer)
	}
	a := Account{
		Issuer:       googleIssuer,
		Subject:      text("sub"),
		Email:        text("email"),
		HostedDomain: text("hd"),
		Name:         text("name"),
		AvatarURL:    text("picture"),
		Claims:       claims,
	}
	if a.Email != "" {
		a.EmailStatus = emailFlag("email_verified")(a)
	}
	if a.Name == "" {
		a.Name = profile.Name
	}
	if a.AvatarURL == "" {
		a.AvatarURL = profile.AvatarURL
	}
	return a, nil
}

func googleRevoke(ctx context.Context, client *http.Client, t *oauth2.Token) error {
	token := t.RefreshToken
	if token == "" {
		token = t.AccessToken
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, googleRevocationURL, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		return outcome(err, token)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return give(client, req, token)
}
