package pages_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
)

var flashRE = regexp.MustCompile(`<p class="([^"]*)">([^<]*)</p>`)

// flashesOn returns the messages of a page, each as "class: text".
func flashesOn(t *testing.T, html string) (list []string) {
	t.Helper()
	_, rest, found := strings.Cut(html, `<div class="flashes" id="flash" role="status">`)
	if !found {
		return nil
	}
	block, _, _ := strings.Cut(rest, "</div>")
	for _, m := range flashRE.FindAllStringSubmatch(block, -1) {
		list = append(list, m[1]+": "+m[2])
	}
	return list
}

// Messages stand on every page, in order, before what the page is about.
func TestFlashesOnEveryPage(t *testing.T) {
	for _, name := range []string{"login", "register", "account", "sessions", "password", "confirm", "error", "code"} {
		html := render(t, pages.New(nil), auth.Page{Name: name, Flashes: []auth.Flash{
			{ID: "logged_out", Category: "success"}, {ID: "unauthenticated.expired", Category: "warning"},
		}})
		all := checkPage(t, html)
		if len(find(all, "div", "role", "status")) != 1 {
			t.Errorf("%s: the messages are not announced", name)
		}
		got := strings.Join(flashesOn(t, html), " | ")
		if want := "flash flash-success: You are logged out. | flash flash-warning: Your login has expired. Please log in again."; got != want {
			t.Errorf("%s: messages %q, want %q", name, got, want)
		}
		if strings.Index(html, `role="status"`) > strings.Index(html, "<h1") {
			t.Errorf("%s: the messages come after the title", name)
		}
	}
	if html := render(t, pages.New(nil), auth.Page{Name: "login"}); strings.Contains(html, "status") {
		t.Error("announces messages that are not there")
	}
}

// The text of a message: the host's, the one of its beginning, the one of a
// problem; else the message is not for here.
func TestFlashTexts(t *testing.T) {
	texts := map[string]string{
		"flash.settings": "Saved.", "flash.settings.mail": "We have sent you a message.", "flash.quiet": "",
		"flash.password.changed": "Neues Passwort.", "problem.odd": "Odd.", "problem.not_fresh": "Never shown.",
	}
	for _, tt := range []struct {
		flash auth.Flash
		want  string // "": not shown
	}{
		{auth.Flash{ID: "settings.mail", Category: "success"}, "flash flash-success: We have sent you a message."},
		{auth.Flash{ID: "settings.mail.again", Category: "success"}, "flash flash-success: We have sent you a message."},
		{auth.Flash{ID: "settings.name", Category: "gold"}, "flash flash-gold: Saved."},
		{auth.Flash{ID: "settings"}, "flash flash-info: Saved."},
		{auth.Flash{ID: "password.changed"}, "flash flash-info: Neues Passwort."},
		{auth.Flash{ID: "unauthenticated.of_late"}, "flash flash-info: Please log in to go on."},
		{auth.Flash{ID: "odd.more"}, "flash flash-info: Odd."},
		{auth.Flash{ID: "not_fresh"}, "flash flash-info: " + pages.Texts()["flash.not_fresh"]},
		{auth.Flash{ID: "rate_limited", Category: "error"}, "flash flash-error: There were too many attempts."},
		{auth.Flash{ID: "quiet.too"}, ""},
		{auth.Flash{ID: "nothing"}, ""},
		{auth.Flash{ID: "login.title"}, ""},
		{auth.Flash{ID: "."}, ""},
		{auth.Flash{}, ""},
	} {
		html := render(t, pages.New(&pages.Options{Texts: texts}), auth.Page{Name: "login", Flashes: []auth.Flash{tt.flash}})
		checkPage(t, html)
		got := strings.Join(flashesOn(t, html), " | ")
		if got != tt.want || tt.want == "" && strings.Contains(html, `role="status"`) {
			t.Errorf("%+v: %q, want %q", tt.flash, got, tt.want)
		}
	}
}

// In another language the general text comes before the particular one in English.
func TestFlashTextsOfTheHost(t *testing.T) {
	p := pages.New(&pages.Options{Texts: map[string]string{"flash.unauthenticated": "Bitte anmelden."}})
	html := render(t, p, auth.Page{Name: "login", Flashes: []auth.Flash{{ID: "unauthenticated.expired"}}})
	if got := flashesOn(t, html); len(got) != 1 || got[0] != "flash flash-info: Bitte anmelden." {
		t.Errorf("messages %q", got)
	}
}

// Whoever listens to the page begins at the field that has the focus, and hears the
// messages there.
func TestFlashesDescribeTheFocus(t *testing.T) {
	page := auth.Page{Name: "login", Forms: twoForms(), Flashes: []auth.Flash{{ID: "logged_out"}}}
	focus := find(checkPage(t, render(t, pages.New(nil), page)), "input", "autofocus", "")
	if len(focus) != 1 || focus[0].attrs["aria-describedby"] != "flash" {
		t.Errorf("focus on %v", focus)
	}
	page.Problem = &auth.Problem{Code: "bad_credentials"}
	focus = find(checkPage(t, render(t, pages.New(nil), page)), "input", "autofocus", "")
	if len(focus) != 1 || focus[0].attrs["aria-describedby"] != "flash problem" {
		t.Errorf("with a problem, focus on %v", focus)
	}
	page.Flashes, page.Problem = []auth.Flash{{ID: "nothing"}}, nil
	focus = find(checkPage(t, render(t, pages.New(nil), page)), "input", "autofocus", "")
	if len(focus) != 1 || focus[0].attrs["aria-describedby"] != "" {
		t.Errorf("without a text, focus on %v", focus)
	}
}

// Whatever package auth and the providers tell has a text of its own.
func TestEveryMessageHasAText(t *testing.T) {
	ids := map[string]bool{"unauthenticated": true, "not_fresh": true, "proof_required": true, // see auth.Flash
		"logged_out": true, "sessions.revoked": true, "sessions.revoked.others": true}
	for pattern, re := range map[string]*regexp.Regexp{
		"../auth/reason.go":   regexp.MustCompile(`newReason\("([a-z_]+)"\)`),
		"../providers/*/*.go": regexp.MustCompile(`auth\.Flash\{ID: "([^"]+)"|message(?: :=|,? =) "([a-z_.]+)"`),
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		found := 0
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range re.FindAllStringSubmatch(string(src), -1) {
				found++
				id := m[1]
				if id == "" && len(m) > 2 {
					id = m[2]
				}
				if strings.HasSuffix(file, "reason.go") {
					id = "unauthenticated." + id
				}
				ids[id] = true
			}
		}
		if found == 0 {
			t.Errorf("%s: nothing found", pattern)
		}
	}
	for _, id := range []string{"password.changed", "unauthenticated.binding"} {
		if !ids[id] {
			t.Errorf("%s was not found", id)
		}
	}
	texts := pages.Texts()
	for id := range ids {
		if texts["flash."+id] == "" {
			t.Errorf("flash.%s has no text", id)
		}
	}
}
