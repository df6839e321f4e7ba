package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// An asker asks an authorizer in its own way.
type asker = func(ctx context.Context, a Authorizer, access Access) error

// decide asks the authorizer, or answers for it where it need not be asked. The error
// wraps ErrForbidden for a no; it is a session that has ended, as Access.Fresh found
// out; any other is an outage. Tried says whether somebody wants to do what is asked,
// so that a no is an event even if not every decision is one.
func (m *Manager) decide(ctx context.Context, a Access, ask asker, tried bool) error {
	a.m = m
	began := time.Now()
	err := m.consult(ctx, a, ask, began)
	switch {
	case tried && a.Identity != nil && errors.Is(err, ErrForbidden) && !denialIn(err).StepUp():
		m.audit(ctx, a, Event{Name: "forbidden"}, err, began)
	case !m.opts.AuditDecisions:
	case err == nil:
		m.audit(ctx, a, Event{Name: "allowed"}, nil, began)
	case errors.Is(err, ErrForbidden), isOver(err):
		m.audit(ctx, a, Event{Name: "denied"}, err, began)
	default:
		m.audit(ctx, a, Event{Name: "undecided"}, err, began)
	}
	return err
}

// consult asks the authorizer, unless limits answers. Whatever it does wrong is an
// outage: a panic, and a yes that comes when it is too late.
func (m *Manager) consult(ctx context.Context, a Access, ask asker, began time.Time) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("auth: authorizer panicked: %s", describePanic(p))
		}
	}()
	if err := m.limits(a); err != nil {
		return err
	}
	within := &deadline{Context: ctx, at: began.Add(m.opts.AuthorizerTimeout)}
	defer within.release()
	if ask == nil {
		err = m.opts.Authorizer.Authorize(within, a)
	} else {
		err = ask(within, m.opts.Authorizer, a)
	}
	if err == nil {
		return tooLate(within)
	}
	if !errors.Is(err, ErrForbidden) {
		if over, ok := errors.AsType[*isOverError](err); ok {
			return over.error
		}
		return asOutage(err)
	}
	if d := denialIn(err); d != nil {
		return d
	}
	if err == ErrForbidden {
		return err
	}
	return fmt.Errorf("%w: %v", ErrForbidden, err)
}

// tooLate returns the outage that an answer is when the context has ended.
func tooLate(within *deadline) error {
	if ended := within.late(); ended != nil {
		return asOutage(fmt.Errorf("auth: authorizer answered too late: %w", ended))
	}
	return nil
}

// limits answers no where the authorizer need not be asked: to a user who is not
// active, and to a credential that is not good for the action.
func (m *Manager) limits(a Access) error {
	if m.opts.Authorizer == nil {
		return &Denial{Policy: "auth", Reason: "there is no Options.Authorizer"}
	}
	id := a.Identity
	switch {
	case id == nil:
		return nil
	case id.UserID == "": // would own all that has no owner
		return errors.New("auth: an identity has no UserID, nor a User that has one: nobody is nil")
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

// An isOverError says that a session has ended, from below the authorizer, which has
// not decided then.
type isOverError struct{ error }

func (e *isOverError) Unwrap() error { return e.error }

// audit tells of a decision.
func (m *Manager) audit(ctx context.Context, a Access, e Event, err error, began time.Time) {
	if len(m.opts.Events) == 0 && !m.logger.Enabled(ctx, e.level()) {
		return // nobody wants to know
	}
	if m.opts.AuditDecisions {
		e.Took = time.Since(began)
	}
	e.Action, e.Object = a.Action, a.objectName()
	if id := a.Identity; id != nil {
		e.UserID, e.Actor = id.UserID, id.Actor
	}
	switch d := denialIn(err); {
	case d != nil:
		e.Policy, e.Reason = d.Policy, d.Reason
	case errors.Is(err, ErrForbidden):
		if err != ErrForbidden {
			e.Reason = err.Error()
		}
	case isOver(err):
		e.Reason = "the session has ended"
	case err != nil:
		e.Reason = "the authorizer could not tell"
	}
	m.emit(ctx, e)
}

// objectName returns what events call the object, "" if it says nothing of itself.
func (a Access) objectName() (name string) {
	defer func() { _ = recover() }() // the host's AuthObject, of a nil pointer perhaps
	if o, ok := a.Describe(); ok {
		name = o.String()
	}
	return name
}

// stepUp answers a no that another proof would turn into a yes.
func stepUp(d *Denial, err error) error {
	p := &Problem{Status: http.StatusUnauthorized, Code: codeNotFresh, Reason: codeNotFresh, MaxAge: d.MaxAge, Detail: "Confirm that it is you.", Err: errors.Join(ErrNotFresh, err)}
	if len(d.Methods) > 0 {
		p.Code, p.Reason, p.Factors, p.Detail = codeProofRequired, codeProofRequired, slices.Clone(d.Methods), "Prove in one more way that it is you."
	}
	return p
}
