package mail

import (
	"context"
	"errors"
	"time"
)

// ErrRefused says that a message will never be sent: there is no such address.
var ErrRefused = errors.New("mail: refused for good")

// A Message is a mail to one address. Whoever sends it may use what was rendered, or ID
// and Data with templates of their own, such as those of a mail service.
type Message struct {
	ID       string            // what it says: "account.verify", see [Texts]
	To       string            // one address, without a name
	Language string            // the tag of the language that it is written in
	Data     map[string]string // what is filled in: "link", "address"; may hold secrets

	Subject string // one line
	Text    string // lines end in "\n"
	HTML    string

	MessageID string // "<…@example.com>", the same whenever this message is sent again
	Date      time.Time
}

// A Mailer sends mail. Package contrib/mail has one for SMTP, and a [Box] keeps what
// would be sent.
type Mailer interface {
	// Send returns nil once somebody else has taken the responsibility for m, such as
	// the mail server with its 250. An error that wraps [ErrRefused] is final, such as
	// an address that does not exist; after any other the message is sent again later.
	// It may be called concurrently, does not keep m, and returns soon after ctx has
	// ended. Errors are logged, and hold no secret.
	Send(ctx context.Context, m *Message) error
}
