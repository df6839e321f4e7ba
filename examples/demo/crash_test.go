package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// childEnv makes the test binary a demo that hashes quickly: what is to be
// interrupted are the writes.
const childEnv = "DEMO_CHILD"

// childAheadEnv is by how much its clock is ahead.
const childAheadEnv = "DEMO_CHILD_AHEAD"

func child() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := parse(os.Args[1:])
	if err == nil {
		c.hasher = quick
		if ahead, err := time.ParseDuration(os.Getenv(childAheadEnv)); err == nil && ahead > 0 {
			c.now = func() time.Time { return time.Now().Add(ahead) }
		}
		err = serve(ctx, c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 1
	}
	return 0
}

// TestCrash kills the demo at random moments, while people register, log in,
// change their passwords and log out, and starts it again on the same file.
// No user may be half made, and nothing that was acknowledged may be lost.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("short: kills the demo 55 times")
	}
	t.Run("quick", func(t *testing.T) {
		crash(t, 50, 500*time.Millisecond, func(args ...string) *exec.Cmd {
			cmd := exec.Command(os.Args[0], args...)
			cmd.Env = append(os.Environ(), childEnv+"=1")
			return cmd
		})
	})
	t.Run("as built", func(t *testing.T) {
		name, err := program()
		if err != nil {
			t.Fatal(err)
		}
		crash(t, 5, 2*time.Second, func(args ...string) *exec.Cmd { return exec.Command(name, args...) })
	})
}

