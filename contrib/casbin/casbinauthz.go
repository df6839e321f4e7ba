package casbinauthz

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"reflect"
	"time"

	"github.com/casbin/casbin/v3"

	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
)

// Options are what is optional for [Open] and [New].
type Options struct {
	// Roles finds the roles of who asks. Default: nobody has any but those that the
	// policy gives by rows g.
	Roles policy.Roles
	// Request makes the values of the model's request_definition, for a model with
	// another than ours. The error is an outage, or a no if it wraps
	// [auth.ErrForbidden]. It is called concurrently. Default: sub, obj, act; and env if
	// the model of [Open] has a fourth. See [SubjectOf], [ObjectOf] and [EnvOf].
	Request func(in policy.Input) ([]any, error)
	// Functions are more functions for matchers, safe for concurrent use. Only for
	// [Open].
	Functions map[string]func(args ...any) (any, error)

	// Files are patterns, as of [fs.Glob], of the files of [Open]: one whose name ends
	// in ".conf", which is the model, and others with the rules, one row after the
	// other, by the names of the files. Default "model.conf" and "policy.csv".
	Files []string
	// EndMark demands the last line "# end of policy" of every file, from the
	// beginning. Otherwise it is demanded of files that have had it: half of a policy
	// is one too, without its last prohibitions. See package policyfile.
	EndMark bool
	// Every is how often [Authorizer.Run] looks at the files. Default 2 seconds.
	Every time.Duration
	// Logger gets what became of new versions of the files. Default [slog.Default].
	Logger *slog.Logger
}

// An Enforcer is Casbin's: *casbin.SyncedEnforcer and *casbin.SyncedCachedEnforcer are
// safe for concurrent use while the policy changes; *casbin.Enforcer and
// *casbin.CachedEnforcer as long as nothing about them does.
type Enforcer interface {
	Enforce(rvals ...any) (bool, error)
}

// An explainer can also say which rule decided.
type explainer interface {
	EnforceEx(rvals ...any) (bool, []string, error)
}

// An Authorizer asks Casbin. It is safe for concurrent use. Make one with [Open] or
// [New].
type Authorizer struct {
	opts   Options
	source *policyfile.Source[*compiled] // nil: host
	host   Enforcer
	cached bool // what host says may be from a cache
}

// Open reads a model and a policy from files. Everything that is wrong with them is in
// the error, with the line: see the package comment for what is refused that Casbin
// itself would take.
func Open(fsys fs.FS, opts *Options) (*Authorizer, error) {
	a := &Authorizer{}
	if opts != nil {
		a.opts = *opts
	}
	patterns := a.opts.Files
	if len(patterns) == 0 {
		patterns = []string{"model.conf", "policy.csv"}
	}
	source, err := policyfile.Open(fsys, patterns, a.compile, &policyfile.Options{Every: a.opts.Every, EndMark: a.opts.EndMark, Logger: a.opts.Logger})
	if err != nil {
		return nil, err
	}
	a.source = source
	return a, nil
}

// New asks an enforcer that the host has made, and changes as it likes if that is safe
// ([Enforcer]). Its model and its policy are the host's, and so are its traps; see the
// package comment. Nobody is denied without asking it. The error is one if
// the enforcer is nil or an option is for [Open] alone.
func New(enforcer Enforcer, opts *Options) (*Authorizer, error) {
	a := &Authorizer{host: enforcer}
	if opts != nil {
		a.opts = *opts
	}
	var errs []error
	if v := reflect.ValueOf(enforcer); enforcer == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		errs = append(errs, errors.New("casbinauthz: New: the enforcer is nil: give what casbin.NewSyncedEnforcer returns"))
	}
	if len(a.opts.Functions) > 0 {
		errs = append(errs, errors.New("casbinauthz: New: Options.Functions is for Open: add them to the enforcer by AddFunction"))
	}
	if len(a.opts.Files) > 0 {
		errs = append(errs, errors.New("casbinauthz: New: Options.Files is for Open: the enforcer has its policy already"))
	}
	switch enforcer.(type) {
	case *casbin.CachedEnforcer, *casbin.SyncedCachedEnforcer:
		a.cached = true
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return a, nil
}

// errNoFiles: there is nothing to reload.
var errNoFiles = errors.New("casbinauthz: the enforcer is the host's, and has no files: reload it by its LoadPolicy")

// Reload looks at the files now. If they have changed and are good, they decide from
// then on. Else those before go on doing so, and the error says what is wrong. An
// authorizer by [New] has no files, which is an error too.
func (a *Authorizer) Reload(ctx context.Context) error {
	if a.source == nil {
		return errNoFiles
	}
	return a.source.Reload(ctx)
}

// Run reloads the files when they change, until ctx ends, and returns its error. What
// is wrong with them is logged. An authorizer by [New] has no files, and Run returns
// at once.
func (a *Authorizer) Run(ctx context.Context) error {
	if a.source == nil {
		return errNoFiles
	}
	return a.source.Run(ctx)
}

// Err returns what is wrong with the newest version of the files, because of which an
// older one decides; nil if nothing is known to be wrong, or if there are no files. It
// is for health checks and never blocks.
func (a *Authorizer) Err() error {
	if a.source == nil {
		return nil
	}
	return a.source.Err()
}
