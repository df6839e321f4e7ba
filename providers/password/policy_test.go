package password_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

// free is a hasher that costs nothing, for tests of what comes before it.
type free struct{}

func (free) Hash(pw []byte) (string, error) { return "$free$" + string(pw), nil }
func (free) Verify(e string, pw []byte) error {
	if e != "$free$"+string(pw) {
		return password.ErrMismatch
	}
	return nil
}
func (free) Current(string) bool { return true }

func TestPolicy(t *testing.T) {
	profile := auth.Profile{Email: "bob.smith@meadow.example", Username: "bobby", Name: "Robert Smith"}
	long := func(n int) string { return strings.Repeat("aé4 ", n/5) + strings.Repeat("x", n%5) }
	for _, tt := range []struct {
		name, password string
		min            int
		want           string
	}{
		{"15", "fifteen letters", 0, ""},
		{"14", "fourteen lette", 0, "password_too_short"},
		{"8 of 8", "8 of üüü", 8, ""},
		{"8 two-byte letters", "äöüßéèáâ", 8, ""},
		{"4 two-byte letters", "äöüß", 8, "password_too_short"},
		{"7 of 8", "7 chars", 8, "password_too_short"},
		{"combining marks count once", "e\u0301e\u0301e\u0301e\u0301x", 8, "password_too_short"},
		{"64", strings.Repeat("ab cd ef", 7) + " the end", 0, ""},
		{"128 emoji", strings.Repeat("🙂🙃😀😁😂", 25) + "xyz", 0, ""},
		{"1,024 bytes", long(1019) + "pöny", 0, ""},
		{"1,025 bytes", long(1020) + "pöny", 0, "password_too_long"},
		{"1,024 bytes in NFC, more as typed", strings.Repeat("e\u0301", 500) + " 24 more bytes. abcdefg.", 0, ""},
		{"spaces only, but not one", "  \u2003   \u2003\u2003      \u2003 ", 0, ""},
		{"one space", "               ", 0, "password_blocklisted"},
		{"only lower case", "thequickbrownfoxjumps", 0, ""},
		{"only digits", "584930275829473", 0, ""},
		{"not UTF-8", "fifteen letters\xff", 0, "invalid_field"},

		{"common", "1234567890qwerty", 0, "password_blocklisted"},
		{"common, other case", "1234567890QwErTy", 0, "password_blocklisted"},
		{"common, of 8", "trustno1", 8, "password_blocklisted"},
		{"common, of 8, other case", "BaseBall", 8, "password_blocklisted"},
		{"common in a passphrase", "my password is hidden in the baseball", 0, ""},
		{"common and then more", "baseball in the rain", 0, ""},
		{"common, repeated", "baseballbaseball", 0, "password_blocklisted"},
		{"one letter", strings.Repeat("z", 20), 0, "password_blocklisted"},
		{"two letters", "abababababababab", 0, "password_blocklisted"},
		{"run", "abcdefghijklmnop", 0, "password_blocklisted"},
		{"run of digits", "123456789012345", 0, "password_blocklisted"},
		{"run backwards", "098765432109876", 0, "password_blocklisted"},
		{"no run", "abcdefghijklmnoq", 0, ""},
		{"of the host's list", "Meadow Flowers In May", 0, "password_blocklisted"},

		{"site", "AcmeAcmeAcmeAcme", 0, "password_blocklisted"},
		{"site, spaced", "acme-acme acme.2026!", 0, "password_blocklisted"},
		{"site, backwards", "emca emca emca 1", 0, "password_blocklisted"},
		{"site of two words", "Acme Gardens 2026", 0, "password_blocklisted"},
		{"address", "bob.smith@meadow.example", 0, "password_blocklisted"},
		{"address and digits", "bob.smith@meadow.example12", 0, "password_blocklisted"},
		{"local part repeated", "bob.smithbob.smith", 0, "password_blocklisted"},
		{"local part and digits", "Bob.Smith20260512", 0, "password_blocklisted"},
		{"user name and digits", "bobby1234567890", 0, "password_blocklisted"},
		{"user name backwards", "!!!ybbobybbob!!!", 0, "password_blocklisted"},
		{"name", "Robert Smith!!!", 0, "password_blocklisted"},
		{"name the other way", "smith, robert 1984", 0, "password_blocklisted"},
		{"name and site", "acme smith bobby", 0, "password_blocklisted"},
		{"passphrase with the site in it", "acme makes very good anvils", 0, ""},
		{"passphrase with the name in it", "bobby tables drops by", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, &password.Options{Hasher: free{}, MinLength: tt.min, Login: password.ByEither,
				Words: []string{"Acme", "Acme Gardens"}, Blocklist: []string{"meadow flowers in may"}})
			_, err := s.provider.Register(t.Context(), profile, tt.password)
			if codeOf(err) != tt.want {
				t.Errorf("%q: %v, want %q", tt.password, err, tt.want)
			}
			var p *auth.Problem
			if errors.As(err, &p) && (p.Status != 422 || p.Field != "password" || p.Detail == "") {
				t.Errorf("%+v", p)
			}
		})
	}
}

