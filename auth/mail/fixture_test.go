package mail_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const base = "https://app.example"

// A site is a composition with nothing but mail, and a clock that stands still.
type site struct {
	*mail.Courier
	m   *auth.Manager
	box *mail.Box

	mu     sync.Mutex
	now    time.Time
	real   func() time.Time // or nil: the clock stands still
	events []auth.Event
	log    *lines
}

// newSite makes one. Its parts may be changed by set before they are put together.
func newSite(t *testing.T, set ...func(*parts)) *site {
	t.Helper()
	s := &site{box: new(mail.Box), now: time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC), log: &lines{}}
	p := parts{store: memory.New(nil), outbox: memory.NewOutbox(), mailer: s.box}
	p.opts.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	for _, f := range set {
		f(&p)
	}
	s.Courier = mail.New(base, p.outbox, p.mailer, &p.opts)
	var err error
	s.m, err = auth.New(auth.UserFunc(nobody), p.store, &auth.Options{
		Providers: []auth.Provider{s.Courier},
		Now:       s.time,
		Logger:    p.opts.Logger,
		Realm:     p.realm,
		Events: []func(context.Context, auth.Event){func(_ context.Context, e auth.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("test", func(_ context.Context, e outbox.Entry) (*mail.Draft, error) {
		return &mail.Draft{ID: "account.gone"}, nil
	})
	return s
}

type parts struct {
	store  auth.Store
	outbox outbox.Store
	mailer mail.Mailer
	opts   mail.Options
	realm  string
}

func nobody(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound }

func (s *site) time() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.real != nil {
		return s.real()
	}
	return s.now
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *site) told() []auth.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]auth.Event(nil), s.events...)
}

// post enqueues a mail of the kind "test", or others.
func (s *site) post(t *testing.T, e outbox.Entry) {
	t.Helper()
	if e.Kind == "" {
		e.Kind = "test"
	}
	if err := s.Post(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// flush works off what is due, and fails unless that succeeds.
func (s *site) flush(t *testing.T) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// lines are what was logged.
type lines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// A mailerFunc is a Mailer.
type mailerFunc func(ctx context.Context, m *mail.Message) error

func (f mailerFunc) Send(ctx context.Context, m *mail.Message) error { return f(ctx, m) }

func logTo(l *lines) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

var errDown = errors.New("the mail server is down")
