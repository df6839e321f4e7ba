package mail_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A bigError is what a mail server may have to say.
type bigError struct{ text [1 << 10]byte }

func (e *bigError) Error() string { return string(e.text[:2]) }

// What fails for months takes no more memory than what fails once.
func TestFailuresAreNotKept(t *testing.T) {
	var mu sync.Mutex
	var failed []weak.Pointer[bigError]
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		for i := range 5 {
			s.post(t, outbox.Entry{To: fmt.Sprintf("ada%d@example.com", i)})
		}
		defer run()()
		time.Sleep(2 * 24 * time.Hour)
		runtime.GC()
		mu.Lock()
		defer mu.Unlock()
		kept := 0
		for _, p := range failed {
			if p.Value() != nil {
				kept++
			}
		}
		if len(failed) < 200 || kept > 10 {
			t.Errorf("%d of %d errors are kept", kept, len(failed))
		}
	}, func(p *parts) {
		p.opts.Every = time.Minute
		p.mailer = mailerFunc(func(context.Context, *mail.Message) error {
			e := &bigError{[1 << 10]byte{'n', 'o'}}
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, weak.Make(e))
			return e
		})
	})
}

// A server that repeats the mail in its refusal puts no secret into log, event and error.
func TestRefusalRepeatsTheMail(t *testing.T) {
	for _, repeats := range []string{"link", "undo_link", "code"} {
		final := repeats == "link"
		s := newSite(t, func(p *parts) {
			p.mailer = mailerFunc(func(_ context.Context, m *mail.Message) error {
				err := fmt.Errorf("554 spam: %s", strings.ToUpper(m.Data[repeats]))
				if final {
					err = fmt.Errorf("%w: %w", err, mail.ErrRefused)
				}
				return err
			})
		})
		s.Handle("secret", func(context.Context, outbox.Entry) (*mail.Draft, error) {
			return &mail.Draft{ID: "account.forgot", Data: map[string]string{
				"link": s.Link("/reset", "TOKENTOKEN"), "undo_link": s.Link("/undo", "other-token"), "code": "04711042"}}, nil
		})
		s.post(t, outbox.Entry{Kind: "secret", To: ada})
		err := s.Flush(t.Context())
		all := fmt.Sprint(s.log, s.told(), err)
		for _, secret := range []string{"TOKENTOKEN", "OTHER-TOKEN", "04711042"} {
			if strings.Contains(all, secret) {
				t.Errorf("final %v: %s is in %s", final, secret, all)
			}
		}
		if final != (len(s.told()) == 1) || final != (err == nil) || !strings.Contains(s.log.String(), "account.forgot") && !strings.Contains(s.log.String(), "secret") {
			t.Errorf("final %v: told %+v, %v", final, s.told(), err)
		}
	}
}

// A host's function that panics when it is told ends no process, and no mail comes again.
func TestToldPanics(t *testing.T) {
	box := memory.NewOutbox()
	log := &lines{}
	post := mail.New(base, box, mailerFunc(func(context.Context, *mail.Message) error { return mail.ErrRefused }),
		&mail.Options{Logger: logTo(log)})
	m, err := auth.New(auth.UserFunc(nobody), memory.New(nil), &auth.Options{Providers: []auth.Provider{post}, Logger: logTo(log),
		Events: []func(context.Context, auth.Event){func(context.Context, auth.Event) { panic("a secret") }}})
	if err != nil {
		t.Fatal(err)
	}
	post.Handle("test", func(context.Context, outbox.Entry) (*mail.Draft, error) { return &mail.Draft{ID: "account.gone"}, nil })
	if err := post.Post(t.Context(), outbox.Entry{Kind: "test", To: ada}); err != nil {
		t.Fatal(err)
	}
	if err := post.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if n := waiting(t, box, m.Now()); n != 0 {
		t.Errorf("%d entries are left", n)
	}
	if !strings.Contains(log.String(), "a value of type string") || strings.Contains(log.String(), "a secret") {
		t.Errorf("the log has %s", log)
	}
}

