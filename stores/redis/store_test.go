package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/health"
	"github.com/gatehouse-go/gatehouse/internal/servers"
	"github.com/gatehouse-go/gatehouse/stores/memory"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// New names everything that is wrong, with its field.
func TestNewRefuses(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
	defer ring.Close() // it looks after its servers
	for _, c := range []struct {
		name   string
		client redis.UniversalClient
		opts   redisstore.Options
		want   []string
	}{
		{"all", nil, redisstore.Options{Prefix: "a{b}", Slack: time.Microsecond}, []string{"client is nil", "Options.Prefix", "Options.Slack"}},
		{"nil pointer", (*redis.Client)(nil), redisstore.Options{}, []string{"client is nil"}},
		{"nil cluster", (*redis.ClusterClient)(nil), redisstore.Options{}, []string{"client is nil"}},
		{"long prefix", redis.NewClient(&redis.Options{}), redisstore.Options{Prefix: strings.Repeat("x", 33)}, []string{"Options.Prefix"}},
		{"negative slack", redis.NewClient(&redis.Options{}), redisstore.Options{Slack: -time.Hour}, []string{"Options.Slack"}},
		{"replicas", redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, RouteRandomly: true}), redisstore.Options{}, []string{"reads from replicas"}},
		{"ring", ring, redisstore.Options{}, []string{"comes back"}},
		{"cache", redis.NewClient(&redis.Options{ClientSideCacheConfig: &redis.ClientSideCacheConfig{}}), redisstore.Options{}, []string{"client-side cache"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := redisstore.New(c.client, &c.opts)
			if err == nil || s != nil {
				t.Fatalf("New: %v, %v, want an error", s, err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, want one with %q", err, want)
				}
			}
		})
	}
}

// No error repeats what may be a password.
func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{
		"", "127.0.0.1:6379", "http://127.0.0.1", "redis://127.0.0.1/x", "redis://127.0.0.1/0/1", "redis://127.0.0.1?retries=1",
		"redis://:s3cret@127.0.0.1/x", "redis://:s3cret/@127.0.0.1", "redis://:s3cret?@127.0.0.1", "redis://:s3#cret@127.0.0.1",
		"redis://:6379?s3cret@127.0.0.1", "redis://a:s3cret%zz@127.0.0.1", "postgres://a:s3cret@127.0.0.1", "redis://a b:s3cret@127.0.0.1:port",
		"unix://:s3cret@", "redis://:s3cret%40127.0.0.1", "redis://user:s3cret", "redis://127.0.0.1:s3cret/0", "redis://s3cret%zz",
	} {
		s, err := redisstore.Open(url, nil)
		if err == nil {
			t.Errorf("Open(%q): no error", url)
			must(t, s.Close())
			continue
		}
		for _, secret := range []string{"s3", "cret"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("Open(%q): a password is in %q", url, err)
			}
		}
	}
}

func TestClose(t *testing.T) {
	ownServer(t)
	s, err := redisstore.Open("redis://127.0.0.1:1", nil)
	must(t, err)
	must(t, s.Close())
	must(t, s.Close())
	if _, err := s.LoadSession(t.Context(), sid(0)); err == nil || errors.Is(err, auth.ErrNotFound) {
		t.Errorf("LoadSession of a closed store: %v, want an outage", err)
	}
	c := newClient(t, server(t))
	defer c.Close()
	s, err = redisstore.New(c, nil)
	must(t, err)
	must(t, s.Close())
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Errorf("the caller's client after Close: %v", err)
	}
}

// Credentials are refused by every verb, and by auth.New before there are any.
func TestCredentials(t *testing.T) {
	s, err := redisstore.Open("redis://127.0.0.1:1", nil)
	must(t, err)
	defer s.Close()
	ctx := t.Context()
	_, loaded := s.LoadCredential(ctx, "password", "ada")
	_, listed := s.UserCredentials(ctx, "ada")
	for name, err := range map[string]error{
		"LoadCredential":    loaded,
		"UserCredentials":   listed,
		"ChangeCredentials": s.ChangeCredentials(ctx, auth.Change{New: &auth.Credential{Kind: "password", Key: "ada", UserID: "ada"}}),
		"KeepsCredentials":  s.KeepsCredentials(),
	} {
		if !errors.Is(err, redisstore.ErrCredentials) || errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%s: %v, want %v", name, err, redisstore.ErrCredentials)
		}
	}
	if _, err := auth.New(memory.NewUsers(), s, nil); err == nil || !strings.Contains(err.Error(), "auth.Combine") {
		t.Errorf("auth.New with credentials in Redis: %v, want an error that says what to do", err)
	}
	if _, err := auth.New(memory.NewUsers(), auth.Combine(memory.New(nil), auth.Parts{Sessions: s, Tickets: s, Limiter: s}), nil); err != nil && strings.Contains(err.Error(), "Redis") {
		t.Errorf("auth.New with the rest in Redis: %v", err)
	}
}

