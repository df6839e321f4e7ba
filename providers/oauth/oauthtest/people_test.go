package oauthtest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

func TestPeople(t *testing.T) {
	c := start(t, oauthtest.Options{})
	before, ok := c.idp.Person("ada")
	if !ok {
		t.Fatal("there is no Ada")
	}
	code := c.visit(nil).Get("code")
	err := c.idp.ChangePerson("ada", func(p *oauthtest.Person) {
		p.Login, p.Email, p.EmailVerified, p.Subject = "countess", "ada@new.example", nil, "stolen"
	})
	if err != nil {
		t.Fatal(err)
	}
	after, _ := c.idp.Person(before.Subject)
	for _, s := range []oauthtest.Service{oauthtest.OIDC, oauthtest.GitHub, oauthtest.Google, oauthtest.Apple, oauthtest.Twitter} {
		if a, b := before.SubjectAt(s), after.SubjectAt(s); a != b || a == "" {
			t.Errorf("%s: %q became %q", s, a, b)
		}
	}
	_, tok := c.exchange(code, nil)
	got := claims(t, tok["id_token"])
	if got["email"] != "ada@new.example" || got["preferred_username"] != "countess" || got["sub"] != before.Subject {
		t.Errorf("claims %v", got)
	}
	if v, ok := got["email_verified"]; ok {
		t.Errorf("email_verified %v", v)
	}

	// Somebody else takes the name, and is somebody else.
	if err := c.idp.AddPerson(oauthtest.Person{Login: "ada", Subject: "another", Claims: map[string]any{"groups": []string{"admin"}}}); err != nil {
		t.Fatal(err)
	}
	got = claims(t, c.tokens(nil)["id_token"])
	if got["sub"] != "another" || got["groups"] == nil || got["name"] != "ada" {
		t.Errorf("claims %v", got)
	}

	for name, p := range map[string]oauthtest.Person{
		"no login":      {Name: "x"},
		"login taken":   {Login: "grace", Subject: "new"},
		"subject taken": {Login: "new", Subject: "another"},
		"no integer":    {Login: "new", Subjects: map[oauthtest.Service]string{oauthtest.GitHub: "x"}},
	} {
		if err := c.idp.AddPerson(p); err == nil {
			t.Errorf("%s: added", name)
		}
	}
	if err := c.idp.ChangePerson("grace", func(p *oauthtest.Person) { p.Login = "ada" }); err == nil {
		t.Error("took a name that somebody has")
	}
	if _, ok := c.idp.Person("grace"); !ok {
		t.Error("a change that failed was made")
	}
	if err := c.idp.ChangePerson("nobody", func(*oauthtest.Person) {}); err == nil {
		t.Error("changed nobody")
	}
	p, _ := c.idp.Person("ada")
	p.Claims["groups"] = nil
	if again, _ := c.idp.Person("ada"); again.Claims["groups"] == nil {
		t.Error("what is returned is not a copy")
	}
}

// The identifiers look like those of the services, which hosts may check.
func TestSubjects(t *testing.T) {
	seen := make(map[string]bool)
	p := oauthtest.Person{Subject: "s"}
	for s, want := range map[oauthtest.Service]string{
		oauthtest.OIDC: `^s$`, oauthtest.GitHub: `^[1-9][0-9]{11}$`, oauthtest.Google: `^1[0-9]{20}$`,
		oauthtest.Apple: `^[0-9]{6}\.[0-9a-f]{32}\.[0-9]{4}$`, oauthtest.Twitter: `^[0-9]{19}$`,
	} {
		got := p.SubjectAt(s)
		if !regexp.MustCompile(want).MatchString(got) || seen[got] {
			t.Errorf("%s: %q", s, got)
		}
		seen[got] = true
	}
	p.Subjects = map[oauthtest.Service]string{oauthtest.Google: "", oauthtest.OIDC: "x"}
	if p.SubjectAt(oauthtest.Google) != "" || p.SubjectAt(oauthtest.OIDC) != "x" {
		t.Error("not what was given")
	}
}

