package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/identifier"
	"github.com/gatehouse-go/gatehouse/providers/password"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// database opens the database. It is created only by the one command that
// makes a schema: a name with a typing mistake is not to become a new file.
func (a *app) database(create bool) (*bunstore.Store, error) {
	dsn := a.flags.DB
	if dsn == "" {
		return nil, usage("give --db file:app.db, or set GATEHOUSE_DB", "which database?")
	}
	switch scheme, _, _ := strings.Cut(dsn, ":"); scheme {
	case "file", "postgres", "postgresql", "mysql", "mariadb":
	default:
		return nil, usage("give file:app.db, postgres://user:password@host/database or mysql://…", "the name of the database does not say what it is")
	}
	if !create {
		dsn = existing(dsn)
	}
	db, err := await(a.ctx, func() (*bun.DB, error) { return open.DB(dsn) })
	if err != nil {
		return nil, fmt.Errorf("the database %s: %w", shown(a.flags.DB), err)
	}
	s, err := bunstore.New(db, &bunstore.Options{
		Prefix:  a.flags.Prefix,
		NoUsers: a.flags.NoUsers,
		// Each statement is used once or twice, perhaps through a pooler.
		NoPrepare: true,
		CloseDB:   true,
	})
	if err != nil {
		_ = db.Close()
		return nil, usage("", "%v", err)
	}
	return s, nil
}

// existing adds to the name of a file that it must be there.
func existing(dsn string) string {
	path, query, _ := strings.Cut(dsn, "?")
	if !strings.HasPrefix(path, "file:") || path == "file::memory:" || strings.Contains("&"+query, "&mode=") {
		return dsn
	}
	if query == "" {
		return path + "?mode=rw"
	}
	return dsn + "&mode=rw"
}

// sessionStore opens where the sessions are, if that is elsewhere.
func (a *app) sessionStore() (*redisstore.Store, error) {
	s, err := redisstore.Open(a.flags.Sessions, &redisstore.Options{Prefix: a.flags.SessionsPrefix})
	if err != nil {
		return nil, usage("", "%v", err) // it has only looked at what it was given
	}
	return s, nil
}

// A place is where something is kept.
type place struct {
	name string // "database" or "sessions"
	open func() (kept, error)
}

type kept interface{ Close() error }

// places returns those that the flags name. Nothing is opened.
func (a *app) places() (all []place) {
	if a.flags.DB != "" {
		all = append(all, place{"database", func() (kept, error) { return a.database(false) }})
	}
	if a.flags.Sessions != "" {
		all = append(all, place{"sessions", func() (kept, error) { return a.sessionStore() }})
	}
	return all
}

// A site is what the host would compose of the same stores: what is done
// through it has the consequences that it has there.
type site struct {
	*auth.Manager
	db        *bunstore.Store
	redis     *redisstore.Store // nil: the sessions are in db
	prefix    string            // of its tables
	ownUsers  bool              // the users are in a table of the host's
	passwords *password.Provider
}

// site opens the stores. minLength is that of new passwords, 0 for the default.
func (a *app) site(minLength int) (*site, error) {
	db, err := a.database(false)
	if err != nil {
		return nil, err
	}
	s := &site{db: db, prefix: a.flags.Prefix, ownUsers: a.flags.NoUsers}
	store := auth.Store(db)
	if a.flags.Sessions != "" {
		if s.redis, err = a.sessionStore(); err != nil {
			_ = s.close()
			return nil, err
		}
		store = counters{auth.Combine(db, auth.Parts{Sessions: s.redis, Tickets: tickets{db, s.redis}}), s.redis}
	}
	// What cannot be done and is gone on without is said, in one line.
	logger := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) { fmt.Fprint(a.stderr, a.clean(string(b))) }),
		&slog.HandlerOptions{Level: slog.LevelWarn}))
	s.passwords = password.New(&password.Options{MinLength: minLength, Hasher: a.hasher, Logger: logger})
	s.Manager, err = auth.New(db.Users(), store, &auth.Options{
		Realm:     a.flags.Realm,
		Providers: []auth.Provider{s.passwords},
		Logger:    logger,
	})
	if err != nil {
		_ = s.close()
		return nil, usage("", "%v", err)
	}
	return s, nil
}

