package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth/health"
)

// Check implements [health.Checker]. It looks at every server of a cluster that
// takes writes: whether it answers, is new enough, never evicts, what it loses
// in a crash and in a failover, and whether its clock agrees with now. What a
// server does not tell, as managed ones do not tell their settings, is a
// Warning.
func (s *Store) Check(ctx context.Context, now time.Time) []health.Finding {
	begun := time.Now()
	nodes, err := s.nodes(ctx)
	if err != nil {
		return []health.Finding{unreachable(ctx, "", err)}
	}
	all := s.checkClient()
	for _, n := range nodes {
		c := checker{client: n, ctx: ctx, now: now.Add(time.Since(begun)), slack: time.Duration(s.slack) * time.Millisecond}
		if len(nodes) > 1 {
			c.where = n.Options().Addr + ": "
		}
		_, c.clustered = s.client.(*redis.ClusterClient)
		all = append(all, c.check()...)
	}
	return all
}

// nodes are the servers that take writes, in an order that is always the same.
func (s *Store) nodes(ctx context.Context) (nodes []*redis.Client, err error) {
	var mu sync.Mutex
	add := func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, c)
		return nil
	}
	switch c := s.client.(type) {
	case *redis.Client:
		return []*redis.Client{c}, nil
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, add)
	default:
		err = fmt.Errorf("a client of type %T cannot be examined", c)
	}
	if err == nil && len(nodes) == 0 {
		err = errors.New("no server is known")
	}
	slices.SortFunc(nodes, func(a, b *redis.Client) int { return cmp.Compare(a.Options().Addr, b.Options().Addr) })
	return nodes, err
}

func unreachable(ctx context.Context, where string, err error) health.Finding {
	return health.Finding{Check: "redis", Level: health.Fault, Detail: where + outage(ctx, "cannot be asked", err).Error(),
		Fix: "start Redis, or correct its address, user and password"}
}

// checkClient looks at what was given to New.
func (s *Store) checkClient() []health.Finding {
	obeys := true
	switch c := s.client.(type) {
	case *redis.Client:
		obeys = c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		obeys = c.Options().ContextTimeoutEnabled
	}
	if obeys {
		return nil
	}
	return []health.Finding{{Check: "client", Level: health.Warning, Detail: "the client waits for its own timeouts, whatever deadline a context has",
		Fix: "set ContextTimeoutEnabled in the options of the client"}}
}

// A checker examines one server.
type checker struct {
	client    *redis.Client
	ctx       context.Context
	now       time.Time
	slack     time.Duration
	where     string // "" if there is one
	clustered bool   // the client is one of a cluster
	info      map[string]string
	all       []health.Finding
}

func (c *checker) find(check string, level health.Level, fix, detail string, args ...any) {
	c.all = append(c.all, health.Finding{Check: check, Level: level, Detail: c.where + fmt.Sprintf(detail, args...), Fix: fix})
}

func (c *checker) check() []health.Finding {
	text, err := c.client.Info(c.ctx).Result()
	c.info = parseInfo(text)
	if err == nil && c.info["loading"] == "1" {
		err = errors.New("it is loading its data")
	}
	if err != nil {
		return []health.Finding{unreachable(c.ctx, c.where, err)}
	}
	c.version()
	c.memory()
	c.persistence()
	c.replication()
	c.cluster()
	c.clock()
	return c.all
}

func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, v, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			info[name] = v
		}
	}
	return info
}

func (c *checker) number(name string) int64 {
	n, _ := strconv.ParseInt(c.info[name], 10, 64)
	return n
}

// setting returns what CONFIG GET says, and false if the server does not tell.
func (c *checker) setting(name string) (string, bool) {
	v, err := c.client.ConfigGet(c.ctx, name).Result()
	return v[name], err == nil
}

func (c *checker) version() {
	if v := c.info["valkey_version"]; v != "" {
		c.find("redis", health.OK, "", "Valkey %s answers", v)
		return
	}
	v := c.info["redis_version"]
	var major, minor int
	if _, err := fmt.Sscanf(v, "%d.%d", &major, &minor); err != nil || major < 6 || major == 6 && minor < 2 {
		c.find("redis", health.Fault, "take Redis 6.2 or newer, or Valkey", "version %q is too old, or not one of Redis", v)
		return
	}
	c.find("redis", health.OK, "", "Redis %s answers", v)
}

func (c *checker) memory() {
	const fix = "set maxmemory-policy noeviction, and maxmemory to what the sessions need"
	limit, used, policy, evicted := c.number("maxmemory"), c.number("used_memory"), c.info["maxmemory_policy"], c.number("evicted_keys")
	switch {
	case c.info["maxmemory_policy"] == "":
		c.find("memory", health.Warning, fix, "the server does not tell its maxmemory-policy: an evicted index leaves sessions that nobody can revoke, an evicted counter begins anew")
	case limit > 0 && policy != "noeviction":
		c.find("memory", health.Fault, fix, "maxmemory-policy is %s: an evicted index leaves sessions that nobody can revoke, an evicted counter lets passwords be guessed", policy)
	case evicted > 0:
		c.find("memory", health.Warning, "delete all sessions once, and look into what changed maxmemory-policy", "%d keys have been evicted since the server started", evicted)
	case limit > 0 && used > limit/10*9:
		c.find("memory", health.Warning, "give it more memory: when it is full, nobody can log in", "%d of %d bytes are used", used, limit)
	case limit == 0:
		c.find("memory", health.OK, "", "maxmemory is not set: nothing is evicted")
	default:
		c.find("memory", health.OK, "", "nothing is evicted: maxmemory-policy is noeviction")
	}
}

