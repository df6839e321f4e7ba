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

// letIn reports whether the account is one of domains.
func letIn(domains []string, a Account) bool {
	if len(domains) == 0 {
		return true
	}
	if a.HostedDomain != "" {
		return slices.Contains(domains, canonicalDomain(a.HostedDomain))
	}
	key, err := identifier.Email(a.Email)
	if err != nil || a.EmailStatus != EmailVerified {
		return false
	}
	_, domain, _ := strings.Cut(key, "@")
	return slices.Contains(domains, domain)
}
