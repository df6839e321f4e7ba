package smtpmail_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	smtpmail "github.com/gatehouse-go/gatehouse/contrib/mail"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

// A scripted server says what a test wants said, on loopback and without TLS: what other
// servers say, and the one of .ci/smtp cannot be made to.
type scripted struct {
	recipient func() string // what RCPT is answered with
	message   func() string // what the end of a message is answered with
}

// mailer is for the server, which ends with the test.
func (s *scripted) mailer(t testing.TB, opts smtpmail.Options) *smtpmail.Mailer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	opts.From, opts.InsecurePlaintext = from, true
	m, err := smtpmail.New("smtp://"+l.Addr().String(), &opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (s *scripted) serve(conn net.Conn) {
	defer conn.Close()
	say := func(reply string) { fmt.Fprint(conn, strings.ReplaceAll(reply, "\n", "\r\n"), "\r\n") }
	say("220 mail.example.com ESMTP")
	for lines, inMessage := bufio.NewScanner(conn), false; lines.Scan(); {
		verb, _, _ := strings.Cut(lines.Text(), " ")
		switch {
		case inMessage && lines.Text() == ".":
			inMessage = false
			say(s.message())
		case inMessage:
		case verb == "RCPT":
			say(s.recipient())
		case verb == "DATA":
			inMessage = true
			say("354 go on")
		case verb == "QUIT":
			return
		default:
			say("250 well")
		}
	}
}

// Final is what says something of the recipient or the message. What a server says of the
// sender, of itself, or of how much was sent, however it says it, costs no mail.
func TestWhatIsFinal(t *testing.T) {
	for reply, final := range map[string]bool{
		"550 no such user":              true,
		"550 5.1.1 no such user":        true,
		"556 5.1.10 no mail there":      true,
		"550 5.4.1 access denied":       true, // of Exchange: nobody of that name
		"552 5.2.2 the mailbox is full": true,
		"552 5.3.4 too big":             true,
		"554 rejected":                  true,
		"554 5.6.0 that is not mail":    true,

		"421 4.3.2 later":                            false,
		"452 4.2.2 the mailbox is full":              false,
		"530 5.5.1 authentication required":          false,
		"550 5.1.7 the sender's address is bad":      false,
		"553 5.1.8 the sender's domain is not found": false, // Postfix looks at the sender when it knows the recipient
		"552 5.3.1 the system is full":               false,
		"521 5.3.2 maintenance":                      false,
		"550-5.4.5 Daily user sending limit exceeded. For more information go to\n550 5.4.5 https://support.google.com/mail": false,
		"550 5.7.1 relaying denied": false,
	} {
		yes := func() string { return "250 well" }
		no := func() string { return reply }
		for where, s := range map[string]*scripted{"the recipient": {no, yes}, "the message": {yes, no}} {
			err := s.mailer(t, smtpmail.Options{}).Send(t.Context(), message("ada@example.com"))
			if err == nil || errors.Is(err, mail.ErrRefused) != final || errors.Is(err, context.Canceled) {
				t.Errorf("%q to %s: final %v: %v", reply, where, errors.Is(err, mail.ErrRefused), err)
			}
		}
	}
}

// Whoever gives up on a server that has the whole message sends it twice: for the answer
// there is as much time as the caller has, and not only what sending may take.
func TestSlowAnswer(t *testing.T) {
	const timeout = 6 * time.Second
	well := func() string { return "250 well" }
	late := func() string { time.Sleep(timeout + time.Second); return "250 well" }
	t.Run("to the message", func(t *testing.T) {
		t.Parallel()
		m := (&scripted{well, late}).mailer(t, smtpmail.Options{Timeout: timeout})
		if err := m.Send(t.Context(), message("ada@example.com")); err != nil {
			t.Errorf("it was taken: %v", err)
		}
	})
	t.Run("and it is no", func(t *testing.T) {
		t.Parallel()
		m := (&scripted{well, func() string { late(); return "451 4.3.0 later" }}).mailer(t, smtpmail.Options{Timeout: timeout})
		if err := m.Send(t.Context(), message("ada@example.com")); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it has answered in time: %v", err)
		}
	})
	t.Run("to anything else", func(t *testing.T) {
		t.Parallel()
		m := (&scripted{late, well}).mailer(t, smtpmail.Options{Timeout: timeout})
		if err := m.Send(t.Context(), message("ada@example.com")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("never", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		m := (&scripted{well, func() string { cancel(); return "250-" }}).mailer(t, smtpmail.Options{}) // and no other line
		if err := m.Send(ctx, message("ada@example.com")); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller has ended: %v", err)
		}
	})
}
