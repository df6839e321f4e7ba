package password_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/password"
)

func TestRegisterAndLogIn(t *testing.T) {
	s := newSite(t, nil)
	c := s.client()
	r := c.json("/register", fields{"email": " Ada@Example.com ", "password": goodPassword, "name": "Ada", "next": "/me"})
	if r.Code != http.StatusCreated || r.body["user_id"] == "" || r.body["next"] != "/me" {
		t.Fatalf("register: %d %s", r.Code, r.text)
	}
	if !c.loggedIn() {
		t.Error("not logged in after registering")
	}
	if u, _ := s.users.LoadUser(t.Context(), r.body["user_id"].(string)); u == nil || u.(interface{ IsActive() bool }) == nil {
		t.Error("no user")
	}

	c = s.client()
	r = c.json("/login", fields{"email": "ada@example.com", "password": goodPassword, "next": "https://evil.example/"})
	if r.Code != http.StatusOK || r.body["next"] != "/" || !c.loggedIn() {
		t.Errorf("login: %d %s", r.Code, r.text)
	}
	c = s.client()
	r = c.form("/login", fields{"email": "ada@example.com", "password": goodPassword, "next": "/me"})
	if r.Code != http.StatusSeeOther || r.Header().Get("Location") != "/me" || !c.loggedIn() {
		t.Errorf("login by a form: %d %v", r.Code, r.Header())
	}
	r = s.client().json("/register", fields{"email": "ADA@example.com", "password": goodPassword + "!"})
	if r.Code != http.StatusConflict || r.code() != "taken" || r.body["field"] != "email" {
		t.Errorf("register again: %d %s", r.Code, r.text)
	}
}

func TestRemember(t *testing.T) {
	s := newSite(t, nil)
	s.register("ada@example.com", goodPassword)
	for _, remember := range []bool{false, true} {
		r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword, "remember": remember})
		age := 0
		for _, ck := range r.Result().Cookies() {
			if ck.Name == "__Host-remember" {
				age = ck.MaxAge
			}
		}
		if want := map[bool]int{true: 30 * 24 * 60 * 60}[remember]; age != want {
			t.Errorf("remember %v: the browser is remembered for %d seconds, want %d", remember, age, want)
		}
	}
}

// A password is verified exactly as it was set.
func TestVerbatim(t *testing.T) {
	emoji := strings.Repeat("🙂", 63)
	for _, hasher := range []password.Hasher{cheap, password.Argon2id{Memory: 64, Time: 1, InsecureFast: true}} {
		for _, tt := range []struct {
			name, password string
			wrong          []string
		}{
			{"plain", "Correct Horse Battery", []string{
				"Correct Horse Battery" + "x", "Correct Horse Batter", "correct horse battery", "CORRECT HORSE BATTERY",
				" Correct Horse Battery", "Correct Horse Battery ", "Correct Horse Battery\n", "Correct Horse Battery\x00",
				"Correct Horse Battery\x00Correct Horse Battery", "Ｃorrect Horse Battery"}},
			{"72 bytes", strings.Repeat("0123456789", 7) + "ab", []string{
				strings.Repeat("0123456789", 7) + "abJUNK", strings.Repeat("0123456789", 7) + "a", strings.Repeat("0123456789", 7) + "ab\x00"}},
			{"73 bytes", strings.Repeat("0123456789", 7) + "abc", []string{
				strings.Repeat("0123456789", 7) + "ab", strings.Repeat("0123456789", 7) + "abd", strings.Repeat("0123456789", 7) + "abcd"}},
			{"NUL inside", "correct\x00horse battery", []string{"correct", "correct\x00", "correct\x00horse batterx"}},
			{"64 emoji", emoji + "😀", []string{emoji + "😁", emoji, emoji + "😀😀"}},
			{"128 letters", strings.Repeat("xy z", 32) + "!", []string{strings.Repeat("xy z", 32) + "?", strings.Repeat("xy z", 32)}},
			{"1,024 bytes", strings.Repeat("a2 ", 341) + "!", []string{strings.Repeat("a2 ", 341) + "?", strings.Repeat("a2 ", 341) + "!!"}},
		} {
			t.Run(fmt.Sprintf("%T/%s", hasher, tt.name), func(t *testing.T) {
				s := newSite(t, &password.Options{Hasher: hasher})
				s.register("ada@example.com", tt.password)
				if _, _, err := s.provider.Verify(t.Context(), "ada@example.com", tt.password); err != nil {
					t.Fatalf("right password: %v", err)
				}
				for _, wrong := range tt.wrong {
					if _, _, err := s.provider.Verify(t.Context(), "ada@example.com", wrong); !errors.Is(err, auth.ErrBadCredentials) {
						t.Errorf("%q: %v", wrong, err)
					}
				}
			})
		}
	}
}

