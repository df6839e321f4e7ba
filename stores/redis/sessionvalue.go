package redisstore

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// A session is one string. It begins with what scripts read and change where
// it stands, at places that are always the same; numbers are eight bytes, the
// highest first, times in milliseconds:
//
//	 0  the version of this encoding
//	 1  flags
//	 2  Version
//	10  SeenAt
//	18  ExpiresAt
//	26  covered: until when its entry in the index of its user is kept at
//	    least, by the clock of who created it; or never
//	34  the latest time, by Redis' clock, that this key may be kept until
//	42  birth: random, to tell it from another session of the same ID
//
// After them comes what never changes: CreatedAt, EndsAt, UserID, Actor,
// AuthVersion, Binding, Label, Addr, the number of proofs, and of each Method,
// At, Kind, Key and Generation. Texts follow their length, numbers are varints.
const (
	sessionEncoding = 1
	headerSize      = 50

	flagUnborn = 1 // its entry in the index may not be there yet: it is not to be found
	flagStale  = 2
)

// birth is random; an entry in an index is of the session that has it.
type birth [8]byte

// covered is until when a user's index has to know of a session.
func covered(expires, ends time.Time) int64 {
	switch {
	case expires.IsZero():
		return never
	case ends.IsZero():
		return expires.UnixMilli()
	}
	return max(expires.UnixMilli(), ends.UnixMilli())
}

func flags(stale bool) byte {
	if stale {
		return flagStale
	}
	return 0
}

// encodeSession returns s with Version 1, not born yet.
func encodeSession(s *auth.Session, born birth, addr []byte) []byte {
	size := headerSize + 2*binary.MaxVarintLen64 + 7*binary.MaxVarintLen16 +
		len(s.UserID) + len(s.Actor) + len(s.AuthVersion) + len(s.Binding) + len(s.Label) + len(addr)
	for i := range s.Proofs {
		p := &s.Proofs[i]
		size += len(p.Method) + len(p.Kind) + len(p.Key) + 3*binary.MaxVarintLen16 + 2*binary.MaxVarintLen64
	}
	b := append(make([]byte, 0, size), sessionEncoding)
	b = appendChanging(b, flags(s.Stale)|flagUnborn, 1, s.SeenAt, s.ExpiresAt)
	b = binary.BigEndian.AppendUint64(b, uint64(covered(s.ExpiresAt, s.EndsAt)))
	b = binary.BigEndian.AppendUint64(b, never)
	b = append(b, born[:]...)
	b = appendTime(b, s.CreatedAt)
	b = appendTime(b, s.EndsAt)
	for _, text := range [...]string{s.UserID, s.Actor, s.AuthVersion, s.Binding, s.Label} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(addr)))
	b = append(b, addr...)
	b = binary.AppendUvarint(b, uint64(len(s.Proofs)))
	for i := range s.Proofs {
		p := &s.Proofs[i]
		b = appendText(b, p.Method)
		b = appendTime(b, p.At)
		b = appendText(b, p.Kind)
		b = appendText(b, p.Key)
		b = binary.AppendVarint(b, p.Generation)
	}
	return b
}

// appendChanging appends what an update changes, which is together.
func appendChanging(b []byte, flags byte, version int64, seen, expires time.Time) []byte {
	b = append(b, flags)
	b = binary.BigEndian.AppendUint64(b, uint64(version))
	b = binary.BigEndian.AppendUint64(b, uint64(seen.UnixMilli()))
	return binary.BigEndian.AppendUint64(b, uint64(expires.UnixMilli()))
}

// A stored is a session as it is read: one piece of memory for it and the one
// proof that most have.
type stored struct {
	auth.Session
	proof  [1]auth.Proof
	born   birth
	unborn bool
}

// smallestProof is an encoded proof of empty texts.
const smallestProof = 5

// decodeSession is the inverse of encodeSession. What that cannot have made is
// an error: a damaged session is not one with fewer proofs. The texts of the
// session are parts of v.
func decodeSession(v string, id auth.SessionID) (*stored, error) {
	if len(v) < headerSize || v[0] != sessionEncoding {
		return nil, errMalformed
	}
	flags := v[1]
	s := &stored{unborn: flags&flagUnborn != 0}
	s.ID = id
	s.Stale = flags&flagStale != 0
	r := reader{rest: v[2:]}
	s.Version = r.int64()
	s.SeenAt = time.UnixMilli(r.int64()).UTC()
	s.ExpiresAt = time.UnixMilli(r.int64()).UTC()
	r.take(16)
	copy(s.born[:], r.take(8))
	s.CreatedAt, s.EndsAt = r.time(), r.time()
	s.UserID, s.Actor, s.AuthVersion, s.Binding, s.Label = r.text(), r.text(), r.text(), r.text(), r.text()
	if addr := r.text(); addr != "" {
		var b [16]byte
		if err := s.Addr.UnmarshalBinary(append(b[:0], addr...)); err != nil {
			return nil, errMalformed
		}
	}
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)/smallestProof) {
		return nil, errMalformed
	}
	switch {
	case n == 0:
	case n == 1:
		s.Proofs = s.proof[:1:1]
	default:
		s.Proofs = make([]auth.Proof, n)
	}
	for i := range s.Proofs {
		p := &s.Proofs[i]
		p.Method, p.At, p.Kind, p.Key, p.Generation = r.text(), r.time(), r.text(), r.text(), r.varint()
	}
	if r.bad || r.rest != "" {
		return nil, errMalformed
	}
	return s, nil
}

// addrBytes returns what is kept of an address: nothing for none.
func addrBytes(a netip.Addr) []byte {
	b, _ := a.AppendBinary(nil) // it cannot fail
	return b
}
