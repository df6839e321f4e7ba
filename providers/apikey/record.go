package apikey

import (
	"encoding/binary"
	"errors"
	"strings"
)

// A record is what is kept of a key as the credential's Data.
type record struct {
	digest  [32]byte
	version string   // the user's AuthVersion when the key was made
	scopes  []string // nil: not limited
}

// The encoding: a version, the digest, whether the key is limited, the length of
// version and version, and the scopes with a space between them.
const (
	encoding  = 1
	unlimited = 0
	limited   = 1
)

func (rec *record) encode() []byte {
	b := append([]byte{encoding}, rec.digest[:]...)
	if rec.scopes == nil {
		b = append(b, unlimited)
	} else {
		b = append(b, limited)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(rec.version)))
	b = append(b, rec.version...)
	return append(b, strings.Join(rec.scopes, " ")...)
}

var errRecord = errors.New("apikey: what is kept of a key cannot be read")

// decode reads what encode has written, and nothing else: a later encoding may
// limit a key in a way that this one does not know.
func decode(data []byte) (rec record, err error) {
	const head = 1 + len(rec.digest) + 1 + 2
	if len(data) < head || data[0] != encoding {
		return rec, errRecord
	}
	copy(rec.digest[:], data[1:])
	limits, rest := data[head-3], data[head:]
	n := int(binary.BigEndian.Uint16(data[head-2:]))
	if n > len(rest) {
		return rec, errRecord
	}
	rec.version = string(rest[:n])
	rest = rest[n:]
	switch {
	case limits == unlimited && len(rest) == 0:
	case limits == limited && len(rest) == 0:
		rec.scopes = []string{}
	case limits == limited:
		rec.scopes = strings.Split(string(rest), " ")
	default:
		return rec, errRecord
	}
	return rec, nil
}
