package auth

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// TemplateFuncs returns functions for html/template or text/template, about who makes
// r. Nothing is looked up before a template calls one of them, and then once.
//
//	user             the host's user; for nobody what Options.Nobody says, or nil
//	loggedIn         whether there is a user
//	fresh "10m"      whether they proved who they are in the last 10 minutes
//	remembered       whether the browser is remembered
//	hasScope "read"  whether there is a user, whose credential is good for that
//	can "edit" .Post whether the authorizer allows it; the object may be left out
//	loginURL         where to log in, and to come back from to r; "" if nowhere
//	logoutURL        where to send the form, a POST, that logs out
//
// What cannot be found out is not nobody, and not a no: the function fails, and with it
// the execution, with the error of [Manager.IdentityFrom] or [Manager.Authorize]; a
// host that executes into a buffer gives it to [Manager.Refuse]. A no of can is no
// event, unless [Options.AuditDecisions] makes every decision one; a no for want of
// another proof is a no. A page that looks different to users belongs behind
// [Manager.WithUser], which tells caches so.
//
// A template must know the functions when it is parsed: TemplateFuncs(nil) has them,
// for nobody. For a request they are given, by Funcs, to a copy that nobody else
// executes at the same time: a Clone, or better one out of a [sync.Pool], since
// html/template escapes each copy when it is first executed. The map is the caller's,
// who may rename and leave out.
func (m *Manager) TemplateFuncs(r *http.Request) map[string]any {
	if r == nil {
		r = new(http.Request)
	}
	v := view{m, r}
	return map[string]any{
		"user":       v.user,
		"loggedIn":   v.loggedIn,
		"fresh":      v.fresh,
		"remembered": v.remembered,
		"hasScope":   v.hasScope,
		"can":        v.can,
		"loginURL":   v.loginURL,
		"logoutURL":  v.logoutURL,
	}
}

// A view is what templates see of a request.
type view struct {
	m *Manager
	r *http.Request
}

// identity returns who is asking, nil for nobody.
func (v view) identity() (*Identity, error) {
	id, err := v.m.IdentityFrom(v.r.Context())
	if errors.Is(err, ErrNoCredentials) {
		return nil, nil
	}
	return id, err
}

func (v view) user() (any, error) {
	id, err := v.identity()
	if err != nil {
		return nil, err
	}
	if id == nil {
		return v.m.stateFrom(v.r.Context()).nobody(ErrNoCredentials), nil
	}
	return id.User, nil
}

func (v view) loggedIn() (bool, error) {
	id, err := v.identity()
	return id != nil, err
}

func (v view) fresh(within string) (bool, error) {
	d, err := time.ParseDuration(within)
	if err != nil {
		return false, fmt.Errorf("auth: fresh: %w", err)
	}
	id, err := v.identity()
	return err == nil && id.Fresh(v.m.now(), d), err
}

func (v view) remembered() (bool, error) {
	id, err := v.identity()
	return id != nil && id.Remembered(), err
}

func (v view) hasScope(scope string) (bool, error) {
	id, err := v.identity()
	return id != nil && id.HasScope(scope), err
}

func (v view) can(action string, object ...any) (bool, error) {
	a := Access{Action: action}
	switch len(object) {
	case 0:
	case 1:
		a.Object = object[0]
	default:
		return false, fmt.Errorf("auth: can %q: one object at most", action)
	}
	id, err := v.identity()
	if err != nil {
		return false, err
	}
	a.Identity = id
	err = v.m.decide(v.r.Context(), a, nil, false)
	if errors.Is(err, ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

func (v view) loginURL() string {
	if v.r.URL == nil { // no request, which the host's functions cannot look at
		return v.m.URL("/login")
	}
	return v.m.loginURL(v.r)
}

func (v view) logoutURL() string { return v.m.prefix + "/logout" }
