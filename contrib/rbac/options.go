package rbac

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/action"
)

// Options are what is optional for [New] and [Open].
type Options struct {
	// Actions are the names of all actions there are. Wildcards then cover only these,
	// and everything else is denied to everybody. Default: any name is an action.
	Actions []string
	// Nobody is a role that even nobody has, and User one that every user has, without
	// a grant and everywhere. Whoever is logged in has not what Nobody has, unless
	// User inherits it. Default: none.
	Nobody, User string
	// Logger gets what grants nothing because it is wrong: definitions (Error) and
	// grants of roles that are not defined (Warn). Default [slog.Default].
	Logger *slog.Logger
	// Now is the clock by which a source is given a minute to catch up, see
	// [GrantSource]. Default [time.Now].
	Now func() time.Time

	// The rest is for Open.

	// Files are the files of roles, as patterns of [io/fs.Glob]. Default "*.yaml".
	Files []string
	// Every is how often [Authorizer.Run] looks at the files. Default 2 seconds.
	Every time.Duration
	// Grants has what users were granted, such as a [Memory] or a database. Default:
	// the files say it.
	Grants GrantSource
}

func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// check returns everything that is wrong with o.
func (o *Options) check() error {
	var errs []error
	for _, name := range o.Actions {
		if !action.Valid(name) {
			errs = append(errs, fmt.Errorf(`rbac: Options.Actions: %.60q is no name of an action: it has segments between colons, and no "*"`, name))
		}
	}
	if err := checkName(o.Nobody); o.Nobody != "" && err != nil {
		errs = append(errs, fmt.Errorf("rbac: Options.Nobody %.60q %w", o.Nobody, err))
	}
	if err := checkName(o.User); o.User != "" && err != nil {
		errs = append(errs, fmt.Errorf("rbac: Options.User %.60q %w", o.User, err))
	}
	return errors.Join(errs...)
}
