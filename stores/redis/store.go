package redisstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/health"
)

// Options are what is optional for [New] and [Open]. The zero value is good.
type Options struct {
	// Prefix begins the name of every key: letters, digits and "._:/-", at
	// most 32 bytes. Default "gatehouse". Sites that share a server take one
	// each.
	Prefix string
	// Slack is for how long what has expired is kept. It must be longer than
	// the clocks of the site's machines, and of Redis' own, differ. Default 1
	// hour, at least a millisecond.
	Slack time.Duration
}

// A Store keeps sessions, tickets and counters in Redis. Its methods are safe
// for concurrent use. Make one with [New] or [Open].
type Store struct {
	client redis.UniversalClient
	prefix string
	slack  int64 // milliseconds
	own    bool  // Close closes client
	loads  together
}

var (
	_ auth.Store     = (*Store)(nil)
	_ health.Checker = (*Store)(nil)
)

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,32}$`)

// New returns a store on client, which may be of one server, of a failover
// group or of a cluster. It sends nothing. The client stays the caller's:
// [Store.Close] leaves it open. The error names everything that is wrong with
// the arguments.
//
// Set ContextTimeoutEnabled in the client's options, or go-redis waits for its
// own timeouts only, whatever deadline a context has.
func New(client redis.UniversalClient, opts *Options) (*Store, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Prefix == "" {
		o.Prefix = "gatehouse"
	}
	if o.Slack == 0 {
		o.Slack = time.Hour
	}
	var errs []error
	if v := reflect.ValueOf(client); client == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		errs = append(errs, errors.New("redisstore: New: client is nil; make one with redis.NewClient, or use Open"))
	} else {
		errs = append(errs, checkReads(client)...)
	}
	if !prefixPattern.MatchString(o.Prefix) {
		errs = append(errs, fmt.Errorf("redisstore: Options.Prefix %q: want letters, digits and \"._:/-\", at most 32 bytes", o.Prefix))
	}
	if o.Slack < time.Millisecond {
		errs = append(errs, fmt.Errorf("redisstore: Options.Slack %v: want at least a millisecond; an hour is good", o.Slack))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Store{client: client, prefix: o.Prefix, slack: o.Slack.Milliseconds(), loads: together{patience: patience}}, nil
}

// checkReads refuses clients that may answer with what was before: a session
// that was logged out would still be found. A ring looks for what was on a server
// that is down on another one, where nothing is, and takes that for an answer.
func checkReads(client redis.UniversalClient) (errs []error) {
	var cached, replicas, ring bool
	switch c := client.(type) {
	case *redis.Client:
		cached = c.Options().ClientSideCache != nil || c.Options().ClientSideCacheConfig != nil
	case *redis.ClusterClient:
		o := c.Options()
		replicas = o.ReadOnly || o.RouteByLatency || o.RouteRandomly
	case *redis.Ring:
		ring = true
	}
	if cached {
		errs = append(errs, errors.New("redisstore: New: the client has a client-side cache, in which sessions live on that were logged out; give one without, and see stores/cache"))
	}
	if ring {
		errs = append(errs, errors.New("redisstore: New: the client is a ring, which goes on without a server that is down: when it comes back, so do sessions that were revoked meanwhile; give a redis.NewClient or a redis.NewClusterClient"))
	}
	if replicas {
		errs = append(errs, errors.New("redisstore: New: the client reads from replicas, on which sessions live on that were logged out; leave out ReadOnly, RouteByLatency and RouteRandomly"))
	}
	return errs
}

// Close closes the connections that [Open] has made, and leaves a client that
// was given to [New] open. Closing twice is not an error.
func (s *Store) Close() error {
	if !s.own {
		return nil
	}
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("redisstore: close: %w", err)
	}
	return nil
}

// outage is an error of the server, of the network, or of the context. It
// wraps none of the errors of package auth.
func outage(ctx context.Context, what string, err error) error {
	if ended := ctx.Err(); ended != nil {
		err = ended
	}
	return fmt.Errorf("redisstore: %s: %w", what, err)
}
