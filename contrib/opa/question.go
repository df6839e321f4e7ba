package opaauthz

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A question is what the engine is told of an [auth.Access].
type question struct {
	cancel
	input ast.Value
	at    time.Time
}

// tell sets all options at once, which costs less than a list of them.
func (q *question) tell(e *rego.EvalContext) {
	rego.EvalParsedInput(q.input)(e)
	rego.EvalTime(q.at)(e)
	rego.EvalExternalCancel(&q.cancel)(e)
	rego.EvalMetrics(metrics.NoOp())(e)
}

// of returns the result of a query; nil if it is undefined.
func (q *question) of(query rego.PreparedEvalQuery) (any, error) {
	results, err := query.Eval(q.ctx, q.tell)
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
func (q *question) why(p *program, otherwise string) string {
	otherwise = p.name + " " + otherwise
	if p.reasons == nil {
		return otherwise
	}
	result, err := q.of(*p.reasons)
	if err != nil {
		return fmt.Sprintf("%s, and its reasons cannot be found out: %s", otherwise, kindOf(err))
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

// kindOf says what went wrong, and where, without the values that OPA's messages quote: a
// denial goes to events.
func kindOf(err error) string {
	e, ok := errors.AsType[*topdown.Error](err)
	switch {
	case !ok:
		return "the query has no one result"
	case e.Location == nil:
		return e.Code
	}
	return fmt.Sprintf("%s: %s", e.Location, e.Code)
}
