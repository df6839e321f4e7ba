package redisstore_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	redisstore "github.com/gatehouse-go/gatehouse/stores/redis"
)

func fullSession() *auth.Session {
	v := newSession(0, "ada")
	v.Actor, v.Binding, v.Stale = "root", "binding", true
	v.Addr = netip.MustParseAddr("2001:db8::1%eth0")
	v.Proofs = append(v.Proofs, auth.Proof{Method: "totp", At: t0.Add(time.Minute), Kind: "totp", Key: "k", Generation: -7})
	return v
}

func fullTicket() auth.Ticket {
	return auth.Ticket{Purpose: "reset", Key: "k", UserID: "ada", Slot: "s", Data: []byte("data"), CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)}
}

// What was written by an older program must be read by a newer one: these are
// values of version 1, as they are in somebody's Redis.
func TestEncodingStays(t *testing.T) {
	const session = "" +
		"01" + "03" + "0000000000000001" + "0000019cb73d3218" + "0000019cb7742098" + "0000019cbc638e18" + "7fffffffffffffff" + "3132333435363738" +
		"b0c8e9f39667" + "b0b89cc69767" + "03616461" + "04726f6f74" + "0131" + "0762696e64696e67" + "1046697265666f78206f6e204c696e7578" +
		"1420010db800000000000000000000000165746830" + "02" +
		"0870617373776f7264" + "b0c8e9f39667" + "0870617373776f7264" + "03616461" + "02" +
		"04746f7470" + "f0f1f0f39667" + "04746f7470" + "016b" + "0d"
	const ticket = "01" +
		"6170684642755a5f3451636739456c46726d494c75493471383569373368494a" + "34494e32614e567748673532376e7048616e6c476f3879784d674d5351557a38" +
		"057265736574" + "016b" + "03616461" + "0173" + "b0c8e9f39667" + "b082a1f79667" + "64617461"
	if got := hex.EncodeToString(redisstore.EncodeSession(fullSession())); got != session {
		t.Errorf("a session is\n\t%s, want\n\t%s", got, session)
	}
	v, err := hex.DecodeString(session)
	must(t, err)
	got, err := redisstore.DecodeSession(string(v), sid(0))
	if must(t, err); !reflect.DeepEqual(got, fullSession()) {
		t.Errorf("the session is %+v, want %+v", got, fullSession())
	}
	if got := hex.EncodeToString(redisstore.EncodeTicket(new(fullTicket()))); got != ticket {
		t.Errorf("a ticket is\n\t%s, want\n\t%s", got, ticket)
	}
}

// What is cut short, has more behind it, or is of another version, is no
// session: not one with fewer proofs, and not none either.
func TestDamaged(t *testing.T) {
	ownServer(t)
	s, prefix := newStore(t, redisstore.Options{})
	c := newClient(t, server(t))
	defer c.Close()
	ctx := t.Context()
	must(t, s.CreateSession(ctx, fullSession()))
	must(t, s.PutTicket(ctx, fullTicket()))
	sessionKey, ticketKey := keys(t, c, prefix+":s")[0], keys(t, c, prefix+":{t}:k")[0]
	whole, err := c.Get(ctx, sessionKey).Bytes()
	must(t, err)
	damaged := [][]byte{append(bytes.Clone(whole), 0), append([]byte{2}, whole[1:]...), append([]byte{0}, whole[1:]...)}
	for n := range whole {
		damaged = append(damaged, whole[:n])
	}
	for _, v := range damaged {
		must(t, c.Set(ctx, sessionKey, v, time.Hour).Err())
		if _, err := s.LoadSession(ctx, sid(0)); err == nil || errors.Is(err, auth.ErrNotFound) {
			t.Errorf("LoadSession of %d bytes %.10x of %d: %v, want an outage", len(v), v, len(whole), err)
		}
		if _, err := s.UserSessions(ctx, "ada"); err == nil && len(v) > 50 {
			t.Errorf("UserSessions with %d bytes %.10x of %d: want an outage", len(v), v, len(whole))
		}
	}
	must(t, c.Set(ctx, sessionKey, "another's", time.Hour).Err())
	u := fullSession()
	for name, err := range map[string]error{
		"UpdateSession": s.UpdateSession(ctx, u),
		"DeleteSession": s.DeleteSession(ctx, u.ID),
	} {
		if err == nil || errors.Is(err, auth.ErrNotFound) || errors.Is(err, auth.ErrConflict) {
			t.Errorf("%s of what is no session: %v, want an outage", name, err)
		}
	}
	if v := c.Get(ctx, sessionKey).Val(); v != "another's" {
		t.Errorf("what is no session was changed to %q", v)
	}
	ticket, err := c.Get(ctx, ticketKey).Bytes()
	must(t, err)
	for _, v := range [][]byte{nil, ticket[:40], ticket[:70], append([]byte{2}, ticket[1:]...)} {
		must(t, c.Set(ctx, ticketKey, v, time.Hour).Err())
		if _, err := s.LoadTicket(ctx, "reset", "k"); err == nil || errors.Is(err, auth.ErrNotFound) {
			t.Errorf("LoadTicket of %d bytes: %v, want an outage", len(v), err)
		}
	}
}

func FuzzDecodeSession(f *testing.F) {
	f.Add(redisstore.EncodeSession(fullSession()))
	f.Add(redisstore.EncodeSession(&auth.Session{UserID: "u"}))
	f.Fuzz(func(t *testing.T, v []byte) {
		s, err := redisstore.DecodeSession(string(v), sid(1))
		if err != nil {
			return
		}
		version, stale := s.Version, s.Stale
		again, err := redisstore.DecodeSession(string(redisstore.EncodeSession(s)), sid(1))
		if err != nil {
			t.Fatal(err)
		}
		if again.Version = version; !reflect.DeepEqual(again, s) || again.Stale != stale {
			t.Errorf("%+v was written as %+v", s, again)
		}
	})
}

func FuzzDecodeTicket(f *testing.F) {
	f.Add(redisstore.EncodeTicket(new(fullTicket())))
	f.Fuzz(func(t *testing.T, v []byte) {
		tk, err := redisstore.DecodeTicket(string(v))
		if err != nil {
			return
		}
		again, err := redisstore.DecodeTicket(string(redisstore.EncodeTicket(&tk)))
		if err != nil || !reflect.DeepEqual(again, tk) {
			t.Errorf("%+v was written as %+v, %v", tk, again, err)
		}
	})
}
