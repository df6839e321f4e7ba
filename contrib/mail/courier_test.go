package smtpmail_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	smtpmail "github.com/gatehouse-go/gatehouse/contrib/mail"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A site enqueues mail with new tokens, and has a clock that is moved.
type site struct {
	*mail.Courier
	m      *auth.Manager
	ahead  atomic.Int64
	tokens atomic.Int64
}

func newSite(t testing.TB, box outbox.Store, mailer mail.Mailer) *site {
	t.Helper()
	s := &site{}
	languages := mail.Translations()
	languages["ar-XB"] = mail.PseudoRTL()
	discard := slog.New(slog.DiscardHandler)
	s.Courier = mail.New("https://app.example", box, mailer, &mail.Options{Site: "Gästehaus", Every: 20 * time.Millisecond, Translations: languages, Logger: discard})
	var err error
	s.m, err = auth.New(auth.UserFunc(func(context.Context, string) (auth.User, error) { return nil, auth.ErrNotFound }), memory.New(nil),
		&auth.Options{Providers: []auth.Provider{s.Courier}, Logger: discard, Now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("reset", func(context.Context, outbox.Entry) (*mail.Draft, error) {
		return &mail.Draft{ID: "account.forgot", Data: map[string]string{"link": s.Link("/reset", fmt.Sprint("t", s.tokens.Add(1)))}}, nil
	})
	return s
}

// run has the worker, until the test ends.
func (s *site) run(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.m.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

func (s *site) ask(t testing.TB, to, language string) {
	t.Helper()
	if err := s.Post(t.Context(), outbox.Entry{Kind: "reset", To: to, Language: language}); err != nil {
		t.Fatal(err)
	}
}

// await waits for n mails to an address.
func (s *server) await(to string, n int) []arrived {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if all := s.mail(to); len(all) >= n {
			return all
		}
		if time.Now().After(end) {
			s.t.Fatalf("%d mails to %s, want %d", len(s.mail(to)), to, n)
		}
	}
}

// What is rendered arrives letter by letter, in every language.
func TestLanguages(t *testing.T) {
	s := realServer(t)
	var box mail.Box
	site := newSite(t, memory.NewOutbox(), both{&box, s.mailer()})
	for _, lang := range []string{"en", "de", "ar-XB"} {
		to := address(t)
		site.ask(t, to, lang)
		if err := site.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := s.mail(to)
		if len(all) != 1 {
			t.Fatalf("%d mails arrived", len(all))
		}
		want := box.Messages()[0]
		header, text, html := all[0].parts(t)
		subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
		if err != nil || subject != want.Subject || text != want.Text || html != want.HTML || header.Get("Message-Id") != want.MessageID || want.Language != lang {
			t.Errorf("%s: arrived\n%s\n%s\n%s", lang, subject, text, html)
		}
		for line := range strings.SplitSeq(string(all[0].Raw), "\r\n") {
			if len(line) > 998 || strings.ContainsFunc(line, func(r rune) bool { return r > 126 || r < 32 && r != '\t' }) {
				t.Errorf("%s: a line that not every server takes: %q", lang, line)
			}
		}
	}
}

// both sends by two Mailers.
type both [2]mail.Mailer

func (b both) Send(ctx context.Context, m *mail.Message) error {
	if err := b[0].Send(ctx, m); err != nil {
		return err
	}
	return b[1].Send(ctx, m)
}

// A road leads to a server, or to nowhere, or to somebody who says nothing.
type road struct {
	t    testing.TB
	addr string
	l    net.Listener
	wg   sync.WaitGroup
}

// open has the road lead to a port; to 0 that says nothing.
func (r *road) open(port int) {
	r.t.Helper()
	var err error
	if r.l, err = net.Listen("tcp", r.addr); err != nil {
		r.t.Fatal(err)
	}
	r.addr = r.l.Addr().String()
	l := r.l
	r.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			r.wg.Go(func() {
				defer in.Close()
				if port == 0 {
					io.Copy(io.Discard, in) // until the client has had enough
					return
				}
				out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					return
				}
				defer out.Close()
				go func() { io.Copy(out, in); out.(*net.TCPConn).CloseWrite() }()
				io.Copy(in, out)
			})
		}
	})
}

func (r *road) close() {
	r.l.Close()
	r.wg.Wait()
}

// A held mailer sends nothing before it is let go, and then by the Mailer that it has.
type held struct {
	goes   chan struct{}
	mailer atomic.Pointer[smtpmail.Mailer]
}

func (h *held) Send(ctx context.Context, m *mail.Message) error {
	select {
	case <-h.goes:
	case <-ctx.Done():
		return ctx.Err()
	}
	return h.mailer.Load().Send(ctx, m)
}

// counted is an outbox that counts what was postponed and what is done.
type counted struct {
	outbox.Store
	postponed, done atomic.Int64
}

func (o *counted) Postpone(ctx context.Context, e outbox.Entry) error {
	err := o.Store.Postpone(ctx, e)
	if err == nil {
		o.postponed.Add(1)
	}
	return err
}

func (o *counted) Done(ctx context.Context, e outbox.Entry) error {
	err := o.Store.Done(ctx, e)
	if err == nil {
		o.done.Add(1)
	}
	return err
}

