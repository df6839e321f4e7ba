package oauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/oauth/oauthtest"
)

// words are what a broken identity provider says, and nobody is to repeat.
const words = "words-that-nobody-repeats"

// slow are the faults that only a timeout ends.
func slow() map[string]oauthtest.Handler {
	drip := func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; r.Context().Err() == nil; i++ {
			if _, err := w.Write([]byte(" ")); err != nil {
				return true
			}
			_ = http.NewResponseController(w).Flush() // or it is sent later
			time.Sleep(20 * time.Millisecond)
		}
		return true
	}
	return map[string]oauthtest.Handler{"never answers": oauthtest.Hang(), "drips": drip}
}

// faults are what else can come in place of an answer.
func faults() map[string]oauthtest.Handler {
	return map[string]oauthtest.Handler{
		"hangs up":              oauthtest.Cut("", ""),
		"hangs up in the body":  oauthtest.Cut("application/json", `{"access_token":"`+words+`","`),
		"100 MB":                oauthtest.Flood("access_token", 100<<20),
		"garbage":               oauthtest.Reply(200, "application/json", "\x00\xff\xfe"+words),
		"HTML":                  oauthtest.Reply(200, "text/html; charset=utf-8", "<!doctype html><title>"+words+"</title><script>alert('"+words+"')</script>"),
		"nothing":               oauthtest.Reply(200, "application/json", ""),
		"null":                  oauthtest.Reply(200, "application/json", "null"),
		"a list":                oauthtest.Reply(200, "application/json", `["`+words+`"]`),
		"other types":           oauthtest.Reply(200, "application/json", `{"access_token":{"a":"`+words+`"},"id_token":7,"keys":"`+words+`","id":{},"sub":[],"issuer":3,"login":false}`),
		"an error":              oauthtest.Reply(400, "application/json", `{"error":"invalid_client","error_description":"`+words+`","error_uri":"https://evil.example/`+words+`"}`),
		"an error with 200":     oauthtest.Reply(200, "application/json", `{"error":"`+words+`","error_description":"`+words+`"}`),
		"401":                   oauthtest.Reply(401, "text/plain", words),
		"403 with a user":       oauthtest.Reply(403, "application/json", `{"id":1,"sub":"1","login":"`+words+`","email":"`+words+`@example.com"}`),
		"404":                   oauthtest.Reply(404, "text/html", words),
		"429":                   oauthtest.Reply(429, "text/plain", words),
		"500":                   oauthtest.Reply(500, "text/html", "<pre>panic: "+words),
		"503":                   oauthtest.Reply(503, "text/plain", words),
		"302 to elsewhere":      oauthtest.RedirectTo(302, "https://evil.example/"+words),
		"307 to elsewhere":      oauthtest.RedirectTo(307, "https://evil.example/"+words),
		"308 to //elsewhere":    oauthtest.RedirectTo(308, "//evil.example/"+words),
		"redirect to a machine": oauthtest.RedirectTo(302, "http://169.254.169.254/latest/"+words),
		"redirect to itself":    oauthtest.RedirectTo(302, ""),
	}
}

// endpoints are those that a login at the connector needs, without the one that the
// browser visits: in the start, and in the callback.
func endpoints(t *testing.T, connector string, live bool) (start, callback []oauthtest.Endpoint) {
	t.Helper()
	o := observe(t, nil, live)
	names := func() (all []oauthtest.Endpoint) {
		seen := map[oauthtest.Endpoint]bool{oauthtest.OIDCAuthorize: true, oauthtest.GitHubAuthorize: true, oauthtest.GoogleAuthorize: true, oauthtest.AppleAuthorize: true}
		for _, r := range o.idp.Requests() {
			if !seen[r.Endpoint] {
				all = append(all, r.Endpoint)
			}
			seen[r.Endpoint] = true
		}
		o.idp.Forget()
		return all
	}
	v := o.visitor()
	to := v.start(connector)
	start = names()
	back, err := o.idp.VisitAs("ada", to)
	if err != nil {
		t.Fatal(err)
	}
	if v.back(back); v.who() == "" {
		t.Fatal("without any fault nobody is logged in")
	}
	if callback = names(); len(callback) < 2 {
		t.Fatalf("the callback asks for %v only", callback)
	}
	return start, callback
}

