package apikey

import (
	"encoding/base64"
	"hash/crc32"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTokenFormat(t *testing.T) {
	// What a scanner for leaked secrets would look for.
	want := regexp.MustCompile(`^gk_[0-9A-Za-z]{17}_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 1000 {
		tok := newToken("gk_")
		if !want.MatchString(tok.text) || !regexp.MustCompile(`^\w+$`).MatchString(tok.text) {
			t.Fatalf("%q is not as it should be", tok.text)
		}
		if seen[tok.id] || seen[tok.secret] {
			t.Fatalf("%q was there before", tok.text)
		}
		seen[tok.id], seen[tok.secret] = true, true
		got, ok := parse("gk_", tok.text)
		if !ok || got != tok {
			t.Fatalf("parse(%q) = %+v, %v", tok.text, got, ok)
		}
	}
	if idBits, secretBits := bits(idLength), bits(secretLength); idBits < 96 || secretBits < 256 {
		t.Errorf("an ID has %.1f bits and a secret %.1f, want 96 and 256", idBits, secretBits)
	}
	if len(alphabet) != 62 || len(slices.Compact([]byte(alphabet))) != 62 || !slices.IsSorted([]byte(alphabet)) {
		t.Errorf("the alphabet is %q", alphabet)
	}
}

func bits(n int) float64 { return float64(n) * math.Log2(float64(len(alphabet))) }

// Every character is as likely as any other: chi squared of 62 counts, which is
// beyond 130 less than once in a million runs.
func TestRandomIsFair(t *testing.T) {
	const n = 200_000
	counts := map[byte]int{}
	for _, c := range []byte(random(n)) {
		counts[c]++
	}
	chi, want := 0.0, float64(n)/62
	for i := range len(alphabet) {
		d := float64(counts[alphabet[i]]) - want
		chi += d * d / want
	}
	if len(counts) != 62 || chi > 130 {
		t.Errorf("%d characters, chi squared is %.0f", len(counts), chi)
	}
}

// The checksum is the CRC-32 that everybody else has, so that others can verify it.
func TestChecksum(t *testing.T) {
	for _, text := range []string{"", "123456789", "gk_", strings.Repeat("\xff", 100)} {
		sum := checksum(text)
		n := new(big.Int)
		for _, c := range sum {
			n.Mul(n, big.NewInt(62))
			n.Add(n, big.NewInt(int64(strings.IndexByte(alphabet, c))))
		}
		if want := crc32.ChecksumIEEE([]byte(text)); n.Uint64() != uint64(want) {
			t.Errorf("checksum(%q) is %s, %d, want %d", text, sum, n, want)
		}
	}
}

// No other text is taken for a key: not with a character changed, gone, or too
// many, in another case, or with the right checksum of something else.
func TestParseRefuses(t *testing.T) {
	good := newToken("gk_")
	if _, ok := parse("gk_", good.text); !ok {
		t.Fatal("the good one is refused")
	}
	try := func(text string) {
		t.Helper()
		if tok, ok := parse("gk_", text); ok && text != good.text {
			t.Errorf("%q is taken for %+v", text, tok)
		}
	}
	for i := range len(good.text) {
		for c := range 256 {
			try(good.text[:i] + string([]byte{byte(c)}) + good.text[i+1:])
		}
		try(good.text[:i] + good.text[i+1:])
		try(good.text[:i])
		try(good.text[i:])
		try(good.text[:i] + "0" + good.text[i:])
		if i > 0 {
			try(good.text[:i-1] + good.text[i:i+1] + good.text[i-1:i] + good.text[i+1:])
		}
	}
	sealed := func(text string) string {
		sum := checksum(text)
		return text + string(sum[:])
	}
	bare := good.text[:len(good.text)-sumLength]
	for _, text := range []string{
		"", "gk_", " " + good.text, good.text + " ", good.text + "\n", strings.ToUpper(good.text), strings.ToLower(good.text), good.text + good.text,
		sealed("gk_" + good.id + "-" + good.secret),
		sealed("gk_" + good.id[1:] + "__" + good.secret),
		sealed("gk_" + good.id + "_" + good.secret[1:] + "-"),
		sealed("gk_" + good.id[1:] + "\x00_" + good.secret),
		sealed("gk_" + good.id + "_" + good.secret[2:] + "é"),
		sealed("gx_" + good.id + "_" + good.secret),
		sealed(bare[1:]), sealed(bare + "0"), bare + strings.Repeat("0", sumLength),
		base64.StdEncoding.EncodeToString([]byte(good.text)),
	} {
		try(text)
	}
}

func TestRecord(t *testing.T) {
	for _, rec := range []record{
		{},
		{digest: [32]byte{1, 31: 9}},
		{version: "7", scopes: []string{}},
		{digest: [32]byte{5}, version: "a b\x00", scopes: []string{"orders:read"}},
		{version: strings.Repeat("v", 300), scopes: []string{"a", "b", "c"}},
	} {
		data := rec.encode()
		got, err := decode(data)
		if err != nil || got.digest != rec.digest || got.version != rec.version || !slices.Equal(got.scopes, rec.scopes) || (got.scopes == nil) != (rec.scopes == nil) {
			t.Errorf("%+v comes back as %+v, %v", rec, got, err)
		}
		for n := range min(len(data), 36+len(rec.version)) {
			if got, err := decode(data[:n]); err == nil {
				t.Errorf("%d bytes of %d are %+v", n, len(data), got)
			}
		}
	}
	none := record{}
	for what, data := range map[string][]byte{
		"another version":        append([]byte{2}, none.encode()[1:]...),
		"unlimited, with scopes": append(none.encode(), "admin"...),
		"limits unknown":         slices.Replace(none.encode(), 33, 34, 2),
	} {
		if got, err := decode(data); err == nil {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// A digest is of no use in another realm, or with another ID.
func TestDigest(t *testing.T) {
	tok := newToken("gk_")
	other := newToken("gk_")
	sum := digest(newTag("a"), tok)
	for what, got := range map[string][32]byte{
		"realm":  digest(newTag("b"), tok),
		"ID":     digest(newTag("a"), token{id: other.id, secret: tok.secret}),
		"secret": digest(newTag("a"), token{id: tok.id, secret: other.secret}),
	} {
		if got == sum {
			t.Errorf("the same digest with another %s", what)
		}
	}
	if digest(newTag("a"), tok) != sum {
		t.Error("another digest of the same")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("gk_", newToken("gk_").text)
	f.Add("ab12_", newToken("ab12_").text)
	f.Add("gk_", "gk_4fTq0Zk1vXwSdm3Ac_")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, start, text string) {
		tok, ok := parse(start, text)
		if !ok {
			if tok != (token{}) {
				t.Fatalf("%+v of what is no key", tok)
			}
			return
		}
		sum := checksum(start + tok.id + "_" + tok.secret)
		if again := start + tok.id + "_" + tok.secret + string(sum[:]); tok.text != text || again != text {
			t.Fatalf("%q is read as %+v", text, tok)
		}
		if len(tok.id) != idLength || len(tok.secret) != secretLength || strings.Trim(tok.id+tok.secret, alphabet) != "" {
			t.Fatalf("%+v", tok)
		}
	})
}

func FuzzDecode(f *testing.F) {
	rec := record{version: "1", scopes: []string{"a", "b"}}
	f.Add(rec.encode())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := decode(data)
		if err == nil && string(rec.encode()) != string(data) {
			t.Fatalf("%q is read as %+v", data, rec)
		}
	})
}
