package mail_test

import (
	"context"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// What a request pays for mail.
func BenchmarkPost(b *testing.B) {
	post := benchmarkCourier(b)
	for b.Loop() {
		if err := post.Post(b.Context(), outbox.Entry{Kind: "test", To: ada, Language: "de"}); err != nil {
			b.Fatal(err)
		}
	}
}

// A mail from the claim to the Mailer's yes, without sending it.
func BenchmarkFlush(b *testing.B) {
	post := benchmarkCourier(b)
	for b.Loop() {
		if err := post.Post(b.Context(), outbox.Entry{Kind: "test", To: ada, Language: "de"}); err != nil {
			b.Fatal(err)
		}
		if err := post.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkCourier(b *testing.B) *mail.Courier {
	b.Helper()
	post := mail.New(base, memory.NewOutbox(), new(mail.Box), &mail.Options{Translations: mail.Translations()})
	if err := compose(post); err != nil {
		b.Fatal(err)
	}
	post.Handle("test", func(context.Context, outbox.Entry) (*mail.Draft, error) {
		return &mail.Draft{ID: "account.forgot", Data: map[string]string{"link": post.Link("/reset", "token")}}, nil
	})
	return post
}
