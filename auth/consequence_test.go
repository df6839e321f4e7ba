package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	providersaccount "github.com/gatehouse-go/gatehouse/providers/account"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/providers/maillink"
	"github.com/gatehouse-go/gatehouse/providers/oauth"
	"github.com/gatehouse-go/gatehouse/providers/password"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// composed are the providers of the published table, and those whose keys are two.
func composed() (all []auth.Provider, keys *apikey.Provider) {
	post := mail.New("https://app.example", memory.NewOutbox(), &mail.Box{}, nil)
	keys = apikey.New(nil)
	return []auth.Provider{
		post,
		password.New(nil),
		oauth.New("https://app.example", nil, oauth.GitHub("id", "secret", nil)),
		keys,
		providersaccount.New(post, nil),
		maillink.New(post, nil),
		trust{},
	}, keys
}

// published is the table of consequences that people read: fates by event and kind. What
// prints it, and that the guide has the same, is tested where they are.
func published(t *testing.T) map[[2]string]auth.Fate {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "cmd", "gatehouse", "testdata", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(text), "\n\n")
	var rows [][]string
	for line := range strings.Lines(table) {
		rows = append(rows, strings.Split(strings.Trim(line, "| \n"), " | "))
	}
	cells, fates := map[[2]string]auth.Fate{}, map[string]auth.Fate{"kept": auth.Keep, "others": auth.DropOthers, "all": auth.DropAll}
	for _, row := range rows[2:] {
		for i, said := range row[1:] {
			fate, ok := fates[said]
			if !ok {
				t.Errorf("%s, %s is %q", row[0], rows[0][i+1], said)
			}
			cells[[2]string{row[0], rows[0][i+1]}] = fate
		}
	}
	return cells
}

// A cellSite is a host whose store is used by many of them, each with users of its own.
type cellSite struct {
	t     *testing.T
	m     *auth.Manager
	h     http.Handler
	store auth.Store
}

// cell is where one situation is made and looked at.
type cell struct {
	*cellSite
	user   string
	owner  *http.Cookie // of the session in which the change is made
	device *http.Cookie // of the browser of that session
}

func newCellSite(t *testing.T, store auth.Store, override map[string]map[string]auth.Fate) *cellSite {
	t.Helper()
	providers, keys := composed()
	m, err := auth.New(auth.UserFunc(func(_ context.Context, id string) (*account, error) { return &account{id: id}, nil }), store, &auth.Options{
		Providers:    providers,
		Loaders:      []auth.RequestLoader{keys},
		Consequences: override,
		Logger:       slog.New(slog.DiscardHandler),
		Now:          func() time.Time { return t0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &cellSite{t: t, m: m, store: store}
	s.h = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.LogIn(w, r, r.Header.Get("X-User"), auth.Proof{Method: "trust"}, auth.Remember()); err != nil {
			t.Errorf("logging in: %v", err)
			return
		}
		m.KnowBrowser(w, r)
	}))
	return s
}

// make puts a user into the situation: two sessions, each in a browser of its own that is
// known and remembered, a half-done login and another ticket, and two credentials of each
// kind.
func (s *cellSite) make(user string) *cell {
	s.t.Helper()
	c := &cell{cellSite: s, user: user}
	for i := range 2 {
		r := httptest.NewRequest("POST", "https://app.example/", nil)
		r.Header.Set("X-User", user)
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		for _, cookie := range w.Result().Cookies() {
			switch {
			case i == 0 && cookie.Name == "__Host-sid":
				c.owner = cookie
			case i == 0 && cookie.Name == "__Host-device":
				c.device = cookie
			}
		}
	}
	if c.owner == nil || c.device == nil {
		s.t.Fatal("no cookies")
	}
	for i, purpose := range []string{"login", "account.reset"} {
		s.must(s.store.PutTicket(s.t.Context(), auth.Ticket{Purpose: purpose, Key: fmt.Sprint(user, i), UserID: user, CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)}))
	}
	var held []auth.Change
	for _, kind := range s.kinds() {
		for _, which := range []string{"mine", "other"} {
			held = append(held, auth.Change{New: &auth.Credential{Kind: kind, Key: c.key(which), UserID: user, Generation: 1, Data: []byte("{}"), CreatedAt: t0}})
		}
	}
	s.must(s.store.ChangeCredentials(s.t.Context(), held...))
	return c
}

