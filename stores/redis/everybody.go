package redisstore

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
)

// DeleteAllSessions deletes the sessions of all users whose IDs begin with
// userPrefix, "" for everybody's, and returns how many it deleted. It logs
// everybody out who was logged in when it was called. It walks over all keys of
// the server, or of each server of a cluster, some hundred at a time, and keeps
// nobody waiting. If it fails or ctx ends, n is how many it had deleted; it can be called
// again. A session in an encoding that it does not know is an error, after all
// others were deleted.
func (s *Store) DeleteAllSessions(ctx context.Context, userPrefix string) (n int, err error) {
	var unreadable error
	err = s.scan(ctx, s.prefix+":s:*", func(keys, values []string) error {
		var doomed []*stored
		for i, v := range values {
			id, ok := idOfKey(strings.TrimPrefix(keys[i], s.prefix+":s:"))
			ss, err := decodeSession(v, id)
			switch {
			case err != nil || !ok:
				unreadable = errMalformed
			case strings.HasPrefix(ss.UserID, userPrefix):
				doomed = append(doomed, ss)
			}
		}
		killed, err := s.killAll(ctx, doomed)
		n += killed
		return err
	})
	if err == nil {
		err = unreadable
	}
	if err != nil {
		return n, outage(ctx, "delete all sessions", err)
	}
	return n, nil
}

// killAll deletes the sessions and then their members of the indexes, which is
// the order in which everybody does it.
func (s *Store) killAll(ctx context.Context, doomed []*stored) (n int, err error) {
	if len(doomed) == 0 {
		return 0, nil
	}
	killed := make([]*redis.Cmd, len(doomed))
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, ss := range doomed {
			killed[i] = p.Eval(ctx, kill, []string{s.sessionKey(&ss.ID)}, ss.born[:])
		}
		return nil
	})
	for i, cmd := range killed {
		// One that was not born yet has been nobody's.
		if cmd.Val() == int64(1) && !doomed[i].unborn {
			n++
		}
	}
	if err != nil {
		return n, err
	}
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, ss := range doomed {
			m := memberOf(&ss.ID, ss.born)
			p.Eval(ctx, indexDrop.text, []string{s.userKey(ss.UserID)}, m[:])
		}
		return nil
	})
	return n, err
}

// DeleteAllTickets deletes the tickets of all users whose IDs begin with
// userPrefix, "" for everybody's. Those of nobody, such as the transactions of
// OAuth, stay. Otherwise it is as [Store.DeleteAllSessions].
func (s *Store) DeleteAllTickets(ctx context.Context, userPrefix string) error {
	var unreadable error
	err := s.scan(ctx, s.ticketBase()+"k:*", func(_, values []string) error {
		done := map[string]bool{"": true}
		for _, v := range values {
			t, err := decodeTicket(v)
			if err != nil {
				unreadable = err
				continue
			}
			if done[t.UserID] || !strings.HasPrefix(t.UserID, userPrefix) {
				continue
			}
			done[t.UserID] = true
			if err := s.DeleteUserTickets(ctx, t.UserID); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = unreadable
	}
	if err != nil {
		return outage(ctx, "delete all tickets", err)
	}
	return nil
}

// idOfKey is the inverse of sessionKey, for what follows the prefix.
func idOfKey(text string) (id auth.SessionID, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return auth.SessionID(b), true
}

// scan calls f with the keys that match the pattern and their values, some at a
// time. A key that is there from beginning to end is among them, perhaps more
// than once. f is not called by two at once.
func (s *Store) scan(ctx context.Context, pattern string, f func(keys, values []string) error) error {
	var mu sync.Mutex
	one := func(ctx context.Context, c redis.Cmdable) error {
		for cursor := uint64(0); ; {
			if err := ctx.Err(); err != nil {
				return err
			}
			names, next, err := c.Scan(ctx, cursor, pattern, batch).Result()
			if err != nil {
				return err
			}
			mu.Lock()
			keys, values, err := s.values(ctx, names)
			if err == nil && len(keys) > 0 {
				err = f(keys, values)
			}
			mu.Unlock()
			if err != nil {
				return err
			}
			if cursor = next; cursor == 0 {
				return nil
			}
		}
	}
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return one(ctx, c) })
	}
	return one(ctx, s.client)
}

// values returns those keys that are still there, and what they hold.
func (s *Store) values(ctx context.Context, names []string) (keys, values []string, err error) {
	if len(names) == 0 {
		return nil, nil, nil
	}
	gets := make([]*redis.StringCmd, len(names))
	_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, name := range names {
			gets[i] = p.Get(ctx, name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, nil, err
	}
	for i, get := range gets {
		v, err := get.Result()
		if errors.Is(err, redis.Nil) {
			continue
		} else if err != nil {
			return nil, nil, err
		}
		keys, values = append(keys, names[i]), append(values, v)
	}
	return keys, values, nil
}
