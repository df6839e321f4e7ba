package oauth

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
)

// errSealed: what was sealed cannot be opened: by another key, for somebody else,
// or it has been changed.
var errSealed = errors.New("oauth: sealed data cannot be opened")

// seal encrypts plain with AES-256-GCM and a random nonce, bound to context.
func seal(key [32]byte, plain, context []byte) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plain, context), nil
}

// unseal is the other way. Its error is errSealed.
func unseal(key [32]byte, sealed, context []byte) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, sealed, context)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func newAEAD(key [32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
