package apikey_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A key is its user, on every path that takes a user, and says which it was.
func TestLoad(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, &apikey.Options{Scopes: scopes(), Prefix: "shop1"})
		made := s.create("ada", apikey.NewKey{Name: "deploy", Scopes: []string{"admin", "orders:read"}})
		if !strings.HasPrefix(made.Secret, "shop1_"+made.ID+"_") {
			t.Errorf("the key is %q", made.Secret)
		}
		r := s.do(bearer(made.Secret))
		if want := `{"scopes":["orders:read","admin"],"session":false,"user":"ada"}`; r.Code != 200 || strings.TrimSpace(r.text) != want {
			t.Errorf("%d %s, want %s", r.Code, r.text, want)
		}
		if cookies := r.Result().Cookies(); len(cookies) != 0 {
			t.Errorf("sets %v", cookies)
		}
		if r := s.do(request("GET", "/fresh", "Authorization", "Bearer "+made.Secret)); r.code() != "not_fresh" {
			t.Errorf("where a fresh proof is needed: %d %s", r.Code, r.text)
		}

		s.clock.Advance(time.Hour)
		var id *auth.Identity
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var err error
			if id, err = s.m.IdentityFrom(r.Context()); err != nil {
				t.Error(err)
			}
		})).ServeHTTP(nil, bearer(made.Secret))
		if _, ok := id.User.(authtest.User); !ok {
			t.Errorf("the user is a %T", id.User)
		}
		c := id.Credential
		if c == nil || c.Kind != "apikey" || c.Key != made.ID || c.Label != "deploy" || c.Data != nil || !c.ExpiresAt.Equal(t0.Add(90*24*time.Hour)) ||
			!c.UsedAt.Equal(t0.Add(time.Hour)) || c.Version != 3 {
			t.Errorf("the credential is %+v", c)
		}
		if !id.HasScope("admin") || id.HasScope("orders:write") || id.Fresh(s.clock.Now(), 1<<62) || len(id.Proofs) != 0 {
			t.Errorf("the identity is %+v", id)
		}
		if e := s.events.Named("loaded"); len(e) == 0 || e[0].UserID != "ada" || e[0].Method != "apikey" {
			t.Errorf("events: %+v", e)
		}
	})
}

// Without scopes to offer a key is not limited, with them it always is.
func TestScopesOfIdentity(t *testing.T) {
	for _, tt := range []struct {
		name          string
		offered       []apikey.Scope
		asked, scopes []string
	}{
		{"none offered", nil, nil, nil},
		{"none asked for", scopes(), nil, []string{}},
		{"none of them", scopes(), []string{}, []string{}},
		{"one", scopes(), []string{"admin"}, []string{"admin"}},
		{"twice", scopes(), []string{"admin", "admin"}, []string{"admin"}},
		{"all", scopes(), []string{"orders:write", "admin", "orders:read"}, []string{"orders:read", "orders:write", "admin"}},
	} {
		s := newSite(t, &apikey.Options{Scopes: tt.offered})
		made := s.create("ada", apikey.NewKey{Scopes: tt.asked})
		if keys := s.list("ada"); !reflect.DeepEqual(keys, []apikey.Key{made.Key}) || !reflect.DeepEqual(keys[0].Scopes, tt.scopes) || keys[0].Limited() != (tt.scopes != nil) {
			t.Errorf("%s: the list has %+v, want %+v", tt.name, keys, made.Key)
		}
		id, err := s.load(made.Secret)
		if err != nil || !reflect.DeepEqual(id.Scopes, tt.scopes) {
			t.Errorf("%s: %#v, %v, want %#v", tt.name, id.Scopes, err, tt.scopes)
		}
	}
}

// Keys keep what they were made with, whatever is offered later.
func TestScopesAreKept(t *testing.T) {
	store := memory.New(nil)
	before := newSiteOn(t, store, &apikey.Options{Scopes: scopes()})
	some := before.create("ada", apikey.NewKey{Scopes: []string{"admin"}})
	after := newSiteOn(t, store, nil)
	all := after.create("ada", apikey.NewKey{})
	if id, err := after.load(some.Secret); err != nil || !reflect.DeepEqual(id.Scopes, []string{"admin"}) {
		t.Errorf("a limited key, when no scopes are offered any more: %+v, %v", id, err)
	}
	if id, err := before.load(all.Secret); err != nil || id.Scopes != nil {
		t.Errorf("a key without limits, when scopes are offered: %+v, %v", id, err)
	}
}

