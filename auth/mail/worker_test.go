package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const ada = "ada@example.com"

// left returns how many entries are in the outbox, due or not.
func (s *site) left(t *testing.T) int {
	t.Helper()
	return waiting(t, s.Outbox(), s.time())
}

func waiting(t *testing.T, box outbox.Store, now time.Time) int {
	t.Helper()
	far := now.Add(10 * 365 * 24 * time.Hour)
	entries, err := box.Claim(context.WithoutCancel(t.Context()), "", far, far, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A mail that the server does not take is sent again, later and later, with a new token
// and the same Message-ID, until it does.
func TestRetry(t *testing.T) {
	down, tokens := 12, 0
	var got []mail.Message
	s := newSite(t, func(p *parts) {
		p.mailer = mailerFunc(func(_ context.Context, m *mail.Message) error {
			got = append(got, *m)
			if down--; down >= 0 {
				return errDown
			}
			return nil
		})
	})
	s.Handle("reset", func(context.Context, outbox.Entry) (*mail.Draft, error) {
		tokens++
		return &mail.Draft{ID: "account.forgot", Data: map[string]string{"link": s.Link("/reset", fmt.Sprint("t", tokens))}}, nil
	})
	s.post(t, outbox.Entry{Kind: "reset", To: ada})
	for n, wait := range []time.Duration{0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute,
		16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour, time.Hour, time.Hour, time.Hour} {
		if n > 0 {
			s.pass(wait - time.Millisecond)
			s.flush(t) // nothing is due
			if len(got) != n {
				t.Fatalf("attempt %d is too early", len(got))
			}
			s.pass(time.Millisecond)
		}
		err := s.Flush(t.Context())
		if last := n == 12; last != (err == nil) || !last && !errors.Is(err, errDown) {
			t.Fatalf("attempt %d: %v", n+1, err)
		}
		if len(got) != n+1 {
			t.Fatalf("attempt %d is late", n+1)
		}
		m := got[n]
		if m.MessageID != got[0].MessageID || !strings.Contains(m.Text, fmt.Sprintf("token=t%d\n", n+1)) {
			t.Errorf("attempt %d: %s\n%s", n+1, m.MessageID, m.Text)
		}
	}
	if n := s.left(t); n != 0 {
		t.Errorf("%d entries are left", n)
	}
	if log := s.log.String(); strings.Count(log, "attempt=") != 12 || !strings.Contains(log, "kind=reset attempt=7") || strings.Contains(log, "token") {
		t.Errorf("the log has %s", log)
	}
}

// After some three days a mail is given up, and that is told.
func TestGivenUp(t *testing.T) {
	n := 0
	s := newSite(t, func(p *parts) {
		p.mailer = mailerFunc(func(context.Context, *mail.Message) error { n++; return errDown })
	})
	s.Handle("notice", func(_ context.Context, e outbox.Entry) (*mail.Draft, error) {
		return &mail.Draft{ID: "account.gone"}, nil
	})
	began := s.time().Add(30 * 24 * time.Hour)
	s.post(t, outbox.Entry{Kind: "notice", To: ada, UserID: "ada", DueAt: began})
	s.flush(t)
	s.pass(30 * 24 * time.Hour)
	for len(s.told()) == 0 && s.time().Before(began.Add(10*24*time.Hour)) {
		_ = s.Flush(t.Context())
		s.pass(2 * time.Minute)
	}
	if took := s.time().Sub(began); took < 3*24*time.Hour || took > 73*time.Hour {
		t.Errorf("given up after %v and %d attempts", took, n)
	}
	e := s.told()
	if len(e) != 1 || e[0].Name != "mail.given_up" || e[0].UserID != "ada" || e[0].Method != "mail" || !strings.Contains(e[0].Reason, "account.gone: the mail server is down") {
		t.Errorf("told: %+v", e)
	}
	if left := s.left(t); left != 0 || !strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("%d entries are left; the log has %s", left, s.log)
	}
}

// What never reached the server is no refusal of its: a mail whose Composer has failed
// for days, or which was put back by workers that had to stop, has its three days.
func TestGivenUpByWhatReachedTheServer(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 60_000)
	for name, c := range map[string]struct {
		data   []byte
		before func(t *testing.T, s *site, composes *bool)
	}{
		"the Composer failed": {[]byte("asked"), func(t *testing.T, s *site, composes *bool) {
			*composes = false
			for n := range 4 * 24 * 60 / 2 {
				_ = s.Flush(t.Context())
				s.pass(2 * time.Minute)
				if claims := strings.Count(s.log.String(), "composing"); n == 4*24*30-1 && claims < 100 {
					t.Fatalf("%d claims only", claims)
				}
			}
			*composes = true
		}},
		"put back": {nil, func(t *testing.T, s *site, _ *bool) {
			for range 100 {
				ctx, stop := context.WithCancel(t.Context())
				s.Outbox().(*faultyOutbox).claimed = stop
				if err := s.Flush(ctx); !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
			}
			s.Outbox().(*faultyOutbox).claimed = nil
		}},
		"at once":                 {long, nil},
		"data like the Courier's": {[]byte("\x00tried\xffasked"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			composes, sent := true, 0
			s := newSite(t, func(p *parts) {
				p.outbox = &faultyOutbox{Store: memory.NewOutbox()}
				p.mailer = mailerFunc(func(context.Context, *mail.Message) error { sent++; return errDown })
			})
			s.Handle("notice", func(_ context.Context, e outbox.Entry) (*mail.Draft, error) {
				if !bytes.Equal(e.Data, c.data) || e.Data != nil && c.data == nil {
					t.Errorf("the Composer gets %q", e.Data)
				}
				if !composes {
					return nil, errors.New("the store is down")
				}
				return &mail.Draft{ID: "account.gone"}, nil
			})
			s.post(t, outbox.Entry{Kind: "notice", To: ada, Data: c.data})
			if c.before != nil {
				c.before(t, s, &composes)
			}
			s.pass(time.Hour)
			if err := s.Flush(t.Context()); !errors.Is(err, errDown) || sent != 1 {
				t.Fatalf("sent %d times: %v", sent, err)
			}
			if e, left := s.told(), s.left(t); len(e) != 0 || left != 1 {
				t.Errorf("after one failure: %d entries are left, told %+v", left, e)
			}
		})
	}
}

