package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
)

// unbornLife is for how long, in milliseconds, a session may take to be born:
// three round trips.
const unbornLife = "3600000"

// What sessionUpdate answers, beside 1 for done.
const (
	gone      = 0
	conflict  = 2
	uncovered = 3
)

// keepSession is what scripts of a session begin with. keep has the key expire
// after so many milliseconds ("" for never), but never later than limit.
const keepSession = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function keep(ttl, limit)
	local at = math.min(ttl == '' and math.huge or now + ttl, limit)
	if at >= 2^62 then
		redis.call('PERSIST', KEYS[1])
	else
		redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', at))
	end
end
`

var (
	// sessionBear lets the session of this birth be found. It is kept for so
	// long, and never longer than its member in the index.
	sessionBear = newScript(keepSession + `
if redis.call('GETRANGE', KEYS[1], 42, 49) ~= ARGV[1] then return 0 end
local flags = redis.call('GETRANGE', KEYS[1], 1, 1):byte()
if flags % 2 == 0 then return 1 end
redis.call('SETRANGE', KEYS[1], 1, string.char(flags - 1))
local limit = math.huge
if ARGV[3] ~= '' then
	limit = now + ARGV[3]
	redis.call('SETRANGE', KEYS[1], 34, struct.pack('>i8', limit))
end
keep(ARGV[2], limit)
return 1`)

	// sessionUpdate changes what an update changes. Its arguments are the
	// Version that is to be there, what is to stand from place 1 on, for how
	// long the session is kept, and until when it must be covered. A fifth is
	// for how long it is covered from now.
	sessionUpdate = newScript(keepSession + `
local h = redis.call('GETRANGE', KEYS[1], 0, 49)
if h == '' then return 0 end
if #h < 50 or h:byte(1) ~= 1 then return redis.error_reply('ERR not a session of this version of Gatehouse') end
if h:byte(2) % 2 == 1 then return 0 end
if h:sub(3, 10) ~= ARGV[1] then return 2 end
local limit = struct.unpack('>i8', h, 35)
if ARGV[5] then
	limit = ARGV[5] == '' and 2^63 or now + ARGV[5]
	redis.call('SETRANGE', KEYS[1], 34, ARGV[5] == '' and '\127\255\255\255\255\255\255\255' or struct.pack('>i8', limit))
elseif struct.unpack('>i8', h, 27) < tonumber(ARGV[4]) then
	return 3
end
redis.call('SETRANGE', KEYS[1], 1, ARGV[2])
keep(ARGV[3], limit)
return 1`)

	// sessionDelete deletes the session and returns it.
	sessionDelete = newScript(`
