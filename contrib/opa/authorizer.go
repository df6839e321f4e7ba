package opaauthz

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
	"github.com/gatehouse-go/gatehouse/internal/action"
)

// An Authorizer is an [auth.Authorizer] that asks OPA. Its methods are safe for
// concurrent use. Make one with [Open] or [New].
type Authorizer struct {
	roles  policy.Roles
	source *policyfile.Source[*program] // nil: there is only
	fixed  *program
}

// Open reads a policy from files in fsys, such as os.DirFS("policy"). The error says
// everything that is wrong with opts, or with the files.
func Open(fsys fs.FS, opts *Options) (*Authorizer, error) {
	if opts == nil {
		opts = &Options{}
	}
	s, err := opts.settings()
	if fsys == nil {
		err = errors.Join(err, errors.New("opaauthz: fsys is nil: say where the files are, as in os.DirFS(\"policy\")"))
	}
	if err != nil {
		return nil, err
	}
	patterns := s.files
	if patterns == nil {
		patterns = []string{"*.rego"}
		if data, err := fs.Glob(fsys, "*.json"); err == nil && len(data) > 0 {
			patterns = append(patterns, "*.json")
		}
	}
	source, err := policyfile.Open(fsys, patterns, s.compile, &policyfile.Options{Every: opts.Every, Logger: opts.Logger})
	if err != nil {
		return nil, err
	}
	return &Authorizer{roles: opts.Roles, source: source}, nil
}

// New is for hosts that prepare a query of their own: of bundles, with functions of
// their own in Go, or with other data. Its one result is one expression, true or
// false. Prepare it with [rego.StrictBuiltinErrors]: else what goes wrong in a
// function is undefined, and a "not" of it a yes; and with [rego.Capabilities], such
// as [Capabilities], which is not the default there.
//
// Of opts it takes Roles alone. A new version of the policy is a new Authorizer.
func New(query rego.PreparedEvalQuery, opts *Options) (*Authorizer, error) {
	if opts == nil {
		opts = &Options{}
	}
	err := opts.onlyForOpen()
	if query == (rego.PreparedEvalQuery{}) {
		err = errors.Join(err, errors.New("opaauthz: the query is not prepared: make it with rego.New(…).PrepareForEval"))
	}
	if err != nil {
		return nil, err
	}
	return &Authorizer{roles: opts.Roles, fixed: &program{name: "the query", decide: query}}, nil
}

// Authorize asks the policy. A result of false or none is a no, with an
// [auth.Denial] whose Policy is "opa". Anything but true and false, more results than
// one, an error in a function, two rules that contradict each other, and the end of
// ctx, at which OPA stops, are outages.
func (a *Authorizer) Authorize(ctx context.Context, access auth.Access) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("opaauthz: %w", err)
	}
	if !action.Valid(access.Action) {
		return &auth.Denial{Policy: "opa", Reason: "this is not the name of an action"}
	}
	in, err := policy.Describe(ctx, access, a.roles)
	if err != nil {
		return err
	}
	input, err := inputOf(in, access.Object != nil)
	if err != nil {
		return err
	}
	p := a.program()
	ask := &question{cancel: cancel{ctx: ctx}, input: input, at: in.At}
	result, err := ask.of(p.decide)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("opaauthz: %s: %w", p.name, err)
	}
	switch result {
	case true:
		return nil
	case false:
		return &auth.Denial{Policy: "opa", Reason: ask.why(p, "is false")}
	case nil:
		return &auth.Denial{Policy: "opa", Reason: ask.why(p, "is undefined")}
	}
	return fmt.Errorf("opaauthz: %s is neither true nor false, but of type %T", p.name, result)
}

func (a *Authorizer) program() *program {
	if a.source == nil {
		return a.fixed
	}
	return a.source.Policy()
}

// Reload looks at the files now, as [policyfile.Source] does. If they have changed and
// are good, they decide from then on. Else the policy stays as it was, and the error
// says what is wrong with them. For what [New] has made there is nothing to do.
func (a *Authorizer) Reload(ctx context.Context) error {
	if a.source == nil {
		return nil
	}
	return a.source.Reload(ctx)
}

// Run reloads the policy whenever its files have changed, until ctx ends, and returns
// its error.
func (a *Authorizer) Run(ctx context.Context) error {
	if a.source == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return a.source.Run(ctx)
}

// Err returns what is wrong with the newest version of the files, because of which an
// older one decides; nil if nothing is. It is for health checks.
func (a *Authorizer) Err() error {
	if a.source == nil {
		return nil
	}
	return a.source.Err()
}