// What a request may carry, and what is told of it.
func TestWhatIsRead(t *testing.T) {
	s := newSite(t, &apikey.Options{Header: "x-api-key"})
	key, other := s.create("ada", apikey.NewKey{}).Secret, s.create("ada", apikey.NewKey{}).Secret
	for _, tt := range []struct {
		name   string
		header []string
		want   error
	}{
		{"bearer", []string{"Authorization", "Bearer " + key}, nil},
		{"bearer in lower case", []string{"Authorization", "bearer " + key}, nil},
		{"several spaces", []string{"Authorization", "Bearer   " + key}, nil},
		{"header", []string{"X-API-Key", key}, nil},
		{"header in other case", []string{"x-api-KEY", key}, nil},
		{"header beside Basic", []string{"X-API-Key", key, "Authorization", "Basic YTpi"}, nil},
		{"header beside another's bearer token", []string{"X-API-Key", key, "Authorization", "Bearer eyJhbGciOi"}, nil},
		{"empty header", []string{"X-API-Key", ""}, auth.ErrNoCredentials},
		{"empty header beside bearer", []string{"X-API-Key", "", "Authorization", "Bearer " + key}, nil},

		{"another's bearer token", []string{"Authorization", "Bearer eyJhbGciOi"}, auth.ErrNoCredentials},
		{"another's prefix", []string{"Authorization", "Bearer gkx" + key[2:]}, auth.ErrNoCredentials},
		{"the prefix alone", []string{"Authorization", "Bearer gk"}, auth.ErrNoCredentials},
		{"another scheme", []string{"Authorization", "Token " + key}, auth.ErrNoCredentials},
		{"no scheme", []string{"Authorization", key}, auth.ErrNoCredentials},
		{"Proxy-Authorization", []string{"Proxy-Authorization", "Bearer " + key}, auth.ErrNoCredentials},
		{"a cookie", []string{"Cookie", "key=" + key + "; __Host-sid=" + key}, auth.ErrNoCredentials},

		{"prefix and underscore", []string{"Authorization", "Bearer gk_"}, auth.ErrBadCredentials},
		{"something behind it", []string{"Authorization", "Bearer " + key + " x"}, auth.ErrBadCredentials},
		{"a list", []string{"Authorization", "Bearer " + key + ", Bearer " + key}, auth.ErrBadCredentials},
		{"anything in the header", []string{"X-API-Key", "eyJhbGciOi"}, auth.ErrBadCredentials},
		{"scheme in the header", []string{"X-API-Key", "Bearer " + key}, auth.ErrBadCredentials},
		{"two in Authorization", []string{"Authorization", "Bearer " + key, "Authorization", "Bearer " + other}, auth.ErrBadCredentials},
		{"one key and Basic", []string{"Authorization", "Bearer " + key, "Authorization", "Basic YTpi"}, auth.ErrBadCredentials},
		{"two in the header", []string{"X-API-Key", key, "X-API-Key", other}, auth.ErrBadCredentials},
		{"one in each", []string{"Authorization", "Bearer " + key, "X-API-Key", other}, auth.ErrBadCredentials},
		{"the same in each", []string{"Authorization", "Bearer " + key, "X-API-Key", key}, auth.ErrBadCredentials},
	} {
		id, err := s.keys.LoadRequest(request("GET", "/me", tt.header...))
		if !errors.Is(err, tt.want) || err == nil && (id == nil || id.UserID != "ada") {
			t.Errorf("%s: %+v, %v, want %v", tt.name, id, err, tt.want)
		}
	}
	plain := newSite(t, nil)
	key = plain.create("ada", apikey.NewKey{}).Secret
	for _, r := range []*http.Request{
		request("GET", "/me", "X-API-Key", key), request("GET", "/me", "", key),
		request("GET", "/me?api_key="+key+"&access_token="+key), request("POST", "/me"),
	} {
		if _, err := plain.keys.LoadRequest(r); err != auth.ErrNoCredentials {
			t.Errorf("%s %v: %v", r.URL, r.Header, err)
		}
	}
}

