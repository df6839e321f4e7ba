package password

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

// Verify checks a login as the route POST /login does, but for the limits, which
// need a request: who calls it where guesses can come from outside must count
// them. It returns the user and the proof for [auth.Manager.LogIn]. A hash that
// is due is replaced.
//
// The error is an [*auth.Problem]: "bad_credentials", which wraps
// [auth.ErrBadCredentials] and is the same for a wrong password, an unknown
// name, a user who is disabled or has no password, and a password that is too
// long; "invalid_field" for an empty login or password; "busy". Any other is an
// outage.
func (p *Provider) Verify(ctx context.Context, login, password string) (userID string, proof auth.Proof, err error) {
	return p.verify(ctx, login, password, func(string, string) error { return nil })
}

// verify takes the same steps whoever is named and whatever is sent: two
// credentials, the user, count, one check of a hash. count is given the name
// that guesses are counted under, and the user's ID or that of nobody; its
// error ends the login before anything is hashed.
func (p *Provider) verify(ctx context.Context, login, password string, count func(account, userID string) error) (string, auth.Proof, error) {
	none := func(err error) (string, auth.Proof, error) { return "", auth.Proof{}, err }
	if strings.Trim(login, " ") == "" {
		return none(missing(p.opts.Login.field()))
	}
	if password == "" {
		return none(missing("password"))
	}
	name := p.nameOf(login)
	userID, err := p.find(ctx, name)
	if err != nil {
		return none(err)
	}
	known := userID != ""
	account := name.kind + ":" + name.key
	if p.opts.Table != nil {
		account = "name:" + fold(name.key) // LookUp may take Ada for ada: then so do the guesses
	}
	if known {
		account = "user:" + userID // both names of an account share their guesses
	} else {
		userID = p.m.Nobody()
	}
	key := userID
	if p.opts.Table != nil {
		key = name.key
	}
	c, err := p.load(ctx, key, userID)
	if err != nil {
		return none(err)
	}
	user, err := p.m.Users().LoadUser(ctx, userID)
	if errors.Is(err, auth.ErrNotFound) {
		user, err = nil, nil
	}
	if err != nil {
		return none(err)
	}
	if err := count(account, userID); err != nil {
		return none(err)
	}
	may := known && user != nil && isActive(user)
	has := len(c.Data) > 0
	c, err = p.prove(ctx, c, password, may)
	if errors.Is(err, ErrMismatch) {
		problem := wrong("", "The "+nouns[p.opts.Login]+" or the password is not right.")
		problem.Err = fmt.Errorf("%w: %s", auth.ErrBadCredentials, reason(known, user, has))
		err = problem
	}
	if err != nil {
		return none(err)
	}
	return userID, p.proofOf(c), nil
}

// reason says why a login was refused, for the log of the host.
func reason(known bool, user auth.User, hasPassword bool) string {
	switch {
	case !known || user == nil:
		return "there is no such user"
	case !isActive(user):
		return "the user is not active"
	case !hasPassword:
		return "the user has no password"
	}
	return "wrong password"
}

// nouns are what people log in with.
var nouns = [...]string{ByEmail: "e-mail address", ByUsername: "user name", ByEither: "name"}

// prove checks password against c, which may be the zero credential. If may is
// not set, it is wrong whatever it is. It returns ErrMismatch, or c, in which a
// hash that is due has been replaced.
func (p *Provider) prove(ctx context.Context, c auth.Credential, password string, may bool) (auth.Credential, error) {
	return p.proveOnce(ctx, c, password, may, false)
}

// proveOnce is prove; again says that an upgrade has met another one already.
func (p *Provider) proveOnce(ctx context.Context, c auth.Credential, password string, may, again bool) (auth.Credential, error) {
	upgraded, err := p.compare(ctx, c, password, may)
	if err != nil {
		return auth.Credential{}, err
	}
	if upgraded == "" {
		return c, nil
	}
	c, err = p.upgrade(ctx, c, upgraded)
	if p.opts.Table != nil && errors.Is(err, auth.ErrConflict) && !again {
		// Somebody else has upgraded it, or changed the password. The generation
		// of a Table is the hash, so look which.
		if c, err = p.load(ctx, c.Key, c.UserID); err != nil {
			return auth.Credential{}, err
		}
		return p.proveOnce(ctx, c, password, may, true)
	}
	return c, nil
}

