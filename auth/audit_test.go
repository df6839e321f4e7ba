package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// decided is what is told of a decision.
func decided(e auth.Event) string {
	personal := ""
	if e.Addr.IsValid() || e.Label != "" {
		personal = " with address"
	}
	return strings.Join(strings.Fields(fmt.Sprint(e.Name, " ", e.UserID, " ", e.Actor, " ", e.Action, " ", e.Object, " ", e.Policy, " ", e.Reason, personal)), " ")
}

// What is told of decisions: by default what somebody tried and may not, and with
// AuditDecisions everything; of whom nothing but the ID, but where somebody may be
// probing.
func TestDecisionsAreTold(t *testing.T) {
	objects := map[string]any{"none": nil, "post": &post{"1", "ada"}, "text": "post/1", "odd": struct{ secret string }{"x"}, "nil": (*post)(nil), "bomb": bomb{}}
	says := map[string]error{
		"yes": nil, "no": auth.ErrForbidden, "said": fmt.Errorf("not today: %w", auth.ErrForbidden),
		"denied": &auth.Denial{Policy: "rbac", Reason: "no role"}, "old": &auth.Denial{Policy: "fresh", Reason: "too old", MaxAge: time.Minute}, "down": errors.New("secret@example.com"),
	}
	for _, audit := range []bool{false, true} {
		s := newSite(t, func(o *auth.Options) {
			o.AuditDecisions = audit
			o.Loaders = []auth.RequestLoader{scoped{}}
			o.Authorizer = auth.AuthorizerFunc(func(_ context.Context, a auth.Access) error { return says[a.Action] })
		})
		ada, nobody, key := s.visitor().logIn("ada"), s.visitor(), s.visitor("X-Scope", "yes")
		authorize := func(v *visitor) func(action string, object any) error { return v.authorize }
		can := func(v *visitor) func(action string, object any) error {
			return func(action string, object any) error {
				_, err := v.render(`{{can "`+action+`" .}}`, object)
				return err
			}
		}
		decide := func(action string, object any) error {
			return s.m.Decide(t.Context(), auth.Access{Identity: &auth.Identity{User: &account{id: "bob"}, Actor: "eve"}, Action: action, Object: object})
		}
		decideInside := func(action string, object any) error {
			return ada.asks(func(ctx context.Context) error {
				return s.m.Decide(ctx, auth.Access{Identity: &auth.Identity{User: &account{id: "bob"}}, Action: action, Object: object})
			})
		}
		all := func(action string, object any) error { return errors.Join(ada.all(action, object)...) }
		by := func(action string, object any) error {
			return ada.asks(func(ctx context.Context) error {
				return s.m.AuthorizeBy(ctx, action, object, func(ctx context.Context, a auth.Authorizer, access auth.Access) error {
					return a.Authorize(ctx, access)
				})
			})
		}
		for _, tt := range []struct {
			who            string
			ask            func(action string, object any) error
			action, object string
			always, only   string // told by default, and with AuditDecisions
		}{
			{"ada", authorize(ada), "yes", "post", "", "allowed ada yes post/1"},
			{"ada", authorize(ada), "yes", "none", "", "allowed ada yes"},
			{"ada", authorize(ada), "yes", "text", "", "allowed ada yes post/1"},
			{"ada", authorize(ada), "yes", "odd", "", "allowed ada yes"},
			{"ada", authorize(ada), "yes", "nil", "", "allowed ada yes"},
			{"ada", authorize(ada), "yes", "bomb", "", "allowed ada yes"},
			{"ada", authorize(ada), "denied", "bomb", "forbidden ada denied rbac no role with address", ""},
			{"ada", authorize(ada), "no", "post", "forbidden ada no post/1 with address", ""},
			{"ada", authorize(ada), "no", "nil", "forbidden ada no with address", ""},
			{"ada", authorize(ada), "said", "post", "forbidden ada said post/1 auth: forbidden: not today: auth: forbidden with address", ""},
			{"ada", authorize(ada), "denied", "post", "forbidden ada denied post/1 rbac no role with address", ""},
			{"ada", authorize(ada), "old", "post", "", "denied ada old post/1 fresh too old"},
			{"ada", authorize(ada), "down", "post", "", "undecided ada down post/1 the authorizer could not tell"},
			{"nobody", authorize(nobody), "yes", "post", "", "allowed yes post/1"},
			{"nobody", authorize(nobody), "denied", "post", "", "denied denied post/1 rbac no role"},
			{"a key", authorize(key), "yes", "post", "", "allowed ada yes post/1"},
			{"a key", authorize(key), "no", "post", `forbidden ada no post/1 auth the credential is not good for "no" with address`, ""},
			{"ada's page", can(ada), "yes", "post", "", "allowed ada yes post/1"},
			{"ada's page", can(ada), "denied", "post", "", "denied ada denied post/1 rbac no role"},
			{"ada's page", can(ada), "down", "post", "", "undecided ada down post/1 the authorizer could not tell"},
			{"ada's list", all, "denied", "post", "", "denied ada denied post/1 rbac no role"},
			{"ada's filter", by, "denied", "post", "", "denied ada denied post/1 rbac no role"},
			{"about bob", decide, "yes", "post", "", "allowed bob eve yes post/1"},
			{"about bob", decide, "denied", "post", "", "denied bob eve denied post/1 rbac no role"},
			{"about bob, by ada", decideInside, "denied", "post", "", "denied bob denied post/1 rbac no role"},
		} {
			*s.events = nil
			began := time.Now()
			_ = tt.ask(tt.action, objects[tt.object])
			var got []string
			for _, e := range *s.events {
				if e.Name == "loaded" {
					continue
				}
				got = append(got, decided(e))
				if audit != (e.Took > 0) || e.Took > time.Since(began) || !e.At.Equal(s.clock.Now()) {
					t.Errorf("%s, %s: it took %v, at %v", tt.who, tt.action, e.Took, e.At)
				}
			}
			var want []string
			if tt.always != "" {
				want = []string{tt.always}
			} else if audit {
				want = []string{tt.only}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s, %s, all %v: told %q, want %q", tt.who, tt.action, tt.object, audit, got, want)
			}
		}
		if strings.Contains(s.log.String(), "secret") {
			t.Errorf("the log has the authorizer's words: %s", s.log)
		}
	}
}