// A key with any byte changed, in any way, is refused, and most without a look at
// the store. With a session beside it, too: it never falls back.
func TestEveryByte(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, &apikey.Options{Header: "X-API-Key"})
		key := s.create("ada", apikey.NewKey{}).Secret
		browser := s.client("ada")
		if got := s.status(key); got != 200 {
			t.Fatalf("the right key: %d", got)
		}
		s.store.Reset()
		for i := range len(key) {
			for _, bit := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
				wrong := key[:i] + string([]byte{key[i] ^ bit}) + key[i+1:]
				if got := s.status(wrong); got != 401 {
					t.Errorf("byte %d, bit %d: %d", i, bit, got)
				}
				if r := browser.send(request("GET", "/me", "X-API-Key", wrong)); r.code() != "bad_credentials" {
					t.Errorf("byte %d, bit %d, with a session: %d %s", i, bit, r.Code, r.text)
				}
			}
		}
		if calls := s.store.Calls(); len(calls) != 0 {
			t.Errorf("the store was asked %d times about typing errors", len(calls))
		}
		if r := browser.send(request("GET", "/me", "Authorization", "Bearer "+key[:len(key)-1])); r.code() != "bad_credentials" {
			t.Errorf("a short key with a session: %d %s", r.Code, r.text)
		}
	})
}

func TestChallenge(t *testing.T) {
	p := apikey.New(nil)
	if got := p.Challenge(); got != `Bearer realm="gatehouse"` {
		t.Errorf("before it is in a Manager: %s", got)
	}
	if got := p.ChallengeBad(); got != `Bearer realm="gatehouse", error="invalid_token"` {
		t.Errorf("for a bad key: %s", got)
	}
	for realm, want := range map[string]string{"": `Bearer realm="gatehouse"`, "shop": `Bearer realm="shop"`} {
		s := newSite(t, nil, func(o *auth.Options) { o.Realm = realm })
		for more, r := range map[string]*http.Request{"": request("GET", "/me"), `, error="invalid_token"`: bearer("gk_x")} {
			if got := s.do(r).Header().Get("WWW-Authenticate"); got != want+more {
				t.Errorf("realm %q: %q, want %q", realm, got, want+more)
			}
		}
	}
}

// A key ends when it expires, to the millisecond, and the user is not asked for.
func TestExpiry(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, &apikey.Options{InsecureNoExpiry: true})
		key := s.create("ada", apikey.NewKey{Lifetime: time.Hour})
		never := s.create("ada", apikey.NewKey{NeverExpires: true})
		s.clock.Advance(time.Hour - time.Millisecond)
		if got := s.status(key.Secret); got != 200 {
			t.Errorf("just before: %d", got)
		}
		s.clock.Advance(time.Millisecond)
		if r := s.do(bearer(key.Secret)); r.code() != "bad_credentials" {
			t.Errorf("at the end: %d %s", r.Code, r.text)
		}
		s.clock.Advance(100 * 366 * 24 * time.Hour)
		if got := s.status(never.Secret); got != 200 || !never.ExpiresAt.IsZero() {
			t.Errorf("a key without an end, much later: %d", got)
		}
		if keys := s.list("ada"); len(keys) != 1 || keys[0].ID != never.ID {
			t.Errorf("the list has %+v", keys)
		}
	})
}

