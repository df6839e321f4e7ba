package oauth

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/oauth2"
)

// finish trades the answer for an account. Every error is a problem.
func (c *Connector) finish(ctx context.Context, f *flow, ans answer) (a Account, token *oauth2.Token, err error) {
	ctx, cancel := c.within(ctx, f)
	defer cancel()
	issuer, required := "", false
	err = c.guarded(func() (err error) {
		issuer, required, err = c.backend.issuer(ctx, f)
		return err
	})
	if err != nil {
		return a, nil, problemOf(err)
	}
	if err := checkIssuer(ans, issuer, required); err != nil {
		return a, nil, err
	}
	if ans.Error != "" {
		return a, nil, ans.refusal()
	}
	err = c.guarded(func() (err error) {
		a, token, err = c.backend.finish(ctx, f, ans.params(f))
		return err
	})
	if err == nil && !plausible(a.Subject) {
		err = wrap(errBadAnswer, "the account has no subject")
	}
	if err != nil {
		return Account{}, nil, problemOf(err)
	}
	status := c.status
	if c.opts.EmailStatus != nil {
		status = c.opts.EmailStatus
	}
	if a.EmailStatus = status(a); a.EmailStatus != EmailVerified && a.EmailStatus != EmailUnverified {
		a.EmailStatus = EmailUnknown
	}
	return a, token, nil
}

// guarded calls f, and makes an error of a panic: f is other people's code, and what
// it works on comes from outside. What it panicked with may hold a secret.
func (c *Connector) guarded(f func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			err = wrap(errBadAnswer, "panic: "+p.Error())
		default:
			err = wrap(errBadAnswer, fmt.Sprintf("panic with a %T", p))
		}
	}()
	return f()
}

// wrap returns an error that is kind, and says what happened.
func wrap(kind error, what string) error { return fmt.Errorf("%w: %s", kind, what) }
