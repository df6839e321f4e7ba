package smtpmail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

// longestAnswer is for how long the answer to a message is waited for at most.
const longestAnswer = 10 * time.Minute

// deliver hands letter to the server. It returns nil if, and only if, the server has taken
// it: what becomes of the connection then is nobody's concern.
//
// Sending ends after m.timeout. Once the server has the end of the message, nobody knows
// whether it has taken it until it says so, and it may take its time (RFC 5321, 4.5.3.2.6):
// that is waited for until ctx ends.
//
// gomail.Client would return an error if the server took the message and then failed to
// answer RSET or QUIT, and would leave connections open whose certificate is wrong.
func (m *Mailer) deliver(ctx context.Context, to string, letter *gomail.Msg) (err error) {
	sending, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	waiting, cancel := context.WithTimeout(ctx, m.timeout+longestAnswer)
	defer cancel()
	until := sending
	defer func() {
		if ended := until.Err(); err != nil && ended != nil && !errors.Is(err, mail.ErrRefused) {
			err = fmt.Errorf("%w: %w", ended, err)
		}
	}()
	conn, err := m.dial(sending)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close()
	hangUp := func() { conn.SetDeadline(time.Unix(1, 0)) }
	inTime := context.AfterFunc(sending, hangUp)
	defer inTime()

	client, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	// All addresses are ASCII. Asking for SMTPUTF8 would let relays return mail that is
	// for servers without it.
	client.SkipSMTPUTF8(true)
	if err := client.Hello(m.hello); err != nil {
		return fmt.Errorf("EHLO: %w", err)
	}
	if m.security == startTLS {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return errors.New("the server does not offer STARTTLS")
		}
		if err := client.StartTLS(m.tls); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
	}
	if m.user != "" {
		if err := m.logIn(client); err != nil {
			return err
		}
	}
	if err := client.Mail("<" + m.from.Address + ">"); err != nil {
		return fmt.Errorf("sender: %w", err)
	}
	if err := client.Rcpt("<" + to + ">"); err != nil {
		return fmt.Errorf("recipient: %w", judge(err))
	}
	data, err := client.Data()
	if err != nil {
		return fmt.Errorf("DATA: %w", err)
	}
	if _, err := letter.WriteTo(data); err != nil {
		return fmt.Errorf("message: %w", err) // the connection is closed without the end of the message
	}
	if !inTime() {
		return errors.New("message: no time is left for its end")
	}
	until = waiting
	defer context.AfterFunc(waiting, hangUp)()
	if err := data.Close(); err != nil {
		return fmt.Errorf("message: %w", judge(err))
	}
	client.Text.PrintfLine("QUIT") // without waiting: the outbox is to know
	return nil
}

func (m *Mailer) dial(ctx context.Context) (net.Conn, error) {
	if m.security == fromTheStart {
		return (&tls.Dialer{Config: m.tls}).DialContext(ctx, "tcp", m.addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", m.addr)
}

// logIn uses the best mechanism that the server offers. What the server says about a
// failure is not repeated, but for its code: it may have the password in it.
func (m *Mailer) logIn(client *smtp.Client) error {
	_, line := client.Extension("AUTH")
	offered := strings.Fields(strings.ToUpper(line))
	unencrypted := m.security == plaintext
	var auth smtp.Auth
	switch {
	case slices.Contains(offered, "SCRAM-SHA-256"):
		auth = smtp.ScramSHA256Auth(m.user, m.password)
	case slices.Contains(offered, "PLAIN"):
		auth = smtp.PlainAuth("", m.user, m.password, m.host, unencrypted)
	case slices.Contains(offered, "LOGIN"):
		auth = smtp.LoginAuth(m.user, m.password, m.host, unencrypted)
	default:
		return errors.New("the server offers none of the ways to log in that there are: SCRAM-SHA-256, PLAIN, LOGIN")
	}
	err := client.Auth(auth)
	var reply *textproto.Error
	switch {
	case errors.As(err, &reply):
		return fmt.Errorf("logging in as %q: the server says %d", m.user, reply.Code)
	case err != nil:
		return fmt.Errorf("logging in as %q failed: %w", m.user, hidden{err})
	}
	return nil
}

// A hidden error is what it is, and says nothing.
type hidden struct{ err error }

func (h hidden) Error() string { return fmt.Sprintf("%T", h.err) }
func (h hidden) Unwrap() error { return h.err }

// judge marks what the server will never take: 5xx, but for reasons that have nothing to do
// with the recipient and the message.
func judge(err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) || reply.Code < 500 || reply.Code == 530 || ofTheServer(reply.Msg) {
		return err
	}
	return fmt.Errorf("%w: %w", err, mail.ErrRefused)
}

// ofTheServer reports whether a reply begins with a status (RFC 3463) that says something
// of the sender, of the server itself, or of how much was sent. Servers may say it of the
// sender when they are told the recipient, and to what is mended by the next day say 5xx.
func ofTheServer(reply string) bool {
	status, _, _ := strings.Cut(reply, " ")
	switch status {
	case "5.1.7", "5.1.8", // the sender's address
		"5.4.5": // more than the sender may send in a day
		return true
	case "5.3.4": // the message is too big for it
		return false
	}
	return strings.HasPrefix(status, "5.3.") || strings.HasPrefix(status, "5.7.")
}
