package memory

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// never is when things expire that do not.
const never = math.MaxInt64

// millis returns t as it is kept: in milliseconds, UTC, zero if it is zero.
func millis(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

func expiry(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMilli()
}

// latest returns the latest of the times: what a write says of the present.
func latest(times ...time.Time) int64 {
	now := time.Time{}
	for _, t := range times {
		if t.After(now) {
			now = t
		}
	}
	return now.UnixMilli()
}

func cloneData(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(data)), data...)
}

// checkKey refuses a counter's key that not every store would keep.
func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: empty key", auth.ErrInvalid)
	case len(key) > 255:
		return fmt.Errorf("%w: key longer than 255 bytes", auth.ErrInvalid)
	case strings.IndexByte(key, 0) >= 0 || !utf8.ValidString(key):
		return fmt.Errorf("%w: key is not UTF-8 without NUL", auth.ErrInvalid)
	}
	return nil
}
