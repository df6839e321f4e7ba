package bunstore

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
)

// storable reports whether s may be the key of anything that a store keeps.
// Looking for another string is not finding it: it does not go to the
// database, which might trim it, cut it at a NUL or fail.
func storable(s string) bool { return s != "" && storableText(s) }

func storableText(s string) bool {
	if len(s) > 255 {
		return false
	}
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return utf8.ValidString(s)
}

// millis returns t as it is bound: NULL for the zero time, so that what never
// expires is in no index, and no time is taken for it.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// blob returns b as it is bound: NULL for none.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// The types below are where columns are scanned to. They spare database/sql
// its reflection and take what a driver may give: text for a number, NULL.

type (
	timeColumn   time.Time
	intColumn    int64
	countColumn  int
	flagColumn   bool
	idColumn     auth.SessionID
	addrColumn   netip.Addr
	proofsColumn []auth.Proof
	stampColumn  time.Time // of the table of migrations: a time, or as a number or text
)

func (c *stampColumn) Scan(src any) error {
	switch v := src.(type) {
	case time.Time:
		*c = stampColumn(v.UTC())
		return nil
	case int64:
		return (*timeColumn)(c).Scan(v)
	}
	b, err := binaryOf(src)
	if err != nil {
		return err
	}
	t, err := time.Parse(time.DateTime, string(b[:min(len(b), len(time.DateTime))]))
	*c = stampColumn(t)
	return err
}

func (c *timeColumn) Scan(src any) error {
	if src == nil {
		*c = timeColumn{}
		return nil
	}
	ms, err := integer(src)
	if err != nil {
		return err
	}
	*c = timeColumn(time.UnixMilli(ms).UTC())
	return nil
}

func (c *intColumn) Scan(src any) error {
	n, err := integer(src)
	*c = intColumn(n)
	return err
}

func (c *countColumn) Scan(src any) error {
	n, err := integer(src)
	*c = countColumn(n)
	return err
}

func (c *flagColumn) Scan(src any) error {
	n, err := integer(src)
	*c = n != 0
	return err
}

func (c *idColumn) Scan(src any) error {
	b, err := binaryOf(src)
	if err != nil {
		return err
	}
	if len(b) != len(c) {
		return fmt.Errorf("session ID of %d bytes", len(b))
	}
	copy(c[:], b)
	return nil
}

func (c *addrColumn) Scan(src any) error {
	var s string
	switch v := src.(type) {
	case string:
		s = v
	case []byte:
		s = string(v)
	default:
		return fmt.Errorf("address in a %T", src)
	}
	if s == "" {
		*c = addrColumn{}
		return nil
	}
	a, err := netip.ParseAddr(s)
	*c = addrColumn(a)
	return err
}

func (c *proofsColumn) Scan(src any) error {
	b, err := binaryOf(src)
	if err != nil {
		return err
	}
	p, err := decodeProofs(b)
	*c = p
	return err
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func integer(src any) (int64, error) {
	switch v := src.(type) {
	case int64:
		return v, nil
	case []byte:
		return strconv.ParseInt(string(v), 10, 64)
	case string:
		return strconv.ParseInt(v, 10, 64)
	}
	return 0, fmt.Errorf("number in a %T", src)
}

func binaryOf(src any) ([]byte, error) {
	switch v := src.(type) {
	case []byte:
		return v, nil
	case string:
		return []byte(v), nil
	}
	return nil, fmt.Errorf("bytes in a %T", src)
}
