package rbac

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// An Authorizer decides by roles. It is a policy.Filterer, and its RolesOf is a
// policy.Roles. Its methods are safe for concurrent use. Make one with [New] or [Open].
type Authorizer struct {
	opts   Options
	source Source
	local  local // source, if it has everything in memory; or nil
	files  *files

	compiled atomic.Pointer[compiled] // of the newest definitions that were seen

	mu      sync.Mutex // of who compiles; and of what follows
	flight  *flight
	behind  time.Time   // since when the source has said lower versions only
	lagging atomic.Bool // behind is not zero

	// The noes, made in advance: they cost nothing then. Action and object are in the
	// event anyway.
	nobody, unknown, lacking auth.Denial
}

var _ policy.Filterer = (*Authorizer)(nil)

// New returns an Authorizer for the roles and grants of source: a [Memory], what
// bunrbac.New returns, [Combine], or a host's own. The error says everything that is
// wrong with the options, and with the roles where they are in memory: that a permission covers
// none of [Options.Actions], or that a role in the options is not defined. Other sources
// are asked when the first decision is made: what is wrong there is logged.
//
// In memory a decision takes no lock and allocates nothing, whether it is yes or no,
// and takes the same time however many roles, permissions and users there are. It
// takes longer the more roles the user has.
func New(source Source, opts *Options) (*Authorizer, error) {
	o := opts.withDefaults()
	errs := []error{o.check()}
	if len(o.Files) > 0 || o.Every != 0 || o.Grants != nil {
		errs = append(errs, errors.New("rbac: Options.Files, Every and Grants are for Open; for New see Combine"))
	}
	if m, ok := source.(*Memory); source == nil || ok && (m == nil || m.grants == nil) {
		return nil, errors.Join(append(errs, errors.New("rbac: New needs a source: begin with NewMemory"))...)
	}
	a := newAuthorizer(source, o)
	if a.local != nil {
		if defs, _ := a.local.local(); defs != nil {
			c, err := compile(defs, &o)
			errs = append(errs, err)
			a.compiled.Store(c)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return a, nil
}

func newAuthorizer(source Source, o Options) *Authorizer {
	a := &Authorizer{opts: o, source: source}
	a.local, _ = source.(local)
	a.nobody = auth.Denial{Policy: "rbac", Reason: "whoever is not logged in has no role with the permission"}
	a.unknown = auth.Denial{Policy: "rbac", Reason: "there is no such action: it is not in Options.Actions"}
	a.lacking = auth.Denial{Policy: "rbac", Reason: "the user has no role here with the permission"}
	return a
}

// Authorize allows what a role that a.Identity has where the object is has a permission
// for. A no is a [*auth.Denial], which the caller does not change.
func (a *Authorizer) Authorize(ctx context.Context, access auth.Access) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("rbac: %w", err)
	}
	var tenant string
	var o auth.Object
	if access.Object != nil {
		var err error
		if tenant, o, err = where(ctx, access); err != nil {
			return err
		}
	}
	user := userOf(access)
	if user == "" && a.opts.Nobody == "" {
		return &a.nobody
	}
	c, s, err := a.look(ctx, user)
	if err != nil {
		return err
	}
	q, ok := c.ask(access.Action)
	if !ok {
		return &a.unknown
	}
	if user == "" {
		if c.allows(c.nobody, q) {
			return nil
		}
		return &a.nobody
	}
	if s != nil {
		if c.allows(s.everywhere, q) {
			return nil
		}
		if len(s.scoped) > 0 {
			if access.Object == nil { // only now, since to look for it takes time
				tenant = policy.Tenant(ctx)
			}
			if s.allowed(c, q, tenant, &o) {
				return nil
			}
		}
	}
	if c.allows(c.user, q) {
		return nil
	}
	return &a.lacking
}

// userOf returns who is asking, "" for nobody.
func userOf(access auth.Access) string {
	if access.Identity == nil {
		return ""
	}
	return access.Identity.UserID
}

// where returns whose data the question is about, and the object.
func where(ctx context.Context, access auth.Access) (tenant string, o auth.Object, err error) {
	ok := access.Object == nil
	if !ok {
		if o, ok = access.Object.(auth.Object); !ok { // which needs no call
			o, ok = access.Describe()
		}
	}
	if !ok {
		return "", o, fmt.Errorf("rbac: an object of type %T says nothing of itself: give it a method AuthObject() auth.Object", access.Object)
	}
	if here := policy.Tenant(ctx); here == o.Tenant || here == "" {
		return o.Tenant, o, nil // what TenantOf would say, without describing it again
	}
	tenant, err = policy.TenantOf(ctx, access)
	return tenant, o, err
}

// look returns the policy that is in force, and what the user was granted: nil for
// nothing, and for nobody.
func (a *Authorizer) look(ctx context.Context, user string) (*compiled, *subject, error) {
	if a.local == nil {
		return a.ask(ctx, user)
	}
	defs, table := a.local.local()
	if defs == nil {
		return a.ask(ctx, user)
	}
	c := a.compiled.Load()
	if c == nil || c.defs != defs {
		c, table = a.recompile(ctx)
	}
	if user == "" {
		return c, nil, nil
	}
	n := table.find(user)
	if n == nil {
		return c, nil, nil
	}
	s, first := n.in(c.defs)
	if first && len(s.undefined) > 0 {
		a.warn(ctx, c, user, s)
	}
	return c, s, nil
}

// recompile compiles what is in memory now, or waits for somebody who does.
func (a *Authorizer) recompile(ctx context.Context) (*compiled, *table) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defs, table := a.local.local()
	if c := a.compiled.Load(); c != nil && c.defs == defs {
		return c, table
	}
	c, err := compile(defs, &a.opts)
	if err != nil {
		a.opts.Logger.ErrorContext(ctx, "rbac: roles are wrong: what is wrong grants nothing", "error", err)
	}
	a.compiled.Store(c)
	return c, table
}

// warn tells of roles that are not defined: of each once, by the first who has it.
func (a *Authorizer) warn(ctx context.Context, c *compiled, user string, s *subject) {
	const enough = 100 // and then no more
	var names []string
	for _, name := range s.undefined {
		if c.warned.Load() >= enough {
			break
		}
		if _, told := c.told.LoadOrStore(name, true); !told {
			c.warned.Add(1)
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		a.opts.Logger.WarnContext(ctx, "rbac: roles that are not defined were granted: they grant nothing", "user", user, "roles", quoted(names))
	}
}

// Reload reads the files now, or definitions from a source whatever their version, as
// after a backup was restored. If it fails, what was in force stays; it does in a
// transaction, which may be rolled back. There is nothing to do for a [Memory].
func (a *Authorizer) Reload(ctx context.Context) error {
	if uncommitted(ctx, a.source) {
		return errors.New("rbac: Reload in a transaction, which may be rolled back: call it when it is committed")
	}
	if err := reload(ctx, a.source); err != nil {
		return err
	}
	if a.local != nil {
		if defs, _ := a.local.local(); defs != nil {
			a.recompile(ctx)
			return nil
		}
	}
	_, err := a.read(ctx, 0, true)
	return err
}

// Run looks at the files every [Options.Every] until ctx ends, and returns its error.
// Without files it only waits for that.
func (a *Authorizer) Run(ctx context.Context) error {
	if a.files != nil {
		return a.files.source.Run(ctx)
	}
	<-ctx.Done()
	return ctx.Err()
}
