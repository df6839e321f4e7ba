package loader

import (
	"errors"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Options are what a host may choose. The zero value of every field means the
// default in its comment.
type Options struct {
	// Realm is what the challenges of Bearer and Basic call the site, and what a
	// browser shows to whoever is to type a password: printable ASCII without
	// quotes and backslashes. The others have no challenge. Default "gatehouse".
	Realm string
	// MaxLength is how long a credential may be, in bytes, as it is sent: encoded,
	// and without the scheme. Default 8192.
	MaxLength int
}

const (
	defaultRealm     = "gatehouse"
	defaultMaxLength = 8192
)

// A base is what all loaders have in common.
type base struct {
	kind  string
	realm string
	max   int
	err   error // what is wrong with it
}

func newBase(kind string, opts *Options, hasVerify bool) base {
	b := base{kind: kind, realm: defaultRealm, max: defaultMaxLength}
	if !hasVerify {
		b.wrong("verify is nil: give it a function that says whose a credential is")
	}
	if opts == nil {
		return b
	}
	switch {
	case opts.Realm == "":
	case !quotable(opts.Realm):
		b.wrong("Options.Realm is %q: make it printable ASCII without quotes and backslashes", opts.Realm)
	default:
		b.realm = opts.Realm
	}
	switch {
	case opts.MaxLength < 0:
		b.wrong("Options.MaxLength is %d: make it the bytes of the longest credential", opts.MaxLength)
	case opts.MaxLength > 0:
		b.max = opts.MaxLength
	}
	return b
}

func (b *base) wrong(format string, args ...any) {
	b.err = errors.Join(b.err, fmt.Errorf("loader."+b.kind+": "+format, args...))
}

// Validate returns what is wrong with the loader, for auth.New.
func (b *base) Validate() error { return b.err }

func bad(what string) error { return fmt.Errorf("%w: %s", auth.ErrBadCredentials, what) }

// Made in advance, and without anything of the request in them.
var (
	errEmpty     = bad("the credential is empty")
	errLong      = bad("the credential is too long")
	errMalformed = bad("the credential is malformed")
	errRepeated  = bad("there is more than one credential")
)

// said returns what the host's function has said in the words of a loader.
func said(id *auth.Identity, err error) (*auth.Identity, error) {
	switch {
	case err == nil && id == nil:
		return nil, errors.New("loader: the host's function returned neither an identity nor an error")
	case err == nil:
		return id, nil
	case errors.Is(err, auth.ErrBadCredentials), errors.Is(err, auth.ErrNotFound), errors.Is(err, auth.ErrNoCredentials):
		return nil, fmt.Errorf("%w: %v", auth.ErrBadCredentials, err)
	}
	return nil, err
}

// quotable reports whether s can stand between quotes as it is (RFC 9110, section
// 5.6.4).
func quotable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// visible reports whether s is made of visible ASCII characters.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
