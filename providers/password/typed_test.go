package password_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/providers/password"
)

// A password that was hashed as it was typed elsewhere is right as it was typed,
// and in every spelling from then on.
func TestTypedElsewhere(t *testing.T) {
	const (
		typed = "Z\u00fcrich caf\u00e9 \u2126" // as a keyboard has it, with an ohm sign: not a normal form
		nfc   = "Z\u00fcrich caf\u00e9 \u03a9"
		nfd   = "Zu\u0308rich cafe\u0301 \u03a9"
	)
	for name, tt := range map[string]struct{ hash, right, wrong string }{ // Werkzeug's, as above
		"as typed":             {"pbkdf2:sha256:1000$Wm4tRz8qLx2Kd9Jp$bbdf9ee8847f5c2372f1a7ea47b187cb68cdd38bb37786af72f109203452e1c6", typed, nfd},
		"NFC":                  {"pbkdf2:sha256:1000$Wm4tRz8qLx2Kd9Jp$17e3f45d033758db470260e1988e1e8e8fbd53caf2e8b9195631e0b43fad88d5", nfc, nfc + "x"},
		"NFC, typed otherwise": {"pbkdf2:sha256:1000$Wm4tRz8qLx2Kd9Jp$17e3f45d033758db470260e1988e1e8e8fbd53caf2e8b9195631e0b43fad88d5", nfd, nfd + "x"},
		"NFD":                  {"pbkdf2:sha256:1000$Wm4tRz8qLx2Kd9Jp$d1e4c1f8c64d14475b8a7911f7a21bc4d655ef279952b0a5f68f64a30cc63321", nfd, typed},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, &password.Options{OldHashers: []password.Hasher{password.Werkzeug{}}})
			id := s.register("ada@example.com", goodPassword)
			s.set(id, tt.hash)
			logIn := func(pw string) int {
				return s.client().json("/login", fields{"email": "ada@example.com", "password": pw}).Code
			}
			if code := logIn(tt.wrong); code != 401 { // nobody knows what else was typed
				t.Errorf("%+q is taken for %+q: %d", tt.wrong, tt.right, code)
			}
			if code := logIn(tt.right + "x"); code != 401 {
				t.Errorf("wrong: %d", code)
			}
			if code := logIn(tt.right); code != 200 {
				t.Fatalf("%+q: %d", tt.right, code)
			}
			if c := s.stored(id); !strings.HasPrefix(string(c.Data), "$2a$04$") {
				t.Errorf("the hash became %s", c.Data)
			}
			for _, any := range []string{typed, nfc, nfd} {
				if code := logIn(any); code != 200 {
					t.Errorf("%+q, later: %d", any, code)
				}
			}
		})
	}
}

// Only for a hash that others may have made is a password tried in two spellings,
// and only if there are two, and the Hasher can be given both.
func TestTypedElsewhereOnce(t *testing.T) {
	const nfd = "Zu\u0308rich cafe\u0301"
	long := strings.Repeat("e\u0301", 400) // 1,200 bytes, 800 in NFC
	for _, tt := range []struct {
		name, email, hash, password string
		verified                    int
	}{
		{"old hash", "ada@example.com", werkzeugCheap, nfd, 3}, // and the dummy, as for every old hash
		{"old hash, one spelling", "ada@example.com", werkzeugCheap, "Zurich", 2},
		{"old hash, too long as typed", "ada@example.com", werkzeugCheap, long, 2},
		{"current hash", "ada@example.com", "", nfd, 1},
		{"nobody", "eve@example.com", "", nfd, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, nil)
			id := s.register("ada@example.com", goodPassword)
			if tt.hash != "" {
				s.set(id, tt.hash)
			}
			n := 0
			count := func(pw []byte) {
				if n++; len(pw) > 1024 {
					t.Errorf("a Hasher is given %d bytes", len(pw))
				}
			}
			s = s.reopen(&password.Options{Hasher: countHasher{cheap, count}, OldHashers: []password.Hasher{password.Werkzeug{}}})
			if r := s.client().json("/login", fields{"email": tt.email, "password": tt.password}); r.Code != 401 || n != tt.verified {
				t.Errorf("%d %s, %d passwords verified, want %d", r.Code, r.text, n, tt.verified)
			}
		})
	}
}

// A countHasher is the first that is asked, and tells.
type countHasher struct {
	password.Hasher
	asked func(pw []byte)
}

func (h countHasher) Verify(encoded string, pw []byte) error {
	h.asked(pw)
	return h.Hasher.Verify(encoded, pw)
}
