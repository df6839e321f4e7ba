package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// posts is a site with /posts/{id} and /secret/{id}. Whose the post is may do
// anything with it; nobody may, if it is "open"; "old" wants another proof.
type posts struct {
	*site
	found map[string]any   // by ID
	fail  map[string]error // of find
	ran   []string         // by which handlers, with what object
}

func newPosts(t *testing.T, change func(*auth.Options)) *posts {
	p := &posts{
		found: map[string]any{"adas": &post{"adas", "ada"}, "open": &post{"open", ""}, "old": &post{"old", "ada"}, "down": &post{"down", "ada"}, "value": auth.Object{Type: "post", Owner: "ada"}},
		fail: map[string]error{
			"gone": fmt.Errorf("posts: %w", auth.ErrNotFound), "broken": errDown, "no": auth.ErrForbidden,
			"400": &auth.Problem{Status: 400, Code: "bad_id", Detail: "This is no ID."},
			"404": &auth.Problem{Status: 404, Code: "no_post", Detail: "There is no such post."},
			"410": &auth.Problem{Status: 410, Code: "no_post", Detail: "It is gone."},
			"422": &auth.Problem{Status: 422, Code: "no_post", Detail: "There is no such post.", Err: auth.ErrNotFound},
			"200": &auth.Problem{Status: 200, Code: "fine"},
			"418": &auth.Problem{Status: 418, Code: "odd", Err: auth.ErrNotFresh},
		},
	}
	var nilPost *post
	p.found["typed nil"] = nilPost
	var nilProblem *auth.Problem
	p.found["nil problem"], p.fail["nil problem"] = &post{"nil problem", "ada"}, nilProblem
	p.site = newSite(t, func(o *auth.Options) {
		o.Authorizer = auth.AuthorizerFunc(func(_ context.Context, a auth.Access) error {
			switch o, _ := a.Describe(); {
			case o.ID == "down":
				return errDown
			case o.ID == "open":
				return nil
			case a.Identity == nil || o.Owner != a.Identity.UserID:
				return &auth.Denial{Policy: "owner", Reason: "it is somebody else's"}
			case o.ID == "old":
				return &auth.Denial{Policy: "fresh", MaxAge: time.Minute}
			}
			return nil
		})
		o.Loaders = []auth.RequestLoader{&keyLoader{}}
		if change != nil {
			change(o)
		}
	})
	find := func(r *http.Request) (any, error) { return p.found[r.PathValue("id")], p.fail[r.PathValue("id")] }
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, ok := auth.ObjectFrom[*post](r.Context())
		_, described := auth.ObjectFrom[interface{ AuthObject() auth.Object }](r.Context())
		_, str := auth.ObjectFrom[string](r.Context())
		p.ran = append(p.ran, fmt.Sprint(o != nil && o.id == r.PathValue("id"), ok, described, str))
		u, _ := auth.UserFrom[*account](r.Context())
		if o != nil && u != nil {
			fmt.Fprint(w, o.id, " for ", u.id)
		}
	})
	mux := http.NewServeMux()
	p.m.Mount(mux)
	mux.Handle("/posts/{id}", p.m.RequireObject("posts:edit", find)(show))
	mux.Handle("/secret/{id}", p.m.RequireHidden("posts:edit", find)(show))
	p.h = p.m.Handler(mux)
	return p
}

