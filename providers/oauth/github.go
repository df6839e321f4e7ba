package oauth

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/github"
	"golang.org/x/oauth2"
)

// GitHub's addresses. goth has them in variables, which anybody could set.
const (
	githubAuthURL    = "https://github.com/login/oauth/authorize"
	githubTokenURL   = "https://github.com/login/oauth/access_token"
	githubProfileURL = "https://api.github.com/user"
	githubEmailsURL  = "https://api.github.com/user/emails?per_page=100"
	githubIssuer     = "https://github.com/login/oauth"
)

// GitHub returns a connector for github.com; docs/oauth.md says how to register an
// OAuth app there. An account's subject is its number, never its name, which can
// change hands. The address is the primary one if GitHub has verified it, and else
// there is none: the one in the profile is for show, and anybody's.
//
// Defaults: Name is "github", Title "GitHub", Scopes "read:user" and "user:email".
// A GitHub App has no scopes: allow it to read "Email addresses".
func GitHub(clientID, secret string, opts *ConnectorOptions) *Connector {
	return gothConnector(gothSpec{
		new: func(callback string, _ *http.Client, scopes []string) goth.Provider {
			return github.NewCustomisedURL(clientID, secret, callback, githubAuthURL, githubTokenURL, githubProfileURL, githubEmailsURL, scopes...)
		},
		id: clientID, secret: secret, credentials: true,
		name: "github", title: "GitHub",
		scopes:  []string{"read:user", "user:email"},
		iss:     githubIssuer,
		params:  func(_ *ConnectorOptions, f *flow) map[string]string { return chooseAgain(f) },
		quietly: true, // with scopes, it asks for addresses if the profile has none
		account: githubAccount,
		revoke: func(ctx context.Context, client *http.Client, t *oauth2.Token) error {
			return githubRevoke(ctx, client, clientID, secret, t)
		},
	}, opts)
}

// chooseAgain asks a user who is to prove anew who they are to choose the account
// at least: neither GitHub nor Google lets a site ask for more.
func chooseAgain(f *flow) map[string]string {
	if !f.stepUp {
		return map[string]string{}
	}
	return map[string]string{"prompt": "select_account"}
}

// githubAccount takes the address from where GitHub says whether it is verified.
func githubAccount(x *exchange) (Account, error) {
	a := x.account
	if id, err := strconv.ParseInt(a.Subject, 10, 64); err != nil || id <= 0 {
		return Account{}, fmt.Errorf("%w: the profile has no number", errBadAnswer)
	}
	a.Email, a.EmailStatus = "", EmailUnknown
	req, err := http.NewRequestWithContext(x.ctx, http.MethodGet, githubEmailsURL, nil)
	if err != nil {
		return Account{}, err
	}
	req.Header.Set("Authorization", "Bearer "+x.user.AccessToken)
	req.Header.Set("Accept", "application/vnd.github+json")
	var emails []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	switch status, err := fetchJSON(x.flow.client, req, &emails); {
	case err != nil:
		return Account{}, err
	case status == http.StatusForbidden || status == http.StatusNotFound:
		return a, nil // the scope or the permission was not asked for, or not given
	case status != http.StatusOK:
		return Account{}, fmt.Errorf("%w: it answers a request for addresses with status %d", errBadAnswer, status)
	}
	for _, e := range emails {
		if e.Primary && e.Verified {
			a.Email, a.EmailStatus = e.Email, EmailVerified
			break
		}
	}
	return a, nil
}

// githubRevoke ends a token as GitHub has it, which knows no RFC 7009.
func githubRevoke(ctx context.Context, client *http.Client, id, secret string, t *oauth2.Token) error {
	body := `{"access_token":` + strconv.Quote(t.AccessToken) + `}`
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, "https://api.github.com/applications/"+id+"/token", strings.NewReader(body))
	if err != nil {
		return outcome(err, secret, t.AccessToken)
	}
	req.SetBasicAuth(id, secret)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/vnd.github+json")
	return give(client, req, secret, t.AccessToken)
}