local v = redis.call('GET', KEYS[1])
if not v then return false end
if #v < 50 or v:byte(1) ~= 1 then return redis.error_reply('ERR not a session of this version of Gatehouse') end
if v:byte(2) % 2 == 1 then return false end
redis.call('DEL', KEYS[1])
return v`)
)

// CreateSession implements [auth.SessionStore]. It is three round trips, see
// the package comment. If the user's sessions are deleted meanwhile, it may
// return nil for a session that is gone already.
func (s *Store) CreateSession(ctx context.Context, ss *auth.Session) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "create session", err)
	}
	if err := ss.Validate(); err != nil {
		return err
	}
	addr := addrBytes(ss.Addr)
	if len(addr) > 255 { // it may have a zone of any length
		return fmt.Errorf("%w: address of a session", auth.ErrInvalid)
	}
	var born birth
	rand.Read(born[:])
	key, m := s.sessionKey(&ss.ID), memberOf(&ss.ID, born)

	set := redis.NewCmd(ctx, "set", key, encodeSession(ss, born, addr), "nx", "px", unbornLife)
	switch err := s.client.Process(ctx, once{set}); {
	case errors.Is(err, redis.Nil):
		return auth.ErrExists
	case err != nil:
		return outage(ctx, "create session", err)
	}
	cover := covered(ss.ExpiresAt, ss.EndsAt)
	ok, err := s.add(ctx, ss.UserID, m, lasting(cover, 2*s.slack, ss.CreatedAt, ss.SeenAt))
	if err != nil {
		return outage(ctx, "create session", err)
	}
	if !ok {
		return nil
	}
	_, err = s.run(ctx, sessionBear, []string{key}, born[:],
		lasting(expiry(ss.ExpiresAt), s.slack, ss.CreatedAt, ss.SeenAt), lasting(cover, s.slack, ss.CreatedAt, ss.SeenAt))
	if err != nil {
		return outage(ctx, "create session", err)
	}
	return nil
}

// LoadSession implements [auth.SessionStore]. It is one GET. On one server those
// that come at once share round trips, see the package comment.
func (s *Store) LoadSession(ctx context.Context, id auth.SessionID) (*auth.Session, error) {
	ss, err := s.load(ctx, id)
	if err != nil {
		return nil, err
	}
	return &ss.Session, nil
}

func (s *Store) load(ctx context.Context, id auth.SessionID) (*stored, error) {
	if err := ctx.Err(); err != nil {
		return nil, outage(ctx, "load session", err)
	}
	v, err := s.get(ctx, s.sessionKey(&id))
	switch {
	case errors.Is(err, redis.Nil):
		return nil, auth.ErrNotFound
	case err != nil:
		return nil, outage(ctx, "load session", err)
	}
	ss, err := decodeSession(v, id)
	switch {
	case err != nil:
		return nil, outage(ctx, "load session", err)
	case ss.unborn:
		return nil, auth.ErrNotFound
	}
	return ss, nil
}

// UpdateSession implements [auth.SessionStore]. It is one round trip, but for a
// session that is to expire later than it was to end when it was created: its
// place in the user's index is prolonged first.
func (s *Store) UpdateSession(ctx context.Context, ss *auth.Session) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "update session", err)
	}
	expires := expiry(ss.ExpiresAt)
	keys := []string{s.sessionKey(&ss.ID)}
	version := binary.BigEndian.AppendUint64(nil, uint64(ss.Version))
	change := appendChanging(make([]byte, 0, 33), flags(ss.Stale), ss.Version+1, ss.SeenAt, ss.ExpiresAt)
	keep := lasting(expires, s.slack, ss.SeenAt)
	v, err := s.runOnce(ctx, sessionUpdate, keys, version, change, keep, expires)
	if err == nil && v == int64(uncovered) {
		if err := s.cover(ctx, ss); err != nil {
			return err
		}
		change = binary.BigEndian.AppendUint64(change, uint64(expires))
		v, err = s.runOnce(ctx, sessionUpdate, keys, version, change, keep, expires, keep)
	}
	switch {
	case err != nil:
		return outage(ctx, "update session", err)
	case v == int64(gone):
		return auth.ErrNotFound
	case v == int64(conflict):
		return auth.ErrConflict
	}
	return nil
}

// cover has the index of its user know of the session for as long as the update
// lets it live.
func (s *Store) cover(ctx context.Context, update *auth.Session) error {
	ss, err := s.load(ctx, update.ID)
	if err != nil {
		return err
	}
	ok, err := s.add(ctx, ss.UserID, memberOf(&ss.ID, ss.born), lasting(expiry(update.ExpiresAt), 2*s.slack, update.SeenAt))
	switch {
	case err != nil:
		return outage(ctx, "update session", err)
	case !ok:
		return auth.ErrNotFound // it is being deleted
	}
	return nil
}

// DeleteSession implements [auth.SessionStore]. The first of its two round
// trips decides. That the second fails is no error: what it would have tidied
// is dead.
func (s *Store) DeleteSession(ctx context.Context, id auth.SessionID) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "delete session", err)
	}
	v, err := s.runOnce(ctx, sessionDelete, []string{s.sessionKey(&id)})
	switch {
	case errors.Is(err, redis.Nil):
		return auth.ErrNotFound
	case err != nil:
		return outage(ctx, "delete session", err)
	}
	text, _ := v.(string)
	if ss, err := decodeSession(text, id); err == nil {
		_ = s.drop(ctx, ss.UserID, []member{memberOf(&id, ss.born)})
	}
	return nil
}

// UserSessions implements [auth.SessionStore]. It is two round trips, if no
// session comes or goes meanwhile.
func (s *Store) UserSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, outage(ctx, "sessions of user", err)
	}
	if !storable(userID) {
		return nil, nil
	}
	list, err := s.userSessions(ctx, userID)
	if err != nil {
		return nil, outage(ctx, "sessions of user", err)
	}
	slices.SortStableFunc(list, func(a, b *auth.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return list, nil
}

// tries is how often a list is read, or emptied, that changes all the time.
const tries = 8

func (s *Store) userSessions(ctx context.Context, userID string) ([]*auth.Session, error) {
	live, doomed, err := s.members(ctx, userID)
	for try := 0; err == nil; try++ {
		if _, err = s.finish(ctx, userID, doomed); err != nil {
			break
		}
		var found []*stored
		var dead []member
		found, dead, err = s.loadMembers(ctx, live)
		if err != nil || len(dead) == 0 {
			return sessionsOf(found), err
		}
		// Some were deleted since the index was read, or nobody has tidied
		// after they were. The index says which of all to leave out.
		var still []member
		still, doomed, err = s.members(ctx, userID)
		if err != nil {
			break
		}
		if same := slices.Equal(still, live); same || try == tries {
			if same {
				err = s.drop(ctx, userID, dead)
			}
			found = slices.DeleteFunc(found, func(ss *stored) bool { return !slices.Contains(still, memberOf(&ss.ID, ss.born)) })
			return sessionsOf(found), err
		}
		live = still
	}
	return nil, err
}

// loadMembers returns the sessions of the members, and the members that have
// none.
func (s *Store) loadMembers(ctx context.Context, members []member) (found []*stored, dead []member, err error) {
	for len(members) > 0 {
		n := min(len(members), batch)
		gets := make([]*redis.StringCmd, n)
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range gets {
				gets[i] = p.Get(ctx, s.sessionKey((*auth.SessionID)(members[i][:32])))
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, nil, err
		}
		for i, get := range gets {
			m := members[i]
			v, err := get.Result()
			if errors.Is(err, redis.Nil) {
				dead = append(dead, m)
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			ss, err := decodeSession(v, auth.SessionID(m[:32]))
			if err != nil {
				return nil, nil, err
			}
			switch {
			case ss.born != birth(m[32:]):
				dead = append(dead, m)
			case !ss.unborn:
				found = append(found, ss)
			}
		}
		members = members[n:]
	}
	return found, dead, nil
}

func sessionsOf(found []*stored) []*auth.Session {
	list := make([]*auth.Session, len(found))
	for i, ss := range found {
		list[i] = &ss.Session
	}
	return list
}