func TestRequireObject(t *testing.T) {
	for _, tt := range []struct {
		id                     string
		ada, bob, nobody       int // of /posts
		hidden, hideBob, hideN int // of /secret
		runs                   string
	}{
		{"adas", 200, 403, 401, 200, 404, 401, "true true true false"},
		{"value", 200, 403, 401, 200, 404, 401, "false false true false"},
		{"open", 200, 200, 200, 200, 200, 200, "true true true false"},
		{"old", 401, 403, 401, 401, 404, 401, ""},
		{"down", 503, 503, 503, 503, 503, 503, ""},
		{"gone", 404, 404, 404, 404, 404, 401, ""},
		{"404", 404, 404, 404, 404, 404, 401, ""},
		{"410", 410, 410, 410, 404, 404, 401, ""},
		{"422", 422, 422, 422, 404, 404, 401, ""},
		{"400", 400, 400, 400, 400, 400, 400, ""},
		{"418", 418, 418, 418, 418, 418, 418, ""},
		{"200", 503, 503, 503, 503, 503, 503, ""},
		{"broken", 503, 503, 503, 503, 503, 503, ""},
		{"no", 503, 503, 503, 503, 503, 503, ""},
		{"nil", 503, 503, 503, 503, 503, 503, ""},
		{"typed nil", 503, 503, 503, 503, 503, 503, ""},
		{"nil problem", 503, 503, 503, 503, 503, 503, ""},
	} {
		p := newPosts(t, nil)
		ada, bob, nobody := p.visitor().logIn("ada"), p.visitor().logIn("bob"), p.visitor()
		wrong, broken := p.visitor("X-Key", "wrong"), p.visitor("X-Key", "broken")
		for prefix, want := range map[string][5]int{"/posts/": {tt.ada, tt.bob, tt.nobody, 401, 503}, "/secret/": {tt.hidden, tt.hideBob, tt.hideN, 401, 503}} {
			for i, v := range []*visitor{ada, bob, nobody, wrong, broken} {
				for _, method := range []string{"GET", "HEAD", "POST"} {
					p.ran = nil
					res := v.do(method, strings.ReplaceAll(prefix+tt.id, " ", "%20"), "")
					if res.StatusCode != want[i] || res.Header.Get("Vary") != "Cookie" {
						t.Errorf("%s %s%s, visitor %d: %s, Vary %q; want %d", method, prefix, tt.id, i, res.Status, res.Header["Vary"], want[i])
					}
					if want[i] == 200 && (len(p.ran) != 1 || p.ran[0] != tt.runs) || want[i] != 200 && len(p.ran) != 0 {
						t.Errorf("%s %s%s, visitor %d: ran %q", method, prefix, tt.id, i, p.ran)
					}
					if b := body(res); strings.Contains(b, "somebody else") || strings.Contains(b, "down") {
						t.Errorf("the client is told %s", b)
					}
				}
			}
		}
	}
	p := newPosts(t, nil)
	if got := body(p.visitor().logIn("ada").get("/posts/adas")); got != "adas for ada" {
		t.Errorf("the handler has %q", got)
	}
	if _, ok := auth.ObjectFrom[any](t.Context()); ok {
		t.Error("there is an object behind no guard")
	}
}

// What is not there and what is somebody else's are one answer, to the last byte, for
// somebody and for nobody, as a page and as JSON; and for a key.
func TestRequireHiddenTellsNothing(t *testing.T) {
	for _, failed := range []bool{false, true} { // whether the host answers itself
		p := newPosts(t, func(o *auth.Options) {
			o.AuditDecisions = true
			if failed {
				o.Failed = func(w http.ResponseWriter, _ *http.Request, p *auth.Problem) bool {
					w.WriteHeader(p.Status)
					fmt.Fprintf(w, "%s %s %s", p.Code, p.Reason, p.Detail)
					return true
				}
			}
		})
		p.found["x"] = &post{"x", "ada"}
		for name, v := range map[string]*visitor{
			"bob, a browser": p.browser().logIn("bob"), "bob, a program": p.visitor().logIn("bob"), "bob's key": p.visitor("X-Key", "bob"),
			"nobody, a browser": p.browser(), "nobody, a program": p.visitor(),
		} {
			for _, method := range []string{"GET", "HEAD", "DELETE"} {
				answer := func(missing error) string {
					p.fail["x"] = missing
					w := httptest.NewRecorder()
					p.h.ServeHTTP(w, v.request(method, "/secret/x?a=b", ""))
					return fmt.Sprintf("%d %v %s", w.Code, w.Header(), w.Body)
				}
				there := answer(nil)
				for _, id := range []string{"gone", "404", "410", "422"} {
					if got := answer(p.fail[id]); got != there {
						t.Errorf("%s, %s: what is not there (%s) is\n\t%s\nand what is somebody else's\n\t%s", name, method, id, got, there)
					}
				}
				if !strings.HasPrefix(there, "404 ") && !strings.HasPrefix(there, "401 ") && !strings.HasPrefix(there, "303 ") || strings.HasPrefix(name, "bob") != strings.HasPrefix(there, "404 ") {
					t.Errorf("%s, %s: %s", name, method, there)
				}
			}
		}
	}
}

