package bunstore

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
)

// Proofs are kept in one column: they are always read and written together,
// with the session. A byte for the version of the encoding, the number of
// proofs, then of each Method, At, Kind, Key and Generation; strings after
// their length, numbers as varints, times in milliseconds.
const proofsVersion = 1

// smallestProof is an encoded proof of empty strings.
const smallestProof = 5

var errProofs = errors.New("malformed proofs")

func encodeProofs(proofs []auth.Proof) []byte {
	size := 1 + binary.MaxVarintLen32
	for _, p := range proofs {
		size += len(p.Method) + len(p.Kind) + len(p.Key) + 3*binary.MaxVarintLen16 + 2*binary.MaxVarintLen64
	}
	b := append(make([]byte, 0, size), proofsVersion)
	b = binary.AppendUvarint(b, uint64(len(proofs)))
	for _, p := range proofs {
		b = appendString(b, p.Method)
		b = binary.AppendVarint(b, p.At.UnixMilli())
		b = appendString(b, p.Kind)
		b = appendString(b, p.Key)
		b = binary.AppendVarint(b, p.Generation)
	}
	return b
}

// decodeProofs is the inverse of encodeProofs. What encodeProofs cannot have
// made is an error: a damaged session is not one with fewer proofs. The
// result shares no memory with b.
func decodeProofs(b []byte) ([]auth.Proof, error) {
	if len(b) == 0 || b[0] != proofsVersion {
		return nil, errProofs
	}
	r := proofReader{text: string(b), b: b, at: 1}
	n := r.uvarint()
	if r.bad || n > uint64((len(b)-r.at)/smallestProof) {
		return nil, errProofs
	}
	var proofs []auth.Proof
	if n > 0 {
		proofs = make([]auth.Proof, n)
	}
	for i := range proofs {
		p := &proofs[i]
		p.Method = r.string()
		p.At = time.UnixMilli(r.varint()).UTC()
		p.Kind = r.string()
		p.Key = r.string()
		p.Generation = r.varint()
	}
	if r.bad || r.at != len(b) {
		return nil, errProofs
	}
	return proofs, nil
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// A proofReader reads on from at; after the first fault it is bad and gives
// zeros. Strings are parts of text, which is one allocation for all.
type proofReader struct {
	b    []byte
	text string
	at   int
	bad  bool
}

func (r *proofReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.at += n
	return v
}

func (r *proofReader) varint() int64 {
	v, n := binary.Varint(r.b[r.at:])
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.at += n
	return v
}

func (r *proofReader) string() string {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)-r.at) {
		r.bad = true
		return ""
	}
	s := r.text[r.at : r.at+int(n)]
	r.at += int(n)
	return s
}