// Between the server's failures others may be the Composer's: they add nothing.
func TestGivenUpDespiteOutages(t *testing.T) {
	sent, composed := 0, 0
	s := newSite(t, func(p *parts) {
		p.mailer = mailerFunc(func(context.Context, *mail.Message) error { sent++; return errDown })
	})
	s.Handle("notice", func(context.Context, outbox.Entry) (*mail.Draft, error) {
		if composed++; composed%2 == 0 {
			return nil, errors.New("the store is down")
		}
		return &mail.Draft{ID: "account.gone"}, nil
	})
	began := s.time()
	s.post(t, outbox.Entry{Kind: "notice", To: ada})
	for len(s.told()) == 0 && s.time().Before(began.Add(10*24*time.Hour)) {
		_ = s.Flush(t.Context())
		s.pass(2 * time.Minute)
	}
	if e := s.told(); len(e) != 1 || e[0].Name != "mail.given_up" || sent != 79 {
		t.Errorf("sent %d times in %v, told %+v", sent, s.time().Sub(began), e)
	}
}

// There has to be room for what the Courier counts.
func TestPostLeavesRoom(t *testing.T) {
	s := newSite(t)
	s.post(t, outbox.Entry{To: ada, Data: make([]byte, 65_000)})
	if err := s.Post(t.Context(), outbox.Entry{Kind: "test", To: ada, Data: make([]byte, 65_001)}); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("65,001 bytes: %v", err)
	}
}

