package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// maxIDToken is how long an ID token may be, in bytes.
	maxIDToken = 16 << 10
	// skew is how far clocks may be apart.
	skew = time.Minute
	// maxIssued is how long ago an ID token may have been made that has just been
	// asked for.
	maxIssued = 10 * time.Minute
)

// An idTokenVerifier verifies the ID tokens of one identity provider. It is safe
// for concurrent use.
type idTokenVerifier struct {
	keys *jwks
	algs []string
}

// newIDTokenVerifier returns a verifier that takes the keys at jwksURL. Without
// algs, only RS256 is taken; of algs, what is not among signingAlgs is left out.
func newIDTokenVerifier(jwksURL string, algs ...string) *idTokenVerifier {
	if len(algs) == 0 {
		algs = []string{oidc.RS256}
	}
	v := &idTokenVerifier{keys: newJWKS(jwksURL)}
	for _, alg := range algs {
		if slices.Contains(signingAlgs, alg) && !slices.Contains(v.algs, alg) {
			v.algs = append(v.algs, alg)
		}
	}
	return v
}

// expected is what an ID token has to say. Of one that was refreshed, nonce, now and
// began are left out and asked is set: its times do not matter.
type expected struct {
	issuers     []string // one of them
	clientID    string
	nonce       string
	accessToken string // what came with it
	now         time.Time
	began       time.Time // when the flow did
	asked       time.Time
	authAfter   time.Time // when the login there may have been at the earliest; zero: any time
	authUnsaid  bool      // and the token need not say
}

// compactRE is the shape of a JWS in compact serialisation: three parts, none
// empty (RFC 7515, section 7.1). An encrypted one has five.
var compactRE = regexp.MustCompile(`^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$`)

// verify returns the claims of raw, with numbers as float64, if all is as OpenID
// Connect Core 1.0, section 3.1.3.7, has it and as want says. The error is
// errBadAnswer, or errUnavailable if the keys cannot be had; there are never claims
// with an error.
func (v *idTokenVerifier) verify(ctx context.Context, client *http.Client, raw string, want expected) (map[string]any, error) {
	bad := func(what string) (map[string]any, error) {
		return nil, fmt.Errorf("%w: the ID token %s", errBadAnswer, what)
	}
	refreshed := want.now.IsZero() && want.began.IsZero() && !want.asked.IsZero()
	if want.clientID == "" || len(want.issuers) == 0 || slices.Contains(want.issuers, "") ||
		!refreshed && (want.nonce == "" || want.now.IsZero() || want.began.IsZero()) {
		return bad("cannot be checked: too little is known of what it should say")
	}
	if len(raw) > maxIDToken {
		return bad("is too long")
	}
	parts := compactRE.FindStringSubmatch(raw)
	if parts == nil {
		return bad("is no signed token of three parts")
	}
	for n, part := range parts[1:] {
		// Strictly: what is left over in the last character of a part is signed by nobody.
		data, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return bad("cannot be decoded")
		}
		if n == 0 {
			if fault := checkHeader(data); fault != "" {
				return bad(fault)
			}
		}
	}

	keys := &verification{v: v, client: client, now: want.now}
	if refreshed {
		keys.now = want.asked
	}
	token, err := oidc.NewVerifier("", keys, &oidc.Config{
		ClientID:             want.clientID,
		SupportedSigningAlgs: v.algs,
		SkipIssuerCheck:      true, // there can be several; see checkClaims
		SkipExpiryCheck:      true, // it knows no skew; see checkClaims
	}).Verify(ctx, raw)
	if keys.err != nil {
		return nil, keys.err
	}
	if err != nil {
		return bad("is not valid, or for somebody else")
	}
	claims, err := strictObject(keys.payload)
	if err != nil {
		return bad("has claims that are " + err.Error())
	}
	if fault := want.checkClaims(claims); fault != "" {
		return bad(fault)
	}
	if hash, there := claims["at_hash"]; there {
		if hash != any(token.AccessTokenHash) || token.VerifyAccessToken(want.accessToken) != nil {
			return bad("came with another access token")
		}
	}
	return plainNumbers(claims).(map[string]any), nil
}