// What the host says of the user holds for keys at once.
func TestUser(t *testing.T) {
	s := newSite(t, nil)
	s.users.Change("ada", func(u *authtest.User) { u.Version = "1" })
	key := s.create("ada", apikey.NewKey{}).Secret
	for _, tt := range []struct {
		name   string
		change func(u *authtest.User)
		want   int
	}{
		{"as it was", func(*authtest.User) {}, 200},
		{"disabled", func(u *authtest.User) { u.Disabled = true }, 401},
		{"enabled", func(u *authtest.User) { u.Disabled = false }, 200},
		{"another version", func(u *authtest.User) { u.Version = "2" }, 401},
		{"no version", func(u *authtest.User) { u.Version = "" }, 401},
		{"the old version", func(u *authtest.User) { u.Version = "1" }, 200},
	} {
		s.users.Change("ada", tt.change)
		if got := s.status(key); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	if err := s.users.DeleteUser(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if got := s.status(key); got != 401 {
		t.Errorf("deleted: %d", got)
	}
	s.users.Fail(errors.New("down"))
	if got := s.status(key); got != 503 {
		t.Errorf("the users cannot be loaded: %d", got)
	}
}

// Keys outlive what ends logins: a changed password, logging out everywhere, a new
// epoch.
func TestWhatDoesNotEndKeys(t *testing.T) {
	store := memory.New(nil)
	s := newSiteOn(t, store, nil)
	key := s.create("ada", apikey.NewKey{}).Secret
	if err := s.m.ChangeCredentials(t.Context(), "ada", auth.Change{New: &auth.Credential{Kind: "password", Key: "ada", UserID: "ada"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.m.RevokeUserSessions(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if got := s.status(key); got != 200 {
		t.Errorf("after a new password and logging out everywhere: %d", got)
	}
	s = newSiteOn(t, store, nil, func(o *auth.Options) { o.Epoch = "2" })
	if got := s.status(key); got != 200 {
		t.Errorf("in another epoch: %d", got)
	}
}

// A key of one realm is nobody in another on the same store, whatever the store
// would find.
func TestRealms(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		in := func(realm string) *site {
			return newSiteOn(t, store, nil, func(o *auth.Options) { o.Realm = realm })
		}
		a, b, none := in("a"), in("b"), in("")
		for _, from := range []*site{a, b, none} {
			made := from.create("ada", apikey.NewKey{})
			for _, to := range []*site{a, b, none} {
				want := 401
				if from == to {
					want = 200
				}
				if got := to.status(made.Secret); got != want {
					t.Errorf("a key of realm %q in %q: %d, want %d", from.m.Realm(), to.m.Realm(), got, want)
				}
				if to == from {
					continue
				}
				// Even if it were found there.
				c, err := from.m.Store().LoadCredential(t.Context(), "apikey", made.ID)
				if err != nil {
					t.Fatal(err)
				}
				if err := to.m.Store().ChangeCredentials(t.Context(), auth.Change{New: &c}); err != nil {
					t.Fatal(err)
				}
				if got := to.status(made.Secret); got != 401 {
					t.Errorf("a key of realm %q copied into %q: %d", from.m.Realm(), to.m.Realm(), got)
				}
				if err := to.keys.Revoke(t.Context(), "ada", made.ID); err != nil {
					t.Fatal(err)
				}
			}
			if got := from.status(made.Secret); got != 200 {
				t.Errorf("the key of realm %q afterwards: %d", from.m.Realm(), got)
			}
		}
	})
}

// Another kind of secret is no key, and a key is no other kind of secret.
func TestOtherSecrets(t *testing.T) {
	s := newSite(t, &apikey.Options{Header: "X-API-Key"})
	key := s.create("ada", apikey.NewKey{}).Secret
	sid := s.logIn("ada")
	for _, text := range []string{sid.Value, "gk_" + sid.Value} {
		if r := s.do(request("GET", "/me", "X-API-Key", text)); r.code() != "bad_credentials" {
			t.Errorf("a session's token as a key: %d %s", r.Code, r.text)
		}
	}
	for _, name := range []string{sid.Name, "__Host-remember", "__Host-login"} {
		r := request("GET", "/me")
		r.AddCookie(&http.Cookie{Name: name, Value: key})
		if r := s.do(r); r.Code != 401 {
			t.Errorf("a key as the cookie %s: %d", name, r.Code)
		}
	}
}

// A digest that is stored belongs to its ID, and a key whose row says otherwise is
// nobody's.
func TestForgedRows(t *testing.T) {
	s := newSite(t, nil)
	mine, other := s.create("ada", apikey.NewKey{}), s.create("bob", apikey.NewKey{})
	row := func(id string) *auth.Credential {
		c, err := s.m.Store().LoadCredential(t.Context(), "apikey", id)
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
	swapped := *row(other.ID)
	swapped.Data = row(mine.ID).Data
	if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: row(other.ID), New: &swapped}); err != nil {
		t.Fatal(err)
	}
	if got := s.status(other.Secret); got != 401 {
		t.Errorf("with another's digest: %d", got)
	}
	for i := range 32 {
		was, wrong := row(mine.ID), *row(mine.ID)
		wrong.Data = slices.Clone(was.Data)
		wrong.Data[1+i] ^= 1
		if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: was, New: &wrong}); err != nil {
			t.Fatal(err)
		}
		if got := s.status(mine.Secret); got != 401 {
			t.Errorf("byte %d of the digest is another: %d", i, got)
		}
		if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: row(mine.ID), New: was}); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.status(mine.Secret); got != 200 {
		t.Errorf("the digest as it was: %d", got)
	}
	broken := *row(mine.ID)
	broken.Data = append([]byte{9}, broken.Data[1:]...)
	if err := s.m.Store().ChangeCredentials(t.Context(), auth.Change{Old: row(mine.ID), New: &broken}); err != nil {
		t.Fatal(err)
	}
	if r := s.do(bearer(mine.Secret)); r.Code != 503 {
		t.Errorf("an encoding of the future: %d %s", r.Code, r.text)
	}
}

