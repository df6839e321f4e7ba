package mail_test

import (
	"context"
	"encoding/xml"
	"io"
	"log/slog"
	netmail "net/mail"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// hostile are values that people could have given themselves, as the name of a device or
// of a key.
var hostile = []string{
	"x\r\nBcc: eve@example.com", "x\n\nYour account is locked. Call us.", "x\x00y", "x\u2028y\u2029z", "\u202etxt.exe", "\u2066x", "\u200fx", "x\ty", "x\x7fy", "x\u0085y",
	`<img src="https://eve.example/x.png">`, `"><script>alert(1)</script>`, "{link}", "{{.Link}}", `<a href="https://eve.example">here</a>`, "&amp;", "\xff\xfe", strings.Repeat("ä", 100_000),
}

// What people have given is one line of text and nothing else, wherever it is shown.
func TestInjection(t *testing.T) {
	s := newSite(t, func(p *parts) {
		p.opts.Texts = map[string]string{"notice.key.created.subject": "A key {what} at {site}"}
	})
	clean := s.render(t, "notice.key.created", "", map[string]string{"what": "x", "device": "x", "link": base + "/x"})
	for _, value := range hostile {
		m := s.render(t, "notice.key.created", "", map[string]string{"what": value, "device": value, "link": base + "/x"})
		checkMessage(t, &m, &clean)
	}
}

var tagRE = regexp.MustCompile(`</?[a-zA-Z!][^>]*>`)

// checkMessage compares m to one that is like it but for what people have given.
func checkMessage(t *testing.T, m, clean *mail.Message) {
	t.Helper()
	if strings.ContainsFunc(m.Subject, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
		t.Errorf("the subject is %q", m.Subject)
	}
	if got, want := strings.Count(m.Text, "\n"), strings.Count(clean.Text, "\n"); got != want {
		t.Errorf("%d lines, want %d:\n%q", got, want, m.Text)
	}
	if strings.ContainsFunc(m.Text+m.HTML, func(r rune) bool {
		return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	}) {
		t.Errorf("a control character in %q", m.Text+m.HTML)
	}
	if got, want := tagRE.FindAllString(m.HTML, -1), tagRE.FindAllString(clean.HTML, -1); strings.Join(got, "") != strings.Join(want, "") {
		t.Errorf("the tags are %q, want %q", got, want)
	}
	if links := m.Links(); len(links) != 1 || links[0] != base+"/x" {
		t.Errorf("the links are %q", links)
	}
	// And what a parser that is not ours makes of it has the words, and no element more.
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(m.HTML, "<!doctype html>")))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Errorf("the HTML cannot be read: %v\n%s", err, m.HTML)
			break
		}
	}
	if len(m.Text) > 10_000 || len(m.HTML) > 40_000 {
		t.Errorf("%d and %d bytes", len(m.Text), len(m.HTML))
	}
}

// FuzzRender looks for values that get out of their line, in a message whose subject has
// one in it, and for addresses that are more than one.
func FuzzRender(f *testing.F) {
	for _, value := range hostile {
		f.Add(ada, value)
	}
	for _, to := range bad {
		f.Add(to, "x")
	}
	box := new(mail.Box)
	post := mail.New(base, memory.NewOutbox(), box, &mail.Options{
		Texts:  map[string]string{"notice.key.created.subject": "A key {what}"},
		Logger: slog.New(slog.DiscardHandler),
	})
	// Without a log, or each input writes a line.
	quiet := &auth.Options{Providers: []auth.Provider{post}, Logger: slog.New(slog.DiscardHandler)}
	if _, err := auth.New(auth.UserFunc(nobody), memory.New(nil), quiet); err != nil {
		f.Fatal(err)
	}
	send := func(t testing.TB, to, value string) *mail.Message {
		post.Handle("fuzz", func(context.Context, outbox.Entry) (*mail.Draft, error) {
			return &mail.Draft{ID: "notice.key.created", To: to, Data: map[string]string{"what": "-" + value, "link": base + "/x"}}, nil
		})
		*box = mail.Box{}
		if err := post.Post(t.Context(), outbox.Entry{Kind: "fuzz"}); err != nil {
			t.Fatal(err)
		}
		if err := post.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, m := range box.Messages() {
			return &m
		}
		return nil
	}
	clean := send(f, ada, "x")
	f.Fuzz(func(t *testing.T, to, value string) {
		checkMessage(t, send(t, ada, value), clean)
		m := send(t, to, "x")
		if m == nil {
			return
		}
		if m.To != to || strings.Count(to, "@") != 1 || strings.ContainsAny(to, " ,;:<>()\"\\[]\r\n\x00") {
			t.Errorf("sent to %q", m.To)
		}
		if one, err := netmail.ParseAddress(to); err != nil || one.Address != to || one.Name != "" {
			t.Errorf("sent to %q, which is %v: %v", to, one, err)
		}
	})
}
