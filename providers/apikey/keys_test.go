package apikey_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
)

func TestCreate(t *testing.T) {
	day := 24 * time.Hour
	for _, tt := range []struct {
		name string
		opts apikey.Options
		new  apikey.NewKey
		want string        // the code of the problem and its field
		life time.Duration // of the key, 0: without end
	}{
		{"a name", apikey.Options{}, apikey.NewKey{Name: "deploy"}, "", 90 * day},
		{"spaces around it", apikey.Options{}, apikey.NewKey{Name: " deploy\n"}, "", 90 * day},
		{"60 characters", apikey.Options{}, apikey.NewKey{Name: strings.Repeat("\U0001f511", 60)}, "", 90 * day},
		{"61 characters", apikey.Options{}, apikey.NewKey{Name: strings.Repeat("a", 61)}, "invalid_field name", 0},
		{"no name", apikey.Options{}, apikey.NewKey{}, "invalid_field name", 0},
		{"spaces for a name", apikey.Options{}, apikey.NewKey{Name: " \t "}, "invalid_field name", 0},
		{"control characters", apikey.Options{}, apikey.NewKey{Name: "a\nb"}, "invalid_field name", 0},
		{"NUL", apikey.Options{}, apikey.NewKey{Name: "a\x00b"}, "invalid_field name", 0},
		{"no UTF-8", apikey.Options{}, apikey.NewKey{Name: "a\xff"}, "invalid_field name", 0},

		{"a lifetime", apikey.Options{}, apikey.NewKey{Name: "x", Lifetime: time.Hour}, "", time.Hour},
		{"the longest", apikey.Options{}, apikey.NewKey{Name: "x", Lifetime: 366 * day}, "", 366 * day},
		{"too long", apikey.Options{}, apikey.NewKey{Name: "x", Lifetime: 366*day + 1}, "invalid_field days", 0},
		{"negative", apikey.Options{}, apikey.NewKey{Name: "x", Lifetime: -1}, "invalid_field days", 0},
		{"the host's", apikey.Options{Lifetime: 7 * day}, apikey.NewKey{Name: "x"}, "", 7 * day},
		{"the host's longest", apikey.Options{MaxLifetime: 30 * day}, apikey.NewKey{Name: "x"}, "", 30 * day},
		{"longer than the host's", apikey.Options{MaxLifetime: 30 * day}, apikey.NewKey{Name: "x", Lifetime: 31 * day}, "invalid_field days", 0},
		{"never", apikey.Options{}, apikey.NewKey{Name: "x", NeverExpires: true}, "invalid_field days", 0},
		{"never, as the host allows", apikey.Options{InsecureNoExpiry: true}, apikey.NewKey{Name: "x", NeverExpires: true}, "", 0},
		{"the default, where never is allowed", apikey.Options{InsecureNoExpiry: true}, apikey.NewKey{Name: "x"}, "", 90 * day},
		{"never and a lifetime", apikey.Options{InsecureNoExpiry: true}, apikey.NewKey{Name: "x", NeverExpires: true, Lifetime: day}, "invalid_field days", 0},

		{"an unknown scope", apikey.Options{Scopes: scopes()}, apikey.NewKey{Name: "x", Scopes: []string{"admin", "root"}}, "invalid_field scopes", 0},
		{"an empty scope", apikey.Options{Scopes: scopes()}, apikey.NewKey{Name: "x", Scopes: []string{""}}, "invalid_field scopes", 0},
		{"part of a scope", apikey.Options{Scopes: scopes()}, apikey.NewKey{Name: "x", Scopes: []string{"orders"}}, "invalid_field scopes", 0},
		{"a scope where there are none", apikey.Options{}, apikey.NewKey{Name: "x", Scopes: []string{"admin"}}, "invalid_field scopes", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, &tt.opts)
			made, err := s.keys.Create(t.Context(), "ada", tt.new)
			if codeOf(err) != tt.want {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if err != nil {
				if n := len(s.list("ada")); n != 0 || made.Secret != "" {
					t.Errorf("refused, and there are %d keys, %+v", n, made)
				}
				return
			}
			want := time.Time{}
			if tt.life != 0 {
				want = t0.Add(tt.life)
			}
			if made.Name != strings.TrimSpace(tt.new.Name) || !made.ExpiresAt.Equal(want) || !made.CreatedAt.Equal(t0) || made.Prefix != "gk_"+made.ID {
				t.Errorf("made %+v, want it to expire at %v", made.Key, want)
			}
			if id, err := s.load(made.Secret); err != nil || id.UserID != "ada" {
				t.Errorf("the key is %+v, %v", id, err)
			}
		})
	}
	s := newSite(t, nil)
	if _, err := s.keys.Create(t.Context(), "eve", apikey.NewKey{Name: "x"}); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("for nobody: %v", err)
	}
	s.users.Fail(errors.New("down"))
	if _, err := s.keys.Create(t.Context(), "ada", apikey.NewKey{Name: "x"}); err == nil || errors.Is(err, auth.ErrNotFound) {
		t.Errorf("when the users cannot be loaded: %v", err)
	}
}

