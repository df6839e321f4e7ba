package mail_test

import (
	"context"
	"flag"
	"fmt"
	"html"
	"maps"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gatemail "github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

var update = flag.Bool("update", false, "write the golden files anew")

// everything is all that providers give.
func everything() map[string]string {
	return map[string]string{
		"link": base + "/auth/reset?token=abc-DEF_123&x=1", "code": "04711042", "new_address": "lovelace@example.com",
		"what": "Laptop", "at": "2026-05-12T08:30:00Z", "until": "2026-05-26T08:30:00Z", "device": "Firefox on Linux", "addr": "192.0.2.7",
	}
}

// ids are those of all messages.
func ids() (list []string) {
	for id := range gatemail.Texts() {
		if id, ok := strings.CutSuffix(id, ".subject"); ok {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

func allLanguages(p *parts) {
	p.opts.Site = "Gatehouse & Söhne"
	p.opts.Translations = gatemail.Translations()
	p.opts.Translations["ar-XB"] = gatemail.PseudoRTL()
}

// render has a message made.
func (s *site) render(t testing.TB, id, lang string, data map[string]string) gatemail.Message {
	t.Helper()
	s.Handle("render", func(context.Context, outbox.Entry) (*gatemail.Draft, error) {
		return &gatemail.Draft{ID: id, Data: data}, nil
	})
	if err := s.Post(t.Context(), outbox.Entry{Kind: "render", To: "ada@example.com", Language: lang}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.box.Messages()[0]
}

// The messages that others count on.
func TestIDs(t *testing.T) {
	have := ids()
	for _, id := range strings.Fields(`
		account.verify account.register account.taken account.forgot account.unknown account.first-password account.email
		account.email-taken account.undo account.closing account.gone link.login link.unknown
		notice.device.added notice.password.changed notice.password.reset notice.email.verified notice.email.changed notice.email.reverted
		notice.credential.added notice.credential.removed notice.credential.changed notice.key.created notice.remember.reused
		notice.account.locked notice.account.reclaimed`) {
		if !slices.Contains(have, id) {
			t.Errorf("there is no message %q", id)
		}
	}
}

var holeRE = regexp.MustCompile(`\{|\}|<no value>|%!|\(MISSING\)`)

// Every message in every language is whole.
func TestEveryMessage(t *testing.T) {
	s := newSite(t, allLanguages)
	for _, lang := range []string{"en", "de", "ar-XB"} {
		seen := map[string]string{}
		for _, id := range ids() {
			m := s.render(t, id, lang, everything())
			name := id + " in " + lang
			if m.ID != id || m.Language != lang || m.To != "ada@example.com" {
				t.Errorf("%s: is %q in %q to %q", name, m.ID, m.Language, m.To)
			}
			for part, text := range map[string]string{"subject": m.Subject, "text": m.Text, "HTML": m.HTML} {
				if part == "HTML" { // style attributes have no braces
					text = html.UnescapeString(text)
				}
				if hole := holeRE.FindString(text); hole != "" {
					t.Errorf("%s: %q in the %s:\n%s", name, hole, part, text)
				}
			}
			if m.Subject == "" || strings.ContainsAny(m.Subject, "\r\n") || len([]rune(strip(m.Subject))) > 100 {
				t.Errorf("%s: the subject is %q", name, m.Subject)
			}
			if other, ok := seen[m.Subject]; ok && !(strings.HasSuffix(id, ".unknown") && strings.HasSuffix(other, ".unknown")) && !strings.Contains(id, "email.changed") {
				t.Errorf("%s: the subject is that of %s", name, other)
			}
			seen[m.Subject] = id
			link := everything()["link"]
			if n := strings.Count(m.Text, link+"\n"); n != 1 {
				t.Errorf("%s: the link is in the text %d times:\n%s", name, n, m.Text)
			}
			if n := strings.Count(html.UnescapeString(m.HTML), `href="`+link+`"`); n != 2 {
				t.Errorf("%s: the link is in the HTML %d times:\n%s", name, n, m.HTML)
			}
			if got := m.Links(); !slices.Equal(got, []string{link}) {
				t.Errorf("%s: leads to %q", name, got)
			}
			dir := "ltr"
			if lang == "ar-XB" {
				dir = "rtl"
			}
			if want := fmt.Sprintf("<html lang=%q dir=%q>", lang, dir); !strings.Contains(m.HTML, want) {
				t.Errorf("%s: has no %s", name, want)
			}
			for _, bad := range []string{"<img", "<script", "<link", "src=", "url(", "@import"} {
				if strings.Contains(m.HTML, bad) {
					t.Errorf("%s: loads something: %s", name, bad)
				}
			}
			if !strings.Contains(m.HTML, "Gatehouse &amp; Söhne") || !strings.Contains(m.Subject+m.Text, "Gatehouse & Söhne") {
				t.Errorf("%s: does not say who it is from", name)
			}
		}
	}
}

// strip takes away what turns the direction of writing.
func strip(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("\u200f\u202e\u202c\u2068\u2069", r) {
			return -1
		}
		return r
	}, s)
}

var wordRE = regexp.MustCompile(`\{[^}]*\}`)

// German has every text, with the same {words}, and nothing else; and it is not English.
func TestGerman(t *testing.T) {
	english, german := gatemail.Texts(), gatemail.German()
	for _, id := range slices.Sorted(maps.Keys(english)) {
		in, ok := german[id]
		if !ok {
			t.Errorf("there is no text %q", id)
			continue
		}
		words := func(s string) []string {
			return slices.Compact(slices.Sorted(slices.Values(wordRE.FindAllString(s, -1))))
		}
		if !slices.Equal(words(in), words(english[id])) {
			t.Errorf("%q has the words %q, in English %q", id, words(in), words(english[id]))
		}
		if in == english[id] && in != "" && id != "html.dir" {
			t.Errorf("%q is English: %q", id, in)
		}
		if strings.Count(in, "\n\n") != strings.Count(english[id], "\n\n") {
			t.Errorf("%q has another number of paragraphs", id)
		}
	}
	for id := range german {
		if _, ok := english[id]; !ok {
			t.Errorf("%q is in German only", id)
		}
	}
}

// What auth and the providers say in English of a device, and of a way to log in, is said
// in the language of the mail; what else is given there is left alone.
func TestFactsInWords(t *testing.T) {
	s := newSite(t, allLanguages)
	for _, test := range []struct{ lang, name, given, want string }{
		{"de", "device", "Firefox on Linux", "Gerät: Firefox unter Linux\n"},
		{"de", "device", "Unknown device", "Gerät: Unbekanntes Gerät\n"},
		{"de", "device", "curl", "Gerät: curl\n"},
		{"de", "what", "password", "Was: Passwort\n"},
		{"de", "what", "email", "Was: E-Mail-Adresse\n"},
		{"de", "what", "username", "Was: Benutzername\n"},
		{"de", "what", "GitHub", "Was: GitHub\n"},
		{"en", "device", "Firefox on Linux", "Device: Firefox on Linux\n"},
		{"en", "device", "Unknown device", "Device: Unknown device\n"},
		{"en", "what", "email", "What: e-mail address\n"},
	} {
		m := s.render(t, "notice.credential.added", test.lang, map[string]string{test.name: test.given})
		if !strings.Contains(m.Text, test.want) {
			t.Errorf("%s %q in %s is not %q:\n%s", test.name, test.given, test.lang, test.want, m.Text)
		}
	}
}

// What is written from right to left are the same words, and keeps what is filled in.
func TestPseudoRTL(t *testing.T) {
	english, pseudo := gatemail.Texts(), gatemail.PseudoRTL()
	if len(pseudo) != len(english) {
		t.Errorf("%d texts of %d", len(pseudo), len(english))
	}
	for id, s := range pseudo {
		if id == "html.lang" || id == "html.dir" || id == "time.layout" {
			continue
		}
		if strip(s) != english[id] {
			t.Errorf("%q is %q", id, s)
		}
		if s != "" && !strings.HasPrefix(s, "\u200f\u202e") && !strings.HasPrefix(s, "{") {
			t.Errorf("%q is not turned: %q", id, s)
		}
	}
	if pseudo["html.dir"] != "rtl" || pseudo["html.lang"] != "ar-XB" {
		t.Errorf("it says of itself %q %q", pseudo["html.lang"], pseudo["html.dir"])
	}
}

// Messages to look at. Written anew with -update.
func TestGolden(t *testing.T) {
	s := newSite(t, allLanguages)
	for _, c := range []struct{ id, lang string }{
		{"account.forgot", "en"}, {"account.register", "de"}, {"notice.device.added", "en"}, {"notice.device.added", "ar-XB"},
		{"account.unknown", "en"}, {"account.closing", "de"},
	} {
		data := everything()
		delete(data, "what")
		if c.id != "account.forgot" {
			delete(data, "code")
		}
		if c.id != "account.closing" {
			delete(data, "until")
		}
		if c.id == "account.unknown" {
			data = nil
		}
		m := s.render(t, c.id, c.lang, data)
		for ext, got := range map[string]string{"txt": "Subject: " + m.Subject + "\n\n" + m.Text, "html": m.HTML} {
			file := filepath.Join("testdata", c.id+"."+c.lang+"."+ext)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
			}
		}
	}
}

// Headers that are made of a message parse to what was meant.
func TestMessageID(t *testing.T) {
	s := newSite(t)
	m := s.render(t, "account.gone", "", nil)
	if !regexp.MustCompile(`^<[A-Z2-7]{26}@app\.example>$`).MatchString(m.MessageID) {
		t.Errorf("Message-ID: %s", m.MessageID)
	}
	if _, err := mail.ParseAddress(m.To); err != nil {
		t.Error(err)
	}
	if !m.Date.Equal(s.time()) {
		t.Errorf("Date: %v", m.Date)
	}
}