// reach waits until a counter is at n.
func reach(t testing.TB, what string, counter *atomic.Int64, n int64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); counter.Load() < n; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d are %s, want %d", counter.Load(), what, n)
		}
	}
}

// While the server is dead, or says nothing, whoever asks is answered before anything is
// sent. When it is back, the mail arrives, once, with the newest token.
func TestDeadServer(t *testing.T) {
	s := realServer(t)
	for _, silent := range []bool{false, true} {
		r := &road{t: t, addr: "127.0.0.1:0"}
		r.open(0)
		dsn := s.dsn("smtp", s.StartTLS, s.Password)
		dsn = strings.Replace(dsn, fmt.Sprint(":", s.StartTLS), r.addr[strings.LastIndexByte(r.addr, ':'):], 1)
		if !silent {
			r.close() // nobody listens
		}
		mailer := func(timeout time.Duration) *smtpmail.Mailer {
			m, err := smtpmail.New(dsn, &smtpmail.Options{From: from, TLS: s.roots(), Timeout: timeout})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		h := &held{goes: make(chan struct{})}
		h.mailer.Store(mailer(time.Second))
		box := &counted{Store: memory.NewOutbox()}
		site := newSite(t, box, h)
		site.run(t)
		to := address(t)
		for i := range 20 {
			site.ask(t, fmt.Sprint(i, to), "de")
		}
		close(h.goes)
		reach(t, "put off", &box.postponed, 20)
		if silent {
			r.close()
		}
		r.open(s.StartTLS)
		tokens := site.tokens.Load()
		h.mailer.Store(mailer(0))            // the real server may take more than a second
		site.ahead.Store(int64(time.Minute)) // the next attempts are due
		seen := map[string]bool{}
		for i := range 20 {
			all := s.await(fmt.Sprint(i, to), 1)
			_, text, _ := all[0].parts(t)
			_, token, _ := strings.Cut(text, "?token=t")
			var n int64
			fmt.Sscan(token, &n)
			if len(all) != 1 || n <= tokens || seen[token] {
				t.Errorf("silent %v: %d mails, with the token %d", silent, len(all), n)
			}
			seen[token] = true
		}
		reach(t, "done", &box.done, 20) // or what is claimed would be due again
		for range 5 {                   // and none comes later
			site.ahead.Add(int64(time.Hour))
			time.Sleep(50 * time.Millisecond)
		}
		for i := range 20 {
			if n := len(s.mail(fmt.Sprint(i, to))); n != 1 {
				t.Errorf("silent %v: %d mails", silent, n)
			}
		}
		if left, err := box.Claim(t.Context(), "", time.Now().Add(1000*time.Hour), time.Now().Add(2000*time.Hour), 100); err != nil || len(left) != 0 {
			t.Errorf("%d entries are left: %v", len(left), err)
		}
		r.l.Close()
	}
}

// dying is an outbox of a process that is killed before it can mark what is done.
type dying struct{ outbox.Store }

func (dying) Done(context.Context, outbox.Entry) error { return io.ErrClosedPipe }

// Killed between the server's 250 and the mark: the mail arrives twice, with one
// Message-ID, and the second token takes the place of the first.
func TestKilled(t *testing.T) {
	s := realServer(t)
	box := memory.NewOutbox()
	killed := newSite(t, dying{box}, s.mailer())
	to := address(t)
	killed.ask(t, to, "en")
	killed.Flush(t.Context())
	s.await(to, 1)

	living := &counted{Store: box}
	next := newSite(t, living, s.mailer())
	next.tokens.Store(100)
	next.run(t)
	time.Sleep(200 * time.Millisecond)
	if n := len(s.mail(to)); n != 1 {
		t.Fatalf("%d mails while the first process may be at it", n)
	}
	next.ahead.Store(int64(6 * time.Minute))
	s.await(to, 2)
	reach(t, "done", &living.done, 1)
	for range 5 {
		next.ahead.Add(int64(time.Hour))
		time.Sleep(50 * time.Millisecond)
	}
	all := s.mail(to)
	if len(all) != 2 {
		t.Fatalf("%d mails", len(all))
	}
	first, one, _ := all[0].parts(t)
	second, two, _ := all[1].parts(t)
	if first.Get("Message-Id") != second.Get("Message-Id") || !strings.Contains(one, "token=t1\n") || !strings.Contains(two, "token=t101\n") {
		t.Errorf("%s\n%s\n%s\n%s", first.Get("Message-Id"), one, second.Get("Message-Id"), two)
	}
}

// What is refused for good is not tried again, and what says come later is.
func TestRefusals(t *testing.T) {
	s := realServer(t)
	site := newSite(t, memory.NewOutbox(), s.mailer())
	site.ask(t, "hard@example.com", "en")
	if err := site.Flush(t.Context()); err != nil {
		t.Errorf("refused for good: %v", err)
	}
	site.ask(t, "soft@example.com", "en")
	if err := site.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "451") {
		t.Errorf("refused for now: %v", err)
	}
	site.ahead.Store(int64(time.Minute))
	_ = site.Flush(t.Context())
	if n := site.tokens.Load(); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
}

// How many mails a worker sends in a second, through the real server.
func BenchmarkWorker(b *testing.B) {
	s := realServer(b)
	site := newSite(b, memory.NewOutbox(), s.mailer())
	to := address(b)
	for range b.N {
		site.ask(b, to, "en")
	}
	b.ResetTimer()
	if err := site.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
