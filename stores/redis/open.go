package redisstore

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Open returns a store on one server:
//
//	redis://user:password@host:6379/0
//	rediss://…                        over TLS
//	unix:///run/redis/redis.sock?db=0
//
// It sends nothing. [Store.Close] closes its connections. An error does not
// repeat the URL, which may hold a password.
//
// Connections are made and answered within two seconds each, and what only
// reads or may well be done twice is tried again once. Those, and the size of the pool
// (ten connections for each processor), are set by what go-redis knows in the
// query of a URL: dial_timeout, read_timeout, write_timeout, max_retries,
// pool_size and so on. A cluster, Sentinel, or client certificates: make a
// client and give it to [New].
func Open(dsn string, opts *Options) (*Store, error) {
	o, err := redis.ParseURL(dsn)
	if err != nil {
		return nil, notURL(dsn, err)
	}
	const timeout = 2 * time.Second
	for _, t := range []*time.Duration{&o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout} {
		if *t == 0 {
			*t = timeout
		}
	}
	if o.MaxRetries == 0 {
		o.MaxRetries = 1
	}
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	client := redis.NewClient(o)
	s, err := New(client, opts)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	s.own = true
	return s, nil
}

// notURL says what is wrong with a URL without what may be a password: the
// parts that parsers complain of are just those with an odd password in them, or
// with one whose "@" is missing or escaped.
func notURL(dsn string, err error) error {
	if unparsed := (*url.Error)(nil); strings.Contains(dsn, "@") || errors.As(err, &unparsed) {
		return errors.New("redisstore: Open: not a URL of Redis: want redis://user:password@host:port/db, rediss:// or unix://; escape what is not a letter or digit in the password")
	}
	return fmt.Errorf("redisstore: Open: not a URL of Redis: want redis://host:port/db, rediss:// or unix:///path: %w", err)
}