// An unknown ID takes the same steps as a wrong secret.
func TestSameSteps(t *testing.T) {
	s := newSite(t, nil)
	key := s.create("ada", apikey.NewKey{})
	gone := s.create("ada", apikey.NewKey{})
	if err := s.keys.Revoke(t.Context(), "ada", gone.ID); err != nil {
		t.Fatal(err)
	}
	wrong := swapSecret(t, s, key, gone)
	s.store.Reset()
	answers := map[string]string{}
	for name, k := range map[string]string{"unknown": gone.Secret, "wrong": wrong} {
		r := s.do(bearer(k))
		answers[name] = strings.Join(s.store.Calls(), " ") + r.text
		s.store.Reset()
		if r.Code != 401 {
			t.Errorf("%s: %d", name, r.Code)
		}
	}
	if answers["unknown"] != answers["wrong"] || !strings.HasPrefix(answers["wrong"], "LoadCredential{") {
		t.Errorf("%q", answers)
	}
}

// swapSecret returns a key with the ID of one and a secret that is not its own, but
// well formed: another site's of the same ID.
func swapSecret(t *testing.T, s *site, id, secret apikey.Created) string {
	t.Helper()
	text := "gk_" + id.ID + secret.Secret[len("gk_"+id.ID):]
	sealed := apikey.Reseal(text)
	if _, err := s.load(sealed); !errors.Is(err, auth.ErrBadCredentials) || !strings.Contains(err.Error(), "no such") {
		t.Fatalf("%s: %v", sealed, err)
	}
	return sealed
}

// When the store is down, a key is neither wrong nor right.
func TestOutage(t *testing.T) {
	down := errors.New("down")
	for _, err := range []error{down, errors.Join(down, auth.ErrNoCredentials), errors.Join(down, auth.ErrBadCredentials), errors.Join(down, auth.ErrForbidden)} {
		s := newSite(t, nil)
		key := s.create("ada", apikey.NewKey{}).Secret
		s.store.FailVerb("LoadCredential", err)
		if r := s.do(bearer(key)); r.Code != 503 || strings.Contains(r.text, "down") {
			t.Errorf("%v: %d %s", err, r.Code, r.text)
		}
		if r := s.client("bob").send(bearer(key)); r.Code != 503 {
			t.Errorf("%v, with a session: %d %s", err, r.Code, r.text)
		}
		s.store.Reset()
		if got := s.status(key); got != 200 {
			t.Errorf("%v, afterwards: %d", err, got)
		}
	}
}

