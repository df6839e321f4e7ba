package cedarauthz_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
)

// Conditions that look at everything that there is, in every way that Cedar has.
var conditions = []string{
	`true`,
	`principal is User`,
	`principal in Role::"editor"`,
	`principal in [Role::"viewer", Role::"admin"]`,
	`principal is User in Role::"viewer"`,
	`resource.owner == principal`,
	`resource.tenant == "acme"`,
	`resource.id == "17"`,
	`resource has status && resource.status == "draft"`,
	`resource.status == "draft"`,
	`resource.status like "dr*"`,
	`resource["status"] == "draft"`,
	`resource has "odd name" && resource["odd name"]`,
	`resource has tags && resource.tags.contains("a")`,
	`resource has tags && resource.tags.containsAny(["b", "c"])`,
	`resource has tags && resource.tags.isEmpty()`,
	`resource has size && resource.size > 3`,
	`resource has missing`,
	`resource.size + 1 == 5`,
	`(if resource has status then resource else principal) == resource`,
	`(if true then resource else principal).owner == User::"ada"`,
	`{"a": resource}.a.owner == principal`,
	`{"a": resource}["a"] has size`,
	`[resource.owner, User::"zoe"].contains(principal)`,
	`principal has id && resource.owner == User::"bob" && principal.id == "ada"`,
	`principal is User && resource has tags && resource.tags.contains(principal.id)`,
	`principal.id == "ada"`,
	`resource.owner.id == "ada"`,
	`resource.owner in Role::"editor"`,
	`context has actor && context.actor.id == "root" && !(context.actor in Role::"editor")`,
	`User::"zoe".id == "zoe"`,
	`User::"" has id`,
	`context.tenant == "acme"`,
	`context has tenant`,
	`context has proofAge && context.proofAge < duration("10m")`,
	`context.proofAge <= duration("5m")`,
	`context.methods.contains("totp")`,
	`context has actor`,
	`context has actor && context.actor == User::"root"`,
	`context["actor"] == User::"root"`,
	`context has other`,
	`context.now > datetime("2026-01-01")`,
	`context == {"tenant": "acme"}`,
	`context == {}`,
	`[context].contains({"tenant": "", "methods": ["password"], "now": datetime("2026-03-04T12:00:00Z"), "proofAge": duration("5m")})`,
	`{"c": context}.c has actor`,
	`(if principal is User then context else {}) has methods`,
	`[{"Var": "context", "attr": "x"}].contains({"Var": "context"})`,
	`{"left": context, "attr": "tenant"}.left has actor`,
	`{".": context}["."].tenant == "acme"`,
	`action in Action::"posts:*"`,
	`action in [Action::"*"]`,
	`action == Action::"posts:edit"`,
	`action has x`,
	`resource in Site::""`,
	`resource == post::"17"`,
	`resource is post`,
	`Role::"editor" has id`,
	`principal.hasTag("x")`,
}

var actionScopes = []string{
	`action`, `action`, `action == Action::"posts:edit"`, `action == Action::"posts:read"`, `action in Action::"posts:*"`, `action in Action::"*"`,
	`action in [Action::"posts:edit", Action::"admin:*"]`, `action in []`, `action in [Action::"posts:edit"]`, `action == App::Action::"posts:edit"`, `action in Action::"posts:edit"`,
	`action in [Action::"posts"]`, `action == Action::"posts:*"`,
}

// What is left out because no policy looks at it, and policies that are left out because
// they are of another action, make no difference: the answer is that of Cedar with
// everything.
func TestSameAsByHand(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	kinds := map[string]int{}
	for i := range 3000 {
		var text strings.Builder
		for range 1 + random.IntN(4) {
			fmt.Fprintf(&text, "%s (%s, %s, %s)", pick([]string{"permit", "permit", "forbid"}), pick([]string{"principal", "principal is User", `principal in Role::"editor"`, `principal == User::"ada"`}),
				pick(actionScopes), pick([]string{"resource", "resource", "resource is post", `resource == post::"17"`}))
			for range random.IntN(3) {
				fmt.Fprintf(&text, " %s { %s }", pick([]string{"when", "when", "unless"}), pick(conditions))
			}
			text.WriteString(";\n")
		}
		set := setOf(t, text.String())
		held := [][]string{nil, {"editor"}, {"viewer", "editor"}, {"admin"}}[random.IntN(4)]
		a, err := cedarauthz.New(func() *cedar.PolicySet { return set }, &cedarauthz.Options{Roles: func(context.Context, auth.Access) ([]string, error) { return held, nil }})
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			access := auth.Access{Action: pick([]string{"posts:edit", "posts:read", "admin:view", "posts"}), At: noon}
			if random.IntN(4) > 0 {
				id := &auth.Identity{UserID: pick([]string{"ada", "bob"}), Actor: pick([]string{"", "root"})}
				for _, m := range []string{"password", "totp"}[:random.IntN(3)] {
					id.Proofs = append(id.Proofs, auth.Proof{Method: m, At: noon.Add(-5 * time.Minute)})
				}
				access.Identity = id
			}
			if random.IntN(4) > 0 {
				o := auth.Object{Type: pick([]string{"post", "note"}), ID: pick([]string{"17", "18"}), Owner: pick([]string{"", "ada", "bob"}), Tenant: pick([]string{"", "acme"}), Attrs: map[string]any{}}
				for name, v := range map[string]any{"status": "draft", "odd name": true, "tags": []string{"a", "ada"}, "size": int64(4)} {
					if random.IntN(2) > 0 {
						o.Attrs[name] = v
					}
				}
				access.Object = o
			}
			want := byHand(set, held, access)
			got := answer(a.Authorize(t.Context(), access))
			again := answer(a.Authorize(t.Context(), access))
			kinds[want]++
			if got != want || again != want {
				t.Fatalf("round %d: %s, then %s, want %s\n%s\n%+v\n%+v", i, got, again, want, text.String(), access.Identity, access)
			}
		}
	}
	t.Log(kinds)
	for _, kind := range []string{"yes", "no", "outage"} {
		if kinds[kind] < 100 {
			t.Errorf("only %d questions with the answer %s", kinds[kind], kind)
		}
	}
}

