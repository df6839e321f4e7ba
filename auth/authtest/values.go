package authtest

import (
	"net/netip"
	"strings"
	"time"
)

// t0 is long ago for the clock of the machine, and t1 far away: a store that
// looks at a clock shows it.
func t0() time.Time { return time.Date(2001, 2, 3, 4, 5, 6, 789e6, time.UTC) }
func t1() time.Time { return time.Date(2201, 2, 3, 4, 5, 6, 789e6, time.UTC) }

// A text is a string with a name for a table.
type text struct{ name, s string }

// texts are valid strings, no two of them equal byte for byte, that one
// backend or another changes, cuts off, takes for equal, or for syntax.
func texts() []text {
	return []text{
		{"plain", "ada"},
		{"upper case", "ADA"},
		{"title case", "Ada"},
		{"trailing space", "ada "},
		{"two trailing spaces", "ada  "},
		{"leading space", " ada"},
		{"space only", " "},
		{"tab", "\t"},
		{"trailing newline", "ada\n"},
		{"CR LF", "ada\r\n"},
		{"control characters", "\x01\x1f\x7f"},
		{"NFC", "ad\u00e1"},
		{"NFD", "ada\u0301"},
		{"other accent", "ad\u00e0"},
		{"full width", "\uff41\uff44\uff41"},
		{"sharp s", "stra\u00dfe"},
		{"double s", "strasse"},
		{"dotless i", "\u0131"},
		{"dotted capital I", "\u0130"},
		{"i", "i"},
		{"zero width joiner", "ada\u200d"},
		{"soft hyphen", "a\u00adda"},
		{"right to left override", "\u202eada"},
		{"byte order mark", "\ufeffada"},
		{"replacement character", "\ufffd"},
		{"noncharacter", "\uffff"},
		{"last code point", "\U0010ffff"},
		{"emoji", "\U0001f469\u200d\U0001f4bb"},
		{"255 bytes", strings.Repeat("x", 255)},
		{"255 other bytes", strings.Repeat("x", 254) + "y"},
		{"255 bytes of two", strings.Repeat("\u00e9", 127) + "x"},
		{"255 bytes of four", strings.Repeat("\U0001f512", 63) + "xyz"},
		{"percent", "%"},
		{"underscore", "_"},
		{"percent after", "ada%"},
		{"underscores", "___"},
		{"asterisk", "*"},
		{"question mark", "?"},
		{"brackets", "[a-z]"},
		{"braces", "{ada}"},
		{"single quote", "'"},
		{"two single quotes", "''"},
		{"double quote", `"`},
		{"backtick", "`"},
		{"backslash", `\`},
		{"escaped NUL", `\0`},
		{"escaped quote", `\'`},
		{"injection", `'; DROP TABLE sessions; --`},
		{"comment", "/* ada */"},
		{"placeholders", "? $1 :ada @p1 ?0"},
		{"NULL", "NULL"},
		{"zero", "0"},
		{"minus one", "-1"},
		{"zeros", "00"},
		{"number", "1e3"},
		{"another number", "1000"},
		{"true", "true"},
		{"colon", "a:b"},
		{"two colons", "a::b"},
		{"slash", "a/b"},
		{"bar", "a|b"},
		{"unit separator", "a\x1fb"},
		{"JSON", `{"a":["b"]}`},
		{"HTML", "<b>&amp;</b>"},
		{"entity", "&lt;"},
		{"UUID", "018f4d1e-7a51-7cc2-8a4f-9d6a3a6d1a10"},
		{"UUID in upper case", "018F4D1E-7A51-7CC2-8A4F-9D6A3A6D1A10"},
	}
}

// badTexts are strings that no store may keep.
func badTexts() []text {
	return []text{
		{"NUL", "a\x00b"},
		{"NUL only", "\x00"},
		{"trailing NUL", "ada\x00"},
		{"not UTF-8", "\xff"},
		{"UTF-8 cut short", "ad\xc3"},
		{"surrogate", "\xed\xa0\x80"},
		{"256 bytes", strings.Repeat("x", 256)},
		{"256 bytes of two", strings.Repeat("\u00e9", 128)},
		{"100000 bytes", strings.Repeat("x", 100_000)},
	}
}

// badKeys are strings that no store may keep as a key.
func badKeys() []text { return append(badTexts(), text{"empty", ""}) }

// An instant is a time with a name for a table.
type instant struct {
	name string
	t    time.Time
}

func instants() []instant {
	india := time.FixedZone("+0530", 5*3600+1800)
	return []instant{
		{"zero", time.Time{}},
		{"zero in another zone", time.Time{}.In(india)},
		{"epoch", time.Unix(0, 0)},
		{"whole second", time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)},
		{"milliseconds", time.Date(2026, 3, 4, 5, 6, 7, 1e6, time.UTC)},
		{"999 milliseconds", time.Date(2026, 3, 4, 5, 6, 7, 999e6, time.UTC)},
		{"microseconds", time.Date(2026, 3, 4, 5, 6, 7, 123_456e3, time.UTC)},
		{"nanoseconds", time.Date(2026, 3, 4, 5, 6, 7, 999_999_999, time.UTC)},
		{"other zone", time.Date(2026, 3, 4, 0, 30, 0, 5e5, india)},
		{"local", time.Date(2026, 7, 4, 5, 6, 7, 8e6, time.Local)},
		{"monotonic", time.Now()},
		{"before 1970", time.Date(1969, 12, 31, 23, 59, 59, 1e6, time.UTC)},
		{"after 2038", time.Date(2099, 12, 31, 23, 59, 59, 999_500_000, time.UTC)},
		{"leap day", time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC)},
		{"year 9999", time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)},
	}
}

func addrs() []netip.Addr {
	return []netip.Addr{
		{},
		netip.MustParseAddr("192.0.2.1"),
		netip.MustParseAddr("0.0.0.0"),
		netip.MustParseAddr("255.255.255.255"),
		netip.MustParseAddr("2001:db8::1"),
		netip.MustParseAddr("::"),
		netip.MustParseAddr("::ffff:192.0.2.1"),
	}
}

// blobs are data that one backend or another changes.
func blobs() map[string][]byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return map[string][]byte{
		"nil":            nil,
		"empty":          {},
		"NUL":            {0},
		"trailing NUL":   {1, 0},
		"trailing space": []byte("data "),
		"every byte":     all,
		"hex":            []byte(`\x00ff`),
		"JSON":           []byte(`{"b": 1, "a":  2}`),
		"65,535 bytes":   []byte(strings.Repeat("\xff\x00\x27", 21845)),
	}
}

// split are pairs of strings that are different and become equal when they are
// joined carelessly.
func split() [][2]string {
	var pairs [][2]string
	for _, sep := range []string{"", ":", "/", "|", " ", "-", ".", "\x1f", "\x01"} {
		pairs = append(pairs, [2]string{"a", "b" + sep + "c"}, [2]string{"a" + sep + "b", "c"})
	}
	return append(pairs, [2]string{"A", "b:c"}, [2]string{"a", "B:c"})
}
