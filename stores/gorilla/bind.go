package gorillastore

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/sessions"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A Binding makes sessions follow the logins of Gatehouse: see [Store.Bind].
type Binding struct {
	store   *Store
	names   []string
	cookies []string // theirs
}

// Bind returns what makes the sessions of these names follow the logins of a
// Manager, within the very request:
//
//   - A login, also that of a remembered browser, renews the session, with its
//     values, and makes it the user's. One that is another user's is deleted.
//   - A log-out deletes it, or what [Options.AtLogOut] does not leave.
//   - Ending all sessions of a user ([auth.Manager.RevokeUserSessions]) deletes all
//     that are the user's; ending all others, all but the browser's own.
//
// It has to be in two places:
//
//	binding := store.Bind("cart", "flash")
//	m, err := auth.New(users, db, &auth.Options{
//		Events: []func(context.Context, auth.Event){binding.Event},
//	})
//	http.ListenAndServe(addr, binding.Handler(m.Handler(mux)))
//
// What fails is logged, since a log-in or log-out has happened by then: a session
// that could not be deleted has still lost its cookie, one that could not be renewed
// is renewed by the next Save if there is [Options.User].
//
// User IDs are compared as they are: a Manager of another auth.Options.Realm needs a
// store of its own, in another table or under another prefix.
//
// With [Options.User] alone the same holds later: a session is renewed when it is
// first saved after the login, and is not shown any more after a log-out, wherever
// that was made. The two go well together.
func (s *Store) Bind(names ...string) *Binding {
	b := &Binding{store: s, names: append([]string(nil), names...)}
	for _, name := range names {
		b.cookies = append(b.cookies, s.cookieName(name))
	}
	return b
}

// A visit is a request with its response, for those who are only given its context.
type visit struct {
	w http.ResponseWriter
	r *http.Request
}

type visitKey struct{}

// Handler goes around [auth.Manager.Handler]. It hands on as it came a GET or HEAD
// that has none of the cookies.
func (b *Binding) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (r.Method == http.MethodGet || r.Method == http.MethodHead) && !b.concerns(r) {
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, &visit{w, r})))
	})
}

func (b *Binding) concerns(r *http.Request) bool {
	for _, name := range b.cookies {
		if len(r.CookiesNamed(name)) > 0 {
			return true
		}
	}
	return false
}

// Event goes into [auth.Options.Events].
func (b *Binding) Event(ctx context.Context, e auth.Event) {
	switch e.Name {
	case "login", "remembered":
		b.each(ctx, "renewing a session at a login", func(r *http.Request, w http.ResponseWriter, session *sessions.Session, st *state) error {
			return b.store.logIn(r, w, session, st, e.UserID)
		})
	case "logout":
		b.each(ctx, "ending a session at a log-out", b.store.logOut)
	case "sessions.revoked":
		if e.Reason == "all" || e.Reason == "all others" { // and not the name of one device
			b.revoke(ctx, e)
		}
	}
}

// each calls f for every session that the browser has.
func (b *Binding) each(ctx context.Context, doing string, f func(*http.Request, http.ResponseWriter, *sessions.Session, *state) error) {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		return
	}
	outliving, cancel := outlive(ctx)
	defer cancel()
	r := v.r.WithContext(outliving) // in which is what the handler's request has, who is asking among it
	for _, name := range b.names {
		if _, ok := b.store.sent(r, name); !ok {
			continue
		}
		session, err := b.store.Get(r, name)
		st, notOurs := b.store.states.of(session)
		if notOurs == nil {
			err = f(r, v.w, session, st) // even if it could not be loaded
		}
		if err != nil && !errors.Is(err, ErrGone) {
			b.store.broken(ctx, doing, err)
		}
	}
}

// logIn makes the session the user's, without storing what the host has changed in it
// and not saved yet.
func (s *Store) logIn(r *http.Request, w http.ResponseWriter, session *sessions.Session, st *state, userID string) error {
	if err := checkUser(userID); err != nil {
		return err
	}
	if owner := st.hidden; owner != nil && owner.UserID != userID || st.rec != nil && st.rec.UserID != "" && st.rec.UserID != userID {
		return s.end(r, w, session, st)
	}
	if st.err != nil {
		return st.err
	}
	if st.rec == nil {
		return nil
	}
	return s.write(r, w, session, st, change{}, userID, true)
}

func (s *Store) logOut(r *http.Request, w http.ResponseWriter, session *sessions.Session, st *state) error {
	rec := st.rec
	if rec == nil {
		rec = st.hidden // nobody is asking any more
	}
	if s.opts.AtLogOut == nil || rec == nil {
		return s.end(r, w, session, st)
	}
	values, err := s.decode(session.Name(), rec.Data)
	if err == nil {
		s.opts.AtLogOut(values)
	}
	if err != nil || len(values) == 0 {
		return errors.Join(err, s.end(r, w, session, st))
	}
	// What is left goes into another record: what was saved to the old one meanwhile
	// goes with it.
	if err := s.end(r, w, session, st); err != nil {
		return err
	}
	session.Values = values
	return s.begin(r, w, session, st, "")
}

// revoke deletes the sessions of a user but for the browser's own, if that stays
// logged in.
func (b *Binding) revoke(ctx context.Context, e auth.Event) {
	var except []ID
	if v, ok := ctx.Value(visitKey{}).(*visit); ok && e.Reason == "all others" {
		r := v.r.WithContext(ctx)
		for _, name := range b.names {
			if tok, ok := b.store.sent(r, name); ok {
				except = append(except, tok.id)
			}
		}
	}
	outliving, cancel := outlive(ctx)
	defer cancel()
	if err := b.store.backend.DeleteUser(outliving, e.UserID, except...); err != nil {
		b.store.broken(ctx, "deleting the sessions of a user", fmt.Errorf("user %q: %w", e.UserID, err))
	}
}
