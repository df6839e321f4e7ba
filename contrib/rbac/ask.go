package rbac

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/perrequest"
)

// known is the key of what a request knows of a user.
type known struct {
	a    *Authorizer
	user string
}

// An answer is what a source said, for the time of one request.
type answer struct {
	c *compiled
	s *subject
}

// ask asks the source, once per request and user.
func (a *Authorizer) ask(ctx context.Context, user string) (*compiled, *subject, error) {
	if uncommitted(ctx, a.source) {
		return a.askAside(ctx, user)
	}
	memo := perrequest.From(ctx)
	if kept, ok := memo.Load(known{a, user}); ok {
		k := kept.(answer)
		return k.c, k.s, nil
	}
	grants, version, err := a.source.Grants(ctx, user)
	if err != nil {
		return nil, nil, outage("grants", err)
	}
	c, err := a.current(ctx, version)
	if err != nil {
		return nil, nil, err
	}
	s := resolveOf(c, grants, user)
	if s != nil && len(s.undefined) > 0 {
		a.warn(ctx, c, user, s)
	}
	memo.Store(known{a, user}, answer{c, s})
	return c, s, nil
}

// askAside asks the source in a transaction, which may be rolled back: what it says is
// for this question, and is not kept.
func (a *Authorizer) askAside(ctx context.Context, user string) (*compiled, *subject, error) {
	grants, version, err := a.source.Grants(ctx, user)
	if err != nil {
		return nil, nil, outage("grants", err)
	}
	c := a.compiled.Load()
	if c == nil || version > c.defs.version {
		roles, version, err := a.source.Roles(ctx)
		if err != nil {
			return nil, nil, outage("roles", err)
		}
		defs, _ := define(roles) // what is wrong is told when it is committed
		defs.version = version
		c, _ = compile(defs, &a.opts)
	}
	return c, resolveOf(c, grants, user), nil
}

// resolveOf resolves what the user was granted; nobody was granted anything.
func resolveOf(c *compiled, grants []Grant, user string) *subject {
	if user == "" {
		return nil
	}
	mine := make([]Grant, 0, len(grants))
	for _, g := range grants {
		if g.UserID == user { // and not of somebody whom a database takes for the same
			mine = append(mine, g)
		}
	}
	return resolve(c.defs, mine)
}

// outage is an error that is no answer, whatever it wraps.
func outage(what string, err error) error {
	if errors.Is(err, auth.ErrForbidden) {
		return fmt.Errorf("rbac: %s: %v", what, err)
	}
	return fmt.Errorf("rbac: %s: %w", what, err)
}

// patience is how long a source may say lower versions before it is followed back.
const patience = time.Minute

// current returns the policy of the definitions of that version, or newer ones.
func (a *Authorizer) current(ctx context.Context, version int64) (*compiled, error) {
	c := a.compiled.Load()
	switch {
	case c == nil || version > c.defs.version:
		return a.read(ctx, version, false)
	case version == c.defs.version:
		if a.lagging.Load() {
			a.mu.Lock()
			a.behind = time.Time{}
			a.lagging.Store(false)
			a.mu.Unlock()
		}
		return c, nil
	}
	// A replica that has fallen behind, or an answer that has overtaken this one. What
	// was taken away stays taken away.
	a.mu.Lock()
	now := a.opts.Now()
	if a.behind.IsZero() {
		a.behind = now
		a.lagging.Store(true)
	}
	gone := now.Sub(a.behind) >= patience
	a.mu.Unlock()
	if !gone {
		return c, nil
	}
	a.opts.Logger.WarnContext(ctx, "rbac: the source has gone back to older definitions of roles")
	return a.read(ctx, version, true)
}

// A flight is one question for the definitions, and those who wait for its answer.
type flight struct {
	done    chan struct{} // closed when the rest is there
	err     error
	givenUp bool // whoever asked has gone, or panicked: this is no answer
}

// read reads the definitions and returns the policy that is in force then: the
// definitions have that version at least, unless the source has contradicted itself.
// Anew says to take them whatever their version is. It waits for whoever is
// reading already.
func (a *Authorizer) read(ctx context.Context, version int64, anew bool) (*compiled, error) {
	for waited := 0; ; waited++ {
		a.mu.Lock()
		// A second answer was asked for after the version was heard of: there is no
		// better one.
		if c := a.compiled.Load(); c != nil && (c.defs.version >= version || waited > 1) && !anew {
			a.mu.Unlock()
			return c, nil
		}
		f := a.flight
		if f == nil || anew {
			f = &flight{done: make(chan struct{}), givenUp: true}
			a.flight = f
			a.mu.Unlock()
			return a.fly(ctx, f, anew)
		}
		a.mu.Unlock()
		select {
		case <-f.done:
			switch {
			case f.givenUp:
				waited--
			case f.err != nil:
				return nil, f.err
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("rbac: %w", ctx.Err())
		}
	}
}

// fly reads for f, with the caller's own context and in the caller's own goroutine.
func (a *Authorizer) fly(ctx context.Context, f *flight, anew bool) (*compiled, error) {
	defer func() {
		a.mu.Lock()
		if a.flight == f {
			a.flight = nil
		}
		a.mu.Unlock()
		close(f.done)
	}()
	roles, version, err := a.source.Roles(ctx)
	if err != nil {
		f.err, f.givenUp = outage("roles", err), ctx.Err() != nil
		return nil, f.err
	}
	c := a.compiled.Load()
	if c == nil || anew || version > c.defs.version {
		c = a.take(ctx, roles, version, anew)
	}
	f.givenUp = false
	return c, nil
}

// take puts definitions in force, unless newer ones are meanwhile.
func (a *Authorizer) take(ctx context.Context, roles []Role, version int64, anew bool) *compiled {
	defs, wrong := define(roles)
	defs.version = version
	c, err := compile(defs, &a.opts)
	if err := errors.Join(wrong, err); err != nil {
		a.opts.Logger.ErrorContext(ctx, "rbac: roles are wrong: what is wrong grants nothing", "error", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if newer := a.compiled.Load(); newer != nil && newer.defs.version >= version && !anew {
		return newer
	}
	a.compiled.Store(c)
	a.behind = time.Time{}
	a.lagging.Store(false)
	return c
}
