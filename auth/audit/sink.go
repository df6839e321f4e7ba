package audit

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// appending is how long a request waits for what is kept of it.
const appending = 5 * time.Second

// Sink returns a function for [auth.Options.Events] that appends to store what happens to
// the accounts of the realm, to be kept for so long after it happened; 0: for ever. What
// cannot be kept, within five seconds, is logged with log/slog, and the request goes on.
//
// Left out are the events about requests and decisions, of which one who is logged in can
// make any number: "loaded", "unauthenticated", "not_fresh", "allowed", "denied",
// "undecided" and "forbidden"; and "login.limited", of which anybody can: what was refused
// because there were too many is bounded by nothing, and would fill the database. Guesses
// that were made, "login.failed", are kept, and what says a Reason. Those without a user are
// kept as those with one are: how long a login takes would tell which accounts there are. A
// Reason or Label that is too long is cut off.
//
// An event that is lost because the process died, or the database was down, is not made
// up for.
func Sink(store Store, realm string, keep time.Duration) func(ctx context.Context, e auth.Event) {
	return func(ctx context.Context, e auth.Event) {
		if ofRequests(e.Name) || e.Name == "login.limited" && e.Reason == "" {
			return
		}
		rec := Record{ID: rand.Text(), Realm: realm, Event: e}
		rec.Reason, rec.Label = cut(e.Reason), cut(e.Label)
		if keep > 0 {
			rec.ExpiresAt = e.At.Add(keep)
		}
		// It has happened, even if whoever asked does not wait for the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appending)
		defer cancel()
		if err := store.Append(ctx, rec); err != nil {
			slog.ErrorContext(ctx, "audit: not kept", "event", e.Name, "user", e.UserID, "error", err)
		}
	}
}

func ofRequests(name string) bool {
	switch name {
	case "loaded", "unauthenticated", "not_fresh", "allowed", "denied", "undecided", "forbidden":
		return true
	}
	return false
}

// cut returns of s what a store can keep.
func cut(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") // it ends in the middle of a character
	}
	return s
}