// That a key was used is written down at most once a minute.
func TestLastUsed(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		made := s.create("ada", apikey.NewKey{})
		used := func() time.Time { return s.list("ada")[0].UsedAt }
		if !used().IsZero() {
			t.Errorf("a new key was used at %v", used())
		}
		for _, step := range []struct {
			after  time.Duration
			writes int
		}{{0, 1}, {0, 0}, {time.Minute - time.Millisecond, 0}, {time.Millisecond, 1}, {-time.Hour, 0}, {25 * time.Hour, 1}} {
			s.clock.Advance(step.after)
			before := used()
			s.store.Reset()
			for range 3 {
				if got := s.status(made.Secret); got != 200 {
					t.Fatalf("%d", got)
				}
			}
			if n := s.store.Called("ChangeCredentials"); n != step.writes {
				t.Errorf("after %v: written %d times, want %d", step.after, n, step.writes)
			}
			want := before
			if step.writes > 0 {
				want = s.clock.Now()
			}
			if !used().Equal(want) {
				t.Errorf("after %v: used at %v, want %v", step.after, used(), want)
			}
		}
		if got := s.list("ada")[0]; got.Name != made.Name || !got.CreatedAt.Equal(made.CreatedAt) || !got.ExpiresAt.Equal(made.ExpiresAt) {
			t.Errorf("using a key has changed it: %+v", got)
		}
	})
}

// A last use that cannot be written down is no reason to refuse, and none to be
// silent.
func TestLastUsedFails(t *testing.T) {
	s := newSite(t, nil)
	key := s.create("ada", apikey.NewKey{}).Secret
	s.store.FailVerb("ChangeCredentials", errors.New("disk full"))
	if got := s.status(key); got != 200 || !strings.Contains(s.log.String(), "disk full") {
		t.Errorf("%d, log:\n%s", got, s.log)
	}

	s = newSite(t, nil)
	key = s.create("ada", apikey.NewKey{}).Secret
	s.store.FailVerb("ChangeCredentials", auth.ErrConflict)
	if got := s.status(key); got != 200 || strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("somebody else was quicker: %d, log:\n%s", got, s.log)
	}

	s = newSite(t, nil)
	key = s.create("ada", apikey.NewKey{}).Secret
	s.store.FailVerb("ChangeCredentials", auth.ErrNotFound)
	if r := s.do(bearer(key)); r.code() != "bad_credentials" {
		t.Errorf("revoked in between: %d %s", r.Code, r.text)
	}

	// Who has gone has not made anything fail.
	s = newSite(t, nil)
	key = s.create("ada", apikey.NewKey{}).Secret
	ctx, cancel := context.WithCancel(t.Context())
	s.store.Meet("ChangeCredentials", 2)
	done := make(chan error)
	go func() {
		_, err := s.keys.LoadRequest(bearer(key).WithContext(ctx))
		done <- err
	}()
	for s.store.Called("ChangeCredentials") < 2 { // that of Create is one
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil || strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("the client has gone: %v, log:\n%s", err, s.log)
	}
}

// A key on an unsafe request from another site is right: browsers do not send it by
// themselves. On Gatehouse's own routes it is of no use.
func TestCrossSite(t *testing.T) {
	s := newSite(t, nil)
	key := s.create("ada", apikey.NewKey{}).Secret
	for path, want := range map[string]int{"/me": 200, "/auth/keys": 403} {
		r := request("POST", path, "Authorization", "Bearer "+key, "Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site")
		if r := s.do(r); r.Code != want {
			t.Errorf("%s: %d %s, want %d", path, r.Code, r.text, want)
		}
	}
}

// A loader that is in no Manager is broken, and lets nobody in.
func TestNotMounted(t *testing.T) {
	_, err := apikey.New(nil).LoadRequest(bearer("gk_x"))
	if err == nil || errors.Is(err, auth.ErrNoCredentials) || errors.Is(err, auth.ErrBadCredentials) || !strings.Contains(err.Error(), "Providers") {
		t.Errorf("%v", err)
	}
}

// discard is a log that nobody reads.
var discard = slog.New(slog.DiscardHandler)
