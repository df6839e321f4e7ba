package policy_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
)

// post is an object of a host's own. It says nothing of itself.
type post struct{ author string }

// article is one that does.
type article struct {
	id, tenant, author string
	attrs              map[string]any
}

func (a *article) AuthObject() auth.Object {
	return auth.Object{Type: "article", ID: a.id, Tenant: a.tenant, Owner: a.author, Attrs: a.attrs}
}

func authorOf(o any) string {
	if p, ok := o.(*post); ok {
		return p.author
	}
	return ""
}

func TestLeaves(t *testing.T) {
	nobody := auth.Access{Action: "x", At: now}
	nameless := auth.Access{Action: "x", At: now, Identity: &auth.Identity{}}
	inA := policy.WithTenant(t.Context(), "a")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	users, everybody, owner, author := policy.Users(), policy.Everybody(), policy.Owner(nil), policy.Owner(authorOf)
	for name, tt := range map[string]struct {
		a    auth.Authorizer
		ctx  context.Context
		q    auth.Access
		want string
	}{
		"users":                                {users, t.Context(), ada("x"), "yes"},
		"users, nobody":                        {users, t.Context(), nobody, "no"},
		"users, somebody without an ID":        {users, t.Context(), nameless, "no"},
		"users, ended":                         {users, ended, ada("x"), "outage"},
		"users, nobody, ended":                 {users, ended, nobody, "no"},
		"users, here":                          {users, inA, about(ada("x"), &article{id: "1", tenant: "a"}), "yes"},
		"users, elsewhere":                     {users, inA, about(ada("x"), &article{id: "1", tenant: "b"}), "no"},
		"users, in no tenant":                  {users, inA, about(ada("x"), "article/1"), "no"},
		"users, a list":                        {users, inA, about(ada("x"), "article"), "yes"},
		"users, who knows where":               {users, inA, about(ada("x"), &post{"ada"}), "outage"},
		"users, a site without tenants":        {users, t.Context(), about(ada("x"), &post{"ada"}), "yes"},
		"everybody":                            {everybody, t.Context(), nobody, "yes"},
		"everybody, ended":                     {everybody, ended, nobody, "outage"},
		"everybody, elsewhere":                 {everybody, inA, about(nobody, &article{id: "1", tenant: "b"}), "no"},
		"owner":                                {owner, t.Context(), about(ada("x"), &article{author: "ada"}), "yes"},
		"owner by value":                       {owner, t.Context(), about(ada("x"), auth.Object{Owner: "ada"}), "yes"},
		"owner, another's":                     {owner, t.Context(), about(ada("x"), &article{author: "bob"}), "no"},
		"owner, case":                          {owner, t.Context(), about(ada("x"), &article{author: "Ada"}), "no"},
		"owner, nobody's":                      {owner, t.Context(), about(ada("x"), &article{}), "no"},
		"owner, nobody of nobody's":            {owner, t.Context(), about(nobody, &article{}), "no"},
		"owner, no ID of nobody's":             {owner, t.Context(), about(nameless, &article{}), "no"},
		"owner of nothing":                     {owner, t.Context(), ada("x"), "no"},
		"owner of a text":                      {owner, t.Context(), about(ada("x"), "article/1"), "no"},
		"owner of what says nothing":           {owner, t.Context(), about(ada("x"), &post{"ada"}), "outage"},
		"owner, here":                          {owner, inA, about(ada("x"), &article{id: "1", tenant: "a", author: "ada"}), "yes"},
		"owner, elsewhere":                     {owner, inA, about(ada("x"), &article{id: "1", tenant: "b", author: "ada"}), "no"},
		"owner, ended":                         {owner, ended, about(ada("x"), &article{author: "ada"}), "outage"},
		"author":                               {author, t.Context(), about(ada("x"), &post{"ada"}), "yes"},
		"author, another's":                    {author, t.Context(), about(ada("x"), &post{"bob"}), "no"},
		"author, nobody's":                     {author, t.Context(), about(ada("x"), &post{}), "no"},
		"author, no ID of nobody's":            {author, t.Context(), about(nameless, &post{}), "no"},
		"author, of nothing":                   {author, t.Context(), ada("x"), "no"},
		"author, of something else":            {author, t.Context(), about(ada("x"), "post/1"), "no"},
		"author, who knows where":              {author, inA, about(ada("x"), &post{"ada"}), "outage"},
		"author, ended":                        {author, ended, about(ada("x"), &post{"ada"}), "outage"},
		"fresh, nobody":                        {policy.Fresh(time.Hour), t.Context(), nobody, "no"},
		"fresh, ended":                         {policy.Fresh(time.Hour), ended, ada("x"), "outage"},
		"fresh, elsewhere":                     {policy.Fresh(time.Hour), inA, about(ada("x"), &article{id: "1", tenant: "b"}), "no"},
		"all that is here, together, in order": {policy.AllOf(users, everybody, policy.Fresh(time.Hour), author), t.Context(), about(ada("x"), &post{"ada"}), "yes"},
	} {
		err := tt.a.Authorize(tt.ctx, tt.q)
		if class(err) != tt.want {
			t.Errorf("%s: %v (%s), want %s", name, err, class(err), tt.want)
		}
		if d, _ := errors.AsType[*auth.Denial](err); tt.want == "no" && (d == nil || d.Policy == "" || d.Reason == "") {
			t.Errorf("%s: %v does not explain itself", name, err)
		}
	}
}

