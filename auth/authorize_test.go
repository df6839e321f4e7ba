package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/perrequest"
)

// A policy is an authorizer of a test: what it says, and what it was asked.
type policy struct {
	say   func(ctx context.Context, a auth.Access) error
	asked []auth.Access
}

func (p *policy) Authorize(ctx context.Context, a auth.Access) error {
	p.asked = append(p.asked, a)
	return p.say(ctx, a)
}

func says(err error) func(context.Context, auth.Access) error {
	return func(context.Context, auth.Access) error { return err }
}

// asks returns what f does within a request of v's.
func (v *visitor) asks(f func(ctx context.Context) error) (err error) {
	v.within("/page", func(r *http.Request) { err = f(r.Context()) })
	return err
}

// authorize asks as v.
func (v *visitor) authorize(action string, object any) error {
	return v.asks(func(ctx context.Context) error { return v.s.m.Authorize(ctx, action, object) })
}

// outcome names what err is, and nothing else that it is.
func outcome(err error) string {
	var names []string
	for _, o := range []struct {
		err  error
		name string
	}{
		{auth.ErrForbidden, "forbidden"}, {auth.ErrNotFresh, "not fresh"}, {auth.ErrNoCredentials, "nobody"}, {auth.ErrBadCredentials, "bad"},
		{auth.ErrNotFound, "not found"}, {auth.ErrExists, "exists"}, {auth.ErrConflict, "conflict"}, {auth.ErrInvalid, "invalid"},
		{auth.ErrCrossOrigin, "cross-origin"}, {auth.ErrLastCredential, "last"},
	} {
		if errors.Is(err, o.err) {
			names = append(names, o.name)
		}
	}
	switch {
	case err == nil:
		return "yes"
	case len(names) == 0:
		return "outage"
	}
	return strings.Join(names, ", ")
}

// A post is an object of the host's.
type post struct{ id, owner string }

func (p *post) AuthObject() auth.Object { return auth.Object{Type: "post", ID: p.id, Owner: p.owner} }

// odd is an error whose methods panic.
type odd struct{}

func (odd) Error() string { panic("odd") }
func (odd) Is(error) bool { panic("odd") }

// A liar is every error that there is, but for a no, or panics instead.
type liar struct{ panics bool }

func (l liar) Error() string { return "lies" }

func (l liar) Is(target error) bool {
	if l.panics && target != auth.ErrForbidden {
		panic("liar")
	}
	return target != auth.ErrForbidden
}

