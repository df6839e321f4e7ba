package redisstore_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth/health"
	"github.com/gatehouse-go/gatehouse/internal/servers"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

func open(t *testing.T, url string) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// find returns the finding of a check, and stops the test if there is not
// exactly one.
func find(t *testing.T, all []health.Finding, check string) health.Finding {
	t.Helper()
	var found []health.Finding
	for _, f := range all {
		if f.Check == check {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings of %q, want 1: %v", len(found), check, all)
	}
	return found[0]
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings []string
		change   func(t *testing.T, c *redis.Client)
		off      time.Duration // that the caller's clock is ahead
		check    string
		level    health.Level
		detail   string
	}{
		{name: "version", check: "redis", level: health.OK, detail: "answers"},
		{name: "no limit of memory", check: "memory", level: health.OK, detail: "not set"},
		{name: "limit of memory", settings: []string{"--maxmemory", "100mb"}, check: "memory", level: health.OK, detail: "noeviction"},
		{name: "eviction", settings: []string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, check: "memory", level: health.Fault, detail: "allkeys-lru"},
		{name: "eviction of what expires", settings: []string{"--maxmemory", "100mb", "--maxmemory-policy", "volatile-ttl"}, check: "memory", level: health.Fault, detail: "volatile-ttl"},
		{name: "eviction without limit", settings: []string{"--maxmemory-policy", "allkeys-lru"}, check: "memory", level: health.OK},
		{name: "full", settings: []string{"--maxmemory", "1mb"}, check: "memory", level: health.Warning, detail: "bytes are used"},
		{name: "no persistence", check: "persistence", level: health.Warning, detail: "everybody is logged out"},
		{name: "snapshots", settings: []string{"--save", "3600 1"}, check: "persistence", level: health.Warning, detail: "since the last one are back"},
		{name: "every second", settings: []string{"--appendonly", "yes"}, check: "persistence", level: health.Warning, detail: "everysec"},
		{name: "always", settings: []string{"--appendonly", "yes", "--appendfsync", "always"}, check: "persistence", level: health.OK},
		{name: "no replicas", check: "replicas", level: health.OK},
		{name: "clock", check: "clock", level: health.OK},
		{name: "clock ten minutes off", off: 10 * time.Minute, check: "clock", level: health.Warning, detail: "-10m0"},
		{name: "clock two hours off", off: -2 * time.Hour, check: "clock", level: health.Fault, detail: "2h0m0"},
		{name: "node of a cluster", settings: []string{"--cluster-enabled", "yes", "--cluster-port", "BUS"}, check: "cluster", level: health.Fault, detail: "this server only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, v := range c.settings {
				if v == "BUS" {
					c.settings[i] = freePort(t)
				}
			}
			s := open(t, servers.Redis(t, c.settings...).DSN())
			f := find(t, s.Check(t.Context(), now().Add(c.off)), c.check)
			if f.Level != c.level || !strings.Contains(f.Detail, c.detail) {
				t.Errorf("%s: %s, want %s with %q", f.Level, f.Detail, c.level, c.detail)
			}
			if f.Level != health.OK && f.Fix == "" {
				t.Errorf("%s, and no fix", f.Detail)
			}
		})
	}
}

func TestCheckReplicas(t *testing.T) {
	primary := servers.Redis(t)
	host, port, err := net.SplitHostPort(primary.Addr())
	must(t, err)
	replica := servers.Redis(t, "--replicaof", host+" "+port)
	s := open(t, primary.DSN())
	c := newClient(t, primary.DSN())
	defer c.Close()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if strings.Contains(c.Info(t.Context(), "replication").Val(), "connected_slaves:1") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the replica does not connect")
		}
	}
	if f := find(t, s.Check(t.Context(), now()), "replicas"); f.Level != health.Warning || !strings.Contains(f.Detail, "failover") {
		t.Errorf("a primary whose replicas may lag: %v", f)
	}
	must(t, c.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	if f := find(t, s.Check(t.Context(), now()), "replicas"); f.Level != health.OK || !strings.Contains(f.Detail, "asynchronous") {
		t.Errorf("a primary whose replicas must keep up: %v", f)
	}
	if f := find(t, open(t, replica.DSN()).Check(t.Context(), now()), "replicas"); f.Level != health.Fault {
		t.Errorf("a replica: %v", f)
	}
}

// Managed servers do not tell their settings.
func TestCheckDenied(t *testing.T) {
	server := servers.Redis(t, "--appendonly", "yes")
	c := newClient(t, server.DSN())
	defer c.Close()
	must(t, c.Do(t.Context(), "acl", "setuser", "site", "on", ">s3cret", "~*", "+@all", "-@admin", "-config").Err())
	s := open(t, "redis://site:s3cret@"+server.Addr())
	all := s.Check(t.Context(), now())
	if f := find(t, all, "persistence"); f.Level != health.Warning || !strings.Contains(f.Detail, "does not tell") {
		t.Errorf("a server that does not tell: %v", f)
	}
	if health.Worst(all) == health.Fault {
		t.Errorf("a server that does not tell: %v, want no fault", all)
	}
	// A wrong password, no server, and an ended context are faults without a
	// secret in them.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, all := range map[string][]health.Finding{
		"wrong password": open(t, "redis://site:wr0ng@"+server.Addr()).Check(t.Context(), now()),
		"no server":      open(t, "redis://site:wr0ng@127.0.0.1:1").Check(t.Context(), now()),
		"ended context":  s.Check(ended, now()),
	} {
		f := find(t, all, "redis")
		if f.Level != health.Fault || f.Fix == "" {
			t.Errorf("%s: %v, want a fault", name, f)
		}
		if strings.Contains(f.Detail+f.Fix, "s3cret") || strings.Contains(f.Detail+f.Fix, "wr0ng") {
			t.Errorf("%s: a password is in %v", name, f)
		}
	}
}

func TestCheckClient(t *testing.T) {
	ownServer(t)
	c := newClient(t, server(t)) // as go-redis has it by default
	defer c.Close()
	s, err := redisstore.New(c, nil)
	must(t, err)
	if f := find(t, s.Check(t.Context(), now()), "client"); f.Level != health.Warning || !strings.Contains(f.Fix, "ContextTimeoutEnabled") {
		t.Errorf("a client that does not obey contexts: %v", f)
	}
}