// A verification is one look at the keys; it remembers more of it than go-oidc
// hands on.
type verification struct {
	v       *idTokenVerifier
	client  *http.Client
	now     time.Time
	payload []byte
	err     error
}

// VerifySignature implements [oidc.KeySet].
func (k *verification) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	k.payload, k.err = k.v.keys.verify(ctx, k.client, k.now, jwt, k.v.algs)
	return k.payload, k.err
}

// checkHeader returns what is wrong with a header, or "".
func checkHeader(data []byte) string {
	header, err := strictObject(data)
	if err != nil {
		return "has a header that is " + err.Error()
	}
	if _, there := header["crit"]; there {
		return "has a header that asks for more than is known here"
	}
	// Tokens for other ends say so (RFC 8725, section 3.11): "at+jwt", "logout+jwt".
	if typ, there := header["typ"]; there {
		if s, ok := typ.(string); !ok || strings.HasSuffix(strings.ToLower(s), "+jwt") {
			return "is a token for something else"
		}
	}
	if kid, there := header["kid"]; there {
		if _, ok := kid.(string); !ok {
			return `has a "kid" that is no string`
		}
	}
	return ""
}

// checkClaims returns what is wrong with claims, or "".
func (want *expected) checkClaims(claims map[string]any) string {
	text := func(name string) string { s, _ := claims[name].(string); return s }

	if iss := text("iss"); iss == "" || !slices.Contains(want.issuers, iss) {
		return "is from another issuer"
	}
	if fault := checkAudience(claims, want.clientID); fault != "" {
		return fault
	}
	sub := text("sub")
	if !plausible(sub) || strings.ContainsRune(sub, utf8.RuneError) {
		return "has no subject that can be one"
	}
	if want.nonce != "" && claims["nonce"] != any(want.nonce) {
		return "belongs to another login"
	}

	if want.now.IsZero() { // it was refreshed
		return ""
	}
	exp, ok := numericDate(claims, "exp")
	if !ok || !want.now.Before(exp.Add(skew)) {
		return "has expired"
	}
	iat, ok := numericDate(claims, "iat")
	if !ok || iat.After(want.now.Add(skew)) {
		return "was not made yet"
	}
	if iat.Before(want.now.Add(-maxIssued)) {
		return "was made long ago"
	}
	if _, there := claims["nbf"]; there {
		if nbf, ok := numericDate(claims, "nbf"); !ok || nbf.After(want.now.Add(skew)) {
			return "is not valid yet"
		}
	}
	if !want.authAfter.IsZero() {
		_, said := claims["auth_time"]
		at, ok := numericDate(claims, "auth_time")
		if (said || !want.authUnsaid) && (!ok || at.Before(want.authAfter) || at.After(want.now.Add(skew))) {
			return "does not say that the user has just logged in there"
		}
	}
	return ""
}

// checkAudience returns why the token is not for clientID, or "".
func checkAudience(claims map[string]any, clientID string) string {
	const fault = "is for another client"
	several := false
	switch aud := claims["aud"].(type) {
	case string:
		if aud != clientID {
			return fault
		}
	case []any:
		if !slices.Contains(aud, any(clientID)) {
			return fault
		}
		for _, a := range aud {
			if _, ok := a.(string); !ok {
				return fault
			}
		}
		several = len(aud) > 1
	default:
		return fault
	}
	if azp, there := claims["azp"]; there && azp != any(clientID) || !there && several {
		return fault
	}
	return ""
}

// maxDate is the last second of the year 9999.
const maxDate = 253402300799

// numericDate returns the time that a claim has, which must be a number (RFC 7519,
// section 2).
func numericDate(claims map[string]any, name string) (time.Time, bool) {
	n, ok := claims[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	f, err := n.Float64()
	if err != nil || f < 0 || f > maxDate {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}