// byHand asks Cedar with everything that the package documents.
func byHand(set *cedar.PolicySet, held []string, a auth.Access) string {
	entities := cedar.EntityMap{}
	var parents []cedar.EntityUID
	for _, r := range held {
		parents = append(parents, cedar.NewEntityUID("Role", cedar.String(r)))
	}
	context := cedar.RecordMap{"tenant": cedar.String(""), "methods": cedar.NewSet(), "now": cedar.NewDatetime(a.At)}
	principal := cedar.Entity{UID: cedar.NewEntityUID("Nobody", ""), Parents: cedar.NewEntityUIDSet(parents...)}
	if id := a.Identity; id != nil {
		principal.UID = cedar.NewEntityUID("User", cedar.String(id.UserID))
		principal.Attributes = cedar.NewRecord(cedar.RecordMap{"id": cedar.String(id.UserID)})
		var methods []cedar.Value
		for _, p := range id.Proofs {
			methods = append(methods, cedar.String(p.Method))
			context["proofAge"] = cedar.NewDuration(5 * time.Minute)
		}
		context["methods"] = cedar.NewSet(methods...)
		if id.Actor != "" {
			context["actor"] = cedar.NewEntityUID("User", cedar.String(id.Actor))
		}
	}
	for _, id := range []cedar.String{"ada", "bob", "root", "zoe", ""} {
		uid := cedar.NewEntityUID("User", id)
		entities[uid] = cedar.Entity{UID: uid, Attributes: cedar.NewRecord(cedar.RecordMap{"id": id})}
	}
	entities[principal.UID] = principal
	action := cedar.Entity{UID: cedar.NewEntityUID("Action", cedar.String(a.Action)), Parents: cedar.NewEntityUIDSet(cedar.NewEntityUID("Action", "*"))}
	if prefix, _, ok := strings.Cut(a.Action, ":"); ok {
		action.Parents = cedar.NewEntityUIDSet(cedar.NewEntityUID("Action", "*"), cedar.NewEntityUID("Action", cedar.String(prefix+":*")))
	}
	entities[action.UID] = action
	o, _ := a.Object.(auth.Object)
	attrs := cedar.RecordMap{"id": cedar.String(o.ID), "owner": cedar.NewEntityUID("User", cedar.String(o.Owner)), "tenant": cedar.String(o.Tenant)}
	for name, v := range o.Attrs {
		switch v := v.(type) {
		case string:
			attrs[cedar.String(name)] = cedar.String(v)
		case bool:
			attrs[cedar.String(name)] = cedar.Boolean(v)
		case int64:
			attrs[cedar.String(name)] = cedar.Long(v)
		case []string:
			attrs[cedar.String(name)] = cedar.NewSet(cedar.String(v[0]), cedar.String(v[1]))
		}
	}
	resource := cedar.Entity{UID: cedar.NewEntityUID("Site", ""), Attributes: cedar.NewRecord(attrs)}
	if a.Object != nil {
		resource.UID = cedar.NewEntityUID(cedar.EntityType(o.Type), cedar.String(o.ID))
		context["tenant"] = cedar.String(o.Tenant)
	}
	entities[resource.UID] = resource
	decision, diagnostic := cedar.Authorize(set, entities, cedar.Request{Principal: principal.UID, Action: action.UID, Resource: resource.UID, Context: cedar.NewRecord(context)})
	switch {
	case len(diagnostic.Errors) > 0:
		return "outage"
	case decision == cedar.Allow:
		return "yes"
	}
	return "no"
}
