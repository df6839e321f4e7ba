package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// A token is what a client holds: 256 random bits. What a store holds is its
// digest, which is of no use to a client.
type token [32]byte

const tokenLength = 43 // of 32 bytes in base64url

// tokenEncoding has exactly one way to write a token.
var tokenEncoding = base64.RawURLEncoding.Strict()

func newToken() (t token) {
	rand.Read(t[:]) // never fails: the program crashes first
	return t
}

func (t token) String() string {
	var text [tokenLength]byte // on the stack, unlike that of EncodeToString
	tokenEncoding.Encode(text[:], t[:])
	return string(text[:])
}

// parseToken reads a token that [token.String] could have written, and nothing
// else.
func parseToken(s string) (t token, ok bool) {
	if len(s) != tokenLength {
		return t, false
	}
	var text [tokenLength]byte // on the stack, unlike []byte(s)
	copy(text[:], s)
	n, err := tokenEncoding.Decode(t[:], text[:])
	return t, err == nil && n == len(t)
}

// A tag separates domains: it stands for realm, epoch and purpose in front of
// everything that is digested. With a token behind it, it fills one block of
// SHA-256 and no more.
type tag [23]byte

func newTag(realm, epoch, purpose string) (t tag) {
	h := sha256.New()
	for _, s := range []string{"gatehouse 1", realm, epoch, purpose} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(s)))
		h.Write(length[:])
		h.Write([]byte(s))
	}
	copy(t[:], h.Sum(nil))
	return t
}

// digest returns what a store keeps of tok.
func (t tag) digest(tok token) [32]byte {
	var b [len(t) + len(tok)]byte
	copy(b[:], t[:])
	copy(b[len(t):], tok[:])
	return sha256.Sum256(b[:])
}

// digestFor is digest for a token that holds for one user only.
func (t tag) digestFor(tok token, userID string) [32]byte {
	b := make([]byte, 0, len(t)+len(tok)+len(userID))
	b = append(append(append(b, t[:]...), tok[:]...), userID...)
	return sha256.Sum256(b)
}

func encodeKey(digest [32]byte) string { return base64.RawURLEncoding.EncodeToString(digest[:]) }
