package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/discord"
	"golang.org/x/oauth2"
)

// madeUp is a provider in goth's shape, as a host could write one, against a
// server of a test. Its field is called as goth's are.
type madeUp struct {
	HTTPClient *http.Client
	name       string
	config     oauth2.Config
	user       string // URL
	noState    bool
	at         func(step string) // what goes wrong
	tolerant   bool              // looks at no status and no error
	twice      bool              // sends the code once more
	verifier   string            // of its own
}

type madeUpSession struct {
	AuthURL, AccessToken, RefreshToken string
	ExpiresAt                          time.Time
}

func (p *madeUp) Name() string                { return p.name }
func (p *madeUp) SetName(string)              {}
func (p *madeUp) Debug(bool)                  {}
func (p *madeUp) RefreshTokenAvailable() bool { return true }

func (p *madeUp) step(s string) {
	if p.at != nil {
		p.at(s)
	}
}

func (p *madeUp) ctx() context.Context {
	return context.WithValue(context.Background(), oauth2.HTTPClient, p.HTTPClient)
}

func (p *madeUp) RefreshToken(t string) (*oauth2.Token, error) {
	p.step("refresh")
	return p.config.TokenSource(p.ctx(), &oauth2.Token{RefreshToken: t}).Token()
}

func (p *madeUp) BeginAuth(state string) (goth.Session, error) {
	p.step("begin")
	if p.noState {
		state = ""
	}
	return &madeUpSession{AuthURL: p.config.AuthCodeURL(state)}, nil
}

func (p *madeUp) UnmarshalSession(data string) (goth.Session, error) {
	p.step("unmarshal")
	s := &madeUpSession{}
	return s, json.Unmarshal([]byte(data), s)
}

func (s *madeUpSession) GetAuthURL() (string, error) { return s.AuthURL, nil }
func (s *madeUpSession) Marshal() string             { b, _ := json.Marshal(s); return string(b) }

func (s *madeUpSession) Authorize(gp goth.Provider, params goth.Params) (string, error) {
	p := gp.(*madeUp)
	p.step("authorize")
	for _, name := range []string{"redirect_uri", "scope", "access_token"} {
		if params.Get(name) != "" {
			return "", errors.New("a parameter of the address")
		}
	}
	var opts []oauth2.AuthCodeOption
	if p.verifier != "" {
		opts = append(opts, oauth2.VerifierOption(p.verifier))
	}
	t, err := p.config.Exchange(p.ctx(), params.Get("code"), opts...)
	if err != nil {
		return "", err
	}
	if p.twice {
		if _, err := p.config.Exchange(p.ctx(), params.Get("code"), opts...); err == nil {
			return "", errors.New("twice")
		}
	}
	s.AccessToken, s.RefreshToken, s.ExpiresAt = t.AccessToken, t.RefreshToken, t.Expiry
	return t.AccessToken, nil
}