// key is that of two credentials of a kind. It is an address too: some are mailed.
func (c *cell) key(which string) string { return which + "@" + c.user + ".example" }

func (s *cellSite) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// kinds are the columns of credentials that nothing but the table ends.
func (s *cellSite) kinds() (kinds []string) {
	for _, c := range s.m.Consequences() {
		if c.Event == "password.reset" && !slices.Contains([]string{"session", "ticket", "remember", "device"}, c.Kind) {
			kinds = append(kinds, c.Kind)
		}
	}
	return kinds
}

// apply applies the event in the owner's session, with a change to one credential of the
// kind, if it is one of credentials.
func (c *cell) apply(event, kind string) error {
	var changes []auth.Change
	if slices.Contains(c.kinds(), kind) {
		held, err := c.store.LoadCredential(c.t.Context(), kind, c.key("mine"))
		c.must(err)
		next := held
		next.Generation++
		changes = append(changes, auth.Change{Old: &held, New: &next})
	}
	r := httptest.NewRequest("POST", "https://app.example/", nil)
	r.AddCookie(c.owner)
	r.AddCookie(c.device)
	var err error
	c.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		err = c.m.Apply(r.Context(), c.user, event, changes...)
	})).ServeHTTP(httptest.NewRecorder(), r)
	return err
}

// left returns what is left of a column: "", "mine", "other", or "mine other".
func (c *cell) left(kind string) string {
	c.t.Helper()
	ctx := c.t.Context()
	switch kind {
	case "ticket":
		n := 0
		for i, purpose := range []string{"login", "account.reset"} {
			if _, err := c.store.LoadTicket(ctx, purpose, fmt.Sprint(c.user, i)); err == nil {
				n++
			}
		}
		return []string{"", "one of them", "mine other"}[n]
	case "session":
		all, err := c.store.UserSessions(ctx, c.user)
		c.must(err)
		r := httptest.NewRequest("GET", "https://app.example/", nil)
		r.AddCookie(c.owner)
		mine := false
		c.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := c.m.IdentityFrom(r.Context())
			mine = err == nil
		})).ServeHTTP(httptest.NewRecorder(), r)
		return mineAndOther(len(all), mine)
	case "device":
		all, err := c.store.UserCredentials(ctx, c.user, kind)
		c.must(err)
		// That of the owner's browser is still known if a login there adds none.
		r := httptest.NewRequest("POST", "https://app.example/", nil)
		r.AddCookie(c.device)
		r.Header.Set("X-User", c.user)
		c.h.ServeHTTP(httptest.NewRecorder(), r)
		after, err := c.store.UserCredentials(ctx, c.user, kind)
		c.must(err)
		return mineAndOther(len(all), len(after) == len(all))
	case "remember":
		all, err := c.store.UserCredentials(ctx, c.user, kind)
		c.must(err)
		mine := false // its token is good no more, but the session hangs on it
		for _, held := range all {
			mine = mine || strings.Contains(string(held.Data), "retired") || len(all) == 2
		}
		return mineAndOther(len(all), mine)
	}
	all, err := c.store.UserCredentials(ctx, c.user, kind)
	c.must(err)
	var names []string
	for _, held := range all {
		name, _, _ := strings.Cut(held.Key, "@")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func mineAndOther(n int, mine bool) string {
	switch {
	case n == 0:
		return ""
	case n == 2 && mine:
		return "mine other"
	case n == 1 && mine:
		return "mine"
	}
	return fmt.Sprintf("%d, the owner's among them: %v", n, mine)
}

// Every cell of the published table does what it says there, and what a host may have it
// say. There is no other cell but those of the test's own provider.
func TestEveryCell(t *testing.T) {
	says := published(t)
	if len(says) < 100 {
		t.Fatalf("%d cells are published", len(says))
	}
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		declared := newCellSite(t, store, nil)
		table := declared.m.Consequences()
		n, tried := 0, map[[2]string]bool{}
		for _, c := range table {
			at := [2]string{c.Event, c.Kind}
			if fate, ok := says[at]; ok {
				c.Fate, tried[at] = fate, true
			} else if c.Kind != "key" {
				t.Errorf("%s, %s is not published", c.Event, c.Kind)
			}
			for _, fate := range []auth.Fate{-1, auth.Keep, auth.DropOthers, auth.DropAll} {
				s, is := declared, c.Fate
				if fate >= 0 {
					row := map[string]auth.Fate{c.Kind: fate}
					if c.Kind == "remember" && fate != auth.DropAll {
						row["session"] = auth.DropOthers // a session has the say over what it hangs on
					}
					s, is = newCellSite(t, store, map[string]map[string]auth.Fate{c.Event: row}), fate
				}
				n++
				on := s.make(fmt.Sprint("user", n))
				if err := on.apply(c.Event, c.Kind); err != nil {
					t.Fatalf("%s, %s, %v: %v", c.Event, c.Kind, is, err)
				}
				want := map[auth.Fate]string{auth.Keep: "mine other", auth.DropOthers: "mine", auth.DropAll: ""}[is]
				if c.Kind == "ticket" && is == auth.DropOthers {
					want = "" // no change is about one
				}
				if got := on.left(c.Kind); got != want {
					t.Errorf("%s, %s, %v (declared %v): left is %q, want %q", c.Event, c.Kind, is, c.Declared, got, want)
				}
			}
		}
		for at := range says {
			if !tried[at] {
				t.Errorf("%s, %s is published, and was not tried", at[0], at[1])
			}
		}
		t.Logf("%d situations of %d cells", n, len(table))
	})
}

