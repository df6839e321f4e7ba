package pages_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
)

// translated has German and two more, some of them with little in them.
func translated(language func(*http.Request) string) *pages.Options {
	return &pages.Options{
		Site:  "Meadow",
		Texts: map[string]string{"login.lead": "Welcome to Meadow."},
		Translations: map[string]map[string]string{
			"de": {
				"login.title": "Anmelden", "field.email": "E-Mail-Adresse", "submit.login": "Los",
				"flash.unauthenticated": "Bitte melde dich an.", "problem.bad_credentials": "Das stimmt nicht.",
			},
			"pt-BR": {"login.title": "Entrar"},
			"ar":    {"login.title": "تسجيل الدخول"},
		},
		Language: language,
	}
}

func loginIn(t *testing.T, p *pages.Pages, accept string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", "/auth/login", nil)
	if accept != "" {
		r.Header.Set("Accept-Language", accept)
	}
	w := renderTo(t, p, r, auth.Page{
		Name: "login", Forms: []auth.Form{{Name: "login", Action: "/login", Submit: "Go", Fields: []auth.Field{{Name: "email", Label: "Email"}}}},
		Flashes: []auth.Flash{{ID: "unauthenticated.expired"}}, Problem: &auth.Problem{Code: "bad_credentials", Detail: "Wrong."},
	})
	html := w.Body.String()
	checkPage(t, html)
	return w.Result(), html
}

// One site in two languages: every sort of text, and what says so.
func TestTwoLanguages(t *testing.T) {
	p := pages.New(translated(nil))
	for _, tt := range []struct {
		accept, lang string
		want         []string
		not          string
	}{
		{"en", "en", []string{"<h1>Log in</h1>", ">Email<", ">Go<", "Your login has expired.", "Wrong.", "Welcome to Meadow."}, "Anmelden"},
		{"de-AT,de;q=0.9,en;q=0.8", "de", []string{"<h1>Anmelden</h1>", ">E-Mail-Adresse<", ">Los<", "Bitte melde dich an.", "Das stimmt nicht.", "Welcome to Meadow."}, "Log in"},
	} {
		t.Run(tt.lang, func(t *testing.T) {
			res, html := loginIn(t, p, tt.accept)
			for _, want := range append(tt.want, `<html lang="`+tt.lang+`" dir="ltr">`) {
				if !strings.Contains(html, want) {
					t.Errorf("does not say %q:\n%s", want, body(html))
				}
			}
			if strings.Contains(html, tt.not) {
				t.Errorf("says %q", tt.not)
			}
			if got := res.Header.Get("Content-Language"); got != tt.lang {
				t.Errorf("Content-Language: %q", got)
			}
			if got := res.Header.Get("Vary"); got != "Accept-Language" {
				t.Errorf("Vary: %q", got)
			}
		})
	}
}

