package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/twitter"
)

// A world is a site and the identity providers that people come from, which speak the
// protocols.
type world struct {
	t   testing.TB
	idp *oauthtest.Server
	m   *auth.Manager
	p   *oauth.Provider
	h   http.Handler
}

func newWorld(t testing.TB, connectors func(idp *oauthtest.Server) []*oauth.Connector) *world {
	t.Helper()
	idp := oauthtest.New(nil)
	t.Cleanup(func() { idp.Close() })
	quiet := slog.New(slog.DiscardHandler)
	opts := &oauth.Options{Starts: auth.Limit{Max: 1000, Per: time.Minute}, Logger: quiet} // all come from one address
	w := &world{t: t, idp: idp, p: oauth.New(authtest.Origin, opts, connectors(idp)...)}
	m, err := auth.New(memory.NewUsers(), memory.New(nil), &auth.Options{Providers: []auth.Provider{w.p}, Pages: pages.New(nil), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	w.m = m
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("GET /me", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := auth.UserFrom[*memory.User](r.Context())
		fmt.Fprintf(w, "%s %s %s", u.AuthID(), u.Email, u.Name)
	})))
	w.h = m.Handler(mux)
	return w
}

// A visitor is somebody's browser.
type visitor struct {
	w       *world
	cookies map[string]*http.Cookie
}

func (w *world) visitor() *visitor { return &visitor{w, map[string]*http.Cookie{}} }

func (v *visitor) send(r *http.Request) *httptest.ResponseRecorder {
	r.Header.Set("Accept", "text/html")
	// SameSite=Lax: another site's form goes without them.
	if r.Method != http.MethodPost || r.Header.Get("Sec-Fetch-Site") != "cross-site" {
		for _, c := range v.cookies {
			r.AddCookie(c)
		}
	}
	rec := httptest.NewRecorder()
	v.w.h.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		v.cookies[c.Name] = c
	}
	return rec
}

