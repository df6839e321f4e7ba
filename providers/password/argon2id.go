package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Bounds of stored parameters, checked before anything is allocated. Together
// they still would allow 8 seconds and more; mostArgonWork is about half a
// second.
const (
	mostMemory    = 256 << 10 // KiB
	mostTime      = 16
	mostThreads   = 8
	mostArgonWork = 1 << 20 // KiB times passes
	minSalt       = 8
	maxSalt       = 64
	minTag        = 16
	maxTag        = 64
	maxArgonText  = 256

	newSalt = 16
	newTag  = 32
)

// Argon2id is a [Hasher] that needs memory as well as time, which makes
// guessing on graphics cards dear. It writes and reads the PHC string format,
// version 19. Zero fields mean OWASP's first choice for little memory.
type Argon2id struct {
	// Memory is in KiB, at most 262,144. Default 19,456, that is 19 MiB; each
	// hash under way holds so much.
	Memory uint32
	// Time is the number of passes, at most 16. Default 2.
	Time uint32
	// Threads is the number of lanes, each with a goroutine of its own, at
	// most 8. Default 1.
	Threads uint8
	// InsecureFast allows less than OWASP's minimum. For tests only.
	InsecureFast bool
}

func (a Argon2id) params() argonParams {
	p := argonParams{19456, 2, 1}
	if a.Memory != 0 {
		p.memory = a.Memory
	}
	if a.Time != 0 {
		p.time = a.Time
	}
	if a.Threads != 0 {
		p.threads = a.Threads
	}
	return p
}

// Validate returns an error if the parameters are out of bounds or, unless
// InsecureFast is set, weaker than each of OWASP's recommendations.
func (a Argon2id) Validate() error {
	p := a.params()
	if err := p.check(); err != nil {
		return fmt.Errorf("password: Argon2id: %w", err)
	}
	if a.InsecureFast {
		return nil
	}
	for _, least := range []argonParams{{47104, 1, 1}, {19456, 2, 1}, {12288, 3, 1}, {9216, 4, 1}, {7168, 5, 1}} {
		if p.memory >= least.memory && p.time >= least.time {
			return nil
		}
	}
	return fmt.Errorf("password: Argon2id with Memory %d and Time %d is weaker than OWASP's minimum: leave both 0, or raise one", p.memory, p.time)
}

// Hash implements [Hasher].
func (a Argon2id) Hash(password []byte) (string, error) {
	h := argonHash{argonParams: a.params(), salt: make([]byte, newSalt)}
	rand.Read(h.salt)
	h.tag = h.key(password, newTag)
	return h.String(), nil
}

// Verify implements [Hasher].
func (a Argon2id) Verify(encoded string, password []byte) error {
	h, err := parseArgon2id(encoded)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(h.key(password, len(h.tag)), h.tag) != 1 {
		return ErrMismatch
	}
	return nil
}

// Current implements [Hasher].
func (a Argon2id) Current(encoded string) bool {
	h, err := parseArgon2id(encoded)
	return err == nil && h.argonParams == a.params() && len(h.salt) == newSalt && len(h.tag) == newTag
}

type argonParams struct {
	memory, time uint32
	threads      uint8
}

// check returns an error for parameters that are out of bounds.
func (p argonParams) check() error {
	switch {
	case p.memory < 8*uint32(p.threads) || p.memory > mostMemory:
		return fmt.Errorf("memory is %d KiB, which is not in 8 for each thread to %d", p.memory, mostMemory)
	case p.time < 1 || p.time > mostTime:
		return fmt.Errorf("time is %d, which is not in 1 to %d", p.time, mostTime)
	case p.threads < 1 || p.threads > mostThreads:
		return fmt.Errorf("threads is %d, which is not in 1 to %d", p.threads, mostThreads)
	case uint64(p.memory)*uint64(p.time) > mostArgonWork:
		return fmt.Errorf("memory times time is %d KiB, which is more than %d", uint64(p.memory)*uint64(p.time), mostArgonWork)
	}
	return nil
}

type argonHash struct {
	argonParams
	salt, tag []byte
}

func (h *argonHash) key(password []byte, n int) []byte {
	return argon2.IDKey(password, h.salt, h.time, h.memory, h.threads, uint32(n))
}

const argonMark = "$argon2id$"

func (h *argonHash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$%s$%s", argonMark, argon2.Version, h.memory, h.time, h.threads, b64(h.salt), b64(h.tag))
}

// parseArgon2id reads one spelling only, the one that String writes.
func parseArgon2id(s string) (*argonHash, error) {
	rest, ok := strings.CutPrefix(s, argonMark)
	if !ok {
		return nil, ErrUnknownHash
	}
	damaged := func(what string) (*argonHash, error) {
		return nil, fmt.Errorf("%w: %s", errDamaged, what)
	}
	if len(s) > maxArgonText {
		return damaged("too long for argon2id")
	}
	parts := strings.Split(rest, "$")
	if len(parts) != 4 || parts[0] != "v=19" {
		return damaged("not of argon2id's form, version 19")
	}
	h := &argonHash{}
	var ok1, ok2, ok3 bool
	var threads uint32
	params := strings.Split(parts[1], ",")
	if len(params) != 3 {
		return damaged("argon2id's parameters are not m, t and p")
	}
	h.memory, ok1 = cutNumber(params[0], "m=")
	h.time, ok2 = cutNumber(params[1], "t=")
	threads, ok3 = cutNumber(params[2], "p=")
	if !ok1 || !ok2 || !ok3 || threads > mostThreads {
		return damaged("argon2id's parameters are not m, t and p")
	}
	h.threads = uint8(threads)
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("%w: argon2id's %w", errDamaged, err)
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[2])
	h.tag, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[3])
	if err1 != nil || err2 != nil || h.String() != s {
		return damaged("argon2id's salt and tag are not base64")
	}
	if n := len(h.salt); n < minSalt || n > maxSalt {
		return damaged("argon2id's salt is not of 8 to 64 bytes")
	}
	if n := len(h.tag); n < minTag || n > maxTag {
		return damaged("argon2id's tag is not of 16 to 64 bytes")
	}
	return h, nil
}

func cutNumber(s, prefix string) (uint32, bool) {
	digits, ok := strings.CutPrefix(s, prefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil
}