func crash(t *testing.T, lives int, longest time.Duration, command func(args ...string) *exec.Cmd) {
	seed := mathrand.Uint64()
	t.Logf("seed %d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	db := file(t)
	args := []string{"-addr", "127.0.0.1:0", "-trusted-proxies", "127.0.0.0/8", "-db", db}
	w := &world{t: t, users: map[string]*someone{}, logins: map[string]*login{}}
	inBoot := 0
	for life := range lives {
		// Sometimes it does not even live to serve.
		if life%7 == 3 {
			cmd := command(args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
			inBoot++
			continue
		}
		p := start(t, command(args...))
		if p.url == "" {
			p.stop()
			t.Fatalf("life %d: does not come back: %s", life+1, p.logs.String())
		}
		w.url = p.url
		w.check(db, random, false)
		ends := time.Duration(random.Int64N(int64(longest)))
		kill := time.AfterFunc(ends, func() { _ = p.Process.Kill() }) // SIGKILL
		if life%2 == 0 {                                              // something comes of this one, however slow the machine is
			kill.Stop()
			w.after(3, func() { kill.Reset(ends) })
		}
		var wg sync.WaitGroup
		for range 4 {
			mine := mathrand.New(mathrand.NewPCG(random.Uint64(), 0))
			wg.Go(func() {
				for w.act(mine) {
				}
			})
		}
		wg.Wait() // until nobody gets an answer any more
		kill.Stop()
		p.stop()
		if bad := complaints(p.logs.String()); bad != "" {
			t.Errorf("life %d: %s", life+1, bad)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	p := start(t, command(args...))
	defer p.stop()
	if w.url = p.url; p.url == "" {
		t.Fatalf("does not come back: %s", p.logs.String())
	}
	w.check(db, random, true)
	t.Logf("killed %d times, %d of them before it served; %d users, %d sessions, %d answers never came", lives, inBoot, len(w.users), len(w.logins), w.unknown)
	if len(w.users) < lives/2 || w.unknown < lives/5 {
		t.Errorf("only %d users and %d interrupted requests in %d lives: too little happens", len(w.users), w.unknown, lives)
	}
}

// A fate is what is known of a session.
type fate int

const (
	unknown fate = iota // something was asked for, and the answer never came
	alive
	ended
)

// A login is what is known of a session, by the value of its cookie.
type login struct {
	email string
	fate
}

// A someone is what is known of a user. Whoever logs in or changes the
// password holds the lock, so that what is known is in order.
type someone struct {
	sync.Mutex
	passwords []string // one of them is right; two if a change was not acknowledged
	checked   bool
}

// A world is what the clients have been told.
type world struct {
	t   *testing.T
	url string

	mu      sync.Mutex
	users   map[string]*someone
	logins  map[string]*login
	fresh   []string // sessions since the last check
	unknown int      // answers that never came
	answers int      // until then is called
	then    func()
}

// after has f called after that many answers.
func (w *world) after(answers int, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers, w.then = answers, f
}

// transport is shared: a client for each request would be a connection for
// each.
var transport = &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Second}

// send sends JSON from an address of its own, with no cookie but this session.
// ok is false if the answer never came.
func (w *world) send(path, session string, fields ...string) (a answer, ok bool) {
	c := newClient(w.t, w.url, true)
	c.client.Jar, c.client.Transport = nil, transport
	var b [3]byte
	rand.Read(b[:])
	c.header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", b[0], b[1], b[2]))
	if session != "" {
		c.header.Set("Cookie", "sid="+session)
	}
	method, contentType, body := "GET", "", ""
	if path != "/auth/session" {
		method = "POST"
		contentType, body = c.encode(fields...)
	}
	a, err := c.try(method, path, contentType, body)
	return a, err == nil
}

// act does one thing at random. It returns false once there is no answer.
func (w *world) act(random *mathrand.Rand) bool {
	email, session := w.pick(random)
	what := random.IntN(10)
	switch {
	case what < 4 || email == "":
		email, password := strings.ToLower(rand.Text())+"@example.com", rand.Text()
		a, ok := w.send("/auth/register", "", "email", email, "password", password)
		if !w.told(a, ok, 201) {
			return ok
		}
		w.mu.Lock()
		w.users[email] = &someone{passwords: []string{password}}
		w.mu.Unlock()
		w.begun(a, email)
		return true
	case what < 6 && session != "":
		l := w.doubt(session)
		a, ok := w.send("/auth/logout", session)
		if w.told(a, ok, 200) {
			w.settle(ended, l)
		}
		return ok
	}
	w.mu.Lock()
	u := w.users[email]
	w.mu.Unlock()
	u.Lock()
	defer u.Unlock()
	if len(u.passwords) > 1 {
		return true // check finds out which is right
	}
	a, ok := w.send("/auth/login", "", "email", email, "password", u.passwords[0])
	if !w.told(a, ok, 200) {
		return ok
	}
	w.begun(a, email)
	if what < 9 {
		return true
	}
	next := rand.Text()
	all := w.doubtAll(email)
	u.passwords = append(u.passwords, next)
	a, ok = w.send("/auth/password", sid(a), "current", u.passwords[0], "password", next)
	if w.told(a, ok, 200) {
		u.passwords = u.passwords[1:]
		w.settle(ended, all...)
		w.begun(a, email)
	}
	return ok
}

// pick returns somebody, and a session that lives, or "" where there is none.
func (w *world) pick(random *mathrand.Rand) (email, session string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var live []string
	for s, l := range w.logins {
		if l.fate == alive {
			live = append(live, s)
		}
	}
	slices.Sort(live)
	if len(live) > 0 {
		session = live[random.IntN(len(live))]
	}
	if emails := slices.Sorted(maps.Keys(w.users)); len(emails) > 0 {
		email = emails[random.IntN(len(emails))]
	}
	return email, session
}

// told notes whether there was an answer, and whether it was the one expected.
func (w *world) told(a answer, ok bool, status int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !ok {
		w.unknown++
		return false
	}
	if w.answers--; w.answers == 0 {
		w.then()
	}
	if a.StatusCode != status {
		w.t.Errorf("%s: want %d: %s", a.Request.URL.Path, status, a)
	}
	return a.StatusCode == status
}

func (w *world) begun(a answer, email string) {
	s := sid(a)
	if s == "" {
		w.t.Errorf("%s sets no cookie: %s", a.Request.URL.Path, a)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logins[s] = &login{email, alive}
	w.fresh = append(w.fresh, s)
}

// doubt says that something is about to happen to a session.
func (w *world) doubt(session string) *login {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.logins[session]
	if l.fate == alive {
		l.fate = unknown
	}
	return l
}

func (w *world) doubtAll(email string) (all []*login) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.logins {
		if l.email == email && l.fate == alive {
			l.fate = unknown
			all = append(all, l)
		}
	}
	return all
}

func (w *world) settle(f fate, all ...*login) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range all {
		l.fate = f
	}
}

func sid(a answer) string {
	for _, c := range a.Cookies() {
		if c.Name == "sid" {
			return c.Value
		}
	}
	return ""
}

// check compares what is known with what there is: all of it, or what is new
// and a sample. Nobody else acts meanwhile.
func (w *world) check(db string, random *mathrand.Rand, all bool) {
	w.t.Helper()
	w.checkTables(db)
	for _, email := range slices.Sorted(maps.Keys(w.users)) {
		u := w.users[email]
		if u.checked && len(u.passwords) == 1 && !all && random.IntN(50) > 0 {
			continue
		}
		u.checked = true
		var right []string
		for _, password := range u.passwords {
			a, ok := w.send("/auth/login", "", "email", email, "password", password)
			switch {
			case !ok:
				w.t.Fatal("no answer although nobody has killed it")
			case a.StatusCode == 200:
				right = append(right, password)
				w.begun(a, email)
			case a.StatusCode != 401 || len(u.passwords) == 1:
				w.t.Errorf("%s, whose registration was acknowledged, cannot log in: %s", email, a)
			}
		}
		if len(right) != 1 {
			w.t.Errorf("%s: %d of %d passwords are right", email, len(right), len(u.passwords))
			continue
		}
		u.passwords = right
	}
	check := w.fresh
	w.fresh = nil
	for s := range w.logins { // those which map order picks, for a sample
		if all || random.IntN(100) == 0 {
			check = append(check, s)
		}
	}
	for _, s := range check {
		l := w.logins[s]
		a, ok := w.send("/auth/session", s)
		if want := map[fate]int{alive: 200, ended: 401}[l.fate]; !ok || want != 0 && a.StatusCode != want {
			w.t.Errorf("a session of %s that should be %v: %v, %s", l.email, want, ok, a)
		}
	}
}

// checkTables looks into the database itself.
func (w *world) checkTables(db string) {
	w.t.Helper()
	d, err := open.DB(db)
	if err != nil {
		w.t.Fatal(err)
	}
	defer d.Close()
	count := func(query string) (n int) {
		w.t.Helper()
		if err := d.QueryRow(query).Scan(&n); err != nil {
			w.t.Fatal(err)
		}
		return n
	}
	const users, credentials = "gatehouse_users", "gatehouse_credentials"
	for _, kind := range []string{"email", "password", "account"} {
		query := "SELECT count(*) FROM " + users + " u WHERE 1 <> (SELECT count(*) FROM " + credentials + " c WHERE c.user_id = u.id AND c.kind = '" + kind + "')"
		if n := count(query); n != 0 {
			w.t.Errorf("%d users have not exactly one credential of kind %s", n, kind)
		}
	}
	for _, table := range []string{credentials, "gatehouse_sessions"} {
		if n := count("SELECT count(*) FROM " + table + " WHERE user_id NOT IN (SELECT id FROM " + users + ")"); n != 0 {
			w.t.Errorf("%d rows of %s belong to nobody", n, table)
		}
	}
	if n := count("SELECT count(*) FROM " + users); n < len(w.users) {
		w.t.Errorf("%d users, and %d were acknowledged", n, len(w.users))
	}
	var fine string
	if err := d.QueryRow("PRAGMA integrity_check").Scan(&fine); err != nil || fine != "ok" {
		w.t.Errorf("integrity: %s, %v", fine, err)
	}
}