// Whatever an authorizer says or does is one of the outcomes, for somebody and for
// nobody, and only nil is yes.
func TestAuthorizeOutcomes(t *testing.T) {
	var nilDenial *auth.Denial
	var nilPost *post
	denial := &auth.Denial{Policy: "p", Reason: "because"}
	old := &auth.Denial{Policy: "p", MaxAge: time.Minute}
	factor := &auth.Denial{Policy: "p", Methods: []string{"code"}}
	for _, tt := range []struct {
		name                string
		say                 func(context.Context, auth.Access) error
		ada, nobody         string
		adaStatus, noStatus int
	}{
		{"yes", says(nil), "yes", "yes", 200, 200},
		{"no", says(auth.ErrForbidden), "forbidden", "nobody", 403, 401},
		{"no, wrapped", says(fmt.Errorf("x: %w", auth.ErrForbidden)), "forbidden", "nobody", 403, 401},
		{"denial", says(denial), "forbidden", "nobody", 403, 401},
		{"denial, wrapped", says(fmt.Errorf("x: %w", denial)), "forbidden", "nobody", 403, 401},
		{"nil denial", says(nilDenial), "forbidden", "nobody", 403, 401},
		{"empty denial", says(&auth.Denial{}), "forbidden", "nobody", 403, 401},
		{"too old", says(old), "forbidden, not fresh", "nobody", 401, 401},
		{"another method", says(factor), "forbidden, not fresh", "nobody", 401, 401},
		{"too old, wrapped", says(fmt.Errorf("x: %w", old)), "forbidden, not fresh", "nobody", 401, 401},
		{"outage", says(errDown), "outage", "outage", 503, 503},
		{"unknown", says(errors.New("?")), "outage", "outage", 503, 503},
		{"other sentinels", says(errors.Join(auth.ErrNotFound, auth.ErrNoCredentials, auth.ErrBadCredentials, auth.ErrNotFresh, auth.ErrConflict)), "outage", "outage", 503, 503},
		{"no, and more", says(errors.Join(auth.ErrNotFound, auth.ErrNoCredentials, auth.ErrBadCredentials, auth.ErrNotFresh, auth.ErrForbidden)), "forbidden", "nobody", 403, 401},
		{"denial, and more", says(errors.Join(auth.ErrNotFound, auth.ErrBadCredentials, denial)), "forbidden", "nobody", 403, 401},
		{"joined with an outage", says(errors.Join(errDown, denial)), "forbidden", "nobody", 403, 401},
		{"nothing joined", says(errors.Join(nil, nil)), "yes", "yes", 200, 200},
		{"problem", says(&auth.Problem{Status: 200, Code: "fine"}), "outage", "outage", 503, 503},
		{"problem that is a no", says(&auth.Problem{Status: 418, Code: "teapot", Err: auth.ErrForbidden}), "forbidden", "nobody", 403, 401},
		{"panic", func(context.Context, auth.Access) error { panic("secret detail") }, "outage", "outage", 503, 503},
		{"panic with a no", func(context.Context, auth.Access) error { panic(auth.ErrForbidden) }, "outage", "outage", 503, 503},
		{"panic with nil", func(context.Context, auth.Access) error { panic(nil) }, "outage", "outage", 503, 503},
		{"runtime error", func(_ context.Context, a auth.Access) error { return errors.New(a.Action[len(a.Action)+1:]) }, "outage", "outage", 503, 503},
		{"object of a nil pointer", func(_ context.Context, a auth.Access) error {
			nilPost.AuthObject()
			return nil
		}, "outage", "outage", 503, 503},
		{"error that panics", says(odd{}), "outage", "outage", 503, 503},
		{"error that is all but a no", says(liar{}), "outage", "outage", 503, 503},
		{"error that panics later", says(liar{panics: true}), "outage", "outage", 503, 503},
		{"identity of nobody", func(_ context.Context, a auth.Access) error {
			if a.Identity.UserID != "ada" { // panics for nobody
				return auth.ErrForbidden
			}
			return nil
		}, "yes", "outage", 200, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(o *auth.Options) { o.Authorizer = &policy{say: tt.say} })
			ada, nobody := s.visitor().logIn("ada"), s.visitor()
			for who, v := range map[string]*visitor{"ada": ada, "nobody": nobody} {
				want, status := tt.ada, tt.adaStatus
				if who == "nobody" {
					want, status = tt.nobody, tt.noStatus
				}
				if got := outcome(v.authorize("edit", "post/1")); got != want {
					t.Errorf("Authorize, %s: %s; want %s", who, got, want)
				}
				if got := outcome(v.asks(func(ctx context.Context) error {
					return s.m.AuthorizeBy(ctx, "edit", nil, func(ctx context.Context, a auth.Authorizer, access auth.Access) error {
						return tt.say(ctx, access)
					})
				})); got != want {
					t.Errorf("AuthorizeBy, %s: %s; want %s", who, got, want)
				}
				for i, err := range v.all("edit", "post/1", nil) {
					if got := outcome(err); got != want {
						t.Errorf("AuthorizeAll, %s, %d: %s; want %s", who, i, got, want)
					}
				}
				access := auth.Access{Action: "edit"}
				if who == "ada" {
					access.Identity = &auth.Identity{User: &account{id: "ada"}}
				}
				if got := outcome(s.m.Decide(t.Context(), access)); got != want {
					t.Errorf("Decide, %s: %s; want %s", who, got, want)
				}
				res := v.get("/admin")
				if got := body(res); res.StatusCode != status || strings.Contains(got, "because") || strings.Contains(got, "down") || strings.Contains(got, "secret") {
					t.Errorf("%s: %d %s; want %d", who, res.StatusCode, got, status)
				}
			}
			if got := strings.Contains(s.log.String(), "level=ERROR"); got != (tt.adaStatus == 503 || tt.noStatus == 503) {
				t.Errorf("the log has an outage: %v\n%s", got, s.log)
			}
			if strings.Contains(s.log.String(), "secret") {
				t.Errorf("the log has what may be a secret:\n%s", s.log)
			}
		})
	}
}

