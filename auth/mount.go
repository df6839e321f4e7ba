package auth

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// A route is a pattern of the common subset of net/http and chi.
type route struct {
	method, path string
	handler      http.Handler
}

// A recorder takes the routes of the core and of providers, without prefix.
type recorder struct {
	routes []route
	errs   []error
}

func (rec *recorder) Handle(pattern string, h http.Handler) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok || method == "" || strings.ToUpper(method) != method || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "*$ ") || strings.Contains(path, "...") {
		rec.errs = append(rec.errs, fmt.Errorf("auth: pattern %q: write a method, a space and a path of literals and {names}", pattern))
		return
	}
	for _, r := range rec.routes {
		if r.method == method && r.path == path {
			rec.errs = append(rec.errs, fmt.Errorf("auth: %q is mounted twice: leave one of the providers out", pattern))
			return
		}
	}
	rec.routes = append(rec.routes, route{method, path, h})
}

// collectRoutes asks everybody for their routes.
func (m *Manager) collectRoutes() error {
	rec := &recorder{}
	m.mountCore(rec)
	m.crossSite = map[string]bool{}
	for _, p := range m.opts.Providers {
		before := len(rec.routes)
		if err := p.Mount(m, rec); err != nil {
			rec.errs = append(rec.errs, fmt.Errorf("auth: provider %q: %w", p.Name(), err))
			continue
		}
		paths, errs := crossSitePaths(p, rec.routes[before:])
		rec.errs = append(rec.errs, errs...)
		for _, path := range paths {
			m.crossSite[m.prefix+path] = true
		}
	}
	m.routes = rec.routes
	for _, r := range m.routes {
		if r.method == http.MethodGet && m.opts.Pages != nil {
			m.pages[r.path] = true
		}
	}
	return errors.Join(rec.errs...)
}

// Mount adds Gatehouse's routes to the host's mux, which may be an
// [http.ServeMux] or a chi.Router, below [Options.Prefix]. Call it once, while
// the program is being wired; the mux may panic on patterns that conflict with
// the host's own.
func (m *Manager) Mount(mux Mux) {
	allowed := map[string][]string{}
	var paths []string
	for _, r := range m.routes {
		if allowed[r.path] == nil {
			paths = append(paths, r.path)
		}
		allowed[r.path] = append(allowed[r.path], r.method)
		if r.method == http.MethodGet {
			allowed[r.path] = append(allowed[r.path], http.MethodHead)
		}
	}
	// Any method first: chi lets what is registered later win.
	for _, path := range paths {
		mux.Handle(m.prefix+path, m.own(m.notAllowed(allowed[path])))
	}
	for _, r := range m.routes {
		h := m.own(r.handler)
		mux.Handle(r.method+" "+m.prefix+r.path, h)
		if r.method == http.MethodGet {
			mux.Handle(http.MethodHead+" "+m.prefix+r.path, h)
		}
	}
}

// own puts around every route of ours what holds for all of them.
func (m *Manager) own(next http.Handler) http.Handler { return ownRoute{m, next} }

// An ownRoute is one of ours, which guards itself.
type ownRoute struct {
	m    *Manager
	next http.Handler
}

func (o ownRoute) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m, h := o.m, w.Header()
	vary(h, varyCookie)
	noStore(h)
	h.Set("X-Content-Type-Options", "nosniff")
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			m.Refuse(w, r, &Problem{Status: http.StatusInternalServerError, Code: "internal",
				Detail: "Something went wrong here.", Err: fmt.Errorf("panic: %s\n%s", describePanic(p), debug.Stack())})
		}
	}()
	if m.stateFrom(r.Context()) == nil {
		if !m.anonymous(r) {
			m.Refuse(w, r, errNoHandler)
			return
		}
		// Handler took the path for the host's: a prefix was stripped since.
		r = r.WithContext(&state{m: m, r: r})
	}
	o.next.ServeHTTP(w, r)
}

// describePanic says what went wrong, but not a value that may hold a secret.
func describePanic(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", p)
}

func (m *Manager) notAllowed(methods []string) http.Handler {
	slices.Sort(methods)
	allow := strings.Join(slices.Compact(methods), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		m.Refuse(w, r, &Problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Detail: "This address does not take " + r.Method + "."})
	})
}
