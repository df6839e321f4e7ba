package authtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A ProviderTest says what [TestProvider] has to know of a provider.
type ProviderTest struct {
	// New returns a new provider, one for each Manager.
	New func(t *testing.T) auth.Provider
	// Store returns an empty store.
	Store func(t *testing.T) auth.Store
	// Options may change the options of every Manager, for a provider that
	// needs something of them. May be nil.
	Options func(o *auth.Options)

	// Path is where a login is posted, such as "/login". If it is "", what the
	// provider does is more than one POST: then only its composition is
	// tested, and the fields below are not used.
	Path string
	// Prepare makes a user who can log in and returns the ID. The users of m
	// are [Users], so m.CreateUser works.
	Prepare func(t *testing.T, m *auth.Manager) (userID string)
	// Right logs that user in; Wrong is a wrong proof of theirs, Unknown one of
	// a user that there is not. They are fields of a form or of a JSON object.
	Right, Wrong, Unknown map[string]string
}

// TestProvider tests what holds for every [auth.Provider], and, for one whose
// login is one POST, what holds for every such login.
func TestProvider(t *testing.T, p ProviderTest) {
	t.Run("Name", p.name)
	t.Run("Patterns", p.patterns)
	t.Run("Kinds", p.kinds)
	t.Run("Mount", func(t *testing.T) { p.site(t, nil) })
	if p.Path == "" {
		return
	}
	t.Run("Right", p.right)
	t.Run("Wrong", p.wrong)
	t.Run("Disabled", p.disabled)
	t.Run("SameSteps", p.sameSteps)
	t.Run("Missing", p.missing)
	t.Run("GetLogsNobodyIn", p.get)
	t.Run("QueryLogsNobodyIn", p.query)
	t.Run("CrossSite", p.crossSite)
	t.Run("HalfDone", p.halfDone)
	t.Run("Limited", p.limited)
	t.Run("Outages", p.outages)
	t.Run("TellsNoSecrets", p.secrets)
}

func (p ProviderTest) name(t *testing.T) {
	provider := p.New(t)
	name := provider.Name()
	if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(name) {
		t.Errorf("Name is %q\n\trule: a name is of lower-case letters, digits and hyphens", name)
	}
	if again := provider.Name(); again != name {
		t.Errorf("Name is %q, then %q\n\trule: a name does not change: it is the Method of proofs that are kept", name, again)
	}
}

// patterns collects what is mounted.
type patterns []string

func (p *patterns) Handle(pattern string, handler http.Handler) {
	if handler == nil {
		pattern += " (nil handler)"
	}
	*p = append(*p, pattern)
}

func (p ProviderTest) patterns(t *testing.T) {
	const rule = "patterns are a method, a space and a path of literal segments and {names}, without prefix, each once"
	s := p.site(t, nil)
	var mounted patterns
	provider := p.New(t)
	must(t, "Mount", provider.Mount(s.m, &mounted))
	portable := regexp.MustCompile(`^(GET|POST|PUT|PATCH|DELETE)( )(/([A-Za-z0-9._~-]+|\{[A-Za-z_][A-Za-z0-9_]*\}))+$`)
	seen := map[string]bool{}
	for _, pattern := range mounted {
		if !portable.MatchString(pattern) || seen[pattern] {
			t.Errorf("pattern %q\n\trule: %s", pattern, rule)
		}
		if strings.Contains(pattern, " /auth/") {
			t.Errorf("pattern %q has the prefix\n\trule: %s", pattern, rule)
		}
		seen[pattern] = true
	}
	if _, ok := provider.(auth.Factor); ok && !seen["GET /"+provider.Name()] {
		t.Errorf("a factor without the pattern %q\n\trule: a factor's page is at GET /<name>", "GET /"+provider.Name())
	}
	if p.Path != "" && !seen["POST "+p.Path] {
		t.Errorf("no pattern %q, which the test was told of", "POST "+p.Path)
	}
}

func (p ProviderTest) kinds(t *testing.T) {
	owner, ok := p.New(t).(auth.Owner)
	if !ok {
		return
	}
	seen := map[string]bool{}
	for _, k := range owner.Kinds() {
		c := auth.Credential{Kind: k.Name, Key: "k", UserID: "u"}
		if err := c.Validate(); err != nil || seen[k.Name] {
			t.Errorf("kind %q\n\trule: kinds have names, each another, that a store can keep", k.Name)
		}
		seen[k.Name] = true
		if !slices.Contains([]auth.Role{auth.Identifier, auth.FirstFactor, auth.SecondFactor, auth.Device, auth.Token}, k.Role) {
			t.Errorf("kind %q has the role %q\n\trule: a role is one of the five", k.Name, k.Role)
		}
	}
}