// post is the request of a button.
func (v *visitor) post(path string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, authtest.Origin+path, nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

// start is where a button leads.
func (v *visitor) start(name string) string {
	v.w.t.Helper()
	rec := v.send(v.post("/auth/oauth/" + name))
	if rec.Code != http.StatusSeeOther {
		v.w.t.Fatalf("starting at %s: %d\n%s", name, rec.Code, rec.Body)
	}
	return rec.Header().Get("Location")
}

// back comes back from the identity provider.
func (v *visitor) back(c oauthtest.Callback) *httptest.ResponseRecorder {
	v.w.t.Helper()
	r, err := c.Request()
	if err != nil {
		v.w.t.Fatal(err)
	}
	rec := v.send(r)
	if c.Method == http.MethodPost && rec.Code == http.StatusSeeOther {
		rec = v.send(httptest.NewRequest(http.MethodGet, authtest.Origin+rec.Header().Get("Location"), nil))
	}
	return rec
}

// logIn logs person in by the connector.
func (v *visitor) logIn(name, person string) *httptest.ResponseRecorder {
	v.w.t.Helper()
	back, err := v.w.idp.VisitAs(person, v.start(name))
	if err != nil {
		v.w.t.Fatal(err)
	}
	return v.back(back)
}

// who returns what the site says of who is logged in, or "".
func (v *visitor) who() string {
	rec := v.send(httptest.NewRequest(http.MethodGet, authtest.Origin+"/me", nil))
	body, _ := io.ReadAll(rec.Body)
	if rec.Code != http.StatusOK {
		return ""
	}
	return string(body)
}

func appleKey(t testing.TB) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// everyConnector is one of every sort.
func everyConnector(t testing.TB) func(idp *oauthtest.Server) []*oauth.Connector {
	return func(idp *oauthtest.Server) []*oauth.Connector {
		opts := func(name string) *oauth.ConnectorOptions {
			return &oauth.ConnectorOptions{Name: name, Insecure: idp}
		}
		return []*oauth.Connector{
			oauth.GitHub("id", "secret", opts("")),
			oauth.Google("id", "secret", opts("")),
			oauth.Apple("id", oauth.AppleKey{TeamID: "TEAM", KeyID: "KEY", PrivateKey: appleKey(t)}, opts("")),
			oauth.OIDC(idp.URL, "id", "secret", opts("")),
			oauth.OIDC(idp.URL, "other", "secret", opts("tenant")),
		}
	}
}

// Everybody logs in everywhere, and is somebody else at each.
func TestEveryService(t *testing.T) {
	w := newWorld(t, everyConnector(t))
	seen := map[string]string{}
	for _, name := range []string{"github", "google", "apple", "oidc", "tenant"} {
		v := w.visitor()
		rec := v.logIn(name, "mallory") // whose address nobody has verified
		who := v.who()
		if who == "" {
			t.Fatalf("%s: %d to %q\n%s", name, rec.Code, rec.Header().Get("Location"), rec.Body)
		}
		id, rest, _ := strings.Cut(who, " ")
		if seen[id] != "" {
			t.Errorf("%s: the same user as at %s", name, seen[id])
		}
		seen[id] = name
		if strings.HasPrefix(rest, "ada@") {
			t.Errorf("%s: mallory has Ada's address: %s", name, rest)
		}
		again := w.visitor()
		if again.logIn(name, "mallory"); again.who() != who {
			t.Errorf("%s: again it is %q, and was %q", name, again.who(), who)
		}
	}
	for name, verified := range map[string]bool{"github": true} {
		v := w.visitor()
		v.logIn(name, "ada")
		if who := v.who(); strings.Contains(who, "@") != verified {
			t.Errorf("%s: ada is %q", name, who)
		}
	}
	for _, r := range w.idp.Requests(oauthtest.Elsewhere) {
		t.Errorf("asked elsewhere: %s", r.URL)
	}
}

func TestPKCEArrives(t *testing.T) {
	w := newWorld(t, everyConnector(t))
	for name, endpoint := range map[string]oauthtest.Endpoint{
		"github": oauthtest.GitHubToken, "google": oauthtest.GoogleToken, "apple": oauthtest.AppleToken, "oidc": oauthtest.OIDCToken} {
		v := w.visitor()
		to := v.start(name)
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		if q := u.Query(); q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Has("code_verifier") {
			t.Errorf("%s: %s", name, to)
		}
		back, err := w.idp.VisitAs("grace", to)
		if err != nil {
			t.Fatal(err)
		}
		before := w.idp.Count(endpoint)
		v.back(back)
		asked := w.idp.Requests(endpoint)
		if n := len(asked) - before; n != 1 {
			t.Fatalf("%s: %d token requests", name, n)
		}
		if got := asked[len(asked)-1].Form.Get("code_verifier"); len(got) != 43 {
			t.Errorf("%s: the verifier is %q", name, got)
		}
	}
}

// A login is as fresh as the one at the identity provider that it rests on.
func TestFreshAsThere(t *testing.T) {
	for ago, fresh := range map[time.Duration]bool{0: true, time.Minute: true, 2 * time.Hour: false, -time.Hour: true} {
		w := newWorld(t, everyConnector(t))
		w.idp.SetScript(oauthtest.Script{Claims: func(f oauthtest.Flow, claims map[string]any) {
			if !f.Request.Has("max_age") {
				claims["auth_time"] = time.Now().Add(-ago).Unix()
			}
		}})
		v := w.visitor()
		v.logIn("oidc", "grace")
		if v.who() == "" {
			t.Fatalf("%v ago: nobody is logged in", ago)
		}
		rec := v.send(v.post("/auth/oauth/github/link"))
		if linked := strings.HasPrefix(rec.Header().Get("Location"), "https://"); linked != fresh {
			t.Errorf("%v ago: linking leads to %q", ago, rec.Header().Get("Location"))
		}
		if fresh {
			continue
		}
		rec = v.send(v.post("/auth/oauth/oidc/confirm"))
		back, err := w.idp.VisitAs("grace", rec.Header().Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		v.back(back)
		rec = v.send(v.post("/auth/oauth/github/link"))
		if !strings.HasPrefix(rec.Header().Get("Location"), "https://") {
			t.Errorf("confirmed, and linking leads to %q", rec.Header().Get("Location"))
		}
	}
}

func TestTwitter(t *testing.T) {
	// goth's Twitter asks by the default client: it stands in for the network.
	idp := oauthtest.New(nil)
	t.Cleanup(func() { idp.Close() })
	old := http.DefaultTransport
	http.DefaultTransport = idp
	defer func() { http.DefaultTransport = old }()
	w := newWorld(t, func(*oauthtest.Server) []*oauth.Connector {
		return []*oauth.Connector{oauth.GothFunc(func(callback string, _ *http.Client) goth.Provider {
			return twitter.New("id", "secret", callback)
		}, nil)}
	})
	v := w.visitor()
	back, err := idp.VisitAs("ada", v.start("twitter"))
	if err != nil {
		t.Fatal(err)
	}
	rec := v.back(back)
	if v.who() == "" {
		t.Fatalf("%d to %q\n%s", rec.Code, rec.Header().Get("Location"), rec.Body)
	}
}
