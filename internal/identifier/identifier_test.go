package identifier_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/internal/identifier"
)

func TestEmail(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, tt := range []struct {
		name, in, want string
		err            error
	}{
		{"plain", "ada@example.com", "ada@example.com", nil},
		{"folded", "Ada.Lovelace@EXAMPLE.Com", "ada.lovelace@example.com", nil},
		{"trimmed", "  ada@example.com ", "ada@example.com", nil},
		{"tag kept", "ada+x@example.com", "ada+x@example.com", nil},
		{"signs", "a!#$%&'*+/=?^_`{|}~-b@example.com", "a!#$%&'*+/=?^_`{|}~-b@example.com", nil},
		{"one label", "ada@intranet", "ada@intranet", nil},
		{"punycode", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example", nil},
		{"digits in labels", "ada@1.2x", "ada@1.2x", nil},
		{"254 bytes", "ada@" + long + "." + long + "." + long + "." + strings.Repeat("a", 58), "ada@" + long + "." + long + "." + long + "." + strings.Repeat("a", 58), nil},
		{"255 bytes", "ada@" + long + "." + long + "." + long + "." + strings.Repeat("a", 59), "", identifier.ErrEmailLong},
		{"64 bytes before the @", strings.Repeat("a", 64) + "@b.c", strings.Repeat("a", 64) + "@b.c", nil},
		{"65 bytes before the @", strings.Repeat("a", 65) + "@b.c", "", identifier.ErrEmail},
		{"label of 64", "a@" + long + "a.com", "", identifier.ErrEmail},
		{"empty", "", "", identifier.ErrEmail},
		{"spaces only", "   ", "", identifier.ErrEmail},
		{"no @", "ada.example.com", "", identifier.ErrEmail},
		{"no local part", "@example.com", "", identifier.ErrEmail},
		{"no domain", "ada@", "", identifier.ErrEmail},
		{"two @", "ada@evil.com@example.com", "", identifier.ErrEmail},
		{"quoted", `"ada"@example.com`, "", identifier.ErrEmail},
		{"quoted @", `"a@b"@example.com`, "", identifier.ErrEmail},
		{"comment", "ada(x)@example.com", "", identifier.ErrEmail},
		{"comment in domain", "ada@example.com(x)", "", identifier.ErrEmail},
		{"display name", "Ada <ada@example.com>", "", identifier.ErrEmail},
		{"IP literal", "ada@[127.0.0.1]", "", identifier.ErrEmail},
		{"IPv6 literal", "ada@[IPv6:::1]", "", identifier.ErrEmail},
		{"IPv4 address", "ada@127.0.0.1", "", identifier.ErrEmail},
		{"number", "ada@2130706433", "", identifier.ErrEmail},
		{"space inside", "ada lovelace@example.com", "", identifier.ErrEmail},
		{"space before @", "ada @example.com", "", identifier.ErrEmail},
		{"tab around", "\tada@example.com", "", identifier.ErrEmail},
		{"line feed at the end", "ada@example.com\n", "", identifier.ErrEmail},
		{"header", "ada@example.com\r\nBcc: eve@example.com", "", identifier.ErrEmail},
		{"NUL", "ada@example.com\x00", "", identifier.ErrEmail},
		{"DEL", "ada\x7f@example.com", "", identifier.ErrEmail},
		{"comma", "ada@example.com,eve@example.com", "", identifier.ErrEmail},
		{"semicolon", "ada@example.com;eve@example.com", "", identifier.ErrEmail},
		{"dot first", ".ada@example.com", "", identifier.ErrEmail},
		{"dot last", "ada.@example.com", "", identifier.ErrEmail},
		{"two dots", "a..b@example.com", "", identifier.ErrEmail},
		{"domain dot last", "ada@example.com.", "", identifier.ErrEmail},
		{"domain two dots", "ada@example..com", "", identifier.ErrEmail},
		{"hyphen first", "ada@-example.com", "", identifier.ErrEmail},
		{"hyphen last", "ada@example-.com", "", identifier.ErrEmail},
		{"underscore in domain", "ada@ex_ample.com", "", identifier.ErrEmail},
		{"percent in domain", "ada@example%2ecom", "", identifier.ErrEmail},
		{"accent", "adä@example.com", "", identifier.ErrEmail},
		{"Kelvin sign", "\u212a@example.com", "", identifier.ErrEmail},
		{"dotless i", "m\u0131ke@example.com", "", identifier.ErrEmail},
		{"full-width @", "ada\uff20example.com", "", identifier.ErrEmail},
		{"no-break space around", "\u00a0ada@example.com", "", identifier.ErrEmail},
		{"zero-width space", "ada\u200b@example.com", "", identifier.ErrEmail},
		{"not UTF-8", "ad\xff@example.com", "", identifier.ErrEmail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := identifier.Email(tt.in)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Email(%q) = %q, %v; want %q, %v", tt.in, got, err, tt.want, tt.err)
			}
		})
	}
}

func TestUsername(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "ada", "ada"},
		{"folded", "Ada", "ada"},
		{"trimmed", " ada ", "ada"},
		{"digit first", "7of9", "7of9"},
		{"signs", "a.b_c-d", "a.b_c-d"},
		{"64 bytes", strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{"65 bytes", strings.Repeat("a", 65), ""},
		{"empty", "", ""},
		{"dot first", ".ada", ""},
		{"hyphen first", "-rf", ""},
		{"address", "ada@example.com", ""},
		{"space inside", "ada lovelace", ""},
		{"control", "ada\n", ""},
		{"NUL", "a\x00b", ""},
		{"slash", "../etc", ""},
		{"Cyrillic a", "\u0430da", ""},
		{"Kelvin sign", "\u212a", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := identifier.Username(tt.in)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("Username(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
			}
		})
	}
}

func FuzzEmail(f *testing.F) {
	for _, s := range []string{"Ada@Example.com", " a@b ", `"a@b"@c`, "a@b@c", "a@[::1]", "ä@b.c", "a@b.c\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := identifier.Email(s)
		if err != nil {
			if key != "" {
				t.Errorf("Email(%q) = %q with %v", s, key, err)
			}
			return
		}
		checkKey(t, s, key, identifier.MaxEmail)
		if strings.Count(key, "@") != 1 || strings.ContainsAny(key, ` ,;:<>()[]\"`) {
			t.Errorf("Email(%q) = %q", s, key)
		}
		if again, err := identifier.Email(key); again != key || err != nil {
			t.Errorf("Email(%q) = %q, %v", key, again, err)
		}
		if _, err := identifier.Username(key); err == nil {
			t.Errorf("%q is a user name as well", key)
		}
	})
}

func FuzzUsername(f *testing.F) {
	for _, s := range []string{"Ada", " a ", "a@b", "-x", "\u212a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := identifier.Username(s)
		if err != nil {
			return
		}
		checkKey(t, s, key, identifier.MaxUsername)
		if again, err := identifier.Username(key); again != key || err != nil {
			t.Errorf("Username(%q) = %q, %v", key, again, err)
		}
	})
}

func checkKey(t *testing.T, s, key string, bound int) {
	t.Helper()
	if key == "" || len(key) > bound {
		t.Errorf("%q: key %q of %d bytes", s, key, len(key))
	}
	for i := range len(key) {
		if c := key[i]; c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' {
			t.Errorf("%q: key %q holds %q", s, key, c)
		}
	}
}
