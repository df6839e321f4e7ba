package password_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/gatehouse-go/gatehouse/providers/password"
)

var quickArgon = password.Argon2id{Memory: 64, Time: 1, InsecureFast: true}

func TestBcryptForeign(t *testing.T) {
	// The first is OpenBSD's own test vector; the others were made by
	// htpasswd, PHP and crypt(3), see testdata.
	for _, tt := range []struct{ hash, password string }{
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2y$10$LJ5Cyima7v4fVNlxUZlKQ.quZ4hY7yA8dS6ih6xmXVsQz49C.UEmS", "correct horse battery"},
		{"$2b$08$ZyxwvutsrqponmlkjihgfeZX98kaQV9WBc1C0VQ9Ej6aKRNJrBzK6", "another old password"},
	} {
		b := password.Bcrypt{}
		if err := b.Verify(tt.hash, []byte(tt.password)); err != nil {
			t.Errorf("%s: %v", tt.hash, err)
		}
		if err := b.Verify(tt.hash, []byte(tt.password+"x")); !errors.Is(err, password.ErrMismatch) {
			t.Errorf("%s, wrong password: %v", tt.hash, err)
		}
		if b.Current(tt.hash) {
			t.Errorf("%s is current", tt.hash)
		}
	}
}

// The library alone would take each of these for right.
func TestBcryptCut(t *testing.T) {
	full := strings.Repeat("0123456789", 7) + "ab"
	for _, tt := range []struct{ set, typed string }{
		{full, full + "JUNK"},
		{full, full + "\x00"},
		{"a", "a\x00a"},
		{"a", "a\x00a\x00a"},
		{"", "\x00"},
	} {
		foreign, err := bcrypt.GenerateFromPassword([]byte(tt.set), 4)
		if err != nil {
			t.Fatal(err)
		}
		if err := bcrypt.CompareHashAndPassword(foreign, []byte(tt.typed)); err != nil {
			t.Logf("%q for %q: the library says %v: the guard is not needed any more", tt.typed, tt.set, err)
		}
		if err := cheap.Verify(string(foreign), []byte(tt.typed)); !errors.Is(err, password.ErrMismatch) {
			t.Errorf("%q for %q: %v", tt.typed, tt.set, err)
		}
		if err := cheap.Verify(string(foreign), []byte(tt.set)); err != nil {
			t.Errorf("%q: %v", tt.set, err)
		}
	}
}

func TestBcryptLong(t *testing.T) {
	for _, pw := range []string{strings.Repeat("x", 73), strings.Repeat("é", 512), "a\x00b", "\x00"} {
		encoded, err := cheap.Hash([]byte(pw))
		if err != nil || !strings.HasPrefix(encoded, "$sha384$2a$04$") {
			t.Fatalf("Hash = %q, %v", encoded, err)
		}
		if err := cheap.Verify(encoded, []byte(pw)); err != nil {
			t.Error(err)
		}
		if err := cheap.Verify(strings.TrimPrefix(encoded, "$sha384"), []byte(pw)); !errors.Is(err, password.ErrMismatch) {
			t.Errorf("without the mark: %v", err)
		}
		if !cheap.Current(encoded) {
			t.Error("not current")
		}
	}
	short, _ := cheap.Hash([]byte(strings.Repeat("x", 72)))
	if err := cheap.Verify("$sha384"+short, []byte(strings.Repeat("x", 72))); !errors.Is(err, password.ErrMismatch) {
		t.Errorf("mark put before a hash that has none: %v", err)
	}
}

// The digest that stands for a long password is none itself.
func TestNoStandInForLong(t *testing.T) {
	long := []byte(strings.Repeat("x", 100))
	encoded, _ := cheap.Hash(long)
	short := "RN5XSHfAgo88wBPXJxiTWF7BjKVnUYvbz1tqnbmkHOtfJyiUYUyGYSwVDUVLkZ9L"
	if err := cheap.Verify(encoded, []byte(short)); !errors.Is(err, password.ErrMismatch) {
		t.Error(err)
	}
}