func (p *madeUp) FetchUser(gs goth.Session) (goth.User, error) {
	p.step("fetch")
	s := gs.(*madeUpSession)
	user := goth.User{AccessToken: s.AccessToken, RefreshToken: s.RefreshToken, ExpiresAt: s.ExpiresAt, Provider: p.name}
	resp, err := p.HTTPClient.Get(p.user + "?access_token=" + url.QueryEscape(s.AccessToken))
	if err != nil {
		if p.tolerant {
			user.UserID = "7"
			return user, nil
		}
		return user, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil && !p.tolerant {
		return user, err
	}
	if err := json.Unmarshal(body, &user.RawData); err != nil && !p.tolerant {
		return user, err
	}
	user.UserID = fmt.Sprint(user.RawData["id"])
	user.NickName, _ = user.RawData["login"].(string)
	user.Email, _ = user.RawData["email"].(string)
	user.FirstName, user.LastName = "Ada", "Lovelace"
	return user, nil
}

// made is a connector by such a provider at s.
func made(t *testing.T, s *server, opts *ConnectorOptions, change ...func(*madeUp)) *Connector {
	c := GothFunc(func(callback string, client *http.Client) goth.Provider {
		p := &madeUp{name: "Made Up!", user: s.URL + "/user", config: oauth2.Config{ClientID: "id", ClientSecret: "s", RedirectURL: callback,
			Endpoint: oauth2.Endpoint{AuthURL: s.URL + "/authorize", TokenURL: s.URL + "/token"}}}
		for _, f := range change {
			f(p)
		}
		return p
	}, opts)
	return trusting(t, c, s.Server)
}

// profile answers with a profile whose number JSON can hold.
const profile7 = `{"id":"7","login":"ada","email":"ada@example.com","email_verified":true,"verified":true,"verified_email":true}`

func TestGothFlow(t *testing.T) {
	s := newServer(t)
	s.on("/user", reply200(profile7))
	c := made(t, s, &ConnectorOptions{AuthParams: map[string]string{"prompt": "consent"}})
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	if c.Name() != "made-up" || c.opts.Title != "Made-up" || !c.backend.pkce() || c.oauth1 {
		t.Errorf("%q, %q", c.Name(), c.opts.Title)
	}
	f := flowOf(t, c, 1)
	b, err := c.backend.begin(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(b.url)
	for name, want := range map[string]string{"state": f.state, "code_challenge": oauth2.S256ChallengeFromVerifier(f.verifier), "code_challenge_method": "S256", "prompt": "consent", "redirect_uri": f.callback} {
		if got := u.Query()[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if strings.Contains(b.url, f.verifier) || strings.Contains(string(b.kept), f.verifier) {
		t.Error("the verifier is told")
	}
	f.kept = b.kept
	// What else came in the address is not passed on.
	a, token, err := c.backend.finish(t.Context(), f, url.Values{"code": {"c"}, "state": {"x"}, "redirect_uri": {"https://evil.example"}, "code_verifier": {"evil"}, "scope": {"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if a.Subject != "7" || a.Username != "ada" || a.Name != "Ada Lovelace" || a.Email != "ada@example.com" || a.Claims["login"] != "ada" {
		t.Errorf("%+v", a)
	}
	// A provider of the host's is not one of goth's, whatever it is called.
	if a.EmailStatus != EmailUnknown || c.status(a) != EmailUnknown {
		t.Errorf("the address is %q", a.EmailStatus)
	}
	if token.AccessToken != "the-access-token" || token.RefreshToken != "the-refresh-token" || token.Expiry.IsZero() {
		t.Errorf("%+v", token)
	}
	asked := s.requests("/token")
	if len(asked) != 1 || len(asked[0].Form["code_verifier"]) != 1 || asked[0].Form.Get("code_verifier") != f.verifier || asked[0].Form.Get("redirect_uri") != f.callback {
		t.Errorf("%d token requests: %v", len(asked), asked[0].Form)
	}
}

// x/oauth2 tries a code twice if the first time fails. The second never leaves, and
// its answer is the first one's.
func TestGothOneCodeOneTokenRequest(t *testing.T) {
	for body, want := range map[string]error{`{"error":"invalid_grant"}`: errInvalidGrant, `{"error":"invalid_client"}`: errBadAnswer, `<html>`: errBadAnswer} {
		s := newServer(t)
		s.on("/token", replyStatus(400, body))
		c := made(t, s, nil)
		_, _, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {"c"}})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
		if n := len(s.requests("/token")); n != 1 {
			t.Errorf("%s: %d token requests", body, n)
		}
	}
	s := newServer(t)
	c := made(t, s, nil, func(p *madeUp) { p.twice = true })
	if _, _, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {"c"}}); !errors.Is(err, errBadAnswer) {
		t.Errorf("a second token request: %v", err)
	}
	if n := len(s.requests("/token")); n != 1 {
		t.Errorf("%d token requests", n)
	}
}

// began is a flow that c has begun.
func began(t *testing.T, c *Connector) *flow {
	t.Helper()
	f := flowOf(t, c, 1)
	b, err := c.backend.begin(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	f.kept = b.kept
	return f
}

// A verifier of another flow is not sent.
func TestOA10GothVerifierIsTheFlows(t *testing.T) {
	s := newServer(t)
	c := made(t, s, nil, func(p *madeUp) { p.verifier = strings.Repeat("x", 43) })
	if _, _, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {"c"}}); !errors.Is(err, errBadAnswer) {
		t.Error(err)
	}
	if n := len(s.requests("/token")); n != 0 {
		t.Errorf("%d token requests", n)
	}
}

// Only a profile that came with success, in full, is one (OA-27), also where the
// provider does not look.
func TestOA27GothProfiles(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"401 with a user": replyStatus(401, profile7),
		"404":             replyStatus(404, profile7),
		"304":             replyStatus(304, ""),
		"500":             replyStatus(500, profile7),
		"too long":        reply200(`{"id":"7","pad":"` + strings.Repeat("a", maxBody) + `"}`),
		"a long tail":     reply200(profile7 + strings.Repeat(" ", maxBody)),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/user", http.StatusFound)
		},
		"cut": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, profile7)
		},
		"nobody": reply200(`{}`),
	} {
		for _, tolerant := range []bool{false, true} {
			s := newServer(t)
			s.on("/user", h)
			c := made(t, s, nil, func(p *madeUp) { p.tolerant = tolerant })
			a, token, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {"c"}})
			if !errors.Is(err, errBadAnswer) && !errors.Is(err, errUnavailable) || a.Subject != "" || token != nil {
				t.Errorf("%s, tolerant %v: %+v, %v", name, tolerant, a, err)
			}
			if strings.Contains(fmt.Sprint(err), "the-access-token") {
				t.Errorf("%s: %v tells the token", name, err)
			}
		}
	}
}