// OA-27, and OA-26 for redirects: an identity provider that is broken in any way, at
// any step, gives a clear page, and that is all it gives.
func TestBrokenIdentityProviders(t *testing.T) {
	for _, test := range []struct {
		connector string
		live      bool
	}{{"github", false}, {"google", false}, {"apple", false}, {"oidc", false}, {"oidc", true}} {
		start, callback := endpoints(t, test.connector, test.live)
		t.Logf("%s, live %v: %v, then %v", test.connector, test.live, start, callback)
		all := func(faults map[string]oauthtest.Handler, timeout time.Duration) {
			for name, fault := range faults {
				b := broken{test.connector, test.live, fault, timeout}
				for _, e := range start {
					t.Run(fmt.Sprintf("%s %v/%s/%s", test.connector, test.live, e, name), func(t *testing.T) {
						t.Parallel()
						b.start(t, e)
					})
				}
				for _, e := range callback {
					t.Run(fmt.Sprintf("%s %v/%s/%s", test.connector, test.live, e, name), func(t *testing.T) {
						t.Parallel()
						b.callback(t, e)
					})
				}
			}
		}
		all(faults(), 0)
		if test.live || test.connector == "github" { // all ask by the same client
			all(slow(), impatience)
		}
	}
}

// impatience is the timeout where there is nothing else to end a request: long enough
// for those that go well, on a machine that has other things to do.
const impatience = 700 * time.Millisecond

// A broken is an identity provider with a fault.
type broken struct {
	connector string
	live      bool
	fault     oauthtest.Handler
	timeout   time.Duration
}

func (b broken) observe(t *testing.T) *observed {
	return observe(t, nil, b.live, func(o *oauth.ConnectorOptions) { o.Timeout = b.timeout })
}

// clear fails the test unless rec says in words that it did not work.
func (o *observed) clear(rec *httptest.ResponseRecorder) {
	o.t.Helper()
	switch rec.Code {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusBadRequest:
	default:
		o.t.Errorf("status %d, to %q", rec.Code, rec.Header().Get("Location"))
	}
	body := rec.Body.String()
	if !strings.Contains(body, "could not be completed") && !strings.Contains(body, "cannot be reached") || !strings.Contains(rec.Header().Get("Content-Type"), "text/html") {
		o.t.Errorf("the page does not say what is wrong: %s %s", rec.Header().Get("Content-Type"), body)
	}
	if got := rec.Header().Get("Cache-Control"); got != "no-store" {
		o.t.Errorf("Cache-Control: %q", got)
	}
}

// nothing fails the test if anybody is logged in or was created, or anything was asked
// of others.
func (o *observed) nothing(v *visitor) {
	o.t.Helper()
	if who := v.who(); who != "" {
		o.t.Errorf("%q is logged in", who)
	}
	if n := o.users.Len(); n != 0 {
		o.t.Errorf("%d users", n)
	}
	for _, name := range []string{"login", "registered", "credential.changed"} {
		if n := len(o.events.Named(name)); n != 0 {
			o.t.Errorf("%d events %q", n, name)
		}
	}
	for _, r := range o.idp.Requests(oauthtest.Elsewhere) {
		o.t.Errorf("asked elsewhere: %s %s", r.Method, r.URL)
	}
	if strings.Contains(o.log.String(), "level=ERROR") && strings.Contains(o.log.String(), "panic") {
		o.t.Errorf("a panic: %s", o.log)
	}
}

