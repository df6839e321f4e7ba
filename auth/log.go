package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
)

// emit logs e and tells the host.
func (m *Manager) emit(ctx context.Context, e Event) {
	if e.At.IsZero() {
		e.At = m.Now()
	}
	m.fillIn(ctx, &e)
	level := e.level()
	if m.logger.Enabled(ctx, level) {
		attrs := make([]slog.Attr, 0, 11)
		attrs = append(attrs, slog.String("event", e.Name))
		for _, a := range [...]struct{ key, value string }{
			{"user", e.UserID}, {"actor", e.Actor}, {"method", e.Method}, {"action", e.Action}, {"object", e.Object}, {"policy", e.Policy},
			{"device", e.Label}, {"reason", e.Reason},
		} {
			if a.value != "" {
				attrs = append(attrs, slog.String(a.key, a.value))
			}
		}
		if e.Took > 0 {
			attrs = append(attrs, slog.Duration("took", e.Took))
		}
		if e.Addr.IsValid() {
			attrs = append(attrs, slog.String("addr", e.Addr.String()))
		}
		m.logger.LogAttrs(ctx, level, "auth: "+e.Name, attrs...)
	}
	for _, o := range m.observers {
		m.tell(ctx, o.Observe, e)
	}
	for _, tell := range m.opts.Events {
		m.tell(ctx, tell, e)
	}
}

// fillIn adds where an event comes from, if ctx belongs to a request.
func (m *Manager) fillIn(ctx context.Context, e *Event) {
	if s := m.stateFrom(ctx); s != nil && s.m == m && !e.Addr.IsValid() && e.Label == "" && !e.bare() {
		e.Addr, e.Label = m.ClientAddr(s.r), deviceLabel(s.r.UserAgent())
	}
}

// tell tells one of the host's, whose panic is nobody else's.
func (m *Manager) tell(ctx context.Context, tell func(context.Context, Event), e Event) {
	defer func() {
		if p := recover(); p != nil {
			m.broken(ctx, "telling of an event", fmt.Errorf("panic: %s", describePanic(p)))
		}
	}()
	tell(ctx, e)
}

// level is what e is logged with.
func (e *Event) level() slog.Level {
	switch e.Name {
	case "login.failed", "login.refused", "login.limited", "account.locked", "limiter.down", "forbidden", "undecided", "remember.reused", "binding.changed",
		"email.reverted", "account.reclaimed", "account.disowned", "mail.refused", "mail.given_up":
		return slog.LevelWarn
	case "loaded", "unauthenticated", "not_fresh", "allowed", "denied": // with every request, perhaps
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// bare reports whether e is about a question and not about who has asked it: what it
// says of them is their ID.
func (e *Event) bare() bool {
	switch e.Name {
	case "allowed", "denied", "undecided":
		return true
	}
	return false
}

// Emit logs an event and hands it to [Options.Events]. It fills in the
// request's address and device, and the time if it is zero. Providers call it
// for what the Manager cannot know, such as "login.failed" for a wrong answer.
func (m *Manager) Emit(r *http.Request, e Event) {
	if len(m.opts.Events) == 0 && len(m.observers) == 0 && !m.logger.Enabled(r.Context(), e.level()) {
		return // nobody wants to know
	}
	e.Addr = m.ClientAddr(r)
	e.Label = deviceLabel(r.UserAgent())
	m.emit(r.Context(), e)
}

// EmitContext is [Manager.Emit] for code that has no request: the address and the
// device are those of the request that ctx belongs to, if it belongs to one.
func (m *Manager) EmitContext(ctx context.Context, e Event) { m.emit(ctx, e) }

// broken logs an outage: what was being done, and why it could not be.
func (m *Manager) broken(ctx context.Context, doing string, err error) {
	m.logger.LogAttrs(ctx, slog.LevelError, "auth: "+doing+" failed", slog.Any("error", err))
}
