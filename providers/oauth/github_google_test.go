package oauth

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// A world is a site whose GitHub and Google are imitated.
type world struct {
	*site
	idp *oauthtest.Server
}

const worldSecret = "s+/=%"

// worldKey is made once: RSA takes a moment.
var worldKey = sync.OnceValue(func() *oauthtest.Key {
	key, err := oauthtest.NewKey("RS256")
	if err != nil {
		panic(err)
	}
	return key
})

func newWorld(t *testing.T, change ...func(*ConnectorOptions)) *world {
	t.Helper()
	clock := authtest.NewClock(t0)
	uris := []string{authtest.Origin + "/auth/oauth/github/callback", authtest.Origin + "/auth/oauth/google/callback"}
	idp := oauthtest.New(&oauthtest.Options{
		Clients: []oauthtest.Client{{ID: "app", Secret: worldSecret, RedirectURIs: uris, RequirePKCE: true}},
		Keys:    []*oauthtest.Key{worldKey()},
		Now:     clock.Now,
	})
	opts := ConnectorOptions{Insecure: idp, RequirePKCE: true}
	for _, f := range change {
		f(&opts)
	}
	s := newSite(t, func(set *setup) {
		set.more = []*Connector{GitHub("app", worldSecret, &opts), Google("app", worldSecret, &opts)}
		set.auth.Now = clock.Now
	})
	s.clock = clock
	return &world{s, idp}
}

// come logs somebody in, as j.
func (w *world) come(j *jar, connector, login string) reply {
	w.t.Helper()
	back, err := w.idp.VisitAs(login, j.start(connector, "next", "/me"))
	if err != nil {
		w.t.Fatal(err)
	}
	return j.get(strings.TrimPrefix(back.URL, authtest.Origin))
}

// account returns what a connector makes of who logs in, without the site.
func (w *world) account(name, login string) (Account, error) {
	w.t.Helper()
	c := w.connector(name)
	f := flowOf(w.t, c, 1)
	f.callback = authtest.Origin + "/auth/oauth/" + name + "/callback"
	f.began, f.now = w.clock.Now(), w.clock.Now()
	b, err := c.backend.begin(w.t.Context(), f)
	if err != nil {
		w.t.Fatal(err)
	}
	f.kept = b.kept
	back, err := w.idp.VisitAs(login, b.url)
	if err != nil {
		w.t.Fatal(err)
	}
	a, _, err := c.backend.finish(w.t.Context(), f, url.Values{"code": {back.Values().Get("code")}})
	return a, err
}

func (w *world) connector(name string) *Connector {
	return w.p.connectors[slices.IndexFunc(w.p.connectors, func(c *Connector) bool { return c.Name() == name })]
}

