package casbinauthz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casbin/casbin/v3"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/internal/action"
)

// Authorize asks the enforcer. A no is a [*auth.Denial]: Policy is the file and the line
// of the rule that denied, or "casbin" where no rule allowed. Whatever goes wrong in
// Casbin is an outage.
func (a *Authorizer) Authorize(ctx context.Context, access auth.Access) error {
	// Casbin knows no contexts.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("casbinauthz: %w", err)
	}
	if !action.Valid(access.Action) {
		return no("this is not the name of an action")
	}
	in, err := policy.Describe(ctx, access, a.opts.Roles)
	if err != nil {
		return err
	}
	if a.source != nil {
		err = a.source.Policy().ask(&in, a.opts.Request)
	} else {
		err = a.askHost(&in)
	}
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("casbinauthz: %w", err)
	}
	return nil
}

// ask asks the engine that was made of files.
func (c *compiled) ask(in *policy.Input, own func(policy.Input) ([]any, error)) error {
	engine := c.engine
	roles := c.up.roles(in)
	if in.UserID == "" {
		if engine = c.public; own == nil && len(roles) > 0 {
			engine = c.held
		}
		if engine == nil {
			return no("no rule is for nobody")
		}
	}
	values, err := c.request(in, roles, own)
	if err != nil {
		return err
	}
	if _, other := values[0].(casbin.EnforceContext); other && in.UserID == "" {
		return no("no rule of another definition is for nobody") // what has none is asked about as if it had an empty one
	}
	// Which rule it was costs nothing here.
	ok, rule, err := engine.EnforceEx(values...)
	switch {
	case err != nil:
		return outage(err)
	case ok && in.UserID == "" && !isForNobody(rule, roles):
		return no("the rule is not for nobody, nor for a role that nobody has")
	case ok:
		return nil
	case len(rule) == 0:
		return no("no rule allows it")
	}
	return &auth.Denial{Policy: c.at[key(rule)], Reason: "a rule denies it: " + strings.Join(rule, ", ")}
}

// isForNobody reports whether a rule says that it is for nobody, or for one of the roles.
func isForNobody(rule, roles []string) bool {
	return slices.ContainsFunc(rule, func(v string) bool {
		role, ok := strings.CutPrefix(v, roleWord)
		return v == everybody || ok && slices.Contains(roles, role)
	})
}

// request returns the values of the request_definition.
func (c *compiled) request(in *policy.Input, roles []string, own func(policy.Input) ([]any, error)) ([]any, error) {
	if own == nil {
		return usual(in, roles, c.size), nil
	}
	values, err := own(*in)
	if err != nil {
		return nil, fmt.Errorf("casbinauthz: Options.Request: %w", err)
	}
	want := c.size
	if len(values) > 0 {
		if _, ok := values[0].(casbin.EnforceContext); ok {
			want = len(values) // of another definition
		}
	}
	// Casbin's own error would have the values in it.
	if len(values) != want || want == 0 {
		return nil, fmt.Errorf("casbinauthz: Options.Request: %d values, the model's request_definition has %d", len(values), want)
	}
	return values, nil
}

// askHost asks the host's own enforcer.
func (a *Authorizer) askHost(in *policy.Input) error {
	if in.UserID == "" {
		return no("the enforcer is not asked about nobody")
	}
	var values []any
	if a.opts.Request == nil {
		values = usual(in, in.Roles, 3)
	} else {
		var err error
		if values, err = a.opts.Request(*in); err != nil {
			return fmt.Errorf("casbinauthz: Options.Request: %w", err)
		}
	}
	var (
		ok   bool
		rule []string
		err  error
	)
	if ex, can := a.host.(explainer); can && !(a.cached && distinct(values)) {
		ok, rule, err = ex.EnforceEx(values...)
	} else {
		ok, err = a.host.Enforce(values...)
	}
	switch {
	case err != nil:
		return outage(err)
	case ok:
		return nil
	case len(rule) == 0:
		return no("no rule allows it")
	}
	return no("a rule denies it: " + strings.Join(rule, ", "))
}

// distinct reports whether Casbin's cache can tell the request from every other: it
// joins the values with "$$". EnforceEx does not ask the cache.
func distinct(values []any) bool {
	for _, v := range values {
		s := ""
		switch v := v.(type) {
		case string:
			s = v
		case casbin.CacheableParam:
			s = v.GetCacheKey()
		}
		if strings.Contains(s, "$") {
			return false
		}
	}
	return true
}

func no(reason string) error { return &auth.Denial{Policy: "casbin", Reason: reason} }

// outage says what went wrong in Casbin, without the values that it was asked about:
// they may be anything that the host has told of an object.
func outage(err error) error {
	said := err.Error()
	if panicked, ok := strings.CutPrefix(said, "panic: "); ok { // and then the stack
		value, stack := panicked, ""
		if i := strings.LastIndex(panicked, "\ngoroutine "); i >= 0 {
			value, stack = panicked[:i], panicked[i:]
		}
		if !strings.HasPrefix(value, "runtime error: ") && !strings.HasPrefix(value, "interface conversion: ") && !strings.HasPrefix(value, "assignment to entry") {
			value = "a value of the host's"
		}
		said = "panicked: " + value + stack
	}
	if before, _, ok := strings.Cut(said, "rvals: "); ok {
		said = strings.TrimRight(before, ", ")
	}
	if strings.HasPrefix(said, "Unable to compile regexp pattern") { // and then the pattern
		said = "a value is no regular expression"
	}
	if value, rest, ok := strings.Cut(said, "' cannot be used with"); ok && strings.HasPrefix(value, "Value '") {
		said = "a value cannot be used with" + rest
	}
	return errors.New("casbinauthz: the enforcer could not tell: " + said)
}