func TestOA27GothPanicsAndHangs(t *testing.T) {
	s := newServer(t)
	for _, step := range []string{"begin", "unmarshal", "authorize", "fetch", "refresh"} {
		for name, fault := range map[string]func(){
			"panic":   func() { panic("the-access-token") },
			"runtime": func() { _ = any(5).(string) },
			"hang":    func() { select {} },
		} {
			on := false
			c := made(t, s, nil, func(p *madeUp) {
				p.at = func(at string) {
					if on && at == step {
						fault()
					}
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if name != "hang" {
				ctx = t.Context()
			}
			f := began(t, c)
			on = true
			var err error
			switch step {
			case "begin":
				_, err = c.backend.begin(ctx, f)
			case "refresh":
				_, err = c.backend.(tokenBackend).refresh(ctx, f.client, &oauth2.Token{RefreshToken: "r"})
			default:
				_, _, err = c.backend.finish(ctx, f, url.Values{"code": {"c"}})
			}
			cancel()
			want := errBadAnswer
			if name == "hang" {
				want = errUnavailable
			}
			if !errors.Is(err, want) || strings.Contains(err.Error(), "the-access-token") {
				t.Errorf("%s at %s: %v", name, step, err)
			}
		}
	}
}

func TestGothWithoutState(t *testing.T) {
	s := newServer(t)
	c := made(t, s, nil, func(p *madeUp) { p.noState = true })
	if b, err := c.backend.begin(t.Context(), flowOf(t, c, 1)); !errors.Is(err, errBadAnswer) {
		t.Errorf("%q, %v", b.url, err)
	}
}

func TestOA36GothNeedsASubject(t *testing.T) {
	for _, id := range []string{`""`, `"0"`, `null`, `"<nil>"`, `"undefined"`, `" 7"`, `"7\n"`} {
		s := newServer(t)
		s.on("/user", reply200(`{"id":`+id+`}`))
		c := made(t, s, nil)
		if a, _, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {"c"}}); !errors.Is(err, errBadAnswer) {
			t.Errorf("%s: %+v, %v", id, a, err)
		}
	}
	// Slack's IDs are unique within a team.
	subject := gothCatalogue["slack"].subject
	for team, want := range map[string]string{"T1": "T1/U1", "T2": "T2/U1", "": ""} {
		if got := subject(goth.User{UserID: "U1", RawData: map[string]any{"team_id": team}}); got != want {
			t.Errorf("team %q: %q", team, got)
		}
	}
	if got := subject(goth.User{UserID: "U1"}); got != "" {
		t.Errorf("no team: %q", got)
	}
}

// Some providers put the code into JSON as it is.
func TestGothTakesNoCodeThatIsNone(t *testing.T) {
	s := newServer(t)
	c := made(t, s, nil)
	for _, code := range []string{`a"b`, `a\b`, "a\nb", "a\x00", "ä", "a\x7f"} {
		if _, _, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {code}}); !errors.Is(err, errInvalidGrant) {
			t.Errorf("%q: %v", code, err)
		}
	}
	if n := len(s.requests("/token")); n != 0 {
		t.Errorf("%d token requests", n)
	}
	for _, code := range []string{"4/0AX4XfWh+a=", "a b~!", "a%2Fb"} {
		s.on("/user", reply200(profile7))
		if _, _, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {code}}); err != nil {
			t.Errorf("%q: %v", code, err)
		}
	}
}

