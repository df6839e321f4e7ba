package gorillastore

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/sessions"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Save stores what the request has changed in the session's values, and sets the
// cookie if the browser does not have it yet or its MaxAge is to begin anew. Call it
// before the response is written.
//
// With a negative session.Options.MaxAge the session is deleted instead: the record,
// the cookie, and session.Values, so that nothing of it is in what the same session
// may be given and saved as afterwards.
//
// A new session without values is not stored. What other requests have changed
// meanwhile is kept, and is in session.Values afterwards: see [Options.Merge] for a
// key that both have changed.
//
// The error wraps [ErrGone], [ErrTooLarge], [ErrHeaderSent] or [ErrNotLoaded],
// [auth.ErrConflict] if Options.Merge says so or others are always faster, or it is
// that of Get or an outage. Nothing has been stored then, and no cookie been set,
// except that a session that was to be deleted always loses its cookie.
// [sessions.Save], which saves all sessions of a request, returns errors that wrap
// nothing.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	st, err := s.states.of(session)
	if err != nil {
		return err
	}
	if maxAge(s, session) < 0 {
		return s.end(r, w, session, st)
	}
	return s.change(r, w, session, st, false)
}

// Delete deletes the session, as a Save with a negative Options.MaxAge does, and
// leaves that as it is. A session that is not stored is not an error.
func (s *Store) Delete(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	st, err := s.states.of(session)
	if err != nil {
		return err
	}
	return s.end(r, w, session, st)
}

// Renew is [Store.Save], and gives the browser another token for the session: the old
// one is dead when Renew returns, the values stay. Its Lifetime begins anew. It is for
// whenever somebody becomes more than they were, above all for a login; [Store.Bind]
// and [Options.User] do it by themselves. Of any number of Renews in parallel one
// succeeds, the others return [ErrGone].
//
// For a minute, a request that comes with the old token has a new session that cannot
// be saved ([ErrGone]): it was perhaps under way, and would take the new cookie away.
func (s *Store) Renew(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	st, err := s.states.of(session)
	if err != nil {
		return err
	}
	return s.change(r, w, session, st, true)
}

// DeleteUser deletes the sessions of the user: those that [Options.User] or
// [Store.Bind] has made theirs. Call it when they are to be logged out everywhere.
func (s *Store) DeleteUser(ctx context.Context, userID string) error {
	if userID == "" {
		return nil
	}
	if err := s.backend.DeleteUser(ctx, userID); err != nil {
		return fmt.Errorf("gorillastore: deleting the sessions of a user: %w", err)
	}
	return nil
}

func maxAge(s *Store, session *sessions.Session) int {
	if session.Options == nil {
		return s.opts.MaxAge
	}
	return session.Options.MaxAge
}

// change stores the session's values.
func (s *Store) change(r *http.Request, w http.ResponseWriter, session *sessions.Session, st *state, renew bool) error {
	if st.err != nil {
		if len(session.Values) == 0 && errors.Is(st.err, ErrGone) {
			return nil // there is nothing to be lost
		}
		return st.err
	}
	user, err := s.userOf(r.Context(), st)
	if err != nil {
		return err
	}
	if st.rec == nil {
		return s.begin(r, w, session, st, user)
	}
	// Once the record is somebody's, whoever had the cookie before must not have it.
	renew = renew || st.rec.UserID != user
	c, err := s.changeOf(session, st)
	if err != nil {
		return err
	}
	if len(c.edits) == 0 && !renew {
		return s.unchanged(r, w, session, st)
	}
	return s.write(r, w, session, st, c, user, renew)
}

// userOf returns whose the session is to be. A user's never becomes another's, or
// nobody's.
func (s *Store) userOf(ctx context.Context, st *state) (string, error) {
	was := ""
	if st.rec != nil {
		was = st.rec.UserID
	}
	if s.opts.User == nil {
		return was, nil
	}
	user, err := s.opts.User(ctx)
	if err != nil {
		return "", fmt.Errorf("gorillastore: asking whose session this is: %w", err)
	}
	if was != "" && was != user {
		return "", fmt.Errorf("%w: its user is not the one who is asking now", ErrGone)
	}
	return user, checkUser(user)
}