func (s *site) close() error {
	err := s.db.Close()
	if s.redis != nil {
		err = errors.Join(err, s.redis.Close())
	}
	return err
}

// tickets are those of a site that keeps its sessions elsewhere: it may keep its
// tickets there or in the database, so they are ended in both.
type tickets struct {
	auth.TicketStore
	elsewhere auth.TicketStore
}

func (t tickets) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	return errors.Join(
		t.TicketStore.DeleteUserTickets(ctx, userID, purposes...),
		t.elsewhere.DeleteUserTickets(ctx, userID, purposes...))
}

// counters are those of a site that keeps its sessions elsewhere: it may keep its
// counters there or in the database, so they are forgotten in both. They are no part of
// the composition: for a limiter that is one, the manager has a stand-in, which takes an
// outage for done.
type counters struct {
	auth.Store
	elsewhere auth.Limiter
}

// Unwrap has InTx found.
func (c counters) Unwrap() any { return c.Store }

func (c counters) Forget(ctx context.Context, keys ...string) error {
	return errors.Join(c.Store.Forget(ctx, keys...), c.elsewhere.Forget(ctx, keys...))
}

// idOf returns the ID of whom who names: by address, by ID or by user name. It
// wraps auth.ErrNotFound if there is nobody.
func (s *site) idOf(ctx context.Context, who string) (string, error) {
	if !s.ownUsers {
		_, err := s.Users().LoadUser(ctx, who)
		if !errors.Is(err, auth.ErrNotFound) {
			return who, err
		}
	}
	if strings.Contains(who, "@") {
		return s.holder(ctx, "email", identifier.Email, who)
	}
	return s.holder(ctx, "username", identifier.Username, who)
}

// holder returns the user whose credential of that kind says who they are.
func (s *site) holder(ctx context.Context, kind string, canonical func(string) (string, error), text string) (string, error) {
	c, err := s.credential(ctx, kind, canonical, text)
	return c.UserID, err
}

// credential returns the credential of that kind that says who text is.
func (s *site) credential(ctx context.Context, kind string, canonical func(string) (string, error), text string) (auth.Credential, error) {
	key, err := canonical(text)
	if err != nil {
		return auth.Credential{}, fmt.Errorf("%w: %v", auth.ErrNotFound, err)
	}
	c, err := s.Store().LoadCredential(ctx, kind, key)
	switch {
	case err != nil:
		return auth.Credential{}, err
	case !c.ExpiresAt.IsZero() && !s.Now().Before(c.ExpiresAt):
		return auth.Credential{}, auth.ErrNotFound
	}
	if owner, ok := strings.CutPrefix(c.UserID, reserved); ok {
		// Not taken for the user: it may be given for whoever has the account now.
		next := "give that user's ID"
		if !strings.HasPrefix(owner, "sha256:") { // of an ID that is long
			next += ", " + line(owner)
		}
		return auth.Credential{}, notFound(next, "%s was the address of a user until another took its place", text)
	}
	return c, nil
}

// reserved is what providers/account puts before the ID of a user whose former address it
// keeps, for as long as the change of it can be undone.
const reserved = "reserved\x1f"

// users is site for commands about users of the ready-made table.
func (a *app) users(minLength int) (*site, error) {
	if a.flags.NoUsers {
		return nil, usage("create and change users where the site keeps them", "with --no-users there is no table of users here")
	}
	return a.site(minLength)
}

// user returns the user of the ready-made table whom who names.
func (s *site) user(ctx context.Context, who string) (*bunstore.User, error) {
	id, err := s.idOf(ctx, who)
	if err == nil {
		var u auth.User
		if u, err = s.Users().LoadUser(ctx, id); err == nil {
			return u.(*bunstore.User), nil
		}
	}
	if errors.Is(err, auth.ErrNotFound) {
		err = notFound(`"gatehouse user list" shows who there is`, "there is no user %s", who)
	}
	return nil, err
}

type writerFunc func(b []byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}