func (c *checker) persistence() {
	const check, fix = "persistence", "set appendonly yes and appendfsync always"
	if s := c.info["aof_last_write_status"]; s != "" && s != "ok" {
		c.find(check, health.Fault, "look into the server's log: its disk may be full", "the last write to the append-only file failed")
		return
	}
	if c.info["aof_enabled"] == "1" {
		switch sync, ok := c.setting("appendfsync"); {
		case !ok:
			c.find(check, health.Warning, "see to it that appendfsync is always", "the server does not tell its appendfsync: unless it is always, sessions that were logged out may be back after a crash")
		case sync != "always":
			c.find(check, health.Warning, fix, "appendfsync is %s: sessions that were logged out in the last second or longer may be back after a crash", sync)
		default:
			c.find(check, health.OK, "", "what was acknowledged is on the disk: appendfsync is always")
		}
		return
	}
	switch save, ok := c.setting("save"); {
	case !ok:
		c.find(check, health.Warning, fix, "there is no append-only file, and the server does not tell whether it saves: if it does, sessions that were logged out are back after a crash")
	case save != "":
		c.find(check, health.Warning, fix+", or save \"\" to keep nothing", "snapshots only (save %s): sessions that were logged out since the last one are back after a crash", save)
	default:
		c.find(check, health.Warning, fix, "nothing is kept on the disk: when the server ends, everybody is logged out and what was counted begins anew; nobody comes back")
	}
}

func (c *checker) replication() {
	if c.info["role"] == "slave" {
		c.find("replicas", health.Fault, "connect to the primary", "the server is a replica, and takes no writes")
		return
	}
	replicas := c.number("connected_slaves")
	if replicas == 0 {
		c.find("replicas", health.OK, "", "there are no replicas, so no failover that loses anything")
		return
	}
	const danger = "a failover may lose what was acknowledged last, so that sessions that were logged out are back"
	switch need, ok := c.setting("min-replicas-to-write"); {
	case !ok:
		c.find("replicas", health.Warning, "see to it that min-replicas-to-write is 1 or more", "%d replicas, and the server does not tell min-replicas-to-write: %s", replicas, danger)
	case need == "0" || need == "":
		c.find("replicas", health.Warning, "set min-replicas-to-write 1 and a low min-replicas-max-lag, which bounds it", "%d replicas, and min-replicas-to-write is 0: %s", replicas, danger)
	default:
		c.find("replicas", health.OK, "", "%d replicas, of which %s must keep up; replication is asynchronous, so %s", replicas, need, danger)
	}
}

func (c *checker) cluster() {
	isNode := c.info["cluster_enabled"] == "1"
	switch {
	case !isNode && !c.clustered:
		return
	case isNode && !c.clustered:
		c.find("cluster", health.Fault, "give a redis.NewClusterClient to redisstore.New", "the server is one of a cluster, and the client knows this server only")
		return
	case !isNode:
		c.find("cluster", health.Fault, "give a redis.NewClient to redisstore.New, or use Open", "the client is one of a cluster, and the server is not")
		return
	}
	text, err := c.client.ClusterInfo(c.ctx).Result()
	if err != nil {
		c.find("cluster", health.Fault, "let the user run CLUSTER INFO", "%v", outage(c.ctx, "cluster info", err))
		return
	}
	info := parseInfo(text)
	if info["cluster_state"] != "ok" || info["cluster_slots_ok"] != "16384" {
		c.find("cluster", health.Fault, "look at redis-cli --cluster check", "the cluster's state is %s, %s of 16384 slots are served", info["cluster_state"], info["cluster_slots_ok"])
		return
	}
	c.find("cluster", health.OK, "", "all slots are served")
}

// clock compares the clocks. Keys live for durations, so a difference harms
// only if it is one between servers: of a cluster, or before and after a
// failover. Whoever asks is the measure of them all.
func (c *checker) clock() {
	before := time.Now()
	server, err := c.client.Time(c.ctx).Result()
	took := time.Since(before)
	if err != nil {
		c.find("clock", health.Fault, "let the user run TIME", "%v", outage(c.ctx, "time", err))
		return
	}
	off := server.Sub(c.now.Add(took / 2)).Round(time.Second)
	const fix = "run NTP on all machines"
	switch d := off.Abs(); {
	case d > c.slack:
		c.find("clock", health.Fault, fix, "the server's clock is %v off, more than the slack of %v", off, c.slack)
	case d > time.Minute:
		c.find("clock", health.Warning, fix, "the server's clock is %v off", off)
	default:
		c.find("clock", health.OK, "", "the server's clock agrees")
	}
}
