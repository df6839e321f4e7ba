// Package oauth logs people in at other sites: GitHub, Google, Apple, any OpenID
// Connect issuer, any OAuth 2.0 server, and whatever goth has a provider for.
//
// Start with [New], which puts connectors together: [GitHub], [Google], [Apple],
// [OIDC], [OAuth2], [Goth]. The result goes into Providers of [auth.Options].
//
//	oauth.New("https://app.example", nil,
//		oauth.GitHub(githubID, githubSecret, nil),
//		oauth.OIDC("https://login.corp.example", corpID, corpSecret, &oauth.ConnectorOptions{Name: "corp"}))
//
// What a connector does not decide is decided here, once, for all of them: the
// transaction (RFC 9700), PKCE (RFC 7636), who an account belongs to, when it may
// be linked, and what may be asked of the outside. An account is identified by
// the connector's name and the subject there, never by an e-mail address.
package oauth
