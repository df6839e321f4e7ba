package cedarauthz_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	cedarauthz "github.com/gatehouse-go/gatehouse/contrib/cedar"
)

// holds asks whether a condition is true of a question.
func holds(t *testing.T, condition string, opts *cedarauthz.Options, a auth.Access) string {
	t.Helper()
	return answer(open(t, `permit (principal, action, resource) when { `+condition+` };`, opts).Authorize(t.Context(), a))
}

func TestRequest(t *testing.T) {
	post := auth.Object{Type: "post", ID: "17", Owner: "bob", Tenant: "acme", Attrs: map[string]any{
		"status": "draft", "pinned": true, "size": int64(math.MaxInt64), "tags": []string{"a", "b", "a"}, "none": []string(nil), "odd name": "x",
		"owner": "ada", "id": "18", "tenant": "other",
	}}
	edit := by("ada", "posts:comments:edit", post)
	nobody := by("", "posts:list", nil)
	acting := by("ada", "posts:list", nil)
	acting.Identity.Actor = "root"
	with := func(change func(id *auth.Identity)) auth.Access {
		a := by("ada", "posts:list", nil)
		change(a.Identity)
		return a
	}
	for _, test := range []struct {
		condition string
		a         auth.Access
		want      string
	}{
		{`principal == User::"ada" && principal is User && principal.id == "ada"`, edit, "yes"},
		{`principal in Role::"editor" && principal in Role::"viewer"`, edit, "yes"},
		{`principal in Role::"ada" || principal in Role::"admin" || principal in Role::""`, edit, "no"},
		{`principal == Nobody::"" && principal is Nobody && !(principal is User) && !(principal has id)`, nobody, "yes"},
		{`principal == User::""`, nobody, "no"},
		{`principal == Nobody::""`, with(func(id *auth.Identity) { id.UserID = "" }), "yes"},
		{`principal in Role::"guest"`, nobody, "yes"},

		{`action == Action::"posts:comments:edit"`, edit, "yes"},
		{`action in Action::"*" && action in Action::"posts:*" && action in Action::"posts:comments:*" && action in [Action::"posts:*"]`, edit, "yes"},
		{`action in Action::"posts" || action in Action::"posts:comments" || action in Action::"posts:comments:edit:*" || action in Action::"post*" || action in Action::"comments:*"`, edit, "no"},

		{`resource == post::"17" && resource is post && resource.id == "17"`, edit, "yes"},
		{`resource.owner == User::"bob" && resource.owner is User && resource.tenant == "acme"`, edit, "yes"},
		{`resource.status == "draft" && resource.pinned == true && resource.size == 9223372036854775807 && resource["odd name"] == "x"`, edit, "yes"},
		{`resource.tags == ["b", "a"] && resource.none == [] && resource.none.isEmpty()`, edit, "yes"},
		{`resource has nothing`, edit, "no"},
		{`resource == Site::"" && resource.id == "" && resource.owner == User::"" && resource.owner != principal && resource.tenant == ""`, acting, "yes"},
		{`resource.owner == principal`, nobody, "no"},
		{`resource.owner == principal`, by("", "posts:read", auth.Object{Type: "post", ID: "1"}), "no"},
		{`resource == post::"" && resource is post`, by("ada", "posts:create", "post"), "yes"},

		{`context.tenant == "acme"`, edit, "yes"},
		{`context.methods == ["password"] && context.now == datetime("2026-03-04T12:00:00Z") && context.proofAge == duration("5m")`, edit, "yes"},
		{`context has actor`, edit, "no"},
		{`resource.owner.id == "bob" && !(resource.owner in Role::"editor")`, edit, "yes"},
		{`context.actor.id == "root"`, acting, "yes"},
		{`resource.owner.id == ""`, nobody, "yes"},
		{`context.actor == User::"root"`, acting, "yes"},
		{`context has proofAge || !(context.methods == [])`, nobody, "no"},
		{`context has proofAge`, with(func(id *auth.Identity) { id.Session = &auth.Session{Stale: true} }), "no"},
		{`context.methods.containsAll(["password", "totp"]) && context.proofAge == duration("1m")`, with(func(id *auth.Identity) {
			id.Proofs = append(id.Proofs, auth.Proof{Method: "totp", At: noon.Add(-time.Minute)})
		}), "yes"},
		{`context.proofAge <= duration("10m")`, with(func(id *auth.Identity) { id.Proofs[0].At = noon.Add(-10 * time.Minute) }), "yes"},
		{`context.proofAge <= duration("10m")`, with(func(id *auth.Identity) { id.Proofs[0].At = noon.Add(-10*time.Minute - 1) }), "no"},
		{`context.proofAge <= duration("10m")`, with(func(id *auth.Identity) { id.Proofs[0].At = time.Time{}.Add(1) }), "no"},
		{`context.proofAge == duration("0ms")`, with(func(id *auth.Identity) { id.Proofs[0].At = noon.Add(time.Second) }), "yes"},
	} {
		opts := &cedarauthz.Options{Roles: roles{"ada": {"editor", "viewer"}, "": {"guest"}}.of}
		if got := holds(t, test.condition, opts, test.a); got != test.want {
			t.Errorf("%s: %s, want %s", test.condition, got, test.want)
		}
	}
}

