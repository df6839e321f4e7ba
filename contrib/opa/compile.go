package opaauthz

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/util"
)

// A program is one version of a policy.
type program struct {
	name    string // of the rule that decides, for denials; "" if it is the host's own query
	decide  rego.PreparedEvalQuery
	reasons *rego.PreparedEvalQuery // nil: the policy gives none
}

// compile makes a program of files. The error says everything that is wrong with them.
func (s *settings) compile(files map[string][]byte) (*program, error) {
	modules, data, err := s.parse(files)
	if err != nil {
		return nil, err
	}
	ctx := context.Background() // nothing below waits for anything
	store := inmem.NewFromObjectWithOpts(data, inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Abort(ctx, txn)
	c := ast.NewCompiler().
		WithCapabilities(s.capabilities).
		WithSchemas(schemas()).
		WithEnablePrintStatements(false).
		WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn)) // data is no rule
	if c.Compile(modules); c.Failed() {
		return nil, fmt.Errorf("opaauthz: %w", c.Errors)
	}
	if err := errors.Join(s.check(c), checkData(c, data)); err != nil {
		return nil, err
	}
	prepare := func(rule ast.Ref) (rego.PreparedEvalQuery, error) {
		return rego.New(
			rego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(rule)))),
			rego.Compiler(c), rego.Capabilities(s.capabilities), rego.Store(store), rego.Transaction(txn),
			rego.StrictBuiltinErrors(true), // else a "not" of what went wrong would be a yes
		).PrepareForEval(ctx)
	}
	p := &program{name: s.query.String()}
	if p.decide, err = prepare(s.query); err != nil {
		return nil, fmt.Errorf("opaauthz: %s: %w", s.query, err)
	}
	if len(c.GetRulesExact(s.reasons)) > 0 {
		reasons, err := prepare(s.reasons)
		if err != nil {
			return nil, fmt.Errorf("opaauthz: %s: %w", s.reasons, err)
		}
		p.reasons = &reasons
	}
	return p, nil
}

// parse reads files by what they are.
func (s *settings) parse(files map[string][]byte) (map[string]*ast.Module, map[string]any, error) {
	modules, data := map[string]*ast.Module{}, map[string]any{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch ext := path.Ext(name); {
		case strings.HasSuffix(name, "_test.rego"):
		case ext == ".rego":
			m, err := ast.ParseModuleWithOpts(name, string(files[name]), ast.ParserOptions{Capabilities: s.capabilities, RegoVersion: ast.RegoV1})
			if err != nil {
				errs = append(errs, fmt.Errorf("opaauthz: %s: %w", name, err))
			}
			modules[name] = m
		case ext == ".json":
			var doc map[string]any
			err := util.UnmarshalJSON(files[name], &doc)
			if err == nil && doc == nil {
				err = errors.New("make it an object")
			}
			if err == nil {
				err = merge(data, doc, "data")
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("opaauthz: %s: %w", name, err))
			}
		default:
			errs = append(errs, fmt.Errorf("opaauthz: %s: it is neither Rego (.rego) nor data (.json): leave it out of Options.Files", name))
		}
	}
	return modules, data, errors.Join(errs...)
}

// merge adds what is in from: objects to each other, and nothing in the place of
// something else.
func merge(to, from map[string]any, where string) error {
	for key, v := range from {
		where := where + "." + key
		old, there := to[key]
		if !there {
			to[key] = v
			continue
		}
		oldObject, ok := old.(map[string]any)
		object, ok2 := v.(map[string]any)
		if !ok || !ok2 {
			return fmt.Errorf("%s is in another file as well", where)
		}
		if err := merge(oldObject, object, where); err != nil {
			return err
		}
	}
	return nil
}

// check looks at what the compiler allows, and nobody can want.
func (s *settings) check(c *ast.Compiler) error {
	rules := c.GetRulesExact(s.query)
	if len(rules) == 0 {
		return fmt.Errorf("opaauthz: there is no rule %s: write \"package %s\" at the top of a file, or say in Options.Query which rule decides",
			s.query, strings.TrimPrefix(s.query[:len(s.query)-1].String(), "data."))
	}
	var errs []error
	if !types.Contains(c.TypeEnv.GetByRef(s.query), types.B) {
		errs = append(errs, fmt.Errorf("opaauthz: %s is never true or false: begin it with \"%s if\"", s.query, rules[0].Head.Name))
	}
	if s.needReasons && len(c.GetRulesExact(s.reasons)) == 0 {
		errs = append(errs, fmt.Errorf("opaauthz: there is no rule %s: Options.Reasons names it", s.reasons))
	}
	deny := s.sibling("deny")
	if denies := c.GetRulesExact(deny); len(denies) > 0 && !needs(c.Graph, rules, denies) {
		errs = append(errs, fmt.Errorf("opaauthz: %s is there, and %s does not ask it: let it, as in \"not deny\" or \"count(deny) == 0\"; or call it reasons, if it only explains", deny, s.query))
	}
	return errors.Join(errs...)
}

// checkData says which rules ask for data that is in no file, and that no rule makes. It
// would be undefined, and a "not" of it a yes: to all, where a list of those who are
// banned is gone.
func checkData(c *ast.Compiler, data map[string]any) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Modules)) {
		seen := map[string]bool{}
		ast.WalkRefs(c.Modules[name], func(ref ast.Ref) bool {
			if missing := unknown(ref, c.RuleTree, data); missing != nil && !seen[missing.String()] {
				seen[missing.String()] = true
				where := name
				if at := ref[0].Location; at != nil {
					where = at.String()
				}
				errs = append(errs, fmt.Errorf("opaauthz: %s: there is no %s: no rule makes it, and it is in no file of data", where, missing))
			}
			return false
		})
	}
	return errors.Join(errs...)
}

// unknown returns the part of a reference to data that is not there; nil if it is, or if
// it depends on what is in data, such as a name in a list.
func unknown(ref ast.Ref, rules *ast.TreeNode, data map[string]any) ast.Ref {
	if !ref.HasPrefix(ast.DefaultRootRef) || len(ref) < 2 {
		return nil
	}
	node := rules.Child(ref[0].Value)
	for i, term := range ref[1:] {
		key, ok := term.Value.(ast.String)
		if !ok || node != nil && len(node.Values) > 0 {
			return nil
		}
		if node != nil {
			node = node.Child(key)
		}
		v, there := data[string(key)]
		switch below, isObject := v.(map[string]any); {
		case node == nil && !there:
			return ref[:i+2]
		case node == nil, there && !isObject:
			return nil
		default:
			data = below
		}
	}
	return nil
}

// needs reports whether rules ask one of those, themselves or by way of others.
func needs(g *ast.Graph, rules, those []*ast.Rule) bool {
	seen := map[*ast.Rule]bool{}
	var visit func(r *ast.Rule) bool
	visit = func(r *ast.Rule) bool {
		if r == nil || seen[r] {
			return false
		}
		seen[r] = true
		if slices.Contains(those, r) || visit(r.Else) {
			return true
		}
		for next := range g.Dependencies(r) {
			if n, ok := next.(*ast.Rule); ok && visit(n) {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(rules, visit)
}
