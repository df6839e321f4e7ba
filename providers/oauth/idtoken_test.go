package oauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Every way that is known of making an ID token be taken that should not be, each
// through a whole flow, beside some that are right.
func TestIDToken(t *testing.T) {
	type vector struct {
		name  string
		token func(i *testIssuer, nonce string) string
		setup func(i *testIssuer)
		ok    bool
	}
	// edit is a token that is changed after it was signed.
	edit := func(name string, change func(token string) string) vector {
		return vector{name: name, token: func(i *testIssuer, nonce string) string { return change(i.sign(i.claims(nonce, nil))) }}
	}
	// claims is a token that is right but for these claims.
	claims := func(name string, ok bool, change map[string]any) vector {
		return vector{name: name, ok: ok, token: func(i *testIssuer, nonce string) string { return i.sign(i.claims(nonce, change)) }}
	}
	// when is one with times that are so many seconds from now.
	when := func(name string, ok bool, claim string, seconds int64) vector {
		return vector{name: name, ok: ok, token: func(i *testIssuer, nonce string) string {
			return i.sign(i.claims(nonce, map[string]any{claim: i.now.Unix() + seconds}))
		}}
	}
	// edited is one whose claims are signed as edit returns them.
	edited := func(name string, edit func(claims []byte) []byte) vector {
		return vector{name: name, token: func(i *testIssuer, nonce string) string { return i.sign(edit(i.claims(nonce, nil))) }}
	}
	// signed is one that is signed by somebody else, or otherwise.
	signed := func(name string, ok bool, sign func(i *testIssuer, claims []byte) string) vector {
		return vector{name: name, ok: ok, token: func(i *testIssuer, nonce string) string { return sign(i, i.claims(nonce, nil)) }}
	}
	unsigned := func(alg string, signature string) vector {
		return signed("alg "+alg+" "+signature, false, func(i *testIssuer, claims []byte) string {
			return rawJWT(fmt.Sprintf(`{"alg":%q,"typ":"JWT"}`, alg), claims, []byte(signature))
		})
	}
	hmacWith := func(name string, key func() []byte) vector {
		return signed(name, false, func(i *testIssuer, claims []byte) string {
			header := `{"alg":"HS256","kid":"k1"}`
			return rawJWT(header, claims, hmacSHA256(key(), strings.TrimSuffix(rawJWT(header, claims, nil), ".")))
		})
	}
	header := func(name string, ok bool, header map[jose.HeaderKey]any) vector {
		return signed(name, ok, func(i *testIssuer, claims []byte) string { return signWith(jose.RS256, rsaKey(), "k1", header, claims) })
	}
	with := func(v vector, setup func(i *testIssuer)) vector { v.setup = setup; return v }
	publish := func(keys ...any) func(i *testIssuer) { return func(i *testIssuer) { i.keys = keys } }

	ec, ed := newECKey(), newEdKey()
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	public := jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "k1"}

	groups := []struct {
		name    string
		vectors []vector
	}{
		{"0 control", []vector{
			claims("as it should be", true, nil),
			signed("ES256", true, func(i *testIssuer, claims []byte) string { return signWith(jose.ES256, ec, "e1", nil, claims) }),
			signed("EdDSA", true, func(i *testIssuer, _ []byte) string {
				return signWith(jose.EdDSA, ed, "d1", nil, i.claims(i.nonce, map[string]any{"at_hash": sha512Half(testToken)}))
			}),
			claims("no at_hash", true, map[string]any{"at_hash": nil}),
		}},
		{"1 unsigned", []vector{
			unsigned("none", ""), unsigned("None", ""), unsigned("NONE", ""), unsigned("nOnE", "x"), unsigned("none", "x"), unsigned("", "x"), unsigned("RS256", ""), unsigned("RS256", "x"),
			edit("empty third part", func(s string) string { return s[:strings.LastIndex(s, ".")+1] }),
			edit("two parts", func(s string) string { return s[:strings.LastIndex(s, ".")] }),
			edit("one part", func(s string) string { return strings.Split(s, ".")[0] }),
			edit("four parts", func(s string) string { return s + ".x" }),
			edit("five parts", func(s string) string { return s + ".x.y" }),
			edit("nothing", func(s string) string { return "" }),
			signed("encrypted", false, func(i *testIssuer, claims []byte) string {
				e := must(jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: []byte("0123456789abcdef")}, nil))
				return must(must(e.Encrypt(claims)).CompactSerialize())
			}),
			edit("JSON serialisation", func(s string) string {
				p := strings.Split(s, ".")
				return fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, p[0], p[1], p[2])
			}),
			edit("white space", func(s string) string { return s[:20] + "\n" + s[20:] }),
			edit("white space after", func(s string) string { return s + "\n" }),
			edit("another spelling of the same signature", func(s string) string {
				const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
				return s[:len(s)-1] + string(digits[strings.IndexByte(digits, s[len(s)-1])+1])
			}),
			edit("padding", func(s string) string { return s + "=" }),
		}},
		{"2 HMAC", []vector{
			hmacWith("the client secret", func() []byte { return []byte(testSecret) }),
			hmacWith("the public key in PEM", func() []byte {
				return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(rsaKey().Public()))})
			}),
			hmacWith("the public key in DER", func() []byte { return must(x509.MarshalPKIXPublicKey(rsaKey().Public())) }),
			hmacWith("the public key in PKCS #1", func() []byte { return x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey) }),
			hmacWith("the public key as JWK", func() []byte { return must(json.Marshal(public)) }),
			hmacWith("the empty key", func() []byte { return nil }),
			with(hmacWith("a symmetric key that is published", func() []byte { return []byte("0123456789abcdef0123456789abcdef") }),
				publish(public, jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "k1"})),
		}},
		{"3 keys", []vector{
			signed("unknown key under a known ID", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.RS256, otherRSAKey(), "k1", nil, claims)
			}),
			signed("unknown key and ID", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.RS256, otherRSAKey(), "k9", nil, claims)
			}),
			signed("unknown key, no ID", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.RS256, otherRSAKey(), "", nil, claims)
			}),
			signed("another key's ID", false, func(i *testIssuer, claims []byte) string { return signWith(jose.RS256, rsaKey(), "e1", nil, claims) }),
			with(signed("no ID, two keys, the second", true, func(i *testIssuer, claims []byte) string {
				return signWith(jose.RS256, rsaKey(), "", nil, claims)
			}), publish(jose.JSONWebKey{Key: otherRSAKey().Public(), KeyID: "k0"}, public)),
			with(signed("no ID, two keys, neither", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.ES256, newECKey(), "", nil, claims)
			}), publish(jose.JSONWebKey{Key: ec.Public(), KeyID: "e0"}, public)),
			signed("jwk in the header", false, func(i *testIssuer, claims []byte) string {
				signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: otherRSAKey()}, &jose.SignerOptions{EmbedJWK: true}))
				return must(must(signer.Sign(claims)).CompactSerialize())
			}),
			signed("jku in the header", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.RS256, otherRSAKey(), "k1", map[jose.HeaderKey]any{"jku": i.URL + "/evil"}, claims)
			}),
			signed("x5u in the header", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.RS256, otherRSAKey(), "k1", map[jose.HeaderKey]any{"x5u": i.URL + "/evil"}, claims)
			}),
			header("jku beside a signature that is right", true, map[jose.HeaderKey]any{"jku": "https://login.example.com/keys"}),
			signed("ES256 with r=s=0", false, func(i *testIssuer, claims []byte) string {
				return rawJWT(`{"alg":"ES256","kid":"e1"}`, claims, make([]byte, 64))
			}),
			signed("EdDSA of nothing", false, func(i *testIssuer, claims []byte) string {
				return rawJWT(`{"alg":"EdDSA","kid":"d1"}`, claims, make([]byte, 64))
			}),
			with(signed("RSA of 1024 bits", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.RS256, small, "s1", nil, claims)
			}), publish(public, jose.JSONWebKey{Key: small.Public(), KeyID: "s1"})),
			with(signed("a key for encryption", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.RS256, otherRSAKey(), "x1", nil, claims)
			}), publish(public, jose.JSONWebKey{Key: otherRSAKey().Public(), KeyID: "x1", Use: "enc"})),
			with(signed("a key for another algorithm", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.PS256, rsaKey(), "k1", nil, claims)
			}), func(i *testIssuer) {
				i.metadata["id_token_signing_alg_values_supported"] = []string{"RS256", "PS256"}
			}),
			with(signed("an algorithm that the issuer does not name", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.RS512, rsaKey(), "k1", nil, claims)
			}), publish(public)),
			with(signed("an algorithm that the issuer names", true, func(i *testIssuer, _ []byte) string {
				return signWith(jose.PS512, rsaKey(), "k1", nil, i.claims(i.nonce, map[string]any{"at_hash": sha512Half(testToken)}))
			}), func(i *testIssuer) {
				i.keys = []any{public}
				i.metadata["id_token_signing_alg_values_supported"] = []string{"PS512"}
			}),
			with(signed("ES384 by the key under ES256's ID", false, func(i *testIssuer, claims []byte) string {
				return signWith(jose.ES384, p384, "e1", nil, claims)
			}), func(i *testIssuer) {
				i.metadata["id_token_signing_alg_values_supported"] = []string{"ES256", "ES384"}
			}),
			edit("other claims under the signature", func(s string) string {
				p := strings.Split(s, ".")
				c := must(base64.RawURLEncoding.DecodeString(p[1]))
				return p[0] + "." + base64.RawURLEncoding.EncodeToString(bytes.Replace(c, []byte("alice-1"), []byte("admin-1"), 1)) + "." + p[2]
			}),
			header("crit", false, map[jose.HeaderKey]any{"crit": []string{"exp"}, "exp": 1}),
			header("crit with b64", false, map[jose.HeaderKey]any{"crit": []string{"b64"}, "b64": true}),
			header("an access token by its type", false, map[jose.HeaderKey]any{"typ": "at+jwt"}),
			header("a logout token by its type", false, map[jose.HeaderKey]any{"typ": "application/Logout+JWT"}),
			header("type JWT", true, map[jose.HeaderKey]any{"typ": "JWT"}),
			header("a type that is no string", false, map[jose.HeaderKey]any{"typ": 1}),
			signed("key ID no string", false, func(i *testIssuer, claims []byte) string {
				return rawJWT(`{"alg":"RS256","kid":1}`, claims, []byte("x"))
			}),
			signed("two algorithms", false, func(i *testIssuer, claims []byte) string {
				return rawJWT(`{"alg":"none","alg":"RS256"}`, claims, []byte("x"))
			}),
		}},
		{"4 iss", []vector{
			claims("missing", false, map[string]any{"iss": nil}),
			claims("other", false, map[string]any{"iss": "https://accounts.google.com"}),
			claims("empty", false, map[string]any{"iss": ""}),
			{name: "trailing slash", token: func(i *testIssuer, nonce string) string {
				return i.sign(i.claims(nonce, map[string]any{"iss": i.URL + "/"}))
			}},
			{name: "case", token: func(i *testIssuer, nonce string) string {
				return i.sign(i.claims(nonce, map[string]any{"iss": strings.ToUpper(i.URL)}))
			}},
			{name: "array", token: func(i *testIssuer, nonce string) string {
				return i.sign(i.claims(nonce, map[string]any{"iss": []string{i.URL}}))
			}},
			{name: "under another case of its name", token: func(i *testIssuer, nonce string) string {
				return i.sign(i.claims(nonce, map[string]any{"iss": nil, "ISS": i.URL}))
			}},
			claims("template", false, map[string]any{"iss": "https://login.microsoftonline.com/{tenantid}/v2.0", "tid": "t"}),
		}},
		{"5 aud", []vector{
			claims("missing", false, map[string]any{"aud": nil}),
			claims("other", false, map[string]any{"aud": "client-2"}),
			claims("empty", false, map[string]any{"aud": ""}),
			claims("empty array", false, map[string]any{"aud": []string{}}),
			claims("array without us", false, map[string]any{"aud": []string{"client-2", "client-3"}, "azp": testClient}),
			claims("several and no azp", false, map[string]any{"aud": []string{testClient, "client-2"}}),
			claims("several and azp of another", false, map[string]any{"aud": []string{testClient, "client-2"}, "azp": "client-2"}),
			claims("several and azp an array", false, map[string]any{"aud": []string{testClient, "client-2"}, "azp": []string{testClient}}),
			claims("ours and azp of another", false, map[string]any{"azp": "client-2"}),
			claims("ours and azp null", false, map[string]any{"azp": json.RawMessage("null")}),
			claims("array with a number", false, map[string]any{"aud": []any{testClient, 1}, "azp": testClient}),
			claims("object", false, map[string]any{"aud": map[string]any{testClient: true}}),
			claims("array of us", true, map[string]any{"aud": []string{testClient}}),
			claims("several and azp ours", true, map[string]any{"aud": []string{testClient, "client-2"}, "azp": testClient}),
			claims("azp ours", true, map[string]any{"azp": testClient}),
		}},
		{"6 times", []vector{
			claims("exp missing", false, map[string]any{"exp": nil}),
			claims("exp null", false, map[string]any{"exp": json.RawMessage("null")}),
			claims("exp string", false, map[string]any{"exp": "4102444800"}),
			claims("exp 1e30", false, map[string]any{"exp": json.RawMessage("1e30")}),
			claims("exp 1e999", false, map[string]any{"exp": json.RawMessage("1e999")}),
			claims("exp in the year 33658", false, map[string]any{"exp": json.RawMessage("1e12")}),
			claims("exp negative", false, map[string]any{"exp": -1}),
			claims("exp array", false, map[string]any{"exp": []int{4102444800}}),
			claims("exp with a fraction", true, map[string]any{"exp": json.RawMessage("4102444800.5")}),
			when("exp just past", true, "exp", -59), when("exp past", false, "exp", -60),
			claims("iat missing", false, map[string]any{"iat": nil}),
			claims("iat string", false, map[string]any{"iat": "0"}),
			when("iat a little in the future", true, "iat", 60), when("iat in the future", false, "iat", 61),
			when("iat ten minutes ago", true, "iat", -600), when("iat longer ago", false, "iat", -601),
			when("nbf a little in the future", true, "nbf", 60), when("nbf in the future", false, "nbf", 61),
			claims("nbf string", false, map[string]any{"nbf": "0"}),
		}},
		{"7 nonce and at_hash", []vector{
			claims("nonce missing", false, map[string]any{"nonce": nil}),
			claims("nonce null", false, map[string]any{"nonce": json.RawMessage("null")}),
			claims("nonce empty", false, map[string]any{"nonce": ""}),
			claims("nonce other", false, map[string]any{"nonce": "n-0S6_WzA2Mj"}),
			{name: "nonce array", token: func(i *testIssuer, nonce string) string {
				return i.sign(i.claims(nonce, map[string]any{"nonce": []string{nonce}}))
			}},
			{name: "nonce in another case", token: func(i *testIssuer, nonce string) string {
				return i.sign(i.claims(strings.ToUpper(nonce), nil))
			}},
			claims("at_hash of another token", false, map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
			claims("at_hash by another algorithm", false, map[string]any{"at_hash": sha512Half(testToken)}),
			claims("at_hash empty", false, map[string]any{"at_hash": ""}),
			claims("at_hash number", false, map[string]any{"at_hash": 1}),
			claims("at_hash null", false, map[string]any{"at_hash": json.RawMessage("null")}),
		}},
		{"8 sub", []vector{
			claims("missing", false, map[string]any{"sub": nil}),
			claims("null", false, map[string]any{"sub": json.RawMessage("null")}),
			claims("empty", false, map[string]any{"sub": ""}),
			claims("number", false, map[string]any{"sub": 12345}),
			claims("array", false, map[string]any{"sub": []string{"alice-1"}}),
			claims("256 characters", false, map[string]any{"sub": strings.Repeat("a", 256)}),
			claims("255 characters", true, map[string]any{"sub": strings.Repeat("a", 255)}),
			claims("NUL", false, map[string]any{"sub": "alice\x00"}),
			claims("newline", false, map[string]any{"sub": "alice\nadmin"}),
			claims("space before", false, map[string]any{"sub": " alice"}),
			claims("the word null", false, map[string]any{"sub": "null"}),
			claims("half a surrogate pair", false, map[string]any{"sub": json.RawMessage(`"alice\ud800"`)}),
			with(claims("userinfo of another", false, map[string]any{"email": nil}), func(i *testIssuer) {
				i.metadata["userinfo_endpoint"], i.userinfo = i.URL+"/userinfo", map[string]any{"sub": "admin-1", "email": "a@example.com"}
			}),
		}},
		// 9, auth_time, is TestStepUp; neither acr nor amr is ever asked for.
		{"10 spelling", []vector{
			edited("sub twice", func(c []byte) []byte { return bytes.Replace(c, []byte(`{`), []byte(`{"sub":"alice-1",`), 1) }),
			edited("sub twice, once escaped", func(c []byte) []byte { return bytes.Replace(c, []byte(`{`), []byte(`{"su\u0062":"alice-1",`), 1) }),
			edited("twice further down", func(c []byte) []byte { return bytes.Replace(c, []byte(`{`), []byte(`{"a":[{"b":1,"b":1}],`), 1) }),
			edited("trailing data", func(c []byte) []byte { return append(c, "{}"...) }),
			edited("trailing bracket", func(c []byte) []byte { return append(c, '}') }),
			edited("BOM", func(c []byte) []byte { return append([]byte("\xef\xbb\xbf"), c...) }),
			edited("invalid UTF-8", func(c []byte) []byte { return bytes.Replace(c, []byte("Alice"), []byte("Al\xffce"), 1) }),
			edited("an array", func(c []byte) []byte { return append(append([]byte("["), c...), ']') }),
			edited("null", func(c []byte) []byte { return []byte("null") }),
			edited("nothing", func(c []byte) []byte { return []byte(" ") }),
			edited("deep", func(c []byte) []byte {
				return bytes.Replace(c, []byte(`{`), []byte(`{"a":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+","), 1)
			}),
			edited("a comment", func(c []byte) []byte { return append(c, "//"...) }),
			claims("1 MB", false, map[string]any{"pad": strings.Repeat("a", 1<<20)}),
			claims("just over 16 KiB", false, map[string]any{"pad": strings.Repeat("a", 12<<10)}),
			claims("8 KiB", true, map[string]any{"pad": strings.Repeat("a", 8<<10)}),
		}},
		{"11 two faults", []vector{
			{name: "expired and forged", token: func(i *testIssuer, nonce string) string {
				return signWith(jose.RS256, otherRSAKey(), "k1", nil, i.claims(nonce, map[string]any{"exp": i.now.Unix() - 3600}))
			}},
			{name: "for another client and forged", token: func(i *testIssuer, nonce string) string {
				return signWith(jose.RS256, otherRSAKey(), "k1", nil, i.claims(nonce, map[string]any{"aud": "x"}))
			}},
			claims("expired and for another client", false, map[string]any{"exp": 1, "aud": "x"}),
		}},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, v := range g.vectors {
				t.Run(v.name, func(t *testing.T) {
					i := newTestIssuer(t)
					i.keys = append(i.keys, jose.JSONWebKey{Key: ec.Public(), KeyID: "e1"}, jose.JSONWebKey{Key: ed.Public(), KeyID: "d1"})
					if v.setup != nil {
						v.setup(i)
					}
					i.idToken = func(nonce string) string { return v.token(i, nonce) }
					a, token, err := i.logIn(i.connector(nil), i.flow())
					if !v.ok {
						wantRefused(t, errBadAnswer, a, token, err)
					} else if err != nil || a.Subject == "" {
						t.Errorf("%+v, %v", a, err)
					}
					if n := i.asked("/evil"); n != 0 {
						t.Errorf("the header of the token was followed %d times", n)
					}
				})
			}
		})
	}
}

func TestOA20Nonce(t *testing.T) {
	i := newTestIssuer(t)
	c := i.connector(nil)
	first := i.flow()
	if _, _, err := i.logIn(c, first); err != nil {
		t.Fatal(err)
	}
	old := i.nonce
	// The ID token of an earlier login, or of somebody else's.
	i.idToken = func(string) string { return i.sign(i.claims(old, nil)) }
	a, token, err := i.logIn(c, i.flow())
	wantRefused(t, errBadAnswer, a, token, err)
	// A flow without a nonce is none, whatever the token says.
	for _, claims := range []map[string]any{{"nonce": ""}, {"nonce": nil}} {
		f := i.flow()
		f.nonce = ""
		if b, err := c.backend.begin(t.Context(), f); err == nil {
			t.Errorf("a flow without a nonce began: %v", b)
		}
		i.idToken = func(string) string { return i.sign(i.claims("", claims)) }
		i.challenge = challengeOf(f)
		a, token, err := c.backend.finish(t.Context(), f, url.Values{"code": {"code-1"}})
		wantRefused(t, errBadAnswer, a, token, err)
	}
}

// A token is not taken by what it says, but by what was expected of it.
func TestOA21OtherClient(t *testing.T) {
	i := newTestIssuer(t)
	i.idToken = func(nonce string) string { return i.sign(i.claims(nonce, map[string]any{"aud": "client-2"})) }
	a, token, err := i.logIn(i.connector(nil), i.flow())
	wantRefused(t, errBadAnswer, a, token, err)

	v := newIDTokenVerifier(i.URL + "/jwks")
	full := expected{issuers: []string{i.URL}, clientID: testClient, nonce: "n", accessToken: testToken, now: i.now, began: i.now}
	good := i.sign(i.claims("n", nil))
	if claims, err := v.verify(t.Context(), i.Client(), good, full); err != nil || claims["sub"] != "alice-1" || claims["exp"] != float64(i.now.Unix()+300) {
		t.Fatal(claims, err)
	}
	for name, less := range map[string]func(e *expected){
		"client": func(e *expected) { e.clientID = "" },
		"issuer": func(e *expected) { e.issuers = nil },
		"empty":  func(e *expected) { e.issuers = []string{""} },
		"nonce":  func(e *expected) { e.nonce = "" },
		"now":    func(e *expected) { e.now = time.Time{} },
		"began":  func(e *expected) { e.began = time.Time{} },
		"times":  func(e *expected) { e.now, e.began = time.Time{}, time.Time{} },
		"token":  func(e *expected) { e.accessToken = "" },
	} {
		want := full
		less(&want)
		empty := i.claims("", map[string]any{"aud": "", "iss": ""})
		for _, raw := range []string{good, i.sign(empty)} {
			if claims, err := v.verify(t.Context(), i.Client(), raw, want); !errors.Is(err, errBadAnswer) || claims != nil {
				t.Errorf("without %s: %v, %v", name, claims, err)
			}
		}
	}
}

// What is long, encrypted or made of many parts is refused before it is looked at.
func TestOA28Sizes(t *testing.T) {
	i := newTestIssuer(t)
	v := newIDTokenVerifier(i.URL + "/jwks")
	want := expected{issuers: []string{i.URL}, clientID: testClient, nonce: "n", accessToken: testToken, now: i.now, began: i.now}
	long := strings.Repeat("a", maxIDToken)
	for name, raw := range map[string]string{
		"dots": strings.Repeat(".", 10<<20), "long": long + ".a.a", "long claims": "a." + long + ".a", "many parts": strings.Repeat("a.", 5000) + "a",
		"JWE": "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIiwicDJjIjoyMTQ3NDgzNjQ3LCJ6aXAiOiJERUYifQ.a.a.a.a",
	} {
		allocated := testing.AllocsPerRun(1, func() {
			if claims, err := v.verify(t.Context(), i.Client(), raw, want); !errors.Is(err, errBadAnswer) || claims != nil {
				t.Errorf("%s: %v, %v", name, claims, err)
			}
		})
		if allocated > 100 {
			t.Errorf("%s: %v allocations", name, allocated)
		}
	}
	if n := i.asked("/jwks"); n != 0 {
		t.Errorf("the keys were asked for %d times", n)
	}
}
