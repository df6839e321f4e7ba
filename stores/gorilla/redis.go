package gorillastore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
)

// RedisOptions are what is optional for [NewRedis]. The zero value is good.
type RedisOptions struct {
	// Prefix begins every key. Default "gatehouse".
	Prefix string
}

// Redis is a [Backend] in Redis 6.2 or later, or what speaks its language. Make one
// with [NewRedis].
//
// A record is a hash under "<prefix>:gorilla:{<id>}", and each verb one script or
// command on one key, so that it works on a cluster. The records of a user are in a
// sorted set by their ends, "<prefix>:gorilla-user:<user>", which is written before
// them and forgets what has ended whenever it is added to. A time to live is set on
// everything, an hour longer than needed: it collects garbage, and decides nothing.
//
// Under a maxmemory-policy that evicts keys, sessions are lost when memory is short;
// without persistence, when Redis restarts. With appendfsync everysec a record that
// was deleted in the last second before a crash may be back: its cookie is gone, and
// [Options.User] does not show it.
type Redis struct {
	client redis.UniversalClient
	prefix string
}

var _ Backend = (*Redis)(nil)

// NewRedis returns a backend in what client is connected to, which the host goes on
// owning; opts may be nil. It does no I/O and does not fail, so that it can stand in
// the arguments of [New], which asks [Redis.Validate].
func NewRedis(client redis.UniversalClient, opts *RedisOptions) *Redis {
	r := &Redis{client: client, prefix: "gatehouse"}
	if opts != nil && opts.Prefix != "" {
		r.prefix = opts.Prefix
	}
	return r
}

// Validate returns what is wrong with what [NewRedis] was given, or nil.
func (b *Redis) Validate() error {
	var errs []error
	if v := reflect.ValueOf(b.client); b.client == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		errs = append(errs, errors.New("gorillastore: NewRedis: client is nil: give it redis.NewClient or redis.NewClusterClient"))
	}
	if strings.ContainsAny(b.prefix, "{}") || len(b.prefix) > 255 {
		errs = append(errs, fmt.Errorf("gorillastore: RedisOptions.Prefix %q: leave out braces, which say where in a cluster a key is, and keep to 255 bytes", b.prefix))
	}
	return errors.Join(errs...)
}

func (b *Redis) key(id ID) string { return b.prefix + ":gorilla:{" + id.String() + "}" }

func (b *Redis) userKey(userID string) string { return b.prefix + ":gorilla-user:" + userID }

// slack is for how long a key stays that has expired: clocks differ.
const slack = time.Hour

// The fields of a record. The last one, its time to live, is not kept.
const redisPut = `
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'digest', ARGV[2], 'user', ARGV[3], 'data', ARGV[4],
	'seen', ARGV[5], 'renewed', ARGV[6], 'ends', ARGV[7], 'expires', ARGV[8])
redis.call('PEXPIRE', KEYS[1], ARGV[9])
return 1`

var redisFields = []string{"version", "digest", "user", "data", "seen", "renewed", "ends", "expires"}

// Scripts are constant, and hold nothing but their text and its digest.
var (
	// The client may try again what has been done: a digest is not there twice.
	redisCreate = redis.NewScript(`
local digest = redis.call('HGET', KEYS[1], 'digest')
if digest then return digest == ARGV[2] and 1 or 0 end` + redisPut)

	// Versions are compared as text: Lua's numbers are floats.
	redisUpdate = redis.NewScript(`
local version = redis.call('HGET', KEYS[1], 'version')
if not version then return -1 end
if version ~= ARGV[10] then return 0 end` + redisPut)

	// The set lives as long as the last that is in it.
	redisIndex = redis.NewScript(`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[3]) -- one who comes too late makes nothing end earlier
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 1`)

	redisDeleteOf = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'user') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)
)

