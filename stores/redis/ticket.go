package redisstore

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A ticket is one string. It begins with what scripts read: the version of this
// encoding, the digest of its slot and that of its user, or noName. After them
// come Purpose, Key, UserID, Slot, CreatedAt, ExpiresAt and Data to the end.
const (
	ticketEncoding = 1
	ticketHeader   = 1 + 2*nameSize
)

// noName is the digest of nothing.
const noName = "................................"

// name of a slot or a user in the header of a ticket.
func nameOr(text string, parts ...string) string {
	if text == "" {
		return noName
	}
	return digest(append(parts, text)...)
}

// removeTicket is what scripts of tickets begin with. remove deletes a ticket,
// of which header is the beginning, and what refers to it.
const removeTicket = `
local base, none = ARGV[1], '................................'
local function remove(id, purpose, header)
	local slot, user = header:sub(2, 33), header:sub(34, 65)
	redis.call('DEL', base .. 'k:' .. id)
	if slot ~= none and redis.call('GET', base .. 's:' .. slot) == id then
		redis.call('DEL', base .. 's:' .. slot)
	end
	if user ~= none then redis.call('ZREM', base .. 'u:' .. user, id .. purpose) end
end
`

// All keys of tickets have one hash tag, and so are in one slot of a cluster:
// scripts use more of them than they name. While the slot moves to another server
// some are here and some are there, and what is missing here would be taken for
// nothing. So each names a second key, that never exists: with two, of which one is
// missing, no server that has only a part of the slot runs it (TRYAGAIN).
var (
	// ticketPut puts the ticket with this ID, purpose, value and time to be
	// kept, unless there is one.
	ticketPut = newScript(removeTicket + tidyIndex + `
local id, purpose, value, ttl = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local slot, user = value:sub(2, 33), value:sub(34, 65)
if slot ~= none then
	local old = redis.call('GET', base .. 's:' .. slot)
	if old then remove(old, purpose, redis.call('GETRANGE', base .. 'k:' .. old, 0, 64)) end
end
local function set(key, v)
	if ttl == '' then
		redis.call('SET', key, v)
	else
		redis.call('SET', key, v, 'PXAT', ms(now + ttl))
	end
end
set(KEYS[1], value)
if slot ~= none then set(base .. 's:' .. slot, id) end
if user ~= none then
	local index = base .. 'u:' .. user
	redis.call('ZREMRANGEBYSCORE', index, '-inf', ms(now))
	redis.call('ZADD', index, ttl == '' and '+inf' or ms(now + ttl), id .. purpose)
	settle(index)
end
return 1`)

	// ticketTake removes the ticket with this ID and purpose and returns it.
	ticketTake = newScript(removeTicket + `
local v = redis.call('GET', KEYS[1])
if v then remove(ARGV[2], ARGV[3], v) end
return v`)

	// ticketDelete removes the tickets in the index of the user with this
	// digest that have one of these purposes, or all if there are none.
	ticketDelete = newScript(removeTicket + `
local some = {}
for i = 3, #ARGV do some[ARGV[i]] = true end
for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
	local id, purpose = m:sub(1, 32), m:sub(33)
	if #ARGV == 2 or some[purpose] then
		local header = redis.call('GETRANGE', base .. 'k:' .. id, 0, 64)
		if header:sub(34, 65) == ARGV[2] then
			remove(id, purpose, header)
		else
			redis.call('ZREM', KEYS[1], m)
		end
	end
end
return 1`)
)

func ticketID(purpose, key string) string { return digest("ticket", purpose, key) }

func (s *Store) ticketKey(id string) string { return s.ticketBase() + "k:" + id }

// ticketKeys are the keys that a script of tickets names.
func (s *Store) ticketKeys(key string) []string { return []string{key, s.ticketBase() + "none"} }

func encodeTicket(t *auth.Ticket) []byte {
	size := ticketHeader + 4*binary.MaxVarintLen16 + 2*binary.MaxVarintLen64 +
		len(t.Purpose) + len(t.Key) + len(t.UserID) + len(t.Slot) + len(t.Data)
	b := append(make([]byte, 0, size), ticketEncoding)
	b = append(b, nameOr(t.Slot, "slot", t.Purpose)...)
	b = append(b, nameOr(t.UserID, "user")...)
	for _, text := range [...]string{t.Purpose, t.Key, t.UserID, t.Slot} {
		b = appendText(b, text)
	}
	b = appendTime(b, t.CreatedAt)
	b = appendTime(b, t.ExpiresAt)
	return append(b, t.Data...)
}

