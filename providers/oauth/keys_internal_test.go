package oauth

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// testKey is a key whose secret is made of its ID.
func testKey(id string) Key {
	k := Key{ID: id}
	for i := range k.Secret {
		k.Secret[i] = byte(i) ^ id[i%len(id)] ^ 0xa5
	}
	return k
}

func testRing(t *testing.T, purpose string, ids ...string) keyring {
	t.Helper()
	var keys []Key
	for _, id := range ids {
		keys = append(keys, testKey(id))
	}
	ring, err := newKeyring(keys, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestParseKey(t *testing.T) {
	want := testKey("2026-01")
	want.Secret[0], want.Secret[1] = 0xfb, 0xff // "+/" in base64
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		for _, around := range []string{"", "\n", " "} {
			k, err := ParseKey(around + "2026-01:" + e.EncodeToString(want.Secret[:]) + around)
			if err != nil || k.ID != want.ID || k.Secret != want.Secret {
				t.Errorf("%v, %v", k, err)
			}
		}
	}
	good := base64.StdEncoding.EncodeToString(want.Secret[:])
	for _, s := range []string{
		"", ":", "a:", good, ":" + good, "a b:" + good, "a:" + good[:43] + "!", "a:" + good + "AAAA", "a:" + good[:40],
		"a:" + good[:20] + "\n" + good[20:], strings.Repeat("a", 33) + ":" + good, "a:" + hex.EncodeToString(want.Secret[:]),
		"a:" + base64.StdEncoding.EncodeToString(make([]byte, 32)), "a:" + good[:42] + "/=",
	} {
		k, err := ParseKey(s)
		if err == nil {
			t.Errorf("%q is a key: %v", s, k)
			continue
		}
		if strings.Contains(err.Error(), good[:20]) {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}

func TestCheckKeys(t *testing.T) {
	a := testKey("a")
	for _, test := range []struct {
		keys []Key
		want []string
	}{
		{nil, nil},
		{[]Key{a, testKey("B-2_c.3")}, nil},
		{[]Key{testKey(strings.Repeat("x", 32))}, nil},
		{[]Key{{ID: "", Secret: a.Secret}}, []string{"Options.Keys[0].ID"}},
		{[]Key{a, {ID: "ü", Secret: a.Secret}}, []string{"Options.Keys[1].ID"}},
		{[]Key{testKey(strings.Repeat("x", 33))}, []string{"Options.Keys[0].ID"}},
		{[]Key{a, testKey("b"), testKey("a")}, []string{`two keys with the ID "a"`}},
		{[]Key{{ID: "z"}}, []string{"Options.Keys[0].Secret is all zero"}},
		{[]Key{{ID: "!"}, {ID: "?"}}, []string{"[0].ID", "[0].Secret", "[1].ID", "[1].Secret"}},
	} {
		err := checkKeys(test.keys)
		if (err != nil) != (test.want != nil) {
			t.Errorf("%v: %v", test.keys, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want %q", test.keys, err, want)
			}
		}
	}
}

// However a key is shown, its secret is not.
func TestKeyShowsNoSecret(t *testing.T) {
	k := testKey("shown")
	type config struct {
		Keys []Key
		One  *Key
	}
	c := config{[]Key{k}, &k}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%08.3v"} {
		shown = append(shown, fmt.Sprintf(verb, k), fmt.Sprintf(verb, &k), fmt.Sprintf(verb, c), fmt.Sprintf(verb, []Key{k}), fmt.Sprintf(verb, map[string]Key{"k": k}))
	}
	ring, err := newKeyring([]Key{k}, "tokens")
	if err != nil {
		t.Fatal(err)
	}
	shown = append(shown, fmt.Sprint(ring), fmt.Sprintf("%+v", tokenKeeper{ring: ring}), fmt.Sprintf("%#v", &tokenKeeper{ring: ring}))
	for _, v := range []any{k, &k, c} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, string(b))
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("configured", "key", k, "pointer", &k, "all", c)
	}
	shown = append(shown, log.String())
	if v := slog.AnyValue(k).Resolve(); v.Kind() != slog.KindString {
		t.Errorf("handlers are given %v", v)
	}
	hidden := [][]byte{k.Secret[:], ring[0].key[:]}
	for _, s := range shown {
		for _, h := range hidden {
			some := h[:8]
			for _, form := range []string{
				string(some), hex.EncodeToString(some), strings.ToUpper(hex.EncodeToString(some)), base64.StdEncoding.EncodeToString(some)[:10],
				strings.Trim(fmt.Sprint(some), "[]"), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", some), "[]byte{"), "}"),
				strings.ReplaceAll(strings.Trim(fmt.Sprint(some), "[]"), " ", ","),
			} {
				if strings.Contains(s, form) {
					t.Errorf("%q shows the secret as %q", s, form)
				}
			}
		}
	}
	if !strings.Contains(shown[0], "shown") {
		t.Errorf("%q does not say which key it is", shown[0])
	}
}

