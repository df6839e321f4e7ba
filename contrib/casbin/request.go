package casbinauthz

import (
	"slices"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// A Subject is who asks: r.sub in a matcher. Make one with [SubjectOf].
type Subject struct {
	ID      string   // of the user; "" for nobody
	Actor   string   // who acts as the user, or ""
	Roles   []string // see [Options.Roles]; ask with hasRole
	Methods []string // by which the user proved who they are; ask with proved

	proofAge time.Duration // negative: none that counts; ask with fresh
}

// An Env is what else there is to know: r.env in a matcher.
type Env struct {
	Tenant  string // see [policy.TenantOf]
	Unix    int64  // the time, in seconds
	Hour    int    // 0 to 23, where the Manager's clock is
	Weekday string // "Monday"
}

// SubjectOf returns r.sub, for [Options.Request].
func SubjectOf(in policy.Input) *Subject {
	return &Subject{ID: in.UserID, Actor: in.Actor, Roles: in.Roles, Methods: in.Methods, proofAge: in.ProofAge}
}

// ObjectOf returns r.obj, for [Options.Request]. Its Tenant is whose data the question
// is about, which the context says where there is no object.
func ObjectOf(in policy.Input) *auth.Object {
	o := in.Object
	o.Tenant = in.Tenant
	return &o
}

// EnvOf returns r.env, for [Options.Request].
func EnvOf(in policy.Input) *Env {
	return &Env{Tenant: in.Tenant, Unix: in.At.Unix(), Hour: in.At.Hour(), Weekday: in.At.Weekday().String()}
}

// A request is sub, obj and act in one piece of memory.
type request struct {
	sub    Subject
	obj    auth.Object
	values [4]any
}

// usual returns the first size of sub, obj, act and env.
func usual(in *policy.Input, roles []string, size int) []any {
	r := &request{
		sub: Subject{ID: in.UserID, Actor: in.Actor, Roles: roles, Methods: in.Methods, proofAge: in.ProofAge},
		obj: in.Object,
	}
	r.obj.Tenant = in.Tenant
	r.values = [4]any{&r.sub, &r.obj, in.Action}
	if size > 3 {
		r.values[3] = EnvOf(*in)
	}
	return r.values[:size:size]
}

// A hierarchy is what the rows g of a policy say: which roles somebody has who is
// "user:17", or has "role:admin".
type hierarchy map[string][]string

// roles returns those of in, and what follows from them.
func (h hierarchy) roles(in *policy.Input) []string {
	if len(h) == 0 {
		return in.Roles
	}
	all := slices.Clip(in.Roles)
	for _, r := range in.Roles {
		all = append(all, h[roleWord+r]...)
	}
	if in.UserID != "" {
		all = append(all, h[userWord+in.UserID]...)
	}
	return all
}
