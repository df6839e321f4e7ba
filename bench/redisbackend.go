package bench

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

// Redis returns a backend under a prefix of its own on the server that url
// names, for a host with so many users, [InTurn] or more, which are elsewhere.
func Redis(url string, users int) (*Backend, error) {
	ctx := context.Background()
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("bench: the URL of Redis cannot be read")
	}
	opts.PoolSize, opts.ContextTimeoutEnabled = AtOnce, true
	client := redis.NewClient(opts)
	prefix := "bench:" + rand.Text()[:16]
	b := &Backend{Name: "Redis", Server: true, users: users, undo: []func() error{client.Close, func() error { return Unlink(ctx, client, prefix) }}}
	store, err := redisstore.New(client, &redisstore.Options{Prefix: prefix})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.Store = onlySessions(store)
	b.floor = redisFloor{client, prefix + ":f:"}
	b.scs = goredisstore.NewWithPrefix(client, prefix+":scs:")
	b.size = func(ctx context.Context) (int64, error) {
		info, err := client.Info(ctx, "memory").Result()
		if err != nil {
			return 0, err
		}
		_, after, _ := strings.Cut(info, "used_memory:")
		number, _, _ := strings.Cut(after, "\r\n")
		return strconv.ParseInt(number, 10, 64)
	}
	b.bulk = func(ctx context.Context, n int) error {
		return InParallel(n, func(i int) error { return store.CreateSession(ctx, growthSession(i)) })
	}
	return b, nil
}

// NewRedis returns Gatehouse with its sessions in Redis under the prefix, and users in
// a map. Nobody is logged in.
func NewRedis(client redis.UniversalClient, prefix string) (*Site, error) {
	store, err := redisstore.New(client, &redisstore.Options{Prefix: prefix})
	if err != nil {
		return nil, err
	}
	return gatehouse("Gatehouse", onlySessions(store), inMap(newUsers(InTurn)))
}

// onlySessions returns a store with its credentials elsewhere: nobody here has any.
func onlySessions(s *redisstore.Store) auth.Store {
	return auth.Combine(memory.New(nil), auth.Parts{Sessions: s, Tickets: s, Limiter: s})
}

// Unlink removes every key with the prefix.
func Unlink(ctx context.Context, client redis.UniversalClient, prefix string) error {
	for cursor := uint64(0); ; {
		keys, next, err := client.Scan(ctx, cursor, prefix+":*", 5000).Result()
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			if err := client.Unlink(ctx, keys...).Err(); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// A redisFloor is one GET of what is as long as a session of Gatehouse.
type redisFloor struct {
	client *redis.Client
	prefix string
}

func (f redisFloor) key(id [32]byte) string {
	return f.prefix + base64.RawURLEncoding.EncodeToString(id[:])
}

const redisFloorSize = 220

func (f redisFloor) put(ctx context.Context, id [32]byte, s *auth.Session) error {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.ExpiresAt.UnixMilli()))
	b = append(b, byte(len(s.UserID)))
	b = append(b, s.UserID...)
	b = append(b, make([]byte, redisFloorSize-len(b))...)
	return f.client.Set(ctx, f.key(id), b, 0).Err()
}

func (f redisFloor) find(ctx context.Context, id [32]byte) (userID string, expires int64, err error) {
	b, err := f.client.Get(ctx, f.key(id)).Bytes()
	if err != nil {
		return "", 0, err
	}
	if len(b) != redisFloorSize {
		return "", 0, fmt.Errorf("bench: session of %d bytes", len(b))
	}
	return string(b[9 : 9+b[8]]), int64(binary.BigEndian.Uint64(b)), nil
}
