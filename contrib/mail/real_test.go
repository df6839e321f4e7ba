package smtpmail_test

import (
	"context"
	"errors"
	"fmt"
	"mime"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	smtpmail "github.com/gatehouse-go/gatehouse/contrib/mail"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

// A mail arrives as it was meant, by every kind of connection.
func TestSend(t *testing.T) {
	s := realServer(t)
	for _, c := range []struct {
		name   string
		dsn    string
		plain  bool
		secure bool
		user   string
	}{
		{"STARTTLS", s.dsn("smtp", s.StartTLS, s.Password), false, true, s.User},
		{"TLS", s.dsn("smtps", s.TLS, s.Password), false, true, s.User},
		{"plaintext", s.dsn("smtp", s.Plain, ""), true, false, ""},
		{"plaintext with a login", s.dsn("smtp", s.Plain, s.Password), true, false, s.User},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := smtpmail.New(c.dsn, &smtpmail.Options{From: from, TLS: s.roots(), InsecurePlaintext: c.plain})
			if err != nil {
				t.Fatal(err)
			}
			to := address(t)
			want := message(to)
			if err := m.Send(t.Context(), want); err != nil {
				t.Fatal(err)
			}
			all := s.mail(to)
			if len(all) != 1 {
				t.Fatalf("%d mails arrived", len(all))
			}
			got := all[0]
			if got.From != "no-reply@app.example" || len(got.To) != 1 || got.To[0] != to || got.Secure != c.secure || got.User != c.user || got.Hello != "app.example" {
				t.Errorf("the envelope is %+v", got)
			}
			if _, ok := got.Options["SMTPUTF8"]; ok {
				t.Error("SMTPUTF8 is asked for, and not needed")
			}
			header, text, html := got.parts(t)
			if text != want.Text || html != want.HTML {
				t.Errorf("the parts are %q and %q", text, html)
			}
			for name, value := range map[string]string{
				"Message-Id": "<one@app.example>", "Date": "Tue, 12 May 2026 08:00:00 +0000", "To": "<" + to + ">",
				"Auto-Submitted": "auto-generated", "Content-Language": "de", "Mime-Version": "1.0",
			} {
				if got := header[name]; len(got) != 1 || got[0] != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
			if subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject")); err != nil || subject != want.Subject {
				t.Errorf("Subject: %q %v", subject, err)
			}
			if f, err := netmail.ParseAddress(header.Get("From")); err != nil || f.Name != "Gäste, Haus" || f.Address != "no-reply@app.example" {
				t.Errorf("From: %v %v", f, err)
			}
			for name := range header {
				switch name {
				case "Message-Id", "Date", "To", "From", "Subject", "Auto-Submitted", "Content-Language", "Mime-Version", "Content-Type":
				default:
					t.Errorf("a header %s: %q", name, header[name])
				}
			}
		})
	}
}

// Nothing is sent, and no password either, to a server whose certificate is not good.
func TestCertificate(t *testing.T) {
	s := realServer(t)
	elsewhere := s.roots()
	elsewhere.ServerName = "mail.example.com"
	for _, scheme := range []string{"smtp", "smtps"} {
		port := map[string]int{"smtp": s.StartTLS, "smtps": s.TLS}[scheme]
		for name, c := range map[string]struct {
			dsn  string
			opts smtpmail.Options
			want string
		}{
			"of nobody we know": {s.dsn(scheme, port, s.Password), smtpmail.Options{}, "unknown authority"},
			"for another name":  {s.dsn(scheme, port, s.Password), smtpmail.Options{TLS: elsewhere}, "mail.example.com"},
			"for another host":  {strings.Replace(s.dsn(scheme, port, s.Password), "localhost", "127.0.0.1", 1), smtpmail.Options{TLS: s.roots()}, "127.0.0.1"},
		} {
			c.opts.From = from
			m, err := smtpmail.New(c.dsn, &c.opts)
			if err != nil {
				t.Fatal(err)
			}
			to := address(t)
			err = m.Send(t.Context(), message(to))
			if err == nil || errors.Is(err, mail.ErrRefused) || !strings.Contains(err.Error(), c.want) || len(s.mail(to)) != 0 {
				t.Errorf("%s, a certificate %s: %v", scheme, name, err)
			}
		}
	}
	// A server without STARTTLS, or somebody in between who has taken it away.
	m, err := smtpmail.New(s.dsn("smtp", s.Plain, s.Password), &smtpmail.Options{From: from, TLS: s.roots()})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), message(address(t))); err == nil || !strings.Contains(err.Error(), "does not offer STARTTLS") {
		t.Errorf("without STARTTLS: %v", err)
	}
}

// What the server refuses for good is told from what it may take later.
func TestReplies(t *testing.T) {
	s := realServer(t)
	m := s.mailer()
	for to, c := range map[string]struct {
		final bool
		want  string
	}{
		"hard@example.com":   {true, `550 "5.1.1`},
		"spam@example.com":   {true, `554 "5.6.0`},
		"soft@example.com":   {false, `451 "4.3.0`},
		"policy@example.com": {false, `550 "5.7.1`},
	} {
		err := m.Send(t.Context(), message(to))
		if err == nil || errors.Is(err, mail.ErrRefused) != c.final || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: final %v, %v", to, errors.Is(err, mail.ErrRefused), err)
		}
	}
}

// The server of the test repeats the password when it is wrong. The error does not, and a
// wrong password is nothing final.
func TestWrongPassword(t *testing.T) {
	s := realServer(t)
	wrong := "wr0ng-p&ss:wörd/"
	m, err := smtpmail.New(s.dsn("smtp", s.StartTLS, wrong), &smtpmail.Options{From: from, TLS: s.roots()})
	if err != nil {
		t.Fatal(err)
	}
	to := address(t)
	err = m.Send(t.Context(), message(to))
	if err == nil || errors.Is(err, mail.ErrRefused) || !strings.Contains(err.Error(), "the server says 535") || len(s.mail(to)) != 0 {
		t.Fatalf("got %v", err)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), wrong) || strings.Contains(fmt.Sprintf("%+v", e), wrong) {
			t.Errorf("the password is in %v", e)
		}
	}
}

// A context that ends ends the sending, also while the server is silent.
func TestContext(t *testing.T) {
	s := realServer(t)
	m := s.mailer()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := m.Send(ctx, message("late@example.com"))
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 2*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	began = time.Now()
	err = m.Send(ctx, message("late@example.com"))
	if took := time.Since(began); !errors.Is(err, context.Canceled) || took > 2*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}

func BenchmarkSend(b *testing.B) {
	s := realServer(b)
	for name, dsn := range map[string]string{"STARTTLS": s.dsn("smtp", s.StartTLS, s.Password), "TLS": s.dsn("smtps", s.TLS, s.Password), "plaintext": s.dsn("smtp", s.Plain, "")} {
		b.Run(name, func(b *testing.B) {
			m, err := smtpmail.New(dsn, &smtpmail.Options{From: from, TLS: s.roots(), InsecurePlaintext: name == "plaintext"})
			if err != nil {
				b.Fatal(err)
			}
			msg := message(address(b))
			b.SetParallelism(5) // as many as the Courier has, on two cores
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := m.Send(b.Context(), msg); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