// Links and Message-IDs can hold no host that mail servers do not take: mail from such a
// site would be refused for good, all of it.
func TestHostOfTheBase(t *testing.T) {
	for base, ok := range map[string]bool{
		"https://b\u00fccher.example": false, "https://app.example\"": false, "https://<b>.example": false, "https://a,b.example": false,
		"https://app.example:": false, "https://app.example:0": false, "https://app.example:65536": false, "https://app..example": false,
		"https://.example": false, "https://app.example@eve.example": false, "https://app.example\\@eve.example": false, "https://[::1%25eth0]": false,
		"https://xn--bcher-kva.example": true, "https://my_app.example:65535": true, "https://[2001:db8::1]:8443": true, "https://192.0.2.1": true,
	} {
		err := compose(mail.New(base, memory.NewOutbox(), new(mail.Box), nil))
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "base URL") {
			t.Errorf("%q: %v", base, err)
		}
	}
}

// Whoever works the mail off by a request, as a host's job or a page of the demo may, is
// not who has asked for it.
func TestWhoFlushesHasNotAsked(t *testing.T) {
	s := newSite(t, allLanguages)
	s.Handle("first", func(ctx context.Context, e outbox.Entry) (*mail.Draft, error) {
		return nil, s.Post(ctx, outbox.Entry{Kind: "test", To: e.To})
	})
	s.post(t, outbox.Entry{Kind: "first", To: ada})
	in := func(language string, f func(ctx context.Context) error) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Accept-Language", language)
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := f(r.Context()); err != nil {
				t.Error(err)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
	in("de", s.Flush)
	if m := s.box.Messages(); len(m) != 1 || m[0].Language != "en" {
		t.Errorf("sent: %+v", m)
	}
	for _, c := range []struct{ entry, want string }{{"", "de"}, {"en", "en"}} {
		in("de", func(ctx context.Context) error {
			return s.Post(ctx, outbox.Entry{Kind: "test", To: ada, Language: c.entry})
		})
		s.flush(t)
		if m := s.box.Messages(); m[0].Language != c.want {
			t.Errorf("asked by a request: %+v", m[0].Language)
		}
	}
}

// Links are the same, whatever the request that asks for the mail says of the host.
func TestForgedHost(t *testing.T) {
	s := newSite(t)
	s.Handle("reset", func(context.Context, outbox.Entry) (*mail.Draft, error) {
		return &mail.Draft{ID: "account.forgot", Data: map[string]string{"link": s.Link("/reset", "t")}}, nil
	})
	for _, target := range []string{"http://eve.example/auth/forgot", "//eve.example/auth/forgot", "/auth/forgot"} {
		r := httptest.NewRequest(http.MethodPost, target, nil)
		r.Host = "eve.example"
		for _, h := range []string{"X-Forwarded-Host", "X-Host", "X-Original-Host", "Origin", "Referer"} {
			r.Header.Set(h, "https://eve.example")
		}
		r.Header.Del("Origin")
		r.Header.Set("Forwarded", "host=eve.example;proto=http")
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := errors.Join(s.Post(r.Context(), outbox.Entry{Kind: "reset", To: ada}), s.Flush(r.Context())); err != nil {
				t.Error(err)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
	all := s.box.Messages()
	if len(all) != 3 {
		t.Errorf("%d mails", len(all))
	}
	for _, m := range all {
		if got := m.Links(); len(got) != 1 || got[0] != base+"/auth/reset?token=t" || strings.Contains(m.HTML+m.Text+m.MessageID, "eve.example") {
			t.Errorf("leads to %q, %s", got, m.MessageID)
		}
	}
}

// An outbox that hangs when something is done keeps the worker for a moment only.
func TestMarkHangs(t *testing.T) {
	var box mail.Box
	faulty := &hangingOutbox{Store: memory.NewOutbox()}
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		stop := run()
		defer stop()
		faulty.hang.Lock()
		faulty.hangs = true
		faulty.hang.Unlock()
		s.post(t, outbox.Entry{To: ada})
		time.Sleep(time.Minute)
		faulty.hang.Lock()
		faulty.hangs = false
		faulty.hang.Unlock()
		time.Sleep(time.Minute)
		if n, left := len(box.Messages()), s.left(t); n != 1 || left != 0 {
			t.Errorf("sent %d times, %d are left", n, left)
		}
	}, func(p *parts) { p.outbox, p.mailer = faulty, &box })
}

type hangingOutbox struct {
	outbox.Store
	hang  sync.Mutex
	hangs bool
}

func (o *hangingOutbox) Done(ctx context.Context, e outbox.Entry) error {
	o.hang.Lock()
	hangs := o.hangs
	o.hang.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return o.Store.Done(ctx, e)
}

// An entry that is deleted with its user while it is worked off is no failure.
func TestDeletedMeanwhile(t *testing.T) {
	for _, fail := range []error{nil, errDown} {
		box := memory.NewOutbox()
		s := newSite(t, func(p *parts) {
			p.outbox = box
			p.mailer = mailerFunc(func(context.Context, *mail.Message) error {
				if err := box.DeleteUser(t.Context(), "", "ada"); err != nil {
					t.Error(err)
				}
				return fail
			})
		})
		s.post(t, outbox.Entry{To: ada, UserID: "ada"})
		if err := s.Flush(t.Context()); (err == nil) != (fail == nil) {
			t.Error(err)
		}
		if log := s.log.String(); strings.Contains(log, "level=ERROR") {
			t.Errorf("the log has %s", log)
		}
	}
}

// After a mail that is sent or fails at the moment when the worker has to stop the delay
// is that of any failure, unless it was the worker that broke it off.
func TestFailsWhileStopping(t *testing.T) {
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		s.post(t, outbox.Entry{To: ada})
		stop := run()
		time.Sleep(time.Second)
		stop()
		due, err := s.Outbox().Claim(t.Context(), "", s.time(), s.time().Add(time.Hour), 1)
		if err != nil || len(due) != 0 {
			t.Errorf("%d entries are due at once: %v", len(due), err)
		}
	}, func(p *parts) {
		p.mailer = mailerFunc(func(context.Context, *mail.Message) error { time.Sleep(2 * time.Second); return errDown })
	})
}

