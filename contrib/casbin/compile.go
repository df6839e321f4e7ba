package casbinauthz

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// compiled is one version of the policy. Nothing of it changes once it is made: an
// Enforcer that nobody changes needs no lock.
type compiled struct {
	engine *casbin.Enforcer
	public *casbin.Enforcer  // with the rules that may be about nobody, who has no roles; nil: none
	held   *casbin.Enforcer  // with those for roles too, which the host may give to nobody; nil: none
	size   int               // of the request_definition
	up     hierarchy         // of the rows g
	at     map[string]string // where a rule stands, by key
}

// compile makes an enforcer of files. The error says everything that is wrong.
func (a *Authorizer) compile(files map[string][]byte) (*compiled, error) {
	var errs []error
	var models []string
	var rules []rule
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) == ".conf" {
			models = append(models, name)
			continue
		}
		read, err := readRules(name, files[name])
		rules = append(rules, read...)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(models) != 1 {
		return nil, fmt.Errorf("casbinauthz: there are %d models among the files (%s): exactly one file has to end in .conf", len(models), strings.Join(models, ", "))
	}
	d, err := a.readModel(models[0], files[models[0]])
	if err != nil {
		return nil, err
	}
	if err := d.checkRules(rules); err != nil {
		return nil, err
	}
	return a.assemble(d, rules)
}

// assemble makes the enforcers, and tries them.
func (a *Authorizer) assemble(d *definition, rules []rule) (*compiled, error) {
	c := &compiled{size: len(d.request), at: make(map[string]string, len(rules))}
	for _, r := range rules {
		if r.section == "p" {
			c.at[key(r.values)] = r.where
		}
	}
	if d.standsAbove {
		var err error
		if c.up, err = readHierarchy(rules); err != nil {
			return nil, err
		}
	}
	var err error
	if c.engine, err = d.enforcer(rules); err != nil {
		return nil, err
	}
	if c.public, err = d.forNobody(rules, false); err != nil {
		return nil, err
	}
	if a.opts.Request == nil {
		if c.held, err = d.forNobody(rules, true); err != nil {
			return nil, err
		}
	}
	// What reads well may still fail at the first question. A host's own values are not
	// to be guessed.
	if a.opts.Request == nil && len(a.opts.Functions) == 0 {
		probe := policy.Input{UserID: "probe", Action: "probe", ProofAge: -1, Object: auth.Object{Type: "probe", ID: "probe"}}
		if _, err := c.engine.Enforce(usual(&probe, nil, c.size)...); err != nil {
			return nil, fmt.Errorf("casbinauthz: %s: %w", d.name, err)
		}
	}
	return c, nil
}

// forNobody makes an enforcer with the rules that may be about nobody, or about roles
// too; nil if none of them allows anything.
func (d *definition) forNobody(rules []rule, roles bool) (*casbin.Enforcer, error) {
	var public []rule
	open := false
	for _, r := range rules {
		switch {
		case r.section == "g":
			public = append(public, r)
		case d.mayBeNobody(r, roles):
			open = open || !d.denies(r)
			public = append(public, r)
		case d.denies(r):
			public = append(public, r)
		}
	}
	if !open || !d.readsRules {
		return nil, nil
	}
	return d.enforcer(public)
}

// enforcer makes an enforcer with these rules, which tells nobody of anything: it has
// no logger, no watcher, and no adapter that could save.
func (d *definition) enforcer(rules []rule) (*casbin.Enforcer, error) {
	m, err := model.NewModelFromString(d.text)
	if err != nil {
		return nil, fmt.Errorf("casbinauthz: %s: %w", d.name, err)
	}
	e, err := casbin.NewEnforcer(m, readOnly(rules))
	if err != nil {
		return nil, fmt.Errorf("casbinauthz: %w", err)
	}
	e.EnableAutoSave(false)
	e.EnableAutoNotifyWatcher(false)
	e.EnableAutoNotifyDispatcher(false)
	for name, f := range d.functions {
		e.AddFunction(name, f)
	}
	return e, nil
}

// readOnly is a persist.Adapter for rules that were read already.
type readOnly []rule

func (rules readOnly) LoadPolicy(m model.Model) error {
	for _, r := range rules {
		if err := m.AddPolicy(r.section, r.kind, r.values); err != nil {
			return fmt.Errorf("%s: %w", r.where, err)
		}
	}
	return nil
}

var errReadOnly = errors.New("casbinauthz: the policy is read from files, and never written")

func (readOnly) SavePolicy(model.Model) error                { return errReadOnly }
func (readOnly) AddPolicy(string, string, []string) error    { return errReadOnly }
func (readOnly) RemovePolicy(string, string, []string) error { return errReadOnly }
func (readOnly) RemoveFilteredPolicy(string, string, int, ...string) error {
	return errReadOnly
}
