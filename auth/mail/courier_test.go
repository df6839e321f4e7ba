package mail_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// compose puts a site together that has the Courier, and returns what is wrong with it.
func compose(c *mail.Courier) error {
	_, err := auth.New(auth.UserFunc(nobody), memory.New(nil), &auth.Options{Providers: []auth.Provider{c}})
	return err
}

func TestBase(t *testing.T) {
	for base, ok := range map[string]bool{
		"https://app.example":      true,
		"https://app.example:8443": true,
		"http://localhost:8080":    true,
		"http://127.0.0.1:8080":    true,
		"http://[::1]:8080":        true,
		"":                         false,
		"app.example":              false,
		"//app.example":            false,
		"http://app.example":       false,
		"http://localhost.example": false,
		"https://app.example/":     false,
		"https://app.example/app":  false,
		"https://app.example?x=1":  false,
		"https://app.example#x":    false,
		"https://app.example?":     false,
		"https://me@app.example":   false,
		"https://":                 false,
		"https://app.example\n":    false,
		"ftp://app.example":        false,
		"javascript:alert(1)":      false,
		"HTTPS://app.example":      false,
	} {
		err := compose(mail.New(base, memory.NewOutbox(), new(mail.Box), nil))
		if (err == nil) != ok {
			t.Errorf("%q: %v", base, err)
		}
		if err != nil && !strings.Contains(err.Error(), "base URL") {
			t.Errorf("%q: the error does not say what is wrong: %v", base, err)
		}
	}
	err := compose(mail.New("https://me:secret@app.example", memory.NewOutbox(), new(mail.Box), nil))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a password is repeated: %v", err)
	}
}

// Everything that is wrong is reported at once.
func TestMount(t *testing.T) {
	err := compose(mail.New("http://app.example", nil, nil, &mail.Options{
		Site:  "a\nb",
		Every: -1,
		Texts: map[string]string{"account.verify.subjekt": "x", "html.dir": "up"},
		Translations: map[string]map[string]string{
			"de_DE": {}, "EN": {}, "fr": {"mail.nothing": "x", "account.gone.subject": "a\r\nBcc: b"},
		},
		Templates: fstest.MapFS{"layout.html": {Data: []byte("{{.Nothing}}")}, "account.gone.txt": {Data: []byte("{{")}},
	}))
	if err == nil {
		t.Fatal("New takes it")
	}
	for _, want := range []string{
		"make it https", "needs an outbox", "needs a Mailer", "Options.Every", "Options.Site",
		`Options.Texts: there is no text "account.verify.subjekt"`, "Nothing", "account.gone.txt",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported:\n%v", want, err)
		}
	}
	err = compose(mail.New(base, memory.NewOutbox(), new(mail.Box), &mail.Options{
		Texts: map[string]string{"html.dir": "up"},
		Translations: map[string]map[string]string{
			"de_DE": {}, "EN": {}, "fr": {"mail.nothing": "x", "account.gone.subject": "a\r\nBcc: b"},
		},
	}))
	if err == nil {
		t.Fatal("New takes it")
	}
	for _, want := range []string{
		`"html.dir" of "en" is "up"`, `Options.Translations["de_DE"]: want the tag`, `Options.Translations["EN"]: these texts are there twice`,
		`Options.Translations["fr"]: there is no text "mail.nothing"`, `"account.gone.subject" of "fr" is not one line`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported:\n%v", want, err)
		}
	}
	c := mail.New(base, memory.NewOutbox(), new(mail.Box), nil)
	if err := compose(c); err != nil {
		t.Error(err)
	}
	if err := compose(c); err == nil || !strings.Contains(err.Error(), "for one Manager") {
		t.Errorf("a second Manager: %v", err)
	}
}

// bad are addresses that are none, or more than one.
var bad = []string{
	"ada@example.com,eve@example.com", "ada@example.com;eve@example.com", "ada@example.com eve@example.com",
	"ada@example.com\r\nBcc: eve@example.com", "ada@example.com\n", "ada@example.com\x00", "Ada <ada@example.com>", "<ada@example.com>",
	"ada@example.com (Ada)", `"ada@x"@example.com`, "ada@eve@example.com", " ada@example.com", "ada", "@example.com", "ada@", "ada@[127.0.0.1]", "a\u0131da@example.com",
}

func TestAddress(t *testing.T) {
	s := newSite(t)
	for _, to := range bad {
		if err := s.Post(t.Context(), outbox.Entry{Kind: "test", To: to}); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("Post to %q: %v", to, err)
		}
		s.Handle("bad", func(context.Context, outbox.Entry) (*mail.Draft, error) {
			return &mail.Draft{ID: "account.gone", To: to}, nil
		})
		s.post(t, outbox.Entry{Kind: "bad"})
		s.flush(t) // it is given up
		if e := s.told(); len(e) == 0 || e[len(e)-1].Name != "mail.refused" {
			t.Errorf("a draft to %q: %+v", to, e)
		}
	}
	s.post(t, outbox.Entry{}) // to nobody, and no Draft says to whom
	s.flush(t)
	if n := len(s.box.Messages()); n != 0 {
		t.Errorf("%d mails were sent: %+v", n, s.box.Messages())
	}
	s.pass(time.Hour)
	s.post(t, outbox.Entry{To: "Ada@Example.com"})
	s.flush(t)
	if m := s.box.Messages(); len(m) != 1 || m[0].To != "Ada@Example.com" {
		t.Errorf("sent: %+v", m)
	}
}

