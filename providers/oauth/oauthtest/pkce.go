package oauthtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
)

// checkChallenge says what is wrong with the PKCE parameters of an authorization
// request (RFC 7636; plain is refused, as RFC 9700 §2.1.1 has it).
func checkChallenge(q url.Values, required bool) *fault {
	challenge, method := q.Get("code_challenge"), q.Get("code_challenge_method")
	switch {
	case challenge == "" && method != "":
		return &fault{code: "invalid_request", description: "code_challenge_method without code_challenge"}
	case challenge == "" && required:
		return &fault{code: "invalid_request", description: "code_challenge is required"}
	case challenge == "":
		return nil
	case method != "S256":
		return &fault{code: "invalid_request", description: "code_challenge_method has to be S256"}
	}
	if sum, err := base64.RawURLEncoding.DecodeString(challenge); err != nil || len(sum) != sha256.Size {
		return &fault{code: "invalid_request", description: "code_challenge is not a SHA-256 digest in base64url"}
	}
	return nil
}

// checkVerifier compares the code_verifier with the challenge of the request.
func checkVerifier(request url.Values, verifier string) *fault {
	challenge := request.Get("code_challenge")
	switch {
	case challenge == "" && verifier == "":
		return nil
	case challenge == "": // RFC 9700 §4.8.2: a downgrade
		return &fault{code: "invalid_grant", description: "code_verifier, but no code_challenge was sent"}
	case verifier == "":
		return &fault{code: "invalid_grant", description: "code_verifier is missing"}
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return &fault{code: "invalid_grant", description: "code_verifier has not 43 to 128 characters"}
	}
	for _, c := range []byte(verifier) {
		if !unreserved(c) {
			return &fault{code: "invalid_grant", description: "code_verifier has other characters than RFC 7636 allows"}
		}
	}
	sum := sha256.Sum256([]byte(verifier))
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(want), []byte(challenge)) != 1 {
		return &fault{code: "invalid_grant", description: "code_verifier does not fit code_challenge"}
	}
	return nil
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}
