// Package uuid makes the identifiers of the ready-made users tables. It makes
// UUIDs of version 7 (RFC 9562) and nothing else; start with [New].
package uuid

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// New returns a new UUID of version 7 in its usual form, 36 bytes in lower
// case. Its first 48 bits are now in Unix milliseconds, so that identifiers
// sort by when they were made; 74 bits of the rest are random, so that nobody
// can guess one and none comes twice. A time before 1970 counts as 1970.
func New(now time.Time) string {
	var u [16]byte
	rand.Read(u[6:]) // never fails: crypto/rand ends the program instead
	ms := uint64(max(now.UnixMilli(), 0))
	binary.BigEndian.PutUint16(u[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(u[2:], uint32(ms))
	u[6] = 7<<4 | u[6]&0x0f    // version 7
	u[8] = 0b10<<6 | u[8]&0x3f // the variant of RFC 9562
	out := make([]byte, 0, 36)
	for i, part := range [...][]byte{u[0:4], u[4:6], u[6:8], u[8:10], u[10:16]} {
		if i > 0 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, part)
	}
	return string(out)
}
