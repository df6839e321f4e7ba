package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
)

// What a page says depends on what can be done on it.
func TestPagesOfLinks(t *testing.T) {
	for name, tt := range map[string]struct {
		title, lead string
		buttons     []string // the main one has no class
	}{
		"verify":             {"Confirm your email address", "Confirm that this address", []string{"Confirm"}},
		"verify-take-over":   {"Confirm your email address", "Confirm that this address", []string{"Confirm", "second Take the account over"}},
		"verify-again":       {"Confirm your email address", "", []string{"Send"}},
		"verify-done":        {"Confirm your email address", "", nil},
		"verify-spent":       {"This link is not good any more", "", nil},
		"forgot":             {"Forgot your password?", "Enter your email address.", []string{"Send"}},
		"reset":              {"Choose a new password", "You will be logged out everywhere. Then", []string{"Change password"}},
		"reset-code":         {"Choose a new password", "Enter the code", []string{"Change password"}},
		"reset-spent":        {"This link is not good any more", "", nil},
		"email":              {"Change email address", "We send a link", []string{"Send"}},
		"email-confirm":      {"Confirm your new address", "From now on", []string{"Use this address"}},
		"email-spent":        {"This link is not good any more", "", nil},
		"email-undo":         {"Take back your address", "The email address of your account was changed.", []string{"Undo"}},
		"link":               {"Log in with a link", "Enter your email address.", []string{"Send me a link"}},
		"link-login":         {"Log in", "You have asked for a link", []string{"Log in"}},
		"link-wrong-browser": {"Log in with a link", "Enter your email address.", []string{"Send me a link"}},
		"close":              {"Close your account", "You will be logged out everywhere", []string{"Close"}},
		"close-keep":         {"Keep your account", "Your account was closed", []string{"Keep"}},
		"disown":             {"This was not you?", "We log out all devices", []string{"Go on"}},
		"sent":               {"Look into your mail", "A message is on its way.", nil},
		"password-set":       {"Set a password", "You have no password yet.", []string{"Set password"}},
		"password":           {"Change password", "Your other devices", []string{"Change password"}},
	} {
		t.Run(name, func(t *testing.T) {
			html := render(t, pages.New(nil), exhibited(t, name))
			checkPage(t, html)
			if !strings.Contains(html, "<h1>"+tt.title+"</h1>") {
				t.Errorf("is not called %q: %s", tt.title, body(html))
			}
			lead := regexp.MustCompile(`<p class="lead">([^<]*)</p>`).FindStringSubmatch(html)
			if tt.lead == "" && name != "verify-again" && lead != nil || tt.lead != "" && (lead == nil || !strings.HasPrefix(lead[1], tt.lead)) {
				t.Errorf("lead %q, want %q", lead, tt.lead)
			}
			if tt.lead != "" && strings.Count(html, lead[1]) != 1 {
				t.Errorf("says %q twice", lead[1])
			}
			var buttons []string
			for _, m := range regexp.MustCompile(`<button type="submit"(?: class="(\w+)")?>([^<]*)</button>`).FindAllStringSubmatch(html, -1) {
				buttons = append(buttons, strings.TrimSpace(m[1]+" "+m[2]))
			}
			if strings.Join(buttons, "|") != strings.Join(tt.buttons, "|") {
				t.Errorf("buttons %q, want %q", buttons, tt.buttons)
			}
		})
	}
}

// The main button is that of the link, though the other form is to be filled in.
func TestMainButtonOfLinks(t *testing.T) {
	forms := exhibited(t, "verify-take-over").Forms
	forms[0].Fields = forms[0].Fields[:1]
	html := render(t, pages.New(nil), auth.Page{Name: "verify", Forms: forms})
	if !strings.Contains(html, `<button type="submit">Confirm</button>`) || !strings.Contains(html, `<button type="submit" class="second">Take the account over</button>`) {
		t.Errorf("buttons: %s", body(html))
	}
}

// Two fields of one name on one page have texts of their own.
func TestFieldsOfForms(t *testing.T) {
	texts := pages.German()
	html := render(t, pages.New(&pages.Options{Texts: texts}), exhibited(t, "verify-take-over"))
	for _, want := range []string{`<label for="verify-password">Passwort</label>`, `<label for="take-over-password">Neues Passwort</label>`} {
		if !strings.Contains(html, want) {
			t.Errorf("has no %s: %s", want, body(html))
		}
	}
	if strings.Count(html, texts["verify.hint.verify.password"]) != 1 {
		t.Errorf("hints: %s", body(html))
	}
}

