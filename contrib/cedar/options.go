package cedarauthz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// Options are what is optional for [Open] and [New].
type Options struct {
	// Roles says which roles who is asking has where the object is; each is a parent
	// Role::"…" of the principal. Default: nobody has any.
	Roles policy.Roles

	// Types are the names in Cedar of types of objects: {"blog-post": "BlogPost"}.
	// Default: as they are.
	Types map[string]string

	// Entities returns what the host knows of an entity: groups that a user is in,
	// folders that an object is in, and the entities that these are in. Of the
	// principal, the action and the resource the parents and attributes come
	// beside those that they have anyway, which win. It is asked for what policies
	// ask for, at most once per decision for each; found is false for what is not
	// there. An error is an outage. It is called concurrently, and what it returns is
	// not changed. Default: there is nothing more.
	Entities func(ctx context.Context, uid cedar.EntityUID) (e cedar.Entity, found bool, err error)

	// Context returns what else policies find in context. It is called for decisions
	// in which a policy may look at something there that is not of this package.
	// What this package has there already is refused. An error is an outage. It is
	// called concurrently. Default: there is nothing more.
	Context func(ctx context.Context, a auth.Access) (cedar.RecordMap, error)

	// Files are patterns, as of [io/fs.Glob], of the files with policies, for Open.
	// Default "*.cedar".
	Files []string
	// Every is how often [Authorizer.Run] looks at the files. Default 2 seconds.
	Every time.Duration
	// Logger gets what became of new versions of the files. Default [slog.Default].
	Logger *slog.Logger
}

// validate returns everything that is wrong.
func (o *Options) validate() error {
	var faults []error
	for from, to := range o.Types {
		if err := checkType(to); err != nil {
			faults = append(faults, fmt.Errorf("cedarauthz: Options.Types[%q]: %w", from, err))
		}
	}
	if o.Every < 0 {
		faults = append(faults, fmt.Errorf("cedarauthz: Options.Every is %v; it cannot be negative", o.Every))
	}
	return errors.Join(faults...)
}

// checkType says why a type of objects cannot be one of Cedar's.
func checkType(name string) error {
	if _, err := types.NewEntityType(name); err != nil {
		return fmt.Errorf("%q is not a name of a type in Cedar, such as BlogPost or Blog::Post", name)
	}
	if slices.Contains([]string{userType, nobodyType, roleType, actionType, siteType}, name) || strings.HasSuffix(name, "::"+actionType) {
		return fmt.Errorf("%q has a meaning already", name)
	}
	return nil
}
