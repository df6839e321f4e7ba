package password

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Change replaces the user's password by another one, if current is right, with
// the same checks as the route POST /password, but for the limits, which need a
// request. The user's sessions end, but for the one that ctx belongs to: see
// [auth.Manager.ChangeCredentials]. The returned proof is of the new password:
// [auth.Manager.Reauthenticate] keeps that session alive with it.
//
// The error is an [*auth.Problem]: "bad_credentials" for a wrong current
// password, "no_password" (409) for a user who has none, "invalid_field",
// "conflict" if the password was changed meanwhile, "busy", or one of the new
// password's, see [Provider.Register]. Any other is an outage, or says that
// sessions could not be ended.
func (p *Provider) Change(ctx context.Context, userID, current, password string) (auth.Proof, error) {
	proof, _, err := p.change(ctx, userID, current, password)
	return proof, err
}

// change also reports whether current was right, whatever became of the new
// password.
func (p *Provider) change(ctx context.Context, userID, current, password string) (proof auth.Proof, right bool, err error) {
	if current == "" {
		return proof, false, missing("current")
	}
	old, err := p.held(ctx, userID)
	if err != nil {
		return proof, false, err
	}
	// What is replaced below is what was verified: a password that was set in
	// between is not overwritten.
	if old, err = p.confirm(ctx, old, current, "current"); err != nil {
		return proof, false, err
	}
	if current == password {
		return proof, true, refused("password_unchanged", "This is your present password. Choose another one.")
	}
	proof, err = p.set(ctx, userID, old, password)
	return proof, true, err
}

// Set gives the user a password without asking for the present one: for
// administrators, after whoever calls it has made sure that they may. The
// password is checked like any other. All of the user's sessions end.
//
// The error is as that of [Provider.Change]. With a [Table] it is always
// "no_password": the host writes its own column.
func (p *Provider) Set(ctx context.Context, userID, password string) error {
	if p.opts.Table != nil {
		return noPassword()
	}
	old, err := p.held(ctx, userID)
	if problem, ok := isProblem(err); ok && problem.Code == codeNoPassword {
		old, err = auth.Credential{}, nil
	}
	if err != nil {
		return err
	}
	_, err = p.set(ctx, userID, old, password)
	return err
}

// set stores a new password in the place of old, which is the zero credential
// if there is none.
func (p *Provider) set(ctx context.Context, userID string, old auth.Credential, password string) (auth.Proof, error) {
	change, err := p.replace(ctx, userID, old, password)
	if err != nil {
		return auth.Proof{}, err
	}
	return p.make(ctx, userID, change)
}

// make makes a change that replace has returned. The guesses at the old password are not
// at this one: who changes it is let in with it wherever strangers have locked the account.
func (p *Provider) make(ctx context.Context, userID string, change auth.Change) (auth.Proof, error) {
	if err := p.m.ChangeCredentials(ctx, userID, change); err != nil {
		if errors.Is(err, auth.ErrConflict) || errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrExists) {
			err = &auth.Problem{Status: http.StatusConflict, Code: "conflict", Err: err,
				Detail: "The password was changed somewhere else meanwhile. Please try again."}
		}
		return auth.Proof{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // it is changed, whoever has gone
	defer cancel()
	if err := p.m.Unlock(ctx, kind, userID); err != nil {
		p.opts.Logger.LogAttrs(ctx, slog.LevelError, "password: the guesses before a change could not be forgotten", slog.String("user", userID), slog.Any("error", err))
	}
	return p.proofOf(*change.New), nil
}

// replace returns the change that puts a new password, which it checks and hashes, in
// the place of old. old without Kind is the place of one that is not there: with a
// [Table] it has a Key.
func (p *Provider) replace(ctx context.Context, userID string, old auth.Credential, password string) (auth.Change, error) {
	words, err := p.words(ctx, userID, old)
	if err != nil {
		return auth.Change{}, err
	}
	prepared, err := p.policy.check(ctx, userID, password, words)
	if err == nil {
		err = p.policy.checkBreach(ctx, prepared)
	}
	if err != nil {
		return auth.Change{}, err
	}
	encoded, err := p.hash(ctx, prepared)
	if err != nil {
		return auth.Change{}, err
	}
	next := old
	next.Data = []byte(encoded)
	if old.Kind == "" {
		next = auth.Credential{Kind: kind, Key: cmp.Or(old.Key, userID), UserID: userID, Data: next.Data, CreatedAt: p.m.Now(),
			// Not 1: a login by a password that was removed before must not
			// take this one for it.
			Generation: p.m.Now().UnixMilli()}
	} else {
		next.Generation++
	}
	if p.opts.Table != nil {
		next.Generation = digest(encoded)
	}
	if old.Kind == "" {
		return auth.Change{New: &next}, nil
	}
	return auth.Change{Old: &old, New: &next}, nil
}

const codeNoPassword = "no_password"

func noPassword() error {
	return &auth.Problem{Status: http.StatusConflict, Code: codeNoPassword, Detail: "You have no password here."}
}

// held returns the user's password credential. The error is the problem
// "no_password" if there is none.
func (p *Provider) held(ctx context.Context, userID string) (auth.Credential, error) {
	c, err := p.place(ctx, userID)
	if err == nil && len(c.Data) == 0 {
		return auth.Credential{}, noPassword()
	}
	return c, err
}

// place returns the user's password credential, or one without Kind and Data if there
// is none. The error is the problem "no_password" if the user cannot have one: the
// [Table] has no name for them.
func (p *Provider) place(ctx context.Context, userID string) (auth.Credential, error) {
	key := userID
	if p.opts.Table != nil {
		var err error
		key, err = p.opts.Table.Name(ctx, userID)
		if errors.Is(err, auth.ErrNotFound) {
			err = noPassword()
		}
		if err != nil {
			return auth.Credential{}, err
		}
	}
	c, err := p.load(ctx, key, userID)
	if err != nil {
		return auth.Credential{}, err
	}
	if len(c.Data) == 0 {
		return auth.Credential{Key: key}, nil
	}
	return c, nil
}

// confirm checks a password of somebody who is known already. field is where it
// was typed.
func (p *Provider) confirm(ctx context.Context, c auth.Credential, password, field string) (auth.Credential, error) {
	c, err := p.prove(ctx, c, password, true)
	if errors.Is(err, ErrMismatch) {
		err = wrong(field, "This is not your present password.")
	}
	return c, err
}

// words returns what the user's new password must not be made of.
func (p *Provider) words(ctx context.Context, userID string, old auth.Credential) ([]string, error) {
	names, err := p.m.Store().UserCredentials(ctx, userID, "email", "username")
	if err != nil {
		return nil, err
	}
	if p.opts.Table != nil {
		names = append(names, auth.Credential{Kind: "username", Key: old.Key})
	}
	var words []string
	for _, c := range names {
		if c.Kind == "email" || strings.Contains(c.Key, "@") {
			words = append(words, wordsOf(auth.Profile{Email: c.Key})...)
		} else {
			words = append(words, c.Key)
		}
	}
	return words, nil
}
