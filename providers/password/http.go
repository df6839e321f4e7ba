package password

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/form"
)

// The handlers read what was sent, call what a host can call as well, and
// answer. Guesses are counted here, since the counting needs a request.

func (p *Provider) postLogin(w http.ResponseWriter, r *http.Request) {
	sent, err := form.Parse(w, r, p.opts.Login.field(), "password", "remember", "next")
	next := sent.Get("next")
	again := func(err error) {
		p.m.Answer(w, r, &auth.Page{Name: "login", Forms: []auth.Form{p.loginForm(sent)}, Next: next}, err)
	}
	if err != nil {
		again(err)
		return
	}
	ctx, leave, err := p.reserve(r)
	if err != nil {
		again(err)
		return
	}
	defer leave()
	var attempt *auth.Attempt
	refused := auth.Event{Name: "login.failed", Method: kind}
	userID, proof, err := p.verify(ctx, sent.Get(p.opts.Login.field()), sent.Get("password"), func(account, userID string) (err error) {
		if userID != p.m.Nobody() {
			refused.UserID = userID
		}
		attempt, err = p.m.Attempt(r, kind, account, userID)
		return err
	})
	if errors.Is(err, auth.ErrBadCredentials) {
		p.refuse(r, refused, err)
	}
	if err != nil {
		again(err)
		return
	}
	var opts []auth.LoginOption
	if sent.Bool("remember") {
		opts = append(opts, auth.Remember())
	}
	err = p.m.LogIn(w, r, userID, proof, opts...)
	// Whatever has become of the login: an outage, or that the account was closed, is no
	// wrong guess, of which a hundred lock the account.
	attempt.Succeeded(w, r, userID)
	var owed *auth.OwedError
	if err == nil || errors.As(err, &owed) {
		p.m.Finish(w, r, err, next)
		return
	}
	again(err)
}

// reserve takes a place in the queue to the hasher for r, in the name of its
// network. Who finds none has used up no guess.
func (p *Provider) reserve(r *http.Request) (ctx context.Context, leave func(), err error) {
	return p.gate.reserve(r.Context(), p.networkOf(r))
}

// networkOf is what a client can be expected to have one of: an IPv4 address, an IPv6 /64.
func (p *Provider) networkOf(r *http.Request) string {
	addr := p.m.ClientAddr(r)
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return addr.String()
}

// refuse tells of an answer that was wrong.
func (p *Provider) refuse(r *http.Request, e auth.Event, err error) {
	if problem, ok := isProblem(err); ok && problem.Err != nil {
		e.Reason = problem.Err.Error()
	}
	p.m.Emit(r, e)
}

func (p *Provider) getRegister(w http.ResponseWriter, r *http.Request) {
	p.m.Answer(w, r, &auth.Page{Name: "register"}, nil)
}

func (p *Provider) postRegister(w http.ResponseWriter, r *http.Request) {
	sent, err := form.Parse(w, r, "email", "username", "name", "password", "next")
	next := sent.Get("next")
	again := func(err error) {
		p.m.Answer(w, r, &auth.Page{Name: "register", Forms: []auth.Form{p.registerForm(sent)}, Next: next}, err)
	}
	if err != nil {
		again(err)
		return
	}
	profile := auth.Profile{Email: sent.Get("email"), Username: sent.Get("username"), Name: sent.Get("name")}
	switch p.opts.Login { // what the form does not ask for is not taken
	case ByEmail:
		profile.Username = ""
	case ByUsername:
		profile.Email = ""
	}
	ctx, leave, err := p.reserve(r)
	if err != nil {
		again(err)
		return
	}
	defer leave()
	count := func(account string) error {
		if err := p.limitRegistering(r); err != nil {
			return err
		}
		_, err := p.m.Attempt(r, "register", account, p.m.Nobody())
		return err
	}
	if later, ok := p.m.Registrar(); ok {
		// By network, or strangers could use up what an address has before its owner comes.
		countHere := func(account string) error { return count(account + " from " + p.networkOf(r)) }
		reg, err := p.prepareLater(ctx, profile, sent.Get("password"), countHere)
		if err != nil {
			again(err)
			return
		}
		reg.Next = next
		later.TakeRegistration(w, r, reg)
		return
	}
	userID, err := p.register(ctx, profile, sent.Get("password"), count)
	if err != nil {
		again(err)
		return
	}
	err = p.m.LogIn(w, r, userID, auth.Proof{Method: kind, At: p.m.Now(), Kind: kind, Key: userID, Generation: firstGeneration})
	if err == nil {
		p.m.KnowBrowser(w, r) // and what was counted stays: each of them makes a user
	}
	p.m.Finish(created{w}, r, err, next)
}

// limitRegistering counts who registers, by network: each of them makes a user, or a mail,
// whoever has an account.
func (p *Provider) limitRegistering(r *http.Request) error {
	wait, err := p.m.Throttle(r, "register.network", "", auth.Limit{}, p.opts.PerNetwork)
	if err == nil && wait > 0 {
		err = &auth.Problem{Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: wait, Limit: p.opts.PerNetwork, Detail: "Too many accounts were made here. Try again later."}
	}
	return err
}

// created makes 201 of the 200 that says that somebody has logged in.
type created struct{ http.ResponseWriter }

func (w created) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w created) WriteHeader(status int) {
	if status == http.StatusOK {
		status = http.StatusCreated
	}
	w.ResponseWriter.WriteHeader(status)
}

func (p *Provider) getPassword(w http.ResponseWriter, r *http.Request) {
	p.m.Answer(w, r, p.passwordPage(r), nil)
}