// The same is checked when a password is changed or set.
func TestPolicyOnChange(t *testing.T) {
	s := newSite(t, &password.Options{Words: []string{"Acme"}})
	id := s.register("bob.smith@meadow.example", goodPassword)
	for pw, want := range map[string]string{
		"fourteen lette":             "password_too_short",
		"1234567890qwerty":           "password_blocklisted",
		"AcmeAcmeAcmeAcme":           "password_blocklisted",
		"bob.smith@meadow.example12": "password_blocklisted",
		strings.Repeat("ab ", 400):   "password_too_long",
		"":                           "invalid_field",
	} {
		if _, err := s.provider.Change(t.Context(), id, goodPassword, pw); codeOf(err) != want {
			t.Errorf("Change to %.30q: %v, want %s", pw, err, want)
		}
		if err := s.provider.Set(t.Context(), id, pw); codeOf(err) != want {
			t.Errorf("Set to %.30q: %v, want %s", pw, err, want)
		}
	}
}

// Whoever has a second factor needs 8 characters, others 15.
func TestSecondFactorLength(t *testing.T) {
	has := map[string]bool{}
	var fail error
	s := newSite(t, &password.Options{SecondFactor: func(_ context.Context, id string) (bool, error) { return has[id], fail }})
	id := s.register("ada@example.com", goodPassword)
	if err := s.provider.Set(t.Context(), id, "8 of üüü"); codeOf(err) != "password_too_short" {
		t.Errorf("without: %v", err)
	}
	has[id] = true
	if err := s.provider.Set(t.Context(), id, "8 of üüü"); err != nil {
		t.Errorf("with: %v", err)
	}
	if err := s.provider.Set(t.Context(), id, "7 chars"); codeOf(err) != "password_too_short" {
		t.Errorf("7 characters: %v", err)
	}
	fail = errors.New("outage")
	if err := s.provider.Set(t.Context(), id, goodPassword); !errors.Is(err, fail) {
		t.Errorf("outage: %v", err)
	}
}

// Without being told, the policy asks the factors of the composition.
func TestSecondFactorOfTheComposition(t *testing.T) {
	s := newSite(t, nil, func(o *auth.Options) { o.Providers = append(o.Providers, &authtest.Factor{}) })
	id := s.register("ada@example.com", goodPassword)
	if err := s.provider.Set(t.Context(), id, "8 of üüü"); codeOf(err) != "password_too_short" {
		t.Errorf("without: %v", err)
	}
	code := authtest.CodeCredential(id)
	if err := s.m.ChangeCredentials(t.Context(), id, auth.Change{New: &code}); err != nil {
		t.Fatal(err)
	}
	if err := s.provider.Set(t.Context(), id, "8 of üüü"); err != nil {
		t.Errorf("with: %v", err)
	}
	if err := s.provider.Set(t.Context(), id, "7 chars"); codeOf(err) != "password_too_short" {
		t.Errorf("7 characters: %v", err)
	}
}