func (p ProviderTest) right(t *testing.T) {
	for name, make := range map[string]func(s *site) *http.Request{
		"form": func(s *site) *http.Request { return s.form(p.Right) },
		"JSON": func(s *site) *http.Request { return s.object(p.Right) },
	} {
		t.Run(name, func(t *testing.T) {
			s := p.site(t, nil)
			a := s.do(make(s))
			if a.status != http.StatusOK {
				t.Fatalf("status is %d, want 200\n\trule: forms and JSON both log in\n%s", a.status, a.body)
			}
			checkNotStored(t, "a login", a)
			c := a.session()
			if c == nil {
				t.Fatal("no session cookie\n\trule: who has proved who they are is logged in")
			}
			if got := s.who(c); got != s.userID {
				t.Errorf("logged in is %q, want %q", got, s.userID)
			}
			id := s.sessions(t)
			if len(id) != 1 || len(id[0].Proofs) != 1 || id[0].Proofs[0].Method != p.New(t).Name() || id[0].Proofs[0].At.IsZero() {
				t.Errorf("sessions: %+v\n\trule: a login begins one session, with a proof whose Method is the provider's name and whose time is set", id)
			}
			if len(s.events.Named("login")) != 1 {
				t.Errorf("events: %+v\n\trule: a login is told once", s.events.Events())
			}
		})
	}
}

func (s *site) sessions(t *testing.T) []*auth.Session {
	t.Helper()
	list, err := s.m.Store().UserSessions(t.Context(), s.userID)
	must(t, "UserSessions", err)
	return list
}

// checkRefused requires the answer to a wrong login.
func (s *site) checkRefused(t *testing.T, what string, a answer) {
	t.Helper()
	s.checkNobody(t, what, a, "a wrong login never begins a session")
	checkNotStored(t, what, a)
	if a.status != http.StatusUnauthorized {
		t.Errorf("%s: status is %d, want 401\n%s", what, a.status, a.body)
	}
	var problem struct{ Code string }
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil || problem.Code != "bad_credentials" {
		t.Errorf("%s: the code is %q, want %q\n%s", what, problem.Code, "bad_credentials", a.body)
	}
	if n := len(s.events.Named("login.failed")); n != 1 {
		t.Errorf("%s: %d events login.refused, want 1\n\trule: a refusal is told, once", what, n)
	}
}

func (p ProviderTest) wrong(t *testing.T) {
	const rule = "an unknown user and a wrong proof cannot be told apart"
	for name, make := range map[string]func(s *site, fields map[string]string) *http.Request{"form": (*site).form, "JSON": (*site).object} {
		t.Run(name, func(t *testing.T) {
			s := p.site(t, nil)
			wrong := s.do(make(s, p.Wrong))
			s.checkRefused(t, "a wrong proof", wrong)
			s = p.site(t, nil)
			unknown := s.do(make(s, p.Unknown))
			s.checkRefused(t, "an unknown user", unknown)
			checkSame(t, "a wrong proof and an unknown user", wrong, unknown, rule)
		})
	}
}

// checkSame requires that two answers cannot be told apart.
func checkSame(t *testing.T, what string, a, b answer, rule string) {
	t.Helper()
	if a.status != b.status || a.body != b.body || fmt.Sprint(a.header) != fmt.Sprint(b.header) {
		t.Errorf("%s are answered\n\t%d %v %s\n\t%d %v %s\n\trule: %s", what, a.status, a.header, a.body, b.status, b.header, b.body, rule)
	}
}

func (p ProviderTest) disabled(t *testing.T) {
	const rule = "that a user is disabled is not told apart from a wrong proof"
	s := p.site(t, nil)
	wrong := s.do(s.object(p.Wrong))
	s = p.site(t, nil)
	s.users.Change(s.userID, func(u *User) { u.Disabled = true })
	disabled := s.do(s.object(p.Right))
	s.checkRefused(t, "a disabled user", disabled)
	checkSame(t, "a wrong proof and a disabled user", wrong, disabled, rule)
}