func (v *visitor) all(action string, objects ...any) (errs []error) {
	v.within("/page", func(r *http.Request) { errs = v.s.m.AuthorizeAll(r.Context(), action, objects...) })
	return errs
}

// A denial is found in the error, and says why only there.
func TestAuthorizeHasTheDenial(t *testing.T) {
	said := error(&auth.Denial{Policy: "rbac", Reason: "no role", MaxAge: time.Hour, Methods: []string{"code", "key"}})
	s := newSite(t, func(o *auth.Options) {
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return said })
	})
	err := s.visitor().logIn("ada").authorize("edit", nil)
	var d *auth.Denial
	var p *auth.Problem
	if !errors.As(err, &d) || d != said {
		t.Errorf("%v has %v", err, d)
	}
	if !errors.As(err, &p) || p.Status != 401 || p.Code != "proof_required" || p.MaxAge != time.Hour || len(p.Factors) != 2 || strings.Contains(p.Detail, "role") {
		t.Errorf("%+v", p)
	}
	said = &auth.Denial{Policy: "rbac", Reason: "no role"}
	err = s.visitor().logIn("ada").authorize("edit", nil)
	if !errors.As(err, &d) || d != said || errors.As(err, &p) || err.Error() != "auth: forbidden: rbac: no role" {
		t.Errorf("%v has %v and %v", err, d, p)
	}
	for d, want := range map[*auth.Denial]string{
		nil: "auth: forbidden", {}: "auth: forbidden", {Policy: "p"}: "auth: forbidden: p", {Reason: "r"}: "auth: forbidden: r",
	} {
		if got := d.Error(); got != want || d.StepUp() || !errors.Is(d, auth.ErrForbidden) || errors.Is(d, auth.ErrNotFresh) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What nobody is, is told where nobody may.
func TestAuthorizeNobody(t *testing.T) {
	p := &policy{say: says(auth.ErrForbidden)}
	s := newSite(t, func(o *auth.Options) { o.Authorizer, o.Loaders = p, []auth.RequestLoader{&keyLoader{}} })
	expired, revoked, disabled := s.visitor().logIn("ada"), s.visitor().logIn("ada"), s.visitor().logIn("bob")
	if err := s.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	expired.logIn("ada")
	s.accounts.change("bob", func(a *account) { a.disabled = true })
	for name, tt := range map[string]struct {
		v    *visitor
		want string
	}{
		"revoked":  {revoked, "auth: no credentials: revoked: edit"},
		"disabled": {disabled, "auth: no credentials: disabled: edit"},
		"none":     {s.visitor(), "auth: no credentials: edit"},
	} {
		p.asked = nil
		err := tt.v.authorize("edit", nil)
		if outcome(err) != "nobody" || err.Error() != tt.want {
			t.Errorf("%s: %v", name, err)
		}
		if len(p.asked) != 1 || p.asked[0].Identity != nil {
			t.Errorf("%s: asked %+v", name, p.asked)
		}
	}
	s.clock.Advance(2 * time.Hour)
	if err := expired.authorize("edit", nil); outcome(err) != "nobody" || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired: %v", err)
	}
	// Whoever cannot be found out is not asked about.
	p.asked, p.say = nil, says(nil)
	if err := s.visitor("X-Key", "wrong").authorize("edit", nil); outcome(err) != "bad" {
		t.Errorf("a wrong key: %v", err)
	}
	if err := s.visitor("X-Key", "broken").authorize("edit", nil); outcome(err) != "outage" {
		t.Errorf("an outage: %v", err)
	}
	if len(p.asked) != 0 {
		t.Errorf("asked about whom nobody knows: %+v", p.asked)
	}
}

