package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/internal/servers"
)

// startCluster starts three servers that are a cluster and returns a client of
// it.
func startCluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const n = 3
	var addrs, buses [n]string
	var nodes [n]*redis.Client
	for i := range n {
		buses[i] = freePort(t)
		addrs[i] = servers.Redis(t, "--cluster-enabled", "yes", "--cluster-port", buses[i], "--cluster-node-timeout", "5000").Addr()
		nodes[i] = redis.NewClient(&redis.Options{Addr: addrs[i]})
		defer nodes[i].Close()
	}
	for i, c := range nodes {
		must(t, c.Do(ctx, "cluster", "set-config-epoch", i+1).Err())
		must(t, c.ClusterAddSlotsRange(ctx, i*16384/n, (i+1)*16384/n-1).Err())
		for j := range i {
			host, port, _ := net.SplitHostPort(addrs[j])
			must(t, c.Do(ctx, "cluster", "meet", host, port, buses[j]).Err())
		}
	}
	for _, c := range nodes {
		for {
			info, err := c.ClusterInfo(ctx).Result()
			must(t, err)
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3") {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs[:], ContextTimeoutEnabled: true})
	t.Cleanup(func() { c.Close() })
	return c
}

// freePort returns a port that nobody listens on, below those that the kernel
// gives to clients.
func freePort(t *testing.T) string {
	t.Helper()
	for port := 16500; port < 20000; port++ {
		port += time.Now().Nanosecond() % 97
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

// A stop is a hook that counts what a client sends, and does something before a
// command. Each command of a pipeline counts: on a cluster, some may arrive and
// others not.
type stop struct {
	mu     sync.Mutex
	n      int
	before func(n int) error // of the n-th, from 1; an error keeps it from being sent
	after  func(n int) error // an error is what is told of it although it was done
}

func (s *stop) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *stop) one(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
	if !slices.ContainsFunc(cmd.Args(), func(arg any) bool { key, ok := arg.(string); return ok && strings.HasPrefix(key, run) }) {
		return next(ctx, cmd) // it makes a connection
	}
	s.mu.Lock()
	s.n++
	n := s.n
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(n); err != nil {
			cmd.SetErr(err)
			return err
		}
	}
	err := next(ctx, cmd)
	if s.after != nil {
		if lost := s.after(n); lost != nil {
			cmd.SetErr(lost)
			return lost
		}
	}
	return err
}

func (s *stop) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return s.one(ctx, cmd, next) }
}

func (s *stop) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) (err error) {
		for _, cmd := range cmds {
			if failed := s.one(ctx, cmd, func(ctx context.Context, cmd redis.Cmder) error { return next(ctx, []redis.Cmder{cmd}) }); err == nil {
				err = failed
			}
		}
		return err
	}
}
