package oauthtest

import (
	"crypto/ecdsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// A Client is an application that was registered.
type Client struct {
	// ID is the client_id, and Twitter's consumer key. Required.
	ID string
	// Secret is the client_secret. Default none: a public client, which
	// sends none.
	Secret string
	// RedirectURIs are where browsers may be sent back to, compared byte for
	// byte. Required, without AnyRedirectURI.
	RedirectURIs []string
	// AnyRedirectURI lets the client name any absolute URL.
	AnyRedirectURI bool
	// RequirePKCE refuses authorization requests without a code_challenge.
	RequirePKCE bool
	// Services are where the client was registered. Default all.
	Services []Service

	// AppleKey is the public key of the P-256 key with which the client signs
	// its secret for [Apple], as Apple demands it: a JWT with alg ES256, iss AppleTeam, sub
	// the ID, aud https://appleid.apple.com, and an exp at most six months away.
	// Default none: at Apple as well, Secret is the secret.
	AppleKey *ecdsa.PublicKey
	// AppleTeam and AppleKeyID are what iss and the header's kid have to be, with
	// AppleKey. Default anything.
	AppleTeam, AppleKeyID string
}

func (c *Client) at(s Service) bool {
	return len(c.Services) == 0 || slices.Contains(c.Services, s)
}

func (c *Client) redirects(uri string) bool {
	if !c.AnyRedirectURI {
		return slices.Contains(c.RedirectURIs, uri)
	}
	u, err := url.Parse(uri)
	return err == nil && u.IsAbs() && u.Fragment == ""
}

// proves reports whether secret is the client's.
func (c *Client) proves(secret string) bool {
	return subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) == 1
}

// client returns the client of that ID at a service. Without any configured,
// everybody is one, whatever the secret.
func (s *Server) client(at Service, id string) (c *Client, anySecret bool) {
	if id == "" {
		return nil, false
	}
	if len(s.opts.Clients) == 0 {
		return &Client{ID: id, AnyRedirectURI: true}, true
	}
	for i := range s.opts.Clients {
		if c := &s.opts.Clients[i]; c.ID == id && c.at(at) {
			return c, false
		}
	}
	return nil, false
}

func checkClients(clients []Client) error {
	var errs []error
	for i, c := range clients {
		if c.ID == "" {
			errs = append(errs, fmt.Errorf("oauthtest: Options.Clients[%d] needs an ID", i))
		}
		if len(c.RedirectURIs) == 0 && !c.AnyRedirectURI {
			errs = append(errs, fmt.Errorf("oauthtest: the client %q needs RedirectURIs, or AnyRedirectURI", c.ID))
		}
		for _, uri := range c.RedirectURIs {
			if u, err := url.Parse(uri); err != nil || !u.IsAbs() || u.Fragment != "" {
				errs = append(errs, fmt.Errorf("oauthtest: the client %q has the redirect URI %q: give an absolute one without fragment", c.ID, uri))
			}
		}
		for _, other := range clients[:i] {
			for _, at := range services() {
				if c.ID == other.ID && c.at(at) && other.at(at) {
					errs = append(errs, fmt.Errorf("oauthtest: two clients have the ID %q at %s", c.ID, at))
				}
			}
		}
	}
	return errors.Join(errs...)
}
