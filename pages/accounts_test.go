package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
)

func TestAccounts(t *testing.T) {
	html := render(t, pages.New(nil), exhibited(t, "accounts"))
	all := checkPage(t, html)
	for action, n := range map[string]int{"/oauth/github/unlink": 2, "/oauth/corp/unlink": 1, "/oauth/google/link": 1, "/oauth/apple/link": 1} {
		if got := len(find(all, "form", "action", action)); got != n {
			t.Errorf("%d forms for %s, want %d", got, action, n)
		}
	}
	for _, subject := range []string{"583231", "990017", "00u1"} {
		if got := len(find(all, "input", "type", "hidden", "name", "account", "value", subject)); got != 1 {
			t.Errorf("%d forms remove %s, want 1", got, subject)
		}
	}
	// Each in the card that it is about.
	cards := strings.Split(html, "<li>")[1:]
	for i, want := range []string{"ada-lovelace 583231", "analytical-engines-ltd 990017", "example.com 00u1"} {
		label, subject, _ := strings.Cut(want, " ")
		if len(cards) != 3 || !strings.Contains(cards[i], label) || !strings.Contains(cards[i], `value="`+subject+`"`) || strings.Count(cards[i], "<button") > 1 && i < 2 {
			t.Errorf("of %d cards, %d is not that of %s", len(cards), i, label)
		}
	}
	for _, want := range []string{
		"<h2><bdi>GitHub</bdi></h2>", `Remove<span class="unseen"> (GitHub, ada-lovelace)</span>`, ">Link Google<", "3 May 2026", "<dt>Last used</dt><dd>never</dd>",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("does not show %q", want)
		}
	}
}

func TestAccountsInOtherStates(t *testing.T) {
	for name, want := range map[string]struct {
		forms int
		text  string
	}{
		"accounts-stale": {0, "prove once more who you are"},
		"accounts-last":  {1, "This is your only way to log in"},
		"accounts-none":  {2, "No account on another site is linked."},
		"accounts-empty": {0, "No account on another site is linked."},
		"accounts-error": {5, "linked to another user"},
		"accounts-flash": {5, "The account is linked."},
	} {
		html := render(t, pages.New(nil), exhibited(t, name))
		if got := len(find(checkPage(t, html), "form")); got != want.forms || !strings.Contains(html, want.text) {
			t.Errorf("%s: %d forms, want %d and %q in %s", name, got, want.forms, want.text, body(html))
		}
	}
	// What cannot be removed has no button for it, whatever forms there are.
	page := exhibited(t, "accounts-last")
	page.Forms = exhibited(t, "accounts").Forms
	if all := checkPage(t, render(t, pages.New(nil), page)); len(find(all, "form", "action", "/oauth/github/unlink")) != 0 {
		t.Error("the only way in can be removed")
	}
	// Whose login is not fresh is offered nothing, either.
	page = exhibited(t, "accounts-stale")
	page.Forms = exhibited(t, "accounts").Forms
	if all := checkPage(t, render(t, pages.New(nil), page)); len(find(all, "form")) != 0 {
		t.Error("an account can be linked or removed without a fresh login")
	}
}

// What other sites and hosts have named breaks out of no page.
func TestAccountsBreakOutOfNothing(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1) x='`
	type account struct {
		Connector, Title, Subject, Label string
		LinkedAt, UsedAt                 time.Time
		Last                             bool
	}
	page := auth.Page{Name: "accounts", Data: struct {
		Linked, Available []account
		Stale             bool
	}{[]account{{Connector: evil, Title: evil, Subject: evil, Label: evil}}, []account{{Connector: evil, Title: evil}}, false},
		Forms: []auth.Form{
			{Name: "unlink." + evil, Action: "/" + evil, Submit: evil, Fields: []auth.Field{{Name: "account", Type: "hidden", Value: evil}}},
			{Name: "link." + evil, Action: "/" + evil, Submit: evil},
		}}
	html := render(t, pages.New(nil), page)
	if forms := find(checkPage(t, html), "form"); len(forms) != 2 || strings.Count(html, "&lt;script&gt;") < 6 {
		t.Errorf("shows %d forms: %s", len(forms), body(html))
	}
}

// The account page leads to the linked accounts where there is such a page, and
// one is sent to confirm who one is, and back.
func TestAccountsAreLinkedTo(t *testing.T) {
	show := func(page auth.Page, providers ...auth.Provider) string {
		m, err := auth.New(auth.UserFunc(func(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound }),
			struct{ auth.Store }{}, &auth.Options{Pages: pages.New(nil), Providers: providers})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.Render(w, r, &page) })).
			ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		checkPage(t, w.Body.String())
		return w.Body.String()
	}
	account := auth.Page{Name: "account", Ways: []auth.Credential{}}
	const link = `href="/auth/accounts"`
	if html := show(account); strings.Contains(html, "/accounts") {
		t.Error("leads to a page that is not there")
	}
	if html := show(account, linking{}); !strings.Contains(html, link) || !strings.Contains(html, "Manage linked accounts") {
		t.Errorf("has no %s: %s", link, body(html))
	}
	stale := exhibited(t, "accounts-stale")
	stale.Next = "/auth/accounts"
	if html, want := show(stale, linking{}), `href="/auth/confirm?next=%2Fauth%2Faccounts"`; !strings.Contains(html, want) {
		t.Errorf("has no %s: %s", want, body(html))
	}
}

