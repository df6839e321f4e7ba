package loader_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/loader"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

func TestSuite(t *testing.T) {
	onEveryKind(t, func(t *testing.T, k kind) {
		request := func(key string) func() *http.Request {
			return func() *http.Request {
				r := httptest.NewRequest("POST", "/", strings.NewReader("api_key=bobs-key&access_token=bobs-key"))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				k.put(r, key)
				return r
			}
		}
		authtest.TestRequestLoader(t, k.new(nil), "bob", request("bobs-key"), request("revoked"))
	})
}

// outcome says in a word what a loader has returned.
func outcome(id *auth.Identity, err error) string {
	switch {
	case errors.Is(err, auth.ErrNoCredentials) && errors.Is(err, auth.ErrBadCredentials):
		return "two at once"
	case errors.Is(err, auth.ErrNoCredentials):
		return "none"
	case errors.Is(err, auth.ErrBadCredentials):
		return "bad"
	case err != nil:
		return "outage"
	case id == nil:
		return "nothing"
	}
	return id.UserID
}

func TestVerify(t *testing.T) {
	onEveryKind(t, func(t *testing.T, k kind) {
		l := k.new(nil)
		for key, want := range map[string]string{
			"bobs-key": "bob", "revoked": "bad", "missing-key": "bad", "none": "bad", "both": "bad",
			"broken": "outage", "nothing": "outage",
		} {
			r := httptest.NewRequest("GET", "/", nil)
			k.put(r, key)
			id, err := l.LoadRequest(r)
			if got := outcome(id, err); got != want {
				t.Errorf("%s: %s (%v); want %s", key, got, err, want)
			}
			if (id == nil) != (err != nil) {
				t.Errorf("%s: both %v and %v", key, id, err)
			}
			if key == "broken" && !errors.Is(err, errDown) {
				t.Errorf("the error is %v, and not the host's", err)
			}
		}
		s := newSite(t, l) // what the host forbids is not for it to forbid
		if res, _ := s.do("GET", "/me", k.with("forbidden")); res.StatusCode != 503 {
			t.Errorf("another error of ours: %s", res.Status)
		}
	})
}

func TestVerifyGetsTheContext(t *testing.T) {
	type key struct{}
	var got any
	l := loader.Bearer(func(ctx context.Context, _ string) (*auth.Identity, error) {
		got = ctx.Value(key{})
		return nil, ctx.Err()
	}, nil)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer x")
	_, _ = l.LoadRequest(r.WithContext(context.WithValue(r.Context(), key{}, "there")))
	if got != "there" {
		t.Errorf("the context has %v", got)
	}
}