// passwordPage is where a password is changed, or the first one is set.
func (p *Provider) passwordPage(r *http.Request) *auth.Page {
	f := p.changeForm(r)
	if p.hasNone(r) {
		f = p.firstForm(r)
	}
	return &auth.Page{Name: "password", Forms: []auth.Form{f}}
}

func (p *Provider) postPassword(w http.ResponseWriter, r *http.Request) {
	sent, err := form.Parse(w, r, "current", "password", "next")
	next := sent.Get("next")
	message := "password.changed"
	if err == nil {
		err = p.themself(r)
	}
	switch {
	case err != nil:
	case sent.Get("current") == "" && p.hasNone(r):
		message = "password.set"
		if err = p.setFirst(w, r, sent.Get("password")); errors.Is(err, auth.ErrNotFresh) {
			// Confirming leads back to the page with the form, not to sending it again.
			page := *r
			page.Method = http.MethodGet
			p.m.Refuse(w, &page, err)
			return
		}
	default:
		err = p.guess(w, r, "password.change", func(ctx context.Context, userID string) (auth.Proof, bool, error) {
			return p.change(ctx, userID, sent.Get("current"), sent.Get("password"))
		})
	}
	if err != nil {
		page := p.passwordPage(r)
		page.Next = next
		p.m.Answer(w, r, page, err)
		return
	}
	p.m.Flash(w, r, auth.Flash{ID: message, Category: "success"})
	if next == "" {
		next = p.m.URL("/account")
	}
	p.m.Finish(w, r, nil, next)
}

// themself refuses who acts as the user: a password would outlive what they are allowed.
func (p *Provider) themself(r *http.Request) error {
	id, err := p.m.IdentityFrom(r.Context())
	if err == nil && id.Actor != "" {
		err = &auth.Problem{Status: http.StatusForbidden, Code: "forbidden", Detail: "Only the user can do this.", Err: auth.ErrForbidden}
	}
	return err
}

// firstFresh is how lately somebody must have proved who they are to set a first password,
// for which there is no present one to ask.
const firstFresh = 10 * time.Minute

// setFirst sets the password of who is logged in and has none.
func (p *Provider) setFirst(w http.ResponseWriter, r *http.Request, password string) error {
	id, err := p.m.IdentityFrom(r.Context())
	if err != nil {
		return err
	}
	if err := p.m.Fresh(r.Context(), firstFresh); err != nil {
		if errors.Is(err, auth.ErrNotFresh) {
			p.m.Emit(r, auth.Event{Name: "not_fresh", UserID: id.UserID, Actor: id.Actor})
		}
		return err
	}
	ctx, leave, err := p.reserve(r)
	if err != nil {
		return err
	}
	defer leave()
	// Nothing is guessed, and yet each of them costs a hash.
	if _, err := p.m.Attempt(r, "password.change", "user:"+id.UserID, id.UserID); err != nil {
		return err
	}
	place, err := p.place(ctx, id.UserID)
	if err != nil {
		return err
	}
	change, err := p.replace(ctx, id.UserID, auth.Credential{Key: place.Key}, password)
	if err != nil {
		return err
	}
	proof, err := p.make(ctx, id.UserID, change)
	if err != nil {
		return err
	}
	return p.m.Reauthenticate(w, r, proof)
}

func (p *Provider) postConfirm(w http.ResponseWriter, r *http.Request) {
	sent, err := form.Parse(w, r, "password", "next")
	next := sent.Get("next")
	if err == nil {
		err = p.guess(w, r, "password.confirm", func(ctx context.Context, userID string) (auth.Proof, bool, error) {
			return p.reprove(ctx, userID, sent.Get("password"))
		})
	}
	if err != nil {
		p.m.Answer(w, r, &auth.Page{Name: "confirm", Next: next}, err)
		return
	}
	p.m.Finish(w, r, nil, next)
}

// reprove verifies the password of who is logged in.
func (p *Provider) reprove(ctx context.Context, userID, password string) (proof auth.Proof, right bool, err error) {
	if password == "" {
		return proof, false, missing("password")
	}
	c, err := p.held(ctx, userID)
	if err != nil {
		return proof, false, err
	}
	if c, err = p.confirm(ctx, c, password, "password"); err != nil {
		return proof, false, err
	}
	return p.proofOf(c), true, nil
}

// guess counts a guess at the password of who is logged in, under a scope of its
// own: whoever has got hold of a session cannot guess for ever, and cannot use
// up the owner's logins. What prove returns becomes a proof of the session. A
// right guess is forgotten, even if the new password that came with it was
// refused.
func (p *Provider) guess(w http.ResponseWriter, r *http.Request, scope string, prove func(ctx context.Context, userID string) (auth.Proof, bool, error)) error {
	id, err := p.m.IdentityFrom(r.Context())
	if err != nil {
		return err
	}
	ctx, leave, err := p.reserve(r)
	if err != nil {
		return err
	}
	defer leave()
	attempt, err := p.m.Attempt(r, scope, "user:"+id.UserID, id.UserID)
	if err != nil {
		return err
	}
	proof, right, err := prove(ctx, id.UserID)
	if right {
		defer attempt.Succeeded(w, r, id.UserID)
	}
	if errors.Is(err, auth.ErrBadCredentials) {
		p.refuse(r, auth.Event{Name: "login.failed", Method: kind, UserID: id.UserID, Actor: id.Actor}, err)
	}
	if err != nil {
		return err
	}
	return p.m.Reauthenticate(w, r, proof)
}
