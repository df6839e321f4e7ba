package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
)

// What the roles of rows (g) are: each has so many permissions, and there are ten
// users for each.
const permissionsOfRole, usersOfRole = 10, 10

// A question is what is asked: hit is whether the answer is yes.
type question struct {
	user, action string
	hit          bool
}

// questions are so many of them about the roles, half of them hits.
func questions(n, roles int) []question {
	all := make([]question, n)
	for i := range all {
		role := i * 7919 % roles
		all[i] = question{user: userOf(role*usersOfRole + i%usersOfRole), action: actionOf(role, i%permissionsOfRole), hit: i%2 == 0}
		if !all[i].hit {
			all[i].action = actionOf((role+1)%roles, i%permissionsOfRole)
		}
	}
	return all
}

func userOf(n int) string { return "user" + strconv.Itoa(n) }

func roleOf(n int) string { return "role" + strconv.Itoa(n) }

func actionOf(role, n int) string { return "data" + strconv.Itoa(role) + ":" + strconv.Itoa(n) }

// RoleRows returns rows (g) for so many roles: whoever decides by roles, in memory. One
// question is asked again and again; and many in turn, which shows what it takes to
// fetch what no processor's cache has any more, from the floor's maps and from ours.
func RoleRows(roles int) ([]Row, error) {
	floor, ours, peer := newRoleFloor(roles), (*rbac.Authorizer)(nil), (*casbin.Enforcer)(nil)
	ours, err := newRoles(roles)
	if err == nil {
		peer, err = newCasbinRoles(roles)
	}
	if err != nil {
		return nil, err
	}
	deciders := []struct {
		name   string
		decide func(q *question, a *auth.Access) (bool, error)
	}{
		{"two maps", func(q *question, _ *auth.Access) (bool, error) { return floor.allows(q.user, q.action), nil }},
		{"Gatehouse", func(_ *question, a *auth.Access) (bool, error) {
			err := ours.Authorize(context.Background(), *a)
			if err != nil && !errors.Is(err, auth.ErrForbidden) {
				return false, err
			}
			return err == nil, nil
		}},
		{"casbin", func(q *question, _ *auth.Access) (bool, error) { return peer.Enforce(q.user, q.action) }},
	}
	var rows []Row
	for _, hit := range []bool{true, false} {
		var qs []question
		var accesses []auth.Access
		for _, q := range questions(2*InTurn, roles) {
			if q.hit == hit {
				qs = append(qs, q)
				accesses = append(accesses, auth.Access{Identity: &auth.Identity{UserID: q.user}, Action: q.action})
			}
		}
		name := fmt.Sprintf("(g) roles, %d permissions, %s", roles*permissionsOfRole, answerOf(hit))
		one := Row{Name: name, NoAllocs: true, Nanos: 60}
		turn := Row{Name: name + fmt.Sprintf(", %d users in turn", len(qs)), NoAllocs: true, Ratio: 1.3}
		middle := len(qs) / 2 // casbin goes through its rules from the first
		for i, d := range deciders {
			peer := i == 2
			from, to := 0, len(qs)
			if peer {
				from, to = middle, middle+2 // the others are answered alike, and as slowly
			}
			for i := from; i < to; i++ {
				if said, err := d.decide(&qs[i], &accesses[i]); err != nil || said != hit {
					return nil, fmt.Errorf("%s: %+v: %v, %w", d.name, qs[i], said, err)
				}
			}
			ask := func(i int) bool {
				said, _ := d.decide(&qs[i], &accesses[i])
				return said
			}
			one.Ops = append(one.Ops, decide(d.name, peer, 1, func(int) bool { return ask(middle) }))
			if !peer {
				turn.Ops = append(turn.Ops, decide(d.name, false, len(qs), ask))
			}
		}
		rows = append(rows, one, turn)
	}
	return rows, nil
}

func answerOf(hit bool) string {
	if hit {
		return "yes"
	}
	return "no"
}

// decided keeps answers from being left out.
var decided atomic.Int64

// decide is the Op of asking of-many questions in turn.
func decide(name string, seldom bool, of int, ask func(i int) bool) Op {
	return Op{Name: name, Seldom: seldom, Run: func(n int) Cost {
		return timed(func() {
			yes := 0
			for i := range n {
				if ask(i % of) {
					yes++
				}
			}
			decided.Add(int64(yes))
		})
	}}
}

// roleFloor is the work by hand: the roles of a user, the permissions of a role.
type roleFloor struct {
	mu          sync.RWMutex
	roles       map[string][]string
	permissions map[string]map[string]struct{}
}

func newRoleFloor(roles int) *roleFloor {
	f := &roleFloor{roles: map[string][]string{}, permissions: map[string]map[string]struct{}{}}
	for r := range roles {
		held := map[string]struct{}{}
		for p := range permissionsOfRole {
			held[actionOf(r, p)] = struct{}{}
		}
		f.permissions[roleOf(r)] = held
		for u := range usersOfRole {
			f.roles[userOf(r*usersOfRole+u)] = []string{roleOf(r)}
		}
	}
	return f
}

func (f *roleFloor) allows(user, action string) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, role := range f.roles[user] {
		if _, ok := f.permissions[role][action]; ok {
			return true
		}
	}
	return false
}

func newRoles(roles int) (*rbac.Authorizer, error) {
	var defined []rbac.Role
	for r := range roles {
		role := rbac.Role{Name: roleOf(r)}
		for p := range permissionsOfRole {
			role.Permissions = append(role.Permissions, actionOf(r, p))
		}
		defined = append(defined, role)
	}
	memory, err := rbac.NewMemory(defined...)
	if err != nil {
		return nil, err
	}
	for u := range roles * usersOfRole {
		if err := memory.Grant(context.Background(), rbac.Grant{UserID: userOf(u), Role: roleOf(u / usersOfRole)}); err != nil {
			return nil, err
		}
	}
	return rbac.New(memory, nil)
}

func newCasbinRoles(roles int) (*casbin.Enforcer, error) {
	m, err := model.NewModelFromString(`
[request_definition]
r = sub, act
[policy_definition]
p = sub, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && g(r.sub, p.sub)
`)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	var permissions, held [][]string
	for r := range roles {
		for p := range permissionsOfRole {
			permissions = append(permissions, []string{roleOf(r), actionOf(r, p)})
		}
		for u := range usersOfRole {
			held = append(held, []string{userOf(r*usersOfRole + u), roleOf(r)})
		}
	}
	if _, err := e.AddPolicies(permissions); err != nil {
		return nil, err
	}
	_, err = e.AddGroupingPolicies(held)
	return e, err
}
