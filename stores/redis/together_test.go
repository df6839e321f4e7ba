package redisstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/internal/servers"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// A gate is a hook that sees the GETs of a client, alone or together.
type gate struct {
	mu    sync.Mutex
	sizes []int // of what was sent together
	// before and after are called with the GETs of a round trip, before it is
	// made and when its replies are there.
	before, after func(ctx context.Context, cmds []redis.Cmder)
}

func (g *gate) pass(ctx context.Context, cmds []redis.Cmder, next func() error) error {
	if cmds[0].Name() != "get" {
		return next()
	}
	g.mu.Lock()
	g.sizes = append(g.sizes, len(cmds))
	g.mu.Unlock()
	if g.before != nil {
		g.before(ctx, cmds)
	}
	err := next()
	if g.after != nil {
		g.after(ctx, cmds)
	}
	return err
}

func (g *gate) DialHook(next redis.DialHook) redis.DialHook { return next }

func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return g.pass(ctx, []redis.Cmder{cmd}, func() error { return next(ctx, cmd) })
	}
}

func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return g.pass(ctx, cmds, func() error { return next(ctx, cmds) })
	}
}

// A crowd is of those who load sessions from a store whose lanes are taken.
type crowd struct {
	t       *testing.T
	s       *redisstore.Store
	g       *gate
	prefix  string
	open    func() // lets those through that have taken the lanes
	callers sync.WaitGroup
}

// newCrowd takes the lanes with loads of session 0, which have been answered by
// the server and do not return before open. Sessions 0 to n-1 exist.
func newCrowd(t *testing.T, n int) *crowd {
	t.Helper()
	s, prefix := newStore(t, redisstore.Options{})
	for i := range n {
		must(t, s.CreateSession(t.Context(), newSession(i, "u")))
	}
	c := newClient(t, server(t))
	g := &gate{}
	c.AddHook(g)
	own, err := redisstore.New(c, &redisstore.Options{Prefix: prefix})
	must(t, err)
	own.SetPatience(time.Hour)
	held, shut := make(chan struct{}, redisstore.Lanes), make(chan struct{})
	var first atomic.Int32
	g.after = func(context.Context, []redis.Cmder) {
		if first.Add(1) <= redisstore.Lanes {
			held <- struct{}{}
			<-shut
		}
	}
	all := &crowd{t: t, s: own, g: g, prefix: prefix, open: sync.OnceFunc(func() { close(shut) })}
	t.Cleanup(func() {
		all.open()
		all.callers.Wait()
		if leading, waiting := own.Loads(); leading != 0 || waiting != 0 {
			t.Errorf("at the end %d are under way and %d wait", leading, waiting)
		}
		must(t, c.Close())
	})
	for range redisstore.Lanes {
		all.load(t.Context(), 0)
	}
	for range redisstore.Lanes {
		<-held
	}
	return all
}

// load has another caller load session i, and returns what tells its error.
func (c *crowd) load(ctx context.Context, i int) (result func() error) {
	err := make(chan error, 1)
	c.callers.Go(func() {
		v, failed := c.s.LoadSession(ctx, sid(i))
		if failed == nil && v.ID != sid(i) {
			failed = errors.New("it is the session of another")
		}
		err <- failed
	})
	return func() error {
		c.t.Helper()
		select {
		case err := <-err:
			return err
		case <-time.After(10 * time.Second):
			c.t.Fatal("a caller waits for ever")
			return nil
		}
	}
}

// wait waits until so many wait.
func (c *crowd) wait(n int) {
	c.t.Helper()
	for range 10_000 {
		if _, waiting := c.s.Loads(); waiting == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	c.t.Fatalf("there are never %d that wait", n)
}

// Those who come while the lanes are taken share a round trip, each gets its own
// answer, and there are not too many.
func TestTogether(t *testing.T) {
	const n = 2*redisstore.Most + 20
	c := newCrowd(t, n/2)
	results := make([]func() error, n)
	for i := range n {
		results[i] = c.load(t.Context(), i)
	}
	c.wait(n)
	c.open()
	for i, result := range results {
		if err := result(); i < n/2 && err != nil || i >= n/2 && !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("session %d of those up to %d: %v", i, n/2-1, err)
		}
	}
	c.callers.Wait()
	got := c.g.sizes[redisstore.Lanes:]
	if slices.Max(got) != redisstore.Most || len(got) > 3+redisstore.Lanes {
		t.Errorf("round trips of %d", got)
	}
}

// A caller that is alone sends what it always has.
func TestAlone(t *testing.T) {
	c := newCrowd(t, 1)
	c.open()
	c.callers.Wait()
	for range 3 {
		must(t, c.load(t.Context(), 0)())
	}
	if len(c.g.sizes) != 3+redisstore.Lanes || slices.Max(c.g.sizes) != 1 {
		t.Errorf("round trips of %d, want them of one", c.g.sizes)
	}
}