// The text of the page is that of its main button only.
func TestSubmitOfPage(t *testing.T) {
	p := pages.New(&pages.Options{Texts: map[string]string{"login.submit": "Los"}})
	html := render(t, p, auth.Page{Name: "login", Forms: []auth.Form{
		{Name: "a", Action: "/a", Submit: "Go", Fields: []auth.Field{{Name: "x"}}}, {Name: "b", Action: "/b", Submit: "Other", Fields: []auth.Field{{Name: "x"}}},
	}})
	if !strings.Contains(html, `<button type="submit">Los</button>`) || !strings.Contains(html, `<button type="submit" class="second">Other</button>`) {
		t.Errorf("buttons: %s", body(html))
	}
}

// A link that is not good any more offers nothing to send with it, and says where to get
// another.
func TestSpentLinks(t *testing.T) {
	for name, again := range map[string]string{
		"reset-spent": "/auth/forgot", "verify-spent": "/auth/verify", "email-spent": "/auth/email", "link-spent": "/auth/link", "link-wrong-browser-only": "/auth/link",
		"email-undo-spent": "", "close-spent": "", "disown-spent": "", "reset-error": "", "login-error": "",
	} {
		page := exhibited(t, name)
		html := show(t, page, "/forgot", "/verify", "/email", "/link")
		links := regexp.MustCompile(`<a class="button" href="([^"]*)"`).FindAllStringSubmatch(html, -1)
		if again == "" && len(links) != 0 || again != "" && (len(links) != 1 || links[0][1] != again) {
			t.Errorf("%s leads to %q, want %q: %s", name, links, again, body(html))
		}
		if strings.HasSuffix(name, "-spent") && strings.Contains(html, `name="token"`) {
			t.Errorf("%s can be sent again", name)
		}
		if html := show(t, exhibited(t, name)); strings.Contains(html, `class="button"`) {
			t.Errorf("%s leads to a page that is not there", name)
		}
	}
	// What is typed is no link.
	typed := auth.Page{Name: "code", Problem: gone(), Forms: []auth.Form{{Name: "code", Action: "/code", Fields: []auth.Field{{Name: "token", Type: "text"}}}}}
	if html := render(t, pages.New(nil), typed); !strings.Contains(html, `name="token"`) {
		t.Errorf("nothing can be typed: %s", body(html))
	}
	// The page that was given is as it was.
	page := exhibited(t, "email-spent")
	if render(t, pages.New(nil), page); len(page.Forms) != 1 || page.Forms[0].Fields[0].Name != "token" {
		t.Errorf("was changed: %+v", page.Forms)
	}
}

func gone() *auth.Problem { return &auth.Problem{Status: http.StatusGone, Code: "link_invalid"} }

// What password managers are told: whose password is chosen, and which is the new one.
func TestPasswordManagersOfReset(t *testing.T) {
	for _, name := range []string{"reset", "reset-error", "password-set", "verify-take-over"} {
		all := checkPage(t, render(t, pages.New(nil), exhibited(t, name)))
		fresh, who := find(all, "input", "type", "password", "autocomplete", "new-password"), find(all, "input", "autocomplete", "username", "value", "ada@example.com")
		if len(fresh) != 1 || len(who) == 0 {
			t.Errorf("%s: %d new passwords, of %d users", name, len(fresh), len(who))
		}
	}
	all := checkPage(t, render(t, pages.New(nil), exhibited(t, "verify-take-over")))
	if len(find(all, "input", "type", "password", "autocomplete", "current-password", "id", "verify-password")) != 1 ||
		len(find(all, "input", "type", "password", "autocomplete", "new-password", "id", "take-over-password")) != 1 {
		t.Error("the two passwords are not told from each other")
	}
	code := find(checkPage(t, render(t, pages.New(nil), exhibited(t, "reset-code"))), "input", "autocomplete", "one-time-code")
	if len(code) != 1 || code[0].attrs["inputmode"] != "numeric" {
		t.Errorf("code: %v", code)
	}
}

