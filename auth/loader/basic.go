package loader

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Basic returns a loader for user names and passwords in the Authorization header
// (RFC 7617). verify says whose they are: see the package's comment. Neither is
// ever empty, as many a directory says yes to anybody without a password; both are
// valid UTF-8 without control characters, and otherwise as they were sent, in
// whatever normal form. Opts may be nil; what is wrong is reported by auth.New.
//
// The password comes with every request, and verify is called with every request:
// guesses are not counted, and a hash that is slow on purpose makes every request
// slow, and a way to take the site down. Basic is for passwords that a machine has
// made, long and random, kept as digests like tokens; not for those that people
// think of.
//
// A browser that gets a 401 with the challenge opens a window of its own to ask
// for them, also if a script asked, and from then on sends them by itself, until it
// is closed: there is no logging out. Requests with them are checked for their
// origin like those with a session.
func Basic(verify func(ctx context.Context, user, password string) (*auth.Identity, error), opts *Options) auth.RequestLoader {
	return &basic{newBase("Basic", opts, verify != nil), verify}
}

type basic struct {
	base
	verify func(ctx context.Context, user, password string) (*auth.Identity, error)
}

func (b *basic) LoadRequest(r *http.Request) (*auth.Identity, error) {
	if b.err != nil {
		return nil, b.err
	}
	token, err := authorization(r, "Basic", b.max)
	if err != nil {
		return nil, err
	}
	user, password, err := parseBasic(token)
	if err != nil {
		return nil, err
	}
	return said(b.verify(r.Context(), user, password))
}

func (b *basic) Ambient() bool { return true }

func (b *basic) Challenge() string { return `Basic realm="` + b.realm + `", charset="UTF-8"` }

var basicEncoding = base64.StdEncoding.Strict()

// parseBasic reads a user-pass (RFC 7617, section 2).
func parseBasic(token string) (user, password string, err error) {
	raw, err := basicEncoding.DecodeString(token)
	if err != nil {
		return "", "", errMalformed
	}
	pair := string(raw)
	user, password, _ = strings.Cut(pair, ":") // without one there is no password
	switch {
	case !utf8.ValidString(pair), strings.ContainsFunc(pair, unicode.IsControl):
		return "", "", errMalformed
	case user == "", password == "":
		return "", "", errEmpty
	}
	return user, password, nil
}
