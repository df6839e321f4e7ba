package opaauthz_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/opa"
)

// The input is what the package comment says, and nothing else.
func TestInput(t *testing.T) {
	const now = "1795953600000000000"
	full := loggedIn("ada")
	full.Actor = "root"
	full.Proofs = append(full.Proofs, auth.Proof{Method: "totp", At: t0.Add(-time.Second)})
	stale := loggedIn("ada")
	stale.Session = &auth.Session{Stale: true}
	for name, c := range map[string]struct {
		access auth.Access
		roles  policy.Roles
		tenant string
		want   string
	}{
		"nobody": {
			access: auth.Access{Action: "a"},
			want:   `{"action": "a", "tenant": "", "now": ` + now + `}`,
		},
		"an identity without a user": {
			access: auth.Access{Action: "a", Identity: &auth.Identity{}},
			roles:  rolesOf("admin"),
			want:   `{"action": "a", "tenant": "", "now": ` + now + `}`,
		},
		"no object": {
			access: auth.Access{Action: "a", Identity: loggedIn("ada")}, tenant: "acme",
			want: `{"user": {"id": "ada", "roles": [], "methods": ["door"], "proof_age": 60000000000}, "action": "a", "tenant": "acme", "now": ` + now + `}`,
		},
		"no proof that counts": {
			access: auth.Access{Action: "a", Identity: stale},
			want:   `{"user": {"id": "ada", "roles": [], "methods": []}, "action": "a", "tenant": "", "now": ` + now + `}`,
		},
		"everything": {
			access: auth.Access{Action: "a", Identity: full, Object: auth.Object{Type: "post", ID: "17", Tenant: "acme", Owner: "bob", Attrs: map[string]any{
				"public": true, "words": int64(1 << 60), "state": "draft", "tags": []string{"x", "y"}, "none": []string(nil), "more": map[string]any{"a": 1.5},
			}}},
			roles: rolesOf("editor", "viewer"),
			want: `{"user": {"id": "ada", "actor": "root", "roles": ["editor", "viewer"], "methods": ["door", "totp"], "proof_age": 1000000000},
				"action": "a", "tenant": "acme", "now": ` + now + `, "object": {"type": "post", "id": "17", "tenant": "acme", "owner": "bob",
				"public": true, "words": 1152921504606846976, "state": "draft", "tags": ["x", "y"], "none": [], "more": {"a": 1.5}}}`,
		},
		"what has no tenant yet": {
			access: auth.Access{Action: "a", Object: auth.Object{Type: "post"}}, tenant: "acme",
			want: `{"action": "a", "tenant": "acme", "now": ` + now + `, "object": {"type": "post", "id": "", "tenant": "", "owner": ""}}`,
		},
		"an object in a word": {
			access: auth.Access{Action: "a", Object: "post/17"},
			want:   `{"action": "a", "tenant": "", "now": ` + now + `, "object": {"type": "post", "id": "17", "tenant": "", "owner": ""}}`,
		},
		"the empty object": {
			access: auth.Access{Action: "a", Object: auth.Object{}},
			want:   `{"action": "a", "tenant": "", "now": ` + now + `, "object": {"type": "", "id": "", "tenant": "", "owner": ""}}`,
		},
		"more than there is room for": {
			access: auth.Access{Action: "a", Identity: full, Object: auth.Object{Type: "post", Attrs: map[string]any{"1": "", "2": "b", "3": "c", "4": "d", "5": "e", "6": "f"}}},
			roles:  rolesOf(strings.Split("abcdefghij", "")...),
			want: `{"user": {"id": "ada", "actor": "root", "roles": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"], "methods": ["door", "totp"], "proof_age": 1000000000},
				"action": "a", "tenant": "", "now": ` + now + `, "object": {"type": "post", "id": "", "tenant": "", "owner": "", "1": "", "2": "b", "3": "c", "4": "d", "5": "e", "6": "f"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := opaauthz.New(prepared(t, "package gatehouse\nallow if input == "+c.want), &opaauthz.Options{Roles: c.roles})
			if err != nil {
				t.Fatal(err)
			}
			c.access.At = t0
			ctx := t.Context()
			if c.tenant != "" {
				ctx = policy.WithTenant(ctx, c.tenant)
			}
			if err := a.Authorize(ctx, c.access); err != nil {
				t.Errorf("%v: the input is not %s", err, c.want)
			}
		})
	}
}

// The time of the question is that of all of Rego's functions.
func TestTime(t *testing.T) {
	a := written(t, `allow if { time.now_ns() == input.now; time.weekday(input.now) == "Sunday" }`, nil)
	if err := a.Authorize(t.Context(), auth.Access{Action: "a", At: t0}); err != nil {
		t.Error(err)
	}
}