// A server that does not answer is an outage when the context ends, not when
// the client gets tired of waiting.
func TestDeadline(t *testing.T) {
	server := servers.Redis(t)
	s := open(t, server.DSN())
	must(t, s.CreateSession(t.Context(), newSession(0, "u")))
	c := newClient(t, server.DSN())
	defer c.Close()
	must(t, c.Do(t.Context(), "client", "pause", "1500", "all").Err())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := s.LoadSession(ctx, sid(0))
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, auth.ErrNotFound) {
		t.Errorf("LoadSession: %v, want %v", err, context.DeadlineExceeded)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("LoadSession waited for %v, want no longer than the context", took)
	}
	if _, err := s.LoadSession(t.Context(), sid(0)); err != nil {
		t.Errorf("LoadSession once the server answers: %v", err)
	}
}

// On a server that is full nobody can log in, and everybody can log out.
func TestFull(t *testing.T) {
	server := servers.Redis(t)
	s := open(t, server.DSN())
	ctx := t.Context()
	for i := range 5 {
		must(t, s.CreateSession(ctx, newSession(i, "u")))
	}
	must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "k", UserID: "u", Slot: "s"}))
	must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "l", UserID: "u"}))
	_, _, err := s.Count(ctx, "k", 0, t0)
	must(t, err)
	c := newClient(t, server.DSN())
	defer c.Close()
	must(t, c.ConfigSet(ctx, "maxmemory", "1").Err())

	for name, err := range map[string]error{
		"CreateSession": s.CreateSession(ctx, newSession(9, "u")),
		"UpdateSession": s.UpdateSession(ctx, newSession(0, "u")),
		"PutTicket":     s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "m"}),
		"Count":         func() error { _, _, err := s.Count(ctx, "k", 0, t0); return err }(),
	} {
		if err == nil || outages(err) == nil || errors.Is(err, auth.ErrExists) {
			t.Errorf("%s on a full server: %v, want an outage", name, err)
		}
	}
	if list, err := s.UserSessions(ctx, "u"); err != nil || len(list) != 5 {
		t.Errorf("UserSessions on a full server: %d, %v, want 5", len(list), err)
	}
	if _, err := s.TakeTicket(ctx, "p", "k"); err != nil {
		t.Errorf("TakeTicket on a full server: %v", err)
	}
	for name, err := range map[string]error{
		"DeleteSession":              s.DeleteSession(ctx, sid(0)),
		"DeleteUserSessions but one": s.DeleteUserSessions(ctx, "u", sid(1)),
		"DeleteUserTickets":          s.DeleteUserTickets(ctx, "u"),
		"Forget":                     s.Forget(ctx, "k"),
	} {
		if err != nil {
			t.Errorf("%s on a full server: %v", name, err)
		}
	}
	if there := loadable(t, s, sid(0), sid(1), sid(2), sid(3), sid(4)); len(there) != 1 || there[0] != sid(1) {
		t.Errorf("sessions left: %x, want only the one that was spared", there)
	}
	must(t, s.DeleteUserSessions(ctx, "u"))
	if left := keys(t, c, "gatehouse"); len(left) > 0 {
		t.Errorf("keys left: %q", left)
	}
}

// acl is what a user of the server must be allowed, as the package comment has
// it.
var acl = strings.Fields("~gatehouse:* +hello +select +ping +get +set +del +eval +evalsha +zrange" +
	" +exists +getrange +setrange +pexpireat +persist +zadd +zrem +zscore +zrevrange +zremrangebyscore +time +info +config|get")

func TestACL(t *testing.T) {
	server := servers.Redis(t)
	c := newClient(t, server.DSN())
	defer c.Close()
	args := []any{"acl", "setuser", "site", "on", ">s3cret", "resetchannels"}
	for _, rule := range acl {
		args = append(args, rule)
	}
	ctx := t.Context()
	must(t, c.Do(ctx, args...).Err())
	s := open(t, "redis://site:s3cret@"+server.Addr()+"/0")
	v := newSession(0, "u")
	must(t, s.CreateSession(ctx, v))
	v.ExpiresAt = time.Time{}
	must(t, s.UpdateSession(ctx, v))
	_, err := s.LoadSession(ctx, v.ID)
	must(t, err)
	must(t, s.CreateSession(ctx, newSession(1, "u")))
	must(t, s.DeleteSession(ctx, sid(1)))
	_, err = s.UserSessions(ctx, "u")
	must(t, err)
	must(t, s.DeleteUserSessions(ctx, "u"))
	for _, key := range []string{"1", "2", "3"} {
		must(t, s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: key, UserID: "u", Slot: "s"}))
	}
	_, err = s.TakeTicket(ctx, "p", "3")
	must(t, err)
	must(t, s.DeleteUserTickets(ctx, "u"))
	_, _, err = s.Count(ctx, "k", time.Minute, t0)
	must(t, err)
	must(t, s.Forget(ctx, "k"))
	for _, f := range s.Check(ctx, now()) {
		if f.Level == health.Fault || strings.Contains(f.Detail, "does not tell") {
			t.Errorf("%s: %s", f.Check, f.Detail)
		}
	}
}