// A yes counts only in time, and while somebody waits for it.
func TestAuthorizeInTime(t *testing.T) {
	for name, tt := range map[string]struct {
		say  func(ctx context.Context, a auth.Access) error
		want string
	}{
		"waits":           {func(ctx context.Context, _ auth.Access) error { <-ctx.Done(); return ctx.Err() }, "outage"},
		"waits, then yes": {func(ctx context.Context, _ auth.Access) error { <-ctx.Done(); return nil }, "outage"},
		"waits, then no":  {func(ctx context.Context, _ auth.Access) error { <-ctx.Done(); return auth.ErrForbidden }, "forbidden"},
		"late, without a look": {func(ctx context.Context, _ auth.Access) error {
			at, _ := ctx.Deadline()
			time.Sleep(time.Until(at))
			return nil
		}, "outage"},
		"late, of a child": {func(ctx context.Context, _ auth.Access) error {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-ctx.Done()
			return nil
		}, "outage"},
	} {
		s := newSite(t, func(o *auth.Options) {
			o.Authorizer, o.AuthorizerTimeout = auth.AuthorizerFunc(tt.say), 2*time.Millisecond
		})
		err := s.visitor().logIn("ada").authorize("edit", nil)
		if got := outcome(err); got != tt.want {
			t.Errorf("%s: %v", name, err)
		} else if got == "outage" && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v does not say why", name, err)
		}
	}
}

// A yes is late as soon as the time is over, whether or not the timer of whoever waits
// has been run: a machine that is busy runs it later.
func TestAuthorizeInTimeOnABusyMachine(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range 5 {
		s := newSite(t, func(o *auth.Options) {
			o.AuthorizerTimeout = time.Millisecond
			o.Authorizer = auth.AuthorizerFunc(func(ctx context.Context, _ auth.Access) error {
				ctx.Done()
				for at, _ := ctx.Deadline(); time.Now().Before(at); {
				}
				return nil
			})
		})
		if err := s.visitor().logIn("ada").authorize("edit", nil); outcome(err) != "outage" || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a yes after the time was over: %v", err)
		}
	}
}

func TestAuthorizeAfterTheClientHasGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newSite(t, func(o *auth.Options) {
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { cancel(); return nil })
	})
	ada := s.visitor().logIn("ada")
	var err error
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		err = s.m.Authorize(r.Context(), "edit", nil)
	})).ServeHTTP(httptest.NewRecorder(), ada.request("GET", "/", "").WithContext(ctx))
	if outcome(err) != "outage" || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// What an authorizer is asked, and by which clock.
func TestAuthorizeAsks(t *testing.T) {
	p := &policy{say: says(nil)}
	s := newSite(t, func(o *auth.Options) { o.Authorizer, o.AuthorizerTimeout = p, time.Hour })
	ada := s.visitor().logIn("ada")
	object := &post{"17", "ada"}
	began := time.Now()
	p.say = func(ctx context.Context, a auth.Access) error {
		if at, ok := ctx.Deadline(); !ok || at.Before(began.Add(time.Hour)) || at.After(time.Now().Add(time.Hour)) {
			t.Errorf("the deadline is %v", at)
		}
		if got := ctx.Value(ctxKey{}); got != "value" {
			t.Errorf("the context has %v", got)
		}
		return nil
	}
	err := ada.asks(func(ctx context.Context) error {
		return s.m.Authorize(context.WithValue(ctx, ctxKey{}, "value"), "edit", object)
	})
	if err != nil || len(p.asked) != 1 {
		t.Fatalf("%v, asked %+v", err, p.asked)
	}
	a := p.asked[0]
	if a.Identity.UserID != "ada" || a.Identity.User.AuthID() != "ada" || a.Identity.Session == nil || a.Action != "edit" || a.Object != any(object) {
		t.Errorf("asked %+v", a)
	}
	if !a.Now().Equal(t0) || a.At != (time.Time{}) {
		t.Errorf("it is %v, by the clock %v", a.Now(), t0)
	}
	a.At = t0.Add(time.Hour)
	if !a.Now().Equal(t0.Add(time.Hour)) {
		t.Errorf("at another time it is %v", a.Now())
	}
	if now := (auth.Access{}).Now(); time.Since(now) > time.Minute || time.Since(now) < 0 {
		t.Errorf("without a Manager it is %v", now)
	}
}

type ctxKey struct{}

