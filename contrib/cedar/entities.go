package cedarauthz

import (
	"fmt"

	"github.com/cedar-policy/cedar-go"
)

// The types of entities that are not objects.
const (
	userType   = "User"
	nobodyType = "Nobody"
	roleType   = "Role"
	actionType = "Action"
	siteType   = "Site"
)

// roles returns what the principal is in.
func (d *decision) roles() cedar.EntityUIDSet {
	if len(d.in.Roles) == 0 {
		return cedar.EntityUIDSet{}
	}
	d.key = appendStrings(d.key[:0], d.in.Roles)
	return d.program.parents.get(d.key, func() cedar.EntityUIDSet {
		uids := make([]cedar.EntityUID, len(d.in.Roles))
		for i, name := range d.in.Roles {
			uids[i] = cedar.NewEntityUID(roleType, cedar.String(name))
		}
		return cedar.NewEntityUIDSet(uids...)
	})
}

// ofPrincipal returns the attributes of the principal. Nobody has none.
func (d *decision) ofPrincipal() cedar.Record {
	if d.in.UserID == "" {
		return cedar.Record{}
	}
	return d.ofUser(cedar.String(d.in.UserID))
}

// ofUser returns the attributes of a user: the ID as a string, to be compared with what
// objects have.
func (d *decision) ofUser(id cedar.String) cedar.Record {
	if !d.plan.userID {
		return cedar.Record{}
	}
	d.key = appendString(d.plan.key(d.key, 'u'), string(id))
	return d.kept(func() cedar.Record { return cedar.NewRecord(cedar.RecordMap{"id": id}) })
}

// ofResource returns those attributes of the object that policies look at.
func (d *decision) ofResource() cedar.Record {
	if len(d.plan.names) == 0 {
		return cedar.Record{}
	}
	o := &d.in.Object
	key := d.plan.key(d.key, 'r')
	for _, name := range d.plan.names {
		switch name {
		case "id":
			key = appendString(key, o.ID)
		case "owner":
			key = appendString(key, o.Owner)
		case "tenant":
			key = appendString(key, d.in.Tenant)
		default:
			v, ok := o.Attrs[name]
			if !ok {
				key = append(key, '-')
				continue
			}
			if key, ok = appendValue(key, v); !ok {
				_, err := valueOf(v)
				d.fail(fmt.Errorf("cedarauthz: the attribute %q of %q %w", name, o.String(), err))
				return cedar.Record{}
			}
		}
	}
	d.key = key
	return d.kept(func() cedar.Record {
		m := make(cedar.RecordMap, len(d.plan.names))
		for _, name := range d.plan.names {
			switch name {
			case "id":
				m["id"] = cedar.String(o.ID)
			case "owner":
				m["owner"] = cedar.NewEntityUID(userType, cedar.String(o.Owner))
			case "tenant":
				m["tenant"] = cedar.String(d.in.Tenant)
			default:
				if v, err := valueOf(o.Attrs[name]); err == nil {
					m[cedar.String(name)] = v
				}
			}
		}
		return cedar.NewRecord(m)
	})
}

// kept returns the record that is kept for d.key, or makes it.
func (d *decision) kept(make func() cedar.Record) cedar.Record {
	if d.plan.id == 0 {
		return make()
	}
	return d.program.records.get(d.key, make)
}
