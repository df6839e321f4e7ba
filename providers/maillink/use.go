package maillink

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/secret"
)

// get shows the page that a link opens, the one to ask for a link, or the one that
// says that it was sent. It uses nothing up: whoever scans mail opens links.
func (p *Provider) get(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Referrer-Policy", "no-referrer") // the address has the token
	query := r.URL.Query()
	token := query.Get("token")
	switch {
	case query.Get("sent") != "":
		p.m.Answer(w, r, &auth.Page{Name: "sent", Title: "Look into your mail"}, nil)
		return
	case token == "":
		p.m.Answer(w, r, askPage(nil), nil)
		return
	}
	if _, _, err := p.find(r, token); err != nil {
		p.m.Answer(w, r, askPage(nil), err)
		return
	}
	p.m.Answer(w, r, &auth.Page{Name: "link", Title: "Log in by email", Forms: []auth.Form{useForm(token)}}, nil)
}

// perNetwork is how many links one network can try. None can be guessed: it is for the
// sake of the store, and of what is kept of logins that failed.
var perNetwork = auth.Limit{Max: 60, Per: time.Minute}

// limitUses counts who posts a link.
func (p *Provider) limitUses(r *http.Request) error {
	wait, err := p.m.Throttle(r, "link.token", "", auth.Limit{}, perNetwork)
	if err == nil && wait > 0 {
		p.m.Emit(r, auth.Event{Name: "login.limited", Method: name})
		err = &auth.Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: wait, Limit: perNetwork, Detail: "Too many attempts. Try again later."}
	}
	return err
}

// use logs in whoever has the link, in the browser that has asked for it.
func (p *Provider) use(w http.ResponseWriter, r *http.Request, token string) {
	if err := p.limitUses(r); err != nil {
		p.m.Answer(w, r, askPage(nil), err)
		return
	}
	t, v, err := p.find(r, token)
	var proof auth.Proof
	if err == nil {
		proof, err = p.redeem(r.Context(), t, v)
	}
	if err != nil {
		p.failed(r, t.UserID, err)
		p.m.Answer(w, r, askPage(nil), err)
		return
	}
	var opts []auth.LoginOption
	if v.Remember {
		opts = append(opts, auth.Remember())
	}
	err = p.m.LogIn(w, r, t.UserID, proof, opts...)
	var owed *auth.OwedError
	if err == nil || errors.As(err, &owed) {
		if err := p.m.SetCookie(w, r, name, "", -1); err != nil {
			p.opts.Logger.ErrorContext(r.Context(), "maillink: forgetting a browser's secret", "error", err)
		}
	}
	if err == nil {
		p.m.KnowBrowser(w, r)
	}
	p.m.Finish(w, r, err, v.Next)
}

// find returns the ticket of a link and leaves it. The error is the problem
// "link_invalid" if it is not good any more, and "wrong_browser" if it is good elsewhere.
func (p *Provider) find(r *http.Request, token string) (auth.Ticket, wanted, error) {
	none := func(err error) (auth.Ticket, wanted, error) { return auth.Ticket{}, wanted{}, err }
	if !secret.Valid(token) {
		return none(invalid(errors.New("maillink: this was never a token")))
	}
	t, err := p.m.Store().LoadTicket(r.Context(), purpose, p.tokenDigest(token))
	switch {
	case errors.Is(err, auth.ErrNotFound):
		return none(invalid(err))
	case err != nil:
		return none(err)
	case !p.m.Now().Before(t.ExpiresAt):
		return none(invalid(errors.New("maillink: the link has expired")))
	}
	v, err := decodeWanted(t.Data)
	if err != nil {
		return none(err)
	}
	browser := p.browserDigest(p.m.Cookie(r, name))
	if subtle.ConstantTimeCompare([]byte(browser), []byte(v.Browser)) != 1 {
		return auth.Ticket{UserID: t.UserID}, wanted{}, &auth.Problem{Status: http.StatusForbidden, Code: "wrong_browser",
			Detail: "Open this link in the browser in which you asked for it, or ask for another one here.",
			Err:    errors.New("maillink: the link was asked for in another browser")}
	}
	return t, v, nil
}

// redeem uses the ticket up and returns what it proves.
func (p *Provider) redeem(ctx context.Context, t auth.Ticket, v wanted) (auth.Proof, error) {
	c, err := p.owner(ctx, v.Address)
	if err == nil && (c.UserID != t.UserID || c.Key != v.Address) {
		err = auth.ErrNotFound // it is somebody else's meanwhile
	}
	switch {
	case errors.Is(err, auth.ErrNotFound), errors.Is(err, auth.ErrBadCredentials):
		return auth.Proof{}, invalid(err)
	case err != nil:
		return auth.Proof{}, err
	}
	claimed, event := c.VerifiedAt.IsZero() && !c.hosts, "account.reclaimed"
	if claimed {
		if theirs, err := p.isUser(ctx, t.UserID); err != nil {
			return auth.Proof{}, err
		} else if theirs {
			event = "email.verified"
		}
	}
	// Whoever takes it acts, nobody acts without taking.
	if _, err := p.m.Store().TakeTicket(ctx, t.Purpose, t.Key); errors.Is(err, auth.ErrNotFound) {
		return auth.Proof{}, invalid(err)
	} else if err != nil {
		return auth.Proof{}, err
	}
	if claimed {
		old, verified := c.Credential, c.Credential
		verified.VerifiedAt = p.m.Now()
		err := p.m.Apply(ctx, c.UserID, event, auth.Change{Old: &old, New: &verified})
		if errors.Is(err, auth.ErrConflict) || errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrNoCredentials) {
			return auth.Proof{}, invalid(err)
		} else if err != nil {
			return auth.Proof{}, err
		}
	}
	return auth.Proof{Method: name, At: p.m.Now(), Kind: c.Kind, Key: c.Key, Generation: c.Generation}, nil
}

// isUser reports whether the user, and nobody who acts as them, is logged in where the link
// is used. They have the account and the mailbox, and take nothing over by proving so. That
// the login still holds is for the change to say: it is refused if it does not.
func (p *Provider) isUser(ctx context.Context, userID string) (bool, error) {
	id, err := p.m.IdentityFrom(ctx)
	if errors.Is(err, auth.ErrNoCredentials) || errors.Is(err, auth.ErrBadCredentials) {
		return false, nil
	}
	return err == nil && id.UserID == userID && id.Session != nil && id.Actor == "", err
}

// failed tells of a link that was refused. Outages are told where they are answered.
func (p *Provider) failed(r *http.Request, userID string, err error) {
	if problem := (*auth.Problem)(nil); errors.As(err, &problem) && problem.Err != nil {
		p.m.Emit(r, auth.Event{Name: "login.failed", UserID: userID, Method: name, Reason: problem.Err.Error()})
	}
}

func invalid(cause error) error {
	return &auth.Problem{Status: http.StatusGone, Code: "link_invalid", Err: cause,
		Detail: "This link has been used, or is not good any more."}
}
