package account

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

// Admit refuses the login of who has closed their account, however they log in, with the
// problem "account_closed" (403): the mail to keep it is sent again, if it was not just now;
// and, with [Options.RequireVerification], of who has not verified their address, with
// "email_unverified" (403): the mail to do so is sent again. Who has no address has nothing
// to verify.
func (p *Provider) Admit(ctx context.Context, u auth.User, proofs []auth.Proof) error {
	closed, err := p.m.Store().LoadCredential(ctx, closingKind, u.AuthID())
	switch {
	case err == nil:
		if err := p.remindOfClosing(ctx, &closed, proofs); err != nil {
			return err
		}
		return accountClosed()
	case !errors.Is(err, auth.ErrNotFound):
		return err
	case !p.opts.RequireVerification:
		return nil
	}
	held, err := p.addresses(ctx, u.AuthID())
	if err != nil || len(held) == 0 || !held[0].VerifiedAt.IsZero() {
		return err
	}
	to := &held[0]
	if err := p.remind(ctx, verifyKind, to.Key, proofs, outbox.Entry{Kind: verifyKind, To: to.Key, UserID: to.UserID}); err != nil {
		return err
	}
	return &auth.Problem{Status: http.StatusForbidden, Code: "email_unverified",
		Detail: "Confirm your email address first: follow the link that we have sent you."}
}

// remindOfClosing enqueues the mails by which an account that was closed can be kept, for
// who has lost them: those that were sent when it was closed are the newest at first.
func (p *Provider) remindOfClosing(ctx context.Context, closed *auth.Credential, proofs []auth.Proof) error {
	if p.m.Now().Before(closed.CreatedAt.Add(p.opts.PerAddress.Per)) {
		return nil
	}
	mails, err := p.closingMails(ctx, closed.UserID, closed.Data)
	if err != nil {
		return err
	}
	return p.remind(ctx, closingEntry, closed.UserID, proofs, mails...)
}

// remind enqueues mails for who has just proved who they are, [Options.PerAddress] times. A
// remembered browser comes back by itself and asks for nothing.
func (p *Provider) remind(ctx context.Context, what, whom string, proofs []auth.Proof, mails ...outbox.Entry) error {
	if !slices.ContainsFunc(proofs, func(p auth.Proof) bool { return p.Kind != "remember" }) {
		return nil
	}
	counter := "account.reminded:" + secret.Digest(p.m.Realm(), what, whom)
	n, _, err := p.m.Store().Count(ctx, counter, p.opts.PerAddress.Per, p.m.Now())
	if err != nil || n > p.opts.PerAddress.Max {
		return err
	}
	for _, e := range mails {
		if err := p.post.Post(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func accountClosed() error {
	return &auth.Problem{Status: http.StatusForbidden, Code: "account_closed",
		Detail: "This account was closed. To keep it, follow the link that we have sent you."}
}