func checkUser(id string) error {
	if len(id) > 255 {
		return fmt.Errorf("%w: user ID longer than 255 bytes", auth.ErrInvalid)
	}
	return nil
}

// begin stores a new session.
func (s *Store) begin(r *http.Request, w http.ResponseWriter, session *sessions.Session, st *state, user string) error {
	if len(session.Values) == 0 {
		return nil
	}
	if err := s.mayHoldCookies(r, w); err != nil {
		return err
	}
	data, err := s.encode(session.Name(), session.Values)
	if err != nil {
		return err
	}
	tok, now := newToken(), s.now()
	rec := &Record{
		ID: tok.id, Digest: tok.digest(session.Name()), UserID: user, Data: data, Version: 1,
		EndsAt: now.Add(s.opts.Lifetime),
	}
	s.use(rec, now)
	if err := s.backend.Create(r.Context(), rec); err != nil {
		return fmt.Errorf("gorillastore: storing session %q: %w", session.Name(), err)
	}
	*st = state{token: tok, rec: rec, seen: true, saved: true}
	session.ID = rec.ID.String()
	s.setCookie(w, session.Name(), tok.String(), maxAge(s, session))
	return nil
}

// unchanged sets the cookie again if it is to last longer, or as long as the host has
// just said.
func (s *Store) unchanged(r *http.Request, w http.ResponseWriter, session *sessions.Session, st *state) error {
	age := maxAge(s, session)
	asked := age != s.opts.MaxAge
	if !asked && (age == 0 || !st.seen) {
		return nil
	}
	if err := s.mayHoldCookies(r, w); err != nil {
		if asked {
			return err
		}
		return nil // it lasts as long as it did
	}
	s.setCookie(w, session.Name(), st.token.String(), age)
	return nil
}

// A change is what a request has made of a session.
type change struct {
	edits map[any]edit
	data  []byte // all values, encoded; nil if there are no edits
}

// changeOf returns what the request has changed. Values may have been changed in
// place, so they are compared with those that are decoded once more.
func (s *Store) changeOf(session *sessions.Session, st *state) (change, error) {
	base, err := s.decode(session.Name(), st.rec.Data)
	if err != nil {
		return change{}, err
	}
	edits := diff(base, session.Values)
	if len(edits) == 0 {
		return change{}, nil
	}
	values := session.Values
	if values == nil {
		values = map[any]any{}
	}
	data, err := s.encode(session.Name(), values)
	if err == nil && st.saved {
		// They have not been decoded since, which makes an empty slice nil and takes the
		// monotonic clock off a time: no changes either.
		var ours map[any]any
		if ours, err = s.decode(session.Name(), data); err == nil {
			edits = diff(base, ours)
		}
	}
	if err != nil || len(edits) == 0 {
		return change{}, err
	}
	return change{edits, data}, nil
}

// maxTries is how often a record may have changed while a request was about to
// change it. One of those who change it always succeeds.
const maxTries = 200

