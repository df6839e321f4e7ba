package gorillastore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/gorilla/sessions"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Options are what is optional for [New]. The zero value of every field means the
// default in its comment.
type Options struct {
	// IdleTimeout ends a session that nobody uses. Default 7 days.
	IdleTimeout time.Duration
	// Lifetime ends a session in any case, counted from when it began or was last
	// renewed. Default 30 days.
	Lifetime time.Duration
	// MaxSize is how many bytes the encoded values of a session may take. Default
	// 64 KiB, at most 16 MiB.
	MaxSize int
	// Codec encodes values. Default [Gob].
	Codec Codec

	// MaxAge is what sessions begin with as Options.MaxAge: for how many seconds the
	// browser keeps the cookie, if it is used or not. 0, the default, is until the
	// browser ends. It does not move the ends above. A session that is saved with a
	// negative MaxAge is deleted.
	MaxAge int
	// Path of cookies. Default "/".
	Path string
	// Domain of cookies. Default none, which is this host alone. With one, or with
	// another Path, names of cookies begin with "__Secure-" in place of "__Host-".
	Domain string
	// SameSite of cookies. Default Lax.
	SameSite http.SameSite
	// Partitioned makes cookies partitioned (CHIPS). Default false.
	Partitioned bool
	// InsecureCookies leaves out Secure and the prefix of names, for plain HTTP
	// during development. A session is then refused to clients that do not come over
	// the loopback interface.
	InsecureCookies bool

	// User says who is asking: their ID, or "" for nobody; an error is an outage. With
	// it a session becomes its user's with the first Save after the login, and is
	// renewed by that, and is from then on shown to that user only: to everybody else,
	// and to nobody after a log-out, the browser has a new session. See [UserID].
	// Default nil: whoever has the cookie has the session.
	User func(ctx context.Context) (string, error)
	// AtLogOut is given the values of a session of [Store.Bind] at a log-out, to
	// delete from them what is the user's; what it leaves is kept in the browser, as
	// nobody's. Default nil: the session is deleted.
	AtLogOut func(values map[any]any)

	// Merge decides what becomes of a key that a request has changed while another
	// one changed the same. Base is the value that the request was given, theirs the
	// one that is stored by now, ours the request's own; nil stands for none, and is
	// returned for none. Base must not be changed. An error is that of Save, and
	// nothing is written: return auth.ErrConflict to let the second fail. It may be
	// asked several times. Default [MergeFlashes].
	Merge func(key, base, theirs, ours any) (any, error)

	// Logger gets what fails where no error can be returned. Default [slog.Default].
	Logger *slog.Logger
	// Now is the clock. Default [time.Now].
	Now func() time.Time
}

// A Store is a [sessions.Store]. Its methods are safe for concurrent use; a session
// is for one goroutine at a time.
type Store struct {
	backend    Backend
	opts       Options
	prefix     string // of the names of cookies
	touchEvery time.Duration
	states     states
}

var (
	_ sessions.Store = (*Store)(nil)
	_ auth.Sweeper   = (*Store)(nil)
)

// New returns a store. Everything that is wrong or missing is reported at once, in
// one error. It does no I/O and starts nothing; opts may be nil and is not kept.
func New(backend Backend, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 7*24*time.Hour)
	o.Lifetime = cmp.Or(o.Lifetime, 30*24*time.Hour)
	o.MaxSize = cmp.Or(o.MaxSize, 64<<10)
	o.Path = cmp.Or(o.Path, "/")
	o.SameSite = cmp.Or(o.SameSite, http.SameSiteLaxMode)
	if o.Codec == nil {
		o.Codec = Gob{}
	}
	if o.Merge == nil {
		o.Merge = MergeFlashes
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	errs := []error{o.check()}
	if isNil(backend) {
		errs = append(errs, errors.New("gorillastore: New needs a Backend: give it NewBun(db, nil), NewRedis(client, nil) or NewMemory()"))
	} else if v, ok := backend.(interface{ Validate() error }); ok {
		errs = append(errs, v.Validate())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Store{backend: backend, opts: o, prefix: prefixFor(&o), touchEvery: min(time.Minute, o.IdleTimeout/10)}, nil
}

const maxMaxSize = 1<<24 - 1 // a MEDIUMBLOB of MySQL

// check returns everything that is wrong with o.
func (o *Options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("gorillastore: "+format, args...)) }
	if o.IdleTimeout < time.Second {
		bad("Options.IdleTimeout is %v: make it a second or more", o.IdleTimeout)
	}
	if o.Lifetime < o.IdleTimeout {
		bad("Options.Lifetime (%v) is shorter than Options.IdleTimeout (%v)", o.Lifetime, o.IdleTimeout)
	}
	if o.MaxSize < 1 || o.MaxSize > maxMaxSize {
		bad("Options.MaxSize is %d: make it 1 to %d", o.MaxSize, maxMaxSize)
	}
	if o.MaxAge < 0 {
		bad("Options.MaxAge is %d, which would delete every session: make it 0 for cookies that end with the browser, or seconds", o.MaxAge)
	}
	probe := http.Cookie{Name: "x", Value: "x", Path: o.Path, Domain: o.Domain}
	if err := probe.Valid(); err != nil || o.Path[0] != '/' {
		bad("Options.Path is %q and Domain %q: a cookie cannot have them", o.Path, o.Domain)
	}
	if o.SameSite < http.SameSiteLaxMode || o.SameSite > http.SameSiteNoneMode {
		bad("Options.SameSite is %d: make it http.SameSiteLaxMode, StrictMode or NoneMode", o.SameSite)
	}
	if o.InsecureCookies && (o.SameSite == http.SameSiteNoneMode || o.Partitioned) {
		bad("Options.InsecureCookies does not go with SameSite None or Partitioned, which browsers take over HTTPS only")
	}
	return errors.Join(errs...)
}