// Who calls after a session was deleted does not find it, although its load is
// under way that others have sent before.
func TestRevokedAtOnce(t *testing.T) {
	c := newCrowd(t, 2)
	early := c.load(t.Context(), 0)
	c.wait(1)
	must(t, c.s.DeleteSession(t.Context(), sid(0)))
	late, other := c.load(t.Context(), 0), c.load(t.Context(), 1)
	c.wait(3)
	c.open()
	for name, result := range map[string]func() error{"before it was sent": early, "after the session was deleted": late} {
		if err := result(); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("a load that came %s: %v, want %v", name, err, auth.ErrNotFound)
		}
	}
	must(t, other())
}

// The same with many at once.
func TestRevokedAtOnceByMany(t *testing.T) {
	const n, readers = 200, 64
	s, _ := newStore(t, redisstore.Options{})
	for i := range n {
		must(t, s.CreateSession(t.Context(), newSession(i, "u")))
	}
	var deleted [n]atomic.Bool
	var at atomic.Int32
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for {
				i := int(at.Load())
				if i == n {
					return
				}
				gone := deleted[i].Load()
				v, err := s.LoadSession(t.Context(), sid(i))
				switch {
				case gone && !errors.Is(err, auth.ErrNotFound):
					t.Errorf("session %d is deleted, and then loaded: %v", i, err)
				case err != nil && !errors.Is(err, auth.ErrNotFound):
					t.Error(err)
				case err == nil && v.ID != sid(i):
					t.Errorf("session %x for %d", v.ID, i)
				}
			}
		})
	}
	for i := range n {
		if err := s.DeleteSession(t.Context(), sid(i)); err != nil {
			t.Error(err)
		}
		deleted[i].Store(true)
		if _, err := s.LoadSession(t.Context(), sid(i)); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("session %d by who has deleted it: %v", i, err)
		}
		at.Add(1)
	}
	wg.Wait()
}

// Who waits leaves when its context ends, and is no matter to the others.
func TestLeaving(t *testing.T) {
	c := newCrowd(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	leaver := c.load(ctx, 0)
	c.wait(1)
	stayer := c.load(t.Context(), 1)
	c.wait(2)
	cancel()
	if err := leaver(); !errors.Is(err, context.Canceled) || errors.Is(err, auth.ErrNotFound) {
		t.Errorf("it leaves with %v, want %v", err, context.Canceled)
	}
	c.wait(1)
	c.open()
	must(t, stayer())
}

// deaf is a context that has ended when it is asked, and does not tell before.
type deaf struct {
	context.Context
	ended *atomic.Bool
}

func (d deaf) Done() <-chan struct{} { return nil }
func (d deaf) Err() error {
	if d.ended.Load() {
		return context.Canceled
	}
	return nil
}

// Who is to lead when its context has ended lets another lead.
func TestLeavingTheLead(t *testing.T) {
	c := newCrowd(t, 2)
	var ended atomic.Bool
	leader := c.load(deaf{t.Context(), &ended}, 0)
	c.wait(1)
	others := []func() error{c.load(t.Context(), 1), c.load(t.Context(), 0)}
	c.wait(3)
	ended.Store(true)
	c.open()
	if err := leader(); !errors.Is(err, context.Canceled) {
		t.Errorf("who was to lead: %v, want %v", err, context.Canceled)
	}
	for _, result := range others {
		must(t, result())
	}
}

// That the context of who leads is canceled under way is nothing to the others,
// and who leads is one whose deadline is not before those of the others.
func TestDeadlinesTogether(t *testing.T) {
	const lasts = time.Hour
	for name, last := range map[string]time.Duration{"a deadline": lasts, "none": 0} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, 3)
			with := func(d time.Duration) (context.Context, context.CancelFunc) {
				if d == 0 {
					return context.WithCancel(t.Context())
				}
				return context.WithTimeout(t.Context(), d)
			}
			var results []func() error
			var cancels []func()
			for i, d := range []time.Duration{time.Minute, last, 2 * time.Minute} {
				ctx, cancel := with(d)
				defer cancel()
				cancels = append(cancels, cancel)
				results = append(results, c.load(ctx, i))
				c.wait(i + 1)
			}
			var once sync.Once
			c.g.before = func(ctx context.Context, cmds []redis.Cmder) {
				once.Do(func() {
					until, ok := ctx.Deadline()
					if len(cmds) != 3 || ok != (last > 0) || ok && time.Until(until) < lasts/2 {
						t.Errorf("%d go together until %v, %v", len(cmds), until, ok)
					}
					cancels[1]()
				})
			}
			c.open()
			must(t, results[0]())
			must(t, results[2]())
		})
	}
}

// One that fails is no matter to the others, whichever comes first.
func TestErrorOfOne(t *testing.T) {
	client := newClient(t, server(t))
	defer client.Close()
	for _, order := range [][]int{{2, 1, 0}, {0, 1, 2}, {1, 2, 0}} {
		c := newCrowd(t, 1)
		must(t, client.LPush(t.Context(), c.s.SessionKey(sid(2)), "not a session").Err())
		var results []func() error
		for i, id := range order {
			results = append(results, c.load(t.Context(), id))
			c.wait(i + 1)
		}
		c.open()
		for i, id := range order {
			err := results[i]()
			switch {
			case id == 0 && err != nil,
				id == 1 && !errors.Is(err, auth.ErrNotFound),
				id == 2 && !redis.HasErrorPrefix(errors.Unwrap(err), "WRONGTYPE"):
				t.Errorf("session %d of %d: %v", id, order, err)
			}
		}
	}
}

