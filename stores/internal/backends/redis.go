package backends

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// redisBackend keeps credentials and users in SQLite and all else in the Redis of
// that name.
func redisBackend(t testing.TB, name, dsn, prefix string) *Backend {
	prefix = redisPrefix(prefix)
	sqlite := SQLite(t)
	return &Backend{
		Name: name,
		open: func(t testing.TB) Instance {
			t.Helper()
			on := sqlite.Open(t)
			s, err := redisstore.Open(dsn, &redisstore.Options{Prefix: prefix})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			on.Store = auth.Combine(on.Store, auth.Parts{Sessions: s, Tickets: s, Limiter: s})
			return on
		},
		dump: func(t testing.TB) []byte {
			var all bytes.Buffer
			all.Write(sqlite.Dump(t))
			eachKey(t, dsn, prefix, func(ctx context.Context, c *redis.Client, key string) error {
				fmt.Fprintln(&all, key)
				return dumpKey(ctx, &all, c, key)
			})
			return all.Bytes()
		},
	}
}

// redisPrefix turns the prefix of tables into one of keys.
func redisPrefix(prefix string) string { return strings.TrimSuffix(prefix, "_") }

// eachKey calls f for each key with the prefix.
func eachKey(t testing.TB, dsn, prefix string, f func(ctx context.Context, c *redis.Client, key string) error) {
	t.Helper()
	o, err := redis.ParseURL(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	keys := c.Scan(ctx, 0, prefix+":*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := f(ctx, c, keys.Val()); err != nil {
			t.Errorf("backends: %s: %v", keys.Val(), err)
		}
	}
	if err := keys.Err(); err != nil {
		t.Error(err)
	}
}

func dumpKey(ctx context.Context, all *bytes.Buffer, c *redis.Client, key string) error {
	kind, err := c.Type(ctx, key).Result()
	if err != nil {
		return err
	}
	var values []string
	switch kind {
	case "none": // it has expired since
	case "string":
		var v string
		v, err = c.Get(ctx, key).Result()
		values = []string{v}
	case "hash":
		var fields map[string]string
		fields, err = c.HGetAll(ctx, key).Result()
		for name, v := range fields {
			values = append(values, name, v)
		}
	case "set":
		values, err = c.SMembers(ctx, key).Result()
	case "zset":
		values, err = c.ZRange(ctx, key, 0, -1).Result()
	case "list":
		values, err = c.LRange(ctx, key, 0, -1).Result()
	default:
		err = fmt.Errorf("no way to look into a %s", kind)
	}
	for _, v := range values {
		all.WriteString(v + "\n")
	}
	return err
}

func removeRedis(t testing.TB, dsn, prefix string) {
	eachKey(t, dsn, redisPrefix(prefix), func(ctx context.Context, c *redis.Client, key string) error {
		return c.Del(ctx, key).Err()
	})
}