func TestProof(t *testing.T) {
	proof := func(method string, ago time.Duration) auth.Proof {
		return auth.Proof{Method: method, At: now.Add(-ago)}
	}
	session := func(proofs ...auth.Proof) *auth.Identity {
		return &auth.Identity{UserID: "ada", Proofs: proofs, Session: &auth.Session{Proofs: proofs}}
	}
	stale := session(proof("password", time.Second), proof("totp", time.Second))
	stale.Session.Stale = true
	token := session(proof("totp", time.Minute))
	token.Session = nil
	remembered := session(auth.Proof{Method: "remember", At: now, Kind: "remember"})
	later := func(age time.Duration, methods ...string) auth.Denial {
		return auth.Denial{MaxAge: age, Methods: methods}
	}
	both := session(proof("password", 15*time.Minute), proof("totp", 2*time.Minute))
	for name, tt := range map[string]struct {
		a    auth.Authorizer
		id   *auth.Identity
		want string
		told auth.Denial
	}{
		"fresh":                         {policy.Fresh(10 * time.Minute), both, "yes", later(0)},
		"at the very end":               {policy.Fresh(2 * time.Minute), both, "yes", later(0)},
		"not fresh":                     {policy.Fresh(2*time.Minute - 1), both, "later", later(2*time.Minute - 1)},
		"stale":                         {policy.Fresh(time.Hour), stale, "later", later(time.Hour)},
		"remembered":                    {policy.Fresh(time.Hour), remembered, "later", later(time.Hour)},
		"an API key":                    {policy.Fresh(time.Hour), &auth.Identity{UserID: "ada"}, "no", later(0)},
		"a token that rests on a proof": {policy.Fresh(time.Hour), token, "yes", later(0)},
		"such a token, too old":         {policy.Fresh(time.Second), token, "later", later(time.Second)},
		"a proof in times to come":      {policy.Fresh(time.Hour), session(proof("password", -time.Hour)), "later", later(time.Hour)},
		"nobody":                        {policy.Fresh(time.Hour), nil, "no", later(0)},
		"proof":                         {policy.Proof("totp"), both, "yes", later(0)},
		"one of several":                {policy.Proof("passkey", "totp"), both, "yes", later(0)},
		"another":                       {policy.Proof("passkey", "key"), both, "later", later(0, "passkey", "key")},
		"proof of a stale session":      {policy.Proof("totp"), stale, "later", later(0, "totp")},
		"years ago":                     {policy.Proof("totp"), session(proof("totp", 24*365*time.Hour)), "yes", later(0)},
		"proof, remembered":             {policy.Proof("remember"), remembered, "later", later(0, "remember")},
		"proof of nobody":               {policy.Proof("totp"), nil, "no", later(0)},
		"proof of an API key":           {policy.Proof("totp"), &auth.Identity{UserID: "ada"}, "no", later(0)},
		"within":                        {policy.Proof("totp").Within(2 * time.Minute), both, "yes", later(0)},
		"not within":                    {policy.Proof("totp").Within(time.Minute), both, "later", later(time.Minute, "totp")},
		"within, by another":            {policy.Proof("password").Within(10 * time.Minute), both, "later", later(10*time.Minute, "password")},
		"within twice: the last counts": {policy.Proof("totp").Within(time.Hour).Within(time.Minute), both, "later", later(time.Minute, "totp")},
	} {
		err := tt.a.Authorize(t.Context(), auth.Access{Identity: tt.id, Action: "x", At: now})
		d, _ := errors.AsType[*auth.Denial](err)
		if class(err) != tt.want || d != nil && (d.MaxAge != tt.told.MaxAge || !slices.Equal(d.Methods, tt.told.Methods) || d.Reason == "" || d.Policy == "") {
			t.Errorf("%s: %+v (%s), want %s and %+v", name, err, class(err), tt.want, tt.told)
		}
	}
	for _, at := range []time.Time{{}, now.Add(time.Hour), now.Add(time.Minute), now.Add(30 * time.Second), now.Add(-time.Hour)} {
		a := ada("x")
		a.Identity.Proofs = []auth.Proof{{Method: "totp", At: at}}
		in, err := policy.Describe(t.Context(), a, nil)
		if err != nil {
			t.Fatal(err)
		}
		if says := policy.Proof("totp").Authorize(t.Context(), a); (says == nil) != slices.Contains(in.Methods, "totp") {
			t.Errorf("proved at %v: %v, but engines are told %q", at, says, in.Methods)
		}
	}
	want := "auth: forbidden: proof: no proof by passkey or key within 1m0s"
	if err := policy.Proof("passkey", "key").Within(time.Minute).Authorize(t.Context(), ada("x")); err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestDescribe(t *testing.T) {
	proofs := []auth.Proof{
		{Method: "password", At: now.Add(-time.Hour)},
		{Method: "totp", At: now.Add(-time.Minute)},
		{Method: "remember", Kind: "remember", At: now},
	}
	id := &auth.Identity{UserID: "ada", Actor: "root", Proofs: proofs, Session: &auth.Session{}}
	stale := &auth.Identity{UserID: "ada", Proofs: proofs, Session: &auth.Session{Stale: true}}
	ahead := &auth.Identity{UserID: "ada", Proofs: []auth.Proof{{Method: "a", At: now.Add(30 * time.Second)}}, Session: &auth.Session{}}
	farAhead := &auth.Identity{UserID: "ada", Proofs: []auth.Proof{{Method: "a", At: now.Add(time.Hour)}, {Method: "b"}}, Session: &auth.Session{}}
	art := &article{id: "17", tenant: "a", author: "ada"}
	inA, inB := policy.WithTenant(t.Context(), "a"), policy.WithTenant(t.Context(), "b")
	roles := func(context.Context, auth.Access) ([]string, error) { return []string{"editor"}, nil }
	in := func(change func(*policy.Input)) policy.Input {
		i := policy.Input{Action: "x", ProofAge: -1, At: now}
		change(&i)
		return i
	}
	for name, tt := range map[string]struct {
		ctx    context.Context
		id     *auth.Identity
		object any
		roles  policy.Roles
		want   policy.Input
		class  string
	}{
		"nobody": {t.Context(), nil, nil, nil, in(func(*policy.Input) {}), "yes"},
		"all": {inA, id, art, roles, in(func(i *policy.Input) {
			i.UserID, i.Actor, i.Roles, i.Methods, i.ProofAge = "ada", "root", []string{"editor"}, []string{"password", "totp"}, time.Minute
			i.Object, i.Tenant = auth.Object{Type: "article", ID: "17", Tenant: "a", Owner: "ada"}, "a"
		}), "yes"},
		"stale":                {t.Context(), stale, nil, nil, in(func(i *policy.Input) { i.UserID = "ada" }), "yes"},
		"a clock ahead":        {t.Context(), ahead, nil, nil, in(func(i *policy.Input) { i.UserID, i.Methods, i.ProofAge = "ada", []string{"a"}, 0 }), "yes"},
		"a clock that is wild": {t.Context(), farAhead, nil, nil, in(func(i *policy.Input) { i.UserID, i.Methods = "ada", []string{} }), "yes"},
		"an API key":           {t.Context(), &auth.Identity{UserID: "ada"}, nil, nil, in(func(i *policy.Input) { i.UserID = "ada" }), "yes"},
		"roles of nobody":      {t.Context(), nil, nil, roles, in(func(i *policy.Input) { i.Roles = []string{"editor"} }), "yes"},
		"no object, a tenant":  {inA, nil, nil, nil, in(func(i *policy.Input) { i.Tenant = "a" }), "yes"},
		"a list":               {inA, nil, "post", nil, in(func(i *policy.Input) { i.Tenant, i.Object.Type = "a", "post" }), "yes"},
		"another tenant's":     {inB, id, art, roles, policy.Input{}, "no"},
		"in no tenant":         {inB, id, "post/1", roles, policy.Input{}, "no"},
		"says nothing":         {t.Context(), id, &post{}, roles, policy.Input{}, "outage"},
		"roles are down": {t.Context(), id, art, func(context.Context, auth.Access) ([]string, error) { return nil, errDown },
			policy.Input{}, "outage"},
		"roles are forbidden": {t.Context(), id, art, func(context.Context, auth.Access) ([]string, error) { return nil, noOne },
			policy.Input{}, "outage"},
	} {
		got, err := policy.Describe(tt.ctx, auth.Access{Identity: tt.id, Action: "x", Object: tt.object, At: now}, tt.roles)
		if class(err) != tt.class || err == nil && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v (%s)\nwant %+v (%s)", name, got, err, class(err), tt.want, tt.class)
		}
	}
}

