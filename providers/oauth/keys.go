package oauth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// A Key seals what is kept of tokens, see [Options.Keys]: make its Secret with a
// random generator, and keep it out of the database whose tokens it seals. Printed,
// logged or marshalled, a Key is its ID and not its Secret.
type Key struct {
	// ID tells keys apart: 1 to 32 letters, digits and . _ -. It is kept in clear
	// with what the key has sealed, and never names another key.
	ID string
	// Secret is 256 random bits. What seals is derived from it, so that a key may
	// serve others as well.
	Secret [32]byte
}

// ParseKey reads a key from a configuration: its ID, a colon, and the Secret in
// base64, with or without padding, in either of its alphabets (RFC 4648, sections 4
// and 5). To make one:
//
//	echo "2026-01:$(openssl rand -base64 32)"
//
// The error does not repeat what it was given.
func ParseKey(s string) (Key, error) {
	id, secret, ok := strings.Cut(strings.TrimSpace(s), ":")
	if !ok {
		return Key{}, errors.New(`oauth: ParseKey: a key is written as "id:secret", the secret in base64`)
	}
	secret = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(secret, "="))
	b, err := base64.RawStdEncoding.Strict().DecodeString(secret)
	if err != nil || len(b) != len(Key{}.Secret) || strings.ContainsAny(secret, "\r\n") {
		return Key{}, errors.New("oauth: ParseKey: the secret is not 32 bytes in base64: make one with openssl rand -base64 32")
	}
	k := Key{ID: id, Secret: [32]byte(b)}
	return k, checkKeys([]Key{k})
}

// String returns the ID, as do the other ways to show a key.
func (k Key) String() string { return "oauth.Key(" + k.ID + ")" }

// Format implements [fmt.Formatter], for every verb.
func (k Key) Format(s fmt.State, _ rune) { fmt.Fprint(s, k.String()) }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText implements [encoding.TextMarshaler]. What it returns cannot be read
// back.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

var keyIDRE = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)

// checkKeys returns everything that is wrong with Options.Keys.
func checkKeys(keys []Key) error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("oauth: Options.Keys"+format, args...))
	}
	seen := map[string]bool{}
	for i, k := range keys {
		switch {
		case !keyIDRE.MatchString(k.ID):
			// It may be the secret, in the wrong field.
			bad("[%d].ID: make it 1 to 32 letters, digits and . _ -", i)
		case seen[k.ID]:
			bad(" has two keys with the ID %q: give each its own, and never use one again", k.ID)
		}
		seen[k.ID] = true
		if k.Secret == ([32]byte{}) {
			bad("[%d].Secret is all zero: make it 32 random bytes", i)
		}
	}
	return errors.Join(errs...)
}