// The one transformation: é typed as one code point or as two is one password.
func TestNormalForm(t *testing.T) {
	nfc, nfd := "un caf\u00e9 s'il vous pla\u00eet", "un cafe\u0301 s'il vous plai\u0302t"
	for _, tt := range [][2]string{{nfc, nfd}, {nfd, nfc}} {
		s := newSite(t, nil)
		s.register("ada@example.com", tt[0])
		if _, _, err := s.provider.Verify(t.Context(), "ada@example.com", tt[1]); err != nil {
			t.Errorf("set %+q, typed %+q: %v", tt[0], tt[1], err)
		}
		if _, _, err := s.provider.Verify(t.Context(), "ada@example.com", "un cafe s'il vous plait"); err == nil {
			t.Error("accents do not count")
		}
	}
	// A ligature is not its letters: that would be NFKC.
	s := newSite(t, nil)
	s.register("ada@example.com", "a di\ufb03cult password")
	if _, _, err := s.provider.Verify(t.Context(), "ada@example.com", "a difficult password"); err == nil {
		t.Error("NFKC was applied")
	}
}

// Unknown, wrong, disabled, without password and over-long are one sequence of
// calls and one answer.
func TestRefusalsAlike(t *testing.T) {
	for _, mode := range []password.Login{password.ByEmail, password.ByUsername, password.ByEither} {
		rec := &recorder{}
		s := newSite(t, &password.Options{Login: mode, Hasher: spyHasher{cheap, rec}}, tenFree)
		rec.intercept(func(call string) error { return s.store.record(call) })
		names := map[string]string{}
		for _, who := range []string{"ada", "dora", "nopass"} {
			id, err := s.provider.Register(t.Context(), auth.Profile{Email: who + "@example.com", Username: who}, goodPassword)
			if err != nil {
				t.Fatal(err)
			}
			names[who] = id
		}
		if err := s.users.SetDisabled(t.Context(), names["dora"], true); err != nil {
			t.Fatal(err)
		}
		c := s.stored(names["nopass"])
		if err := s.store.ChangeCredentials(t.Context(), auth.Change{Old: &c}); err != nil {
			t.Fatal(err)
		}
		field, suffix := "email", "@example.com"
		switch mode {
		case password.ByUsername:
			field, suffix = "username", ""
		case password.ByEither:
			field = "login"
		}
		// The first login of all makes the dummy.
		s.client().json("/login", fields{field: "ada" + suffix, "password": goodPassword})

		var first []string
		var firstReply reply
		for i, tt := range []struct{ name, login, password string }{
			{"wrong", "ada" + suffix, "something else entirely"},
			{"unknown", "nobody" + suffix, goodPassword},
			{"disabled, wrong", "dora" + suffix, "something else entirely"},
			{"disabled, right", "dora" + suffix, goodPassword},
			{"without password", "nopass" + suffix, goodPassword},
			{"without password, the dummy's", "nopass" + suffix, "neither the password of anybody nor one that is too long"},
			{"null", "nopass" + suffix, "null"},
			{"over-long", "ada" + suffix, strings.Repeat("x", 2000)},
			{"very long", "ada" + suffix, strings.Repeat("e\u0301", 10000)},
			{"over-long, unknown", "nobody" + suffix, strings.Repeat("x", 2000)},
			{"73 bytes", "ada" + suffix, strings.Repeat("x", 73)},
			{"NUL", "ada" + suffix, goodPassword + "\x00"},
			{"no identifier", "ada @ b", goodPassword},
			{"control characters", "a\x00b\r\n", goodPassword},
			{"long identifier", strings.Repeat("a", 5000) + suffix, goodPassword},
		} {
			client := s.client()
			client.addr = fmt.Sprintf("198.51.100.%d", i)
			s.store.take()
			r := client.json("/login", fields{field: tt.login, "password": tt.password})
			calls := s.store.take()
			if i == 0 {
				first, firstReply = calls, r
				verifies := 0
				for _, c := range calls {
					if c == "Verify" {
						verifies++
					}
				}
				if r.Code != http.StatusUnauthorized || r.code() != "bad_credentials" || verifies != 1 {
					t.Fatalf("%v, %s: %d %s after %q", mode, tt.name, r.Code, r.text, calls)
				}
				continue
			}
			if mode == password.ByEither && !strings.Contains(tt.login, "@") {
				for j, c := range calls {
					calls[j] = strings.Replace(c, "username", "email", 1)
				}
			}
			if !reflect.DeepEqual(calls, first) {
				t.Errorf("%v, %s: calls are\n%q, those for a wrong password\n%q", mode, tt.name, calls, first)
			}
			if r.Code != firstReply.Code || r.text != firstReply.text || !reflect.DeepEqual(r.Header(), firstReply.Header()) {
				t.Errorf("%v, %s: the answer is %d %s %v, for a wrong password %d %s %v", mode, tt.name,
					r.Code, r.text, r.Header(), firstReply.Code, firstReply.text, firstReply.Header())
			}
		}
	}
}