// What has taken longer than it may is postponed as any failure is, and not tried at once.
func TestSlowIsPostponed(t *testing.T) {
	var n atomic.Int32
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		s.post(t, outbox.Entry{To: ada})
		stop := run()
		time.Sleep(time.Minute + 25*time.Second)
		if n.Load() != 1 {
			t.Errorf("%d attempts", n.Load())
		}
		stop()
	}, func(p *parts) {
		p.mailer = mailerFunc(func(ctx context.Context, _ *mail.Message) error { n.Add(1); <-ctx.Done(); return ctx.Err() })
	})
}

// After an outage that is over the pauses are short again at the next.
func TestOutagesAreCountedAnew(t *testing.T) {
	var mu sync.Mutex
	var away bool
	var asked []time.Time
	set := func(a bool) { mu.Lock(); away = a; mu.Unlock() }
	faulty := &faultyOutbox{Store: memory.NewOutbox(), claim: func() error {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, time.Now())
		if away {
			return errors.New("the store is down")
		}
		return nil
	}}
	inBubble(t, func(t *testing.T, s *site, run func() func()) {
		set(true)
		stop := run()
		defer stop()
		time.Sleep(24 * time.Hour) // shifts of every kind have run over by now
		mu.Lock()
		if n := len(asked); n < 1400 || n > 1500 {
			t.Errorf("%d attempts in a day", n)
		}
		mu.Unlock()
		set(false)
		time.Sleep(2 * time.Minute)
		mu.Lock()
		asked = nil
		mu.Unlock()
		set(true)
		time.Sleep(15 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if n := len(asked); n < 3 {
			t.Errorf("%d attempts in the first 15 seconds of the next outage", n)
		}
	}, func(p *parts) { p.outbox = faulty })
}
