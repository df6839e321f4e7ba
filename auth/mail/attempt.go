package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
)

// try does what e asks for. An error that it returns is logged, and e waits for another
// attempt, with what has come of this one in its Data; what is given up is told, and
// removed.
func (c *Courier) try(ctx context.Context, e *outbox.Entry) error {
	if c.wasSent(*e) {
		c.done(ctx, *e)
		return nil
	}
	asked, tried := *e, 0
	asked.Data, tried = cutTried(e.Data)
	l, err := c.compose(ctx, asked)
	if err != nil {
		c.log(ctx, slog.LevelError, "composing", *e, err)
		return err
	}
	if l == nil && c.early(*e) {
		c.postpone(ctx, *e, unjoined)
		return nil
	}
	if l == nil {
		c.done(ctx, *e)
		return nil
	}
	err = c.send(ctx, l)
	if err == nil {
		c.done(ctx, *e)
		return nil
	}
	if errors.Is(err, ErrRefused) {
		c.giveUp(ctx, auth.Event{Name: "mail.refused"}, *e, l, err)
		return nil
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // else it was we who broke it off
		tried++
		e.Data = withTried(asked.Data, tried)
	}
	if exhausted(tried) {
		c.giveUp(ctx, auth.Event{Name: "mail.given_up"}, *e, l, err)
		return nil
	}
	c.log(ctx, slog.LevelWarn, "sending", *e, err)
	return err
}

// early reports whether what e is about may not be there yet: an outbox that does not join
// transactions shows entries before the change that they belong to has committed.
func (c *Courier) early(e outbox.Entry) bool {
	return !c.joins && c.m.Now().Before(e.CreatedAt.Add(unjoined))
}

// compose asks the composer and renders what it says; nil if there is nothing to send.
func (c *Courier) compose(ctx context.Context, e outbox.Entry) (l *letter, err error) {
	defer recovered(&err)
	f, ok := c.composers[e.Kind]
	if !ok {
		return nil, fmt.Errorf("mail: nobody handles %q: is a provider missing?", e.Kind)
	}
	draft, err := f(ctx, e)
	if err != nil || draft == nil {
		return nil, err
	}
	if draft.To == "" {
		draft.To = e.To
	}
	if draft.UserID == "" {
		draft.UserID = e.UserID
	}
	lang := e.Language
	if draft.UserID != "" && c.opts.Language != nil {
		if chosen := c.opts.Language(ctx, draft.UserID); chosen != "" {
			lang = chosen
		}
	}
	if err := checkAddress(draft.To); err != nil {
		return &letter{&Message{ID: draft.ID}, draft.UserID, fmt.Errorf("%w: %w", ErrRefused, err)}, nil
	}
	m, err := c.voices.in(lang).render(draft)
	if err != nil {
		return nil, err
	}
	m.MessageID, m.Date = messageID(e.ID, c.host), c.m.Now()
	return &letter{m, draft.UserID, nil}, nil
}

// A letter is a message, whom it is about, and why it cannot be sent, if it cannot.
type letter struct {
	message *Message
	userID  string
	refused error
}

func (c *Courier) send(ctx context.Context, l *letter) (err error) {
	if l.refused != nil {
		return l.refused
	}
	defer func() { err = concealed(err, l.message.Data) }()
	defer recovered(&err)
	return c.mailer.Send(ctx, l.message)
}

// giveUp removes an entry whose mail will never be sent, and tells.
func (c *Courier) giveUp(ctx context.Context, told auth.Event, e outbox.Entry, l *letter, err error) {
	c.log(ctx, slog.LevelError, "sending, given up", e, err)
	told.UserID, told.Method, told.Reason = l.userID, c.Name(), l.message.ID+": "+err.Error()
	c.m.EmitContext(ctx, told)
	c.done(ctx, e)
}

// done removes an entry. If that fails the process remembers it, and does it later:
// the entry must not be worked off again because the outbox was away.
func (c *Courier) done(ctx context.Context, e outbox.Entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), marking)
	defer cancel()
	err := c.box.Done(ctx, e)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil, errors.Is(err, auth.ErrNotFound): // removed with its user, perhaps
		delete(c.sent, e.ID)
	case errors.Is(err, auth.ErrConflict):
		// Perhaps by this process, which must then know.
		c.sent[e.ID] = outbox.Entry{}
		c.log(ctx, slog.LevelError, "removing what is done, since it was claimed anew meanwhile,", e, err)
	default:
		c.sent[e.ID] = e
		c.log(ctx, slog.LevelError, "removing what is done", e, err)
	}
}

// settle removes what could not be removed when it was done.
func (c *Courier) settle(ctx context.Context) {
	c.mu.Lock()
	var late []outbox.Entry
	for _, e := range c.sent {
		if e.ID != "" {
			late = append(late, e)
		}
	}
	c.mu.Unlock()
	for _, e := range late {
		c.done(ctx, e)
	}
}

func (c *Courier) wasSent(e outbox.Entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.sent[e.ID]
	return ok
}

// postpone makes e due after d. If it cannot, e is due when the claim ends.
func (c *Courier) postpone(ctx context.Context, e outbox.Entry, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), marking)
	defer cancel()
	e.DueAt = c.m.Now().Add(d)
	if err := c.box.Postpone(ctx, e); err != nil && !errors.Is(err, auth.ErrNotFound) {
		c.log(ctx, slog.LevelError, "postponing", e, err)
	}
}

// log says what could not be done, without data: there may be secrets in it.
func (c *Courier) log(ctx context.Context, level slog.Level, doing string, e outbox.Entry, err error) {
	attrs := make([]slog.Attr, 0, 4)
	if e.ID != "" {
		attrs = append(attrs, slog.String("entry", e.ID), slog.String("kind", e.Kind), slog.Int("attempt", e.Attempts))
	}
	c.opts.Logger.LogAttrs(ctx, level, "mail: "+doing+" failed", append(attrs, slog.Any("error", err))...)
}

// recovered makes an error of a panic. What was thrown is not shown: it may be anything.
func recovered(err *error) {
	switch p := recover().(type) {
	case nil:
	case runtime.Error:
		*err = fmt.Errorf("mail: panic: %w", p)
	default:
		*err = fmt.Errorf("mail: panic: a value of type %T", p)
	}
}

// messageID is the same at every attempt, so that who gets a mail twice sees it once.
func messageID(id, host string) string {
	if strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:])
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[IPv6:" + host + "]"
	} else if err == nil {
		host = "[" + host + "]"
	}
	return "<" + id + "@" + host + ">"
}