// What is logged of a decision, and how loud. That of a guard is answered and told
// once.
func TestDecisionsAreLogged(t *testing.T) {
	said := error(&auth.Denial{Policy: "rbac", Reason: "no role"})
	var log bytes.Buffer
	s := newSite(t, func(o *auth.Options) {
		o.AuditDecisions = true
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return said })
		o.Pages = nil
	})
	ada, nobody := s.visitor("User-Agent", "curl/8").logIn("ada"), s.visitor()
	for _, tt := range []struct {
		v      *visitor
		said   error
		status int
		want   []string
	}{
		{ada, said, 403, []string{`level=WARN msg="auth: forbidden" event=forbidden user=ada action=admin policy=rbac device=curl reason="no role" took= addr=192.0.2.1`}},
		{ada, nil, 200, []string{`level=DEBUG msg="auth: allowed" event=allowed user=ada action=admin took=`}},
		{ada, errDown, 503, []string{`level=WARN msg="auth: undecided" event=undecided user=ada action=admin reason="the authorizer could not tell" took=`,
			`level=ERROR msg="auth: answering a request failed" error="the database is down"`}},
		{nobody, said, 401, []string{`level=DEBUG msg="auth: denied" event=denied action=admin policy=rbac reason="no role" took=`,
			`level=DEBUG msg="auth: unauthenticated" event=unauthenticated device="Unknown device" reason=none addr=192.0.2.1`}},
	} {
		said = tt.said
		log.Reset()
		if res := tt.v.get("/admin"); res.StatusCode != tt.status {
			t.Errorf("%v: %s", tt.said, res.Status)
		}
		var got []string
		for line := range strings.Lines(log.String()) {
			_, line, _ = strings.Cut(strings.TrimSpace(line), " ")
			if before, after, ok := strings.Cut(line, "took="); ok {
				_, after, _ = strings.Cut(after, " ")
				line = strings.TrimSpace(before + "took= " + after)
			}
			got = append(got, line)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v:\n\t%s\nwant\n\t%s", tt.said, strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
		}
	}
}

// Where nobody listens, nobody is asked what an object is called.
func TestDecisionsNobodyWantsToKnow(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.AuditDecisions, o.Events, o.Logger = true, nil, slog.New(slog.DiscardHandler)
		o.Authorizer = anything
	})
	object := &shy{}
	if err := s.visitor().logIn("ada").authorize("edit", object); err != nil || object.asked {
		t.Errorf("%v, asked %v", err, object.asked)
	}
}

// bomb is an object that cannot say what it is.
type bomb struct{}

func (bomb) AuthObject() auth.Object { panic("bomb") }

type shy struct{ asked bool }

func (s *shy) AuthObject() auth.Object { s.asked = true; return auth.Object{} }