// No rule says which characters: whatever is long enough will do.
func TestNoComposition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tables := []*unicode.RangeTable{unicode.Lu, unicode.Ll, unicode.Lo, unicode.Nd, unicode.So, unicode.Sm, unicode.Po, unicode.Zs, unicode.Han, unicode.Arabic}
	s := newSite(t, &password.Options{Hasher: free{}})
	id := s.register("ada@example.com", goodPassword)
	for range 300 {
		table := tables[rng.IntN(len(tables))]
		var all []rune
		for _, r := range table.R16 {
			for c := rune(r.Lo); c <= rune(r.Hi) && len(all) < 500; c += rune(r.Stride) {
				all = append(all, c)
			}
		}
		var b strings.Builder
		for range 20 + rng.IntN(40) {
			b.WriteRune(all[rng.IntN(len(all))])
		}
		if err := s.provider.Set(t.Context(), id, b.String()); err != nil {
			t.Errorf("%+q: %v", b.String(), err)
		}
	}
}

// Every entry of the list is refused, and is of use: no policy allows shorter
// passwords.
func TestBlocklist(t *testing.T) {
	text, err := os.ReadFile("blocklist/passwords.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) < 10000 || !slices.IsSorted(lines) {
		t.Fatalf("%d lines, sorted: %v", len(lines), slices.IsSorted(lines))
	}
	readme, err := os.ReadFile("blocklist/README.md")
	if err != nil || !strings.Contains(string(readme), "18,301 lines") || len(lines) != 18301 {
		t.Errorf("README.md does not say that there are %d lines", len(lines))
	}
	s := newSite(t, &password.Options{Hasher: free{}, MinLength: 8})
	id := s.register("ada@example.com", goodPassword)
	for i, line := range lines {
		if n := utf8.RuneCountInString(line); n < 8 || line != strings.ToLower(line) {
			t.Fatalf("line %d: %q", i+1, line)
		}
		if i%50 == 0 || i < 5 || i > len(lines)-5 {
			if err := s.provider.Set(t.Context(), id, strings.ToUpper(line)); codeOf(err) != "password_blocklisted" {
				t.Errorf("line %d: %q: %v", i+1, line, err)
			}
		}
	}
}

// What is as good as on the list is refused, and what merely has to do with it
// is not.
func TestNearTheBlocklist(t *testing.T) {
	s := newSite(t, &password.Options{Hasher: free{}})
	id := s.register("ada@example.com", goodPassword)
	for _, pw := range []string{
		"password1234567", "1234567password", "password12345678", "Password Password", "passwordpassword2024!", "passwordpasswor",
		"qwertyuiopasdfgh", "hgfdsapoiuytrewq", "1q2w3e4r5t6y7u8i", "1qaz2wsx3edc4rfv", "aaaaaaaaaaaaaaa",
		"abcabcabcabcabca", "0123456789012345", "password       ",
	} {
		if err := s.provider.Set(t.Context(), id, pw); codeOf(err) != "password_blocklisted" {
			t.Errorf("%q: %v", pw, err)
		}
	}
	for _, pw := range []string{
		"password for the old boat house", "correct horse battery", "password 83749273649", "my qwerty keyboard is red", "seventeen 17 swans",
		strings.Repeat("ü", 15), strings.Repeat("🙂", 64), "test drive the test",
	} {
		if err := s.provider.Set(t.Context(), id, pw); err != nil {
			t.Errorf("%q: %v", pw, err)
		}
	}
}

// Long input costs little.
func TestPolicyQuick(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	for _, pw := range []string{strings.Repeat("e\u0301", 500000), strings.Repeat("a", 1<<20), strings.Repeat("\u0301", 1<<19)} {
		if err := s.provider.Set(t.Context(), id, pw); codeOf(err) != "password_too_long" {
			t.Error(err)
		}
		if _, _, err := s.provider.Verify(t.Context(), "ada@example.com", pw); codeOf(err) != "bad_credentials" {
			t.Error(err)
		}
	}
}
