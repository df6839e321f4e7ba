package oauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An AppleKey is a key for Sign in with Apple, from the account at
// developer.apple.com that the Services ID belongs to.
type AppleKey struct {
	TeamID string // of the account, ten characters
	KeyID  string // of the key, ten characters
	// PrivateKey is what is in the file that came with the key: PKCS #8 in PEM.
	PrivateKey string
}

const (
	appleIssuer = "https://appleid.apple.com"
	// appleSecretLife is how long a client secret lives, of which each request gets
	// its own. Apple takes six months.
	appleSecretLife = 5 * time.Minute
)

// Apple returns a connector for Sign in with Apple. clientID is the Services ID.
//
// Apple posts its answer from its own site if the scopes have "email" or "name". With
// "name", it adds the name that the user typed, once in a lifetime and unsigned: since
// any browser can write that, it is not read, and there is no name.
//
// Addresses are believed. One at privaterelay.appleid.com forwards to the user, from
// senders that are registered with Apple only.
//
// Apple takes a challenge (PKCE) and checks it, but its metadata does not say so: one
// is sent, and [ConnectorOptions.RequirePKCE] is refused.
//
// Defaults: Name is "apple", Title "Apple", Scopes "email".
func Apple(clientID string, key AppleKey, opts *ConnectorOptions) *Connector {
	return newConnector(opts, "apple", "Apple", []string{"email"}, func(c *Connector) backend {
		b := newOIDCBackend(c, appleIssuer, clientID)
		b.formPost = slices.Contains(c.opts.Scopes, "email") || slices.Contains(c.opts.Scopes, "name")
		c.formPost = b.formPost
		c.status = func(a Account) EmailStatus { return emailSaid(a, true) }
		if c.opts.RequirePKCE {
			b.faults = append(b.faults, errors.New("ConnectorOptions.RequirePKCE: Apple does not say that it checks the challenge: leave it false, one is sent all the same"))
		}
		signer, err := key.signer()
		if err != nil {
			b.faults = append(b.faults, err)
		}
		b.secret = func(now time.Time) (string, error) { return key.secret(signer, clientID, now) }
		return b
	})
}

// signer returns what signs client secrets, or everything that is wrong with the key.
func (k AppleKey) signer() (jose.Signer, error) {
	var errs []error
	if k.TeamID == "" {
		errs = append(errs, errors.New("AppleKey.TeamID is missing: give the ten characters of the account"))
	}
	if k.KeyID == "" {
		errs = append(errs, errors.New("AppleKey.KeyID is missing: give the ten characters of the key"))
	}
	key := parseAppleKey(k.PrivateKey)
	if key == nil {
		errs = append(errs, errors.New("AppleKey.PrivateKey is no P-256 key as PKCS #8 in PEM: give what is in the file AuthKey_<KeyID>.p8"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: k.KeyID}}, nil)
}

func parseAppleKey(text string) *ecdsa.PrivateKey {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil
	}
	return key
}

// secret returns a client secret for a request made now.
func (k AppleKey) secret(signer jose.Signer, clientID string, now time.Time) (string, error) {
	if signer == nil {
		return "", errors.New("oauth: there is no key for Apple")
	}
	claims, err := json.Marshal(map[string]any{
		"iss": k.TeamID,
		"sub": clientID,
		"aud": appleIssuer,
		"iat": now.Unix(),
		"exp": now.Add(appleSecretLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("oauth: signing a client secret for Apple: %w", err)
	}
	return signed.CompactSerialize()
}
