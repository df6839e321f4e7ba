package gorillastore

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
)

// A token is what the browser holds: the name of a record, and 256 random bits that
// show it may use it. The name stays when the bits are renewed, so that a renewal is
// one compare-and-swap of one record, on every backend.
type token struct {
	id     ID
	secret [32]byte
}

const tokenLength = 64 // of 48 bytes in base64url

// tokenEncoding has exactly one way to write a token.
var tokenEncoding = base64.RawURLEncoding.Strict()

func newToken() (t token) {
	rand.Read(t.id[:]) // never fails: the program crashes first
	return t.renewed()
}

// renewed returns another token for the same record.
func (t token) renewed() token {
	rand.Read(t.secret[:])
	return t
}

func (t token) String() string {
	b := append(append(make([]byte, 0, 48), t.id[:]...), t.secret[:]...)
	return tokenEncoding.EncodeToString(b)
}

// parseToken reads a token that [token.String] could have written, and nothing else.
func parseToken(s string) (t token, ok bool) {
	if len(s) != tokenLength {
		return t, false
	}
	b, err := tokenEncoding.DecodeString(s)
	if err != nil {
		return t, false
	}
	copy(t.id[:], b)
	copy(t.secret[:], b[len(t.id):])
	return t, true
}

// digest returns what is stored of the token of a session of that name, so that one
// of a session is of no use in the place of another. A name has no NUL.
func (t token) digest(name string) [32]byte {
	b := append([]byte("gatehouse gorilla 1\x00"), name...)
	b = append(append(b, 0), t.secret[:]...)
	return sha256.Sum256(b)
}

// opens reports whether the token is that of the record.
func (t token) opens(name string, r *Record) bool {
	d := t.digest(name)
	return subtle.ConstantTimeCompare(d[:], r.Digest[:]) == 1
}

// sent returns the token that the browser has, or that it is about to be given by
// the response to this request. One that is there twice is none: one of them is not
// ours, and nobody can say which.
func (s *Store) sent(r *http.Request, name string) (token, bool) {
	cookie := s.cookieName(name)
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		if value, set := setBefore(v.w.Header(), cookie); set {
			return parseToken(value)
		}
	}
	found := r.CookiesNamed(cookie)
	if len(found) != 1 {
		return token{}, false
	}
	return parseToken(found[0].Value)
}
