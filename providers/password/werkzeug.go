package password

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/scrypt"
)

// Bounds of stored parameters, checked before anything is computed. At the most
// a hash takes a second or two.
const (
	mostScryptWork   = 1 << 20   // N times r times p; N times r is memory as well, 128 MiB at the most
	mostIterations   = 4_000_000 // four times Werkzeug's own of today
	maxWerkzeugText  = 255
	werkzeugSalt     = 12 // bytes, 16 characters
	werkzeugScryptOf = 64 // bytes of hash
)

// newScrypt are the parameters of new hashes: OWASP's strength in the memory of
// Werkzeug's own.
var newScrypt = scryptParams{1 << 15, 8, 3}

// Werkzeug is a [Hasher] for the hashes of Flask applications, which Werkzeug's
// generate_password_hash has made. Give it to [Options.OldHashers], and each is
// replaced at its user's next login. It reads
//
//	scrypt:32768:8:1$salt$hex      N, r and p; N times r times p up to 1,048,576
//	pbkdf2:sha256:600000$salt$hex  also md5, sha1, sha224, sha384, sha512; up to 4,000,000 iterations
//	sha256$salt$hex                an HMAC, by releases before 3.0; the same digests
//
// The last is guessed as fast as a digest is computed, and is read all the same: to
// refuse it would lock its users out and keep the hash, which their next login
// replaces. plain$$password and hashes without salt verify nothing.
//
// scrypt without parameters is 32768:8:1, as in every release. pbkdf2 without
// iterations counts as damaged: its default was anything from 1,000 to 1,000,000,
// and no release has written it.
//
// Give it to [Options.Hasher] only while a Flask application must read the new
// hashes as well. They are scrypt:32768:8:3, of 162 characters, and go with no
// [Pepper]. Werkzeug hashes what was typed, and a provider its normal form C: the
// few whose keyboards type other forms can then log in here only.
type Werkzeug struct{}

// Hash implements [Hasher]. A password that is not UTF-8, or ends in a NUL, is an
// error: it would not be told from another one.
func (Werkzeug) Hash(password []byte) (string, error) {
	if cutByHMAC(password) {
		return "", errors.New("password: Werkzeug hashes text, without a NUL at its end")
	}
	salt := make([]byte, werkzeugSalt)
	rand.Read(salt)
	h := werkzeugHash{kdf: newScrypt, salt: base64.RawURLEncoding.EncodeToString(salt)}
	sum, err := h.kdf.key(password, []byte(h.salt))
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	h.sum = sum
	return h.String(), nil
}

// Verify implements [Hasher].
func (Werkzeug) Verify(encoded string, password []byte) error {
	h, err := parseWerkzeug(encoded)
	if err != nil {
		return err
	}
	sum, err := h.kdf.key(password, []byte(h.salt))
	if err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	// The work is done all the same, so that time does not tell.
	if subtle.ConstantTimeCompare(sum, h.sum) != 1 || cutByHMAC(password) {
		return ErrMismatch
	}
	return nil
}

// Current implements [Hasher].
func (Werkzeug) Current(encoded string) bool {
	h, err := parseWerkzeug(encoded)
	return err == nil && h.kdf == newScrypt && len(h.salt) >= base64.RawURLEncoding.EncodedLen(werkzeugSalt)
}

// cutByHMAC reports whether an HMAC might not tell password, which is the key of
// scrypt and PBKDF2, from another one: a key is filled up with NULs, and the
// digest of a long one stands for it (RFC 2104). Werkzeug's users type text.
func cutByHMAC(password []byte) bool {
	return !utf8.Valid(password) || bytes.HasSuffix(password, []byte{0})
}

// A werkzeugHash is method$salt$hex, taken apart.
type werkzeugHash struct {
	kdf  werkzeugKDF
	salt string
	sum  []byte
}

func (h *werkzeugHash) String() string {
	return h.kdf.String() + "$" + h.salt + "$" + hex.EncodeToString(h.sum)
}

// A werkzeugKDF is a method with its parameters, which are in bounds.
type werkzeugKDF interface {
	key(password, salt []byte) ([]byte, error)
	size() int // of a key
	String() string
}

