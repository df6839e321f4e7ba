package backends_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/internal/servers"
	"github.com/gatehouse-go/gatehouse/stores/internal/backends"
)

// recoverWithin is how long after its store can be used again a site may answer
// 503.
const recoverWithin = 5 * time.Second

// A load is people who use a site all the time and remember what they were told.
type load struct {
	s    *site
	ids  []string
	done chan struct{}
	all  sync.WaitGroup

	logins, refused atomic.Int64 // told that they are in; told 503

	mu   sync.Mutex
	in   []*browser // told that they are logged in, and did nothing since
	out  []*browser // told that they are logged out
	want map[*browser]string
}

func address(i int) string { return fmt.Sprintf("ada%d@example.com", i) }

// use begins a load of n people on a site.
func use(t *testing.T, s *site, n int) *load {
	t.Helper()
	l := &load{s: s, done: make(chan struct{}), want: map[*browser]string{}}
	for i := range n {
		l.ids = append(l.ids, s.register(address(i)))
	}
	for i := range n {
		l.all.Go(func() {
			for j := 0; ; j++ {
				select {
				case <-l.done:
					return
				default:
					l.person(t, i, j)
				}
			}
		})
	}
	return l
}

// person logs in, looks around, and perhaps logs out.
func (l *load) person(t *testing.T, i, j int) {
	b := l.s.browser()
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
	defer cancel()
	b.ctx = ctx
	r := b.logIn(address(i), good)
	if !l.isIn(t, "logging in", r) {
		if r.sets("sid") {
			t.Error("503 and a session")
		}
		time.Sleep(10 * time.Millisecond)
		return
	}
	l.logins.Add(1)
	for range 3 {
		if r := b.get("/me"); l.isIn(t, "GET /me", r) && r.text != l.ids[i] {
			t.Errorf("%s is %q", l.ids[i], r.text)
		}
	}
	tab := b.tab()
	tab.ctx = ctx
	told := &l.in
	if j%2 == 0 {
		if !l.isIn(t, "logging out", tab.post("/auth/logout")) {
			return // nobody knows
		}
		told = &l.out
	}
	b.ctx = t.Context()
	l.mu.Lock()
	defer l.mu.Unlock()
	*told = append(*told, b)
	l.want[b] = l.ids[i]
}

// isIn reports whether the answer is 200. It may be 503, and nothing else: an outage
// logs nobody out.
func (l *load) isIn(t *testing.T, what string, r reply) bool {
	switch r.status {
	case http.StatusOK:
		return true
	case http.StatusServiceUnavailable:
		l.refused.Add(1)
	default:
		t.Errorf("%s during the outage: %d %s", what, r.status, r.text)
	}
	return false
}