func TestGothRefresh(t *testing.T) {
	s := newServer(t)
	c := made(t, s, nil)
	b, client := c.backend.(tokenBackend), c.out.client(t.Context())
	fresh, err := b.refresh(t.Context(), client, &oauth2.Token{RefreshToken: "r"})
	if err != nil || fresh.AccessToken != "the-access-token" || fresh.RefreshToken != "the-refresh-token" {
		t.Errorf("%+v, %v", fresh, err)
	}
	s.on("/token", reply200(`{"access_token":"b","token_type":"Bearer"}`))
	if fresh, err := b.refresh(t.Context(), client, &oauth2.Token{RefreshToken: "r"}); err != nil || fresh.RefreshToken != "r" {
		t.Errorf("%+v, %v", fresh, err)
	}
	s.on("/token", replyStatus(400, `{"error":"invalid_grant"}`))
	if _, err := b.refresh(t.Context(), client, &oauth2.Token{RefreshToken: "r"}); !errors.Is(err, errInvalidGrant) {
		t.Error(err)
	}
	s.on("/token", replyStatus(503, ""))
	if _, err := b.refresh(t.Context(), client, &oauth2.Token{RefreshToken: "r"}); !errors.Is(err, errUnavailable) {
		t.Error(err)
	}
	if n := len(s.requests("/token")); n != 4 {
		t.Errorf("%d token requests for 4 tokens", n)
	}
	if err := b.revoke(t.Context(), client, &oauth2.Token{RefreshToken: "r"}); !errors.Is(err, errNoRevocation) {
		t.Error(err)
	}
}

// withoutField has no field for the client.
type withoutField struct{ goth.Provider }

func TestGothSaysWhatIsWrong(t *testing.T) {
	s := newServer(t)
	good := made(t, s, nil).backend.(*gothBackend).new
	p := good("", nil, nil)
	for name, c := range map[string]struct {
		c    *Connector
		want string
	}{
		"nil":                  {GothFunc(nil, nil), "is nil"},
		"returns nil":          {GothFunc(func(string, *http.Client) goth.Provider { return nil }, nil), "returns nil"},
		"a nil pointer":        {GothFunc(func(string, *http.Client) goth.Provider { return (*madeUp)(nil) }, nil), "returns nil"},
		"panics":               {GothFunc(func(string, *http.Client) goth.Provider { panic("the secret") }, nil), "panics (string)"},
		"the same":             {GothFunc(func(string, *http.Client) goth.Provider { return p }, nil), "the same provider twice"},
		"no secret":            {Goth(func(string, string, string, ...string) *madeUp { return &madeUp{name: "x"} }, "id", "", nil), "client secret is empty"},
		"no ID":                {Goth(func(string, string, string, ...string) *madeUp { return &madeUp{name: "x"} }, "", "s", nil), "client ID is empty"},
		"no constructor":       {Goth[*madeUp](nil, "id", "s", nil), "is nil"},
		"PKCE without a field": {GothFunc(func(string, *http.Client) goth.Provider { return &withoutField{&madeUp{name: "x"}} }, &ConnectorOptions{RequirePKCE: true}), "RequirePKCE"},
		"imitated without one": {GothFunc(func(string, *http.Client) goth.Provider { return &withoutField{&madeUp{name: "x"}} }, &ConnectorOptions{Insecure: imitation{}}), "Insecure"},
		"panics later":         {GothFunc(func(string, *http.Client) goth.Provider { return &withoutField{} }, nil), "panics (runtime"},
		"no name":              {GothFunc(func(string, *http.Client) goth.Provider { return &madeUp{name: "Ö!"} }, nil), "ConnectorOptions.Name"},
	} {
		err := c.c.check()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "the secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for given, want := range map[string]string{"Azure AD v2": "azure-ad-v2", "openid-connect": "openid-connect", "-x-": "x", strings.Repeat("a", 40): strings.Repeat("a", 32)} {
		if got := nameOf(&madeUp{name: given}); got != want {
			t.Errorf("%q is named %q", given, got)
		}
	}
}