// A panic under way is its caller's, and an outage to the others.
func TestPanicTogether(t *testing.T) {
	c := newCrowd(t, 1)
	var panicked atomic.Int32
	var errs atomic.Int32
	for i := range 5 {
		c.callers.Go(func() {
			defer func() {
				if recover() != nil {
					panicked.Add(1)
				}
			}()
			if _, err := c.s.LoadSession(t.Context(), sid(0)); err != nil && !errors.Is(err, auth.ErrNotFound) {
				errs.Add(1)
			}
		})
		c.wait(i + 1)
	}
	c.g.before = func(context.Context, []redis.Cmder) { panic("a hook") }
	c.open()
	c.callers.Wait()
	if panicked.Load() != 1 || errs.Load() != 4 {
		t.Errorf("%d have panicked and %d have failed, want 1 and 4", panicked.Load(), errs.Load())
	}
	c.g.before = nil
	must(t, c.load(t.Context(), 0)())
}

// One connection that is stuck does not keep everybody: after a while the next
// to come sets out, and takes along who waits.
func TestPatience(t *testing.T) {
	c := newCrowd(t, 3)
	waits := c.load(t.Context(), 1)
	c.wait(1)
	c.s.SetPatience(0)
	must(t, c.load(t.Context(), 2)())
	must(t, waits())
	if got := c.g.sizes[redisstore.Lanes:]; !slices.Equal(got, []int{2}) {
		t.Errorf("round trips of %d, want one of two", got)
	}
}

// But not who has longer than itself.
func TestPatienceWithDeadline(t *testing.T) {
	c := newCrowd(t, 3)
	waits := c.load(t.Context(), 1)
	c.wait(1)
	c.s.SetPatience(0)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must(t, c.load(ctx, 2)())
	must(t, waits())
	if got := c.g.sizes[redisstore.Lanes:]; !slices.Equal(got, []int{1, 1}) {
		t.Errorf("round trips of %d, want two of one", got)
	}
}

// Whatever becomes of the server and of contexts, nobody waits for ever, nobody
// gets a wrong answer, and nothing is left running.
func TestTogetherInTrouble(t *testing.T) {
	ownServer(t)
	s, prefix := newStore(t, redisstore.Options{})
	const n = 100
	for i := range n {
		must(t, s.CreateSession(t.Context(), newSession(i, "u")))
	}
	o, err := redis.ParseURL(server(t))
	must(t, err)
	proxy := servers.NewProxy(t, o.Addr)
	store := func() *redisstore.Store {
		s, err := redisstore.Open("redis://"+proxy.Addr()+"/0?read_timeout=200ms&dial_timeout=200ms&pool_size=4", &redisstore.Options{Prefix: prefix})
		must(t, err)
		return s
	}
	before := runtime.NumGoroutine()
	troubled := store()
	for name, trouble := range map[string]func(){
		"cut":     proxy.Cut,
		"in part": func() { proxy.CutAfter(1000) },
		"lost":    func() { proxy.LoseReply(":s:") },
		"mute":    func() { proxy.Mute(true); time.Sleep(50 * time.Millisecond); proxy.Mute(false); proxy.Cut() },
		"down":    func() { proxy.Refuse(true); proxy.Cut(); time.Sleep(20 * time.Millisecond); proxy.Refuse(false) },
	} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			var good, bad atomic.Int32
			stop := make(chan struct{})
			for range 64 {
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						i := rand.IntN(n + 10)
						ctx, cancel := t.Context(), func() {}
						if i%3 == 0 {
							ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(3000))*time.Microsecond)
						}
						begun := time.Now()
						v, err := troubled.LoadSession(ctx, sid(i))
						cancel()
						switch missing := errors.Is(err, auth.ErrNotFound); {
						case err != nil && !missing:
							bad.Add(1)
						case missing != (i >= n), err == nil && v.ID != sid(i):
							t.Errorf("session %d of those up to %d: %v, %v", i, n-1, v, err)
						default:
							good.Add(1)
						}
						if took := time.Since(begun); took > 5*time.Second {
							t.Errorf("a load took %v", took)
						}
					}
				})
			}
			for range 10 {
				time.Sleep(10 * time.Millisecond)
				trouble()
			}
			close(stop)
			wg.Wait()
			if leading, waiting := troubled.Loads(); leading != 0 || waiting != 0 {
				t.Errorf("%d are under way and %d wait, and there is nobody", leading, waiting)
			}
			if good.Load() == 0 || bad.Load() == 0 {
				t.Errorf("%d loads were good and %d failed", good.Load(), bad.Load())
			}
			// The pool needs a second to find that the server is back.
			for try := 0; ; try++ {
				_, err := troubled.LoadSession(t.Context(), sid(0))
				if err == nil {
					break
				}
				if try == 500 {
					t.Fatalf("afterwards: %v", err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	must(t, troubled.Close())
	proxy.Cut()
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines were running, and now %d", before, runtime.NumGoroutine())
}
