package opaauthz

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/auth/policy/policyfile"
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
	in, err := policy.Describe(ctx, access, a.roles)
	if err != nil {
		return err
	}
	input, err := inputOf(in, access.Object != nil)
	if err != nil {
		return err
	}
	p := a.program()
	ask := question{ctx: ctx, options: []rego.EvalOption{
		rego.EvalParsedInput(input),
		rego.EvalTime(in.At),
		rego.EvalExternalCancel(&cancel{ctx: ctx}),
		rego.EvalMetrics(metrics.NoOp()),
	}}
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

// A question is what the engine is told of an [auth.Access].
type question struct {
	ctx     context.Context
	options []rego.EvalOption
}

// of returns the result of a query; nil if it is undefined.
func (q question) of(query rego.PreparedEvalQuery) (any, error) {
	results, err := query.Eval(q.ctx, q.options...)
	if ended := q.ctx.Err(); err != nil && ended != nil && !errors.Is(err, ended) { // some functions say it in their own words
		err = fmt.Errorf("%w: %w", ended, err)
	}
	switch {
	case err != nil:
		return nil, err
	case len(results) == 0:
		return nil, nil
	case len(results) > 1:
		return nil, fmt.Errorf("there are %d results", len(results))
	case len(results[0].Expressions) != 1:
		return nil, fmt.Errorf("the result has %d expressions", len(results[0].Expressions))
	case len(results[0].Bindings) > 0:
		return nil, errors.New("the query binds variables, which is true whatever they are")
	}
	if v := results[0].Expressions[0].Value; v != nil {
		return v, nil
	}
	return nil, errors.New("it is null")
}

// why returns the reasons that the policy gives for its no, or says what there is to
// say. Whatever is wrong with them, the no stays one.
func (q question) why(p *program, otherwise string) string {
	otherwise = p.name + " " + otherwise
	if p.reasons == nil {
		return otherwise
	}
	result, err := q.of(*p.reasons)
	if err != nil {
		return fmt.Sprintf("%s, and its reasons cannot be found out: %v", otherwise, err)
	}
	var reasons []string
	list, _ := result.([]any)
	for _, r := range list {
		reasons = append(reasons, fmt.Sprint(r))
	}
	if len(reasons) == 0 {
		return otherwise
	}
	slices.Sort(reasons)
	return strings.Join(reasons, "; ")
}
