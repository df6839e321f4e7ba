package bench_test

import (
	"context"
	"crypto/rand"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/bench"
)

// An authenticated request on Redis is one GET.
func TestCommandsOfARequest(t *testing.T) {
	opts, err := redis.ParseURL(server(t, "GATEHOUSE_TEST_REDIS"))
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	defer client.Close()
	prefix := "bench:" + rand.Text()[:16]
	defer bench.Unlink(t.Context(), client, prefix)
	log := &commandLog{}
	client.AddHook(log)
	site, err := bench.NewRedis(client, prefix)
	if err != nil {
		t.Fatal(err)
	}
	w, r := loggedIn(t, site)
	for range 3 {
		log.take()
		w.Reset()
		site.Private.ServeHTTP(w, r)
		if w.User == nil || w.User.ID != bench.UserID(3) {
			t.Fatalf("the user is %v", w.User)
		}
		if got := log.take(); len(got) != 1 || !strings.HasPrefix(got[0], "get "+prefix+":s:") {
			t.Errorf("the commands are %q", got)
		}
	}
	// Nothing that cannot be a token reaches the server.
	r.Header.Set("Cookie", r.Header.Get("Cookie")+"!")
	site.Private.ServeHTTP(w, r)
	if got := log.take(); len(got) != 0 {
		t.Errorf("for a malformed cookie the commands are %q", got)
	}
}

// A commandLog has what is sent to Redis: the names of commands and their keys.
type commandLog struct {
	mu   sync.Mutex
	list []string
}

func (l *commandLog) add(cmd redis.Cmder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := cmd.Name()
	if args := cmd.Args(); len(args) > 1 {
		key, _ := args[1].(string)
		text += " " + key
	}
	l.list = append(l.list, text)
}

func (l *commandLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.list
	l.list = nil
	return all
}

// DialHook implements [redis.Hook].
func (l *commandLog) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook implements [redis.Hook].
func (l *commandLog) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		l.add(cmd)
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements [redis.Hook].
func (l *commandLog) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			l.add(cmd)
		}
		return next(ctx, cmds)
	}
}
