package cedarauthz

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
	"github.com/gatehouse-go/gatehouse/internal/action"
)

// An Authorizer decides by policies in Cedar. Its methods are safe for concurrent use.
// Make one with [Open] or [New].
type Authorizer struct {
	roles    policy.Roles
	names    map[string]string
	entities func(ctx context.Context, uid cedar.EntityUID) (cedar.Entity, bool, error)
	context  func(ctx context.Context, a auth.Access) (cedar.RecordMap, error)

	files *policyfile.Source[*program] // of Open
	sets  func() *cedar.PolicySet      // of New
	last  atomic.Pointer[compiled]     // of what sets returned last

	decisions sync.Pool // of *decision
}

type compiled struct {
	set     *cedar.PolicySet
	program *program
}

// Open returns an authorizer with the policies in the files of fsys that
// [Options.Files] finds. The ID of a policy is the name of its file and what its
// annotation @id says, or else its line: "site.cedar:owner", "site.cedar:12". opts may
// be nil. The error says everything that is wrong.
//
// The files may change while decisions are made; see [Authorizer.Run].
func Open(fsys fs.FS, opts *Options) (*Authorizer, error) {
	a, o, err := newAuthorizer(opts)
	if fsys == nil {
		err = errors.Join(err, errors.New("cedarauthz: Open needs a file system: give it os.DirFS(\"policy\")"))
	}
	if err != nil {
		return nil, err
	}
	patterns := o.Files
	if len(patterns) == 0 {
		patterns = []string{"*.cedar"}
	}
	a.files, err = policyfile.Open(fsys, patterns, func(files map[string][]byte) (*program, error) {
		return compileFiles(files, o.Entities != nil)
	}, &policyfile.Options{Every: o.Every, Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("cedarauthz: %w", err)
	}
	return a, nil
}

// New returns an authorizer with the policies that policies returns. It is called for
// each decision and has to be quick. Policies that it has returned are not changed any
// more: new ones are another set. opts may be nil; Files, Every and Logger do not
// matter. The error says everything that is wrong. So does [Authorizer.Authorize]'s for
// a later set that is nil or cannot be used: that is an outage, until there is another.
func New(policies func() *cedar.PolicySet, opts *Options) (*Authorizer, error) {
	a, _, err := newAuthorizer(opts)
	if policies == nil {
		return nil, errors.Join(err, errors.New("cedarauthz: New needs a function that returns policies"))
	}
	if err != nil {
		return nil, err
	}
	a.sets = policies
	if _, err := a.current(); err != nil {
		return nil, err
	}
	return a, nil
}

func newAuthorizer(opts *Options) (*Authorizer, *Options, error) {
	if opts == nil {
		opts = new(Options)
	}
	return &Authorizer{roles: opts.Roles, names: opts.Types, entities: opts.Entities, context: opts.Context}, opts, opts.validate()
}

// Reload looks at the files of [Open] now. If they have changed and are good, decisions
// that begin from then on are made by them. Else the policies stay what they are, and
// the error says what is wrong with the files. With [New] there is nothing to do.
func (z *Authorizer) Reload(ctx context.Context) error {
	if z.files == nil {
		return nil
	}
	if err := z.files.Reload(ctx); err != nil {
		return fmt.Errorf("cedarauthz: %w", err)
	}
	return nil
}

// Run is Reload every [Options.Every], until ctx ends, and returns its error. What is
// wrong with the files is logged.
func (z *Authorizer) Run(ctx context.Context) error {
	if z.files == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return z.files.Run(ctx)
}

// Err returns what is wrong with the newest version of the files, because of which older
// policies are in use, for health checks. Nil if nothing is known to be wrong, and
// with [New].
func (z *Authorizer) Err() error {
	if z.files == nil {
		return nil
	}
	return z.files.Err()
}

// current returns the policies to decide by.
func (z *Authorizer) current() (*program, error) {
	if z.files != nil {
		return z.files.Policy(), nil
	}
	set := z.sets()
	if set == nil {
		return nil, errors.New("cedarauthz: there are no policies: the function given to New returned nil")
	}
	if last := z.last.Load(); last != nil && last.set == set {
		return last.program, nil
	}
	p, err := compileSet(set, z.entities != nil)
	if err != nil {
		return nil, fmt.Errorf("cedarauthz: %w", err)
	}
	z.last.Store(&compiled{set, p})
	return p, nil
}

// Authorize implements [auth.Authorizer]. A no is a [*auth.Denial]: its Policy has the
// IDs of the policies that forbid, with commas between them, or is "cedar" if none
// permits.
//
// If a policy cannot be evaluated, because an attribute is not there or of another
// type, that is an outage, whatever the others say. Cedar itself would go on without
// it: fine for a permit, and a yes where a forbid was meant to say no.
func (z *Authorizer) Authorize(ctx context.Context, a auth.Access) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cedarauthz: %w", err)
	}
	if len(a.Action) > maxAction {
		return &auth.Denial{Policy: "cedar", Reason: "the name of the action is too long"}
	}
	if !action.Valid(a.Action) {
		return &auth.Denial{Policy: "cedar", Reason: fmt.Sprintf("%q is not the name of an action", a.Action)}
	}
	d := z.decision()
	d.a, d.ctx = z, ctx
	defer d.release()
	var err error
	if d.in, err = policy.Describe(ctx, a, z.roles); err != nil {
		return err
	}
	if d.program, err = z.current(); err != nil {
		return err
	}
	d.plan = d.program.plan(a.Action)
	if err := d.ask(a); err != nil {
		return err
	}
	decision, diagnostic := cedar.Authorize(d.plan, d, d.request)
	switch {
	case d.err != nil:
		return d.err
	case len(diagnostic.Errors) > 0:
		return failed(diagnostic.Errors)
	case ctx.Err() != nil:
		return fmt.Errorf("cedarauthz: %w", ctx.Err())
	case decision == cedar.Allow:
		return nil
	}
	return d.plan.denial(diagnostic.Reasons)
}

