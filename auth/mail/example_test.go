package mail_test

import (
	"context"
	"fmt"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A provider of one's own enqueues "invite", and says what is in the mail when it is sent.
// In development a Box keeps it.
func ExampleCourier() {
	box := new(mail.Box)
	post := mail.New("https://app.example", memory.NewOutbox(), box, &mail.Options{
		Site: "The App",
		Texts: map[string]string{
			"team.invite.subject": "Join {site}",
			"team.invite.lead":    "You are invited.",
			"team.invite.button":  "Join",
		},
	})
	m, err := auth.New(auth.UserFunc(nobody), memory.New(nil), &auth.Options{Providers: []auth.Provider{post}})
	if err != nil {
		fmt.Println(err)
		return
	}
	post.Handle("invite", func(_ context.Context, e outbox.Entry) (*mail.Draft, error) {
		// Look up whether they are invited still, and make the token, here.
		return &mail.Draft{ID: "team.invite", Data: map[string]string{"link": post.Link("/join", "token")}}, nil
	})

	// A request:
	if err := post.Post(context.Background(), outbox.Entry{Kind: "invite", To: "ada@example.com"}); err != nil {
		fmt.Println(err)
	}
	// In the background, m.Run(ctx). Here at once:
	_ = m
	if err := post.Flush(context.Background()); err != nil {
		fmt.Println(err)
	}
	for _, m := range box.Messages() {
		fmt.Printf("%s: %s\n%s\n", m.To, m.Subject, m.Links()[0])
	}
	// Output:
	// ada@example.com: Join The App
	// https://app.example/auth/join?token=token
}
