package event

import (
	"context"
	"log/slog"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Log returns a sink that writes every event to l, or to [slog.Default] as it is now
// if l is nil: for a log beside auth.Options.Logger, which gets the same, such as an
// audit log in JSON. A record has the time of the event, the message "auth: " and
// the name, and of these attributes those that are known: event, user, actor,
// method, action, object, policy, device, reason, took, addr. Its level is Warn for what somebody should perhaps
// look at, Debug for what can come with every request (see [auth.Event]), and Info
// for all else; how much is written is for l's handler to say. An error of the
// handler is dropped, as everywhere in log/slog.
func Log(l *slog.Logger) func(context.Context, auth.Event) {
	if l == nil {
		l = slog.Default()
	}
	h := l.Handler()
	return func(ctx context.Context, e auth.Event) {
		level := level(e.Name)
		if !h.Enabled(ctx, level) {
			return
		}
		record := slog.NewRecord(e.At, level, "auth: "+e.Name, 0)
		record.AddAttrs(slog.String("event", e.Name))
		for _, a := range [...]struct{ key, value string }{
			{"user", e.UserID}, {"actor", e.Actor}, {"method", e.Method}, {"action", e.Action}, {"object", e.Object}, {"policy", e.Policy},
			{"device", e.Label}, {"reason", e.Reason},
		} {
			if a.value != "" {
				record.AddAttrs(slog.String(a.key, a.value))
			}
		}
		if e.Took > 0 {
			record.AddAttrs(slog.Duration("took", e.Took))
		}
		if e.Addr.IsValid() {
			record.AddAttrs(slog.String("addr", e.Addr.String()))
		}
		_ = h.Handle(ctx, record)
	}
}

func level(name string) slog.Level {
	switch name {
	case LoginFailed, LoginRefused, LoginLimited, AccountLocked, LimiterDown, Forbidden, Undecided, RememberReused, BindingChanged,
		EmailReverted, AccountReclaimed, AccountDisowned, MailRefused, MailGivenUp:
		return slog.LevelWarn
	case Loaded, Unauthenticated, NotFresh, Allowed, Denied:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
