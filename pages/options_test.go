package pages_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
)

func TestPolicy(t *testing.T) {
	tests := []struct {
		name string
		opts *pages.Options
		want string // HASH stands for that of the stylesheet
	}{
		{"default", nil,
			"default-src 'none'; style-src 'HASH'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"},
		{"css", &pages.Options{CSS: "a { color: \"<&'\" }\r\n"},
			"default-src 'none'; style-src 'HASH'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"},
		{"logo", &pages.Options{Logo: "/logo.svg"},
			"default-src 'none'; style-src 'HASH'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"},
		{"logo in the page", &pages.Options{Logo: "data:image/png;base64,AAAA"},
			"default-src 'none'; style-src 'HASH'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"},
		{"more", &pages.Options{Allow: []string{"style-src 'self'", "font-src  'self' https://fonts.example", "form-action https://id.example"}},
			"default-src 'none'; style-src 'HASH' 'self'; form-action 'self' https://id.example; frame-ancestors 'none'; base-uri 'none'; font-src 'self' https://fonts.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := renderTo(t, pages.New(tt.opts), httptest.NewRequest("GET", "/", nil), auth.Page{Name: "login"})
			style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(w.Body.String())
			if style == nil {
				t.Fatal("no stylesheet")
			}
			sum := sha256.Sum256([]byte(style[1]))
			want := strings.ReplaceAll(tt.want, "HASH", "sha256-"+base64.StdEncoding.EncodeToString(sum[:]))
			if got := w.Header().Get("Content-Security-Policy"); got != want {
				t.Errorf("policy\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// The policy of a page lets its forms be answered with redirects to where they say,
// and never has anything in it that is not an origin.
func TestPolicyOfForms(t *testing.T) {
	opts := &pages.Options{
		Allow:        []string{"form-action https://id.example"},
		Translations: map[string]map[string]string{"de": {"login.title": "Anmelden"}},
	}
	const before, after = "form-action 'self' https://id.example", "; frame-ancestors"
	for name, tt := range map[string]struct {
		origins [][]string // by form
		want    string
	}{
		"none":         {[][]string{nil, {}}, ""},
		"one":          {[][]string{{"https://github.com"}}, " https://github.com"},
		"sorted, once": {[][]string{{"https://github.com", "https://accounts.example:8443"}, nil, {"https://github.com", "HTTPS://GitHub.com"}}, " https://accounts.example:8443 https://github.com"},
		"known":        {[][]string{{"https://id.example"}}, ""},
		"a developer's": {[][]string{{"http://localhost:9000", "http://127.0.0.1:9000", "https://a_b.xn--bcher-kva.example"}},
			" http://127.0.0.1:9000 http://localhost:9000 https://a_b.xn--bcher-kva.example"},
		"no origins": {[][]string{{"", "github.com", "https://", "https:", "'unsafe-inline'", "*", "https://*", "https://*.example", "//github.com",
			"https://github.com/", "https://github.com/login", "https://github.com?", "https://github.com#", "https://u:p@github.com", "https://github.com:*",
			"https://github.com:", "https://github.com:0", "https://github.com:65536", "https://github.com:123456", "https://github..com", "https://github.com.",
			"https://bücher.example", "https://[::1]", "javascript://github.com", "ws://github.com", "data:", "https://github.com; script-src *",
			"https://github.com https://evil.example", "https://github.com, default-src *", " https://github.com", "https://github.com\n", "https://github.com\r\nX: y", "https://git%68ub.com"}}, ""},
	} {
		for _, language := range []string{"en", "de"} {
			page := auth.Page{Name: "login"}
			for i, origins := range tt.origins {
				page.Forms = append(page.Forms, auth.Form{Name: string(rune('a' + i)), Action: "/a", Origins: origins})
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Accept-Language", language)
			got := renderTo(t, pages.New(opts), r, page).Header().Get("Content-Security-Policy")
			if want := before + tt.want + after; !strings.Contains(got, want) {
				t.Errorf("%s, %s: policy\n%s\nhas no\n%s", name, language, got, want)
			}
		}
	}
}

func TestTemplates(t *testing.T) {
	form := auth.Form{Name: "f", Action: "/x", Fields: []auth.Field{{Name: "a"}}}
	tests := []struct {
		name, file, text string
		page             string
		want, not        string
	}{
		{"page", "login.html", `<h1>Mine: {{.Title}}</h1>`, "login", "<h1>Mine: Log in</h1>", "<form"},
		{"another page", "login.html", `<h1>Mine</h1>`, "register", "<h1>Create an account</h1>", "Mine"},
		{"layout", "layout.html", `<!DOCTYPE html><main>{{template "main" .}}</main>`, "login", "<main><h1>Log in</h1>", "<style"},
		{"part", "field.html", `<b>{{.Name}}</b>`, "login", "<b>a</b>", `name="a"`},
		{"page for the rest", "page.html", `<h1>{{.Page.Name}}</h1>`, "code", "<h1>code</h1>", "<h1>One more step"},
		{"page of a provider", "code.html", `<h1>Your code</h1>`, "code", "<h1>Your code</h1>", "<h1>One more step"},
		{"nothing for the rest", "readme.txt", `{{`, "code", "<h1>One more step</h1>", "{{"},
		{"text", "login.html", `{{text "hint.min_length" "n" 15}}|{{text "mine"}}`, "login", "At least 15 characters. A few unrelated words work well.|mine", "{n}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := pages.New(&pages.Options{Templates: fstest.MapFS{tt.file: {Data: []byte(tt.text)}}})
			html := render(t, p, auth.Page{Name: tt.page, Forms: []auth.Form{form}})
			if !strings.Contains(html, tt.want) || strings.Contains(html, tt.not) {
				t.Errorf("want %q and not %q in\n%s", tt.want, tt.not, body(html))
			}
		})
	}
}

func TestTexts(t *testing.T) {
	form := auth.Form{Name: "f", Action: "/x", Submit: "Go", Fields: []auth.Field{{Name: "email", Label: "Mail", Hint: "Yours"}, {Name: "name"}}}
	problem := &auth.Problem{Code: "taken", Field: "email", Detail: "Is taken."}
	tests := []struct {
		id, text string
		page     string
		not      string // the text that it replaces
	}{
		{"login.title", "Anmelden", "login", "Log in"},
		{"field.email", "E-Post", "login", "Mail"},
		{"login.field.email", "E-Post", "login", "Mail"},
		{"field.name", "Rufname", "login", ">Name"},
		{"hint.email", "Deine", "login", "Yours"},
		{"submit.f", "Los", "login", "Go"},
		{"login.submit.f", "Los", "login", "Go"},
		{"problem.taken", "Gibt es schon.", "login", "Is taken."},
		{"problem.taken.email", "Gibt es schon.", "login", "Is taken."},
		{"problem.see_field", "Bitte {field} ansehen", "login", "Please check"},
		{"error.title.taken", "Vergeben", "error", "Something went wrong"},
		{"code.title", "Zweiter Schritt", "code", "One more step"},
		{"code.lead", "Nimm das Telefon.", "code", "Nothing"},
		{"html.lang", "de", "login", `lang="en"`},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			p := pages.New(&pages.Options{Texts: map[string]string{tt.id: tt.text}})
			html := render(t, p, auth.Page{Name: tt.page, Forms: []auth.Form{form}, Problem: problem})
			if tt.id == "problem.see_field" {
				tt.text = "Bitte Mail ansehen"
			}
			if !strings.Contains(html, tt.text) || strings.Contains(html, tt.not) {
				t.Errorf("want %q and not %q in\n%s", tt.text, tt.not, body(html))
			}
		})
	}
	t.Run("emptied", func(t *testing.T) {
		p := pages.New(&pages.Options{Texts: map[string]string{"confirm.lead": ""}})
		if html := render(t, p, auth.Page{Name: "confirm"}); strings.Contains(html, "lead") && strings.Contains(html, `class="lead"`) {
			t.Error("has a lead")
		}
	})
}

func TestValidateReportsEverything(t *testing.T) {
	tests := []struct {
		name string
		opts pages.Options
		want []string // in the error; none: no error
	}{
		{"nothing", pages.Options{}, nil},
		{"everything good", pages.Options{
			Site: "S", Home: "/app", Logo: "/logo.svg", CSS: "a {}", Allow: []string{"font-src data:"},
			Translations: map[string]map[string]string{"de": {"login.title": "x"}, "pt-BR": {}, "zh-Hant-TW": nil},
			Texts:        map[string]string{"login.title": "x", "flash.mine": "x", "field.nickname": "x", "code.title": "x", "problem.odd": "x", "way.odd": "x", "login.hint.x": "x", "error.title.odd": "x"},
		}, nil},
		{"texts", pages.Options{Texts: map[string]string{"login.titel": "x", "title": "x"}}, []string{`"login.titel"`, `"title"`}},
		{"translations", pages.Options{Translations: map[string]map[string]string{
			"de": {"login.titel": "x"}, "EN": {}, "d": {}, "pt_BR": {}, "fr": {"flash.saved": "x"}, "Fr": {},
		}}, []string{`Translations["de"]`, `"login.titel"`, `Translations["EN"]`, `Translations["d"]`, `Translations["pt_BR"]`, `Translations["fr"]`}},
		{"languages of nothing", pages.Options{Language: func(*http.Request) string { return "de" }}, []string{"Options.Language"}},
		{"home", pages.Options{Home: "//evil.example"}, []string{"Options.Home"}},
		{"logo", pages.Options{Logo: "https://cdn.example/logo.svg"}, []string{"Options.Logo"}},
		{"logo that is a page", pages.Options{Logo: "data:text/html,x"}, []string{"Options.Logo"}},
		{"css", pages.Options{CSS: "</STYLE><script>"}, []string{"Options.CSS"}},
		{"syntax", pages.Options{Templates: fstest.MapFS{"login.html": {Data: []byte("{{if}}")}, "field.html": {Data: []byte("ok")}}}, []string{"Options.Templates", "login.html"}},
		{"syntax of a part", pages.Options{Templates: fstest.MapFS{"field.html": {Data: []byte("{{end}}")}}}, []string{"Options.Templates", "field.html"}},
		{"escaping", pages.Options{Templates: fstest.MapFS{"code.html": {Data: []byte(`<a href="{{.Title}}`)}}}, []string{"Options.Templates", "layout.html"}},
		{"missing part", pages.Options{Templates: fstest.MapFS{"code.html": {Data: []byte(`{{template "none.html"}}`)}}}, []string{"Options.Templates", "none.html"}},
		{"unreadable", pages.Options{Templates: unreadable{}}, []string{"Options.Templates", fs.ErrPermission.Error()}},
		{"unsafe", pages.Options{Allow: []string{"style-src 'unsafe-inline'"}}, []string{"Options.Allow[0]"}},
		{"any host", pages.Options{Allow: []string{"img-src 'self'", "img-src *"}}, []string{"Options.Allow[1]"}},
		{"unsafe, shouted", pages.Options{Allow: []string{"script-src 'Unsafe-Inline'"}}, []string{"Options.Allow[0]"}},
		{"script in the page's data", pages.Options{Allow: []string{"script-src data:"}}, []string{"Options.Allow[0]"}},
		{"any host of a scheme", pages.Options{Allow: []string{"img-src https://*"}}, []string{"Options.Allow[0]"}},
		{"any host of a domain", pages.Options{Allow: []string{"img-src *.example"}}, []string{"Options.Allow[0]"}},
		{"any scheme", pages.Options{Allow: []string{"img-src https:"}}, []string{"Options.Allow[0]"}},
		{"frames", pages.Options{Allow: []string{"frame-ancestors https://example.com"}}, []string{"Options.Allow[0]"}},
		{"default", pages.Options{Allow: []string{"default-src 'self'"}}, []string{"Options.Allow[0]"}},
		{"two directives", pages.Options{Allow: []string{"img-src 'self'; script-src 'self'"}}, []string{"Options.Allow[0]"}},
		{"two headers", pages.Options{Allow: []string{"img-src 'self'\r\nevil.example"}}, []string{"Options.Allow[0]"}},
		{"no source", pages.Options{Allow: []string{"img-src"}}, []string{"Options.Allow[0]"}},
		{"several", pages.Options{Home: "x", Logo: "x", CSS: "</style", Allow: []string{""}, Texts: map[string]string{"login.x": ""}},
			[]string{"Options.Home", "Options.Logo", "Options.CSS", "Options.Allow[0]", "Options.Texts"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := pages.New(&tt.opts).Validate()
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("error %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %s in it", err, want)
				}
			}
		})
	}
}

type unreadable struct{}

func (unreadable) Open(string) (fs.File, error)          { return nil, fs.ErrPermission }
func (unreadable) Glob(string) ([]string, error)         { return []string{"login.html"}, nil }
func (unreadable) ReadDir(string) ([]fs.DirEntry, error) { return nil, fs.ErrPermission }

// Every text that a template or the code asks for is in the catalogue, and
// nothing is in it that nobody asks for.
func TestCatalogueIsComplete(t *testing.T) {
	used := map[string]bool{}
	for pattern, re := range map[string]*regexp.Regexp{
		"html/*.html": regexp.MustCompile(`\btext "([^"]+)"`),
		"*.go":        regexp.MustCompile(`texts\.text\("([^"]+)"`),
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range re.FindAllSubmatch(src, -1) {
				used[string(m[1])] = true
			}
		}
	}
	texts := pages.Texts()
	for id := range used {
		if _, ok := texts[id]; !ok {
			t.Errorf("%q is used and has no text", id)
		}
	}
	// Put together from what providers and pages are called.
	composed := regexp.MustCompile(`^((login|register|account|accounts|sessions|password|keys|key|confirm|error|page|sent|verify|forgot|reset|email|email-undo|link|close|disown|activity)\.(title|lead)|(password|verify|reset|email|link|close)\.(title|lead|submit)\.[\w-]+|verify\.field\.take-over\.password|error\.title\.\w+|((register|password|reset|email)\.)?field\.\w+|(keys|verify)\.hint\.[\w.]+|((login|register|password|confirm|keys|verify|forgot|reset|email|email-undo|link|close|disown)\.)?submit|submit\.link|(login|register|confirm)\.submit\.password|again\.(reset|verify|email|link)|activity\.(unknown|event\.[\w.]+)|(confirm\.)?submit\.oauth|problem\.\w+|way\.\w+|flash\.[\w.]+)$`)
	for id, text := range texts {
		if !used[id] && !composed.MatchString(id) {
			t.Errorf("%q has a text and nobody uses it", id)
		}
		if text == "" && !strings.HasSuffix(id, ".lead") {
			t.Errorf("%q is empty", id)
		}
	}
}