// Only the user's own keys are theirs, and an ID of another's is an unknown one.
func TestOwnKeysOnly(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		ctx := t.Context()
		mine, hers := s.create("bob", apikey.NewKey{Name: "mine"}), s.create("ada", apikey.NewKey{Name: "hers"})
		for name, f := range map[string]func(id string) error{
			"Rename": func(id string) error { return s.keys.Rename(ctx, "bob", id, "stolen") },
			"Revoke": func(id string) error { return s.keys.Revoke(ctx, "bob", id) },
		} {
			texts := map[string]bool{}
			for _, id := range []string{hers.ID, strings.Repeat("0", 17), "", "\x00", strings.Repeat("x", 1000), "ada", hers.Prefix, hers.Secret} {
				err := f(id)
				if codeOf(err) != "not_found" || !errors.Is(err, auth.ErrNotFound) {
					t.Errorf("%s of %.30q: %v", name, id, err)
				}
				texts[err.Error()] = true
			}
			if len(texts) != 1 {
				t.Errorf("%s tells another's from none: %v", name, texts)
			}
		}
		if keys := s.list("ada"); len(keys) != 1 || keys[0].Name != "hers" || s.status(hers.Secret) != 200 {
			t.Errorf("ada has %+v", keys)
		}
		if keys := s.list("bob"); len(keys) != 1 || keys[0].ID != mine.ID {
			t.Errorf("bob has %+v", keys)
		}
		if len(s.events.Named("key.revoked")) != 0 {
			t.Error("told of a key that was not revoked")
		}
	})
}

func TestRenameAndRevoke(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		ctx := t.Context()
		first := s.create("ada", apikey.NewKey{Name: "first"})
		s.clock.Advance(time.Hour)
		second := s.create("ada", apikey.NewKey{Name: "second"})
		if keys := s.list("ada"); len(keys) != 2 || keys[0].ID != second.ID || keys[1].ID != first.ID {
			t.Errorf("the list is %+v", keys)
		}
		if err := s.keys.Rename(ctx, "ada", first.ID, " other "); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", "a\nb", strings.Repeat("a", 61)} {
			if err := s.keys.Rename(ctx, "ada", first.ID, name); codeOf(err) != "invalid_field name" {
				t.Errorf("Rename to %q: %v", name, err)
			}
		}
		if got := s.list("ada")[1]; got.Name != "other" || !got.ExpiresAt.Equal(first.ExpiresAt) || s.status(first.Secret) != 200 {
			t.Errorf("renamed: %+v", got)
		}
		if err := s.keys.Revoke(ctx, "ada", first.ID); err != nil {
			t.Fatal(err)
		}
		if got := s.status(first.Secret); got != 401 {
			t.Errorf("revoked, and answered %d", got)
		}
		if err := s.keys.Revoke(ctx, "ada", first.ID); codeOf(err) != "not_found" {
			t.Errorf("revoked again: %v", err)
		}
		if got := s.status(second.Secret); got != 200 {
			t.Errorf("the other key: %d", got)
		}
		if keys := s.list("ada"); len(keys) != 1 || keys[0].ID != second.ID {
			t.Errorf("the list is %+v", keys)
		}
	})
}