// Load implements [Backend].
func (b *Redis) Load(ctx context.Context, id ID) (*Record, error) {
	fields, err := b.client.HMGet(ctx, b.key(id), redisFields...).Result()
	if err != nil {
		return nil, outage(ctx, "load", err)
	}
	if fields[0] == nil {
		return nil, auth.ErrNotFound
	}
	text := make([]string, len(fields))
	for i, f := range fields {
		text[i], _ = f.(string)
	}
	r := Record{ID: id, UserID: text[2], Data: []byte(text[3])}
	n := [...]*int64{&r.Version, new(int64), new(int64), new(int64), new(int64)}
	for i, s := range []string{text[0], text[4], text[5], text[6], text[7]} {
		if *n[i], err = strconv.ParseInt(s, 10, 64); err != nil {
			return nil, outage(ctx, "load", err)
		}
	}
	if copy(r.Digest[:], text[1]) != len(r.Digest) {
		return nil, outage(ctx, "load", errors.New("the record has no digest"))
	}
	r.SeenAt, r.RenewedAt, r.EndsAt, r.ExpiresAt = ofMillis(*n[1]), ofMillis(*n[2]), ofMillis(*n[3]), ofMillis(*n[4])
	return &r, nil
}

// args are those of redisPut.
func (b *Redis) args(r *Record, version int64) []any {
	return []any{version, r.Digest[:], r.UserID, r.Data, millis(r.SeenAt), millis(r.RenewedAt), millis(r.EndsAt), millis(r.ExpiresAt),
		(r.ExpiresAt.Sub(r.SeenAt) + slack).Milliseconds()}
}

// index makes sure that the record will be found by its user, before it is written:
// one that is in the index and not there does no harm.
func (b *Redis) index(ctx context.Context, r *Record) error {
	if r.UserID == "" {
		return nil
	}
	return redisIndex.Run(ctx, b.client, []string{b.userKey(r.UserID)}, millis(r.SeenAt.Add(-slack)), millis(r.EndsAt), r.ID[:],
		(r.EndsAt.Sub(r.SeenAt) + 2*slack).Milliseconds()).Err()
}

// Create implements [Backend].
func (b *Redis) Create(ctx context.Context, r *Record) error {
	err := b.index(ctx, r)
	if err == nil {
		var n int
		if n, err = redisCreate.Run(ctx, b.client, []string{b.key(r.ID)}, b.args(r, 1)...).Int(); err == nil && n == 0 {
			err = errors.New("the ID is taken")
		}
	}
	if err != nil {
		return outage(ctx, "create", err)
	}
	return nil
}

// Update implements [Backend].
func (b *Redis) Update(ctx context.Context, r *Record) error {
	if err := b.index(ctx, r); err != nil {
		return outage(ctx, "update", err)
	}
	n, err := redisUpdate.Run(ctx, b.client, []string{b.key(r.ID)}, append(b.args(r, r.Version+1), r.Version)...).Int()
	switch {
	case err != nil:
		return outage(ctx, "update", err)
	case n < 0:
		return auth.ErrNotFound
	case n == 0:
		return auth.ErrConflict
	}
	return nil
}

// Delete implements [Backend]. It leaves the index, which forgets by itself.
func (b *Redis) Delete(ctx context.Context, id ID) error {
	n, err := b.client.Del(ctx, b.key(id)).Result()
	if err != nil {
		return outage(ctx, "delete", err)
	}
	if n == 0 {
		return auth.ErrNotFound
	}
	return nil
}

// DeleteUser implements [Backend].
func (b *Redis) DeleteUser(ctx context.Context, userID string, except ...ID) error {
	if userID == "" {
		return nil
	}
	members, err := b.client.ZRange(ctx, b.userKey(userID), 0, -1).Result()
	if err != nil {
		return outage(ctx, "delete those of a user", err)
	}
	var errs []error
	for _, m := range members {
		var id ID
		if copy(id[:], m) != len(id) || slices.Contains(except, id) {
			continue
		}
		n, err := redisDeleteOf.Run(ctx, b.client, []string{b.key(id)}, userID).Int()
		if err == nil && n == 1 { // one that is not there may be about to be
			err = b.client.ZRem(ctx, b.userKey(userID), m).Err()
		}
		if err != nil {
			errs = append(errs, outage(ctx, "delete those of a user", err))
		}
	}
	return errors.Join(errs...)
}

// Sweep implements [Backend]: Redis forgets by itself.
func (b *Redis) Sweep(ctx context.Context, _ time.Time, _ int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, outage(ctx, "sweep", err)
	}
	return 0, nil
}