// ask puts the question as Cedar wants it.
func (d *decision) ask(a auth.Access) error {
	d.request.Principal = cedar.NewEntityUID(nobodyType, "")
	if d.in.UserID != "" {
		d.request.Principal = cedar.NewEntityUID(userType, cedar.String(d.in.UserID))
	}
	d.request.Action = d.plan.action.UID
	d.request.Resource = cedar.NewEntityUID(siteType, "")
	if a.Object != nil {
		kind, err := d.typeOf(d.in.Object.Type)
		if err != nil {
			return err
		}
		d.request.Resource = cedar.NewEntityUID(kind, cedar.String(d.in.Object.ID))
	}
	var err error
	d.request.Context, err = d.ofContext(a)
	return err
}

// typeOf returns what a type of objects is called in Cedar. An action is on objects of
// one type, as a rule: it is not looked at again.
func (d *decision) typeOf(kind string) (cedar.EntityType, error) {
	if last := d.plan.lastType.Load(); last != nil && last.kind == kind {
		return last.name, nil
	}
	name, ok := d.a.names[kind]
	if !ok {
		name = kind
	}
	if err := checkType(name); err != nil {
		return "", fmt.Errorf("cedarauthz: an object of type %q: %w: name it in Options.Types", kind, err)
	}
	t := &objectType{strings.Clone(kind), cedar.EntityType(strings.Clone(name))}
	d.plan.lastType.Store(t)
	return t.name, nil
}

// denial returns a no, by the policies that forbid or because none permits.
func (p *plan) denial(forbids []cedar.DiagnosticReason) *auth.Denial {
	if len(forbids) == 0 {
		return &auth.Denial{Policy: "cedar", Reason: p.denied}
	}
	ids := make([]string, len(forbids))
	for i, f := range forbids {
		ids[i] = string(f.PolicyID)
	}
	reason := "forbidden"
	if i := slices.IndexFunc(p.rules, func(r rule) bool { return r.id == forbids[0].PolicyID }); i >= 0 && p.rules[i].reason != "" {
		reason = p.rules[i].reason
	}
	return &auth.Denial{Policy: strings.Join(ids, ", "), Reason: reason}
}

// failed says which policies could not be evaluated.
func failed(errs []cedar.DiagnosticError) error {
	var b strings.Builder
	for i, e := range errs {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "policy %s: %s", e.PolicyID, e.Message)
	}
	return fmt.Errorf("cedarauthz: %s", b.String())
}

// outage is for what a host's function says: it is an outage, whatever it is.
func outage(of string, err error) error {
	if errors.Is(err, auth.ErrForbidden) {
		return fmt.Errorf("cedarauthz: %s: %v", of, err)
	}
	return fmt.Errorf("cedarauthz: %s: %w", of, err)
}