// decodeTicket is the inverse of encodeTicket. The result shares no memory
// that anybody can change.
func decodeTicket(v string) (t auth.Ticket, err error) {
	if len(v) < ticketHeader || v[0] != ticketEncoding {
		return auth.Ticket{}, errMalformed
	}
	r := reader{rest: v[ticketHeader:]}
	t.Purpose, t.Key, t.UserID, t.Slot = r.text(), r.text(), r.text(), r.text()
	t.CreatedAt, t.ExpiresAt = r.time(), r.time()
	if r.bad {
		return auth.Ticket{}, errMalformed
	}
	if r.rest != "" {
		t.Data = []byte(r.rest)
	}
	return t, nil
}

// PutTicket implements [auth.TicketStore]. It is one round trip, and atomic on
// a cluster, too.
func (s *Store) PutTicket(ctx context.Context, t auth.Ticket) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "put ticket", err)
	}
	if err := t.Validate(); err != nil {
		return err
	}
	id := ticketID(t.Purpose, t.Key)
	v, err := s.runOnce(ctx, ticketPut, s.ticketKeys(s.ticketKey(id)), s.ticketBase(), id, t.Purpose, encodeTicket(&t),
		lasting(expiry(t.ExpiresAt), s.slack, t.CreatedAt))
	switch {
	case err != nil:
		return outage(ctx, "put ticket", err)
	case v != int64(1):
		return auth.ErrExists
	}
	return nil
}

// LoadTicket implements [auth.TicketStore]. It is one GET.
func (s *Store) LoadTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	if err := ctx.Err(); err != nil {
		return auth.Ticket{}, outage(ctx, "load ticket", err)
	}
	if !storable(purpose) || !storable(key) {
		return auth.Ticket{}, auth.ErrNotFound
	}
	v, err := s.client.Get(ctx, s.ticketKey(ticketID(purpose, key))).Result()
	return ticketOf(ctx, "load ticket", v, err)
}

// TakeTicket implements [auth.TicketStore]. It is one round trip. If its reply
// is lost, the ticket may be: it is not asked for twice.
func (s *Store) TakeTicket(ctx context.Context, purpose, key string) (auth.Ticket, error) {
	if err := ctx.Err(); err != nil {
		return auth.Ticket{}, outage(ctx, "take ticket", err)
	}
	if !storable(purpose) || !storable(key) {
		return auth.Ticket{}, auth.ErrNotFound
	}
	id := ticketID(purpose, key)
	v, err := s.runOnce(ctx, ticketTake, s.ticketKeys(s.ticketKey(id)), s.ticketBase(), id, purpose)
	text, _ := v.(string)
	return ticketOf(ctx, "take ticket", text, err)
}

func ticketOf(ctx context.Context, what, v string, err error) (auth.Ticket, error) {
	if errors.Is(err, redis.Nil) {
		return auth.Ticket{}, auth.ErrNotFound
	}
	var t auth.Ticket
	if err == nil {
		t, err = decodeTicket(v)
	}
	if err != nil {
		return auth.Ticket{}, outage(ctx, what, err)
	}
	return t, nil
}

// DeleteUserTickets implements [auth.TicketStore]. It is one round trip, and
// atomic on a cluster, too.
func (s *Store) DeleteUserTickets(ctx context.Context, userID string, purposes ...string) error {
	if err := ctx.Err(); err != nil {
		return outage(ctx, "delete tickets of user", err)
	}
	if !storable(userID) {
		return nil // those of nobody are not those of a user
	}
	user := nameOr(userID, "user")
	args := []any{s.ticketBase(), user}
	for _, p := range purposes {
		if storable(p) {
			args = append(args, p)
		}
	}
	if len(purposes) > 0 && len(args) == 2 {
		return nil
	}
	if _, err := s.run(ctx, ticketDelete, s.ticketKeys(s.ticketBase()+"u:"+user), args...); err != nil {
		return outage(ctx, "delete tickets of user", err)
	}
	return nil
}
