package oauth

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An Account is what an identity provider says of somebody.
type Account struct {
	// Issuer is who says so: of OpenID Connect the issuer, of others "".
	Issuer string
	// Subject is what the identity provider calls the account, for ever: an ID
	// that it never gives to somebody else. It is the only thing that identifies.
	Subject string
	// Email is an address, and EmailStatus what is known of it. It identifies
	// nobody.
	Email       string
	EmailStatus EmailStatus
	// HostedDomain is the organisation that the account belongs to, as signed by
	// its identity provider: Google's claim "hd". Or "".
	HostedDomain string

	// AuthTime is when the user last proved to the identity provider who they are, if it
	// says so (OpenID Connect Core 1.0, auth_time): a login here is as fresh as that. Or
	// zero.
	AuthTime time.Time

	Name      string // for people, or ""
	Username  string // the account's public name there, which may change hands; or ""
	AvatarURL string // as it came; whoever shows it fetches from there. Or ""

	// Claims is all that was said: of OpenID Connect the claims of the ID token, and
	// of others the profile. Do not change it.
	Claims map[string]any
}

// An EmailStatus says whether an address belongs to the account.
type EmailStatus string

// What is known of an address. Only EmailVerified is ever trusted.
const (
	EmailUnknown    EmailStatus = ""           // the identity provider does not say, or is not believed
	EmailVerified   EmailStatus = "verified"   // it has made sure, and is believed
	EmailUnverified EmailStatus = "unverified" // it says that it has not
)

// maxSubject is the length of a subject that stores can keep (OpenID Connect
// Core 1.0, section 2, has the same).
const maxSubject = 255

// constantSubjects are what comes out when an ID was missing.
var constantSubjects = []string{"0", "null", "nil", "<nil>", "undefined", "none", "nan", "false", "true", "-1", "[object object]"}

// plausible reports whether s can be somebody's subject, rather than what is
// left of a missing one.
func plausible(subject string) bool {
	if subject == "" || len(subject) > maxSubject || !utf8.ValidString(subject) || strings.TrimSpace(subject) != subject {
		return false
	}
	if strings.ContainsFunc(subject, unicode.IsControl) {
		return false
	}
	for _, c := range constantSubjects {
		if strings.EqualFold(subject, c) {
			return false
		}
	}
	return true
}