func TestAuthorization(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	const right, basic = "bobs-key", "Ym9iOmJvYnMta2V5" // bob:bobs-key
	for _, tt := range []struct {
		name   string
		header []string
		bearer string
		basic  string
	}{
		{"no header", nil, "none", "none"},
		{"empty", []string{""}, "none", "none"},
		{"space", []string{"  "}, "none", "none"},
		{"another scheme", []string{"Digest " + right}, "none", "none"},
		{"two of another scheme", []string{"Digest x", "Digest y"}, "none", "none"},
		{"a longer scheme", []string{"Bearers " + right}, "none", "none"},
		{"a scheme that folds", []string{"ba\u017fic " + basic}, "none", "none"},
		{"right for Bearer", []string{"Bearer " + right}, "bob", "none"},
		{"in capitals", []string{"BEARER " + right}, "bob", "none"},
		{"in lower case", []string{"bearer " + right}, "bob", "none"},
		{"two spaces", []string{"Bearer  " + right}, "bob", "none"},
		{"space around it", []string{" \tBearer " + right + "\t "}, "bob", "none"},
		{"scheme only", []string{"Bearer"}, "bad", "none"},
		{"scheme and space", []string{"Bearer "}, "bad", "none"},
		{"padding only", []string{"Bearer =="}, "bad", "none"},
		{"tab", []string{"Bearer\t" + right}, "bad", "none"},
		{"equals sign", []string{"Bearer=" + right}, "bad", "none"},
		{"slash", []string{"Bearer/" + right}, "bad", "none"},
		{"colon", []string{"Bearer: " + right}, "bad", "none"},
		{"two tokens", []string{"Bearer " + right + " " + right}, "bad", "none"},
		{"joined by a proxy", []string{"Bearer " + right + ", Bearer " + right}, "bad", "none"},
		{"joined without space", []string{"Bearer " + right + ",Basic"}, "bad", "none"},
		{"parameters", []string{`Bearer token="` + right + `"`}, "bad", "none"},
		{"padding inside", []string{"Bearer bobs=key"}, "bad", "none"},
		{"control character", []string{"Bearer bobs-key\x00"}, "bad", "none"},
		{"line break", []string{"Bearer bobs-key\r\n x"}, "bad", "none"},
		{"not ASCII", []string{"Bearer b\u00f6bs-key"}, "bad", "none"},
		{"too long", []string{"Bearer " + strings.Repeat("x", 8193)}, "bad", "none"},
		{"twice", []string{"Bearer " + right, "Bearer " + right}, "bad", "none"},
		{"beside another scheme", []string{"Bearer " + right, "Basic " + basic}, "bad", "bad"},
		{"after another scheme", []string{"Digest x", "bearer " + right}, "bad", "none"},
		{"after an empty one", []string{"", "Bearer " + right}, "bad", "none"},

		{"right for Basic", []string{"Basic " + basic}, "none", "bob"},
		{"Basic in capitals", []string{"BASIC " + basic}, "none", "bob"},
		{"Basic without anything", []string{"Basic"}, "none", "bad"},
		{"not base64", []string{"Basic bobs-key"}, "none", "bad"},
		{"base64 of URLs", []string{"Basic " + strings.Replace(b64([]byte("bob:\u00ff\u00ff\u00ff")), "/", "_", -1)}, "none", "bad"},
		{"padding forgotten", []string{"Basic " + strings.TrimRight(b64([]byte("bob:revoked?")), "=") + "A"}, "none", "bad"},
		{"bits left over", []string{"Basic Ym9iOmJvYnMta2V="}, "none", "bad"},
		{"line break in base64", []string{"Basic Ym9i\nOmJvYnMta2V5"}, "none", "bad"},
		{"no colon", []string{"Basic " + b64([]byte("bob"))}, "none", "bad"},
		{"nothing but a colon", []string{"Basic Og=="}, "none", "bad"},
		{"no user", []string{"Basic " + b64([]byte(":bobs-key"))}, "none", "bad"},
		{"no password", []string{"Basic " + b64([]byte("bob:"))}, "none", "bad"},
		{"another user", []string{"Basic " + b64([]byte("ada:bobs-key"))}, "none", "bad"},
		{"not UTF-8", []string{"Basic " + b64([]byte("bob:bobs-key\xff"))}, "none", "bad"},
		{"control character in the password", []string{"Basic " + b64([]byte("bob:bobs-key\x7f"))}, "none", "bad"},
		{"control character in the name", []string{"Basic " + b64([]byte("bob\n:bobs-key"))}, "none", "bad"},
		{"control character of Unicode", []string{"Basic " + b64([]byte("bob:bobs-key\u0085"))}, "none", "bad"},
		{"Basic too long", []string{"Basic " + b64([]byte("bob:"+strings.Repeat("x", 8192)))}, "none", "bad"},
		{"Basic twice", []string{"Basic " + basic, "Basic " + basic}, "none", "bad"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			accept := func(_ context.Context, token string) (*auth.Identity, error) {
				if token != right {
					t.Errorf("verify was called with %q", token)
				}
				return &auth.Identity{UserID: "bob"}, nil
			}
			acceptUser := func(_ context.Context, user, password string) (*auth.Identity, error) {
				if user == "ada" {
					return nil, auth.ErrBadCredentials
				}
				if user != "bob" || password != right {
					t.Errorf("verify was called with %q and %q", user, password)
				}
				return &auth.Identity{UserID: "bob"}, nil
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.Header["Authorization"] = tt.header
			if got := outcome(loader.Bearer(accept, nil).LoadRequest(r)); got != tt.bearer {
				t.Errorf("Bearer: %s; want %s", got, tt.bearer)
			}
			if got := outcome(loader.Basic(acceptUser, nil).LoadRequest(r)); got != tt.basic {
				t.Errorf("Basic: %s; want %s", got, tt.basic)
			}
		})
	}
}

// A password may have what a user name may not.
func TestBasicPassword(t *testing.T) {
	for _, password := range []string{":", "a:b:c", " pass word ", "p\u00e4ss\u2603", "pa\u0308ss"} {
		l := loader.Basic(func(_ context.Context, user, got string) (*auth.Identity, error) {
			if user != "b\u00f6b" || got != password {
				t.Errorf("verify was called with %q, %q; want %q", user, got, password)
			}
			return &auth.Identity{UserID: "bob"}, nil
		}, nil)
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth("b\u00f6b", password)
		if got := outcome(l.LoadRequest(r)); got != "bob" {
			t.Errorf("%q: %s", password, got)
		}
	}
}

