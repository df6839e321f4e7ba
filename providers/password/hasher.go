package password

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Hasher makes hashes of passwords and checks passwords against them. Package
// password has [Bcrypt] and [Argon2id].
//
// A password is any sequence of bytes, at most 1,024 of them; every byte of it
// counts. A Hasher is called concurrently and keeps nothing it is given. A
// provider calls it behind its hashing gate, a few at a time; a panic counts
// as an error.
//
// If a Hasher has a method Validate() error, it is asked when the provider is
// mounted.
type Hasher interface {
	// Hash returns a new hash of password with a new salt, in a format that
	// says how to verify it: printable ASCII.
	Hash(password []byte) (encoded string, err error)

	// Verify returns nil if encoded is a hash of password, and [ErrMismatch] if
	// it is one of another password. It returns [ErrUnknownHash] if it does
	// not know the format. Any other error means that the hash is damaged, or
	// asks for more work than is reasonable; nothing has then been computed.
	Verify(encoded string, password []byte) error

	// Current reports whether encoded is what Hash would make today: of its
	// format and with its parameters. What is not is replaced at the next
	// login.
	Current(encoded string) bool
}

var (
	// ErrMismatch is what a [Hasher] says of a wrong password.
	ErrMismatch = errors.New("password: wrong password")
	// ErrUnknownHash is what a [Hasher] says of a hash in a format that is not
	// its own.
	ErrUnknownHash = errors.New("password: hash of unknown format")
	// errDamaged wraps what is wrong with a hash of a known format.
	errDamaged = errors.New("password: damaged hash")
	// errNoPepper is a mistake in the options, not in one hash: an outage.
	errNoPepper = errors.New("password: no pepper")
)

// A Pepper is a secret that goes into every hash and is kept away from the
// hashes: with the database alone, no password can be guessed. Each hash is
// stored with the ID of the key that went into it. To change the key, add a
// new one, make it Current, and keep the old one until no hash has it any more:
// every login moves one over. A hash whose key is missing verifies nothing.
//
// Hashes without a pepper, made before there was one or somewhere else, are
// read as they are and get it at the next login.
type Pepper struct {
	// Keys are the secrets by their IDs: 32 random bytes or more each. An ID
	// is 1 to 32 letters, digits, dots and hyphens, and is not secret.
	Keys map[string][]byte
	// Current is the ID of the key that goes into new hashes.
	Current string
}

var pepperID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,32}$`)

func (p *Pepper) validate() error {
	if p == nil {
		return nil
	}
	var errs []error
	if _, ok := p.Keys[p.Current]; !ok {
		errs = append(errs, fmt.Errorf("password: Options.Pepper.Current is %q: make it the ID of one of its Keys", p.Current))
	}
	for _, id := range slices.Sorted(maps.Keys(p.Keys)) {
		if !pepperID.MatchString(id) {
			errs = append(errs, fmt.Errorf("password: Options.Pepper has a key with the ID %q: use 1 to 32 letters, digits, dots and hyphens", id))
		}
		if n := len(p.Keys[id]); n < 32 {
			errs = append(errs, fmt.Errorf("password: Options.Pepper's key %q has %d bytes: make it 32 random bytes or more", id, n))
		}
	}
	return errors.Join(errs...)
}

// mix returns what is hashed in place of password. 64 characters of base64
// keep clear of every hasher's limits on length and on NUL.
func (p *Pepper) mix(key, password []byte) []byte {
	mac := hmac.New(sha512.New384, key)
	mac.Write(password)
	return base64.RawStdEncoding.AppendEncode(nil, mac.Sum(nil))
}

// pepperMark begins a hash with a pepper: mark, key ID, and then the hasher's
// own format, which begins with a $.
const pepperMark = "$hmac-sha384=" // followed by the ID

// A scheme is how this provider hashes: one Hasher for new hashes, all that it
// can read, and the pepper. What it writes is one self-describing string.
type scheme struct {
	hasher Hasher
	known  []Hasher // hasher first
	pepper *Pepper
}

func newScheme(chosen Hasher, others []Hasher, pepper *Pepper) *scheme {
	known := append([]Hasher{chosen}, others...)
	return &scheme{chosen, append(known, Bcrypt{}, Argon2id{}), pepper}
}

func (s *scheme) hash(password []byte) (string, error) {
	if s.pepper == nil {
		return s.hasher.Hash(password)
	}
	encoded, err := s.hasher.Hash(s.pepper.mix(s.pepper.Keys[s.pepper.Current], password))
	if err != nil {
		return "", err
	}
	return pepperMark + s.pepper.Current + encoded, nil
}

// verify returns nil, ErrMismatch, ErrUnknownHash, or an error for a hash that
// should be readable and is not.
func (s *scheme) verify(encoded string, password []byte) error {
	id, rest, peppered := cutPepper(encoded)
	if peppered {
		if s.pepper == nil || len(s.pepper.Keys[id]) == 0 {
			return fmt.Errorf("%w with the ID %q", errNoPepper, id)
		}
		password = s.pepper.mix(s.pepper.Keys[id], password)
	}
	for _, h := range s.known {
		if err := h.Verify(rest, password); !errors.Is(err, ErrUnknownHash) {
			return err
		}
	}
	return ErrUnknownHash
}

func (s *scheme) current(encoded string) bool {
	id, rest, peppered := cutPepper(encoded)
	if peppered != (s.pepper != nil) || peppered && id != s.pepper.Current {
		return false
	}
	return s.hasher.Current(rest)
}

// cutPepper splits what hash has put together.
func cutPepper(encoded string) (id, rest string, ok bool) {
	after, ok := strings.CutPrefix(encoded, pepperMark)
	if !ok {
		return "", encoded, false
	}
	i := strings.IndexByte(after, '$')
	if i < 0 || !pepperID.MatchString(after[:i]) {
		return "", "", true
	}
	return after[:i], after[i:], true
}