// What is refused for good is sent once.
func TestRefused(t *testing.T) {
	n := 0
	s := newSite(t, func(p *parts) {
		p.mailer = mailerFunc(func(context.Context, *mail.Message) error {
			n++
			return fmt.Errorf("550 no such user: %w", mail.ErrRefused)
		})
	})
	s.post(t, outbox.Entry{To: ada})
	s.flush(t)
	e := s.told()
	if n != 1 || s.left(t) != 0 || len(e) != 1 || e[0].Name != "mail.refused" || !strings.Contains(s.log.String(), "550 no such user") {
		t.Errorf("sent %d times, told %+v, log %s", n, e, s.log)
	}
}

// One entry that panics, fails, or is of a kind that nobody handles stops no other, and
// is kept for as long as it takes.
func TestOthersGoOn(t *testing.T) {
	s := newSite(t)
	well := false
	s.Handle("panic", func(context.Context, outbox.Entry) (*mail.Draft, error) {
		if !well {
			panic("secret-token")
		}
		return nil, nil
	})
	s.Handle("nil", func(context.Context, outbox.Entry) (*mail.Draft, error) {
		var d *mail.Draft
		if !well {
			d.ID = ""
		}
		return d, nil
	})
	s.Handle("fail", func(context.Context, outbox.Entry) (*mail.Draft, error) {
		if !well {
			return nil, errors.New("the store is down")
		}
		return nil, nil
	})
	for _, kind := range []string{"panic", "nil", "fail", "unknown", "test", "test"} {
		s.post(t, outbox.Entry{Kind: kind, To: ada})
	}
	err := s.Flush(t.Context())
	if err == nil || len(s.box.Messages()) != 2 {
		t.Errorf("%d mails were sent: %v", len(s.box.Messages()), err)
	}
	for _, want := range []string{"a value of type string", "nil pointer", "the store is down", `nobody handles \"unknown\"`} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, s.log)
		}
	}
	if strings.Contains(s.log.String(), "secret-token") || strings.Contains(err.Error(), "secret-token") {
		t.Error("what was thrown is shown")
	}
	for range 200 { // some 8 days
		s.pass(time.Hour)
		_ = s.Flush(t.Context())
	}
	well = true
	s.Handle("unknown", func(context.Context, outbox.Entry) (*mail.Draft, error) { return nil, nil })
	s.pass(time.Hour)
	s.flush(t)
	if n := s.left(t); n != 0 || len(s.told()) != 0 || len(s.box.Messages()) != 2 {
		t.Errorf("%d entries are left, %d mails were sent, told %+v", n, len(s.box.Messages()), s.told())
	}
}

// inBubble runs a site's worker on a clock that goes by itself.
func inBubble(t *testing.T, f func(t *testing.T, s *site, run func() (stop func())), set ...func(*parts)) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, set...)
		began := time.Now()
		s.real = func() time.Time { return s.now.Add(time.Since(began)) }
		f(t, s, func() (stop func()) {
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("Run returns %v", err)
				}
			}()
			return func() { cancel(); <-done }
		})
	})
}

// hanging is a mail server that takes mail for some and says nothing to others.
func hanging(box *mail.Box, hangs func(m *mail.Message) bool) mail.Mailer {
	return mailerFunc(func(ctx context.Context, m *mail.Message) error {
		if hangs(m) {
			<-ctx.Done()
			return ctx.Err()
		}
		return box.Send(ctx, m)
	})
}

// A server that says nothing keeps nobody who asks, and no mail that it would take.
func TestSlowServer(t *testing.T) {
	var silent atomic.Bool
	silent.Store(true)
	var box mail.Box
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		stop := run()
		defer stop()
		for i := range 9 {
			began := time.Now()
			s.post(t, outbox.Entry{To: fmt.Sprintf("slow%d@example.com", i)})
			if took := time.Since(began); took != 0 {
				t.Errorf("enqueueing took %v", took)
			}
		}
		time.Sleep(time.Second)
		s.post(t, outbox.Entry{To: ada})
		time.Sleep(time.Second)
		if m := box.Messages(); len(m) != 1 || m[0].To != ada {
			t.Errorf("after a second: %d mails", len(m))
		}
		time.Sleep(time.Minute) // all are broken off
		if n := strings.Count(s.log.String(), "context deadline exceeded"); n != 9 {
			t.Errorf("%d are broken off:\n%s", n, s.log)
		}
		silent.Store(false)
		time.Sleep(time.Minute)
		if n := len(box.Messages()); n != 10 {
			t.Errorf("when it is back: %d mails", n)
		}
	}, func(p *parts) {
		p.mailer = hanging(&box, func(m *mail.Message) bool { return silent.Load() && m.To != ada })
	})
}