func TestArgon2id(t *testing.T) {
	// From the reference implementation: echo -n password | argon2 somesalt
	// -id -t 2 -k 65536 -p 1, and one by PHP.
	for _, tt := range []struct{ hash, password string }{
		{"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password"},
		{"$argon2id$v=19$m=1024,t=2,p=1$NVRTcDhJUzdUUnlmRzlqVA$C3h95bvdPZALtDfq6/ItlgTP3P0hJKVJzbCPnOvxy1c", "a password of argon"},
	} {
		if err := quickArgon.Verify(tt.hash, []byte(tt.password)); err != nil {
			t.Errorf("%s: %v", tt.hash, err)
		}
		if err := quickArgon.Verify(tt.hash, []byte(tt.password+"x")); !errors.Is(err, password.ErrMismatch) {
			t.Errorf("%s, wrong password: %v", tt.hash, err)
		}
	}
	encoded, err := password.Argon2id{}.Hash([]byte("x"))
	if err != nil || !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") || len(encoded) != 97 {
		t.Errorf("Hash = %q, %v", encoded, err)
	}
	if again, _ := (password.Argon2id{}).Hash([]byte("x")); again == encoded {
		t.Error("two hashes of one password are the same: no salt")
	}
}

// Nothing is computed for a hash that is damaged or asks for too much. Had it
// been, the test would take hours or run out of memory.
func TestBounds(t *testing.T) {
	b64 := "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	bc := "abcdefghijklmnopqrstuucrMzbBrkJ1M6foMC5fiJZOm8nwKDq.i"
	hashers := []password.Hasher{password.Bcrypt{}, password.Argon2id{}}
	for _, encoded := range []string{
		"$2a$03$" + bc, "$2a$17$" + bc, "$2a$31$" + bc, "$2a$99$" + bc, "$2a$1x$" + bc, "$2a$ 8$" + bc, "$2a$-1$" + bc,
		"$2a$08$" + bc[1:], "$2a$08$" + bc + "x", "$2a$08$" + strings.Repeat("!", 53), "$2a$", "$2b$12",
		"$sha384$2a$31$" + bc,
		"$argon2id$v=19$m=4194304,t=2,p=1$" + b64,    // 4 GiB
		"$argon2id$v=19$m=262145,t=1,p=1$" + b64,     // more than 256 MiB
		"$argon2id$v=19$m=4294967295,t=2,p=1$" + b64, // 4 TiB
		"$argon2id$v=19$m=18446744073709551616,t=2,p=1$" + b64,
		"$argon2id$v=19$m=1024,t=17,p=1$" + b64,
		"$argon2id$v=19$m=1024,t=0,p=1$" + b64,
		"$argon2id$v=19$m=1024,t=4294967295,p=1$" + b64,
		"$argon2id$v=19$m=1024,t=1,p=9$" + b64,
		"$argon2id$v=19$m=1024,t=1,p=257$" + b64, // 1, if cut to 8 bits
		"$argon2id$v=19$m=1024,t=1,p=0$" + b64,
		"$argon2id$v=19$m=7,t=1,p=1$" + b64,
		"$argon2id$v=19$m=262144,t=16,p=1$" + b64, // each in its bounds, together too much
		"$argon2id$v=19$m=0x400,t=1,p=1$" + b64,
		"$argon2id$v=19$m=01024,t=1,p=1$" + b64,
		"$argon2id$v=19$m=+1024,t=1,p=1$" + b64,
		"$argon2id$v=19$t=1,m=1024,p=1$" + b64,
		"$argon2id$v=19$m=1024,t=1,p=1,x=1$" + b64,
		"$argon2id$v=16$m=1024,t=1,p=1$" + b64,
		"$argon2id$m=1024,t=1,p=1$" + b64,
		"$argon2id$v=19$m=1024,t=1,p=1$c2Fs$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",               // salt of 3
		"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$c2Fs",                                               // tag of 3
		"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$",                                                   // no tag: would be equal to anything
		"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQ=$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",       // padding
		"$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHR$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",        // bits left over
		"$argon2id$v=19$m=1024,t=1,p=1$c29tZ\nXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",      // a new line that base64 skips
		"$argon2id$v=19$m=1024,t=1,p=1$" + strings.Repeat("A", 100000) + "$" + strings.Repeat("A", 43), // too long
		"$argon2id$", "$argon2id$v=19", "$argon2id$v=19$m=1024,t=1,p=1",
	} {
		for _, h := range hashers {
			err := h.Verify(encoded, []byte("password"))
			if err == nil || errors.Is(err, password.ErrMismatch) {
				t.Errorf("%T took %.60s: %v", h, encoded, err)
			}
			if h.Current(encoded) {
				t.Errorf("%T thinks that %.60s is current", h, encoded)
			}
		}
	}
	for _, encoded := range []string{"", "!", "*", "x", "$1$abc$def", "$2x$08$" + bc, "$2$08$" + bc, "$argon2i$v=19$m=1024,t=1,p=1$" + b64, "plain text", "$5$rounds=1$x"} {
		for _, h := range hashers {
			if err := h.Verify(encoded, []byte(encoded)); !errors.Is(err, password.ErrUnknownHash) {
				t.Errorf("%T, %q: %v", h, encoded, err)
			}
		}
	}
}

