package mail_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func (s *site) hold(t *testing.T) (release func(context.Context) error) {
	t.Helper()
	release, err := s.Hold(t.Context(), outbox.Entry{Kind: "test", To: "ada@example.com", Data: []byte("what else")})
	if err != nil {
		t.Fatal(err)
	}
	return release
}

func TestHold(t *testing.T) {
	s := newSite(t)
	var data []string
	s.Handle("test", func(_ context.Context, e outbox.Entry) (*mail.Draft, error) {
		data = append(data, string(e.Data))
		return &mail.Draft{ID: "account.gone"}, nil
	})
	sent := func(want int, when string) {
		t.Helper()
		s.flush(t)
		if got := len(s.box.Messages()); got != want {
			t.Fatalf("%s: %d were sent, want %d", when, got, want)
		}
	}
	release := s.hold(t)
	sent(0, "held")
	if err := release(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent(1, "released")
	if err := release(t.Context()); err != nil {
		t.Errorf("released again: %v", err)
	}
	sent(1, "released again")

	release = s.hold(t) // and the process dies
	s.pass(5*time.Minute - time.Millisecond)
	sent(1, "held for less than 5 minutes")
	s.pass(time.Millisecond)
	sent(2, "held for 5 minutes")
	if err := release(t.Context()); err != nil {
		t.Errorf("released late: %v", err)
	}
	sent(2, "released late")
	if want := []string{"what else", "what else"}; !slices.Equal(data, want) {
		t.Errorf("data: %q", data)
	}

	_, err := s.Hold(t.Context(), outbox.Entry{Kind: "test", DueAt: s.time()})
	if !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("held, and due at a time: %v", err)
	}
}

// The worker of the process need not be asked to look again.
func TestHoldWakes(t *testing.T) {
	s := newSite(t, func(p *parts) { p.opts.Every = time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { _ = s.Run(ctx); close(stopped) }()
	defer func() { cancel(); <-stopped }()
	release := s.hold(t)
	time.Sleep(time.Second) // it has looked for what was enqueued
	if err := release(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if len(s.box.Messages()) == 1 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("it was not sent")
}

// A claimed entry is somebody else's by now, and an outage is one.
func TestReleaseMeets(t *testing.T) {
	box := &postponing{Outbox: memory.NewOutbox()}
	s := newSite(t, func(p *parts) { p.outbox = box })
	for _, test := range []struct{ met, want error }{
		{auth.ErrConflict, nil},
		{auth.ErrNotFound, nil},
		{context.DeadlineExceeded, context.DeadlineExceeded},
	} {
		release := s.hold(t)
		box.err = test.met
		if err := release(t.Context()); !errors.Is(err, test.want) {
			t.Errorf("with %v: %v", test.met, err)
		}
		box.err = nil
	}
}

// postponing fails to postpone.
type postponing struct {
	*memory.Outbox
	err error
}

func (p *postponing) Postpone(ctx context.Context, e outbox.Entry) error {
	if p.err != nil {
		return p.err
	}
	return p.Outbox.Postpone(ctx, e)
}