func TestRefusedEvent(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	s.client().json("/login", fields{"email": "ada@example.com", "password": "something else"})
	if e := s.lastEvent("login.failed"); e.UserID != id || e.Method != "password" || !strings.Contains(e.Reason, "wrong password") {
		t.Errorf("event %+v", e)
	}
	s.client().json("/login", fields{"email": "eve@example.com", "password": "something else"})
	if e := s.lastEvent("login.failed"); e.UserID != "" || !strings.Contains(e.Reason, "no such user") {
		t.Errorf("event %+v", e)
	}
	if log := s.log.String(); strings.Contains(log, "something else") || strings.Contains(log, "eve@") {
		t.Errorf("the log has what was typed:\n%s", log)
	}
}

func TestFieldsNeeded(t *testing.T) {
	s := newSite(t, nil)
	for _, tt := range []struct {
		name   string
		path   string
		sent   fields
		status int
		code   string
		field  string
	}{
		{"no email", "/login", fields{"password": goodPassword}, 422, "invalid_field", "email"},
		{"blank email", "/login", fields{"email": "  ", "password": goodPassword}, 422, "invalid_field", "email"},
		{"no password", "/login", fields{"email": "ada@example.com"}, 422, "invalid_field", "password"},
		{"empty password", "/login", fields{"email": "ada@example.com", "password": ""}, 422, "invalid_field", "password"},
		{"number", "/login", fields{"email": "ada@example.com", "password": 0}, 422, "invalid_field", "password"},
		{"true is a word", "/login", fields{"email": "ada@example.com", "password": true}, 401, "bad_credentials", ""},
		{"array", "/login", fields{"email": "ada@example.com", "password": []string{goodPassword}}, 422, "invalid_field", "password"},
		{"too large", "/login", fields{"email": "ada@example.com", "password": strings.Repeat("x", 70000)}, 413, "too_large", ""},
		{"register without email", "/register", fields{"password": goodPassword}, 422, "invalid_field", "email"},
		{"register with bad email", "/register", fields{"email": "ada", "password": goodPassword}, 422, "invalid_field", "email"},
		{"register without password", "/register", fields{"email": "ada@example.com"}, 422, "invalid_field", "password"},
		{"register with short password", "/register", fields{"email": "ada@example.com", "password": "14 characters."}, 422, "password_too_short", "password"},
		{"register with common password", "/register", fields{"email": "ada@example.com", "password": "1234567890QWERTY"}, 422, "password_blocklisted", "password"},
		{"register with long password", "/register", fields{"email": "ada@example.com", "password": strings.Repeat("ab ", 400)}, 422, "password_too_long", "password"},
		{"register with control characters", "/register", fields{"email": "ada@example.com", "password": goodPassword, "name": "A\r\nBcc: x"}, 422, "invalid_field", "name"},
		{"register with long name", "/register", fields{"email": "ada@example.com", "password": goodPassword, "name": strings.Repeat("x", 101)}, 422, "invalid_field", "name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.client().json(tt.path, tt.sent)
			field, _ := r.body["field"].(string)
			if r.Code != tt.status || r.code() != tt.code || field != tt.field {
				t.Errorf("got %d %s", r.Code, r.text)
			}
		})
	}
	if creds, _ := s.store.Store.LoadCredential(t.Context(), "email", "ada@example.com"); creds.UserID != "" {
		t.Error("a refused registration has left a user")
	}
}