// waitFor waits until n more have logged in.
func (l *load) waitFor(t *testing.T, n int64, within time.Duration) {
	t.Helper()
	want, until := l.logins.Load()+n, time.Now().Add(within)
	for l.logins.Load() < want {
		if time.Now().After(until) {
			t.Fatalf("nobody can log in for %v\n%s", within, tailOf(l.s.log.String()))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func tailOf(log string) string {
	lines := strings.Split(log, "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// outage waits until somebody has been told 503.
func (l *load) outage(t *testing.T) {
	t.Helper()
	until := time.Now().Add(10 * time.Second)
	for l.refused.Load() == 0 {
		if time.Now().After(until) {
			t.Fatal("nobody was told 503")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stop ends the load.
func (l *load) stop() {
	close(l.done)
	l.all.Wait()
}

// check requires that everybody is what they were told, at each of the sites; if
// nothing is kept, that nobody is logged in who began before.
func (l *load) check(t *testing.T, kept bool, sites ...*site) {
	t.Helper()
	if len(l.in) == 0 || len(l.out) == 0 {
		t.Fatalf("%d are in and %d are out: nothing to check", len(l.in), len(l.out))
	}
	for _, s := range sites {
		for _, b := range l.in {
			want := l.want[b]
			if !kept {
				want = ""
			}
			if who := b.tab().at(s).who(); who != want {
				t.Errorf("who was told that they are logged in is %q, want %q", who, want)
			}
		}
		for _, b := range l.out {
			if who := b.tab().at(s).who(); who != "" {
				t.Errorf("who was told that they are logged out is %q", who)
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d logins, %d answers 503, %d were in, %d were out", l.logins.Load(), l.refused.Load(), len(l.in), len(l.out))
}

// A database is killed and restarted while people use the site: 503 until it is
// back, then all as they were told, without anybody doing anything to the site.
func TestDatabaseRestarted(t *testing.T) {
	for name, start := range map[string]func(t testing.TB) *servers.Server{
		"PostgreSQL": func(t testing.TB) *servers.Server { return servers.Postgres(t) },
		"MariaDB":    func(t testing.TB) *servers.Server { return servers.MariaDB(t) },
	} {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			p := newPlace(backends.At(t, db.DSN()), "restarted")
			s := p.open(t)
			l := use(t, s, 6)
			l.waitFor(t, 12, time.Minute)

			db.Kill()
			l.outage(t)
			db.Start()
			l.waitFor(t, 12, recoverWithin)

			db.Restart()
			l.waitFor(t, 12, recoverWithin)
			l.stop()
			l.check(t, true, s, p.open(t))
		})
	}
}

// Redis is killed. With appendfsync always what was acknowledged is there, and who was
// logged out stays so; without persistence everybody is logged out, and nobody comes
// back.
func TestRedisKilled(t *testing.T) {
	for name, test := range map[string]struct {
		settings []string
		kept     bool
	}{
		"appendfsync always": {[]string{"--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"}, true},
		"no persistence":     {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			db := servers.Redis(t, test.settings...)
			p := newPlace(backends.At(t, db.DSN()), "killed")
			s := p.open(t)
			l := use(t, s, 6)
			l.waitFor(t, 60, time.Minute)
			if !test.kept { // sessions of now are not those of later
				l.stop()
				db.Kill()
				b := l.in[0].tab()
				if r := b.get("/me"); r.status != http.StatusServiceUnavailable || len(r.header["Set-Cookie"]) != 0 {
					t.Errorf("while it is down: %d, cookies %q", r.status, r.header["Set-Cookie"])
				}
				db.Start()
				recovers(t, s)
				l.check(t, false, s, p.open(t))
				return
			}
			db.Kill()
			l.outage(t)
			db.Start()
			l.waitFor(t, 12, recoverWithin)
			l.stop()
			l.check(t, true, s, p.open(t))
		})
	}
}

// recovers waits until the site lets people log in.
func recovers(t *testing.T, s *site) { t.Helper(); recoversAs(t, s, address(0)) }

func recoversAs(t *testing.T, s *site, email string) {
	t.Helper()
	until := time.Now().Add(recoverWithin)
	for {
		r := s.browser().logIn(email, good)
		if r.status == http.StatusOK {
			return
		}
		if r.status != http.StatusServiceUnavailable || time.Now().After(until) {
			t.Fatalf("logging in when the store is back: %d %s\n%s", r.status, r.text, tailOf(s.log.String()))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// proxied returns a backend of a server behind a proxy.
func proxied(t *testing.T, db *servers.Server) (*backends.Backend, *servers.Proxy) {
	t.Helper()
	proxy := servers.NewProxy(t, db.Addr())
	return backends.At(t, strings.Replace(db.DSN(), db.Addr(), proxy.Addr(), 1)), proxy
}

func eachServer(t *testing.T, test func(t *testing.T, db *servers.Server)) {
	for name, start := range map[string]func(t testing.TB) *servers.Server{
		"PostgreSQL": func(t testing.TB) *servers.Server { return servers.Postgres(t) },
		"MariaDB":    func(t testing.TB) *servers.Server { return servers.MariaDB(t) },
		"Redis":      func(t testing.TB) *servers.Server { return servers.Redis(t) },
	} {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

// The connection is lost after the server has done what it was asked for, at each
// request to it that a flow makes: whoever tries again is let in, nobody is there
// twice, and nobody is in who was told 503.
func TestRepliesLost(t *testing.T) {
	eachServer(t, func(t *testing.T, db *servers.Server) {
		b, proxy := proxied(t, db)
		all := flows()
		failsAt(t, newPlace(b, "lost"), all[1:4], func(s *site, k int) func() bool {
			before := proxy.Lost()
			proxy.LoseReplyAt(k)
			return func() bool {
				proxy.LoseReplyAt(0)
				return proxy.Lost() > before
			}
		})
	})
}

// Connections are cut, refused, and go dumb while people use the site.
func TestConnectionsLost(t *testing.T) {
	eachServer(t, func(t *testing.T, db *servers.Server) {
		b, proxy := proxied(t, db)
		p := newPlace(b, "cut")
		s := p.open(t)
		l := use(t, s, 4)
		l.waitFor(t, 8, time.Minute)
		for range 3 {
			proxy.Cut()
			l.waitFor(t, 8, recoverWithin)
		}
		proxy.Refuse(true)
		proxy.Cut()
		l.outage(t)
		proxy.Refuse(false)
		l.waitFor(t, 8, recoverWithin)
		for i := range 3 {
			proxy.CutAfter(int64(1000 + 777*i))
			l.waitFor(t, 8, recoverWithin)
		}
		l.stop()
		l.check(t, true, s, p.open(t))

		// It hears and does not answer: who has a second gets 503 in little more.
		proxy.Mute(true)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		dumb := l.in[0].tab()
		dumb.ctx = ctx
		if r := dumb.get("/me"); r.status != http.StatusServiceUnavailable || len(r.header["Set-Cookie"]) != 0 {
			t.Errorf("while it does not answer: %d %s", r.status, r.text)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("503 after %v", took)
		}
		proxy.Mute(false)
		recovers(t, s)
		if who := l.in[0].tab().who(); who == "" {
			t.Error("who was logged in is not")
		}
	})
}
