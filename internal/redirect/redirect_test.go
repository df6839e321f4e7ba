package redirect_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/redirect"
)

var hostile = []string{
	"", " ", "evil.com", "//evil.com", "//user@evil.com", "//[::1]", "///evil.com", "////evil.com",
	`/\evil.com`, `/./\evil.com`, `/a/../\evil.com`, `\\evil.com`, `\/evil.com`, `/\/evil.com`,
	"/\t/evil.com", "/\n/evil.com", "/\r\nSet-Cookie: a=b", "\t//evil.com", " //evil.com", "/\x00", "/\x7f",
	"https:evil.com", "http:evil.com", "https:/evil.com", "http:///evil.com", "https://evil.com", "HTTPS://evil.com",
	"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x",
	"/..//evil.com", "/.//evil.com", "/a/..//evil.com", "/%2e%2e//evil.com",
	"/%09/evil.com", "/%5cevil.com", "/%2fevil.com", "/%2f%2fevil.com", "/%252fevil.com", "/%255cevil.com", "/.%2f/evil.com",
	"https://app.example@evil.com", "https://app.example.evil.com", "https://app.example:443@evil.com", `https://app.example\@evil.com`,
	"/%zz", "/a b", "/caf\u00e9", "/\u2028", "?x=1", "#x", "//", "mailto:a@b", "/" + strings.Repeat("a", 8192),
}

var harmless = []string{
	"/", "/me", "/a/b/", "/a//b", "/ok?x=//evil.com", "/ok#//evil.com", "/ok?next=https://evil.com", "/%E2%82%AC",
	"/a/../b", "/a%20b", "/.well-known/x", "/settings?tab=a&b=c#d", "/a:b", "/@user", "/~x", "/100%25",
}

func TestClean(t *testing.T) {
	for _, target := range hostile {
		if got, ok := redirect.Clean(target); ok || got != "" {
			t.Errorf("Clean(%q) = %q, %v; want it refused", target, got, ok)
		}
	}
	for _, target := range harmless {
		if got, ok := redirect.Clean(target); !ok || got != target {
			t.Errorf("Clean(%q) = %q, %v; want it as it is", target, got, ok)
		}
	}
}

// FuzzClean: whatever is let through stays on the site, also after
// http.Redirect has cleaned it and a browser has resolved it.
func FuzzClean(f *testing.F) {
	for _, s := range append(hostile, harmless...) {
		f.Add(s)
	}
	base, err := url.Parse("https://app.example/auth/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		got, ok := redirect.Clean(target)
		if !ok {
			return
		}
		again, ok := redirect.Clean(got)
		if !ok || again != got {
			t.Fatalf("not idempotent: %q, then %q, %v", got, again, ok)
		}
		w := httptest.NewRecorder()
		http.Redirect(w, httptest.NewRequest("GET", "/auth/login", nil), got, http.StatusSeeOther)
		for _, location := range []string{got, w.Header().Get("Location")} {
			u, err := base.Parse(strings.ReplaceAll(location, `\`, "/")) // as browsers read it
			if err != nil || u.Host != "app.example" || u.Scheme != "https" {
				t.Fatalf("%q leads to %v (%v)", location, u, err)
			}
			if strings.ContainsAny(location, "\r\n\t") {
				t.Fatalf("%q has control characters", location)
			}
		}
	})
}
