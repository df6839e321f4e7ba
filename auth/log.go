package auth

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
)

// emit logs e and tells the host.
func (m *Manager) emit(ctx context.Context, e Event) {
	if e.At.IsZero() {
		e.At = m.Now()
	}
	if s := m.stateFrom(ctx); s != nil && s.m == m && !e.Addr.IsValid() && e.Label == "" {
		e.Addr, e.Label = m.ClientAddr(s.r), deviceLabel(s.r.UserAgent())
	}
	level := e.level()
	if m.logger.Enabled(ctx, level) {
		attrs := make([]slog.Attr, 0, 7)
		attrs = append(attrs, slog.String("event", e.Name))
		for _, a := range [...]struct{ key, value string }{
			{"user", e.UserID}, {"actor", e.Actor}, {"method", e.Method}, {"device", e.Label}, {"reason", e.Reason},
		} {
			if a.value != "" {
				attrs = append(attrs, slog.String(a.key, a.value))
			}
		}
		if e.Addr.IsValid() {
			attrs = append(attrs, slog.String("addr", e.Addr.String()))
		}
		m.logger.LogAttrs(ctx, level, "auth: "+e.Name, attrs...)
	}
	if m.opts.OnEvent != nil {
		m.opts.OnEvent(ctx, e)
	}
}

// level is what e is logged with.
func (e *Event) level() slog.Level {
	if strings.HasSuffix(e.Name, ".refused") || strings.HasSuffix(e.Name, ".limited") || e.Name == "forbidden" {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Emit logs an event and hands it to [Options.OnEvent]. It fills in the
// request's address and device, and the time if it is zero. Providers call it
// for what the Manager cannot know, such as "login.refused" for a wrong answer.
func (m *Manager) Emit(r *http.Request, e Event) {
	if m.opts.OnEvent == nil && !m.logger.Enabled(r.Context(), e.level()) {
		return // nobody wants to know
	}
	e.Addr = m.ClientAddr(r)
	e.Label = deviceLabel(r.UserAgent())
	m.emit(r.Context(), e)
}

// broken logs an outage: what was being done, and why it could not be.
func (m *Manager) broken(ctx context.Context, doing string, err error) {
	m.logger.LogAttrs(ctx, slog.LevelError, "auth: "+doing+" failed", slog.Any("error", err))
}