func (b broken) start(t *testing.T, e oauthtest.Endpoint) {
	o := b.observe(t)
	o.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{e: b.fault}})
	v := o.visitor()
	r := httptest.NewRequest(http.MethodPost, authtest.Origin+"/auth/oauth/"+b.connector, nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	began := time.Now()
	rec := v.send(r)
	o.patience(began)
	o.clear(rec)
	o.nothing(v)
	if o.idp.Count(e) == 0 {
		t.Error("it was not asked")
	}
	o.idp.SetScript(oauthtest.Script{})
	o.clock.Advance(2 * time.Minute) // what failed may be left alone for a while
	if v.logIn(b.connector, "ada"); v.who() == "" {
		t.Errorf("once it is whole again nobody is logged in\n%s", o.log)
	}
	o.checkLeaks(words)
}

func (b broken) callback(t *testing.T, e oauthtest.Endpoint) {
	o := b.observe(t)
	v := o.visitor()
	back, err := o.idp.VisitAs("ada", v.start(b.connector))
	if err != nil {
		t.Fatal(err)
	}
	o.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{e: b.fault}})
	began := time.Now()
	rec := v.back(back)
	o.patience(began)
	if e == oauthtest.GitHubEmails && rec.Code == http.StatusSeeOther {
		o.withoutAddress(v)
		return
	}
	o.clear(rec)
	o.nothing(v)
	if o.idp.Count(e) == 0 {
		t.Error("it was not asked")
	}
	o.checkLeaks(words)

	// The transaction is used up, also once all is well.
	o.idp.SetScript(oauthtest.Script{})
	o.clock.Advance(2 * time.Minute)
	asked := o.idp.Count()
	if rec := v.back(back); rec.Code != http.StatusBadRequest || o.idp.Count() != asked {
		t.Errorf("again: %d, %d requests", rec.Code, o.idp.Count()-asked)
	}
	o.nothing(v)
	if v.logIn(b.connector, "ada"); v.who() == "" {
		t.Errorf("once it is whole again nobody is logged in\n%s", o.log)
	}
	o.checkLeaks(words)
}

// withoutAddress fails the test unless somebody is logged in who has no address: GitHub
// says 403 or 404 where the user has not agreed to show theirs.
func (o *observed) withoutAddress(v *visitor) {
	o.t.Helper()
	switch name := o.t.Name(); {
	case strings.Contains(name, "403"), strings.Contains(name, "404"), strings.Contains(name, "null"):
	default:
		o.t.Error("somebody is logged in")
	}
	id, _, _ := strings.Cut(v.who(), " ")
	u, err := o.users.LoadUser(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	if email := u.(authtest.User).Profile.Email; email != "" {
		o.t.Errorf("the address is %q", email)
	}
	o.checkLeaks(words)
}

// patience fails the test if it took long: a request may take its timeout, and
// nothing may be read to its end that has none.
func (o *observed) patience(began time.Time) {
	o.t.Helper()
	if took := time.Since(began); took > 8*time.Second { // with many tests at once
		o.t.Errorf("it took %v", took)
	}
}

// kill ends the identity provider.
func (o *observed) kill() {
	o.wire.cut.Store(true)
	if err := o.idp.Close(); err != nil {
		o.t.Error(err)
	}
}

// The same when it is not there at all any more, from one moment to the next.
func TestIdentityProviderIsKilled(t *testing.T) {
	for _, live := range []bool{false, true} {
		for _, connector := range []string{"github", "google", "apple", "oidc"} {
			if live && connector != "oidc" {
				continue
			}
			t.Run(fmt.Sprint(connector, " ", live), func(t *testing.T) {
				o := observe(t, nil, live, patient)
				v := o.visitor()
				back, err := o.idp.VisitAs("ada", v.start(connector))
				if err != nil {
					t.Fatal(err)
				}
				o.kill()
				rec := v.back(back)
				o.clear(rec)
				if rec.Code != http.StatusServiceUnavailable {
					t.Errorf("status %d", rec.Code)
				}
				o.nothing(v)
				o.checkLeaks(words)
			})
			t.Run(fmt.Sprint(connector, " ", live, " in the middle of an answer"), func(t *testing.T) {
				o := observe(t, nil, live, patient)
				v := o.visitor()
				back, err := o.idp.VisitAs("ada", v.start(connector))
				if err != nil {
					t.Fatal(err)
				}
				token := map[string]oauthtest.Endpoint{"github": oauthtest.GitHubToken, "google": oauthtest.GoogleToken, "apple": oauthtest.AppleToken, "oidc": oauthtest.OIDCToken}[connector]
				o.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{token: func(w http.ResponseWriter, r *http.Request) bool {
					go o.kill()
					<-r.Context().Done()
					panic(http.ErrAbortHandler)
				}}})
				o.clear(v.back(back))
				o.nothing(v)
				o.checkLeaks(words)
			})
		}
	}
}

