package casbinauthz

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/casbin/casbin/v3/constant"
	"github.com/casbin/casbin/v3/model"
	"github.com/casbin/casbin/v3/util"
	"github.com/casbin/govaluate"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A definition is a model that was read.
type definition struct {
	name, text string
	model      model.Model
	request    []string // the names in request_definition: "sub"
	matcher    string   // as Casbin has it, with r_sub for r.sub
	functions  map[string]func(args ...any) (any, error)
	known      map[string]govaluate.ExpressionFunction // those and Casbin's own
	own        bool                                    // the host makes the requests

	readsRules  bool // the matcher looks at the rows p
	standsAbove bool // the rows g are ours, not the matcher's
}

// readModel reads a model and checks what Casbin would not before the first question.
func (a *Authorizer) readModel(name string, data []byte) (*definition, error) {
	for i, line := range strings.Split(string(data), "\n") {
		if len(line) > 4000 { // Casbin takes what is beyond 4,096 for another line
			return nil, fmt.Errorf("casbinauthz: %s:%d: the line is too long for Casbin: end lines in \\", name, i+1)
		}
	}
	d := &definition{name: name, text: string(data), own: a.opts.Request != nil}
	m, err := model.NewModelFromString(d.text)
	if err != nil {
		return nil, fmt.Errorf("casbinauthz: %s: %w", name, err)
	}
	written, err := checkConf(name, d.text)
	if err != nil {
		return nil, err
	}
	d.model = m
	for _, section := range []string{"r", "p", "e", "m"} {
		if m[section][section] == nil {
			return nil, fmt.Errorf("casbinauthz: %s: there is no definition of %s", name, section)
		}
	}
	d.request = names(m["r"]["r"])
	d.matcher = m["m"]["m"].Value
	d.readsRules = strings.Contains(d.matcher, "p_") // as Casbin decides it
	d.standsAbove = !d.own && m["g"] != nil && !regexp.MustCompile(`\bg\d*\s*\(`).MatchString(d.matcher)

	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("casbinauthz: %s: "+format, append([]any{name}, args...)...))
	}
	for _, e := range slices.Sorted(maps.Keys(m["e"])) {
		switch m["e"][e].Value {
		case constant.AllowOverrideEffect, constant.AllowAndDenyEffect, constant.PriorityEffect, constant.SubjectPriorityEffect:
		case constant.DenyOverrideEffect:
			bad("policy_effect says yes to everything that no rule is about: write %s = some(where (p.eft == allow)) && !some(where (p.eft == deny))", e)
		default:
			bad("policy_effect is none that Casbin has: write %s = some(where (p.eft == allow)), to the letter", e)
		}
	}
	if !d.own {
		ours := []string{"sub", "obj", "act", "env"}
		if n := len(d.request); n < 3 || n > 4 || !slices.Equal(d.request, ours[:n]) {
			bad("request_definition has to be r = sub, obj, act, or r = sub, obj, act, env, unless there is Options.Request")
		}
	}
	for g, assertion := range m["g"] {
		if strings.Count(assertion.Value, "_") < 2 {
			bad("%s = %s: write %s = _, _", g, assertion.Value, g)
		}
	}
	if err := d.addFunctions(a.opts.Functions); err != nil {
		bad("%w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(m["m"])) {
		matcher := m["m"][key].Value
		// Casbin has doubled the backslashes, so that they stay.
		if err := errors.Join(d.checkExpression(matcher), sameLiterals(strings.ReplaceAll(written[key], `\`, `\\`), matcher)); err != nil {
			bad("matchers: %s: %w", key, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return d, nil
}

// reads reports whether a matcher looks at the rows of a kind, as Casbin decides it.
func (d *definition) reads(kind string) bool {
	for _, m := range d.model["m"] {
		if strings.Contains(m.Value, kind+"_") {
			return true
		}
	}
	return false
}

// names returns the names of a definition: those of p_sub, p_act are sub, act.
func names(a *model.Assertion) []string {
	var all []string
	for _, token := range a.Tokens {
		all = append(all, strings.TrimPrefix(token, a.Key+"_"))
	}
	return all
}

// addFunctions finds those that the policy may call. Casbin copies all that an enforcer
// has for every decision, so those that cannot be called are left out.
func (d *definition) addFunctions(more map[string]func(args ...any) (any, error)) error {
	fm := model.LoadFunctionMap()
	d.known = fm.GetFunctions()
	d.functions = map[string]func(args ...any) (any, error){}
	var errs []error
	for name, f := range more {
		if _, taken := d.known[name]; taken || Functions()[name] != nil || f == nil {
			errs = append(errs, fmt.Errorf("Options.Functions[%q] is nil, or the name of a function that there is already", name))
		}
		d.functions[name] = f
	}
	maps.Copy(d.functions, Functions())
	for name, f := range d.functions {
		d.known[name] = f
	}
	if !util.HasEval(d.matcher) { // the rows may call anything
		var matchers strings.Builder
		for _, m := range d.model["m"] {
			matchers.WriteString(m.Value)
		}
		maps.DeleteFunc(d.functions, func(name string, _ func(...any) (any, error)) bool {
			return !strings.Contains(matchers.String(), name)
		})
	}
	nothing := func(...any) (any, error) { return nil, nil }
	for g := range d.model["g"] {
		d.known[g] = nothing
	}
	d.known["eval"] = nothing
	return errors.Join(errs...)
}

// checkExpression parses a matcher, or what a row has for eval, and looks for what it
// says that there is not.
func (d *definition) checkExpression(text string) error {
	x, err := govaluate.NewEvaluableExpressionWithFunctions(text, d.known)
	if err != nil {
		return err
	}
	var errs []error
	tokens := x.Tokens()
	for i, token := range tokens {
		switch token.Kind {
		case govaluate.TIME:
			if !compared(tokens, i) {
				errs = append(errs, errors.New("a text that looks like a date is a number of seconds to govaluate, and equal to no text: compare it with < or >, or have it in a column or an attribute"))
			}
		case govaluate.VARIABLE:
			errs = append(errs, d.checkName([]string{token.Value.(string)}))
		case govaluate.ACCESSOR:
			errs = append(errs, d.checkName(token.Value.([]string)))
		}
	}
	return errors.Join(errs...)
}

// compared reports whether the token stands beside < or >, which only numbers do.
func compared(tokens []govaluate.ExpressionToken, i int) bool {
	for _, beside := range [...]int{i - 1, i + 1} {
		if beside >= 0 && beside < len(tokens) && tokens[beside].Kind == govaluate.COMPARATOR && slices.Contains([]any{"<", ">", "<=", ">="}, tokens[beside].Value) {
			return true
		}
	}
	return false
}

// checkName checks r_sub, p_act, or r_sub and then ID.
func (d *definition) checkName(of []string) error {
	prefix, name, _ := strings.Cut(of[0], "_")
	said := prefix + "." + strings.Join(append([]string{name}, of[1:]...), ".")
	switch {
	case d.model["p"][prefix] != nil && slices.Contains(names(d.model["p"][prefix]), name) && len(of) == 1:
		return nil
	case d.model["r"][prefix] == nil || !slices.Contains(names(d.model["r"][prefix]), name):
		return fmt.Errorf("there is no %s", said)
	case d.own || len(of) == 1:
		return nil
	}
	t := map[string]reflect.Type{"sub": reflect.TypeFor[Subject](), "obj": reflect.TypeFor[auth.Object](), "env": reflect.TypeFor[Env]()}[name]
	if t != nil {
		// Methods without arguments are not called as one would think by govaluate.
		if field, ok := t.FieldByName(of[1]); ok && field.IsExported() && len(of) == 2 {
			return nil
		}
	}
	return fmt.Errorf("there is no %s", said)
}

// call is a function that is called with a column last: (r_sub, r_obj, p_sub).
var call = regexp.MustCompile(`\b(\w+)\(([^()]*,)?\s*p_(\w+)\s*\)`)

// checkRules checks the rules as far as the model says what they mean.
func (d *definition) checkRules(rules []rule) error {
	meaning := map[string][]func(string) error{} // of a column
	for _, m := range call.FindAllStringSubmatch(d.matcher, -1) {
		check := map[string]func(string) error{
			"subjectMatch": validSubject,
			"objectMatch":  validObject,
			"actionMatch":  validAction,
			"hasRole":      validRole,
			"eval": func(text string) error {
				read := util.EscapeAssertion(text)
				return errors.Join(d.checkExpression(read), sameLiterals(text, read))
			},
		}[m[1]]
		if check != nil {
			meaning[m[3]] = append(meaning[m[3]], check)
		}
	}
	for _, m := range call.FindAllStringSubmatch(d.matcher, -1) {
		switch m[1] {
		case "regexMatch", "keyMatch2", "keyMatch3", "keyMatch4", "keyMatch5", "globMatch":
			meaning[m[3]] = append(meaning[m[3]], func(pattern string) error { return try(d.known[m[1]], "probe", pattern) })
		}
	}
	meaning["priority"] = []func(string) error{func(v string) error {
		_, err := strconv.Atoi(v)
		return err
	}}

	var errs []error
	seen := map[string]string{}
	allow := map[string]int{} // by kind
	for _, r := range rules {
		bad := func(err error) { errs = append(errs, fmt.Errorf("casbinauthz: %s: %w", r.where, err)) }
		assertion := d.model[r.section][r.kind]
		if assertion == nil {
			bad(fmt.Errorf("the model has no %s", r.kind))
			continue
		}
		if want, got := len(assertion.Tokens), len(r.values); got < want || got > want && (r.section == "p" || len(assertion.ParamsTokens) == 0) {
			bad(fmt.Errorf("%d columns, the model has %d: %s = %s", got, want, r.kind, assertion.Value))
			continue
		}
		id := r.kind + "," + strings.Join(r.values, ",") // Casbin's
		if before, ok := seen[id]; ok {
			bad(fmt.Errorf("the same as %s", before))
			continue
		}
		seen[id] = r.where
		if !d.denies(r) {
			allow[r.kind]++
		}
		if r.section != "p" {
			continue
		}
		for i, column := range names(assertion) {
			checks := meaning[column]
			switch {
			case column == "eft":
				checks = []func(string) error{func(v string) error { return d.checkEffect(r.kind, v) }}
			case r.kind != "p" && column != "priority": // what it is compared by is another matcher's
				continue
			}
			for _, check := range checks {
				if err := check(r.values[i]); err != nil {
					bad(fmt.Errorf("%s: %w", column, err))
				}
			}
		}
	}
	if err := d.checkColumns(rules); err != nil {
		errs = append(errs, err)
	}
	for kind := range d.model["p"] {
		if allow[kind] == 0 && d.reads(kind) && len(errs) == 0 {
			// With none at all Casbin asks the matcher about a rule of empty columns.
			errs = append(errs, fmt.Errorf("casbinauthz: no row %s allows anything: the policy is empty", kind))
		}
	}
	return errors.Join(errs...)
}

// checkColumns says which columns nothing looks at: a tenant that no matcher compares, or
// an effect that is called otherwise than eft, which makes a rule that denies one that
// allows.
func (d *definition) checkColumns(rules []rule) error {
	var text strings.Builder
	for _, m := range d.model["m"] {
		text.WriteString(m.Value + "\n")
	}
	if util.HasEval(text.String()) {
		for _, r := range rules {
			text.WriteString(util.EscapeAssertion(strings.Join(r.values, "\n")) + "\n")
		}
	}
	var errs []error
	for _, kind := range slices.Sorted(maps.Keys(d.model["p"])) {
		if !d.reads(kind) && !slices.ContainsFunc(rules, func(r rule) bool { return r.kind == kind }) {
			continue // the matcher says all there is to say
		}
		for _, column := range names(d.model["p"][kind]) {
			if column == "eft" || column == "priority" {
				continue
			}
			if !regexp.MustCompile(`\b` + regexp.QuoteMeta(kind+"_"+column) + `\b`).MatchString(text.String()) {
				errs = append(errs, fmt.Errorf("casbinauthz: %s: no matcher looks at %s.%s: compare it, or remove the column; an effect is called eft, and a priority priority", d.name, kind, column))
			}
		}
	}
	return errors.Join(errs...)
}

// try calls a function of Casbin's, which panics at a pattern that it cannot read.
func try(f func(args ...any) (any, error), args ...any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	_, err = f(args...)
	return err
}

// checkEffect: Casbin ignores a rule whose effect it does not know, or does not look at.
func (d *definition) checkEffect(kind, v string) error {
	effect := d.model["e"]["e"+kind[1:]] // which is by convention the one for p2
	switch {
	case v != "allow" && v != "deny":
		return fmt.Errorf("%q: write allow or deny", v)
	case v == "deny" && effect != nil && effect.Value == constant.AllowOverrideEffect:
		return errors.New("deny does nothing with this policy_effect: write some(where (p.eft == allow)) && !some(where (p.eft == deny))")
	}
	return nil
}

// denies reports whether a rule is a no.
func (d *definition) denies(r rule) bool {
	if r.section != "p" {
		return false
	}
	i := slices.Index(d.model["p"][r.kind].Tokens, r.kind+"_eft")
	return i >= 0 && r.values[i] == "deny"
}

// mayBeNobody reports whether a rule is for those too who are not logged in: it has to
// say so by the word for it, or by a role, which they may have if the host says so.
func (d *definition) mayBeNobody(r rule, roles bool) bool {
	return r.kind == "p" && slices.ContainsFunc(r.values, func(v string) bool {
		return v == everybody || roles && strings.HasPrefix(v, roleWord)
	})
}
