package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// An asker asks an authorizer in its own way.
type asker = func(ctx context.Context, a Authorizer, access Access) error

// decide asks the authorizer, or answers for it where it need not be asked. The error
// wraps ErrForbidden for a no; any other is an outage. Tell says whether a no is an
// event, if not every decision is one.
func (m *Manager) decide(ctx context.Context, a Access, ask asker, tell bool) error {
	a.m = m
	began := time.Now()
	err := m.limits(a)
	if err == nil {
		err = m.consult(ctx, a, ask, began)
	}
	switch {
	case m.opts.AuditDecisions:
		m.audit(ctx, a, err, time.Since(began))
	case tell && a.Identity != nil && errors.Is(err, ErrForbidden) && !denialIn(err).StepUp():
		m.audit(ctx, a, err, 0)
	}
	return err
}

// limits answers no where the authorizer need not be asked: to a user who is not
// active, and to a credential that is not good for the action.
func (m *Manager) limits(a Access) error {
	id := a.Identity
	switch {
	case id == nil:
		return nil
	case id.User != nil && !isActive(id.User):
		return &Denial{Policy: "auth", Reason: "the user is not active"}
	case id.Scopes == nil:
		return nil
	}
	scope := a.Action
	if m.opts.ScopeOf != nil {
		scope = m.opts.ScopeOf(a.Action)
	}
	if scope == "" || !id.HasScope(scope) {
		return &Denial{Policy: "auth", Reason: fmt.Sprintf("the credential is not good for %q", scope)}
	}
	return nil
}

// consult asks the authorizer. Whatever it does wrong is an outage: a panic, and a yes
// that comes when it is too late.
func (m *Manager) consult(ctx context.Context, a Access, ask asker, began time.Time) (err error) {
	if m.opts.Authorizer == nil {
		return &Denial{Policy: "auth", Reason: "there is no Options.Authorizer"}
	}
	within := &deadline{Context: ctx, at: began.Add(m.opts.AuthorizerTimeout)}
	defer within.release()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("auth: authorizer panicked: %s", describePanic(p))
		}
	}()
	if ask == nil {
		err = m.opts.Authorizer.Authorize(within, a)
	} else {
		err = ask(within, m.opts.Authorizer, a)
	}
	switch {
	case err == nil:
		if ended := within.Err(); ended != nil {
			return asOutage(fmt.Errorf("auth: authorizer answered too late: %w", ended))
		}
		return nil
	case !errors.Is(err, ErrForbidden):
		return asOutage(err)
	}
	if d := denialIn(err); d != nil {
		return d
	}
	return fmt.Errorf("%w: %v", ErrForbidden, err)
}

// audit tells of a decision.
func (m *Manager) audit(ctx context.Context, a Access, err error, took time.Duration) {
	e := Event{Name: "allowed", Action: a.Action, Took: took}
	if o, ok := a.Describe(); ok {
		e.Object = o.String()
	}
	if id := a.Identity; id != nil {
		e.UserID, e.Actor = id.UserID, id.Actor
	}
	switch d := denialIn(err); {
	case err == nil:
	case d != nil:
		e.Name, e.Policy, e.Reason = "forbidden", d.Policy, d.Reason
	case errors.Is(err, ErrForbidden):
		e.Name, e.Reason = "forbidden", err.Error()
	default:
		e.Name, e.Reason = "undecided", "the authorizer could not tell"
	}
	m.emit(ctx, e)
}

// stepUp answers a no that another proof would turn into a yes.
func stepUp(d *Denial, err error) error {
	p := &Problem{Status: http.StatusUnauthorized, Code: codeNotFresh, Reason: codeNotFresh, MaxAge: d.MaxAge, Detail: "Confirm that it is you.", Err: errors.Join(ErrNotFresh, err)}
	if len(d.Methods) > 0 {
		p.Code, p.Reason, p.Factors, p.Detail = codeProofRequired, codeProofRequired, d.Methods, "Prove in one more way that it is you."
	}
	return p
}