func TestHeader(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []string
		want   string
	}{
		{"no header", nil, "none"},
		{"right", []string{"bobs-key"}, "bob"},
		{"space around it", []string{"\t bobs-key "}, "bob"},
		{"empty", []string{""}, "bad"},
		{"space", []string{" "}, "bad"},
		{"twice", []string{"bobs-key", "bobs-key"}, "bad"},
		{"once empty", []string{"bobs-key", ""}, "bad"},
		{"joined by a proxy", []string{"bobs-key, bobs-key"}, "bad"},
		{"control character", []string{"bobs-key\x01"}, "bad"},
		{"delete", []string{"bobs-key\x7f"}, "bad"},
		{"not ASCII", []string{"bobs-k\u00e9y"}, "bad"},
		{"too long", []string{strings.Repeat("x", 8193)}, "bad"},
	} {
		l := loader.Header("x-api-key", func(_ context.Context, key string) (*auth.Identity, error) {
			if key != "bobs-key" {
				t.Errorf("%s: verify was called with %q", tt.name, key)
			}
			return &auth.Identity{UserID: "bob"}, nil
		}, nil)
		r := httptest.NewRequest("GET", "/?X-API-Key=bobs-key", nil)
		r.Header.Set("Authorization", "Bearer bobs-key")
		if tt.values != nil {
			r.Header["X-Api-Key"] = tt.values
		}
		if got := outcome(l.LoadRequest(r)); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
	}
}