func (p ProviderTest) sameSteps(t *testing.T) {
	const rule = "unknown, wrong and disabled take the same calls of the store, so that time does not tell them apart"
	s := p.site(t, nil)
	s.do(s.object(p.Wrong))
	wrong := s.rec.Calls()
	s = p.site(t, nil)
	s.do(s.object(p.Unknown))
	if unknown := s.rec.Calls(); !slices.Equal(wrong, unknown) {
		t.Errorf("a wrong proof: %v\n\tan unknown user: %v\n\trule: %s", wrong, unknown, rule)
	}
	s = p.site(t, nil)
	s.users.Change(s.userID, func(u *User) { u.Disabled = true })
	s.do(s.object(p.Right))
	if disabled := s.rec.Calls(); !slices.Equal(wrong, disabled) {
		t.Errorf("a wrong proof: %v\n\ta disabled user: %v\n\trule: %s", wrong, disabled, rule)
	}
}

func (p ProviderTest) missing(t *testing.T) {
	const rule = "what is missing or cannot be read is the client's fault, and logs nobody in"
	s := p.site(t, nil)
	requests := map[string]*http.Request{
		"an empty form":   s.form(nil),
		"an empty object": s.object(nil),
	}
	for name := range p.Right {
		for what, value := range map[string]string{"no ": "", "100,000 bytes of ": strings.Repeat("x", 100_000), "NUL and no UTF-8 in ": "\x00\xff"} {
			fields := map[string]string{}
			for n, v := range p.Right {
				fields[n] = v
			}
			fields[name] = value
			requests[what+name] = s.form(fields)
		}
	}
	for what, body := range map[string]string{"no JSON": "{", "a list": "[]", "a string": `"x"`, "nothing": "", "null": "null"} {
		r := httptest.NewRequest(http.MethodPost, Origin+s.path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		requests[what] = r
	}
	for what, r := range requests {
		s := p.site(t, nil)
		a := s.do(r)
		if a.status < 400 || a.status >= 500 {
			t.Errorf("%s: status is %d, want 4xx\n\trule: %s", what, a.status, rule)
		}
		s.checkNobody(t, what, a, rule)
		checkNotStored(t, what, a)
	}
}

func (p ProviderTest) get(t *testing.T) {
	const rule = "GET and HEAD never log in"
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		s := p.site(t, nil)
		v := url.Values{}
		for name, value := range p.Right {
			v.Set(name, value)
		}
		r := s.form(p.Right)
		r.Method, r.URL.RawQuery = method, v.Encode()
		s.checkNobody(t, method, s.do(r), rule)
	}
}

func (p ProviderTest) query(t *testing.T) {
	const rule = "what is proved is in the body: a URL is logged and remembered"
	s := p.site(t, nil)
	v := url.Values{}
	for name, value := range p.Right {
		v.Set(name, value)
	}
	r := s.form(nil)
	r.URL.RawQuery = v.Encode()
	s.checkNobody(t, "fields in the query", s.do(r), rule)
}

func (p ProviderTest) crossSite(t *testing.T) {
	const rule = "a login that a browser sends from another site is refused, right or wrong"
	for name, header := range map[string][2]string{
		"Sec-Fetch-Site": {"Sec-Fetch-Site", "cross-site"},
		"same site":      {"Sec-Fetch-Site", "same-site"},
		"Origin":         {"Origin", "https://evil.example"},
		"Origin null":    {"Origin", "null"},
	} {
		s := p.site(t, nil)
		r := s.form(p.Right)
		r.Header.Set(header[0], header[1])
		a := s.do(r)
		if a.status != http.StatusForbidden {
			t.Errorf("%s: status is %d, want 403\n\trule: %s", name, a.status, rule)
		}
		s.checkNobody(t, name, a, rule)
	}
}

