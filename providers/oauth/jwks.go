package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// signingAlgs are the algorithms that an ID token may be signed with: asymmetric
// ones only, so that no key of ours and no public key can be taken for a secret.
var signingAlgs = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

const (
	// How long keys are used before they are asked for again: as Cache-Control says,
	// within these.
	minKeysFresh     = 5 * time.Minute
	defaultKeysFresh = time.Hour
	maxKeysFresh     = 24 * time.Hour
	// keysKept is how long they are used if they cannot be asked for.
	keysKept = 24 * time.Hour

	maxKeys     = 100
	minRSABits  = 2048
	maxRSABits  = 8192 // more is no better, and slow
	maxTried    = 16   // of the keys that a signature could be by
	maxKeysSize = 512 << 10
)

// A jwks is the keys that an identity provider signs with (RFC 7517), at one
// address. go-oidc has one too, which asks again whenever it is shown a key that it
// does not know; this one does so once a minute at most.
type jwks struct {
	keys fetched[[]jose.JSONWebKey]
}

func newJWKS(url string) *jwks {
	k := &jwks{}
	k.keys.keep = keysKept
	k.keys.fetch = func(ctx context.Context, client *http.Client) ([]jose.JSONWebKey, time.Duration, error) {
		body, header, err := getJSON(ctx, client, url, maxKeysSize)
		if err != nil {
			return nil, 0, fmt.Errorf("the keys: %w", err)
		}
		keys, err := readKeys(body)
		if err != nil {
			return nil, 0, err
		}
		return keys, keysFresh(header), nil
	}
	return k
}

// readKeys returns the keys that can verify an ID token. What it does not know is
// left out: it may be for others.
func readKeys(body []byte) ([]jose.JSONWebKey, error) {
	if _, err := strictObject(body); err != nil {
		return nil, fmt.Errorf("%w: the keys: %w", errBadAnswer, err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: the keys are no JSON Web Key Set of %d keys at most", errBadAnswer, maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && usable(key) && verifies(raw) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: none of the keys can verify a signature", errBadAnswer)
	}
	return keys, nil
}

// verifies reports whether a key is said to be for verifying, or nothing is said
// (RFC 7517, section 4.3): go-jose does not read that.
func verifies(raw json.RawMessage) bool {
	var key struct {
		Operations *[]string `json:"key_ops"`
	}
	if json.Unmarshal(raw, &key) != nil {
		return false
	}
	return key.Operations == nil || slices.Contains(*key.Operations, "verify")
}

func usable(key jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	if key.Algorithm != "" && !slices.Contains(signingAlgs, key.Algorithm) {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSABits && k.N.BitLen() <= maxRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	default:
		return false
	}
}

// fits reports whether key is one for alg.
func fits(key jose.JSONWebKey, alg string) bool {
	if key.Algorithm != "" && key.Algorithm != alg {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")
	case *ecdsa.PublicKey:
		switch alg {
		case oidc.ES256:
			return k.Curve == elliptic.P256()
		case oidc.ES384:
			return k.Curve == elliptic.P384()
		case oidc.ES512:
			return k.Curve == elliptic.P521()
		}
	case ed25519.PublicKey:
		return alg == oidc.EdDSA
	}
	return false
}

// keysFresh returns for how long what came with header can be used.
func keysFresh(header http.Header) time.Duration {
	fresh := defaultKeysFresh
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return minKeysFresh
		case "max-age":
			if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				fresh = time.Duration(seconds) * time.Second
			}
		}
	}
	return min(max(fresh, minKeysFresh), maxKeysFresh)
}

// verify returns the payload of a compact JWS with one of algs that was signed by
// one of the keys. Of the header, only "alg" and "kid" count: what it says of keys
// and where to find them is the word of whoever made it.
func (k *jwks) verify(ctx context.Context, client *http.Client, now time.Time, raw string, algs []string) ([]byte, error) {
	allowed := make([]jose.SignatureAlgorithm, len(algs))
	for i, alg := range algs {
		allowed[i] = jose.SignatureAlgorithm(alg)
	}
	jws, err := jose.ParseSignedCompact(raw, allowed)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, fmt.Errorf("%w: the ID token is not signed as it should be", errBadAnswer)
	}
	header := jws.Signatures[0].Protected
	for _, renew := range []bool{false, true} {
		keys, err := k.keys.get(ctx, client, now, renew)
		if err != nil {
			return nil, err
		}
		tried := 0
		for _, key := range keys {
			if header.KeyID != "" && key.KeyID != header.KeyID || !fits(key, header.Algorithm) {
				continue
			}
			if tried++; tried > maxTried {
				break
			}
			if payload, err := jws.Verify(key.Key); err == nil {
				return payload, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: the ID token is signed by nobody whose key is known", errBadAnswer)
}
