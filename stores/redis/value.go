package redisstore

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var errMalformed = errors.New("malformed value")

// never is when things expire that do not.
const never = math.MaxInt64

// expiry returns t in milliseconds, never for the zero time.
func expiry(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMilli()
}

// lasting returns for how many milliseconds Redis keeps what expires at
// expires and was written at the latest of the times: as long as it is good by
// the clock of who wrote it, no less than nothing, and the slack. It is a
// duration, so that Redis' clock need not agree with anybody's. "" is for ever.
func lasting(expires, slack int64, written ...time.Time) string {
	if expires == never {
		return ""
	}
	now := int64(math.MinInt64)
	for _, t := range written {
		now = max(now, t.UnixMilli())
	}
	return strconv.FormatInt(max(expires-now, 0)+slack, 10)
}

// storable reports whether a string may be a key at all. What is not was never
// written.
func storable(s string) bool {
	return s != "" && len(s) <= 255 && strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendTime(b []byte, t time.Time) []byte { return binary.AppendVarint(b, t.UnixMilli()) }

// A reader reads a value from front to back. After the first fault it is bad
// and gives zeros. Texts are parts of the value: none is copied.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) take(n uint64) string {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) uvarint() uint64 {
	var v uint64
	for i := 0; i < binary.MaxVarintLen64 && i < len(r.rest); i++ {
		c := r.rest[i]
		if c < 0x80 {
			if i == binary.MaxVarintLen64-1 && c > 1 {
				break
			}
			r.rest = r.rest[i+1:]
			return v | uint64(c)<<(7*i)
		}
		v |= uint64(c&0x7f) << (7 * i)
	}
	r.bad, r.rest = true, ""
	return 0
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) text() string { return r.take(r.uvarint()) }

func (r *reader) time() time.Time { return time.UnixMilli(r.varint()).UTC() }

// int64 reads eight bytes.
func (r *reader) int64() int64 {
	s := r.take(8)
	if s == "" {
		return 0
	}
	var v uint64
	for i := range 8 {
		v = v<<8 | uint64(s[i])
	}
	return int64(v)
}