func (p ProviderTest) halfDone(t *testing.T) {
	const rule = "a half-done login is no session: it identifies nobody"
	s := p.site(t, func(o *auth.Options) { o.Providers = append(o.Providers, &Factor{Always: true}) })
	a := s.do(s.object(p.Right))
	var problem struct {
		Code    string
		Factors []string
	}
	if err := json.Unmarshal([]byte(a.body), &problem); a.status != http.StatusUnauthorized || problem.Code != "factor_owed" || !slices.Equal(problem.Factors, []string{"code"}) {
		t.Errorf("with a factor owed: %d %s, error %v, want 401, factor_owed, code\n\trule: a login that owes a factor says which", a.status, a.body, err)
	}
	s.checkNobody(t, "with a factor owed", a, rule)
	checkNotStored(t, "with a factor owed", a)
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if got := s.who(c); got != "" {
			t.Errorf("the cookie %s is %q\n\trule: %s", c.Name, got, rule)
		}
	}
	r := s.form(map[string]string{"code": Code})
	r.URL.Path = "/auth/code"
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		r.AddCookie(c)
	}
	a = s.do(r)
	if c := a.session(); a.status != http.StatusOK || c == nil || s.who(c) != s.userID {
		t.Errorf("the factor: %d %s\n\trule: with the factor the login is complete", a.status, a.body)
	}
}

func (p ProviderTest) limited(t *testing.T) {
	const rule = "guesses are limited before they are compared, right answers included"
	s := p.site(t, func(o *auth.Options) { o.Limits.Account = auth.Limit{Max: 3, Per: time.Minute} })
	for range 3 {
		if a := s.do(s.object(p.Wrong)); a.status != http.StatusUnauthorized {
			t.Fatalf("a wrong proof: status is %d, want 401", a.status)
		}
	}
	for what, fields := range map[string]map[string]string{"wrong": p.Wrong, "right": p.Right} {
		a := s.do(s.object(fields))
		if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			t.Errorf("the next guess, %s: %d, Retry-After %q, want 429 and a number\n\trule: %s", what, a.status, a.header.Get("Retry-After"), rule)
		}
		s.checkNobody(t, "the next guess, "+what, a, rule)
	}
	s = p.site(t, func(o *auth.Options) { o.Limits.Account = auth.Limit{Max: 3, Per: time.Minute} })
	for range 3 {
		s.do(s.object(p.Unknown))
	}
	if a := s.do(s.object(p.Unknown)); a.status != http.StatusTooManyRequests {
		t.Errorf("an unknown user, the next guess: %d, want 429\n\trule: unknown accounts are limited like known ones", a.status)
	}
}

// errOutage is what a broken store says.
var errOutage = errors.New("authtest: the store is down")

func (p ProviderTest) outages(t *testing.T) {
	const rule = "when a call of the store fails, the login fails with a 5xx and without a session cookie, or had been complete before"
	s := p.site(t, nil)
	s.do(s.object(p.Right))
	calls := s.rec.Calls()
	for n := range calls {
		for what, fields := range map[string]map[string]string{"right": p.Right, "wrong": p.Wrong, "unknown": p.Unknown} {
			s := p.site(t, nil)
			s.rec.FailAt(n+1, errOutage)
			a := s.do(s.object(fields))
			failed := len(s.rec.Calls()) > n // the fault was met
			s.rec.Reset()
			at := fmt.Sprintf("%s, call %d (%s) fails", what, n+1, calls[n])
			complete := what == "right" && a.status == http.StatusOK && a.session() != nil && s.who(a.session()) == s.userID
			switch {
			case !failed || complete:
			case a.status < 500:
				t.Errorf("%s: status is %d\n\trule: %s", at, a.status, rule)
			case a.session() != nil:
				t.Errorf("%s: status is %d, with a session cookie\n\trule: %s", at, a.status, rule)
			}
			if strings.Contains(a.body, errOutage.Error()) {
				t.Errorf("%s: the answer tells of it: %s\n\trule: nothing of an outage reaches the client", at, a.body)
			}
			if a := s.do(s.object(p.Right)); a.status != http.StatusOK {
				t.Errorf("%s: afterwards a login is answered %d\n\trule: when the store is back, logins work again", at, a.status)
			}
		}
	}
}

func (p ProviderTest) secrets(t *testing.T) {
	const rule = "no secret is in an event or in the log"
	var secrets []string // what Right and Wrong do not have in common
	for name, value := range p.Right {
		if value != p.Wrong[name] {
			secrets = append(secrets, value, p.Wrong[name])
		}
	}
	s := p.site(t, nil)
	s.do(s.object(p.Right))
	s.do(s.object(p.Wrong))
	told := s.log.String() + fmt.Sprintf("%+v", s.events.Events())
	for _, secret := range secrets {
		if secret != "" && strings.Contains(told, secret) {
			t.Errorf("the secret %q is in\n%s\n\trule: %s", secret, told, rule)
		}
	}
}
