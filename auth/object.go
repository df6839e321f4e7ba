package auth

import "strings"

// An Object is what policies can know of the object of an [Access], whatever type the
// host has for it. A host's own type has a method AuthObject() Object; see
// [Access.Describe].
type Object struct {
	Type   string // "post"
	ID     string // "17"; "" for what has none yet
	Tenant string // whose data it is a part of; "" on a site without tenants
	Owner  string // the ID of the user whose it is, or ""
	// Attrs are what else policies look at: strings, bools, int64s and slices of
	// strings. Whoever reads them changes nothing.
	Attrs map[string]any
}

// AuthObject returns o.
func (o Object) AuthObject() Object { return o }

// String returns type and ID, "post/17", for logs and events.
func (o Object) String() string {
	if o.ID == "" {
		return o.Type
	}
	return o.Type + "/" + o.ID
}

// Describe returns what policies can know of a.Object: what its method AuthObject()
// Object says; or if it is a string, the type and, behind a slash, the ID. It is
// false if there is no object, or one that says nothing of itself, as a nil pointer
// does not: where a.Object is not nil then, it is not to be taken for none.
func (a Access) Describe() (Object, bool) {
	switch o := a.Object.(type) {
	case nil:
		return Object{}, false
	case interface{ AuthObject() Object }:
		if isNil(o) {
			return Object{}, false
		}
		return o.AuthObject(), true
	case string:
		kind, id, _ := strings.Cut(o, "/")
		return Object{Type: kind, ID: id}, o != ""
	}
	return Object{}, false
}
