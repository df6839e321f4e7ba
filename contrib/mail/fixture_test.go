package smtpmail_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	netmail "net/mail"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	smtpmail "github.com/gatehouse-go/gatehouse/contrib/mail"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

// A server is the real one, see .ci/smtp.
type server struct {
	url             string
	Plain, StartTLS int
	TLS             int
	User, Password  string
	Cert            string
	t               testing.TB
}

func realServer(t testing.TB) *server {
	t.Helper()
	s := &server{url: os.Getenv("GATEHOUSE_TEST_SMTP"), t: t}
	if s.url == "" {
		t.Skip("server: GATEHOUSE_TEST_SMTP is not set: node .ci/smtp/server.js prints what it is to be")
	}
	s.get("/", s)
	return s
}

func (s *server) get(path string, into any) {
	s.t.Helper()
	r, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		s.t.Fatal(err)
	}
}

// roots trust the server's certificate, which is for localhost.
func (s *server) roots() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(s.Cert))
	return &tls.Config{RootCAs: pool}
}

// dsn is one for a port, with the password or another.
func (s *server) dsn(scheme string, port int, password string) string {
	u := url.URL{Scheme: scheme, Host: fmt.Sprintf("localhost:%d", port)}
	if password != "" {
		u.User = url.UserPassword(s.User, password)
	}
	return u.String()
}

const from = `"Gäste, Haus" <no-reply@app.example>`

// mailer is for the port with STARTTLS.
func (s *server) mailer() *smtpmail.Mailer {
	s.t.Helper()
	m, err := smtpmail.New(s.dsn("smtp", s.StartTLS, s.Password), &smtpmail.Options{From: from, TLS: s.roots()})
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// An arrived mail is what the server has taken.
type arrived struct {
	From    string
	To      []string
	Options map[string]any // of MAIL FROM
	Hello   string
	User    string
	Secure  bool
	Raw     []byte
}

// mail is what arrived for an address.
func (s *server) mail(to string) (list []arrived) {
	s.t.Helper()
	s.get("/mail?to="+url.QueryEscape(to), &list)
	return list
}

// parts reads a mail: its header, and its two parts as text.
func (a *arrived) parts(t testing.TB) (header netmail.Header, text, html string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(a.Raw))
	if err != nil {
		t.Fatalf("%v in\n%s", err, a.Raw)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %q: %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []struct {
		kind string
		into *string
	}{{"text/plain", &text}, {"text/html", &html}} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil || kind != want.kind || !strings.EqualFold(params["charset"], "utf-8") || p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
			t.Fatalf("part %v: %v", p.Header, err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		*want.into = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Fatalf("a third part: %v", err)
	}
	return m.Header, text, html
}

// address is one that no other test has, nor another run.
func address(t testing.TB) string {
	return fmt.Sprintf("t%x@example.com", time.Now().UnixNano())
}

func message(to string) *mail.Message {
	return &mail.Message{To: to, Language: "de", Subject: "Schöne Grüße", Text: "Grüße\n.\n..ä\n", HTML: "<p>Grüße</p>\n",
		MessageID: "<one@app.example>", Date: time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)}
}
