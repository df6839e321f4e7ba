package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A counter is "N UNTIL" in decimal, UNTIL in milliseconds or "-" for one that
// lasts until it is forgotten.
//
// count adds one. Its arguments are the caller's time, the end of a window that
// begins now, and for how long Redis keeps such a window ("" for ever).
var count = newScript(`
local v = redis.call('GET', KEYS[1])
if v then
	local n, till = v:match('^(%d+) (%S+)$')
	if not n then return redis.error_reply('ERR not a counter of Gatehouse') end
	if till == '-' or tonumber(ARGV[1]) < tonumber(till) then
		v = string.format('%.0f', n + 1) .. ' ' .. till
		redis.call('SET', KEYS[1], v, 'KEEPTTL')
		return v
	end
end
v = '1 ' .. ARGV[2]
if ARGV[3] == '' then
	redis.call('SET', KEYS[1], v)
else
	redis.call('SET', KEYS[1], v, 'PX', ARGV[3])
end
return v`)

// Count implements [auth.Limiter]. It is one round trip.
func (s *Store) Count(ctx context.Context, key string, window time.Duration, now time.Time) (n int64, until time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return 0, time.Time{}, outage(ctx, "count", err)
	}
	if !storable(key) {
		return 0, time.Time{}, fmt.Errorf("%w: key of a counter", auth.ErrInvalid)
	}
	if window < 0 {
		return 0, time.Time{}, fmt.Errorf("%w: negative window", auth.ErrInvalid)
	}
	at, end, keep := now.UnixMilli(), "-", ""
	if window > 0 {
		length := max(window.Milliseconds(), 1) // and not for ever
		end = strconv.FormatInt(at+length, 10)
		keep = strconv.FormatInt(length+s.slack, 10)
	}
	v, err := s.runOnce(ctx, count, []string{s.counterKey(key)}, at, end, keep)
	if err != nil {
		return 0, time.Time{}, outage(ctx, "count", err)
	}
	text, _ := v.(string)
	n, until, err = parseCounter(text)
	if err != nil {
		return 0, time.Time{}, outage(ctx, "count", err)
	}
	return n, until, nil
}

func parseCounter(text string) (n int64, until time.Time, err error) {
	count, till, _ := strings.Cut(text, " ")
	n, err = strconv.ParseInt(count, 10, 64)
	if err != nil || till == "-" {
		return n, time.Time{}, err
	}
	ms, err := strconv.ParseInt(till, 10, 64)
	return n, time.UnixMilli(ms).UTC(), err
}

// Forget implements [auth.Limiter]. On one server the counters are forgotten
// in one step; on a cluster one after the other.
func (s *Store) Forget(ctx context.Context, keys ...string) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "forget", err)
	}
	var names []string
	for _, k := range keys {
		if storable(k) {
			names = append(names, s.counterKey(k))
		}
	}
	if len(names) == 0 {
		return nil
	}
	if _, one := s.client.(*redis.Client); one {
		if err := s.client.Del(ctx, names...).Err(); err != nil {
			return outage(ctx, "forget", err)
		}
		return nil
	}
	for _, name := range names {
		if err := s.client.Del(ctx, name).Err(); err != nil {
			return outage(ctx, "forget", err)
		}
	}
	return nil
}
