package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// RequireObject is [Manager.Require] for an action on the object that find finds for
// the request, which the handler gets by [ObjectFrom]. What is not there is answered
// first: find returns an error that wraps [ErrNotFound], and everybody is told 404. It
// may return a [*Problem] for a request that makes no sense; any other error is an
// outage, and so is a nil object.
//
// Where it is a secret what is there, take [Manager.RequireHidden].
func (m *Manager) RequireObject(action string, find func(r *http.Request) (any, error)) func(http.Handler) http.Handler {
	return m.requireObject(action, find, false)
}

// RequireHidden is [Manager.RequireObject] for objects of which nobody is to learn
// whether they are there: to whoever may not do the action they are not there, and
// are answered with 404, or with 401 to nobody, there or not.
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
				found, missing := m.find(r, find)
				switch {
				case missing == nil:
					object = found
					allowed := m.Authorize(r.Context(), action, found)
					if hidden && errors.Is(allowed, ErrForbidden) && !errors.Is(allowed, ErrNotFresh) {
						return notThere(allowed)
					}
					return allowed
				case errors.Is(missing, ErrNotFound) && hidden && err != nil:
					return fmt.Errorf("%w: %s", err, action) // as Authorize says it
				}
				return missing
			}).ServeHTTP(w, r)
		})
	}
}

// find finds an object. The error is a Problem for what is not there, or what the
// host says; or an outage.
func (m *Manager) find(r *http.Request, find func(r *http.Request) (any, error)) (any, error) {
	object, err := find(r)
	var p *Problem
	switch {
	case err == nil && isNil(object):
		return nil, asOutage(errors.New("auth: RequireObject: neither an object nor an error was found"))
	case err == nil, errors.As(err, &p):
		return object, err
	case errors.Is(err, ErrNotFound):
		return nil, notThere(err)
	}
	return nil, asOutage(err)
}

func notThere(err error) *Problem {
	return &Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing here.", Err: err}
}

type objectKey struct{}

// ObjectFrom returns the object that the nearest [Manager.RequireObject] or
// [Manager.RequireHidden] has found and allowed. It is false behind no such guard, or
// if the object is not a T.
func ObjectFrom[T any](ctx context.Context) (T, bool) {
	o, ok := ctx.Value(objectKey{}).(T)
	return o, ok
}
