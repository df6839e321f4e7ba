package password

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Bounds of a password, after NIST SP 800-63B-4, section 3.1.1.
const (
	defaultMinLength = 15   // code points, where the password is the only factor
	leastMinLength   = 8    // code points, where there is a second one
	maxMinLength     = 64   // a longer minimum would refuse what NIST says to accept
	maxBytes         = 1024 // in NFC
	maxRawBytes      = 4 * maxBytes
)

// prepare returns what is hashed for a password that was typed: its UTF-8 in
// normal form C, so that é is é on every keyboard, and nothing else is changed.
// It returns false if that is longer than 1,024 bytes. What cannot become so
// short is not even looked at.
func prepare(password string) ([]byte, bool) {
	if len(password) > maxRawBytes {
		return nil, false
	}
	b := norm.NFC.Bytes([]byte(password))
	return b, len(b) <= maxBytes
}

// policy says which passwords may be set.
type policy struct {
	min     int
	words   []string // of the site
	more    map[string]bool
	breach  BreachChecker
	strict  bool
	logger  *slog.Logger
	factors func(ctx context.Context, userID string) (bool, error)
}

// check returns what is hashed for password, or a problem that says why it may
// not be set. words are those of the account; userID is "" for one that does
// not exist yet.
func (p *policy) check(ctx context.Context, userID, password string, words []string) ([]byte, error) {
	if password == "" {
		return nil, missing("password")
	}
	if !utf8.ValidString(password) {
		return nil, refused("invalid_field", "The password is not UTF-8.")
	}
	prepared, ok := prepare(password)
	if !ok {
		return nil, refused("password_too_long", "The password is too long: it may have 1,024 bytes.")
	}
	least := p.min
	if userID != "" && least > leastMinLength {
		second, err := p.factors(ctx, userID)
		if err != nil {
			return nil, err
		}
		if second {
			least = leastMinLength
		}
	}
	if utf8.RuneCount(prepared) < least {
		return nil, refused("password_too_short", fmt.Sprintf("The password is too short: it needs at least %d characters. A few unrelated words work well.", least))
	}
	folded := strings.ToLower(string(prepared))
	if isExpected(folded, p.more) {
		return nil, refused("password_blocklisted", "This password is one of those that are guessed first. Choose another one.")
	}
	if madeOfWords(folded, append(words, p.words...)) {
		return nil, refused("password_blocklisted", "This password is made of your own name or address, or of the name of this site. Choose another one.")
	}
	return prepared, nil
}

// checkBreach asks about a password that check has accepted. That may take a
// request to somewhere else.
func (p *policy) checkBreach(ctx context.Context, prepared []byte) error {
	if p.breach == nil {
		return nil
	}
	breached, err := p.breach.Breached(ctx, string(prepared))
	switch {
	case breached && err == nil:
		return refused("password_breached", "This password has been published after a break-in somewhere. Choose another one, and change it wherever you use it.")
	case err != nil && (p.strict || ctx.Err() != nil):
		return fmt.Errorf("password: checking for breaches: %w", err)
	case err != nil:
		p.logger.LogAttrs(ctx, slog.LevelWarn, "password: could not check whether a new password is known from a breach; it was accepted", slog.Any("error", err))
	}
	return nil
}

// wordsOf returns the words that somebody with this profile would think of.
func wordsOf(p auth.Profile) []string {
	words := []string{p.Email, p.Username, p.Name}
	if local, domain, ok := strings.Cut(p.Email, "@"); ok {
		words = append(words, local, domain)
		words = append(words, strings.Split(domain, ".")...)
	}
	return append(words, strings.Fields(p.Name)...)
}

// refused is a new password that may not be set.
func refused(code, detail string) *auth.Problem {
	return &auth.Problem{Status: http.StatusUnprocessableEntity, Code: code, Field: "password", Detail: detail}
}

// missing is a field that must not be empty.
func missing(field string) *auth.Problem {
	return invalidField(field, "This is needed.")
}

func invalidField(field, detail string) *auth.Problem {
	return &auth.Problem{Status: http.StatusUnprocessableEntity, Code: "invalid_field", Field: field, Detail: detail}
}

// wrong is the one answer to a login that is not right, whatever is wrong.
func wrong(field, detail string) *auth.Problem {
	return &auth.Problem{Status: http.StatusUnauthorized, Code: "bad_credentials", Field: field, Detail: detail,
		Err: auth.ErrBadCredentials}
}

// isProblem returns the problem in err, if it is one.
func isProblem(err error) (*auth.Problem, bool) {
	var p *auth.Problem
	return p, errors.As(err, &p)
}