func TestGitHubAndGoogle(t *testing.T) {
	w := newWorld(t)
	for name, endpoints := range map[string][]oauthtest.Endpoint{
		"github": {oauthtest.GitHubToken, oauthtest.GitHubUser, oauthtest.GitHubEmails},
		"google": {oauthtest.GoogleToken, oauthtest.GoogleUserInfo},
	} {
		who := map[string]string{"github": "ada", "google": "grace"}[name]
		j := w.browser()
		if r := w.come(j, name, who); r.location() != "/me" || j.who() == "" {
			t.Fatalf("%s: %d to %q\n%s\n%s", name, r.Code, r.location(), r.text, w.log)
		}
		for _, e := range endpoints {
			if n := w.idp.Count(e); n != 1 {
				t.Errorf("%s: %d requests to %s", name, n, e)
			}
		}
		email, ok := w.emailOf(j.who())
		if !ok || email.VerifiedAt.IsZero() {
			t.Errorf("%s: the address is %+v", name, email)
		}
		// The same account is the same user.
		id := j.who()
		j.logOut()
		if w.come(j, name, who); j.who() != id {
			t.Errorf("%s: %q and then %q", name, id, j.who())
		}
		for _, r := range w.idp.Requests(endpoints[0]) {
			if r.Header.Get("Authorization") != "" || r.Form.Get("client_secret") != worldSecret || r.Form.Get("code_verifier") == "" {
				t.Errorf("%s: the token request is %v %v", name, r.Header, r.Form)
			}
		}
	}
	for _, secret := range w.idp.Issued() {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// The address of a GitHub account is the primary one that is verified, and never
// what the profile shows.
func TestGitHubAddress(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		person oauthtest.Person
		want   string
		status EmailStatus
	}{
		"verified":             {oauthtest.Person{Email: "a@example.com", EmailVerified: true}, "a@example.com", EmailVerified},
		"unverified":           {oauthtest.Person{Email: "a@example.com", EmailVerified: false}, "", EmailUnknown},
		"a public one":         {oauthtest.Person{Email: "a@example.com", EmailVerified: true, PublicEmail: "victim@example.com"}, "a@example.com", EmailVerified},
		"only a public one":    {oauthtest.Person{PublicEmail: "victim@example.com"}, "", EmailUnknown},
		"public, not verified": {oauthtest.Person{Email: "v@example.com", EmailVerified: false, PublicEmail: "v@example.com"}, "", EmailUnknown},
		"a second one":         {oauthtest.Person{Email: "a@example.com", EmailVerified: false, Emails: []oauthtest.Address{{Email: "b@example.com", Verified: true}}}, "", EmailUnknown},
		"none":                 {oauthtest.Person{}, "", EmailUnknown},
	} {
		c.person.Login = "p-" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")
		if err := w.idp.AddPerson(c.person); err != nil {
			t.Fatal(err)
		}
		a, err := w.account("github", c.person.Login)
		if err != nil || a.Email != c.want || a.EmailStatus != c.status || a.Subject == "" || a.Username != c.person.Login {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	w.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{
		oauthtest.GitHubEmails: oauthtest.Reply(200, "application/json", `[{"email":"a@example.com","primary":true,"verified":"true"}]`)}})
	if a, err := w.account("github", "ada"); err == nil {
		t.Errorf("a string that says true: %+v", a)
	}
	for _, h := range []oauthtest.Handler{oauthtest.Reply(500, "application/json", `[]`), oauthtest.Reply(401, "application/json", `[]`), oauthtest.Reply(200, "text/html", `[]`), oauthtest.Flood("x", 2<<20)} {
		w.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{oauthtest.GitHubEmails: h}})
		if a, err := w.account("github", "ada"); err == nil {
			t.Errorf("addresses that cannot be had: %+v", a)
		}
	}
}