func TestTenantOfTheContext(t *testing.T) {
	ctx := policy.WithTenant(t.Context(), "acme")
	a := open(t, `permit (principal, action, resource) when { context.tenant == "acme" && resource.tenant == "acme" };`, nil)
	for _, test := range []struct {
		object any
		want   string
	}{
		{nil, "yes"}, {"post", "yes"}, {auth.Object{Type: "post", ID: "1", Tenant: "acme"}, "yes"},
		{auth.Object{Type: "post", ID: "1", Tenant: "other"}, "no"}, {"post/1", "no"},
	} {
		if got := answer(a.Authorize(ctx, by("ada", "posts:list", test.object))); got != test.want {
			t.Errorf("%+v: %s, want %s", test.object, got, test.want)
		}
	}
}

func TestAttributesThatAreNone(t *testing.T) {
	type named string
	a := open(t, `permit (principal, action == Action::"posts:edit", resource) when { resource has x || true }; permit (principal, action, resource);`, nil)
	for _, v := range []any{nil, 3, 3.5, uint64(1), int32(1), named("x"), []any{"x"}, []int64{1}, map[string]string{}, time.Time{}, &auth.Object{}, cedar.String("x")} {
		object := auth.Object{Type: "post", ID: "17", Attrs: map[string]any{"x": v, "y": "z"}}
		says(t, check(t, a, by("ada", "posts:edit", object), "outage"), `"x"`, "post/17", fmt.Sprintf("%T", v))
		check(t, a, by("ada", "posts:read", object), "yes") // no policy looks at it
	}
}