type imitation struct{ http.RoundTripper }

func (imitation) AuthURL(u string) string { return u }

// RequirePKCE is kept also where the provider makes its request in another way.
func TestGothRequirePKCE(t *testing.T) {
	s := newServer(t)
	s.on("/user", reply200(profile7))
	c := made(t, s, &ConnectorOptions{RequirePKCE: true})
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {"c"}}); err != nil {
		t.Fatal(err)
	}
	c = made(t, s, &ConnectorOptions{RequirePKCE: true}, func(p *madeUp) {
		p.at = func(step string) {
			if step == "fetch" || step == "authorize" {
				p.HTTPClient = s.Client() // it has one of its own
			}
		}
	})
	if _, _, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {"c"}}); !errors.Is(err, errBadAnswer) {
		t.Error(err)
	}
}

// A hundred users log in at once through one connector, and nobody becomes
// somebody else.
func TestGothFlowsAtOnce(t *testing.T) {
	s := newServer(t)
	s.on("/token", func(w http.ResponseWriter, r *http.Request) {
		n := strings.TrimPrefix(r.FormValue("code"), "code-")
		if !strings.HasPrefix(r.FormValue("code_verifier"), "verifier-"+n+"-") {
			w.WriteHeader(400)
		}
		fmt.Fprintf(w, `{"access_token":"token-%s","token_type":"Bearer"}`, n)
	})
	s.on("/user", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"id":"user-%s"}`, strings.TrimPrefix(r.FormValue("access_token"), "token-"))
	})
	c := made(t, s, nil)
	var wait sync.WaitGroup
	for n := range 100 {
		wait.Go(func() {
			f := flowOf(t, c, n)
			b, err := c.backend.begin(t.Context(), f)
			if err != nil {
				t.Error(err)
				return
			}
			f.kept = b.kept
			a, token, err := c.backend.finish(t.Context(), f, url.Values{"code": {fmt.Sprintf("code-%d", n)}})
			if err != nil || a.Subject != fmt.Sprintf("user-%d", n) || token.AccessToken != fmt.Sprintf("token-%d", n) {
				t.Errorf("%d: %+v, %v", n, a, err)
			}
		})
	}
	wait.Wait()
}

// elsewhere takes the place of the default transport, and sends what bypasses a
// client to s.
type elsewhere struct {
	s     *server
	asked atomic.Int64
}

func (e *elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	e.asked.Add(1)
	return toServer{e.s}.RoundTrip(r)
}

// toServer sends every request to s, whatever host it is for.
type toServer struct{ s *server }

func (t toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host = t.s.Listener.Addr().String()
	return t.s.Client().Transport.RoundTrip(r)
}

func (toServer) AuthURL(u string) string { return u }

// goth's Discord makes its token requests by the default client. They are made here.
func TestGothExchange(t *testing.T) {
	s := newServer(t)
	s.on("/api/oauth2/token", reply200(`{"access_token":"the-access-token","token_type":"Bearer","refresh_token":"the-refresh-token","expires_in":3600}`))
	s.on("/api/users/@me", reply200(`{"id":"80351110224678912","username":"ada","email":"ada@example.com","verified":true}`))
	out := &elsewhere{s: s}
	before := http.DefaultTransport
	http.DefaultTransport = out
	defer func() { http.DefaultTransport = before }()

	c := Goth(discord.New, "id", "the+secret", &ConnectorOptions{Insecure: toServer{s}, RequirePKCE: true})
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	f := began(t, c)
	a, token, err := c.backend.finish(t.Context(), f, url.Values{"code": {"c"}})
	if err != nil || a.Subject != "80351110224678912" || a.EmailStatus != EmailVerified || token.RefreshToken != "the-refresh-token" || token.Expiry.IsZero() {
		t.Errorf("%+v, %+v, %v", a, token, err)
	}
	fresh, err := c.backend.(tokenBackend).refresh(t.Context(), f.client, token)
	if err != nil || fresh.AccessToken != "the-access-token" {
		t.Errorf("%+v, %v", fresh, err)
	}
	asked := s.requests("/api/oauth2/token")
	if len(asked) != 2 || asked[0].Form.Get("code_verifier") != f.verifier || asked[0].Form.Get("client_secret") != "the+secret" || asked[1].Form.Get("refresh_token") != "the-refresh-token" {
		t.Errorf("%d token requests: %v", len(asked), asked[0].Form)
	}
	if n := out.asked.Load(); n != 0 {
		t.Errorf("%d requests bypassed the client", n)
	}
	s.on("/api/oauth2/token", replyStatus(400, `{"error":"invalid_grant"}`))
	if _, _, err := c.backend.finish(t.Context(), began(t, c), url.Values{"code": {"c"}}); !errors.Is(err, errInvalidGrant) {
		t.Error(err)
	}
	if _, err := configOf(&withoutField{&madeUp{}}); err == nil {
		t.Error("a configuration where there is none")
	}
}

// older is a provider of OAuth 1.0a in goth's shape.
type older struct {
	madeUp
	token string
}

type olderSession struct {
	AuthURL      string
	RequestToken *struct{ Token string }
	AccessToken  string
}

func (p *older) BeginAuth(string) (goth.Session, error) {
	return &olderSession{AuthURL: "https://old.example/authorize?oauth_token=" + p.token, RequestToken: &struct{ Token string }{p.token}}, nil
}

func (p *older) UnmarshalSession(data string) (goth.Session, error) {
	s := &olderSession{}
	return s, json.Unmarshal([]byte(data), s)
}

func (p *older) FetchUser(s goth.Session) (goth.User, error) {
	return goth.User{UserID: "7", AccessToken: s.(*olderSession).AccessToken}, nil
}

func (s *olderSession) GetAuthURL() (string, error) { return s.AuthURL, nil }
func (s *olderSession) Marshal() string             { b, _ := json.Marshal(s); return string(b) }

func (s *olderSession) Authorize(_ goth.Provider, params goth.Params) (string, error) {
	if params.Get("oauth_verifier") == "" || params.Get("code") != "" {
		return "", errors.New("no verifier")
	}
	s.AccessToken = "a"
	return "a", nil
}

func TestGothOAuth1(t *testing.T) {
	c := GothFunc(func(string, *http.Client) goth.Provider { return &older{madeUp{name: "old"}, "request"} }, nil)
	if err := c.check(); err != nil || !c.oauth1 {
		t.Fatalf("%v, OAuth 1.0a: %v", err, c.oauth1)
	}
	f := flowOf(t, c, 1)
	b, err := c.backend.begin(t.Context(), f)
	if err != nil || b.requestToken != "request" || strings.Contains(b.url, "code_challenge") {
		t.Fatalf("%+v, %v", b, err)
	}
	f.kept = b.kept
	if a, _, err := c.backend.finish(t.Context(), f, url.Values{"oauth_token": {"request"}, "oauth_verifier": {"v"}}); err != nil || a.Subject != "7" {
		t.Errorf("%+v, %v", a, err)
	}
	for name, params := range map[string]url.Values{
		"another's": {"oauth_token": {"other"}, "oauth_verifier": {"v"}}, "of OAuth 2.0": {"code": {"c"}}, "nothing": {},
	} {
		if a, _, err := c.backend.finish(t.Context(), f, params); !errors.Is(err, errInvalidGrant) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	s := newServer(t)
	two := made(t, s, nil)
	if _, _, err := two.backend.finish(t.Context(), began(t, two), url.Values{"oauth_token": {"x"}, "oauth_verifier": {"v"}}); !errors.Is(err, errInvalidGrant) {
		t.Errorf("a request token in OAuth 2.0: %v", err)
	}
}