// Not more than ten are worked off at a time, and all are.
func TestBounded(t *testing.T) {
	var now, most, sent atomic.Int64
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		for range 95 {
			s.post(t, outbox.Entry{To: ada})
		}
		began := time.Now()
		defer run()()
		for sent.Load() < 95 {
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took > 12*time.Second || most.Load() != 10 {
			t.Errorf("%d at a time, in %v", most.Load(), took)
		}
	}, func(p *parts) {
		p.mailer = mailerFunc(func(context.Context, *mail.Message) error {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			now.Add(-1)
			sent.Add(1)
			return nil
		})
	})
}

// What this process enqueues is sent at once, also if it can be seen only when a
// transaction ends.
func TestAtOnce(t *testing.T) {
	late := &lateOutbox{Store: memory.NewOutbox()}
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		stop := run()
		defer stop()
		time.Sleep(time.Minute)
		s.post(t, outbox.Entry{To: ada})
		synctest.Wait()
		if n := len(s.box.Messages()); n != 1 {
			t.Errorf("%d mails at once", n)
		}
		for _, d := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond} {
			time.Sleep(time.Minute)
			before := len(s.box.Messages())
			late.until.Store(time.Now().Add(d).UnixNano())
			s.post(t, outbox.Entry{To: ada})
			time.Sleep(d + time.Second)
			if n := len(s.box.Messages()); n != before+1 {
				t.Errorf("%d mails after a transaction of %v", n-before, d)
			}
		}
	}, func(p *parts) { p.outbox, p.opts.Every = late, time.Hour })
}

// A lateOutbox shows nothing until a transaction has ended.
type lateOutbox struct {
	outbox.Store
	until atomic.Int64
}

func (o *lateOutbox) Claim(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
	if time.Now().UnixNano() < o.until.Load() {
		return nil, nil
	}
	return o.Store.Claim(ctx, realm, now, until, limit)
}

// A faultyOutbox fails as it is told.
type faultyOutbox struct {
	outbox.Store
	claim, done, postpone func() error
	claimed               func()
}

func fails(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func (o *faultyOutbox) Claim(ctx context.Context, realm string, now, until time.Time, limit int) ([]outbox.Entry, error) {
	if err := fails(o.claim); err != nil {
		return nil, err
	}
	entries, err := o.Store.Claim(ctx, realm, now, until, limit)
	if o.claimed != nil {
		o.claimed()
	}
	return entries, err
}

func (o *faultyOutbox) Done(ctx context.Context, e outbox.Entry) error {
	if err := fails(o.done); err != nil {
		return err
	}
	return o.Store.Done(ctx, e)
}

func (o *faultyOutbox) Postpone(ctx context.Context, e outbox.Entry) error {
	if err := fails(o.postpone); err != nil {
		return err
	}
	return o.Store.Postpone(ctx, e)
}

// If the outbox is away when a mail was sent, the mail is not sent again when it is back.
func TestNotMarked(t *testing.T) {
	for away, then := range map[time.Duration]time.Duration{
		3 * time.Second:  10 * time.Second, // while the claim lasts
		20 * time.Minute: 10 * time.Minute,
	} {
		var back atomic.Bool
		faulty := &faultyOutbox{Store: memory.NewOutbox(), done: func() error {
			if !back.Load() {
				return errors.New("the store is down")
			}
			return nil
		}}
		inBubble(t, func(t *testing.T, s *site, run func() func()) {
			stop := run()
			defer stop()
			s.post(t, outbox.Entry{To: ada})
			time.Sleep(away)
			back.Store(true)
			time.Sleep(then)
			if n, left := len(s.box.Messages()), s.left(t); n != 1 || left != 0 {
				t.Errorf("away for %v: sent %d times, %d entries are left", away, n, left)
			}
		}, func(p *parts) { p.outbox = faulty })
	}
}

// An outbox that is away is waited for, and the log says so.
func TestOutboxAway(t *testing.T) {
	var back atomic.Bool
	faulty := &faultyOutbox{Store: memory.NewOutbox(), claim: func() error {
		if !back.Load() {
			return errors.New("the store is down")
		}
		return nil
	}}
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		s.post(t, outbox.Entry{To: ada})
		stop := run()
		defer stop()
		time.Sleep(10 * time.Minute)
		if n := strings.Count(s.log.String(), "the store is down"); n < 5 || n > 20 {
			t.Errorf("%d lines in 10 minutes", n)
		}
		back.Store(true)
		time.Sleep(61 * time.Second)
		if n := len(s.box.Messages()); n != 1 {
			t.Errorf("%d mails", n)
		}
	}, func(p *parts) { p.outbox = faulty })
}