func TestTenantOf(t *testing.T) {
	for name, tt := range map[string]struct {
		here   string
		object any
		want   string
		class  string
	}{
		"nowhere":                {"", nil, "", "yes"},
		"no object":              {"a", nil, "a", "yes"},
		"a list":                 {"a", "post", "a", "yes"},
		"what is about to be":    {"a", auth.Object{Type: "post", Owner: "ada"}, "a", "yes"},
		"what is to be there":    {"a", auth.Object{Type: "post", Tenant: "b"}, "", "no"},
		"mine":                   {"a", auth.Object{ID: "1", Tenant: "a"}, "a", "yes"},
		"another's":              {"a", auth.Object{ID: "1", Tenant: "b"}, "", "no"},
		"nobody's":               {"a", auth.Object{ID: "1"}, "", "no"},
		"anywhere":               {"", auth.Object{ID: "1", Tenant: "b"}, "b", "yes"},
		"says nothing":           {"a", &post{}, "", "outage"},
		"says nothing, anywhere": {"", &post{}, "", "yes"},
	} {
		got, err := policy.TenantOf(policy.WithTenant(t.Context(), tt.here), about(ada("x"), tt.object))
		if got != tt.want || class(err) != tt.class {
			t.Errorf("%s: %q, %v, want %q, %s", name, got, err, tt.want, tt.class)
		}
	}
}

