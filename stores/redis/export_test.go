package redisstore

import "github.com/gatehouse-go/gatehouse/auth"

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