func TestHasherValidate(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    interface{ Validate() error }
		ok   bool
	}{
		{"bcrypt", password.Bcrypt{}, true},
		{"bcrypt 10", password.Bcrypt{Cost: 10}, true},
		{"bcrypt 9", password.Bcrypt{Cost: 9}, false},
		{"bcrypt 4, fast", password.Bcrypt{Cost: 4, InsecureFast: true}, true},
		{"bcrypt 3, fast", password.Bcrypt{Cost: 3, InsecureFast: true}, false},
		{"bcrypt 17", password.Bcrypt{Cost: 17}, false},
		{"bcrypt -1", password.Bcrypt{Cost: -1}, false},
		{"argon2id", password.Argon2id{}, true},
		{"argon2id 46 MiB once", password.Argon2id{Memory: 47104, Time: 1}, true},
		{"argon2id 64 MiB", password.Argon2id{Memory: 65536, Time: 3, Threads: 4}, true},
		{"argon2id 19 MiB once", password.Argon2id{Time: 1}, false},
		{"argon2id 1 MiB", password.Argon2id{Memory: 1024}, false},
		{"argon2id 1 MiB, fast", password.Argon2id{Memory: 1024, InsecureFast: true}, true},
		{"argon2id 1 GiB", password.Argon2id{Memory: 1 << 20, Time: 1}, false},
		{"argon2id 256 MiB, 16 times", password.Argon2id{Memory: 1 << 18, Time: 16}, false},
		{"argon2id 9 threads", password.Argon2id{Threads: 9}, false},
	} {
		if err := tt.h.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// What the parsers take is a hash that the library computes, and nothing else
// that the fuzzer finds is right for a password.
func FuzzHash(f *testing.F) {
	for _, s := range []string{
		"$2a$08$abcdefghijklmnopqrstuucrMzbBrkJ1M6foMC5fiJZOm8nwKDq.i",
		"$sha384$2a$08$abcdefghijklmnopqrstuucrMzbBrkJ1M6foMC5fiJZOm8nwKDq.i",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$hmac-sha384=k1$2a$08$abc", "$argon2id$v=19$m=64,t=1,p=1$$",
	} {
		f.Add(s, []byte("password"))
	}
	f.Fuzz(func(t *testing.T, encoded string, pw []byte) {
		if len(pw) > 1024 {
			return
		}
		if slow(encoded) {
			return // within bounds and honest, but not for a fuzzer
		}
		for _, h := range []password.Hasher{cheap, quickArgon} {
			if err := h.Verify(encoded, pw); err == nil {
				switch h.(type) {
				case password.Bcrypt:
					if bytes.IndexByte(pw, 0) < 0 && len(pw) <= 72 && bcrypt.CompareHashAndPassword([]byte(encoded), pw) != nil {
						t.Errorf("%q is right for %q", pw, encoded)
					}
				default:
					if !strings.HasPrefix(encoded, "$argon2id$v=19$") {
						t.Errorf("%q is right for %q", pw, encoded)
					}
				}
			}
			h.Current(encoded)
		}
	})
}

// slow reports whether a hash may be one that takes more than a moment.
func slow(encoded string) bool {
	if i := strings.Index(encoded, "$2"); i >= 0 && len(encoded) > i+6 && encoded[i+4:i+6] > "05" {
		return true
	}
	_, params, ok := strings.Cut(encoded, "m=")
	digits, _, _ := strings.Cut(params, ",")
	return ok && len(digits) > 4
}
