package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"

	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// What the identity provider calls this site. It is not secret: who reaches the
// identity provider can be anybody there.
const (
	standInID     = "gatehouse-demo"
	standInSecret = "not a secret, since it is in the source"
)

// acquaintances are who has accounts elsewhere. Mallory says that she is Ada.
var acquaintances = []oauthtest.Person{
	{Login: "ada", Name: "Ada Lovelace", Email: "ada@example.com", EmailVerified: true},
	{Login: "grace", Name: "Grace Hopper", Email: "grace@example.com", EmailVerified: true},
	{Login: "bob", Name: "Bob", Email: "bob@example.com", EmailVerified: false},
	{Login: "mallory", Name: "Mallory", Email: "ada@example.com", EmailVerified: false},
	{Login: "kay", Name: "Kay"},
}

// standInPort is where the identity provider listens, if it can.
const standInPort = "8089"

// startIdentityProvider starts what stands in for GitHub, Google and Apple. It is
// on another host than the site, not only on another port: what a browser does on the
// way between two sites is not seen on one.
func startIdentityProvider(c config, origin string, apple *ecdsa.PublicKey) (*oauthtest.Server, error) {
	client := oauthtest.Client{ID: standInID, Secret: standInSecret, RequirePKCE: true, AppleKey: apple}
	for _, name := range []string{"github", "google", "apple", "oidc"} {
		client.RedirectURIs = append(client.RedirectURIs, origin+"/auth/oauth/"+name+"/callback")
	}
	idp := oauthtest.New(&oauthtest.Options{Clients: []oauthtest.Client{client}, People: acquaintances, Now: c.now})
	if c.oauthAddr != "" {
		if err := idp.Start(c.oauthAddr); err != nil {
			return nil, fmt.Errorf("-oauth-addr: %w", err)
		}
		return idp, nil
	}
	host := "127.0.0.1"
	if u, err := url.Parse(origin); err == nil && u.Hostname() == host {
		host = "localhost"
	}
	if idp.Start(host+":"+standInPort) == nil {
		return idp, nil
	}
	// Taken, for one by another demo.
	if err := idp.Start(host + ":0"); err != nil {
		return nil, err
	}
	return idp, nil
}

// newAppleKey makes a key as Apple gives them, and the half of it that Apple keeps.
func newAppleKey() (oauth.AppleKey, *ecdsa.PublicKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return oauth.AppleKey{}, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return oauth.AppleKey{}, nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return oauth.AppleKey{TeamID: "GATEHOUSE1", KeyID: "DEMO000001", PrivateKey: string(text)}, &key.PublicKey, nil
}
