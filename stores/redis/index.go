package redisstore

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
)

// The index of a user's sessions is a sorted set. A member is the ID and the
// birth of a session, its score the time, by Redis' clock, after which it is
// garbage. A member whose score is negative is doomed: it was decided that the
// session is to be deleted, and whoever meets it does that.
//
// On a cluster a session and the index are on different servers, and no step is
// taken on both. This is what holds after each step, whoever stops there:
//
//   - A session that can be found has a member in the index of its user, doomed
//     or not. It is written unborn, then the member, then it is born; and it is
//     deleted before the member is.
//   - A member without a session is dead, and will be: no other has its birth.
//
// So deleting a user's sessions is: doom the members, delete the sessions of
// all that are doomed, drop these members. The first step is the decision and
// atomic; the others can be done by anybody, and twice.

const memberSize = 32 + 8

type member [memberSize]byte

func memberOf(id *auth.SessionID, born birth) (m member) {
	copy(m[:32], id[:])
	copy(m[32:], born[:])
	return m
}

// tidyIndex is what scripts of an index begin with. settle keeps the key as
// long as the last of its members, and for ever if one is.
const tidyIndex = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function ms(x) return string.format('%.0f', x) end
local function settle(key)
	local top = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2]
	if not top then return end
	local low = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
	local last = math.max(tonumber(top), -tonumber(low))
	if last == math.huge then
		redis.call('PERSIST', key)
	else
		redis.call('PEXPIREAT', key, ms(last))
	end
end
`

var (
	// indexAdd adds a member for so many milliseconds ("" for ever) and
	// removes what is garbage. A member that is there for longer stays so. It
	// returns 0 if the member is doomed.
	indexAdd = newScript(tidyIndex + `
redis.call('ZREMRANGEBYSCORE', KEYS[1], ms(-now), ms(now))
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) < 0 then return 0 end
redis.call('ZADD', KEYS[1], 'GT', ARGV[2] == '' and '+inf' or ms(now + ARGV[2]), ARGV[1])
settle(KEYS[1])
return 1`)

	// indexDoom dooms all members but those of the given IDs, and returns all
	// that are doomed, by whomever. A server that has no memory left does not let
	// it write. Then it only returns them: they can still be deleted, which is what
	// counts, though not out of the list in one step.
	indexDoom = newScript(`
local spare = {}
for i = 1, #ARGV do spare[ARGV[i]] = true end
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local doomed = {}
for i = 1, #all, 2 do
	local m, score = all[i], all[i + 1]
	if tonumber(score) < 0 then
		doomed[#doomed + 1] = m
	elseif not spare[m:sub(1, 32)] then
		local ok = redis.pcall('ZADD', KEYS[1], score == 'inf' and '-inf' or '-' .. score, m)
		if type(ok) == 'table' and ok.err and not ok.err:find('OOM', 1, true) then return ok end
		doomed[#doomed + 1] = m
	end
end
return doomed`)

	// indexDrop removes members.
	indexDrop = newScript(tidyIndex + `
for i = 1, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end
settle(KEYS[1])
return 1`)
)

// kill deletes the session if it is the one with this birth.
const kill = `
if redis.call('GETRANGE', KEYS[1], 42, 49) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`

// add puts the session's member into the index of its user. ok is false if it
// was doomed meanwhile.
func (s *Store) add(ctx context.Context, userID string, m member, keep string) (ok bool, err error) {
	v, err := s.run(ctx, indexAdd, []string{s.userKey(userID)}, m[:], keep)
	return v == int64(1), err
}

// drop removes the members from the index. Their sessions are gone.
func (s *Store) drop(ctx context.Context, userID string, members []member) error {
	for len(members) > 0 {
		n := min(len(members), batch)
		args := make([]any, n)
		for i := range args {
			args[i] = members[i][:]
		}
		if _, err := s.run(ctx, indexDrop, []string{s.userKey(userID)}, args...); err != nil {
			return err
		}
		members = members[n:]
	}
	return nil
}

// finish deletes the sessions of members that are doomed, and then these. all is
// false if somebody else has deleted one of the sessions.
func (s *Store) finish(ctx context.Context, userID string, doomed []member) (all bool, err error) {
	all = true
	for rest := doomed; len(rest) > 0; {
		n := min(len(rest), batch)
		kills := make([]*redis.Cmd, n)
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, m := range rest[:n] {
				kills[i] = p.Eval(ctx, kill, []string{s.sessionKey((*auth.SessionID)(m[:32]))}, m[32:])
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		for _, k := range kills {
			all = all && k.Val() == int64(1)
		}
		rest = rest[n:]
	}
	return all, s.drop(ctx, userID, doomed)
}

// batch is how many commands are sent at once.
const batch = 500

// members returns what is in the index: live and doomed.
func (s *Store) members(ctx context.Context, userID string) (live, doomed []member, err error) {
	list, err := s.client.ZRangeWithScores(ctx, s.userKey(userID), 0, -1).Result()
	if err != nil {
		return nil, nil, err
	}
	for _, z := range list {
		text, _ := z.Member.(string)
		m, err := parseMember(text)
		if err != nil {
			return nil, nil, err
		}
		if z.Score < 0 {
			doomed = append(doomed, m)
		} else {
			live = append(live, m)
		}
	}
	return live, doomed, nil
}

func parseMember(text string) (m member, err error) {
	if len(text) != memberSize {
		return m, errors.New("malformed member of an index: " + strconv.Itoa(len(text)) + " bytes")
	}
	copy(m[:], text)
	return m, nil
}

// DeleteUserSessions implements [auth.SessionStore]. The sessions are gone from
// the list in one step, and can be loaded until they are deleted, one server of
// a cluster after the other. If it fails in between, call it again; whoever
// asks for the user's sessions finishes it, too.
//
// Whoever deletes a session before it does, and was told that it was they who
// ended it, may have put another in its place: a renewal. So it looks again.
func (s *Store) DeleteUserSessions(ctx context.Context, userID string, except ...auth.SessionID) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "delete sessions of user", err)
	}
	if !storable(userID) {
		return nil
	}
	spare := make([]any, len(except))
	for i := range except {
		spare[i] = except[i][:]
	}
	for range tries {
		doomed, err := s.doom(ctx, userID, spare)
		if err != nil {
			return outage(ctx, "delete sessions of user", err)
		}
		all, err := s.finish(ctx, userID, doomed)
		if err != nil {
			return outage(ctx, "delete sessions of user", err)
		}
		if all {
			return nil
		}
	}
	return outage(ctx, "delete sessions of user", errors.New("somebody else begins and ends sessions of theirs all the time"))
}

// doom dooms the user's members but those to spare, and returns all that are.
func (s *Store) doom(ctx context.Context, userID string, spare []any) ([]member, error) {
	v, err := s.run(ctx, indexDoom, []string{s.userKey(userID)}, spare...)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	doomed := make([]member, len(list))
	for i, text := range list {
		text, _ := text.(string)
		if doomed[i], err = parseMember(text); err != nil {
			return nil, err
		}
	}
	return doomed, nil
}