// parseWerkzeug reads one spelling only, the one that Werkzeug writes, and scrypt
// without parameters.
func parseWerkzeug(s string) (*werkzeugHash, error) {
	parts := strings.SplitN(s, "$", 4)
	if len(parts) != 3 {
		return nil, ErrUnknownHash
	}
	method, salt, sum := parts[0], parts[1], parts[2]
	kdf, err := parseWerkzeugMethod(method)
	if err != nil {
		return nil, err
	}
	damaged := func(what string) (*werkzeugHash, error) {
		return nil, fmt.Errorf("%w: %s", errDamaged, what)
	}
	switch {
	case len(s) > maxWerkzeugText:
		return damaged("too long for one of Werkzeug's")
	case salt == "" || strings.ContainsFunc(salt, func(r rune) bool { return r <= ' ' || r > '~' }):
		return damaged("Werkzeug's salt is missing or not ASCII")
	case len(sum) != 2*kdf.size() || strings.ToLower(sum) != sum:
		return damaged("Werkzeug's hash is cut off or not of its form")
	}
	h := &werkzeugHash{kdf: kdf, salt: salt}
	if h.sum, err = hex.DecodeString(sum); err != nil {
		return damaged("Werkzeug's hash is not hexadecimal")
	}
	return h, nil
}

// parseWerkzeugMethod returns ErrUnknownHash for a method that is not one of
// Werkzeug's.
func parseWerkzeugMethod(method string) (werkzeugKDF, error) {
	args := strings.Split(method, ":")
	switch name := args[0]; {
	case method == "scrypt":
		return scryptParams{1 << 15, 8, 1}, nil
	case name == "scrypt":
		return parseScrypt(args[1:])
	case name == "pbkdf2":
		return parsePBKDF2(args[1:])
	case len(args) == 1 && digestOf(name) != nil:
		return hmacDigest(name), nil
	}
	return nil, ErrUnknownHash
}

// scryptParams are those of RFC 7914.
type scryptParams struct{ n, r, p uint64 }

func parseScrypt(args []string) (werkzeugKDF, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("%w: scrypt's parameters are not N, r and p", errDamaged)
	}
	var p scryptParams
	for i, to := range []*uint64{&p.n, &p.r, &p.p} {
		n, ok := canonicalNumber(args[i])
		if !ok || n > mostScryptWork { // the product then has 63 bits at the most
			return nil, fmt.Errorf("%w: scrypt's N, r or p is not in 1 to %d", errDamaged, mostScryptWork)
		}
		*to = n
	}
	if work := p.n * p.r * p.p; work > mostScryptWork {
		return nil, fmt.Errorf("%w: scrypt's N times r times p is %d, which is more than %d", errDamaged, work, mostScryptWork)
	}
	return p, nil
}

// key leaves it to the library to refuse what RFC 7914 excludes, such as an N that
// is no power of two.
func (p scryptParams) key(password, salt []byte) ([]byte, error) {
	return scrypt.Key(password, salt, int(p.n), int(p.r), int(p.p), p.size())
}

func (p scryptParams) size() int { return werkzeugScryptOf }

func (p scryptParams) String() string { return fmt.Sprintf("scrypt:%d:%d:%d", p.n, p.r, p.p) }

// pbkdf2Params are those of RFC 8018, section 5.2, with an HMAC.
type pbkdf2Params struct {
	digest     string
	iterations uint64
}

func parsePBKDF2(args []string) (werkzeugKDF, error) {
	if len(args) > 0 && digestOf(args[0]) == nil {
		return nil, ErrUnknownHash
	}
	if len(args) != 2 {
		return nil, fmt.Errorf("%w: pbkdf2's parameters are not digest and iterations", errDamaged)
	}
	n, ok := canonicalNumber(args[1])
	if !ok || n < 1 || n > mostIterations {
		return nil, fmt.Errorf("%w: pbkdf2's iterations are not 1 to %d", errDamaged, mostIterations)
	}
	return pbkdf2Params{args[0], n}, nil
}

func (p pbkdf2Params) key(password, salt []byte) ([]byte, error) {
	return pbkdf2.Key(digestOf(p.digest), string(password), salt, int(p.iterations), p.size())
}

func (p pbkdf2Params) size() int { return digestOf(p.digest)().Size() }

func (p pbkdf2Params) String() string { return fmt.Sprintf("pbkdf2:%s:%d", p.digest, p.iterations) }

// hmacDigest is one digest of the password, under the salt.
type hmacDigest string

func (d hmacDigest) key(password, salt []byte) ([]byte, error) {
	mac := hmac.New(digestOf(string(d)), salt)
	mac.Write(password)
	return mac.Sum(nil), nil
}

func (d hmacDigest) size() int { return digestOf(string(d))().Size() }

func (d hmacDigest) String() string { return string(d) }

// digestOf returns the digest that Python knows by that name, or nil.
func digestOf(name string) func() hash.Hash {
	switch name {
	case "md5":
		return md5.New
	case "sha1":
		return sha1.New
	case "sha224":
		return sha256.New224
	case "sha256":
		return sha256.New
	case "sha384":
		return sha512.New384
	case "sha512":
		return sha512.New
	}
	return nil
}

// canonicalNumber reads digits without sign and leading zeros.
func canonicalNumber(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == s
}