// A preflight runs nothing.
func TestRequireObjectPreflight(t *testing.T) {
	p := newPosts(t, nil)
	find := func(*http.Request) (any, error) { t.Error("something was looked for"); return nil, errDown }
	for _, guard := range []func(string, func(*http.Request) (any, error)) func(http.Handler) http.Handler{p.m.RequireObject, p.m.RequireHidden} {
		w := httptest.NewRecorder()
		p.m.Handler(guard("x", find)(http.NotFoundHandler())).ServeHTTP(w,
			p.visitor("Origin", "https://a.example", "Access-Control-Request-Method", "GET").request("OPTIONS", "/", ""))
		if w.Code != 204 || w.Header().Get("Vary") != "Cookie" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	}
}

// One guard in another: each has its object, and requests do not share them.
func TestRequireObjectNested(t *testing.T) {
	s := newSite(t, func(o *auth.Options) { o.Authorizer = anything })
	by := func(name string) func(*http.Request) (any, error) {
		return func(r *http.Request) (any, error) { return r.Header.Get(name), nil }
	}
	var seen []string
	look := func(r *http.Request) {
		o, ok := auth.ObjectFrom[string](r.Context())
		seen = append(seen, fmt.Sprint(o, " ", ok))
	}
	inner := s.m.RequireObject("x", by("Inner"))(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { look(r) }))
	h := s.m.Handler(s.m.RequireObject("x", by("Outer"))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		look(r)
		inner.ServeHTTP(w, r)
		look(r)
	})))
	for _, n := range []string{"1", "2"} {
		h.ServeHTTP(httptest.NewRecorder(), s.visitor("Outer", "o"+n, "Inner", "i"+n).request("GET", "/", ""))
	}
	if got := strings.Join(seen, ", "); got != "o1 true, i1 true, o1 true, o2 true, i2 true, o2 true" {
		t.Error(got)
	}
}

// confirming is a provider with a form to confirm who one is, if has says so.
type confirming struct {
	named
	kinds []auth.Kind
	has   bool
}

func (c confirming) Kinds() []auth.Kind { return c.kinds }

func (c confirming) PageForms(_ *http.Request, page string) []auth.Form {
	if page != "confirm" || !c.has {
		return nil
	}
	return []auth.Form{{Name: c.name, Action: "/" + c.name}}
}

// An answer to a no for now says what would help: to programs by RFC 9470, to browsers
// by the page to confirm, where it can help.
func TestStepUp(t *testing.T) {
	for _, tt := range []struct {
		name              string
		denial            *auth.Denial
		code, challenge   string
		browser           int
		message, category string
	}{
		{"too old", &auth.Denial{MaxAge: 10 * time.Minute}, "not_fresh", `Cookie realm="gatehouse", error="insufficient_user_authentication", max_age=600`, 303, "not_fresh", "info"},
		{"a method", &auth.Denial{Methods: []string{"trust"}}, "proof_required", `Cookie realm="gatehouse", error="insufficient_user_authentication", acr_values="trust"`, 303, "proof_required", "info"},
		{"a method, new", &auth.Denial{MaxAge: time.Minute, Methods: []string{"none", "trust"}}, "proof_required",
			`Cookie realm="gatehouse", error="insufficient_user_authentication", max_age=60, acr_values="none trust"`, 303, "proof_required", "info"},
		{"a kind of a provider", &auth.Denial{Methods: []string{"several:a"}}, "proof_required", `Cookie realm="gatehouse", error="insufficient_user_authentication", acr_values="several:a"`, 303, "proof_required", "info"},
		{"a method that nobody has", &auth.Denial{Methods: []string{"none"}}, "proof_required", `Cookie realm="gatehouse", error="insufficient_user_authentication", acr_values="none"`, 401, "", ""},
		{"a method without a form", &auth.Denial{Methods: []string{"bare", "formless"}}, "proof_required", `Cookie realm="gatehouse", error="insufficient_user_authentication", acr_values="bare formless"`, 401, "", ""},
		{"hostile words", &auth.Denial{Methods: []string{"a\"b\r\nX: y"}}, "proof_required", `Cookie realm="gatehouse", error="insufficient_user_authentication", acr_values="a\"b\r\nX: y"`, 401, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(o *auth.Options) {
				o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return tt.denial })
				withFlashes(o)
				o.Loaders = []auth.RequestLoader{&keyLoader{}}
				o.Providers = append(o.Providers, named{name: "bare"}, confirming{named{name: "formless"}, nil, false},
					confirming{named{name: "several"}, []auth.Kind{{Name: "several:a", Role: auth.FirstFactor}}, true})
			})
			ada, browser := s.visitor().logIn("ada"), s.browser().logIn("ada")
			*s.events = nil
			for _, v := range []*visitor{ada, s.visitor("X-Key", "ada")} {
				res := v.get("/admin")
				if got := res.Header["Www-Authenticate"]; res.StatusCode != 401 || len(got) != 1 || got[0] != tt.challenge || code(res) != tt.code {
					t.Errorf("a program: %s %q, want %q", res.Status, got, tt.challenge)
				}
			}
			res := browser.get("/admin")
			location := res.Header.Get("Location")
			if res.StatusCode != tt.browser || tt.browser == 303 && location != "/auth/confirm?next=%2Fadmin" || tt.browser != 303 && location != "" {
				t.Errorf("a browser: %s %s", res.Status, location)
			}
			if got := browser.told(); got != strings.Trim(tt.message+":"+tt.category, ":") {
				t.Errorf("the message is %q", got)
			}
			if tt.browser == 401 {
				if page := body(res); !strings.Contains(page, `"Name":"error"`) || !strings.Contains(page, `"Code":"`+tt.code) {
					t.Errorf("the page is %s", page)
				}
			}
			if n := len(s.named("not_fresh")); n != 3 || len(s.named("forbidden")) != 0 {
				t.Errorf("told %+v", *s.events)
			}
			// Nobody has something else to do first.
			if res := s.visitor().get("/admin"); res.StatusCode != 401 || code(res) != "unauthenticated" {
				t.Errorf("nobody: %s", res.Status)
			}
		})
	}
}