// The process dies between the server's 250 and the mark: the mail is sent twice, with one
// Message-ID and another token, and no third time.
func TestDiedBeforeTheMark(t *testing.T) {
	shared := memory.NewOutbox()
	var box mail.Box
	var tokens atomic.Int64
	handle := func(s *site) {
		s.Handle("reset", func(context.Context, outbox.Entry) (*mail.Draft, error) {
			return &mail.Draft{ID: "account.forgot", Data: map[string]string{"link": s.Link("/reset", fmt.Sprint("t", tokens.Add(1)))}}, nil
		})
	}
	dies := newSite(t, func(p *parts) {
		p.mailer, p.outbox = &box, &faultyOutbox{Store: shared, done: func() error { return errors.New("killed") }}
	})
	lives := newSite(t, func(p *parts) { p.mailer, p.outbox = &box, shared })
	handle(dies)
	handle(lives)
	dies.post(t, outbox.Entry{Kind: "reset", To: ada})
	_ = dies.Flush(t.Context())
	lives.pass(5*time.Minute - time.Millisecond)
	lives.flush(t)
	if n := len(box.Messages()); n != 1 {
		t.Fatalf("%d mails while the claim lasts", n)
	}
	for range 20 {
		lives.pass(time.Hour)
		lives.flush(t)
	}
	m := box.Messages()
	if len(m) != 2 || m[0].MessageID != m[1].MessageID || m[0].Data["link"] == m[1].Data["link"] {
		t.Errorf("sent: %+v", m)
	}
}

// Somebody who has taken longer than the claim lasts finds out, and says so.
func TestClaimLost(t *testing.T) {
	shared := memory.NewOutbox()
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		stop := run()
		defer stop()
		s.post(t, outbox.Entry{To: ada})
		time.Sleep(5*time.Minute + time.Second)
		// Another process has it now, and is not done.
		entries, err := shared.Claim(t.Context(), "", s.time().Add(time.Hour), s.time().Add(2*time.Hour), 1)
		if err != nil || len(entries) != 1 {
			t.Fatalf("claimed %d: %v", len(entries), err)
		}
		time.Sleep(2 * time.Minute)
		if !strings.Contains(s.log.String(), "claimed anew") {
			t.Errorf("the log has %s", s.log)
		}
		if err := shared.Done(t.Context(), entries[0]); err != nil {
			t.Errorf("the other cannot finish: %v", err)
		}
	}, func(p *parts) {
		p.outbox = shared
		p.opts.Every = time.Hour // so that this process does not claim it again itself
		p.mailer = mailerFunc(func(context.Context, *mail.Message) error { time.Sleep(6 * time.Minute); return nil })
	})
}