// What is in an ID is an ID, whatever it looks like.
func TestIDs(t *testing.T) {
	ids := []string{"ada", `a"b`, `a\`, "a\nb", "a\x00b", "a\x00", "\xff\xfe", "Ada", "ada ", "é", "e\u0301", `User::"ada"`, "admin", "*", strings.Repeat("x", 300)}
	owner := open(t, `permit (principal, action, resource) when { resource.owner == principal && principal.id == resource.name };`, nil)
	role := open(t, `permit (principal in Role::"admin", action, resource);`, &cedarauthz.Options{
		Roles: func(_ context.Context, a auth.Access) ([]string, error) {
			return []string{a.Identity.UserID + "?"}, nil
		},
	})
	for _, id := range ids {
		for _, other := range ids {
			want := "no"
			if id == other {
				want = "yes"
			}
			check(t, owner, by(id, "posts:edit", auth.Object{Type: "post", ID: id, Owner: other, Attrs: map[string]any{"name": other}}), want)
		}
		check(t, role, by(id, "posts:edit", nil), "no")
	}
	var set strings.Builder
	for _, id := range ids[:12] {
		fmt.Fprintf(&set, "permit (principal == %s, action, resource);\n", cedar.NewEntityUID("User", cedar.String(id)))
	}
	if strings.Contains(set.String(), "\x00") {
		t.Error("NUL was not escaped")
	}
}

func TestTypes(t *testing.T) {
	a := open(t, `permit (principal, action, resource is Blog::Post);`, &cedarauthz.Options{Types: map[string]string{"blog-post": "Blog::Post", "User": "Account"}})
	check(t, a, by("ada", "posts:edit", "blog-post/17"), "yes")
	check(t, a, by("ada", "posts:edit", "Blog::Post/17"), "yes")
	check(t, a, by("ada", "posts:edit", "post/17"), "no")
	check(t, a, by("ada", "posts:edit", "User/ada"), "no")
	check(t, a, by("ada", "posts:edit", "blog-post/17"), "yes")
}

func TestEntities(t *testing.T) {
	uid := cedar.NewEntityUID
	theirs := cedar.EntityMap{}
	for _, e := range []cedar.Entity{
		{UID: uid("User", "ada"), Parents: cedar.NewEntityUIDSet(uid("Group", "writers")), Attributes: cedar.NewRecord(cedar.RecordMap{"id": cedar.String("root"), "level": cedar.Long(3)}), Tags: cedar.NewRecord(cedar.RecordMap{"t": cedar.True})},
		{UID: uid("Group", "writers"), Parents: cedar.NewEntityUIDSet(uid("Group", "staff"))},
		{UID: uid("User", "bob"), Attributes: cedar.NewRecord(cedar.RecordMap{"active": cedar.True})},
		{UID: uid("post", "17"), Parents: cedar.NewEntityUIDSet(uid("Folder", "drafts")), Attributes: cedar.NewRecord(cedar.RecordMap{"owner": uid("User", "ada"), "status": cedar.String("final"), "folder": uid("Folder", "drafts")})},
		{UID: uid("Folder", "drafts"), Attributes: cedar.NewRecord(cedar.RecordMap{"open": cedar.True})},
		{UID: uid("Role", "editor"), Parents: cedar.NewEntityUIDSet(uid("Role", "viewer"))},
		{UID: uid("Action", "posts:read"), Parents: cedar.NewEntityUIDSet(uid("Action", "harmless"), uid("App::Action", "all"))},
	} {
		theirs[e.UID] = e
	}
	asked := map[cedar.EntityUID]int{}
	opts := &cedarauthz.Options{
		Roles: roles{"ada": {"editor"}}.of,
		Entities: func(_ context.Context, uid cedar.EntityUID) (cedar.Entity, bool, error) {
			asked[uid]++
			e, ok := theirs[uid]
			return e, ok, nil
		},
	}
	question := by("ada", "posts:read", auth.Object{Type: "post", ID: "17", Owner: "bob", Attrs: map[string]any{"status": "draft"}})
	for _, test := range []struct{ condition, want string }{
		{`principal in Group::"writers" && principal in Group::"staff" && principal in Role::"editor" && principal in Role::"viewer"`, "yes"},
		{`principal.id == "ada" && principal.level == 3 && principal.getTag("t")`, "yes"},
		{`principal in Role::"admin" || principal in Group::"admins"`, "no"},
		{`resource in Folder::"drafts" && resource.folder.open && resource.owner == User::"bob" && resource.status == "draft" && resource.owner.active`, "yes"},
		{`action in Action::"harmless" && action in App::Action::"all" && action in Action::"posts:*"`, "yes"},
		{`action in Action::"harmful"`, "no"},
	} {
		clear(asked)
		if got := holds(t, test.condition, opts, question); got != test.want {
			t.Errorf("%s: %s, want %s", test.condition, got, test.want)
		}
		for uid, n := range asked {
			if n != 1 {
				t.Errorf("%s: asked %d times for %s", test.condition, n, uid)
			}
		}
	}
	a := open(t, `permit (principal, action in [Action::"harmless"], resource); forbid (principal, action in App::Action::"all", resource) unless { principal in Group::"staff" };`, opts)
	check(t, a, question, "yes")
	question.Identity.UserID = "bob"
	check(t, a, question, "no")
}

func TestContext(t *testing.T) {
	calls := 0
	opts := &cedarauthz.Options{Context: func(ctx context.Context, a auth.Access) (cedar.RecordMap, error) {
		calls++
		return cedar.RecordMap{"weather": cedar.String("fair"), "who": cedar.String(a.Identity.UserID)}, nil
	}}
	for _, test := range []struct {
		condition string
		want      string
		calls     int
	}{
		{`context.weather == "fair" && context.who == "ada" && context.tenant == ""`, "yes", 1},
		{`context has rain`, "no", 1},
		{`context == {}`, "no", 1},
		{`context.tenant == ""`, "yes", 0},
		{`true`, "yes", 0},
	} {
		calls = 0
		if got := holds(t, test.condition, opts, by("ada", "posts:list", nil)); got != test.want || calls != test.calls {
			t.Errorf("%s: %s with %d calls, want %s with %d", test.condition, got, calls, test.want, test.calls)
		}
	}
}
