package authtest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// A Hasher is a Hasher of package password that costs nothing and protects
// nothing: for tests only. Give it that package's errors:
//
//	&authtest.Hasher{Mismatch: password.ErrMismatch, Unknown: password.ErrUnknownHash}
type Hasher struct {
	Mismatch error // what Verify says of a wrong password
	Unknown  error // what Verify says of a hash that is not its own
}

// The format is "$authtest$", a salt, "$" and a digest in hexadecimal.
const hashPrefix = "$authtest$"

// Hash returns a new hash of password.
func (h *Hasher) Hash(password []byte) (string, error) {
	salt := rand.Text()
	return hashPrefix + salt + "$" + digest(salt, password), nil
}

// Verify returns nil if encoded is a hash of password.
func (h *Hasher) Verify(encoded string, password []byte) error {
	rest, ok := strings.CutPrefix(encoded, hashPrefix)
	salt, sum, found := strings.Cut(rest, "$")
	if !ok || !found {
		return h.Unknown
	}
	if subtle.ConstantTimeCompare([]byte(sum), []byte(digest(salt, password))) != 1 {
		return h.Mismatch
	}
	return nil
}

// Current reports whether encoded is one of its hashes.
func (h *Hasher) Current(encoded string) bool { return strings.HasPrefix(encoded, hashPrefix) }

func digest(salt string, password []byte) string {
	sum := sha256.Sum256(append([]byte(salt+"$"), password...))
	return hex.EncodeToString(sum[:])
}