type linking struct{ hub }

func (linking) Mount(_ *auth.Manager, mux auth.Mux) error {
	mux.Handle("GET /accounts", http.NotFoundHandler())
	return nil
}

// Ways to log in that are only a button stand below one another; the main button is
// that of what is to be filled in, or the only one.
func TestButtons(t *testing.T) {
	fill := auth.Form{Name: "password", Action: "/fill", Submit: "Fill", Fields: []auth.Field{{Name: "email"}}}
	one := auth.Form{Name: "oauth.one", Action: "/one", Submit: "One", Fields: []auth.Field{{Name: "x", Type: "hidden"}}}
	two := auth.Form{Name: "oauth.two", Action: "/two", Submit: "Two"}
	for _, page := range []string{"login", "register", "confirm"} {
		for name, tt := range map[string]struct {
			forms []auth.Form
			main  string
			ors   int
		}{
			"one":         {[]auth.Form{one}, "One", 0},
			"two":         {[]auth.Form{one, two}, "", 0},
			"after":       {[]auth.Form{fill, one, two}, "Fill", 1},
			"before":      {[]auth.Form{one, two, fill}, "Fill", 1},
			"between":     {[]auth.Form{one, fill, two}, "Fill", 2},
			"only a form": {[]auth.Form{fill}, "Fill", 0},
		} {
			html := render(t, pages.New(nil), auth.Page{Name: page, Next: "/me", Forms: tt.forms})
			all := checkPage(t, html)
			main := 0
			for _, b := range find(all, "button") {
				if b.attrs["class"] == "" {
					main++
				}
			}
			if n := len(find(all, "p", "class", "or")); n != tt.ors {
				t.Errorf("%s, %s: %d times or, want %d", page, name, n, tt.ors)
			}
			if want := `<button type="submit">` + tt.main + `</button>`; tt.main != "" && (main != 1 || !strings.Contains(html, want)) || tt.main == "" && main != 0 {
				t.Errorf("%s, %s: %d main buttons, want %q: %s", page, name, main, tt.main, body(html))
			}
			if n := len(find(all, "input", "type", "hidden", "name", "next", "value", "/me")); n != len(tt.forms) {
				t.Errorf("%s, %s: %d forms know where to go on", page, name, n)
			}
		}
	}
}

// One text can be for the buttons of all sites; one of a site's own goes before it.
func TestSubmitTexts(t *testing.T) {
	for name, tt := range map[string]struct {
		page, form, submit string
		texts              map[string]string
		want               string
	}{
		"provider":         {"login", "hub.github", "Go on with GitHub", nil, "Go on with GitHub"},
		"for all":          {"login", "hub.github", "Go on", map[string]string{"submit.hub": "Weiter mit {title}"}, "Weiter mit GitHub"},
		"for one":          {"login", "hub.github", "Go on", map[string]string{"submit.hub": "Weiter mit {title}", "submit.hub.github": "Weiter zu {title}"}, "Weiter zu GitHub"},
		"for one, plain":   {"login", "hub.github", "Go on", map[string]string{"submit.hub.github": "Weiter"}, "Weiter"},
		"for a page":       {"confirm", "hub.github", "Go on", map[string]string{"submit.hub": "Weiter", "confirm.submit.hub": "Mit {title} bestätigen"}, "Mit GitHub bestätigen"},
		"without a title":  {"login", "hub.corp", "Go on", map[string]string{"submit.hub": "Weiter mit {title}"}, "Weiter mit corp"},
		"not of the forms": {"login", "hub.github", "Go on", map[string]string{"submit": "Weiter"}, "Go on"},
		"default":          {"login", "oauth.corp", "", nil, "Continue with corp"},
		"default, confirm": {"confirm", "oauth.corp", "", nil, "Confirm with corp"},
		"no dot":           {"login", "hub", "{title}", nil, "{title}"},
	} {
		m, err := auth.New(auth.UserFunc(func(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound }),
			struct{ auth.Store }{}, &auth.Options{Pages: pages.New(&pages.Options{Texts: tt.texts}), Providers: []auth.Provider{hub{}}})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.Render(w, r, &auth.Page{Name: tt.page, Forms: []auth.Form{{Name: tt.form, Action: "/x", Submit: tt.submit}}})
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if html := w.Body.String(); !strings.Contains(html, `<button type="submit">`+tt.want+`</button>`) {
			t.Errorf("%s: no %q in %s", name, tt.want, body(html))
		}
	}
}
