package password

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

// maxName bounds the name that people give themselves, in characters.
const maxName = 100

// Register creates a user with a password, with the same checks and hooks as the
// route POST /register, and returns the user's ID. It logs nobody in. Which of
// Email and Username the profile needs is said by [Options.Login]; Name may be
// empty.
//
// The error is an [*auth.Problem]: "invalid_field", "taken", one of the
// password's ("password_too_short", "password_too_long", "password_blocklisted",
// "password_breached"), "busy", or what [Options.Validate] returned. Any other is
// an outage.
func (p *Provider) Register(ctx context.Context, profile auth.Profile, password string) (userID string, err error) {
	return p.register(ctx, profile, password, func(string) error { return nil })
}

// A candidate is somebody who may be registered: what they sent has been checked and
// counted.
type candidate struct {
	profile  auth.Profile
	names    []name
	prepared []byte // of the password
}

// examine calls count before it does anything that costs more than looking at what was
// sent, with the name that attempts are counted under. Its error ends the registration.
// Nothing here depends on who has an account.
func (p *Provider) examine(ctx context.Context, profile auth.Profile, password string, count func(account string) error) (c candidate, err error) {
	if !p.canRegister() {
		return c, errors.New("password: Register needs a UserLoader that has CreateUser, and no Options.Table")
	}
	if c.profile, c.names, err = p.checkProfile(profile); err != nil {
		return c, err
	}
	if p.opts.Validate != nil {
		if err := p.opts.Validate(ctx, c.profile); err != nil {
			return c, err
		}
	}
	c.prepared, err = p.policy.check(ctx, "", password, wordsOf(c.profile))
	if err == nil {
		err = count(c.names[0].kind + ":" + c.names[0].key)
	}
	if err == nil {
		err = p.policy.checkBreach(ctx, c.prepared)
	}
	return c, err
}

// prepareLater returns what a registrar keeps until the address is verified. It does not
// look whether anybody has it.
func (p *Provider) prepareLater(ctx context.Context, profile auth.Profile, password string, count func(account string) error) (auth.Registration, error) {
	c, err := p.examine(ctx, profile, password, count)
	if err != nil {
		return auth.Registration{}, err
	}
	encoded, err := p.hash(ctx, c.prepared)
	return auth.Registration{Profile: c.profile, Credentials: []auth.Credential{firstOf("", encoded)}}, err
}

// firstOf returns the first password of a user, who may have no ID yet.
func firstOf(userID, encoded string) auth.Credential {
	return auth.Credential{Kind: kind, Key: userID, UserID: userID, Data: []byte(encoded), Generation: firstGeneration}
}

// register is Register, with what counts.
func (p *Provider) register(ctx context.Context, profile auth.Profile, password string, count func(account string) error) (userID string, err error) {
	c, err := p.examine(ctx, profile, password, count)
	if err != nil {
		return "", err
	}
	for _, n := range c.names { // before anything is hashed; what decides is CreateUser
		switch held, err := p.m.Store().LoadCredential(ctx, n.kind, n.key); {
		case err == nil && p.expired(held):
		case err == nil:
			return "", taken(n.kind, nil)
		case !errors.Is(err, auth.ErrNotFound):
			return "", err
		}
	}
	encoded, err := p.hash(ctx, c.prepared)
	if err != nil {
		return "", err
	}
	userID, err = p.m.CreateUser(ctx, c.profile, func(userID string) []auth.Credential {
		return []auth.Credential{firstOf(userID, encoded)}
	})
	if errors.Is(err, auth.ErrExists) {
		if _, ok := isProblem(err); !ok {
			err = taken(c.names[0].kind, err)
		}
	}
	return userID, err
}

// firstGeneration is that of a user's first password.
const firstGeneration = 1

// checkProfile returns the profile without spaces around its parts, and the
// names by which the user will be found, at least one.
func (p *Provider) checkProfile(profile auth.Profile) (auth.Profile, []name, error) {
	none := func(err error) (auth.Profile, []name, error) { return auth.Profile{}, nil, err }
	profile = auth.Profile{
		Email:    strings.Trim(profile.Email, " "),
		Username: strings.Trim(profile.Username, " "),
		Name:     strings.TrimSpace(profile.Name),
	}
	var names []name
	for _, f := range [...]struct {
		kind, value string
		canonical   func(string) (string, error)
		needed      bool
	}{
		{"email", profile.Email, identifier.Email, p.opts.Login != ByUsername},
		{"username", profile.Username, identifier.Username, p.opts.Login == ByUsername},
	} {
		if f.value == "" {
			if f.needed {
				return none(missing(f.kind))
			}
			continue
		}
		key, err := f.canonical(f.value)
		if err != nil {
			return none(invalidField(f.kind, sentence(err)))
		}
		names = append(names, name{f.kind, key})
	}
	if strings.ContainsFunc(profile.Name, isControl) || !utf8.ValidString(profile.Name) {
		return none(invalidField("name", "A name has no control characters."))
	}
	if utf8.RuneCountInString(profile.Name) > maxName || len(profile.Name) > 255 {
		return none(invalidField("name", "A name has at most 100 characters, fewer of some scripts."))
	}
	return profile, names, nil
}

// sentence makes one of an error of package identifier.
func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func taken(field string, err error) error {
	what := "e-mail address"
	if field == "username" {
		what = "user name"
	}
	return &auth.Problem{Status: http.StatusConflict, Code: "taken", Field: field,
		Detail: "There is an account with this " + what + " already.", Err: err}
}
