package redisstore

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Names of keys, after the prefix:
//
//	:s:ID           a session
//	:u:USER         the index of a user's sessions
//	:c:KEY          a counter
//	:{t}:k:TICKET   a ticket; all that is of tickets is in one slot of a cluster
//	:{t}:s:SLOT     which ticket has a slot
//	:{t}:u:USER     the index of a user's tickets
//	:{t}:none       nothing, ever: see ticketPut
//
// Words in capitals are digests: they have one length, no braces and nobody's
// address in them, and nobody who chooses a name chooses the slot it is in.

// nameSize is the length of a digest in a name: 24 bytes in base64.
const nameSize = 32

// digest returns the name of what is called by the parts, that no other parts
// have.
func digest(parts ...string) string {
	b := make([]byte, 0, 2*(2+255))
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

func (s *Store) sessionKey(id *auth.SessionID) string {
	b := make([]byte, 0, 32+3+43)
	b = append(b, s.prefix...)
	b = append(b, ":s:"...)
	return string(base64.RawURLEncoding.AppendEncode(b, id[:]))
}

func (s *Store) userKey(userID string) string { return s.prefix + ":u:" + digest(userID) }

func (s *Store) counterKey(key string) string { return s.prefix + ":c:" + digest(key) }

func (s *Store) ticketBase() string { return s.prefix + ":{t}:" }
