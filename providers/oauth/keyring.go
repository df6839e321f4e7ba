package oauth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A keyring seals with its first key and opens with all of them. Its keys are
// pointers, so that printing what holds it prints no secret.
type keyring []*sealingKey

type sealingKey struct {
	id  string
	key [32]byte // of one purpose
}

// newKeyring derives the keys of one purpose from the host's (RFC 5869).
func newKeyring(keys []Key, purpose string) (keyring, error) {
	var ring keyring
	for _, k := range keys {
		derived, err := hkdf.Key(sha256.New, k.Secret[:], nil, "gatehouse oauth 1 "+purpose, 32)
		if err != nil {
			return nil, err
		}
		ring = append(ring, &sealingKey{k.ID, [32]byte(derived)})
	}
	return ring, nil
}

// An envelope is a version, the length of the key's ID and the ID, a nonce, and the
// ciphertext. All before the nonce is authenticated with the context.
const envelopeVersion = 1

// seal encrypts plain with the first key. It can be opened with the same context
// only.
func (r keyring) seal(plain []byte, context ...string) ([]byte, error) {
	if len(r) == 0 {
		return nil, fmt.Errorf("%w: there are no Options.Keys", errSealed)
	}
	head := append([]byte{envelopeVersion, byte(len(r[0].id))}, r[0].id...)
	sealed, err := seal(r[0].key, plain, authenticated(head, context))
	if err != nil {
		return nil, err
	}
	return append(head, sealed...), nil
}

// open is the other way. Its error wraps errSealed.
func (r keyring) open(sealed []byte, context ...string) ([]byte, error) {
	if len(sealed) < 2 || sealed[0] != envelopeVersion || len(sealed) < 2+int(sealed[1]) {
		return nil, errSealed
	}
	head, rest := sealed[:2+int(sealed[1])], sealed[2+int(sealed[1]):]
	id := string(head[2:])
	for _, k := range r {
		if k.id == id {
			return unseal(k.key, rest, authenticated(head, context))
		}
	}
	if !keyIDRE.MatchString(id) {
		return nil, errSealed
	}
	return nil, fmt.Errorf("%w: no key in Options.Keys has the ID %q", errSealed, id)
}

// authenticated joins the head of an envelope and its context. Each part has its
// length in front: no two lists give the same bytes.
func authenticated(head []byte, context []string) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(head)))
	b = append(b, head...)
	for _, s := range context {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}