// write applies the change to the newest record.
func (s *Store) write(r *http.Request, w http.ResponseWriter, session *sessions.Session, st *state, c change, user string, renew bool) error {
	ctx, name := r.Context(), session.Name()
	age := maxAge(s, session)
	tok, cookie := st.token, age != 0 || s.opts.MaxAge != 0
	if cookie || renew {
		err := s.mayHoldCookies(r, w)
		if renew && err != nil {
			return err
		}
		cookie = err == nil
	}
	if renew {
		tok = tok.renewed()
	}
	rec := st.rec
	for range maxTries {
		next, theirs, err := s.changed(name, st.rec, rec, c)
		if err != nil {
			return err
		}
		now := s.now()
		next.UserID = user
		if renew {
			next.Digest, next.RenewedAt, next.EndsAt = tok.digest(name), now, now.Add(s.opts.Lifetime)
		}
		s.use(next, now)
		err = s.backend.Update(ctx, next)
		if err != nil && renew && !errors.Is(err, auth.ErrNotFound) {
			err = s.afterAll(ctx, next, err)
		}
		switch {
		case err == nil:
			next.Version++
			take(session, theirs)
			*st = state{token: tok, rec: next, seen: true, saved: st.saved || len(c.edits) > 0}
			if cookie {
				s.setCookie(w, name, tok.String(), age)
			}
			return nil
		case errors.Is(err, auth.ErrNotFound):
			return fmt.Errorf("%w: %q was deleted", ErrGone, name)
		case !errors.Is(err, auth.ErrConflict):
			return fmt.Errorf("gorillastore: storing session %q: %w", name, err)
		}
		rec, err = s.backend.Load(ctx, st.rec.ID)
		switch {
		case errors.Is(err, auth.ErrNotFound):
			return fmt.Errorf("%w: %q was deleted", ErrGone, name)
		case err != nil:
			return fmt.Errorf("gorillastore: loading session %q: %w", name, err)
		case rec.Digest != st.rec.Digest || rec.UserID != st.rec.UserID:
			return fmt.Errorf("%w: %q was renewed", ErrGone, name)
		}
	}
	return fmt.Errorf("gorillastore: storing session %q: %w, %d times in a row", name, auth.ErrConflict, maxTries)
}

// changed returns a copy of rec with the change in it that was made to base; and, if
// others have changed it as well, what that makes different from what the session has.
func (s *Store) changed(name string, base, rec *Record, c change) (*Record, map[any]edit, error) {
	next := *rec
	if rec == base {
		if c.data != nil {
			next.Data = c.data
		}
		return &next, nil, nil
	}
	before, err := s.decode(name, base.Data)
	if err != nil {
		return nil, nil, err
	}
	values, err := s.decode(name, rec.Data)
	if err != nil {
		return nil, nil, err
	}
	theirs := diff(before, values)
	if values, err = s.merge(before, values, c.edits); err != nil {
		return nil, nil, fmt.Errorf("gorillastore: merging session %q: %w", name, err)
	}
	for k := range theirs {
		theirs[k] = edit{values[k]}
	}
	next.Data, err = s.encode(name, values)
	return &next, theirs, err
}

// afterAll finds out whether a renewal that failed did not: its answer was lost, or
// the client of the database tried twice. Nobody would have the token.
func (s *Store) afterAll(ctx context.Context, next *Record, failed error) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	if rec, err := s.backend.Load(ctx, next.ID); err == nil && rec.Digest == next.Digest {
		return nil
	}
	return failed
}

// take gives the session what others have changed. What they have not stays as the
// host has it, saved or not.
func take(session *sessions.Session, theirs map[any]edit) {
	if session.Values == nil && len(theirs) > 0 {
		session.Values = make(map[any]any)
	}
	for k, e := range theirs {
		if e.value == nil {
			delete(session.Values, k)
		} else {
			session.Values[k] = e.value
		}
	}
}

// end deletes the session, even if the client has gone meanwhile.
func (s *Store) end(r *http.Request, w http.ResponseWriter, session *sessions.Session, st *state) error {
	ctx, cancel := outlive(r.Context())
	defer cancel()
	err := s.delete(ctx, session.Name(), st)
	if err != nil {
		err = fmt.Errorf("gorillastore: deleting session %q: %w", session.Name(), err)
	}
	if written(w) {
		err = errors.Join(err, ErrHeaderSent)
	}
	s.setCookie(w, session.Name(), "", -1)
	clear(session.Values)
	session.ID, session.IsNew = "", true
	*st = state{}
	return err
}

// delete deletes the record that the session's token opens.
func (s *Store) delete(ctx context.Context, name string, st *state) error {
	rec := st.rec
	if rec == nil {
		rec = st.hidden
	}
	if rec == nil && st.token != (token{}) { // it could not be loaded
		found, err := s.backend.Load(ctx, st.token.id)
		if errors.Is(err, auth.ErrNotFound) || err == nil && !st.token.opens(name, found) {
			return nil
		} else if err != nil {
			return err
		}
		rec = found
	}
	if rec == nil {
		return nil
	}
	if err := s.backend.Delete(ctx, rec.ID); !errors.Is(err, auth.ErrNotFound) {
		return err
	}
	return nil
}