// What the host does to the problem that it answers does nothing to the policy.
func TestNeedsRefreshIsGivenItsOwn(t *testing.T) {
	denial := &auth.Denial{MaxAge: time.Minute, Methods: []string{"totp", "key"}}
	s := newSite(t, func(o *auth.Options) {
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return denial })
		o.NeedsRefresh = func(_ http.ResponseWriter, _ *http.Request, p *auth.Problem) bool {
			p.Factors = append(p.Factors[:0], "password") // for want of anything better
			return false
		}
	})
	if res := s.visitor().logIn("ada").get("/admin"); !strings.Contains(body(res), `"factors":["password"]`) {
		t.Errorf("told %s", res.Status)
	}
	if denial.Methods[0] != "totp" {
		t.Errorf("the policy wants %q now", denial.Methods)
	}
}

// The host answers both with NeedsRefresh, and may leave it.
func TestNeedsRefreshAnswersBoth(t *testing.T) {
	said := &auth.Denial{}
	s := newSite(t, func(o *auth.Options) {
		o.Authorizer = auth.AuthorizerFunc(func(context.Context, auth.Access) error { return said })
		o.NeedsRefresh = func(w http.ResponseWriter, r *http.Request, p *auth.Problem) bool {
			if !errors.Is(p, auth.ErrNotFresh) || !errors.Is(p, auth.ErrForbidden) {
				t.Errorf("%v is something else", p)
			}
			w.Header().Set("X-Code", p.Code+" "+p.MessageID())
			if r.Header.Get("X-Default") != "" {
				return false
			}
			w.WriteHeader(472)
			return true
		}
		o.Unauthenticated = func(http.ResponseWriter, *http.Request, *auth.Problem) bool {
			t.Error("Unauthenticated is asked")
			return false
		}
	})
	ada, left := s.visitor().logIn("ada"), s.visitor("X-Default", "1").logIn("ada")
	for want, d := range map[string]*auth.Denial{"not_fresh not_fresh": {MaxAge: time.Second}, "proof_required proof_required": {Methods: []string{"code"}}} {
		said = d
		if res := ada.get("/admin"); res.StatusCode != 472 || res.Header.Get("X-Code") != want {
			t.Errorf("%s: %s %v", want, res.Status, res.Header)
		}
		if res := left.get("/admin"); res.StatusCode != 401 || res.Header.Get("X-Code") != want {
			t.Errorf("%s, left to the default: %s", want, res.Status)
		}
	}
}