// An acting user is who they act as, and both are told.
func TestAuthorizeActor(t *testing.T) {
	p := &policy{say: says(&auth.Denial{Policy: "p", Reason: "r"})}
	s := newSite(t, func(o *auth.Options) { o.Authorizer = p })
	ctx := auth.WithIdentity(t.Context(), &auth.Identity{User: &account{id: "ada"}, Actor: "bob"})
	if err := s.m.Authorize(ctx, "edit", &post{id: "1"}); outcome(err) != "forbidden" {
		t.Errorf("%v", err)
	}
	if e := s.named("forbidden"); len(e) != 1 || e[0].UserID != "ada" || e[0].Actor != "bob" || e[0].Object != "post/1" || e[0].Policy != "p" || e[0].Reason != "r" {
		t.Errorf("told %+v", e)
	}
	if p.asked[0].Identity.Actor != "bob" {
		t.Errorf("asked %+v", p.asked[0])
	}
}

// Whoever may not log in may do nothing, whoever says that they are asking.
func TestAuthorizeInactive(t *testing.T) {
	p := &policy{say: says(nil)}
	s := newSite(t, func(o *auth.Options) { o.Authorizer = p })
	off := &auth.Identity{User: &account{id: "ada", disabled: true}}
	if err := s.m.Authorize(auth.WithIdentity(t.Context(), off), "edit", nil); outcome(err) != "forbidden" {
		t.Errorf("Authorize: %v", err)
	}
	if err := s.m.Decide(t.Context(), auth.Access{Identity: off, Action: "edit"}); outcome(err) != "forbidden" {
		t.Errorf("Decide: %v", err)
	}
	var none *account
	if err := s.m.Decide(t.Context(), auth.Access{Identity: &auth.Identity{UserID: "ada", User: none}, Action: "edit"}); outcome(err) != "outage" {
		t.Errorf("Decide about a nil user: %v", err)
	}
	if len(p.asked) != 0 {
		t.Errorf("asked %+v", p.asked)
	}
	for _, id := range []*auth.Identity{{}, {User: &account{}}} { // who owns what has no owner
		if err := s.m.Decide(t.Context(), auth.Access{Identity: id, Action: "edit"}); outcome(err) != "outage" {
			t.Errorf("Decide about an identity of nobody, %+v: %v", id, err)
		}
	}
	unsaved := auth.WithIdentity(t.Context(), &auth.Identity{User: &account{}})
	if err := s.m.Authorize(unsaved, "edit", nil); outcome(err) != "outage" {
		t.Errorf("Authorize for a user who has no ID: %v", err)
	}
	if err := s.m.Decide(t.Context(), auth.Access{Identity: &auth.Identity{UserID: "ada"}, Action: "edit"}); err != nil {
		t.Errorf("Decide about a user of whom only the ID is known: %v", err)
	}
	if err := s.m.Decide(t.Context(), auth.Access{Identity: &auth.Identity{User: &account{id: "bob"}}, Action: "edit"}); err != nil || p.asked[1].Identity.UserID != "bob" {
		t.Errorf("Decide about a user: %v, asked %+v", err, p.asked)
	}
}

// Whose identity it is may change from one question to the next: what an authorizer has
// kept, in the request too, by the identity that it was given, is not for another.
func TestDecideAboutOneAfterTheOther(t *testing.T) {
	p := &policy{say: func(ctx context.Context, a auth.Access) error {
		m := perrequest.From(ctx)
		if said, ok := m.Load(a.Identity); ok {
			return said.(error)
		}
		said := error(&auth.Denial{Reason: a.Identity.UserID})
		m.Store(a.Identity, said)
		return said
	}}
	s := newSite(t, func(o *auth.Options) { o.Authorizer = p })
	var id auth.Identity
	s.visitor().logIn("ada").within("/", func(r *http.Request) {
		for _, user := range []string{"ada", "bob"} {
			id.UserID = user
			if err := s.m.Decide(r.Context(), auth.Access{Identity: &id, Action: "edit"}); err.Error() != "auth: forbidden: "+user {
				t.Errorf("%s: %v", user, err)
			}
		}
	})
}