// The pages lead to one another where they are there.
func TestLinksOfLife(t *testing.T) {
	login := exhibited(t, "login-flash")
	withForm := exhibited(t, "login-many")
	account, verified := exhibited(t, "account-unverified"), exhibited(t, "account")
	for name, tt := range map[string]struct {
		page  auth.Page
		paths []string
		want  []string
		not   []string
	}{
		"login, nothing":       {login, nil, nil, []string{"/auth/forgot", "/auth/link"}},
		"login":                {login, []string{"/forgot", "/link"}, []string{"/auth/forgot", "/auth/link"}, nil},
		"login with the form":  {withForm, []string{"/forgot", "/link"}, []string{"/auth/forgot?next="}, []string{"/auth/link?"}},
		"account, nothing":     {account, nil, nil, []string{"/auth/verify", "/auth/email", "/auth/activity", "/auth/export", "/auth/close", "/auth/password"}},
		"account":              {account, []string{"/verify", "/email", "/activity", "/export", "/close", "/password", "/forgot"}, []string{"/auth/verify", "/auth/email", "/auth/activity", "/auth/export", "/auth/close", "/auth/password"}, nil},
		"account, verified":    {verified, []string{"/verify", "/email"}, []string{"/auth/email"}, []string{"/auth/verify"}},
		"account, no mail":     {account, []string{"/password"}, nil, []string{"/auth/password"}},
		"account, a password":  {verified, []string{"/password", "/forgot"}, []string{"/auth/password"}, nil},
		"sessions":             {exhibited(t, "sessions"), []string{"/activity"}, []string{"/auth/activity"}, nil},
		"error of the address": {exhibited(t, "error-unverified"), []string{"/verify"}, []string{"/auth/verify"}, nil},
		"another error":        {exhibited(t, "error-forbidden"), []string{"/verify"}, nil, []string{"/auth/verify"}},
		"a stranger":           {exhibited(t, "forgot"), nil, []string{"/auth/login"}, []string{"/auth/account"}},
		"somebody":             {exhibited(t, "email"), nil, []string{"/auth/account"}, []string{"/auth/login"}},
	} {
		html := show(t, tt.page, tt.paths...)
		for _, want := range tt.want {
			if !strings.Contains(html, `href="`+want) {
				t.Errorf("%s: does not lead to %s: %s", name, want, body(html))
			}
		}
		for _, not := range tt.not {
			if strings.Contains(html, `href="`+not) {
				t.Errorf("%s: leads to %s", name, not)
			}
		}
	}
	if html := show(t, verified, "/password", "/forgot"); strings.Contains(html, "Set a password") {
		t.Error("who has a password is to set a first one")
	}
	limited := exhibited(t, "link-limited")
	limited.Forms = nil
	if html := show(t, limited, "/link"); strings.Contains(html, `href="/auth/link"`) || !strings.Contains(html, "<h1>Log in with a link</h1>") {
		t.Error("a limit is taken for a link that is not good")
	}
	for name, tt := range map[string]struct {
		page  auth.Page
		paths []string
		want  bool
	}{
		"unverified":  {account, []string{"/verify"}, true},
		"verified":    {verified, []string{"/verify"}, false},
		"nobody asks": {account, nil, false},
	} {
		if html := show(t, tt.page, tt.paths...); strings.Contains(html, "Not confirmed") != tt.want {
			t.Errorf("%s: the address is shown so: %v, want %v", name, !tt.want, tt.want)
		}
	}
}

// show renders the page as a Manager with these pages below its prefix does.
func show(t *testing.T, page auth.Page, paths ...string) string {
	t.Helper()
	m, err := auth.New(auth.UserFunc(func(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound }),
		struct{ auth.Store }{}, &auth.Options{Pages: pages.New(nil), Providers: []auth.Provider{having(append([]string{}, paths...))}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept", "text/html")
	if page.Identity != nil {
		r = r.WithContext(auth.WithIdentity(r.Context(), page.Identity))
	}
	var problem error
	if page.Problem != nil {
		problem = page.Problem
	}
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.Answer(w, r, &page, problem) })).ServeHTTP(w, r)
	checkPage(t, w.Body.String())
	return w.Body.String()
}

// having is a provider that has pages.
type having []string

func (having) Name() string { return "having" }

func (h having) Mount(_ *auth.Manager, mux auth.Mux) error {
	for _, path := range h {
		mux.Handle("GET "+path, http.NotFoundHandler())
	}
	return nil
}

