package cedarauthz

import (
	"context"
	"fmt"
	"maps"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// A decision is what Cedar asks for entities while it decides. They are made when they
// are asked for.
type decision struct {
	a       *Authorizer
	ctx     context.Context
	program *program
	plan    *plan
	in      policy.Input
	request cedar.Request

	principal, resource         cedar.Entity
	principalMade, resourceMade bool
	hosts                       map[cedar.EntityUID]found // what Options.Entities has said
	err                         error                     // the first that was wrong with an entity
	key                         []byte                    // to be used again
}

type found struct {
	entity cedar.Entity
	ok     bool
}

// decision returns one that is blank.
func (z *Authorizer) decision() *decision {
	if d, ok := z.decisions.Get().(*decision); ok {
		return d
	}
	return new(decision)
}

// release makes d blank, to be used again.
func (d *decision) release() {
	pool, key := &d.a.decisions, d.key
	*d = decision{}
	d.key = key
	pool.Put(d)
}

func (d *decision) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// Get returns an entity that a policy asks for.
func (d *decision) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	switch uid {
	case d.request.Principal:
		if !d.principalMade {
			d.principalMade = true
			d.principal.UID, d.principal.Parents, d.principal.Attributes = uid, d.roles(), d.ofPrincipal()
			d.addHosts(&d.principal)
		}
		return d.principal, true
	case d.request.Resource:
		if !d.resourceMade {
			d.resourceMade = true
			d.resource.UID, d.resource.Attributes = uid, d.ofResource()
			d.addHosts(&d.resource)
		}
		return d.resource, true
	case d.request.Action:
		action := d.plan.action
		d.addHosts(&action)
		return action, true
	}
	if uid.Type == userType {
		e := cedar.Entity{UID: uid, Attributes: d.ofUser(uid.ID)}
		d.addHosts(&e)
		return e, true
	}
	return d.ofHost(uid)
}

// addHosts adds what the host knows of an entity. Where both have an attribute, the
// host's does not count.
func (d *decision) addHosts(e *cedar.Entity) {
	of, ok := d.ofHost(e.UID)
	if !ok {
		return
	}
	if of.Parents.Len() > 0 {
		e.Parents = cedar.NewEntityUIDSet(append(e.Parents.Slice(), of.Parents.Slice()...)...)
	}
	if of.Attributes.Len() > 0 {
		m := of.Attributes.Map()
		maps.Insert(m, e.Attributes.All())
		e.Attributes = cedar.NewRecord(m)
	}
	e.Tags = of.Tags
}

// ofHost returns what Options.Entities says of uid. It is asked once.
func (d *decision) ofHost(uid cedar.EntityUID) (cedar.Entity, bool) {
	if d.a.entities == nil {
		return cedar.Entity{}, false
	}
	if f, ok := d.hosts[uid]; ok {
		return f.entity, f.ok
	}
	e, ok, err := d.a.entities(d.ctx, uid)
	if err != nil {
		d.fail(outage(fmt.Sprintf("Options.Entities: %s", uid), err))
		ok = false
	}
	if d.hosts == nil {
		d.hosts = make(map[cedar.EntityUID]found)
	}
	d.hosts[uid] = found{e, ok}
	return e, ok
}