// The limit counts what lives, and making a key tidies up what does not.
func TestPerUser(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, &apikey.Options{PerUser: 3})
		ctx := t.Context()
		full := func() {
			t.Helper()
			if _, err := s.keys.Create(ctx, "ada", apikey.NewKey{Name: "one more"}); codeOf(err) != "too_many_keys" {
				t.Errorf("one too many: %v", err)
			}
		}
		made := []apikey.Created{s.create("ada", apikey.NewKey{Lifetime: time.Hour}), s.create("ada", apikey.NewKey{Lifetime: time.Hour}), s.create("ada", apikey.NewKey{})}
		full()
		s.create("bob", apikey.NewKey{})
		if err := s.keys.Revoke(ctx, "ada", made[2].ID); err != nil {
			t.Fatal(err)
		}
		s.create("ada", apikey.NewKey{})
		full()
		s.clock.Advance(time.Hour)
		s.create("ada", apikey.NewKey{})
		s.create("ada", apikey.NewKey{})
		full()
		held, err := s.m.Store().UserCredentials(ctx, "ada", "apikey")
		if err != nil || len(held) != 3 {
			t.Errorf("%d rows are left, %v", len(held), err)
		}
		if s.status(made[0].Secret) != 401 {
			t.Error("an expired key is let in")
		}
	})
}

func TestDefaultPerUser(t *testing.T) {
	s := newSite(t, nil)
	for range 50 {
		s.create("ada", apikey.NewKey{})
	}
	if _, err := s.keys.Create(t.Context(), "ada", apikey.NewKey{Name: "x"}); codeOf(err) != "too_many_keys" {
		t.Errorf("the 51st: %v", err)
	}
}

// Nothing here ends a session, or forgets a browser: nobody can log in with a key.
func TestSessionsStay(t *testing.T) {
	s := newSite(t, nil)
	browser := s.client("ada")
	made := s.create("ada", apikey.NewKey{})
	if err := s.keys.Rename(t.Context(), "ada", made.ID, "x"); err != nil {
		t.Fatal(err)
	}
	if err := s.keys.Revoke(t.Context(), "ada", made.ID); err != nil {
		t.Fatal(err)
	}
	if r := browser.get("/me"); r.Code != 200 {
		t.Errorf("the session is gone: %d", r.Code)
	}
	if e := s.events.Named("credential.changed"); len(e) != 0 {
		t.Errorf("events %+v", e)
	}
}

// Keys are no way to log in: neither shown among those, nor taken for the last.
func TestNoWayIn(t *testing.T) {
	s := newSite(t, nil)
	s.create("ada", apikey.NewKey{})
	r := s.client("ada").get("/auth/account")
	if r.Code != 200 || strings.Contains(r.text, "apikey") {
		t.Errorf("the account: %d %s", r.Code, r.text)
	}
	only := auth.Credential{Kind: "apikey", Key: "x", UserID: "bob"}
	if err := s.m.ChangeCredentials(t.Context(), "bob", auth.Change{New: &only}); err != nil {
		t.Fatal(err)
	}
	if err := s.m.LogIn(nil, request("GET", "/"), "bob", auth.Proof{Method: "apikey", At: t0, Kind: "apikey", Key: "no such key"}); err == nil {
		t.Error("a proof by a key that is not there is a login")
	}
}

