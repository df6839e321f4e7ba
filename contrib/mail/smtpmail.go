package smtpmail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

// Options are what is not in the DSN. The zero value of every field but From means the
// default in its comment.
type Options struct {
	// From is who the mail is from, and where what cannot be delivered is returned to:
	// "no-reply@app.example", or with a name, "The App <no-reply@app.example>". Required.
	From string

	// Hello is what the server is told this host is called, a domain name. Default: that
	// of From.
	Hello string

	// Timeout is how long sending one message may take, up to its end. For the server's
	// answer to it there is as much time as Send has, 10 minutes at most: package
	// auth/mail gives it a minute for all. Default 30 seconds.
	Timeout time.Duration

	// TLS adds to how the server is checked, such as by RootCAs of one's own. Its
	// ServerName is the DSN's host if it is "", and MinVersion TLS 1.2 at least.
	// InsecureSkipVerify is refused. Default: the roots of the system.
	TLS *tls.Config

	// InsecurePlaintext sends without TLS to a server on loopback, such as a relay on the
	// same machine. The scheme is then "smtp". Default: TLS is required.
	InsecurePlaintext bool
}

// A Mailer sends mail by SMTP. Make one with [New]. Its methods are safe for concurrent
// use.
type Mailer struct {
	host, addr     string
	user, password string
	from           netmail.Address
	hello          string
	timeout        time.Duration
	security       security
	tls            *tls.Config
}

// A security is when TLS begins.
type security int

const (
	startTLS security = iota
	fromTheStart
	plaintext
)

var _ mail.Mailer = (*Mailer)(nil)

// New returns a Mailer for the server that dsn names, see the package comment. It does not
// connect. Everything that is wrong is reported at once, and never with the password.
func New(dsn string, opts *Options) (*Mailer, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	m := &Mailer{hello: o.Hello, timeout: o.Timeout}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("smtpmail: "+format, args...)) }

	u, err := url.Parse(dsn)
	if err != nil { // not shown: it repeats the DSN
		bad("the DSN is no URL: want one such as smtp://user:password@mail.example.com, with user and password percent-encoded")
		u = new(url.URL)
	} else {
		errs = append(errs, m.where(u, o.InsecurePlaintext)...)
	}

	from, err := netmail.ParseAddress(o.From)
	switch {
	case o.From == "":
		bad("Options.From is missing: say who the mail is from")
	case err != nil, !isASCII(from.Address), strings.ContainsFunc(from.Name, isControl):
		bad("Options.From is %q: want one address such as \"The App <no-reply@app.example>\"", o.From)
	default:
		m.from = *from
		if m.hello == "" {
			m.hello = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
		}
	}
	if strings.ContainsFunc(m.hello, func(r rune) bool { return r <= ' ' || r > '~' }) {
		bad("Options.Hello is %q: want a domain name", m.hello)
	}
	if m.timeout == 0 {
		m.timeout = 30 * time.Second
	}
	if m.timeout < time.Second || m.timeout > 10*time.Minute {
		bad("Options.Timeout is %v: make it 1s to 10m", m.timeout)
	}
	m.tls = &tls.Config{}
	if o.TLS != nil {
		m.tls = o.TLS.Clone()
	}
	if m.tls.InsecureSkipVerify {
		bad("Options.TLS has InsecureSkipVerify: give it RootCAs that the server's certificate is of")
	}
	if m.tls.ServerName == "" {
		m.tls.ServerName = m.host
	}
	m.tls.MinVersion = max(m.tls.MinVersion, tls.VersionTLS12)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

// where takes what the DSN says.
func (m *Mailer) where(u *url.URL, insecure bool) (errs []error) {
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("smtpmail: the DSN "+format, args...))
	}
	port := "587"
	switch {
	case u.Scheme == "smtp" && insecure:
		m.security, port = plaintext, "25"
	case u.Scheme == "smtp":
		m.security = startTLS
	case u.Scheme == "smtps" && insecure:
		bad("has the scheme smtps, and Options.InsecurePlaintext is set: choose one")
	case u.Scheme == "smtps":
		m.security, port = fromTheStart, "465"
	default:
		bad("has the scheme %q: want smtp (STARTTLS, port 587) or smtps (port 465)", u.Scheme)
	}
	m.host = u.Hostname()
	if m.host == "" || u.Opaque != "" {
		bad("has no host")
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		bad("has more than user, password, host and port")
	}
	if p := u.Port(); p != "" {
		port = p
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		bad("has no good port") // not shown: it may be how a password begins
	}
	m.addr = net.JoinHostPort(m.host, port)
	if m.security == plaintext && !loopback(m.host) {
		bad("has the host %q, and Options.InsecurePlaintext is for loopback only", m.host)
	}
	m.user = u.User.Username()
	m.password, _ = u.User.Password()
	if (m.user == "") != (m.password == "") {
		bad("has a user without a password, or the other way round")
	}
	if slices.ContainsFunc([]string{m.user, m.password}, func(s string) bool { return strings.IndexByte(s, 0) >= 0 }) {
		bad("has a user or a password with NUL")
	}
	return errs
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Send implements [mail.Mailer].
func (m *Mailer) Send(ctx context.Context, msg *mail.Message) error {
	letter, err := m.build(msg)
	if err != nil {
		return err
	}
	if err := m.deliver(ctx, msg.To, letter); err != nil {
		return fmt.Errorf("smtpmail: %s: %w", m.addr, err)
	}
	return nil
}
