package pages_test

import (
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/pages/internal/exhibit"
)

var placeholderRE = regexp.MustCompile(`\{[^}]*\}`)

// all returns every language that is built in, the test language among them.
func all() map[string]map[string]string {
	languages := pages.Translations()
	languages["ar-XB"] = pages.PseudoRTL()
	return languages
}

// In every language there is every text, with the same to be filled in.
func TestTranslationsAreComplete(t *testing.T) {
	english := pages.Texts()
	for tag, texts := range all() {
		for _, id := range slices.Sorted(maps.Keys(english)) {
			text, ok := texts[id]
			if !ok {
				t.Errorf("%s: no text %q", tag, id)
				continue
			}
			want, got := placeholderRE.FindAllString(english[id], -1), placeholderRE.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(want, got) {
				t.Errorf("%s: %q has %v to be filled in, want %v", tag, id, got, want)
			}
			if (text == "") != (english[id] == "") {
				t.Errorf("%s: %q is %q, in English %q", tag, id, text, english[id])
			}
			if text != strings.TrimSpace(text) || strings.Contains(text, "  ") {
				t.Errorf("%s: %q has a space too many: %q", tag, id, text)
			}
		}
		for id := range texts {
			if _, ok := english[id]; !ok {
				t.Errorf("%s: there is no text %q", tag, id)
			}
		}
		if texts["html.lang"] != tag {
			t.Errorf("%s says that it is %q", tag, texts["html.lang"])
		}
		if layout := texts["time.layout"]; regexp.MustCompile(`Jan|Mon`).MatchString(layout) {
			t.Errorf("%s: times have English words: %q", tag, layout)
		}
	}
	if err := pages.New(&pages.Options{Translations: all()}).Validate(); err != nil {
		t.Error(err)
	}
}

// What is the same in German is so on purpose.
func TestGermanIsGerman(t *testing.T) {
	same := []string{"html.dir", "field.name", "field.code"}
	english := pages.Texts()
	for id, text := range pages.German() {
		if text == english[id] && text != "" && !slices.Contains(same, id) {
			t.Errorf("%q is English: %q", id, text)
		}
		if regexp.MustCompile(`\b([Dd]u|[Dd]ich|[Dd]ir|[Dd]ein\w*|[Ee]uch|[Ee]ure?\w*)\b`).MatchString(text) {
			t.Errorf("%q says du: %q", id, text)
		}
	}
}

// A sentence is one in every language: what ends in a full stop does so in German.
func TestSentences(t *testing.T) {
	german := pages.German()
	for id, text := range pages.Texts() {
		for _, end := range []string{".", "?", ":"} {
			if strings.HasSuffix(text, end) != strings.HasSuffix(german[id], end) {
				t.Errorf("%q: %q, in German %q", id, text, german[id])
			}
		}
	}
}

var (
	unseenRE = regexp.MustCompile(`(?s)<(code|time|header)\b.*?</(code|time|header)>|<title>.*?</title>|<style>.*?</style>`)
	markedRE = regexp.MustCompile("\u200f\u202e[^\u202c]*\u202c\u200f")
	letterRE = regexp.MustCompile(`\pL{2,}`)
)

// Every page in every language, and no word of it is left in English but those of the
// host and of its users.
func TestEveryPageInEveryLanguage(t *testing.T) {
	data := regexp.MustCompile(`ada@example\.com|[\w.@-]*lovelace\S*|analytical-engines-ltd|GitHub|Google|google|github|Apple|(Donaudampfschifffahrtsgesellschaft ?)+|Read orders|(orders|invoices):read|[0-9a-f]+(:[0-9a-f]+){3,}|admin|` +
		`Reports|deploy, that one with the long name which is still allowed|nothing at all|Firefox|Linux|Safari|iPhone|Chrome|Windows|support-42|Donaudampf|gk_\w+|analytical-engines|gatehouse`)
	p := pages.New(&pages.Options{Site: "Meadow", Translations: all()})
	for tag, texts := range all() {
		for _, e := range exhibit.All() {
			t.Run(tag+"/"+e.Name, func(t *testing.T) {
				r := httptest.NewRequest("GET", "/", nil)
				r.Header.Set("Accept-Language", tag)
				html := renderTo(t, p, r, shown(e)).Body.String()
				checkPage(t, html)
				if want := `<html lang="` + tag + `" dir="` + texts["html.dir"] + `">`; !strings.Contains(html, want) {
					t.Errorf("has no %s", want)
				}
				if strings.Contains(html, " May 2026") {
					t.Error("has a date in English")
				}
				if tag != "ar-XB" || e.Name == "code" || e.Name == "code-error" { // a page of a host's
					return
				}
				text := markedRE.ReplaceAllString(unseenRE.ReplaceAllString(html, ""), "")
				text = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, "")
				text = data.ReplaceAllString(text, "")
				if left := letterRE.FindAllString(text, -1); left != nil {
					t.Errorf("is left in English: %q in %s", left, strings.TrimSpace(text))
				}
			})
		}
	}
}

// One line gives a site the languages, and the browser chooses.
func TestTranslationsAreChosen(t *testing.T) {
	p := pages.New(&pages.Options{Translations: pages.Translations()})
	for accept, want := range map[string]string{"de-CH": "Passwort vergessen?", "ar": "Forgot your password?", "": "Forgot your password?"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", accept)
		html := renderTo(t, p, r, auth.Page{Name: "forgot", Forms: []auth.Form{{Name: "forgot", Action: "/forgot", Submit: "Send"}}}).Body.String()
		if !strings.Contains(html, "<h1>"+want+"</h1>") {
			t.Errorf("%q: no %q in %s", accept, want, body(html))
		}
	}
}

// Nothing of the stylesheet has a side: it is mirrored for who reads from the right.
func TestStyleHasNoSides(t *testing.T) {
	css, err := os.ReadFile("style.css")
	if err != nil {
		t.Fatal(err)
	}
	css = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAll(css, nil)
	for _, side := range regexp.MustCompile(`[^;{]*\b(left|right)\b[^;}]*|(margin|padding|inset|border-width|border-radius): *[^ ;]+ +[^ ;]+ +[^ ;]+ +[^ ;]+;|(translate|translateX)\([^)]*\)`).FindAll(css, -1) {
		t.Errorf("has a side: %s", side)
	}
}