func TestLimit(t *testing.T) {
	rec := &recorder{}
	s := newSite(t, &password.Options{Hasher: spyHasher{cheap, rec}}, tenFree)
	s.register("ada@example.com", goodPassword)
	for _, who := range []string{"ada@example.com", "nobody@example.com"} {
		for i := range 10 {
			c := s.client()
			c.addr = fmt.Sprintf("198.51.100.%d", i)
			if r := c.json("/login", fields{"email": who, "password": "something else"}); r.Code != 401 {
				t.Fatalf("%s, guess %d: %d %s", who, i+1, r.Code, r.text)
			}
		}
		rec.take()
		wrong := s.client().json("/login", fields{"email": who, "password": "something else"})
		right := s.client().json("/login", fields{"email": who, "password": goodPassword})
		if wrong.Code != 429 || wrong.code() != "rate_limited" || wrong.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", who, wrong.Code, wrong.text)
		}
		if right.Code != wrong.Code || right.text != wrong.text {
			t.Errorf("%s: the right password is answered by %d %s", who, right.Code, right.text)
		}
		if calls := rec.take(); calls != nil {
			t.Errorf("%s: hashed while limited: %q", who, calls)
		}
	}
	s.advance(16 * time.Minute)
	if r := s.client().json("/login", fields{"email": "ada@example.com", "password": goodPassword}); r.Code != 200 {
		t.Errorf("later: %d %s", r.Code, r.text)
	}
}

// Both names of an account share their guesses.
func TestLimitByEither(t *testing.T) {
	s := newSite(t, &password.Options{Login: password.ByEither}, tenFree)
	if _, err := s.provider.Register(t.Context(), auth.Profile{Email: "ada@example.com", Username: "ada"}, goodPassword); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		c := s.client()
		c.addr = fmt.Sprintf("198.51.100.%d", i)
		r := c.json("/login", fields{"login": []string{"ada", "ADA@example.com"}[i%2], "password": "something else"})
		if want := map[bool]int{true: 401, false: 429}[i < 10]; r.Code != want {
			t.Errorf("guess %d: %d, want %d", i+1, r.Code, want)
		}
	}
	c := s.client()
	s.advance(time.Hour)
	for _, login := range []string{"ada", " Ada ", "ada@example.com"} {
		if r := c.json("/login", fields{"login": login, "password": goodPassword}); r.Code != 200 {
			t.Errorf("%q: %d %s", login, r.Code, r.text)
		}
	}
}

func TestOutage(t *testing.T) {
	s := newSite(t, nil)
	s.register("ada@example.com", goodPassword)
	for _, call := range []string{"LoadCredential email", "LoadCredential password", "Count 1m0s"} {
		s.store.intercept(func(c string) error {
			if c == call {
				return errors.New("disk on fire")
			}
			return nil
		})
		c := s.client()
		r := c.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
		if r.Code != http.StatusServiceUnavailable || strings.Contains(r.text, "fire") || len(c.cookies) > 0 {
			t.Errorf("%s: %d %s %v", call, r.Code, r.text, c.cookies)
		}
		s.store.intercept(nil)
	}
}

// The forms have what password managers look for, and show again what was sent,
// but for passwords.
func TestForms(t *testing.T) {
	s := newSite(t, nil)
	s.register("ada@example.com", goodPassword)
	for _, tt := range []struct {
		path, page string
		sent       fields
	}{
		{"/login", "login", fields{"email": "Ada <ada>", "password": "secret words", "remember": "on", "next": "/me"}},
		{"/register", "register", fields{"email": "Ada <ada>", "password": "secret words", "name": "Ada", "next": "/me"}},
	} {
		r := s.client().form(tt.path, tt.sent)
		if r.body["page"] != tt.page || r.body["next"] != "/me" || strings.Contains(r.text, "secret words") {
			t.Errorf("%s: %d %s", tt.path, r.Code, r.text)
		}
		if !strings.Contains(r.text, `Ada \u003cada\u003e`) {
			t.Errorf("%s does not show again what was sent: %s", tt.path, r.text)
		}
	}
	c := s.client()
	c.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
	for path, want := range map[string][]string{
		"/login":    nil, // already logged in: elsewhere
		"/register": {"username", "new-password"},
		"/password": {"current-password", "new-password"},
		"/confirm":  {"current-password"},
	} {
		r := c.get(path, "text/html")
		for _, w := range want {
			if !strings.Contains(r.text, `"Autocomplete":"`+w+`"`) {
				t.Errorf("GET %s has no %q: %s", path, w, r.text)
			}
		}
	}
}

func TestPageForms(t *testing.T) {
	for mode, want := range map[password.Login]string{password.ByEmail: "email", password.ByUsername: "username", password.ByEither: "login"} {
		p := password.New(&password.Options{Login: mode})
		forms := p.PageForms(nil, "login")
		if len(forms) != 1 || forms[0].Fields[0].Name != want || forms[0].Fields[0].Autocomplete != "username" {
			t.Errorf("%v: %+v", mode, forms)
		}
		if got := p.PageForms(nil, "account"); got != nil {
			t.Errorf("forms on account: %+v", got)
		}
	}
}