// The language is what the browser prefers of those that there are (RFC 9110,
// section 12.5.4; RFC 4647, section 3.4).
func TestAcceptLanguage(t *testing.T) {
	p := pages.New(translated(nil))
	for accept, want := range map[string]string{
		"":                                       "en",
		"*":                                      "en",
		"fr":                                     "en",
		"DE":                                     "de",
		"de-AT":                                  "de",
		"de-x-formal":                            "de",
		"en-GB,de":                               "en",
		"fr, de;q=0.3, en;q=0.2":                 "de",
		"en;q=0.2, de;q=0.3":                     "de",
		"en; q=0.2 , de":                         "de",
		"de;q=0, pt-BR;q=0.1":                    "pt-BR",
		"de;q=0":                                 "en",
		"*, de":                                  "en",
		"fr, *;q=0.5, de;q=0.4":                  "en",
		"pt":                                     "pt-BR",
		"pt-PT":                                  "en",
		"pt-br":                                  "pt-BR",
		"p":                                      "en",
		"de;q=2, pt-BR;q=0.9":                    "de",
		"de;q=x":                                 "de",
		";;,,-,--,de":                            "de",
		"\xff, de":                               "de",
		"de, pt-BR;q=2":                          "de",
		"de, pt-BR;q=NaN":                        "de",
		strings.Repeat("fr,", 1000) + "de":       "en",
		"de" + strings.Repeat("-a", 20) + ", pt": "pt-BR",
		strings.Repeat("a-", 50_000) + "b, de":   "de",
	} {
		res, html := loginIn(t, p, accept)
		if got := res.Header.Get("Content-Language"); got != want || !strings.Contains(html, `<html lang="`+want+`"`) {
			t.Errorf("Accept-Language %.40q: %q, want %q", accept, got, want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Accept-Language"] = []string{"fr", "de"}
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Cookie")
	if err := p.Render(w, r, &auth.Page{Name: "login"}); err != nil {
		t.Fatal(err)
	}
	if got := w.Header(); got.Get("Content-Language") != "de" || strings.Join(got["Vary"], ", ") != "Cookie, Accept-Language" {
		t.Errorf("header %v", got)
	}
}

// The host can choose, by a setting of the user's or the address; then the answer
// does not depend on what the browser prefers.
func TestLanguage(t *testing.T) {
	for _, tt := range []struct{ chosen, want, vary string }{
		{"de", "de", ""},
		{"DE-at", "de", ""},
		{"en", "en", ""},
		{"fr", "en", ""},
		{"", "pt-BR", "Accept-Language"},
	} {
		p := pages.New(translated(func(r *http.Request) string {
			if r.URL.Path != "/auth/login" {
				t.Errorf("asked about %s", r.URL)
			}
			return tt.chosen
		}))
		res, _ := loginIn(t, p, "pt-BR")
		if got := res.Header.Get("Content-Language"); got != tt.want || res.Header.Get("Vary") != tt.vary {
			t.Errorf("chosen %q: %q, Vary %q", tt.chosen, got, res.Header.Get("Vary"))
		}
	}
}

// One language needs no header.
func TestOneLanguage(t *testing.T) {
	res, html := loginIn(t, pages.New(&pages.Options{Texts: map[string]string{"html.lang": "de", "login.title": "Anmelden"}}), "en")
	if len(res.Header["Vary"])+len(res.Header["Content-Language"]) != 0 || !strings.Contains(html, `<html lang="de"`) {
		t.Errorf("header %v", res.Header)
	}
}

// What a translation does not say of itself, and what it does.
func TestDirection(t *testing.T) {
	p := pages.New(&pages.Options{
		Texts: map[string]string{"html.lang": "he", "html.dir": "rtl"},
		Translations: map[string]map[string]string{
			"en": nil, "ar-EG": nil, "ur": {"html.dir": "ltr"}, "uz-Arab": {"html.dir": "rtl", "html.lang": "uz-Arab-AF"},
		},
	})
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]string{
		"fr": `lang="he" dir="rtl"`, "he": `lang="he" dir="rtl"`, "en": `lang="en" dir="ltr"`, "ar-EG": `lang="ar-EG" dir="rtl"`,
		"ur": `lang="ur" dir="ltr"`, "uz-Arab": `lang="uz-Arab-AF" dir="rtl"`,
	} {
		if _, html := loginIn(t, p, accept); !strings.Contains(html, "<html "+want+">") {
			t.Errorf("%s: want %s in %.60s", accept, want, html)
		}
	}
}

// Languages do not meet.
func TestLanguagesAtOnce(t *testing.T) {
	p := pages.New(translated(nil))
	want := map[string]string{}
	for _, lang := range []string{"en", "de", "pt-BR", "ar"} {
		_, want[lang] = loginIn(t, p, lang)
	}
	var wg sync.WaitGroup
	for lang, html := range want {
		for range 4 {
			wg.Go(func() {
				for range 10 {
					if _, got := loginIn(t, p, lang); got != html {
						t.Errorf("%s: another page", lang)
					}
				}
			})
		}
	}
	wg.Wait()
}
