package oauth

import (
	"slices"
	"strings"

	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

// canonicalDomain returns d as it is compared, or "" if it is no domain.
func canonicalDomain(d string) string {
	key, err := identifier.Email("a@" + d)
	if err != nil || strings.Count(key, "@") != 1 {
		return ""
	}
	return strings.TrimPrefix(key, "a@")
}

// letIn reports whether the account is of one of the connector's domains.
func (c *Connector) letIn(a Account) bool {
	if len(c.opts.Domains) == 0 {
		return true
	}
	if c.hosted {
		// Not the address: whoever has left the organisation may have kept an account
		// under it.
		return slices.Contains(c.opts.Domains, canonicalDomain(a.HostedDomain))
	}
	key, err := identifier.Email(a.Email)
	if err != nil || a.EmailStatus != EmailVerified {
		return false
	}
	_, domain, _ := strings.Cut(key, "@")
	return slices.Contains(c.opts.Domains, domain)
}

// authoritative reports whether the identity provider itself has the mailbox, or the
// organisation that the account is of. Another address it has verified once; whose it
// is today is not for it to say (Google's documentation of email_verified).
func (c *Connector) authoritative(a Account) bool {
	if !c.hosted || a.HostedDomain != "" {
		return true
	}
	key, err := identifier.Email(a.Email)
	_, domain, _ := strings.Cut(key, "@")
	return err == nil && (domain == "gmail.com" || domain == "googlemail.com")
}