// Without the scope there is no address, and a login all the same.
func TestGitHubWithoutScope(t *testing.T) {
	w := newWorld(t, func(o *ConnectorOptions) { o.Scopes = []string{"read:user"} })
	if a, err := w.account("github", "ada"); err != nil || a.Email != "" || a.Subject == "" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestOA36GitHubNumbers(t *testing.T) {
	w := newWorld(t)
	for _, id := range []any{0, -1, -583231, nil, "583231", 1.5} {
		w.idp.SetScript(oauthtest.Script{Answer: map[oauthtest.Endpoint]func(oauthtest.Flow, map[string]any){
			oauthtest.GitHubUser: func(_ oauthtest.Flow, fields map[string]any) { fields["id"] = id }}})
		if a, err := w.account("github", "ada"); err == nil {
			t.Errorf("%v: %+v", id, a)
		}
	}
	w.idp.SetScript(oauthtest.Script{})
	ada, err1 := w.account("github", "ada")
	grace, err2 := w.account("github", "grace")
	if err1 != nil || err2 != nil || ada.Subject == grace.Subject || ada.Subject == "" {
		t.Errorf("%q and %q, %v, %v", ada.Subject, grace.Subject, err1, err2)
	}
}

// What Google signed counts, and the profile only adds to it.
func TestGoogleAccount(t *testing.T) {
	w := newWorld(t)
	if err := w.idp.AddPerson(oauthtest.Person{Login: "lin", Name: "Lin", Email: "lin@corp.example", EmailVerified: true, HostedDomain: "corp.example", Picture: "https://img.example/lin"}); err != nil {
		t.Fatal(err)
	}
	a, err := w.account("google", "lin")
	if err != nil || a.HostedDomain != "corp.example" || a.Email != "lin@corp.example" || a.EmailStatus != EmailVerified || a.Issuer != googleIssuer || a.Name != "Lin" || a.AvatarURL == "" {
		t.Errorf("%+v, %v", a, err)
	}
	profile := func(change func(map[string]any)) oauthtest.Script {
		return oauthtest.Script{Answer: map[oauthtest.Endpoint]func(oauthtest.Flow, map[string]any){
			oauthtest.GoogleUserInfo: func(_ oauthtest.Flow, fields map[string]any) { change(fields) }}}
	}
	w.idp.SetScript(profile(func(f map[string]any) {
		f["email"], f["verified_email"], f["hd"], f["name"] = "victim@example.com", true, "evil.example", "Evil"
	}))
	if a, err := w.account("google", "lin"); err != nil || a.Email != "lin@corp.example" || a.HostedDomain != "corp.example" || a.Name != "Lin" {
		t.Errorf("the profile replaced what was signed: %+v, %v", a, err)
	}
	w.idp.SetScript(profile(func(f map[string]any) { f["id"] = "1" + strings.Repeat("0", 20) }))
	if a, err := w.account("google", "lin"); err == nil {
		t.Errorf("another's profile: %+v", a)
	}
	w.idp.SetScript(profile(func(f map[string]any) { delete(f, "id") }))
	if a, err := w.account("google", "lin"); err == nil {
		t.Errorf("nobody's profile: %+v", a)
	}
	for name, claims := range map[string]func(oauthtest.Flow, map[string]any){
		"no nonce":          func(_ oauthtest.Flow, c map[string]any) { delete(c, "nonce") },
		"another nonce":     func(_ oauthtest.Flow, c map[string]any) { c["nonce"] = "x" },
		"another client's":  func(_ oauthtest.Flow, c map[string]any) { c["aud"], c["azp"] = "other", "other" },
		"another issuer's":  func(_ oauthtest.Flow, c map[string]any) { c["iss"] = "https://accounts.google.com.evil.example" },
		"another subject":   func(_ oauthtest.Flow, c map[string]any) { c["sub"] = "1234" },
		"without a subject": func(_ oauthtest.Flow, c map[string]any) { delete(c, "sub") },
	} {
		w.idp.SetScript(oauthtest.Script{Claims: claims})
		if a, err := w.account("google", "lin"); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	for name, token := range map[string]string{"none": "", "nonsense": "a.b.c"} {
		w.idp.SetScript(oauthtest.Script{IDToken: func(oauthtest.Flow, string) string { return token }})
		if a, err := w.account("google", "lin"); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	// goth panics at this one.
	w.idp.SetScript(oauthtest.Script{Answer: map[oauthtest.Endpoint]func(oauthtest.Flow, map[string]any){
		oauthtest.GoogleToken: func(_ oauthtest.Flow, f map[string]any) { f["id_token"] = 5 }}})
	if a, err := w.account("google", "lin"); err == nil {
		t.Errorf("a number for a token: %+v", a)
	}
}

// OA-32 for Google: the claim is a boolean.
func TestOA32GoogleAddress(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		claim any
		want  EmailStatus
	}{{true, EmailVerified}, {false, EmailUnverified}, {"true", EmailUnknown}, {"false", EmailUnknown}, {1, EmailUnknown}, {nil, EmailUnknown}, {[]any{}, EmailUnknown}} {
		w.idp.SetScript(oauthtest.Script{Claims: func(_ oauthtest.Flow, claims map[string]any) { claims["email_verified"] = c.claim }})
		if a, err := w.account("google", "ada"); err != nil || a.EmailStatus != c.want {
			t.Errorf("%#v: %+v, %v", c.claim, a, err)
		}
	}
	w.idp.SetScript(oauthtest.Script{Claims: func(_ oauthtest.Flow, claims map[string]any) { delete(claims, "email_verified") }})
	if a, err := w.account("google", "ada"); err != nil || a.EmailStatus != EmailUnknown {
		t.Errorf("none: %+v, %v", a, err)
	}
}

func TestGoogleAuthorizationRequest(t *testing.T) {
	for keep, access := range map[bool]string{false: "online", true: "offline"} {
		c := Google("app", "s", &ConnectorOptions{KeepTokens: keep, Scopes: []string{"email"}})
		f := flowOf(t, c, 1)
		f.stepUp = keep
		b, err := c.backend.begin(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(b.url)
		q := u.Query()
		if q.Get("access_type") != access || q.Get("nonce") != f.nonce || q.Get("scope") != "openid email" || (q.Get("prompt") == "select_account") != keep {
			t.Errorf("%v", q)
		}
		if got := c.backend.origins(t.Context(), c.out.client(t.Context())); len(got) != 1 || got[0] != "https://accounts.google.com" {
			t.Errorf("%q", got)
		}
	}
	c := GitHub("app", "s", nil)
	if got := c.backend.origins(t.Context(), c.out.client(t.Context())); len(got) != 1 || got[0] != "https://github.com" {
		t.Errorf("%q", got)
	}
	if c.Name() != "github" || c.opts.Title != "GitHub" || c.check() != nil || Google("a", "b", nil).check() != nil {
		t.Errorf("%q, %v", c.Name(), c.check())
	}
}

// What goes wrong at the identity provider is a page, no login, and no secret in
// the log.
func TestOA27GitHubAndGoogleFail(t *testing.T) {
	for _, name := range []string{"github", "google"} {
		token, profile := oauthtest.GitHubToken, oauthtest.GitHubUser
		if name == "google" {
			token, profile = oauthtest.GoogleToken, oauthtest.GoogleUserInfo
		}
		for what, h := range map[string]oauthtest.Handler{
			"500": oauthtest.Reply(500, "text/html", "<h1>Oops</h1>"), "401": oauthtest.Reply(401, "application/json", `{"id":1,"login":"x"}`),
			"HTML": oauthtest.Reply(200, "text/html", "<h1>Log in</h1>"), "nothing": oauthtest.Reply(200, "application/json", ""),
			"a flood": oauthtest.Flood("login", 3<<20), "a cut": oauthtest.Cut("application/json", `{"id":1,`), "a hang-up": oauthtest.Cut("", ""),
			"a redirect": oauthtest.RedirectTo(302, "https://evil.example/"), "another kind": oauthtest.RedirectTo(307, "https://evil.example/"),
			"null": oauthtest.Reply(200, "application/json", "null"), "a list": oauthtest.Reply(200, "application/json", "[]"),
		} {
			for _, at := range []oauthtest.Endpoint{token, profile} {
				w := newWorld(t)
				w.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{at: h}})
				j := w.browser()
				r := w.come(j, name, "ada")
				if who := j.who(); who != "" || r.Code < 500 || r.Code > 503 {
					t.Errorf("%s, %s at %s: %d, %q\n%s", name, what, at, r.Code, who, r.text)
				}
				for _, secret := range append(w.idp.Issued(), worldSecret, url.QueryEscape(worldSecret)) {
					if strings.Contains(w.log.String(), secret) || strings.Contains(r.text, secret) || strings.Contains(text(w.events), secret) {
						t.Errorf("%s, %s at %s: %q is told", name, what, at, secret)
					}
				}
				for _, req := range w.idp.Requests(oauthtest.Elsewhere) {
					t.Errorf("%s, %s at %s: %s %s was asked", name, what, at, req.Method, req.URL)
				}
				if n := w.idp.Count(token); n > 1 {
					t.Errorf("%s, %s at %s: %d token requests", name, what, at, n)
				}
			}
		}
	}
}
