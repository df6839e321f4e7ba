package main

import "github.com/gatehouse-go/gatehouse/providers/oauth"

// Corp returns a connector for the OpenID Connect issuer of a company, which makes
// sure of its people's addresses, and lets nobody in whose address is another's.
// Where its endpoints are and what signs its ID tokens it says itself. Local is for an
// issuer on this machine that speaks plain HTTP.
func Corp(issuer, clientID, secret string, local bool, domains ...string) *oauth.Connector {
	return oauth.OIDC(issuer, clientID, secret, &oauth.ConnectorOptions{
		Name:         "corp",
		Title:        "Corp",
		Domains:      domains,
		EmailStatus:  oauth.TrustEmailVerified,
		RequirePKCE:  true,
		InsecureHTTP: local,
	})
}
