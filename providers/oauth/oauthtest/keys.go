package oauthtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
)

// A Key signs ID tokens.
type Key struct {
	// ID is the kid, in the header and among the published keys. Default none.
	ID string
	// Signer is an *rsa.PrivateKey or an *ecdsa.PrivateKey.
	Signer crypto.Signer
}

// NewKey makes a key with a random ID, for RS256 (2048 bits) or ES256.
func NewKey(algorithm string) (*Key, error) {
	k := &Key{ID: rand.Text()}
	var err error
	switch algorithm {
	case "RS256":
		k.Signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		k.Signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		err = fmt.Errorf("the algorithm is %q: give RS256 or ES256", algorithm)
	}
	if err != nil {
		return nil, fmt.Errorf("oauthtest: making a key: %w", err)
	}
	return k, nil
}

// Algorithm returns what the key signs with: RS256, ES256, ES384 or ES512, or ""
// for a Signer of another type.
func (k *Key) Algorithm() string {
	switch signer := k.Signer.(type) {
	case *rsa.PrivateKey:
		return "RS256"
	case *ecdsa.PrivateKey:
		switch signer.Params().BitSize {
		case 256:
			return "ES256"
		case 384:
			return "ES384"
		case 521:
			return "ES512"
		}
	}
	return ""
}

// DER returns the public key as PKIX, or nil if there is none.
func (k *Key) DER() []byte {
	if k.Signer == nil {
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(k.Signer.Public())
	if err != nil {
		return nil
	}
	return der
}

// PEM returns [Key.DER] in PEM: what attackers take for the secret of an HMAC.
func (k *Key) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.DER()})
}

// JWK returns the public key as it is published (RFC 7517), or nil if it is of
// another type.
func (k *Key) JWK() map[string]any {
	if k.Algorithm() == "" {
		return nil
	}
	enc := base64.RawURLEncoding.EncodeToString
	jwk := map[string]any{"use": "sig", "alg": k.Algorithm()}
	if k.ID != "" {
		jwk["kid"] = k.ID
	}
	switch pub := k.Signer.Public().(type) {
	case *rsa.PublicKey:
		e := []byte{byte(pub.E >> 16), byte(pub.E >> 8), byte(pub.E)}
		for e[0] == 0 {
			e = e[1:]
		}
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", enc(pub.N.Bytes()), enc(e)
	case *ecdsa.PublicKey:
		point, err := pub.Bytes() // 4, x, y
		if err != nil {
			return nil
		}
		half := (len(point) - 1) / 2
		jwk["kty"], jwk["crv"] = "EC", pub.Params().Name
		jwk["x"], jwk["y"] = enc(point[1:1+half]), enc(point[1+half:])
	}
	return jwk
}

// Keys returns the keys of a service. The first one signs, and all are published. They
// are made at the first use: one for RS256, unless [Options.Keys] has others.
// Services do not share keys, except those of Options. GitHub and Twitter have
// no use for them.
func (s *Server) Keys(at Service) ([]*Key, error) {
	s.keyMu.Lock()
	defer s.keyMu.Unlock()
	if keys, ok := s.keys[at]; ok {
		return slices.Clone(keys), nil
	}
	keys := slices.Clone(s.opts.Keys)
	if len(keys) == 0 {
		k, err := NewKey("RS256")
		if err != nil {
			return nil, err
		}
		keys = []*Key{k}
	}
	s.keys[at] = keys
	return slices.Clone(keys), nil
}

// SetKeys replaces the keys of a service: the first one signs, and all are
// published. With none at all, an empty set is published and nothing can be
// signed.
func (s *Server) SetKeys(at Service, keys ...*Key) {
	s.keyMu.Lock()
	defer s.keyMu.Unlock()
	s.keys[at] = slices.Clone(keys)
}

// RotateKeys makes a key of the algorithm of the one that signs, which signs
// from now on. The others remain published behind it.
func (s *Server) RotateKeys(at Service) (*Key, error) {
	keys, err := s.Keys(at)
	if err != nil {
		return nil, err
	}
	algorithm := "RS256"
	if len(keys) > 0 && keys[0].Algorithm() == "ES256" {
		algorithm = "ES256"
	}
	k, err := NewKey(algorithm)
	if err != nil {
		return nil, err
	}
	s.SetKeys(at, append([]*Key{k}, keys...)...)
	return k, nil
}

func (s *Server) jwks(at Service) (map[string]any, error) {
	keys, err := s.Keys(at)
	if err != nil {
		return nil, err
	}
	set := []any{}
	for _, k := range keys {
		if jwk := k.JWK(); jwk != nil {
			set = append(set, jwk)
		}
	}
	return map[string]any{"keys": set}, nil
}

// algorithms returns those of the published keys, for the metadata.
func (s *Server) algorithms(at Service) ([]string, error) {
	keys, err := s.Keys(at)
	if err != nil {
		return nil, err
	}
	algs := []string{}
	for _, k := range keys {
		if a := k.Algorithm(); a != "" && !slices.Contains(algs, a) {
			algs = append(algs, a)
		}
	}
	return algs, nil
}
