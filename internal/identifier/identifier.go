// Package identifier turns what people type to say who they are, an e-mail
// address or a user name, into the one key under which an account is kept and
// counted. Two spellings that it takes for the same give the same key; what
// could be read in two ways is refused rather than repaired.
//
// Keys are ASCII and have no upper-case letters, so that they compare byte for
// byte everywhere and no two of them look alike to Unicode. A key given again
// comes back as it is.
package identifier

import (
	"errors"
	"strings"
)

// Bounds of what is accepted, in bytes.
const (
	MaxEmail    = 254 // RFC 5321, 4.5.3.1.3, less the angle brackets
	MaxUsername = 64
	maxLocal    = 64
	maxLabel    = 63
)

// The reasons for a refusal. Their texts are sentences for people.
var (
	ErrEmail = errors.New("an e-mail address looks like ada@example.com: " +
		"letters without accents, digits and signs, one @, and a domain name")
	ErrEmailLong = errors.New("an e-mail address has at most 254 characters")
	ErrUsername  = errors.New("a user name has 1 to 64 letters without accents, digits, dots, " +
		"underscores and hyphens, and begins with a letter or digit")
)

// Email returns the key of an e-mail address: without spaces around it, in
// lower case. The error is [ErrEmail] or [ErrEmailLong].
//
// The part before the @ is folded as well, although RFC 5321 lets a server
// tell its cases apart: none that matters does, and two accounts for one
// mailbox would be worse. Quoted local parts, comments, display names, IP
// literals and addresses outside ASCII are refused, since parsers disagree
// about them and mail could go elsewhere than where it was checked.
func Email(s string) (string, error) {
	s = strings.Trim(s, " ")
	if len(s) > MaxEmail {
		return "", ErrEmailLong
	}
	s = lower(s)
	local, domain, ok := strings.Cut(s, "@")
	if !ok || !validLocal(local) || !validDomain(domain) {
		return "", ErrEmail
	}
	return s, nil
}

// Username returns the key of a user name: without spaces around it, in lower
// case. It holds no @ and thus is never an e-mail address. The error is
// [ErrUsername].
func Username(s string) (string, error) {
	s = lower(strings.Trim(s, " "))
	if s == "" || len(s) > MaxUsername || !isAlnum(s[0]) {
		return "", ErrUsername
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && c != '.' && c != '_' && c != '-' {
			return "", ErrUsername
		}
	}
	return s, nil
}

// validLocal reports whether s is what RFC 5322 calls a dot-atom.
func validLocal(s string) bool {
	if s == "" || len(s) > maxLocal {
		return false
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if c := atom[i]; !isAlnum(c) && strings.IndexByte("!#$%&'*+/=?^_`{|}~-", c) < 0 {
				return false
			}
		}
	}
	return true
}

// validDomain reports whether s is a host name that is no IP address: its last
// label has a letter.
func validDomain(s string) bool {
	var last string
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isAlnum(c) && c != '-' {
				return false
			}
		}
		last = label
	}
	return strings.ContainsAny(last, "abcdefghijklmnopqrstuvwxyz")
}

// lower folds ASCII and leaves all else alone, unlike strings.ToLower, which
// makes a k of the Kelvin sign.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}