// RT-2: what is sealed opens with the same keys and the same context, and with
// nothing else.
func TestKeyring(t *testing.T) {
	plain := []byte("an access token, and a refresh token")
	context := []string{"realm", "ada", "oauth:github", "583231"}
	ring := testRing(t, "tokens", "one", "two")
	sealed, err := ring.seal(plain, context...)
	if err != nil {
		t.Fatal(err)
	}
	opens := func(r keyring, b []byte, context ...string) {
		t.Helper()
		if got, err := r.open(b, context...); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("got %q, %v", got, err)
		}
	}
	stays := func(why string, r keyring, b []byte, context ...string) {
		t.Helper()
		if got, err := r.open(b, context...); !errors.Is(err, errSealed) || got != nil {
			t.Errorf("%s: got %q, %v", why, got, err)
		}
	}
	opens(ring, sealed, context...)
	again, err := ring.seal(plain, context...)
	if err != nil || bytes.Equal(again, sealed) {
		t.Errorf("sealed twice the same: %v", err)
	}
	if bytes.Contains(sealed, plain[:8]) || !bytes.Contains(sealed, []byte("one")) {
		t.Errorf("sealed as %q", sealed)
	}

	// A new key in front: what the old one has sealed opens, and the new one seals.
	turned := testRing(t, "tokens", "three", "one")
	opens(turned, sealed, context...)
	if next, err := turned.seal(plain, context...); err != nil || !bytes.Contains(next, []byte("three")) {
		t.Errorf("sealed as %q, %v", next, err)
	}
	gone := testRing(t, "tokens", "two")
	stays("the key is gone", gone, sealed, context...)
	if _, err := gone.open(sealed, context...); !strings.Contains(err.Error(), `"one"`) {
		t.Errorf("the error does not name the key: %v", err)
	}
	stays("no keys", nil, sealed, context...)
	if _, err := (keyring)(nil).seal(plain, context...); !errors.Is(err, errSealed) {
		t.Errorf("sealed without keys: %v", err)
	}
	stays("another purpose", testRing(t, "something else", "one"), sealed, context...)
	other := testRing(t, "tokens", "two")
	other[0].id = "one"
	stays("another secret under the same ID", other, sealed, context...)

	for i := range context {
		changed := slices.Clone(context)
		changed[i] += "x"
		stays("other context", ring, sealed, changed...)
	}
	stays("parts run together", ring, sealed, "realmada", "", "oauth:github", "583231")
	stays("parts cut elsewhere", ring, sealed, "real", "mada", "oauth:github", "583231")
	stays("a part less", ring, sealed, context[:3]...)
	stays("a part more", ring, sealed, append(slices.Clone(context), "")...)
	stays("parts in another order", ring, sealed, "realm", "oauth:github", "ada", "583231")

	for n := range len(sealed) {
		stays("cut off", ring, sealed[:n], context...)
		for _, bit := range []byte{1, 0x80} {
			changed := slices.Clone(sealed)
			changed[n] ^= bit
			stays("changed", ring, changed, context...)
		}
	}
	stays("longer", ring, append(slices.Clone(sealed), 0), context...)
	renamed := append([]byte{envelopeVersion, 3}, "two"...)
	stays("another key's name", ring, append(renamed, sealed[5:]...), context...)
}

func FuzzKeyringOpen(f *testing.F) {
	ring, err := newKeyring([]Key{testKey("one")}, "tokens")
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := ring.seal([]byte("x"), "a", "b")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{})
	f.Add([]byte{1, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := ring.open(b, "a", "b"); err != nil && !errors.Is(err, errSealed) || err == nil && string(plain) != "x" {
			t.Errorf("%q: %v", plain, err)
		}
	})
}
