package cedarauthz

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cedar-policy/cedar-go"
)

// A program is a set of policies, made ready. It never changes, but for what it keeps
// to be fast.
type program struct {
	rules []rule
	more  bool // Options.Entities may put actions into groups

	mu      sync.Mutex
	plans   atomic.Pointer[map[string]*plan] // by action; copied when one is added
	records *cache[cedar.Record]
	parents *cache[cedar.EntityUIDSet]
}

// For hosts that make actions of what clients send: how many plans are kept, and how
// many bytes an action may have. Its groups have the square of that.
const (
	maxPlans  = 1024
	maxAction = 255
)

type rule struct {
	id     cedar.PolicyID
	policy *cedar.Policy
	reason string // of @reason
	uses   uses
	action scope
}

// A plan is how questions about one action are decided.
type plan struct {
	id     int // 0: not kept, and nothing is to be kept for it
	action cedar.Entity
	rules  []rule
	names  []string // of the attributes that the rules look at
	userID bool     // whether "id" is one
	// Those attributes of the context that the rules look at, and whether they look
	// at others.
	contextNames []string
	contextOther bool
	denied       string // the reason if no rule permits

	all      iter.Seq2[cedar.PolicyID, *cedar.Policy]
	lastType atomic.Pointer[objectType]
}

type objectType struct {
	kind string // in auth.Object
	name cedar.EntityType
}

// All makes of a plan what [cedar.Authorize] takes. Policies that are of other actions
// it would evaluate to false, one after the other.
func (p *plan) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] { return p.all }

// newProgram takes rules with ID and policy, and reads the rest.
func newProgram(rules []rule, more bool) (*program, error) {
	var faults []error
	for i := range rules {
		r := &rules[i]
		if r.policy == nil {
			faults = append(faults, fmt.Errorf("policy %q is nil", r.id))
			continue
		}
		var err error
		if r.uses, r.action, err = read(r.policy); err != nil {
			faults = append(faults, fmt.Errorf("policy %q: %w", r.id, err))
		}
		r.reason = string(r.policy.Annotations()["reason"])
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	p := &program{rules: rules, more: more, records: newCache[cedar.Record](), parents: newCache[cedar.EntityUIDSet]()}
	p.plans.Store(&map[string]*plan{})
	return p, nil
}

// compileFiles makes a program of files by their names.
func compileFiles(files map[string][]byte, more bool) (*program, error) {
	var rules []rule
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		list, err := cedar.NewPolicyListFromBytes(name, files[name])
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
			continue
		}
		named, err := nameAll(name, list)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		rules = append(rules, named...)
	}
	if len(rules) == 0 && len(faults) == 0 {
		faults = append(faults, errors.New("there is no policy in the files"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return newProgram(rules, more)
}

// nameAll gives the policies of a file their IDs: the file's name, and what @id says,
// or else the line.
func nameAll(file string, list cedar.PolicyList) ([]rule, error) {
	var rules []rule
	var faults []error
	taken := make(map[string]bool)
	for _, p := range list {
		at := p.Position()
		name, said := string(p.Annotations()["id"]), true
		if name == "" {
			name, said = fmt.Sprint(at.Line), false
		}
		if taken[name] && !said {
			name = fmt.Sprintf("%d:%d", at.Line, at.Column)
		}
		if taken[name] {
			faults = append(faults, fmt.Errorf("%s:%d: there is another policy %q in the file", file, at.Line, name))
		}
		taken[name] = true
		rules = append(rules, rule{id: cedar.PolicyID(file + ":" + name), policy: p})
	}
	return rules, errors.Join(faults...)
}

// compileSet makes a program of a host's own policies.
func compileSet(set *cedar.PolicySet, more bool) (*program, error) {
	var rules []rule
	for id, p := range set.All() {
		rules = append(rules, rule{id: id, policy: p})
	}
	slices.SortFunc(rules, func(a, b rule) int { return cmp.Compare(a.id, b.id) })
	return newProgram(rules, more)
}

// plan returns the plan for an action.
func (p *program) plan(action string) *plan {
	if known := (*p.plans.Load())[action]; known != nil {
		return known
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known := *p.plans.Load()
	if known[action] != nil {
		return known[action]
	}
	if len(known) >= maxPlans {
		return p.newPlan(action, 0)
	}
	made := p.newPlan(action, len(known)+1)
	known = maps.Clone(known)
	known[made.actionName()] = made
	p.plans.Store(&known)
	return made
}

func (p *plan) actionName() string { return string(p.action.UID.ID) }

func (p *program) newPlan(action string, id int) *plan {
	action = strings.Clone(action) // which may be a part of a request
	groups := groupsOf(action)
	parents := make([]cedar.EntityUID, len(groups))
	for i, g := range groups {
		parents[i] = cedar.NewEntityUID(actionType, cedar.String(g))
	}
	made := &plan{
		id:     id,
		action: cedar.Entity{UID: cedar.NewEntityUID(actionType, cedar.String(action)), Parents: cedar.NewEntityUIDSet(parents...)},
		denied: fmt.Sprintf("no policy permits %q", action),
	}
	u := usesOf(nil)
	for _, r := range p.rules {
		if r.action.fits(action, groups, p.more) {
			made.rules = append(made.rules, r)
			u.add(r.uses)
		}
	}
	made.names = u.names()
	made.userID = slices.Contains(made.names, "id")
	made.all = func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i := range made.rules {
			if !yield(made.rules[i].id, made.rules[i].policy) {
				return
			}
		}
	}
	made.contextNames, made.contextOther = u.contextNames()
	return made
}

// groupsOf returns the groups of an action: "*", "posts:*", and so on, as patterns of
// permissions are written.
func groupsOf(action string) []string {
	groups := []string{"*"}
	for i := range len(action) {
		if action[i] == ':' {
			groups = append(groups, action[:i]+":*")
		}
	}
	return groups
}

// key begins the key of a record, in b.
func (p *plan) key(b []byte, of byte) []byte {
	return binary.AppendUvarint(append(b[:0], of), uint64(p.id))
}
