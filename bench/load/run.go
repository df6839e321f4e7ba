package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Config says what [Run] does.
type Config struct {
	Sites    []string      // where the processes of the one site are: "http://127.0.0.1:8080"
	Accounts []Account     // whose password is [Password]; several clients share one
	Clients  int           // how many do something at the same time
	Duration time.Duration // for how long
}

// A Report says what the clients saw.
type Report struct {
	Requests int64            `json:"requests"`
	PerSec   float64          `json:"per_second"`
	Wrong    int64            `json:"wrong"`
	Faults   []string         `json:"faults,omitempty"` // what was wrong, each once, 50 at most
	Of       map[string]int64 `json:"of"`               // how many requests of each sort
	P50      time.Duration    `json:"p50_ns"`
	P99      time.Duration    `json:"p99_ns"`
	Max      time.Duration    `json:"max_ns"`
}

type run struct {
	Config
	http  *http.Client
	start time.Time

	mu     sync.Mutex
	of     map[string]int64
	spent  []time.Duration
	faults []string
	wrongs atomic.Int64
}

// Run has clients use the sites until the time is over or ctx ends.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if len(cfg.Sites) == 0 || len(cfg.Accounts) == 0 || cfg.Clients < 1 {
		return Report{}, errors.New("load: Config needs Sites, Accounts and Clients")
	}
	transport := &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: cfg.Clients}
	defer transport.CloseIdleConnections()
	r := &run{
		Config: cfg, start: time.Now().Add(-1), of: map[string]int64{},
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	users := make([]*user, len(cfg.Accounts))
	for i, a := range cfg.Accounts {
		users[i] = &user{Account: a}
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Duration)
	defer cancel()
	var wg sync.WaitGroup
	for i := range cfg.Clients {
		c := &client{run: r, user: users[i%len(users)], random: rand.New(rand.NewPCG(uint64(i), uint64(r.start.UnixNano())))}
		wg.Go(func() {
			for ctx.Err() == nil {
				c.act()
			}
		})
	}
	wg.Wait()
	return r.report(), nil
}

// now is how long the run has lasted, more than 0.
func (r *run) now() time.Duration { return time.Since(r.start) }

func (r *run) count(what string, spent time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[what]++
	r.spent = append(r.spent, spent)
}

func (r *run) wrong(what string) {
	r.wrongs.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.faults) < 50 && !slices.Contains(r.faults, what) {
		r.faults = append(r.faults, what)
	}
}

func (r *run) report() Report {
	p := Report{Requests: int64(len(r.spent)), Wrong: r.wrongs.Load(), Faults: r.faults, Of: r.of}
	p.PerSec = float64(p.Requests) / r.now().Seconds()
	if n := len(r.spent); n > 0 {
		slices.Sort(r.spent)
		p.P50, p.P99, p.Max = r.spent[n/2], r.spent[n*99/100], r.spent[n-1]
	}
	return p
}
