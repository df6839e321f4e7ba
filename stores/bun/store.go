package bunstore

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Options are what is optional for [New]. The zero value is good.
type Options struct {
	// Prefix begins the name of every table and index: lower-case letters,
	// digits and underscores, not a digit first, at most 32 bytes.
	// Default "gatehouse_".
	Prefix string
	// NoUsers leaves out the users table, for hosts that have their own.
	NoUsers bool
	// NoPrepare keeps no prepared statements, for poolers such as PgBouncer
	// that give every statement another connection. The driver must be told too:
	// pgx by default_query_exec_mode=exec.
	NoPrepare bool
	// CloseDB makes Close close the database too.
	CloseDB bool
	// Now is the clock for the IDs of new users, which are UUIDv7, for when a
	// migration was applied, and for the version of the roles. Nothing else asks
	// it. Default time.Now.
	Now func() time.Time
}

// A Store is a whole [auth.Store] in an SQL database. Its methods are safe for
// concurrent use. Make one with [New].
type Store struct {
	db        *bun.DB
	backend   backend
	prefix    string
	noUsers   bool
	noPrepare bool
	closeDB   bool
	now       func() time.Time

	sql    statements
	writer writer
	closed atomic.Bool

	lockWaits atomic.Bool // the server knows no SKIP LOCKED, see lockDue
}

var (
	_ auth.Store = (*Store)(nil)
)

// New returns a store in db. It does not touch the database. The error names
// everything that is wrong with the arguments.
//
// db has a dialect for SQLite, PostgreSQL or MySQL; with any settings of the
// connection that [Store.Check] does not complain about. The Store keeps
// prepared statements in db's pool: set db.SetMaxIdleConns to the number of open
// connections, since each new connection prepares them again.
func New(db *bun.DB, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Prefix == "" {
		o.Prefix = "gatehouse_"
	}
	if o.Now == nil {
		o.Now = time.Now
	}

	var errs []error
	if !prefixPattern.MatchString(o.Prefix) {
		errs = append(errs, fmt.Errorf("bunstore: Options.Prefix %q: want lower-case letters, digits and underscores, no digit first, at most 32 bytes", o.Prefix))
	}
	var b backend
	if db == nil {
		errs = append(errs, errors.New("bunstore: New: db is nil; open one with package open or bun.NewDB"))
	} else {
		var err error
		if b, err = backendOf(db); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}

	s := &Store{
		db:        db,
		backend:   b,
		prefix:    o.Prefix,
		noUsers:   o.NoUsers,
		noPrepare: o.NoPrepare,
		closeDB:   o.CloseDB,
		now:       o.Now,
	}
	s.sql.init(o.Prefix, b)
	if b.oneWriter {
		s.writer = make(writer, 1)
	}
	return s, nil
}

// named returns q with the prefix where {p} is.
func (s *Store) named(q string) string { return strings.ReplaceAll(q, "{p}", s.prefix) }

var prefixPattern = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,31}$`)

// Close gives back the prepared statements, and closes the database if
// [Options.CloseDB] is set. Afterwards the Store fails. Closing twice is not
// an error.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	var errs []error
	for _, st := range s.sql.all() {
		if p := st.prepared.Swap(nil); p != nil {
			errs = append(errs, p.Close())
		}
	}
	if s.closeDB {
		errs = append(errs, s.db.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("bunstore: close: %w", err)
	}
	return nil
}
