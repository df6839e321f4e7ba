// Package secret makes the secrets of links and cookies that providers give out, and
// what a store keeps of them. Start with [New] and [Digest].
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// Length is that of a secret as text.
const Length = 43

var encoding = base64.RawURLEncoding.Strict()

// New returns 256 random bits as base64url without padding.
func New() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: the program crashes first
	return encoding.EncodeToString(b[:])
}

// Valid reports whether s could have been returned by [New]: nothing else is worth
// looking up.
func Valid(s string) bool {
	if len(s) != Length {
		return false
	}
	var b [32]byte
	n, err := encoding.Decode(b[:], []byte(s))
	return err == nil && n == len(b)
}

// Digest returns what a store keeps of a secret: of no use to a client, and different
// in every realm and for every purpose. More is what else the secret is bound to.
func Digest(realm, purpose, secret string, more ...string) string {
	h := sha256.New()
	for _, s := range append([]string{"gatehouse secret 1", realm, purpose, secret}, more...) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(s)))
		h.Write(length[:])
		h.Write([]byte(s))
	}
	return encoding.EncodeToString(h.Sum(nil))
}
