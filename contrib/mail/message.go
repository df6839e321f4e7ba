package smtpmail

import (
	"fmt"
	netmail "net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/gatehouse-go/gatehouse/auth/mail"
)

// build makes what is sent of msg. What comes into a header is checked here too, whoever
// has written it: nothing but one address and single lines.
func (m *Mailer) build(msg *mail.Message) (*gomail.Msg, error) {
	to, err := netmail.ParseAddress(msg.To)
	if err != nil || to.Address != msg.To || !isASCII(msg.To) {
		return nil, fmt.Errorf("smtpmail: the recipient is not exactly one address: %w", mail.ErrRefused)
	}
	id := strings.TrimSuffix(strings.TrimPrefix(msg.MessageID, "<"), ">")
	if msg.MessageID != "<"+id+">" || !isASCII(id) || strings.ContainsAny(id, "<> ") || strings.Count(id, "@") != 1 {
		return nil, fmt.Errorf("smtpmail: the Message-ID is %q: %w", msg.MessageID, mail.ErrRefused)
	}
	for _, line := range []string{msg.Subject, msg.Language} {
		if strings.ContainsFunc(line, isControl) {
			return nil, fmt.Errorf("smtpmail: %q is more than a line: %w", line, mail.ErrRefused)
		}
	}
	letter := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	letter.FromMailAddress(&m.from)
	letter.ToMailAddress(to)
	letter.Subject(msg.Subject)
	letter.SetMessageIDWithValue(id)
	letter.SetDateWithValue(msg.Date)
	// RFC 3834: nobody's absence is to be answered with, and no list takes it.
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	if msg.Language != "" {
		letter.SetGenHeader("Content-Language", msg.Language)
	}
	letter.SetBodyString(gomail.TypeTextPlain, msg.Text)
	if msg.HTML != "" {
		letter.AddAlternativeString(gomail.TypeTextHTML, msg.HTML)
	}
	return letter, nil
}

func isControl(r rune) bool {
	return r < ' ' || 0x7f <= r && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