// Links begin with the base URL, whatever a request says.
func TestLink(t *testing.T) {
	s := newSite(t)
	if got, want := s.Link("/reset", "a+b&c"), base+"/auth/reset?token=a%2Bb%26c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := s.Link("/login", ""), base+"/auth/login"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLanguage(t *testing.T) {
	chosen := map[string]string{"ada": "de", "bob": "", "eve": "xx"}
	s := newSite(t, allLanguages, func(p *parts) {
		p.opts.Language = func(_ context.Context, userID string) string { return chosen[userID] }
	})
	for accept, want := range map[string]string{"": "en", "de-AT,en;q=0.5": "de", "fr": "en", "fr,de;q=0.1": "de", "ar-XB": "ar-xb", "*": "en"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", accept)
		if got := s.LanguageOf(r); got != want {
			t.Errorf("Accept-Language %q: %q, want %q", accept, got, want)
		}
	}
	var by string // who the composer says it is for
	s.Handle("for", func(_ context.Context, e outbox.Entry) (*mail.Draft, error) {
		return &mail.Draft{ID: "account.gone", UserID: by}, nil
	})
	for _, c := range []struct{ entry, draft, language, want string }{
		{"", "", "de", "de"}, {"", "", "", "en"}, {"", "", "de-CH", "de"}, {"", "", "fr", "en"}, {"", "", "DE", "de"},
		{"ada", "", "en", "de"}, {"", "ada", "en", "de"}, {"bob", "", "de", "de"}, {"bob", "ada", "en", "de"}, {"eve", "", "de", "en"},
	} {
		by = c.draft
		s.post(t, outbox.Entry{Kind: "for", To: "ada@example.com", UserID: c.entry, Language: c.language})
		s.flush(t)
		if got := s.box.Messages()[0].Language; got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// A host's texts and templates take the place of the package's.
func TestReplaced(t *testing.T) {
	s := newSite(t, func(p *parts) {
		p.opts.Texts = map[string]string{"account.gone.subject": "Bye, {name}", "account.closing.fact.at": "Closed"}
		p.opts.Translations = map[string]map[string]string{"nl": {"account.gone.lead": "Weg."}}
		p.opts.Location = time.FixedZone("CEST", 2*60*60)
		p.opts.Templates = fstest.MapFS{
			"layout.txt":       {Data: []byte(`Hi!{{"\n\n\n\n"}}{{template "main" .}}`)},
			"account.gone.txt": {Data: []byte("{{range .Lead}}<{{.}}>{{end}} {{.Data.name}}")},
			"message.html":     {Data: []byte("<b>{{.Subject}}</b>")},
			"README.md":        {Data: []byte("{{")},
		}
	})
	m := s.render(t, "account.gone", "nl", map[string]string{"name": "<Ada>"})
	if m.Subject != "Bye, <Ada>" || m.Text != "Hi!\n\n<Weg.> <Ada>\n" || !strings.Contains(m.HTML, "<b>Bye, &lt;Ada&gt;</b>") || m.Language != "nl" {
		t.Errorf("got %+v", m)
	}
	m = s.render(t, "account.closing", "", map[string]string{"at": "2026-05-12T08:30:00Z", "until": "soon"})
	if !strings.Contains(m.Text, "Closed: 12 May 2026, 10:30 CEST\nWill be deleted: soon\n") {
		t.Errorf("got %s", m.Text)
	}
}

// What cannot be rendered stays, and is said in the log.
func TestNotRendered(t *testing.T) {
	s := newSite(t)
	for i, c := range []struct {
		d    mail.Draft
		want string
	}{
		{mail.Draft{ID: "account.nothing"}, `no text \"account.nothing.subject\"`},
		{mail.Draft{ID: "account.undo"}, "nothing is given for {new_address}"},
		{mail.Draft{ID: "account.gone", Data: map[string]string{"link": "https://app.example/\r\nx"}}, "{link} is not one line"},
	} {
		kind := fmt.Sprint("bad", i)
		s.Handle(kind, func(context.Context, outbox.Entry) (*mail.Draft, error) { d := c.d; return &d, nil })
		s.post(t, outbox.Entry{Kind: kind, To: "ada@example.com"})
		if err := s.Flush(t.Context()); err == nil {
			t.Errorf("%+v is rendered", c.d)
		}
		if !strings.Contains(s.log.String(), c.want) {
			t.Errorf("%q is not in the log:\n%s", c.want, s.log)
		}
	}
	if n := len(s.box.Messages()); n != 0 {
		t.Errorf("%d mails were sent", n)
	}
	left, err := s.Outbox().Claim(t.Context(), "", s.time().Add(time.Minute), s.time().Add(time.Hour), 10)
	if err != nil || len(left) != 3 {
		t.Errorf("%d entries are left: %v", len(left), err)
	}
}