// A session that has ended in another process is found out by an authorizer that wants
// a fresh proof, and answered as what it is, however it is wrapped.
func TestFreshOfAnAuthorizer(t *testing.T) {
	var fresh func(ctx context.Context, a auth.Access) error
	c := newCachedSite(t, func(o *auth.Options) {
		o.AuditDecisions = true
		o.Authorizer = auth.AuthorizerFunc(func(ctx context.Context, a auth.Access) error { return fresh(ctx, a) })
	})
	fresh = func(ctx context.Context, a auth.Access) error {
		ok, err := a.Fresh(ctx, 10*time.Minute)
		if err != nil {
			return fmt.Errorf("policy: %w", err)
		}
		if !ok {
			return &auth.Denial{MaxAge: 10 * time.Minute}
		}
		return nil
	}
	v := c.visitor().logIn("ada")
	if res := v.get("/admin"); res.StatusCode != 200 {
		t.Fatalf("fresh: %s", res.Status)
	}
	known, err := identity(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.m.Decide(t.Context(), auth.Access{Identity: known}); err != nil {
		t.Errorf("about a session that is live: %v", err)
	}
	if err := c.other.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if res := v.get("/me"); res.StatusCode != 200 {
		t.Fatalf("the cache has forgotten: %s", res.Status)
	}
	if res := v.get("/admin"); res.StatusCode != 401 || reasonIn(res) != "revoked" {
		t.Errorf("ended: %s", res.Status)
	}
	if err := v.authorize("edit", nil); outcome(err) != "nobody" {
		t.Errorf("ended: %v", err)
	}
	if _, err := v.render(`{{can "edit"}}`, nil); outcome(err) != "nobody" {
		t.Errorf("ended, in a template: %v", err)
	}
	if err := c.m.Decide(t.Context(), auth.Access{Identity: known}); outcome(err) != "nobody" {
		t.Errorf("ended, outside of a request: %v", err)
	}
	if undecided, denied := c.named("undecided"), c.named("denied"); len(undecided) != 0 || len(denied) != 4 || denied[0].Reason != "the session has ended" || denied[0].UserID != "ada" {
		t.Errorf("ended: told %+v and %+v", undecided, denied)
	}
	c.below.failAll()
	if err := c.m.Decide(t.Context(), auth.Access{Identity: known}); outcome(err) != "outage" {
		t.Errorf("while the store is down: %v", err)
	}
	// The same words, but of the authorizer's own, are an outage.
	fresh = func(context.Context, auth.Access) error { return auth.ErrNoCredentials }
	if err := c.m.Decide(t.Context(), auth.Access{Identity: known}); outcome(err) != "outage" {
		t.Errorf("the authorizer's own: %v", err)
	}
}

func identity(v *visitor) (id *auth.Identity, err error) {
	v.within("/", func(r *http.Request) { id, err = v.s.m.IdentityFrom(r.Context()) })
	return id, err
}

// When a proof is fresh, by which methods, and for whom.
func TestAccessFresh(t *testing.T) {
	at := func(ago time.Duration, method string) auth.Proof { return auth.Proof{Method: method, At: t0.Add(-ago)} }
	session := &auth.Session{}
	for _, tt := range []struct {
		name    string
		id      *auth.Identity
		d       time.Duration
		methods []string
		want    bool
	}{
		{"nobody", nil, time.Hour, nil, false},
		{"no proof", &auth.Identity{}, time.Hour, nil, false},
		{"new", &auth.Identity{Proofs: []auth.Proof{at(time.Minute, "a")}, Session: session}, time.Minute, nil, true},
		{"old", &auth.Identity{Proofs: []auth.Proof{at(time.Minute+1, "a")}}, time.Minute, nil, false},
		{"one of two", &auth.Identity{Proofs: []auth.Proof{at(time.Minute, "a"), at(time.Hour, "b")}}, time.Minute, nil, true},
		{"by the method", &auth.Identity{Proofs: []auth.Proof{at(time.Minute, "a"), at(time.Hour, "b")}}, time.Minute, []string{"a"}, true},
		{"by one of the methods", &auth.Identity{Proofs: []auth.Proof{at(time.Minute, "a")}}, time.Minute, []string{"c", "a"}, true},
		{"by another method", &auth.Identity{Proofs: []auth.Proof{at(time.Minute, "a"), at(time.Hour, "b")}}, time.Minute, []string{"b"}, false},
		{"stale", &auth.Identity{Proofs: []auth.Proof{at(time.Minute, "a")}, Session: &auth.Session{Stale: true}}, time.Minute, []string{"a"}, false},
		{"remembered", &auth.Identity{Proofs: []auth.Proof{{Method: "remember", Kind: "remember", Key: "x", At: t0}}}, time.Minute, []string{"remember"}, false},
		{"of the future", &auth.Identity{Proofs: []auth.Proof{at(-time.Hour, "a")}}, time.Minute, nil, false},
		{"of no time", &auth.Identity{Proofs: []auth.Proof{{Method: "a"}}}, 1 << 62, nil, false},
	} {
		got, err := auth.Access{Identity: tt.id, At: t0}.Fresh(t.Context(), tt.d, tt.methods...)
		if got != tt.want || err != nil {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}
