package auth

import "testing"

// Realm, epoch and purpose each make another digest of the same token, and
// cannot be shifted into one another.
func TestTagsSeparate(t *testing.T) {
	tok := newToken()
	seen := map[[32]byte][3]string{}
	for _, of := range [][3]string{
		{"", "", "session"}, {"", "", "login"}, {"", "", "device"},
		{"a", "", "session"}, {"", "a", "session"}, {"a", "b", "session"}, {"ab", "", "session"}, {"", "ab", "session"},
		{"a", "bsession", ""}, {"", "", "absession"},
	} {
		d := newTag(of[0], of[1], of[2]).digest(tok)
		if other, ok := seen[d]; ok {
			t.Errorf("%q and %q have one digest", of, other)
		}
		seen[d] = of
		if d == newTag(of[0], of[1], of[2]).digest(newToken()) {
			t.Errorf("%q: two tokens have one digest", of)
		}
	}
	if a, b := (tag{}).digestFor(tok, "ada"), (tag{}).digestFor(tok, "bob"); a == b {
		t.Error("one device is the same for two users")
	}
}

func TestTokensHaveOneSpelling(t *testing.T) {
	tok := newToken()
	if got, ok := parseToken(tok.String()); !ok || got != tok {
		t.Fatal("a token cannot be read back")
	}
	for _, s := range []string{tok.String()[:42], tok.String() + "A", tok.String()[:42] + "\n", tok.String()[:41] + "\r\n", ""} {
		if _, ok := parseToken(s); ok {
			t.Errorf("%q is a token", s)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(newToken().String())
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if tok, ok := parseToken(s); ok && tok.String() != s {
			t.Fatalf("%q is another spelling of %q", s, tok)
		}
	})
}