// What a key asks for through a host's own code is refused as well.
func TestKeyCannotManageKeys(t *testing.T) {
	s := newSite(t, nil)
	made := s.create("ada", apikey.NewKey{})
	inside := func(r *http.Request, f func(ctx context.Context)) {
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(r.Context()) })).ServeHTTP(nil, r)
	}
	calls := func(ctx context.Context) map[string]error {
		_, err := s.keys.Create(ctx, "ada", apikey.NewKey{Name: "x"})
		return map[string]error{
			"Create": err,
			"Rename": s.keys.Rename(ctx, "ada", made.ID, "x"),
			"Revoke": s.keys.Revoke(ctx, "ada", made.ID),
		}
	}
	for what, tt := range map[string]struct {
		r    *http.Request
		want error
	}{
		"a key":     {bearer(made.Secret), auth.ErrForbidden},
		"a bad key": {bearer("gk_x"), auth.ErrBadCredentials},
	} {
		inside(tt.r, func(ctx context.Context) {
			for call, err := range calls(ctx) {
				if !errors.Is(err, tt.want) {
					t.Errorf("%s of %s: %v, want %v", call, what, err, tt.want)
				}
			}
			if _, err := s.keys.List(ctx, "ada"); err != nil {
				t.Errorf("List of %s: %v", what, err)
			}
		})
	}
	if keys := s.list("ada"); len(keys) != 1 || keys[0].Name != "a key" {
		t.Errorf("ada has %+v", keys)
	}
	inside(bearer(made.Secret), func(ctx context.Context) {
		ctx = auth.WithIdentity(ctx, &auth.Identity{User: authtest.User{ID: "bob"}, Credential: &auth.Credential{Kind: "certificate"}})
		for call, err := range calls(ctx) {
			if codeOf(err) == "forbidden" {
				t.Errorf("%s for somebody who is known otherwise: %v", call, err)
			}
		}
	})
}

// Events name the key, and who acts.
func TestEvents(t *testing.T) {
	s := newSite(t, nil)
	made := s.create("ada", apikey.NewKey{Name: "deploy"})
	if err := s.keys.Revoke(t.Context(), "ada", made.ID); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"key.created", "key.revoked"} {
		e := s.events.Named(name)
		if len(e) != 1 || e[0].UserID != "ada" || e[0].Method != "apikey" || e[0].Reason != "deploy ("+made.Prefix+")" || !e[0].At.Equal(t0) {
			t.Errorf("%s: %+v", name, e)
		}
		if !strings.Contains(s.log.String(), "auth: "+name) {
			t.Errorf("the log has no %s", name)
		}
	}
	acting := auth.WithIdentity(t.Context(), &auth.Identity{User: authtest.User{ID: "ada"}, Actor: "root"})
	if _, err := s.keys.Create(acting, "ada", apikey.NewKey{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	if e := s.events.Named("key.created"); len(e) != 2 || e[1].Actor != "root" {
		t.Errorf("by somebody else: %+v", e)
	}
}

// A store that is down is told as such, and nothing is half done.
func TestManageOutages(t *testing.T) {
	s := newSite(t, nil)
	made := s.create("ada", apikey.NewKey{})
	down := errors.New("down")
	calls := map[string]func() error{
		"Create": func() error {
			_, err := s.keys.Create(t.Context(), "ada", apikey.NewKey{Name: "x"})
			return err
		},
		"List":   func() error { _, err := s.keys.List(t.Context(), "ada"); return err },
		"Rename": func() error { return s.keys.Rename(t.Context(), "ada", made.ID, "x") },
		"Revoke": func() error { return s.keys.Revoke(t.Context(), "ada", made.ID) },
	}
	for name, call := range calls {
		for n := 1; n <= 2 && !(name == "List" && n == 2); n++ {
			s.store.FailAt(n, down)
			if err := call(); !errors.Is(err, down) {
				t.Errorf("%s, call %d of the store: %v", name, n, err)
			}
			s.store.Reset()
		}
	}
	if keys := s.list("ada"); len(keys) != 1 || keys[0].Name != "a key" || s.status(made.Secret) != 200 {
		t.Errorf("ada has %+v", keys)
	}
	// Somebody who is always quicker.
	s.store.FailVerb("ChangeCredentials", auth.ErrConflict)
	for _, name := range []string{"Create", "Rename", "Revoke"} {
		if err := calls[name](); codeOf(err) != "conflict" {
			t.Errorf("%s, which never gets its turn: %v", name, err)
		}
	}
}
