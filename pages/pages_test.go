package pages_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/pages/internal/exhibit"
)

var _ auth.Pages = (*pages.Pages)(nil)

func render(t *testing.T, p *pages.Pages, page auth.Page) string {
	t.Helper()
	return renderTo(t, p, httptest.NewRequest("GET", "/", nil), page).Body.String()
}

func renderTo(t *testing.T, p *pages.Pages, r *http.Request, page auth.Page) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := p.Render(w, r, &page); err != nil {
		t.Fatal(err)
	}
	return w
}

func shown(e exhibit.Exhibit) auth.Page {
	page := e.Page
	page.Identity, page.Problem = e.Identity, e.Problem
	return page
}

func TestEveryPage(t *testing.T) {
	p := pages.New(nil)
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, e := range exhibit.All() {
		t.Run(e.Name, func(t *testing.T) {
			html := render(t, p, shown(e))
			all := checkPage(t, html)
			if bad := len(find(all, "input", "aria-invalid", "true")); bad > 1 {
				t.Errorf("%d fields are wrong", bad)
			}
			if e.Problem != nil && e.Page.Name != "error" {
				if len(find(all, "div", "role", "alert")) != 1 {
					t.Error("the problem is not announced")
				}
				if !strings.Contains(html, "<title>Error: ") {
					t.Error("the title does not tell of the problem")
				}
			}
			if e.Problem == nil && strings.Contains(html, `role="alert"`) {
				t.Error("announces a problem that is not there")
			}
			next := find(all, "input", "type", "hidden", "name", "next")
			if want := len(e.Page.Forms); e.Page.Next != "" && len(next) != want {
				t.Errorf("%d forms know where to go next, want %d", len(next), want)
			}
		})
	}
}

func TestStatusAndHeaders(t *testing.T) {
	page := auth.Page{Name: "error", Status: 403, Problem: &auth.Problem{Status: 403, Code: "forbidden"}}
	for _, method := range []string{"GET", "HEAD", "POST"} {
		t.Run(method, func(t *testing.T) {
			w := renderTo(t, pages.New(nil), httptest.NewRequest(method, "/", nil), page)
			if w.Code != 403 {
				t.Errorf("status %d", w.Code)
			}
			if got := w.Body.Len() == 0; got != (method == "HEAD") {
				t.Errorf("body of %d bytes", w.Body.Len())
			}
			for name, want := range map[string]string{
				"Content-Type":               "text/html; charset=utf-8",
				"Cache-Control":              "no-store",
				"Referrer-Policy":            "same-origin",
				"X-Content-Type-Options":     "nosniff",
				"Cross-Origin-Opener-Policy": "same-origin",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
	if w := renderTo(t, pages.New(nil), httptest.NewRequest("GET", "/", nil), auth.Page{Name: "login"}); w.Code != 200 {
		t.Errorf("status 0 is answered %d", w.Code)
	}
}

func TestErrorWritesNothing(t *testing.T) {
	broken := fstest.MapFS{"login.html": {Data: []byte(`<p>{{.NoSuchThing}}`)}}
	tests := []struct {
		name string
		opts *pages.Options
		page auth.Page
	}{
		{"template", &pages.Options{Templates: broken}, auth.Page{Name: "login"}},
		{"options", &pages.Options{Home: "https://example.com"}, auth.Page{Name: "login"}},
		{"status", nil, auth.Page{Name: "login", Status: 99}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &untouched{header: http.Header{}}
			if err := pages.New(tt.opts).Render(w, httptest.NewRequest("GET", "/", nil), &tt.page); err == nil {
				t.Error("no error")
			}
			if w.touched || len(w.header) > 0 {
				t.Errorf("has written %v", w.header)
			}
		})
	}
}

type untouched struct {
	header  http.Header
	touched bool
}

func (w *untouched) Header() http.Header         { return w.header }
func (w *untouched) WriteHeader(int)             { w.touched = true }
func (w *untouched) Write(b []byte) (int, error) { w.touched = true; return len(b), nil }

func TestConcurrent(t *testing.T) {
	p := pages.New(nil)
	want := render(t, p, shown(exhibit.All()[0]))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, e := range exhibit.All() {
				var page = shown(e)
				w := httptest.NewRecorder()
				if err := p.Render(w, httptest.NewRequest("GET", "/", nil), &page); err != nil {
					t.Error(err)
				}
				if e.Name == "login" && !bytes.Equal(w.Body.Bytes(), []byte(want)) {
					t.Error("another page")
				}
			}
		})
	}
	wg.Wait()
}
