package policy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// public is a filterer of a host's own.
type public struct{}

func (public) Authorize(ctx context.Context, a auth.Access) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o, _ := a.Describe()
	if t := policy.Tenant(ctx); t != "" && o.Tenant != t {
		return noOne
	}
	if o.Attrs["public"] != true {
		return noOne
	}
	return nil
}

func (public) Filter(ctx context.Context, a auth.Access) (policy.Condition, error) {
	c := policy.Equal("public", true)
	if t := policy.Tenant(ctx); t != "" {
		c = policy.And(c, policy.Equal("tenant", t))
	}
	return c, ctx.Err()
}

// fixed is a filterer that says the same of all objects.
type fixed struct {
	name string
	err  error
}

func (f fixed) Authorize(ctx context.Context, a auth.Access) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.err
}

func (f fixed) Filter(ctx context.Context, a auth.Access) (policy.Condition, error) {
	if err := f.Authorize(ctx, a); err != nil {
		return policy.None(), err
	}
	return policy.All(), nil
}

// none says no with a condition instead of an error.
type none struct{ fixed }

func (n none) Filter(ctx context.Context, a auth.Access) (policy.Condition, error) {
	return policy.None(), ctx.Err()
}

type node struct {
	auth.Authorizer
	text string
}

var leaves = []node{
	{policy.Users(), "users"},
	{policy.Everybody(), "everybody"},
	{policy.Owner(nil), "owner"},
	{policy.Owner(func(o any) string { s, _ := o.(auth.Object).Attrs["editor"].(string); return s }).Field("editor"), "editor"},
	{policy.Owner(func(o any) string { return o.(auth.Object).Owner }), "owner by function"},
	{policy.Fresh(10 * time.Minute), "fresh"},
	{policy.Fresh(time.Hour), "fresh hour"},
	{policy.Proof("totp"), "totp"},
	{policy.Proof("password", "totp").Within(time.Minute), "password"},
	{public{}, "public"},
	{public{}, "public"},
	{fixed{"no", noTwo}, "no"},
	{none{fixed{"none", noTwo}}, "none"},
	{fixed{"down", errDown}, "down"},
	{says(noOne), "no without filter"},
}

// grow makes a random policy.
func grow(r *rand.Rand, depth int) node {
	if depth == 0 || r.IntN(4) == 0 {
		return leaves[r.IntN(len(leaves))]
	}
	several := func() (as []auth.Authorizer, text string) {
		for range r.IntN(4) {
			n := grow(r, depth-1)
			as, text = append(as, n.Authorizer), text+" "+n.text
		}
		return as, text
	}
	switch r.IntN(8) {
	case 0, 1:
		as, text := several()
		return node{policy.AllOf(as...), "(all" + text + ")"}
	case 2, 3:
		as, text := several()
		return node{policy.AnyOf(as...), "(any" + text + ")"}
	case 4:
		as, text := several()
		return node{policy.FirstOf(as...), "(first" + text + ")"}
	case 5:
		n := grow(r, depth-1)
		return node{policy.Not(n.Authorizer), "(not " + n.text + ")"}
	case 6:
		n := grow(r, depth-1)
		pattern := []string{"posts:*", "posts:edit", "*", "admin"}[r.IntN(4)]
		return node{policy.For(n.Authorizer, pattern), "(for " + pattern + " " + n.text + ")"}
	}
	x, y := grow(r, depth-1), grow(r, depth-1)
	return node{policy.ByPrefix(map[string]auth.Authorizer{"posts": x.Authorizer, "admin": policy.PerRequest(y.Authorizer)}), "(prefix " + x.text + " " + y.text + ")"}
}

// questions are some of everybody who may ask.
func questions() []auth.Access {
	var qs []auth.Access
	proved := func(proofs ...auth.Proof) *auth.Identity {
		return &auth.Identity{UserID: "ada", Proofs: proofs, Session: &auth.Session{Proofs: proofs}}
	}
	password := auth.Proof{Method: "password", At: now.Add(-15 * time.Minute)}
	stale := proved(password)
	stale.Session.Stale = true
	for _, id := range []*auth.Identity{nil, {}, proved(password), {UserID: "bob"}, stale,
		proved(password, auth.Proof{Method: "totp", At: now.Add(-30 * time.Second)})} {
		for _, action := range []string{"posts:edit", "posts:read", "admin", "", "posts:"} {
			qs = append(qs, auth.Access{Identity: id, Action: action, At: now})
		}
	}
	return qs
}

// objects are some of everything that there is.
func objects() []auth.Object {
	var os []auth.Object
	for _, kind := range []string{"post", "page"} {
		for _, tenant := range []string{"", "a", "b"} {
			for _, owner := range []string{"", "ada", "bob"} {
				for _, attrs := range []map[string]any{nil, {"public": true}, {"public": "true", "editor": "ada"}} {
					os = append(os, auth.Object{Type: kind, ID: fmt.Sprint(len(os)), Tenant: tenant, Owner: owner, Attrs: attrs})
				}
			}
		}
	}
	return os
}

// For random policies: a filter is met by just those objects that Authorize allows, it
// hides no outage, and nothing is allowed to an ended context.
func TestFilterIsAuthorize(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2026))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	qs, os := questions(), objects()
	filtered, listed := 0, 0
	for range 3000 {
		p := grow(r, 4)
		ctx := t.Context()
		if tenant := []string{"", "", "a"}[r.IntN(3)]; tenant != "" {
			ctx = policy.WithTenant(ctx, tenant)
		}
		q := qs[r.IntN(len(qs))]
		q.Object = auth.Object{Type: "post"}
		c, err := policy.FilterOf(ctx, p.Authorizer, q)
		fail := func(o auth.Object, said error) {
			t.Fatalf("%s\n%+v, %q, tenant %q: filter %+v, %v\n%+v: %v", p.text, q.Identity, q.Action, policy.Tenant(ctx), c, err, o, said)
		}
		if err := p.Authorize(ended, q); err == nil {
			t.Fatalf("%s: allowed to an ended context", p.text)
		}
		if c, err := policy.FilterOf(ended, p.Authorizer, q); err == nil && c.Op != policy.OpNone {
			t.Fatalf("%s: lists %+v to an ended context", p.text, c)
		}
		if errors.Is(err, policy.ErrNoFilter) {
			continue
		}
		filtered++
		for _, o := range os {
			if o.Type != "post" {
				continue
			}
			q.Object = o
			said := p.Authorize(ctx, q)
			switch class(err) {
			case "outage":
			case "silent":
				if class(said) != "silent" {
					fail(o, said)
				}
			default:
				meets := err == nil && c.Matches(o)
				if meets != (said == nil) || class(said) == "outage" || class(said) == "silent" {
					fail(o, said)
				}
				if meets {
					listed++
				}
			}
		}
	}
	if filtered < 1000 || listed < 1000 {
		t.Errorf("%d policies filtered, %d objects were listed: too few", filtered, listed)
	}
}