func TestVisit(t *testing.T) {
	c := start(t, oauthtest.Options{})
	who := func(hint string) string {
		t.Helper()
		back, err := c.idp.Visit(c.authURL(url.Values{"login_hint": {hint}}))
		if err != nil {
			t.Fatal(err)
		}
		_, tok := c.exchange(back.Values().Get("code"), nil)
		return text(claims(t, tok["id_token"])["preferred_username"])
	}
	for hint, want := range map[string]string{"": "ada", "grace": "grace", "grace@example.com": "grace", "nobody": "ada"} {
		if got := who(hint); got != want {
			t.Errorf("with the hint %q it was %s, not %s", hint, got, want)
		}
	}
	back, err := c.idp.Visit(c.authURL(url.Values{"response_mode": {"form_post"}}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := back.Request()
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != "POST" || r.URL.RawQuery != "" || r.FormValue("state") != "st" || r.Header.Get("Sec-Fetch-Site") != "cross-site" || r.Header.Get("Origin") == "" {
		t.Errorf("%s %s %v %v", r.Method, r.URL, r.Form, r.Header)
	}
	for _, u := range []string{"https://evil.example/authorize", "://", c.idp.URL + "/nothing"} {
		if back, err := c.idp.Visit(u); err == nil {
			t.Errorf("%s: sent back to %v", u, back)
		}
	}
	if _, err := oauthtest.New(&oauthtest.Options{People: []oauthtest.Person{}}).Visit(c.authURL(nil)); err == nil {
		t.Error("nobody came back")
	}
}

// Everything that is wrong is said, by everything that can fail.
func TestOptions(t *testing.T) {
	idp := oauthtest.New(&oauthtest.Options{
		URL:     "idp.example/",
		Clients: []oauthtest.Client{{ID: "a"}, {AnyRedirectURI: true}, {ID: "a", RedirectURIs: []string{"/cb"}}},
		People:  []oauthtest.Person{{Login: "ada"}, {Login: "ada"}, {}},
		Keys:    []*oauthtest.Key{nil, {}},
	})
	err := idp.Start("")
	if err == nil {
		t.Fatal("it started")
	}
	for _, want := range []string{
		"Options.URL", `"a" needs RedirectURIs`, "Options.Clients[1] needs an ID", `redirect URI "/cb"`, `two clients have the ID "a" at github`,
		`two people have the Login "ada"`, "a Person needs a Login", "Options.Keys[0]", "Options.Keys[1]",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	if _, err := idp.RoundTrip(request(t, "GET", "https://github.com/")); err == nil {
		t.Error("it answered")
	}
	if _, err := idp.VisitAs("ada", "https://github.com/login/oauth/authorize"); err == nil {
		t.Error("it sent a browser back")
	}
	w := httptest.NewRecorder()
	idp.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("it answered %d", w.Code)
	}
	for _, good := range []string{"https://idp.example", "http://localhost:8080/idp"} {
		idp := oauthtest.New(&oauthtest.Options{URL: good})
		if _, err := idp.VisitAs("ada", good+"/authorize?client_id=x&redirect_uri=https://app.example&response_type=code"); err != nil || idp.URL != good {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestStart(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "idp.example:0", "127.0.0.1", "127.0.0.1:x"} {
		idp := oauthtest.New(nil)
		if err := idp.Start(addr); err == nil {
			t.Errorf("it listens on %s", addr)
		}
		idp.Close()
	}
	idp := oauthtest.New(nil)
	if err := idp.Start("localhost:0"); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(idp.URL, "http://localhost:") {
		t.Errorf("URL %s", idp.URL)
	}
	if err := idp.Start("localhost:0"); err == nil {
		t.Error("it was started twice")
	}
	if err := idp.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(idp.URL); err == nil {
		t.Error("it answers after Close")
	}
	kept := oauthtest.New(&oauthtest.Options{URL: "https://proxy.example"})
	defer kept.Close()
	if err := kept.Start(""); err != nil || kept.URL != "https://proxy.example" {
		t.Errorf("URL %s, %v", kept.URL, err)
	}
}