// isNil reports whether b is nil or holds a nil pointer.
func isNil(b Backend) bool {
	if b == nil {
		return true
	}
	v := reflect.ValueOf(b)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// UserID turns what [auth.Manager.IdentityFrom] returned into what [Options.User]
// returns: nobody, and a wrong credential, have no ID; an outage is one.
//
//	User: func(ctx context.Context) (string, error) { return gorillastore.UserID(m.IdentityFrom(ctx)) },
func UserID(id *auth.Identity, err error) (string, error) {
	switch {
	case err == nil:
		return id.UserID, nil
	case errors.Is(err, auth.ErrNoCredentials), errors.Is(err, auth.ErrBadCredentials):
		return "", nil
	}
	return "", err
}

// Get returns the session of that name, the same one for the same request. It is
// never nil. See the package's promises for what is an error.
//
// What finds the same session is in the context of r, which the first Get puts there:
// a request that was cloned before that, as by [http.Request.WithContext], has
// sessions of its own. Two of them of the same record may both be saved, see
// [Store.Save].
func (s *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	if s.checkName(name) != nil { // the registry would return nil
		return s.New(r, name)
	}
	session, err := sessions.GetRegistry(r).Get(s, name)
	if _, notOurs := s.states.of(session); notOurs != nil {
		session, _ = s.blank(name)
		return session, fmt.Errorf("%w: another store has one named %q in this request", ErrNotLoaded, name)
	}
	return session, err
}

// New is Get without remembering: each call returns a session of its own.
func (s *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	session, st := s.blank(name)
	if err := s.checkName(name); err != nil {
		st.err = err
		return session, err
	}
	tok, ok := s.sent(r, name)
	if !ok {
		return session, nil
	}
	if err := s.load(r.Context(), session, st, tok); err != nil {
		st.err = err
		session.IsNew = false // nobody can say
		return session, err
	}
	return session, nil
}

// blank returns a new session.
func (s *Store) blank(name string) (*sessions.Session, *state) {
	session, st := sessions.NewSession(s, name), new(state)
	session.Options, session.IsNew = s.gorillaOptions(), true
	s.states.add(session, st)
	return session, st
}

// load fills the session with what is stored, if the token opens it and it is to be
// shown.
func (s *Store) load(ctx context.Context, session *sessions.Session, st *state, tok token) error {
	rec, err := s.backend.Load(ctx, tok.id)
	if errors.Is(err, auth.ErrNotFound) {
		return nil
	}
	st.token = tok
	if err != nil {
		return fmt.Errorf("gorillastore: loading session %q: %w", session.Name(), err)
	}
	now := s.now()
	if !now.Before(rec.ExpiresAt) {
		return nil
	}
	if !tok.opens(session.Name(), rec) {
		if now.Before(rec.RenewedAt.Add(renewOverlap)) {
			// Perhaps a request that was under way when the cookie was renewed. It must not
			// set another one over it.
			st.err = fmt.Errorf("%w: %q was renewed", ErrGone, session.Name())
		}
		return nil
	}
	if rec.UserID != "" && s.opts.User != nil {
		user, err := s.opts.User(ctx)
		if err != nil {
			return fmt.Errorf("gorillastore: asking whose session %q is: %w", session.Name(), err)
		}
		if user != rec.UserID {
			st.hidden = rec
			return nil
		}
	}
	if now.Sub(rec.SeenAt) >= s.touchEvery {
		if rec, st.seen = s.touch(ctx, rec, now); rec == nil {
			return nil
		}
	}
	st.rec = rec
	session.ID = rec.ID.String()
	values, err := s.decode(session.Name(), rec.Data)
	if err != nil {
		return err
	}
	session.Values, session.IsNew = values, false
	return nil
}

// renewOverlap is for how long a request with a token that has been renewed does not
// get another one.
const renewOverlap = time.Minute

// touch notes that a record is used, and returns it as it is then: nil if it is gone.
// A change that comes in between has noted it as well; one that fails is no reason to
// fail.
func (s *Store) touch(ctx context.Context, rec *Record, now time.Time) (*Record, bool) {
	next := *rec
	s.use(&next, now)
	switch err := s.backend.Update(ctx, &next); {
	case err == nil:
		next.Version++
		return &next, true
	case errors.Is(err, auth.ErrNotFound):
		return nil, false
	case !errors.Is(err, auth.ErrConflict):
		s.broken(ctx, "noting that a session is used", err)
	}
	return rec, false
}

// use sets the times of a record that is used now.
func (s *Store) use(rec *Record, now time.Time) {
	rec.SeenAt, rec.ExpiresAt = now, now.Add(s.opts.IdleTimeout)
	if rec.EndsAt.Before(rec.ExpiresAt) {
		rec.ExpiresAt = rec.EndsAt
	}
}

// now returns the time, as precise as backends keep it.
func (s *Store) now() time.Time { return s.opts.Now().UTC().Truncate(time.Millisecond) }

func (s *Store) broken(ctx context.Context, doing string, err error) {
	s.opts.Logger.LogAttrs(ctx, slog.LevelError, "gorillastore: "+doing+" failed", slog.Any("error", err))
}

// outlive returns a context for what must be done although the client has gone.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}
