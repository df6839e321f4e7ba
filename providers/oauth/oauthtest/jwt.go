package oauthtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // registers what hashOf returns
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
)

// A Signing is a JWT (RFC 7519) before it is signed. [Script.Sign] can change all
// of it.
type Signing struct {
	// Algorithm is how it is signed: RS, PS, ES or HS with 256, 384 or 512, or
	// none.
	Algorithm string
	// Header is the header. Without a member alg it gets Algorithm, so that it
	// can also lie about it. Without a kid, none is sent.
	Header map[string]any
	// Key signs for RS, PS and ES.
	Key crypto.Signer
	// Secret signs for HS.
	Secret []byte
	// Payload is what is signed: the claims in JSON, or any bytes.
	Payload []byte
}

// JWT signs, and returns the compact form. It is an error if the Algorithm is
// unknown or if Key is not of its kind.
func (s *Signing) JWT() (string, error) {
	header := map[string]any{"alg": s.Algorithm}
	maps.Copy(header, s.Header)
	h, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("oauthtest: the header of a JWT: %w", err)
	}
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(s.Payload)
	sig, err := s.sign(input)
	if err != nil {
		return "", fmt.Errorf("oauthtest: signing a JWT with %s: %w", s.Algorithm, err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

func (s *Signing) sign(input string) ([]byte, error) {
	if s.Algorithm == "none" {
		return nil, nil
	}
	hash := hashOf(s.Algorithm)
	if hash == 0 {
		return nil, fmt.Errorf("unknown algorithm")
	}
	d := hash.New()
	d.Write([]byte(input))
	digest := d.Sum(nil)
	switch s.Algorithm[:2] {
	case "HS":
		mac := hmac.New(hash.New, s.Secret)
		mac.Write([]byte(input))
		return mac.Sum(nil), nil
	case "RS":
		if k, ok := s.Key.(*rsa.PrivateKey); ok {
			return rsa.SignPKCS1v15(rand.Reader, k, hash, digest)
		}
		return nil, fmt.Errorf("the key is a %T", s.Key)
	case "PS":
		if k, ok := s.Key.(*rsa.PrivateKey); ok {
			return rsa.SignPSS(rand.Reader, k, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return nil, fmt.Errorf("the key is a %T", s.Key)
	}
	k, ok := s.Key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the key is a %T", s.Key)
	}
	der, err := k.Sign(rand.Reader, digest, hash)
	if err != nil {
		return nil, err
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, err
	}
	size := (k.Params().BitSize + 7) / 8 // RFC 7518 §3.4: both of the same length
	sig := make([]byte, 2*size)
	rs.R.FillBytes(sig[:size])
	rs.S.FillBytes(sig[size:])
	return sig, nil
}

// hashOf returns the hash of a signature algorithm, or 0.
func hashOf(algorithm string) crypto.Hash {
	switch algorithm {
	case "RS256", "PS256", "ES256", "HS256":
		return crypto.SHA256
	case "RS384", "PS384", "ES384", "HS384":
		return crypto.SHA384
	case "RS512", "PS512", "ES512", "HS512":
		return crypto.SHA512
	}
	return 0
}

// halfHash makes at_hash (OpenID Connect Core §3.1.3.6).
func halfHash(algorithm, token string) string {
	hash := hashOf(algorithm)
	if hash == 0 {
		hash = crypto.SHA256
	}
	d := hash.New()
	d.Write([]byte(token))
	sum := d.Sum(nil)
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// verifyES256 checks a JWT signed with ES256 and returns its header and
// claims.
func verifyES256(key *ecdsa.PublicKey, token string) (header, claims map[string]any, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("a JWT has 3 parts, this has %d", len(parts))
	}
	for i, v := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, nil, err
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		if err := d.Decode(v); err != nil {
			return nil, nil, err
		}
	}
	if header["alg"] != "ES256" {
		return nil, nil, fmt.Errorf("alg is %v, not ES256", header["alg"])
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		return nil, nil, fmt.Errorf("the signature has not 64 bytes")
	}
	d := crypto.SHA256.New()
	d.Write([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	if !ecdsa.Verify(key, d.Sum(nil), r, s) {
		return nil, nil, fmt.Errorf("the signature is not by the client's key")
	}
	return header, claims, nil
}