// Everything here is an authorizer by the whole contract.
func TestContract(t *testing.T) {
	yes := auth.AuthorizerFunc(func(ctx context.Context, a auth.Access) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if a.Action == "posts:edit" && a.Identity != nil {
			return nil
		}
		return noOne
	})
	no := policy.AllOf(policy.Users(), policy.Owner(nil))
	for name, a := range map[string]auth.Authorizer{
		"AllOf":      policy.AllOf(yes, policy.Users(), policy.Fresh(time.Hour)),
		"AnyOf":      policy.AnyOf(no, yes),
		"FirstOf":    policy.FirstOf(policy.For(yes, "posts:*"), no),
		"ByPrefix":   policy.ByPrefix(map[string]auth.Authorizer{"posts": yes}),
		"For":        policy.For(policy.Users(), "posts:edit"),
		"PerRequest": policy.PerRequest(yes),
		"AllOf Not":  policy.AllOf(yes, policy.Not(no)),
		"Owner":      policy.FirstOf(policy.For(policy.AnyOf(policy.Owner(nil), policy.AllOf(yes, policy.Not(policy.Owner(nil)))), "posts:edit")),
		"Proof":      policy.For(policy.AllOf(policy.Proof("password"), policy.Proof("password").Within(time.Hour)), "posts:edit"),
	} {
		t.Run(name, func(t *testing.T) {
			authtest.TestAuthorizer(t, a, []auth.Access{ada("posts:edit")}, []auth.Access{{Action: "posts:edit"}, ada("posts:delete"), ada("posts")})
		})
	}
}
