package redisstore

import (
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// EncodeSession is what is written, with a birth of "12345678".
func EncodeSession(s *auth.Session) []byte {
	return encodeSession(s, birth([]byte("12345678")), addrBytes(s.Addr))
}

// DecodeSession is how it is read.
func DecodeSession(v string, id auth.SessionID) (*auth.Session, error) {
	s, err := decodeSession(v, id)
	if err != nil {
		return nil, err
	}
	return &s.Session, nil
}

var (
	EncodeTicket = encodeTicket
	DecodeTicket = decodeTicket
)

// Lanes is how many loads are under way before others wait, and Most how many
// share a round trip.
const (
	Lanes = lanes
	Most  = most
)

// SetPatience sets after how long another load sets out in any case.
func (s *Store) SetPatience(d time.Duration) {
	s.loads.mu.Lock()
	defer s.loads.mu.Unlock()
	s.loads.patience = d
}

// Loads returns how many loads, or round trips of loads, are under way, and how
// many wait for one.
func (s *Store) Loads() (leading, waiting int) {
	s.loads.mu.Lock()
	defer s.loads.mu.Unlock()
	return s.loads.leading, len(s.loads.waiting)
}

// SessionKey returns the key of a session.
func (s *Store) SessionKey(id auth.SessionID) string { return s.sessionKey(&id) }
