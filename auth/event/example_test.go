package event_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/event"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A host that writes to its users when somebody may have got at their account.
func ExampleHandlers() {
	tell := func(_ context.Context, e auth.Event) {
		fmt.Printf("mail to %s: %s (%s)\n", e.UserID, e.Name, e.Reason)
	}
	m, err := auth.New(authtest.NewUsers("ada"), memory.New(nil), &auth.Options{
		Logger: slog.New(slog.DiscardHandler),
		Events: []func(context.Context, auth.Event){
			event.Handlers{
				CredentialChanged: tell,
				RememberReused:    tell,
				SessionsRevoked:   tell,
			}.Handle,
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.RevokeUserSessions(context.Background(), "ada"); err != nil {
		fmt.Println(err)
	}
	// Output:
	// mail to ada: sessions.revoked (all)
}

func ExampleOn() {
	guesses := 0
	sink := event.On(func(context.Context, auth.Event) { guesses++ }, event.LoginFailed, event.LoginLimited)
	for _, name := range []string{event.LoginFailed, event.LoginFailed, event.Login} {
		sink(context.Background(), auth.Event{Name: name})
	}
	fmt.Println(guesses)
	// Output: 2
}

// An audit log in JSON, beside the log of the application.
func ExampleLog() {
	audit := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelInfo}))
	sink := event.Log(audit) // goes into auth.Options.Events
	sink(context.Background(), auth.Event{
		Name: event.Login, At: time.Date(2026, 5, 12, 8, 2, 0, 0, time.UTC), UserID: "ada", Method: "password",
		Addr: netip.MustParseAddr("203.0.113.7"), Label: "Firefox on Linux",
	})
	// Output:
	// {"time":"2026-05-12T08:02:00Z","level":"INFO","msg":"auth: login","event":"login","user":"ada","method":"password","device":"Firefox on Linux","addr":"203.0.113.7"}
}
