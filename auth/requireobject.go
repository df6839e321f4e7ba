package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// RequireObject is [Manager.Require] for an action on the object that find finds for
// the request, which the handler gets by [ObjectFrom]. Find is asked before anything is
// decided, for nobody too. What is not there is answered first: find returns an error
// that wraps [ErrNotFound], and everybody is told 404, or a [*Problem] of its own, as for
// a request that makes no sense. Any other error is an outage, and so is a nil object.
//
// Where it is a secret what is there, take [Manager.RequireHidden].
func (m *Manager) RequireObject(action string, find func(r *http.Request) (any, error)) func(http.Handler) http.Handler {
	return m.requireObject(action, find, false)
}

// RequireHidden is [Manager.RequireObject] for objects of which only those learn whether
// they are there who may do the action, or might after another proof. Everybody else
// gets the same answer, there or not: 404, or 401 if nobody asks. A [*Problem] of
// find's with the status 404 or 410, or that wraps [ErrNotFound], says that as well; how
// long it takes, and that the authorizer is down, are not hidden.
func (m *Manager) RequireHidden(action string, find func(r *http.Request) (any, error)) func(http.Handler) http.Handler {
	return m.requireObject(action, find, true)
}

func (m *Manager) requireObject(action string, find func(r *http.Request) (any, error), hidden bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		// The guard hands on the request that it was given, without what was found.
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var object any
			m.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), objectKey{}, object)))
			}), func(r *http.Request, _ *Identity, err error) error {
				if err != nil && !errors.Is(err, ErrNoCredentials) {
					return err
				}
				found, missing := m.find(r, find, hidden)
				switch {
				case missing == nil:
					object = found
					allowed := m.Authorize(r.Context(), action, found)
					if hidden && errors.Is(allowed, ErrForbidden) && !errors.Is(allowed, ErrNotFresh) {
						return notThere(allowed)
					}
					return allowed
				case hidden && isMissing(missing) && err != nil:
					return fmt.Errorf("%w: %s", err, action) // as Authorize says it
				}
				return missing
			}).ServeHTTP(w, r)
		})
	}
}

// find finds an object. The error is a Problem for what is not there, or what the
// host says; or an outage.
func (m *Manager) find(r *http.Request, find func(r *http.Request) (any, error), hidden bool) (any, error) {
	object, err := find(r)
	var p *Problem
	switch {
	case err == nil && isNil(object):
		return nil, asOutage(errors.New("auth: RequireObject: neither an object nor an error was found"))
	case err == nil:
		return object, nil
	case isNil(err):
		return nil, asOutage(fmt.Errorf("auth: RequireObject: the error is a nil %T", err))
	case errors.As(err, &p) && !(hidden && isMissing(p)):
		return nil, p
	case p != nil, errors.Is(err, ErrNotFound):
		return nil, notThere(err)
	}
	return nil, asOutage(err)
}

func notThere(err error) *Problem {
	return &Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing here.", Err: err}
}

// isMissing reports whether err is a Problem of something that is not there.
func isMissing(err error) bool {
	var p *Problem
	return errors.As(err, &p) && (p.Status == http.StatusNotFound || p.Status == http.StatusGone || errors.Is(p, ErrNotFound))
}

type objectKey struct{}

// ObjectFrom returns the object that the nearest [Manager.RequireObject] or
// [Manager.RequireHidden] has found and allowed. It is false behind no such guard, or
// if the object is not a T.
func ObjectFrom[T any](ctx context.Context) (T, bool) {
	o, ok := ctx.Value(objectKey{}).(T)
	return o, ok
}
