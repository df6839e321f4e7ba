package pages_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/pages"
	"github.com/gatehouse-go/gatehouse/pages/internal/exhibit"
)

// exhibited returns the exhibit of that name, as a page.
func exhibited(t *testing.T, name string) auth.Page {
	t.Helper()
	for _, e := range exhibit.All() {
		if e.Name == name {
			return shown(e)
		}
	}
	t.Fatalf("no exhibit %q", name)
	return auth.Page{}
}

func TestKeys(t *testing.T) {
	html := render(t, pages.New(nil), exhibited(t, "keys"))
	all := checkPage(t, html)
	for what, n := range map[string]int{"/keys/revoke": 3, "/keys/rename": 3, "/keys": 1} {
		if got := len(find(all, "form", "action", what)); got != n {
			t.Errorf("%d forms for %s, want %d", got, what, n)
		}
	}
	if got := len(find(all, "input", "type", "hidden", "name", "id", "value", "B2mLq7sN0pYhVd9Xe")); got != 2 {
		t.Errorf("%d forms are about one key, want 2", got)
	}
	ticks := find(all, "input", "type", "checkbox")
	if len(ticks) != 2 || len(find(all, "fieldset")) != 1 || len(find(all, "legend")) != 1 {
		t.Errorf("%d boxes to tick, without a group", len(ticks))
	}
	for _, want := range []string{
		"<h2><bdi>Reports</bdi></h2>", "gk_4fTq0Zk1vXwSdm3Ac…", "orders:read, invoices:read", "<bdi>nothing</bdi>",
		"Revoke<span class=\"unseen\"> (Reports)</span>", "Rename<span class=\"unseen\"> (Reports)</span>", "10 August 2026",
		"<dt>Last used</dt><dd>never</dd>", "<dt>Expires</dt><dd>never</dd>",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("does not show %q", want)
		}
	}
	if n := strings.Count(html, "Limited to"); n != 2 {
		t.Errorf("%d keys are limited, want 2", n)
	}
	if n := strings.Count(html, " autofocus"); n != 0 {
		t.Error("the form has the focus, below the list")
	}
	if html := render(t, pages.New(nil), exhibited(t, "keys-error")); strings.Count(html, " autofocus") != 1 {
		t.Error("the field that is wrong has no focus")
	}
	if html := render(t, pages.New(nil), exhibited(t, "keys-none")); strings.Contains(html, "<fieldset") || !strings.Contains(html, "You have no keys.") {
		t.Error("without keys and scopes there is a list or a group")
	}
	if html := render(t, pages.New(nil), exhibited(t, "keys-gone")); len(find(checkPage(t, html), "form", "action", "/keys")) != 0 {
		t.Error("a problem with a key that is there shows the form for another")
	}
}

// The one time that a key is shown, it can be seen and copied, is in no form and
// in no address, and the page says that this was all.
func TestNewKey(t *testing.T) {
	page := exhibited(t, "key")
	html := render(t, pages.New(nil), page)
	secret := "gk_" + strings.Repeat("4fTq0Zk1vXwSdm3Ac", 4)
	for _, e := range checkPage(t, html) {
		for name, value := range e.attrs {
			if strings.Contains(value, secret) {
				t.Errorf("the key is in %s of %s", name, e.name)
			}
		}
	}
	if want := "<code>" + secret + "</code>"; strings.Count(html, secret) != 1 || !strings.Contains(html, want) {
		t.Errorf("does not show %s once", want)
	}
	for _, want := range []string{"Reports", "not shown again", "10 August 2026"} {
		if !strings.Contains(html, want) {
			t.Errorf("does not say %q", want)
		}
	}
}

// Who has to confirm who they are is sent to do so, and back.
func TestKeysStale(t *testing.T) {
	page := exhibited(t, "keys-stale")
	html := render(t, pages.New(nil), page)
	all := checkPage(t, html)
	if len(find(all, "form")) != 0 || !strings.Contains(html, "prove once more who you are") {
		t.Error("does not say that a fresh proof is needed")
	}
}

// What users and hosts have named breaks out of no page.
func TestKeysBreakOutOfNothing(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1) x='`
	for _, name := range []string{"keys", "key"} {
		type key struct {
			ID, Name, Prefix, Secret string
			Limited                  bool
			Scopes                   []string
			CreatedAt, ExpiresAt     time.Time
			UsedAt                   time.Time
		}
		k := key{ID: "1", Name: evil, Prefix: evil, Secret: evil, Limited: true, Scopes: []string{evil}}
		page := auth.Page{Name: name, Data: struct {
			key
			Keys  []key
			Stale bool
		}{k, []key{k}, false}}
		html := render(t, pages.New(nil), page)
		checkPage(t, html)
		if n := strings.Count(html, "&lt;script&gt;"); n < 3 {
			t.Errorf("%s shows %d of what is evil", name, n)
		}
	}
}