// What a credential is limited to is limited, and gives nothing.
func TestAuthorizeScopes(t *testing.T) {
	byPart := func(action string) string {
		if action == "posts:delete" {
			return ""
		}
		part, _, _ := strings.Cut(action, ":")
		return part
	}
	for _, tt := range []struct {
		name    string
		scopes  []string
		scopeOf func(string) string
		action  string
		want    string
	}{
		{"not limited", nil, nil, "posts:edit", "yes"},
		{"to nothing", []string{}, nil, "posts:edit", "forbidden"},
		{"exact", []string{"posts:read", "posts:edit"}, nil, "posts:edit", "yes"},
		{"another", []string{"posts:read"}, nil, "posts:edit", "forbidden"},
		{"in another case", []string{"Posts:edit"}, nil, "posts:edit", "forbidden"},
		{"its beginning", []string{"posts"}, nil, "posts:edit", "forbidden"},
		{"all of posts", []string{"posts:*"}, nil, "posts:edit", "yes"},
		{"all of posts, deeper", []string{"posts:*"}, nil, "posts:comments:edit", "yes"},
		{"all of posts, for something else", []string{"posts:*"}, nil, "postscripts:edit", "forbidden"},
		{"everything", []string{"*"}, nil, "posts:edit", "yes"},
		{"everything, but not nothing", []string{"*"}, nil, "", "forbidden"},
		{"empty", []string{""}, nil, "", "forbidden"},
		{"by name", []string{"posts"}, byPart, "posts:edit", "yes"},
		{"by name, another", []string{"posts"}, byPart, "users:edit", "forbidden"},
		{"by name, not the action", []string{"posts:edit"}, byPart, "posts:edit", "forbidden"},
		{"no scope is enough", []string{"*", ""}, byPart, "posts:delete", "forbidden"},
		{"no scope, not limited", nil, byPart, "posts:delete", "yes"},
		{"not by what fails", []string{"*"}, func(string) string { panic("scopes") }, "posts:edit", "outage"},
		{"no more than the user", []string{"*", "users:edit"}, nil, "users:edit", "forbidden"},
	} {
		p := &policy{}
		p.say = func(_ context.Context, a auth.Access) error {
			if tt.name == "no more than the user" {
				return auth.ErrForbidden
			}
			return nil
		}
		s := newSite(t, func(o *auth.Options) {
			o.Authorizer, o.ScopeOf = p, tt.scopeOf
			o.Loaders = []auth.RequestLoader{loaderFunc(func(*http.Request) (*auth.Identity, error) {
				return &auth.Identity{UserID: "ada", Scopes: tt.scopes}, nil
			})}
		})
		if err := s.visitor().authorize(tt.action, nil); outcome(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
		if tt.want == "forbidden" && tt.name != "no more than the user" && len(p.asked) != 0 {
			t.Errorf("%s: the authorizer was asked", tt.name)
		}
		err := s.m.Decide(t.Context(), auth.Access{Identity: &auth.Identity{User: &account{id: "ada"}, Scopes: tt.scopes}, Action: tt.action})
		if outcome(err) != tt.want {
			t.Errorf("%s: Decide: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// batch answers several at once.
type batch struct {
	policy
	all   func(ctx context.Context, all []auth.Access) []error
	calls [][]auth.Access
}

func (b *batch) AuthorizeAll(ctx context.Context, all []auth.Access) []error {
	b.calls = append(b.calls, all)
	return b.all(ctx, all)
}

// front decides in front of another, and can be unwrapped.
type front struct {
	policy
	inner auth.Authorizer
}

func (f *front) Unwrap() any { return f.inner }

func TestAuthorizeAll(t *testing.T) {
	old := &auth.Denial{MaxAge: time.Minute}
	each := func(_ context.Context, all []auth.Access) (errs []error) {
		for _, a := range all {
			errs = append(errs, map[any]error{"yes": nil, "no": auth.ErrForbidden, "old": old, "down": errDown}[a.Object])
		}
		return errs
	}
	for _, tt := range []struct {
		name    string
		all     func(ctx context.Context, all []auth.Access) []error
		objects []any
		want    []string // for ada
		calls   int
	}{
		{"each", each, []any{"yes", "no", "old", "down", "yes"}, []string{"yes", "forbidden", "forbidden, not fresh", "outage", "yes"}, 1},
		{"none", each, nil, nil, 0},
		{"one", each, []any{"no"}, []string{"yes"}, 0}, // Authorize says yes
		{"too few", func(_ context.Context, all []auth.Access) []error { return make([]error, len(all)-1) }, []any{"yes", "no"}, []string{"outage", "outage"}, 1},
		{"too few, and a no", func(context.Context, []auth.Access) []error { return []error{auth.ErrForbidden} }, []any{"yes", "no"}, []string{"outage", "outage"}, 1},
		{"too many", func(_ context.Context, all []auth.Access) []error { return make([]error, len(all)+1) }, []any{"yes", "no"}, []string{"outage", "outage"}, 1},
		{"nothing", func(context.Context, []auth.Access) []error { return nil }, []any{"yes", "no"}, []string{"outage", "outage"}, 1},
		{"panic", func(context.Context, []auth.Access) []error { panic("all") }, []any{"yes", "no", "yes"}, []string{"outage", "outage", "outage"}, 1},
		{"late", func(ctx context.Context, all []auth.Access) []error {
			<-ctx.Done()
			errs := make([]error, len(all))
			errs[1] = auth.ErrForbidden
			return errs
		}, []any{"yes", "no", "yes"}, []string{"outage", "forbidden", "outage"}, 1},
	} {
		b := &batch{policy: policy{say: says(nil)}, all: tt.all}
		s := newSite(t, func(o *auth.Options) { o.Authorizer, o.AuthorizerTimeout = b, 5*time.Millisecond })
		if tt.name != "late" {
			s = newSite(t, func(o *auth.Options) { o.Authorizer = b })
		}
		var got []string
		for _, err := range s.visitor().logIn("ada").all("edit", tt.objects...) {
			got = append(got, outcome(err))
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) || len(b.calls) != tt.calls {
			t.Errorf("%s: %q after %d calls; want %q after %d", tt.name, got, len(b.calls), tt.want, tt.calls)
		}
		for _, all := range b.calls {
			for i, a := range all {
				if a.Object != tt.objects[i] || a.Action != "edit" || a.Identity.UserID != "ada" || !a.Now().Equal(t0) {
					t.Errorf("%s: asked %+v", tt.name, a)
				}
			}
		}
		if n := len(s.named("forbidden")); n != 0 {
			t.Errorf("%s: told as %d attempts", tt.name, n)
		}
	}

	// What is limited is not asked about; nor is somebody who is not known.
	b := &batch{policy: policy{say: says(nil)}, all: each}
	s := newSite(t, func(o *auth.Options) { o.Authorizer, o.Loaders = b, []auth.RequestLoader{scoped{}} })
	for header, want := range map[string]string{"read": "forbidden", "bad": "bad"} {
		for _, err := range s.visitor("X-Scope", header).all("edit", "yes", "yes") {
			if outcome(err) != want {
				t.Errorf("%s: %v", header, err)
			}
		}
	}
	if len(b.calls) != 0 || len(b.asked) != 0 {
		t.Errorf("asked %v %v", b.calls, b.asked)
	}

	// Without the ability, one after the other; and never that of what is behind.
	for _, a := range []auth.Authorizer{&policy{say: says(auth.ErrForbidden)}, &front{policy{say: says(auth.ErrForbidden)}, b}} {
		s := newSite(t, func(o *auth.Options) { o.Authorizer = a })
		for _, err := range s.visitor().logIn("ada").all("edit", "yes", "yes") {
			if outcome(err) != "forbidden" {
				t.Errorf("%T: %v", a, err)
			}
		}
	}
	s = newSite(t, nil) // no authorizer at all
	for _, err := range s.visitor().logIn("ada").all("edit", "yes", "yes") {
		if outcome(err) != "forbidden" {
			t.Errorf("without an authorizer: %v", err)
		}
	}
}

// All answers are about who is asking at first, whoever logs in meanwhile.
func TestAuthorizeAllIsAboutOne(t *testing.T) {
	var logIn func() error
	b := &batch{all: func(_ context.Context, all []auth.Access) []error {
		if err := logIn(); err != nil {
			t.Fatal(err)
		}
		return make([]error, len(all))
	}}
	s := newSite(t, func(o *auth.Options) { o.Authorizer, o.AuditDecisions = b, true })
	ada := s.visitor().logIn("ada")
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logIn = func() error { return s.m.LogIn(w, r, "bob", auth.Proof{Method: "host"}) }
		s.m.AuthorizeAll(r.Context(), "edit", 1, 2, 3)
	})).ServeHTTP(httptest.NewRecorder(), ada.request("POST", "/", ""))
	for i, e := range s.named("allowed") {
		if e.UserID != "ada" {
			t.Errorf("%d: %s is allowed what ada may", i, e.UserID)
		}
	}
	if len(b.calls) != 1 || len(s.named("allowed")) != 3 {
		t.Errorf("asked %+v, told %+v", b.calls, *s.events)
	}
}

// An authorizer that hangs costs the time of one decision, not one for each object.
func TestAuthorizeAllOfOneThatHangs(t *testing.T) {
	for _, last := range []error{nil, auth.ErrForbidden, errDown} {
		p := &policy{say: func(ctx context.Context, a auth.Access) error {
			if a.Object == "slow" {
				<-ctx.Done()
				return last
			}
			return nil
		}}
		s := newSite(t, func(o *auth.Options) { o.Authorizer, o.AuthorizerTimeout = p, 200*time.Millisecond })
		var got []string
		for _, err := range s.visitor().logIn("ada").all("edit", "quick", "slow", "slow", "quick") {
			got = append(got, outcome(err))
		}
		want := []string{"yes", "outage", "outage", "outage"}
		if last == auth.ErrForbidden { // which counts late as well
			want[1] = "forbidden"
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || len(p.asked) != 2 {
			t.Errorf("%v: %q after %d questions, want %q after 2", last, got, len(p.asked), want)
		}
	}
}

// A host asks in its own way, with the same guards around it.
func TestAuthorizeBy(t *testing.T) {
	p := &policy{say: says(auth.ErrForbidden)}
	s := newSite(t, func(o *auth.Options) { o.Authorizer, o.Loaders = p, []auth.RequestLoader{scoped{}} })
	calls := 0
	by := func(v *visitor) error {
		return v.asks(func(ctx context.Context) error {
			return s.m.AuthorizeBy(ctx, "read", "post", func(_ context.Context, a auth.Authorizer, access auth.Access) error {
				calls++
				if a != auth.Authorizer(p) || access.Action != "read" || access.Object != "post" || !access.Now().Equal(t0) {
					t.Errorf("asked %T %+v", a, access)
				}
				return nil
			})
		})
	}
	for i, tt := range []struct {
		v     *visitor
		want  string
		calls int
	}{
		{s.visitor().logIn("ada"), "yes", 1}, {s.visitor(), "yes", 1}, {s.visitor("X-Scope", "read"), "yes", 1},
		{s.visitor("X-Scope", "write"), "forbidden", 0}, {s.visitor("X-Scope", "bad"), "bad", 0},
	} {
		calls = 0
		if err := by(tt.v); outcome(err) != tt.want || calls != tt.calls {
			t.Errorf("%d: %v after %d calls", i, err, calls)
		}
	}
	s = newSite(t, nil)
	if err := s.m.AuthorizeBy(t.Context(), "read", nil, func(context.Context, auth.Authorizer, auth.Access) error { return nil }); outcome(err) != "nobody" {
		t.Errorf("without an authorizer: %v", err)
	}
}

func TestObject(t *testing.T) {
	o := auth.Object{Type: "post", ID: "17", Tenant: "t", Owner: "ada"}
	for _, tt := range []struct {
		object any
		want   string // by String
		owner  string
		ok     bool
	}{
		{nil, "", "", false}, {"", "", "", false}, {(*post)(nil), "", "", false}, {(*auth.Object)(nil), "", "", false}, {17, "", "", false}, {struct{}{}, "", "", false},
		{o, "post/17", "ada", true}, {&o, "post/17", "ada", true}, {&post{"1", "bob"}, "post/1", "bob", true},
		{"post", "post", "", true}, {"post/17", "post/17", "", true}, {"a/b/c", "a/b/c", "", true}, {"post/", "post", "", true},
		{auth.Object{Type: "post"}, "post", "", true},
	} {
		got, ok := auth.Access{Object: tt.object}.Describe()
		if ok != tt.ok || got.String() != tt.want || got.Owner != tt.owner {
			t.Errorf("%#v: %q %+v %v", tt.object, got, got, ok)
		}
	}
	if got, _ := (auth.Access{Object: "a/b/c"}).Describe(); got.Type != "a" || got.ID != "b/c" {
		t.Errorf("%+v", got)
	}
}