// Who has no password is not asked for it, unless nobody can tell. No store is
// asked about other pages.
func TestConfirmFormNeedsPassword(t *testing.T) {
	s := newSite(t, nil)
	id := s.register("ada@example.com", goodPassword)
	bare, err := s.m.CreateUser(t.Context(), auth.Profile{Email: "bob@example.com"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("the database is down")
	for _, tt := range []struct {
		who, page string
		fail      error
		reads     []string
		forms     int
	}{
		{id, "confirm", nil, []string{"LoadCredential password"}, 1},
		{bare, "confirm", nil, []string{"LoadCredential password"}, 0},
		{bare, "confirm", down, []string{"LoadCredential password"}, 1},
		{bare, "login", down, nil, 1},
		{bare, "register", down, nil, 1},
		{bare, "somebody-else's", down, nil, 0},
	} {
		u, err := s.users.LoadUser(t.Context(), tt.who)
		if err != nil {
			t.Fatal(err)
		}
		s.store.intercept(func(string) error { return tt.fail })
		s.store.take()
		ctx := auth.WithIdentity(t.Context(), &auth.Identity{User: u})
		forms := s.provider.PageForms(httptest.NewRequestWithContext(ctx, "GET", "/", nil), tt.page)
		if reads := s.store.take(); len(forms) != tt.forms || !slices.Equal(reads, tt.reads) {
			t.Errorf("%s, %v: %d forms after %q; want %d after %q", tt.page, tt.fail, len(forms), reads, tt.forms, tt.reads)
		}
	}
	s.store.intercept(nil)
	if forms := s.provider.PageForms(httptest.NewRequest("GET", "/", nil), "confirm"); len(forms) != 1 {
		t.Errorf("to nobody %d forms are offered", len(forms))
	}
}

// A hash that is cheaper than those of today does not tell that there is an
// account: a wrong password costs the dummy as well.
func TestOldHashCostsAsMuch(t *testing.T) {
	s := newSite(t, nil)
	s.register("ada@example.com", goodPassword)
	rec := &recorder{}
	s = s.reopen(&password.Options{Hasher: spyHasher{password.Bcrypt{Cost: 5, InsecureFast: true}, rec}})
	s.client().json("/login", fields{"email": "nobody@example.com", "password": "x"})
	rec.take()
	s.client().json("/login", fields{"email": "nobody@example.com", "password": "something else"})
	unknown := len(rec.take())
	s.client().json("/login", fields{"email": "ada@example.com", "password": "something else"})
	if known := len(rec.take()); unknown != 1 || known != 2 {
		t.Errorf("%d hashes were verified for an unknown user, %d for one with an old hash; want 1 and 2", unknown, known)
	}
}

// What is taken is refused before anything is hashed, and names the field.
func TestTaken(t *testing.T) {
	rec := &recorder{}
	s := newSite(t, &password.Options{Login: password.ByEither, Hasher: spyHasher{cheap, rec}})
	if _, err := s.provider.Register(t.Context(), auth.Profile{Email: "ada@example.com", Username: "ada"}, goodPassword); err != nil {
		t.Fatal(err)
	}
	rec.take()
	for field, profile := range map[string]fields{
		"email":    {"email": "Ada@example.com", "password": goodPassword},
		"username": {"email": "eve@example.com", "username": "ADA", "password": goodPassword},
	} {
		r := s.client().json("/register", profile)
		if r.Code != 409 || r.code() != "taken" || r.body["field"] != field {
			t.Errorf("%s: %d %s", field, r.Code, r.text)
		}
	}
	if calls := rec.take(); calls != nil {
		t.Errorf("hashed: %q", calls)
	}
}

// Half a login makes no browser known: whoever has the password has no bucket of
// their own for the second factor.
func TestSecondFactorIsNotGuessable(t *testing.T) {
	s := newSite(t, nil, tenFree, func(o *auth.Options) { o.Providers = append(o.Providers, &authtest.Factor{Always: true}) })
	s.register("ada@example.com", goodPassword)
	guesses := 0
	for range 20 {
		thief := s.client()
		thief.json("/login", fields{"email": "ada@example.com", "password": goodPassword})
		for range 12 {
			if thief.json("/code", fields{"code": "111111"}).Code == 401 {
				guesses++
			}
		}
	}
	if guesses != 10 {
		t.Errorf("%d guesses at the second factor in a moment; want 10", guesses)
	}
}