// What is huge is not read to its end.
func TestHugeAnswers(t *testing.T) {
	for _, live := range []bool{false, true} {
		for e, connector := range map[oauthtest.Endpoint]string{oauthtest.OIDCToken: "oidc", oauthtest.OIDCKeys: "oidc",
			oauthtest.GitHubToken: "github", oauthtest.GitHubUser: "github", oauthtest.GitHubEmails: "github"} {
			o := observe(t, nil, live, patient)
			v := o.visitor()
			back, err := o.idp.VisitAs("ada", v.start(connector))
			if err != nil {
				t.Fatal(err)
			}
			var wrote atomic.Int64
			flood := oauthtest.Flood("access_token", 100<<20)
			o.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{e: func(w http.ResponseWriter, r *http.Request) bool {
				return flood(counting{w, &wrote}, r)
			}}})
			o.clear(v.back(back))
			o.nothing(v)
			if n := wrote.Load(); n == 0 || n > 20<<20 { // with what waits in sockets
				t.Errorf("%s, live %v: %d bytes were read", e, live, n)
			}
		}
	}
}

// counting counts the bytes that could be written.
type counting struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c counting) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// What programs are told.
func TestCodesOfOutages(t *testing.T) {
	for name, test := range map[string]struct {
		fault  oauthtest.Handler
		status int
		code   string
	}{
		"unavailable": {oauthtest.Reply(503, "text/plain", words), http.StatusServiceUnavailable, "oauth_unavailable"},
		"hangs up":    {oauthtest.Cut("", ""), http.StatusServiceUnavailable, "oauth_unavailable"},
		"garbage":     {oauthtest.Reply(200, "application/json", words), http.StatusBadGateway, "oauth_failed"},
		"no client":   {oauthtest.Reply(401, "application/json", `{"error":"invalid_client"}`), http.StatusBadGateway, "oauth_failed"},
		"no grant":    {oauthtest.Reply(400, "application/json", `{"error":"invalid_grant"}`), http.StatusBadRequest, "oauth_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			o := observe(t, nil, false, patient)
			v := o.visitor()
			back, err := o.idp.VisitAs("ada", v.start("oidc"))
			if err != nil {
				t.Fatal(err)
			}
			o.idp.SetScript(oauthtest.Script{Handle: map[oauthtest.Endpoint]oauthtest.Handler{oauthtest.OIDCToken: test.fault}})
			r, err := back.Request()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range v.cookies {
				r.AddCookie(c)
			}
			r.Header.Set("Accept", "application/json")
			rec := httptest.NewRecorder()
			o.h.ServeHTTP(rec, r)
			var p struct {
				Code string `json:"code"`
			}
			if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Code != test.status || p.Code != test.code {
				t.Errorf("%d %q, %v; want %d %q", rec.Code, p.Code, err, test.status, test.code)
			}
			o.nothing(v)
		})
	}
}