// When the worker has to stop, what is under way has a moment; what the server has not
// taken by then is due at once.
func TestStop(t *testing.T) {
	for _, c := range []struct {
		takes, stops time.Duration
		sent         bool
	}{
		{3 * time.Second, 2 * time.Second, true},
		{30 * time.Second, 5 * time.Second, false},
	} {
		var box mail.Box
		inBubble(t, func(t *testing.T, s *site, run func() func()) {
			s.post(t, outbox.Entry{To: ada})
			stop := run()
			time.Sleep(time.Second)
			began := time.Now()
			stop()
			if took := time.Since(began); took != c.stops {
				t.Errorf("stopping took %v, want %v", took, c.stops)
			}
			if got := len(box.Messages()) == 1; got != c.sent {
				t.Errorf("sent: %v, want %v", got, c.sent)
			}
			due, err := s.Outbox().Claim(t.Context(), "", s.time(), s.time().Add(time.Hour), 1)
			if err != nil || (len(due) == 0) != c.sent {
				t.Errorf("%d entries are due: %v", len(due), err)
			}
		}, func(p *parts) {
			p.mailer = mailerFunc(func(ctx context.Context, m *mail.Message) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(c.takes):
					return box.Send(ctx, m)
				}
			})
		})
	}
}

// What the server has taken is marked, also if that was after the worker's last moment.
func TestStopLate(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		s.post(t, outbox.Entry{To: ada})
		stop := run()
		time.Sleep(time.Second)
		stop()
		if n := s.left(t); n != 0 {
			t.Errorf("%d entries are left", n)
		}
	}, func(p *parts) {
		p.mailer = mailerFunc(func(context.Context, *mail.Message) error { time.Sleep(8 * time.Second); return nil })
	})
}

// What is claimed when the worker has to stop is not begun, and is due at once.
func TestStopBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	faulty := &faultyOutbox{Store: memory.NewOutbox(), claimed: cancel}
	s := newSite(t, func(p *parts) { p.outbox = faulty })
	for range 5 {
		s.post(t, outbox.Entry{To: ada})
	}
	if err := s.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush: %v", err)
	}
	if n := len(s.box.Messages()); n != 0 {
		t.Errorf("%d mails were begun", n)
	}
	due, err := faulty.Store.Claim(t.Context(), "", s.time(), s.time().Add(time.Hour), 10)
	if err != nil || len(due) != 5 {
		t.Errorf("%d entries are due: %v", len(due), err)
	}
}

// Of several processes exactly one sends a mail.
func TestTwoProcesses(t *testing.T) {
	shared := memory.NewOutbox()
	var mu sync.Mutex
	sent := map[string]int{}
	var sites []*site
	for range 3 {
		sites = append(sites, newSite(t, func(p *parts) {
			p.outbox = shared
			p.mailer = mailerFunc(func(_ context.Context, m *mail.Message) error {
				mu.Lock()
				defer mu.Unlock()
				sent[m.MessageID]++
				return nil
			})
		}))
	}
	for range 300 {
		sites[0].post(t, outbox.Entry{To: ada})
	}
	var wg sync.WaitGroup
	for _, s := range sites {
		wg.Go(func() {
			if err := s.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(sent) != 300 {
		t.Errorf("%d mails of 300", len(sent))
	}
	for id, n := range sent {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
}

// The worker of one realm leaves alone what is of another.
func TestRealms(t *testing.T) {
	shared := memory.NewOutbox()
	a := newSite(t, func(p *parts) { p.outbox, p.realm = shared, "a" })
	b := newSite(t, func(p *parts) { p.outbox, p.realm = shared, "b" })
	a.post(t, outbox.Entry{To: ada})
	b.flush(t)
	if len(b.box.Messages()) != 0 {
		t.Error("b sends a's mail")
	}
	a.flush(t)
	if len(a.box.Messages()) != 1 {
		t.Error("a does not send its own")
	}
}

// [auth.Manager.Run] has the worker.
func TestManagerRuns(t *testing.T) {
	box := new(mail.Box)
	post := mail.New(base, memory.NewOutbox(), box, nil)
	m, err := auth.New(auth.UserFunc(nobody), memory.New(nil), &auth.Options{Providers: []auth.Provider{post}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	post.Handle("test", func(context.Context, outbox.Entry) (*mail.Draft, error) { return &mail.Draft{ID: "account.gone"}, nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	if err := post.Post(ctx, outbox.Entry{Kind: "test", To: ada}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); len(box.Messages()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no mail")
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