func TestActivity(t *testing.T) {
	html := show(t, exhibited(t, "activity"), "/activity")
	cards := strings.Split(html, "<li>")[1:]
	for i, want := range [][]string{
		{"<h2>Password changed</h2>", "12 May 2026, 09:41 UTC", "<bdi>Firefox on Linux</bdi>", `<bdi dir="ltr">203.0.113.7</bdi>`},
		{"<h2>Logged in</h2>", "Safari on iPhone", "2001:db8:85a3:8d3:1319:8a2e:370:7348"},
		{"<h2>Logged in on a new device</h2>"},
		{"<h2>Failed login</h2>"},
		{"<h2>Devices logged out</h2>", "<dt>Done by</dt><dd><bdi>support-42</bdi></dd>"},
		{"<h2>Email address confirmed</h2>"},
		{"<h2>Something else</h2>"},
	} {
		for _, s := range want {
			if len(cards) != 7 || !strings.Contains(cards[i], s) {
				t.Errorf("of %d cards, %d has no %q", len(cards), i, s)
			}
		}
	}
	if strings.Contains(html, "invalid IP") || strings.Contains(html, "wrong password") {
		t.Error("shows an address that is none, or what is for the log")
	}
	if !strings.Contains(html, `href="/auth/activity?after=01J9"`) {
		t.Errorf("does not lead to what is older: %s", body(html))
	}
	if html := render(t, pages.New(nil), exhibited(t, "activity-none")); !strings.Contains(html, "Nothing yet.") || strings.Contains(html, "after=") {
		t.Error("of nothing there is more")
	}
	if render(t, pages.New(nil), auth.Page{Name: "activity", Problem: &auth.Problem{Status: 503, Code: "unavailable"}}) == "" {
		t.Error("no page without data")
	}
}

// What visitors send, such as the name of their device, breaks out of nothing.
func TestActivityBreaksOutOfNothing(t *testing.T) {
	const evil = `"><script>alert(1)</script>&after=x#`
	type happening struct {
		At                  time.Time
		Name, Device, Actor string
		Addr                netip.Addr
	}
	page := auth.Page{Name: "activity", Data: struct {
		Events []happening
		Next   string
	}{[]happening{{Name: evil, Device: evil, Actor: evil, Addr: netip.MustParseAddr("fe80::1").WithZone(evil)}}, evil}}
	html := show(t, page, "/activity")
	if strings.Count(html, "&lt;script&gt;") != 3 || !strings.Contains(html, `href="/auth/activity?after=%22%3e%3cscript%3ealert%281%29%3c%2fscript%3e%26after%3dx%23"`) {
		t.Errorf("breaks out: %s", body(html))
	}
}

// What auth calls a device is said in the language of the page.
func TestDevices(t *testing.T) {
	for label, want := range map[string]string{"": "Unbekanntes Gerät", "Unknown device": "Unbekanntes Gerät", "Firefox on Linux": "Firefox unter Linux", "curl": "curl", "Ada's phone": "Ada&#39;s phone"} {
		page := auth.Page{Name: "sessions", Sessions: []*auth.Session{{ID: auth.SessionID{1}, Label: label}}}
		html := render(t, pages.New(&pages.Options{Texts: pages.German()}), page)
		if !strings.Contains(html, "<h2><bdi>"+want+"</bdi>") || !strings.Contains(html, "("+want+")</span></button>") {
			t.Errorf("%q is not %q: %s", label, want, body(html))
		}
	}
}

// Every event that there is has words, in every language.
func TestEventsHaveTexts(t *testing.T) {
	src, err := os.ReadFile("../auth/event/event.go")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"credential.added", "credential.removed", "password.changed", "password.reset", "email.verified", "email.changed", "email.reverted",
		"account.reclaimed", "account.disowned", "account.closed", "account.kept", "account.locked", "device.added"}
	consts := regexp.MustCompile(`(?m)^\t[A-Z]\w+ += "([a-z_.]+)"$`).FindAllSubmatch(src, -1)
	if len(consts) < 23 {
		t.Fatalf("found %d events only", len(consts))
	}
	for _, m := range consts {
		names = append(names, string(m[1]))
	}
	for _, name := range names {
		if pages.Texts()["activity.event."+name] == "" {
			t.Errorf("%q has no text", name)
		}
	}
	type happening struct {
		At                  time.Time
		Name, Device, Actor string
		Addr                netip.Addr
	}
	for name, want := range map[string]string{"login.failed.twice": "Failed login", "hub.linked": "Something else", "": "Something else"} {
		page := auth.Page{Name: "activity", Data: struct {
			Events []happening
			Next   string
		}{Events: []happening{{Name: name}}}}
		if html := render(t, pages.New(nil), page); !strings.Contains(html, "<h2>"+want+"</h2>") {
			t.Errorf("%q is not %q", name, want)
		}
	}
}
