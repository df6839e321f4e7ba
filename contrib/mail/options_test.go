package smtpmail_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	smtpmail "github.com/gatehouse-go/gatehouse/contrib/mail"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

func TestDSN(t *testing.T) {
	for dsn, want := range map[string]string{
		"smtp://mail.example.com":                    "",
		"smtps://ada:p%40ss@mail.example.com:4650":   "",
		"smtp://[2001:db8::1]:25":                    "",
		"":                                           "the scheme",
		"mail.example.com:25":                        "no host",
		"http://mail.example.com":                    "the scheme",
		"smtp://":                                    "no host",
		"smtp:mail.example.com":                      "no host",
		"smtp://mail.example.com/":                   "more than",
		"smtp://mail.example.com?tls=no":             "more than",
		"smtp://mail.example.com#x":                  "more than",
		"smtp://mail.example.com:0":                  "no good port",
		"smtp://mail.example.com:65536":              "no good port",
		"smtp://ada:4711042/s3cr3t@mail.example.com": "more than", // a slash that is not encoded
		"smtp://ada@mail.example.com":                "without a password",
		"smtp://:s3cr3t@mail.example.com":            "without a password",
		"smtp://ada:s3cr3t%00@mail.example.com":      "NUL",
		"smtp://ada:s3cr3t/%zz@mail.example.com":     "no URL",
		"smtp://ada:s3cr3t#@mail.example.com":        "no URL",
		"smtp://ada:s3cr3t@mail.example.com:badport": "no URL",
	} {
		_, err := smtpmail.New(dsn, &smtpmail.Options{From: "no-reply@app.example"})
		if err != nil && strings.Contains(err.Error(), "4711042") {
			t.Errorf("%q: what may be a password is repeated: %v", dsn, err)
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", dsn, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: the password is in the error: %v", dsn, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		dsn  string
		opts smtpmail.Options
		want []string
	}{
		{"smtp://localhost", smtpmail.Options{From: from, InsecurePlaintext: true}, nil},
		{"smtp://127.0.0.1:25", smtpmail.Options{From: from, InsecurePlaintext: true}, nil},
		{"smtp://mail.example.com", smtpmail.Options{From: from, InsecurePlaintext: true}, []string{"loopback only"}},
		{"smtps://localhost", smtpmail.Options{From: from, InsecurePlaintext: true}, []string{"choose one"}},
		{"smtp://mail.example.com", smtpmail.Options{}, []string{"Options.From is missing"}},
		{"ftp://", smtpmail.Options{From: "a@x.example, b@x.example", Hello: "a b", Timeout: -1, TLS: &tls.Config{InsecureSkipVerify: true}},
			[]string{"the scheme", "no host", "Options.From", "Options.Hello", "Options.Timeout", "InsecureSkipVerify"}},
		{"smtp://mail.example.com", smtpmail.Options{From: "a@x.example\r\nBcc: b@x.example"}, []string{"Options.From"}},
		{"smtp://mail.example.com", smtpmail.Options{From: "ä@x.example"}, []string{"Options.From"}},
		{"smtp://mail.example.com", smtpmail.Options{From: from, Hello: "a\r\nRSET"}, []string{"Options.Hello"}},
	} {
		_, err := smtpmail.New(c.dsn, &c.opts)
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s %+v: %v", c.dsn, c.opts, err)
		}
		for _, want := range c.want {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s %+v: %q is not in %v", c.dsn, c.opts, want, err)
			}
		}
	}
	if _, err := smtpmail.New("smtp://mail.example.com", nil); err == nil {
		t.Error("without options")
	}
}

// Nothing gets into a header, or to the server, but one address and single lines. No
// server is asked.
func TestNotSent(t *testing.T) {
	m, err := smtpmail.New("smtp://127.0.0.1:1", &smtpmail.Options{From: from, InsecurePlaintext: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(m *mail.Message){
		func(m *mail.Message) { m.To = "ada@example.com, eve@example.com" },
		func(m *mail.Message) { m.To = "ada@example.com\r\nBcc: eve@example.com" },
		func(m *mail.Message) { m.To = "Ada <ada@example.com>" },
		func(m *mail.Message) { m.To = "<ada@example.com>" },
		func(m *mail.Message) { m.To = "ada@example.com> NOTIFY=NEVER" },
		func(m *mail.Message) { m.To = "" },
		func(m *mail.Message) { m.Subject = "Hi\r\nBcc: eve@example.com" },
		func(m *mail.Message) { m.Subject = "Hi\nBcc: eve@example.com" },
		func(m *mail.Message) { m.Subject = "Hi\x00" },
		func(m *mail.Message) { m.Subject = "Hi\u2028Bcc" },
		func(m *mail.Message) { m.Language = "de\r\nBcc: eve@example.com" },
		func(m *mail.Message) { m.MessageID = "one@app.example" },
		func(m *mail.Message) { m.MessageID = "<one>" },
		func(m *mail.Message) { m.MessageID = "<one@app.example>\r\nBcc: eve@example.com>" },
		func(m *mail.Message) { m.MessageID = "" },
	} {
		msg := message("ada@example.com")
		change(msg)
		if err := m.Send(t.Context(), msg); !errors.Is(err, mail.ErrRefused) {
			t.Errorf("%+v: %v", msg, err)
		}
	}
	if err := m.Send(t.Context(), message("ada@example.com")); err == nil || errors.Is(err, mail.ErrRefused) {
		t.Errorf("a server that is not there: %v", err)
	}
}