// compare is prove without storing anything: it returns the better hash that is due,
// "" if none is.
func (p *Provider) compare(ctx context.Context, c auth.Credential, password string, may bool) (upgraded string, err error) {
	dummy, err := p.dummy(ctx)
	if err != nil {
		return "", err
	}
	prepared, ok := prepare(password)
	if !ok {
		prepared, may = []byte(standIn), false
	}
	stored := string(c.Data)
	if stored == "" {
		stored, may = dummy, false
	}
	due := !p.scheme.current(stored)
	// Others have hashed what was typed, in whatever normal form.
	typed := due && password != string(prepared) && len(password) <= maxBytes
	var right bool
	err = p.gate.do(ctx, func() error {
		err := guarded(func() error { return p.scheme.verify(stored, prepared) })
		if typed && errors.Is(err, ErrMismatch) {
			err = guarded(func() error { return p.scheme.verify(stored, []byte(password)) })
		}
		right = err == nil && may
		switch {
		case !due:
		case right: // while there is a slot; a failure does not fail the login
			_ = guarded(func() (err error) { upgraded, err = p.scheme.hash(prepared); return err })
		default: // a cheap old hash must not tell that there is an account
			_ = guarded(func() error { return p.scheme.verify(dummy, prepared) })
		}
		return err
	})
	switch {
	case errors.Is(err, errDamaged):
		p.log(ctx, slog.LevelError, "the stored hash cannot be read; the login was refused", c.UserID, err)
		return "", ErrMismatch
	case errors.Is(err, ErrUnknownHash):
		p.log(ctx, slog.LevelWarn, "the stored hash is of no format that a Hasher knows; the login was refused", c.UserID, nil)
		return "", ErrMismatch
	case err != nil:
		return "", err
	case !right:
		return "", ErrMismatch
	}
	return upgraded, nil
}

// upgrade stores a better hash of the same password, unless the credential has
// changed meanwhile. It returns the credential as it then is; for a
// Table, its generation follows the hash.
func (p *Provider) upgrade(ctx context.Context, c auth.Credential, encoded string) (auth.Credential, error) {
	better := c
	better.Data = []byte(encoded)
	better.Version++
	if p.opts.Table != nil {
		better.Version, better.Generation = digest(encoded), digest(encoded)
	}
	err := p.m.Store().ChangeCredentials(ctx, auth.Change{Old: &c, New: &better})
	if err == nil {
		return better, nil
	}
	if !errors.Is(err, auth.ErrConflict) && !errors.Is(err, auth.ErrNotFound) {
		p.log(ctx, slog.LevelWarn, "a better hash could not be stored", c.UserID, err)
	}
	return c, err
}

func (p *Provider) proofOf(c auth.Credential) auth.Proof {
	return auth.Proof{Method: kind, At: p.m.Now(), Kind: kind, Key: c.Key, Generation: c.Generation}
}

// load returns the user's password credential, or the zero credential if the
// user has none.
func (p *Provider) load(ctx context.Context, key, userID string) (auth.Credential, error) {
	c, err := p.m.Store().LoadCredential(ctx, kind, key)
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return auth.Credential{}, nil
	case err != nil:
		return auth.Credential{}, err
	case c.UserID != userID || p.expired(c):
		return auth.Credential{}, nil
	}
	return c, nil
}

// A name is what somebody typed to say who they are, as a credential.
type name struct{ kind, key string }

// nameOf never fails: what cannot be anybody's name is nobody's, found by
// nobody and counted under a digest of its own.
func (p *Provider) nameOf(login string) name {
	login = strings.Trim(login, " ")
	n := name{kind: "email"}
	if l := p.opts.Login; l == ByUsername || l == ByEither && !strings.Contains(login, "@") {
		n.kind = "username"
	}
	var err error
	switch {
	case p.opts.Table != nil:
		n.key, err = plain(login)
	case n.kind == "email":
		n.key, err = identifier.Email(login)
	default:
		n.key, err = identifier.Username(login)
	}
	if err != nil {
		sum := sha256.Sum256([]byte(login))
		n.key = "?" + hex.EncodeToString(sum[:16]) // no address and no user name looks like this
	}
	return n
}

// plain returns login if a Table may be asked for it.
func plain(login string) (string, error) {
	if len(login) > 255 || strings.ContainsFunc(login, isControl) {
		return "", errors.New("password: not a name")
	}
	return login, nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\ufffd' }

// find returns the ID of the user of that name, "" if there is none.
func (p *Provider) find(ctx context.Context, n name) (string, error) {
	c, err := p.m.Store().LoadCredential(ctx, n.kind, n.key)
	if errors.Is(err, auth.ErrNotFound) || err == nil && p.expired(c) {
		return "", nil
	}
	return c.UserID, err
}

func (p *Provider) expired(c auth.Credential) bool {
	return !c.ExpiresAt.IsZero() && !p.m.Now().Before(c.ExpiresAt)
}

func isActive(u auth.User) bool {
	a, ok := u.(interface{ IsActive() bool })
	return !ok || a.IsActive()
}

func (p *Provider) log(ctx context.Context, level slog.Level, what, userID string, err error) {
	attrs := []slog.Attr{slog.String("user", userID)}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	p.opts.Logger.LogAttrs(ctx, level, "password: "+what, attrs...)
}
