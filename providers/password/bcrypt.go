package password

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Bounds of bcrypt's cost. Above the upper one a single hash takes seconds; a
// stored hash beyond the bounds is not computed.
const (
	defaultCost  = 12
	leastCost    = bcrypt.MinCost // of hashes made elsewhere
	leastNewCost = 10             // OWASP's minimum for new ones
	mostCost     = 16
)

// Bcrypt is the default [Hasher]. It reads the hashes of others as they are:
// $2a$, $2b$ and $2y$, of any cost from 4 to 16.
//
// The algorithm looks at 72 bytes and cannot tell where a NUL is. A password
// that is longer, or that holds one, is hashed as base64(SHA-384(password)),
// and its hash is marked with a prefix of ours: $sha384. A hash without that
// prefix verifies no such password.
type Bcrypt struct {
	// Cost is the binary logarithm of the work, from 10 to 16. Default 12,
	// about a quarter of a second.
	Cost int
	// InsecureFast allows a Cost from 4 on. For tests only.
	InsecureFast bool
}

// longMark begins a hash of a password that bcrypt alone would have cut.
const longMark = "$sha384"

// Validate returns an error if the cost is out of bounds.
func (b Bcrypt) Validate() error {
	least := leastNewCost
	if b.InsecureFast {
		least = leastCost
	}
	if c := b.cost(); c < least || c > mostCost {
		return fmt.Errorf("password: Bcrypt.Cost is %d: make it %d to %d, or 0 for %d", b.Cost, least, mostCost, defaultCost)
	}
	return nil
}

func (b Bcrypt) cost() int {
	if b.Cost == 0 {
		return defaultCost
	}
	return b.Cost
}

// Hash implements [Hasher].
func (b Bcrypt) Hash(password []byte) (string, error) {
	mark := ""
	if cutByBcrypt(password) {
		mark, password = longMark, shorten(password)
	}
	encoded, err := bcrypt.GenerateFromPassword(password, b.cost())
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	return mark + string(encoded), nil
}

// Verify implements [Hasher].
func (b Bcrypt) Verify(encoded string, password []byte) error {
	encoded, long := strings.CutPrefix(encoded, longMark)
	if _, err := parseBcrypt(encoded); err != nil {
		return err
	}
	// The library compares the first 72 bytes and says nothing of the others,
	// and takes "a\x00a" for "a". The work is done all the same, so that time
	// does not tell that such a password can never be right.
	never := !long && cutByBcrypt(password)
	if long || never {
		password = shorten(password)
	}
	err := bcrypt.CompareHashAndPassword([]byte(encoded), password)
	switch {
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword), err == nil && never:
		return ErrMismatch
	case err != nil:
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}

// Current implements [Hasher].
func (b Bcrypt) Current(encoded string) bool {
	cost, err := parseBcrypt(strings.TrimPrefix(encoded, longMark))
	return err == nil && cost == b.cost()
}

// parseBcrypt returns the cost of a hash such as
// $2b$12$, 22 characters of salt, 31 of hash.
func parseBcrypt(s string) (cost int, err error) {
	if len(s) < 4 || s[:2] != "$2" || strings.IndexByte("aby", s[2]) < 0 || s[3] != '$' {
		return 0, ErrUnknownHash // $2$ and $2x$ too: they were made by faulty programs
	}
	if len(s) != 60 || !isDigit(s[4]) || !isDigit(s[5]) || s[6] != '$' {
		return 0, fmt.Errorf("%w: not of bcrypt's form", errDamaged)
	}
	for i := 7; i < len(s); i++ {
		if c := s[i]; !isDigit(c) && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '.' && c != '/' {
			return 0, fmt.Errorf("%w: not of bcrypt's form", errDamaged)
		}
	}
	cost = int(s[4]-'0')*10 + int(s[5]-'0')
	if cost < leastCost || cost > mostCost {
		return 0, fmt.Errorf("%w: bcrypt's cost is %d, which is not in %d to %d", errDamaged, cost, leastCost, mostCost)
	}
	return cost, nil
}

func cutByBcrypt(password []byte) bool {
	return len(password) > 72 || bytes.IndexByte(password, 0) >= 0
}

func shorten(password []byte) []byte {
	sum := sha512.Sum384(password)
	return base64.RawStdEncoding.AppendEncode(nil, sum[:])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
