package oauth

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Nothing but the token itself gives claims, and nothing panics.
func FuzzIDToken(f *testing.F) {
	i := &testIssuer{now: time.Unix(1_800_000_000, 0)}
	ec := newECKey()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serveJSON(w, map[string]any{"keys": []any{jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "k1"}, jose.JSONWebKey{Key: ec.Public(), KeyID: "e1"}}})
	}))
	f.Cleanup(server.Close)
	v := newIDTokenVerifier(server.URL, "RS256", "ES256")
	want := expected{issuers: []string{"https://login.example.com"}, clientID: testClient, nonce: "n", accessToken: testToken, now: i.now, began: i.now}
	claims := i.claims("n", nil)
	good := i.sign(claims)
	f.Add(good)
	f.Add(rawJWT(`{"alg":"none"}`, claims, nil))
	f.Add(rawJWT(`{"alg":"HS256","kid":"k1"}`, claims, hmacSHA256(nil, "")))
	f.Add(rawJWT(`{"alg":"ES256","kid":"e1"}`, claims, make([]byte, 64)))
	f.Add(good + ".a.b")
	f.Add(i.sign(i.claims("other", nil)))
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := v.verify(t.Context(), server.Client(), raw, want)
		if (err == nil) != (raw == good) || (got != nil) != (raw == good) {
			t.Errorf("%q gives %v, %v", raw, got, err)
		}
	})
}

// What a strict reader takes says the same to every reader.
func FuzzStrictObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":1,"a":2}`, `{"a":[{"b":null}]}`, `{} {}`, `[]`, "\xef\xbb\xbf{}", `{"a":"\ud800"}`, `{"a":1e999}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		object, err := strictObject(data)
		if err != nil {
			if object != nil {
				t.Errorf("%q gives %v and %v", data, object, err)
			}
			return
		}
		if plainNumbers(object) == nil {
			t.Errorf("%q has nothing in it", data)
		}
	})
}