func TestQueryKey(t *testing.T) {
	for query, want := range map[string]string{
		"":                                       "none",
		"a=b&c":                                  "none",
		"API_KEY=bobs-key":                       "none",
		"api_keys=bobs-key":                      "none",
		"x=api_key=bobs-key":                     "none",
		"%zz=bobs-key":                           "none",
		"%61pi_ke%zz=bobs-key":                   "none",
		"api_key=bobs-key":                       "bob",
		"a=b&api_key=bobs-key&c":                 "bob",
		"&&api_key=bobs-key&":                    "bob",
		"api_key=%62obs-key":                     "bob",
		"%61pi_key=bobs-key":                     "bob",
		"api_key":                                "bad",
		"api_key=":                               "bad",
		"api_key=&x":                             "bad",
		"api_key=bobs-key&api_key=bobs-key":      "bad",
		"api_key=bobs-key&%61pi_key=bobs-key":    "bad",
		"api_key=bobs-key&api_key":               "bad",
		"api_key=%zz":                            "bad",
		"api_key=bobs-key%":                      "bad",
		"api_key=bobs-key;x=y":                   "bad",
		"api_key=bobs-key%00":                    "bad",
		"api_key=bobs+key":                       "bad",
		"api_key=bobs-key%0a":                    "bad",
		"api_key=b%C3%B6bs-key":                  "bad",
		"api_key=" + strings.Repeat("x", 8193):   "bad",
		"api_key=" + strings.Repeat("%78", 4000): "bad",
	} {
		l := loader.InsecureQueryKey("api_key", func(_ context.Context, key string) (*auth.Identity, error) {
			if key != "bobs-key" {
				t.Errorf("%.60s: verify was called with %q", query, key)
			}
			return &auth.Identity{UserID: "bob"}, nil
		}, nil)
		r := httptest.NewRequest("POST", "/", strings.NewReader("api_key=bobs-key"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Api_key", "bobs-key")
		r.URL.RawQuery = query
		if got := outcome(l.LoadRequest(r)); got != want {
			t.Errorf("%.60s: %s; want %s", query, got, want)
		}
	}
}

func TestMaxLength(t *testing.T) {
	onEveryKind(t, func(t *testing.T, k kind) {
		longest := len("bobs-key")
		if k.name == "Basic" {
			longest = len("Ym9iOmJvYnMta2V5")
		}
		r := httptest.NewRequest("GET", "/", nil)
		k.put(r, "bobs-key")
		if got := outcome(k.new(&loader.Options{MaxLength: longest}).LoadRequest(r)); got != "bob" {
			t.Errorf("as long as allowed: %s", got)
		}
		if got := outcome(k.new(&loader.Options{MaxLength: longest - 1}).LoadRequest(r)); got != "bad" {
			t.Errorf("longer than allowed: %s", got)
		}
	})
	// And by default.
	for _, k := range kinds[:1] {
		for n, want := range map[int]string{8192: "outage", 8193: "bad"} {
			r := httptest.NewRequest("GET", "/", nil)
			k.put(r, strings.Repeat("x", n))
			l := loader.Bearer(func(context.Context, string) (*auth.Identity, error) { return nil, errDown }, nil)
			if got := outcome(l.LoadRequest(r)); got != want {
				t.Errorf("%d bytes: %s; want %s", n, got, want)
			}
		}
	}
}

// New says all that is wrong, and a loader that is used nevertheless lets nobody in.
func TestMisconfigured(t *testing.T) {
	type fault struct {
		l    auth.RequestLoader
		says string
	}
	faults := []fault{
		{loader.Bearer(nil, nil), "loader.Bearer: verify is nil"},
		{loader.Basic(nil, nil), "loader.Basic: verify is nil"},
		{loader.Header("X-API-Key", nil, nil), "loader.Header: verify is nil"},
		{loader.InsecureQueryKey("key", nil, nil), "loader.InsecureQueryKey: verify is nil"},
		{loader.Bearer(verify, &loader.Options{Realm: `a"b`}), `loader.Bearer: Options.Realm is "a\"b"`},
		{loader.Bearer(verify, &loader.Options{Realm: `a\b`}), `loader.Bearer: Options.Realm is "a\\b"`},
		{loader.Basic(verifyPassword, &loader.Options{Realm: "a\r\nb"}), `loader.Basic: Options.Realm is "a\r\nb"`},
		{loader.Basic(verifyPassword, &loader.Options{Realm: "\u00e4"}), "loader.Basic: Options.Realm"},
		{loader.Header("X-API-Key", verify, &loader.Options{MaxLength: -1}), "loader.Header: Options.MaxLength is -1"},
		{loader.InsecureQueryKey("next", verify, nil), `loader.InsecureQueryKey: name "next"`},
		// Everything at once.
		{loader.Header("", nil, &loader.Options{Realm: `"`, MaxLength: -1}), "Options.MaxLength"},
	}
	for _, name := range []string{"", "a b", "a:b", "a\n", "\u00e4"} {
		faults = append(faults, fault{loader.Header(name, verify, nil), fmt.Sprintf("loader.Header: name %q", name)})
	}
	for _, name := range []string{"", "a b", "a&b", "a=b", "a%62", "a+b", "a;b", "\u00e4", "\u0161"} {
		faults = append(faults, fault{loader.InsecureQueryKey(name, verify, nil), fmt.Sprintf("loader.InsecureQueryKey: name %q", name)})
	}
	for _, name := range []string{"Authorization", "Cookie", "Host", "Origin", "Referer", "User-Agent", "Accept", "Accept-Language", "Content-Language",
		"Range", "Last-Event-Id", "Sec-Fetch-Site", "Proxy-Authorization", "X-Forwarded-User", "If-None-Match", "Access-Control-Request-Headers"} {
		faults = append(faults, fault{loader.Header(strings.ToLower(name), verify, nil), "loader.Header: name " + name})
	}

	o := &auth.Options{}
	for _, f := range faults {
		o.Loaders = append(o.Loaders, f.l)
	}
	_, err := auth.New(authtest.NewUsers("bob"), memory.New(nil), o)
	if err == nil {
		t.Fatal("New was content")
	}
	for i, f := range faults {
		says := f.l.(interface{ Validate() error }).Validate()
		if says == nil || !strings.Contains(says.Error(), f.says) {
			t.Errorf("loader %d says %v, and not %s", i, says, f.says)
		} else if !strings.Contains(err.Error(), fmt.Sprintf("Options.Loaders[%d]: %v", i, says)) {
			t.Errorf("New does not say that %v, but\n%v", says, err)
		}
		r := httptest.NewRequest("GET", "/?next=bobs-key&key=bobs-key", nil)
		r.Header = http.Header{"Authorization": {"Bearer bobs-key"}, "X-Api-Key": {"bobs-key"}}
		if got := outcome(f.l.LoadRequest(r)); got != "outage" {
			t.Errorf("loader %d, used nevertheless: %s", i, got)
		}
		if c, ok := f.l.(interface{ Challenge() string }); ok && c.Challenge() != bearerChallenge && c.Challenge() != basicChallenge {
			t.Errorf("loader %d has the challenge %q", i, c.Challenge())
		}
	}
	all := faults[10].l.(interface{ Validate() error }).Validate().Error()
	for _, part := range []string{"verify is nil", "Options.Realm", "Options.MaxLength", `name ""`} {
		if !strings.Contains(all, part) {
			t.Errorf("nothing of %s in %s", part, all)
		}
	}
	onEveryKind(t, func(t *testing.T, k kind) {
		if err := k.new(&loader.Options{Realm: "A site", MaxLength: 1}).(interface{ Validate() error }).Validate(); err != nil {
			t.Error(err)
		}
	})
}
