package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// elsewhere is where people have accounts that they can log in with here.
type elsewhere struct {
	provider *oauth.Provider   // nil: nowhere
	idp      *oauthtest.Server // stands in for who is not in the environment; nil: nobody has to
}

// newElsewhere sets up what -oauth and the environment say, for the site at
// origin.
func newElsewhere(c config, origin string, logger *slog.Logger) (e elsewhere, err error) {
	if c.oauth == "off" {
		return e, nil
	}
	env := c.env
	if env == nil {
		env = os.Getenv
	}
	found, err := registered(env)
	if err != nil {
		return e, err
	}
	key, public, err := newAppleKey()
	if err != nil {
		return e, err
	}
	if found.github == nil || found.google == nil || c.oauth == "all" {
		if e.idp, err = startIdentityProvider(c, origin, public); err != nil {
			return e, err
		}
	}
	stand := func(title string) *oauth.ConnectorOptions {
		return &oauth.ConnectorOptions{Title: title + " (demo)", Insecure: e.idp, InsecureHTTP: true}
	}
	if found.github == nil {
		found.github = oauth.GitHub(standInID, standInSecret, stand("GitHub"))
	}
	if found.google == nil {
		found.google = oauth.Google(standInID, standInSecret, stand("Google"))
	}
	connectors := []*oauth.Connector{found.github, found.google}
	if c.oauth == "all" {
		connectors = append(connectors, oauth.Apple(standInID, key, stand("Apple")))
		if found.oidc == nil {
			found.oidc = oauth.OIDC(e.idp.URL, standInID, standInSecret, stand("OpenID"))
		}
	}
	if found.oidc != nil {
		connectors = append(connectors, found.oidc)
	}
	e.provider = oauth.New(origin, &oauth.Options{Logger: logger}, connectors...)
	return e, nil
}

// close ends the identity provider.
func (e elsewhere) close() error {
	if e.idp == nil {
		return nil
	}
	return e.idp.Close()
}

// registrations are the connectors for which the environment has what their
// identity providers call this site; the others are nil.
type registrations struct{ github, google, oidc *oauth.Connector }

// registered reads the environment. Half of a registration is an error.
func registered(env func(name string) string) (r registrations, err error) {
	var errs []error
	read := func(names ...string) (values []string) {
		var set, missing []string
		for _, name := range names {
			if v := strings.TrimSpace(env(name)); v != "" {
				set, values = append(set, name), append(values, v)
			} else {
				missing = append(missing, name)
			}
		}
		if len(set) == 0 {
			return nil
		}
		if len(missing) > 0 {
			errs = append(errs, fmt.Errorf("%s is set in the environment, and %s is not: set both, or neither", strings.Join(set, " and "), strings.Join(missing, " and ")))
			return nil
		}
		return values
	}
	if v := read("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"); v != nil {
		r.github = oauth.GitHub(v[0], v[1], nil)
	}
	if v := read("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"); v != nil {
		r.google = oauth.Google(v[0], v[1], nil)
	}
	if v := read("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"); v != nil {
		// Plain HTTP is for an issuer on this machine; the connector refuses any other.
		r.oidc = oauth.OIDC(v[0], v[1], v[2], &oauth.ConnectorOptions{InsecureHTTP: strings.HasPrefix(v[0], "http://")})
	}
	return r, errors.Join(errs...)
}
