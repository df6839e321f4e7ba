package mail_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// The Message-ID is a plain one, whatever the entry and the site are called.
func TestMessageIDs(t *testing.T) {
	for base, host := range map[string]string{
		"https://app.example:8443": `app\.example`, "http://127.0.0.1:8080": `\[127\.0\.0\.1\]`, "http://[::1]:8080": `\[IPv6:::1\]`,
	} {
		for id, left := range map[string]string{"A-1b": "A-1b", "a b@c>\r\nBcc: eve@example.com": "[0-9a-f]{64}", "ä": "[0-9a-f]{64}"} {
			box := memory.NewOutbox()
			var sent mail.Box
			post := mail.New(base, box, &sent, nil)
			if err := compose(post); err != nil {
				t.Fatal(err)
			}
			post.Handle("test", func(context.Context, outbox.Entry) (*mail.Draft, error) {
				return &mail.Draft{ID: "account.gone"}, nil
			})
			if err := box.Enqueue(t.Context(), outbox.Entry{ID: id, Kind: "test", To: ada, DueAt: time.Unix(1, 0)}); err != nil {
				t.Fatal(err)
			}
			if err := post.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := sent.Messages()[0].MessageID; !regexp.MustCompile("^<" + left + "@" + host + ">$").MatchString(got) {
				t.Errorf("%q at %s: %q", id, base, got)
			}
		}
	}
}