// A user's consequences are theirs alone.
func TestConsequencesForNobodyElse(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newCellSite(t, store, nil)
		ada, bob := s.make("ada"), s.make("bob")
		if err := ada.apply("account.disowned", "session"); err != nil {
			t.Fatal(err)
		}
		for _, kind := range append(s.kinds(), "session", "ticket", "remember", "device") {
			if got := bob.left(kind); got != "mine other" {
				t.Errorf("of bob's %s there is left %q", kind, got)
			}
		}
	})
}

// What is no cell is reported by New, all at once, naming the field and what to do.
func TestConsequencesAreChecked(t *testing.T) {
	_, err := auth.New(auth.UserFunc((&accounts{}).byID), memory.New(nil), &auth.Options{
		Prefix: "auth",
		Providers: []auth.Provider{trust{}, named{name: "pin", kinds: []auth.Kind{
			{Name: "pin", Role: auth.FirstFactor, Consequences: map[string]auth.Fate{"pin.lost": auth.DropAll, "pin.found": 7, "": auth.Keep}},
			{Name: "session", Role: auth.Token}}}},
		Consequences: map[string]map[string]auth.Fate{
			"password.rest":  {"password": auth.DropAll},
			"password.reset": {"pasword": auth.DropAll, "pin": auth.Fate(3), "key": -1},
			"pin.lost":       {"session": auth.Keep, "nothing": auth.Keep},
		},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{
		`Options.Prefix is "auth"`,
		`provider "pin", kind "pin": Consequences["pin.found"] is Fate(7): name an event, and make it Keep, DropOthers or DropAll`,
		`provider "pin", kind "pin": Consequences[""] is kept: name an event`,
		`credentials of kind "session" are owned by both auth and pin`,
		`Options.Consequences["password.rest"]: there is no such event: use one of account.closed, account.disowned, account.reclaimed, credential.added,`,
		`Options.Consequences["password.reset"]["pasword"]: no provider owns credentials of this kind: use one of device, email, key, pin,`,
		`Options.Consequences["password.reset"]["pin"] is Fate(3): make it Keep, DropOthers or DropAll`,
		`Options.Consequences["password.reset"]["key"] is Fate(-1)`,
		`Options.Consequences["pin.lost"]["nothing"]`,
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("nothing of %q in\n%v", part, err)
		}
	}
	if strings.Contains(err.Error(), `["session"]:`) {
		t.Errorf("a good cell is reported:\n%v", err)
	}
}

// An event of a provider's own ends what a change does of which no more is known; so does
// one that nobody has declared.
func TestConsequencesOfUnknownEvents(t *testing.T) {
	s := newSite(t, func(o *auth.Options) {
		o.Providers = append(o.Providers, named{name: "pin", kinds: []auth.Kind{{Name: "pin", Role: auth.SecondFactor,
			Consequences: map[string]auth.Fate{"pin.lost": auth.DropAll}}}})
	})
	ctx := t.Context()
	for event, left := range map[string]int{"pin.lost": 0, "pin.whatever": 1} {
		pin := auth.Credential{Kind: "pin", Key: event, UserID: "ada"}
		if err := s.store.ChangeCredentials(ctx, auth.Change{New: &pin}); err != nil {
			t.Fatal(err)
		}
		ada := s.visitor().logIn("ada")
		*s.events = nil
		if err := s.m.Apply(ctx, "ada", event); err != nil {
			t.Fatal(err)
		}
		held, err := s.store.UserCredentials(ctx, "ada", "pin")
		if err != nil || len(held) != left {
			t.Errorf("%s leaves %v, %v", event, held, err)
		}
		if got := ada.who(); got != "nobody" {
			t.Errorf("after %s who was logged in is %s", event, got)
		}
		if got := s.named(event); len(got) != 1 || got[0].UserID != "ada" {
			t.Errorf("told: %+v", *s.events)
		}
	}
}

// Nothing that somebody could log in with, or act as the user, outlives that the account is
// somebody else's because its owner forgot to say so. What the change is about does, and
// what the owner says is kept.
func TestReclaimedDropsWhatNobodyHasDeclared(t *testing.T) {
	kept := map[string]auth.Fate{"account.reclaimed": auth.Keep}
	s := newSite(t, func(o *auth.Options) {
		o.Providers = append(o.Providers, named{name: "more", kinds: []auth.Kind{
			{Name: "passkey", Role: auth.FirstFactor}, {Name: "pin", Role: auth.SecondFactor}, {Name: "bot", Role: auth.Token},
			{Name: "trusted", Role: auth.Device},
			{Name: "receipt", Role: auth.Token, Consequences: kept}, {Name: "nickname", Role: auth.Identifier}}})
	})
	ctx := t.Context()
	for _, kind := range []string{"passkey", "pin", "bot", "trusted", "receipt", "nickname"} {
		if err := s.store.ChangeCredentials(ctx, auth.Change{New: &auth.Credential{Kind: kind, Key: "before", UserID: "ada"}}); err != nil {
			t.Fatal(err)
		}
	}
	mine := auth.Credential{Kind: "passkey", Key: "mine", UserID: "ada"}
	if err := s.m.Apply(ctx, "ada", "account.reclaimed", auth.Change{New: &mine}); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{"passkey": "mine", "pin": "", "bot": "", "trusted": "", "receipt": "before", "nickname": "before"} {
		held, err := s.store.UserCredentials(ctx, "ada", kind)
		var left []string
		for _, c := range held {
			left = append(left, c.Key)
		}
		if got := strings.Join(left, " "); err != nil || got != want {
			t.Errorf("%s: left is %q, %v; want %q", kind, got, err, want)
		}
	}
}

// What a change asks for is refused by the errors that it says, and nothing is done.
func TestApplyRefusals(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, nil)
		key := s.addKey("ada", "adas")
		bobs := s.addKey("bob", "bobs")
		ada := s.visitor().logIn("ada")
		*s.events = nil
		stale := key
		stale.Version += 7
		for name, tt := range map[string]struct {
			change auth.Change
			want   error
		}{
			"nothing":         {auth.Change{}, auth.ErrInvalid},
			"somebody else's": {auth.Change{Old: &bobs}, auth.ErrInvalid},
			"the last":        {auth.Change{Old: &key}, auth.ErrLastCredential},
			"taken":           {auth.Change{New: &auth.Credential{Kind: "key", Key: "bobs", UserID: "ada"}}, auth.ErrExists},
			"changed":         {auth.Change{Old: &stale, New: &stale}, auth.ErrConflict},
			"gone":            {auth.Change{Old: &auth.Credential{Kind: "key", Key: "x", UserID: "ada", Version: 1}, New: &auth.Credential{Kind: "key", Key: "x", UserID: "ada"}}, auth.ErrNotFound},
		} {
			if err := s.m.Apply(t.Context(), "ada", "password.reset", tt.change); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", name, err, tt.want)
			}
		}
		if len(*s.events) != 0 {
			t.Errorf("told: %+v", *s.events)
		}
		_, transactional := auth.As[interface {
			InTx(context.Context, func(context.Context) error) error
		}](store)
		if got := ada.who(); transactional && got != "ada" {
			t.Errorf("nothing was changed, and who is logged in is %s", got)
		}
	})
}
