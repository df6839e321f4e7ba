package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// noCredentials is a store that is no place for credentials.
type noCredentials struct{ *memory.Store }

var errNoPlace = errors.New("this keeps no credentials")

func (noCredentials) KeepsCredentials() error { return errNoPlace }

// Each part goes where it belongs, and nowhere else.
func TestCombineRoutes(t *testing.T) {
	ctx := t.Context()
	stores := map[string]*memory.Store{"base": memory.New(nil), "sessions": memory.New(nil), "credentials": memory.New(nil), "tickets": memory.New(nil), "limiter": memory.New(nil)}
	s := auth.Combine(stores["base"], auth.Parts{
		Sessions: stores["sessions"], Credentials: stores["credentials"], Tickets: stores["tickets"], Limiter: stores["limiter"]})
	for _, err := range []error{
		s.CreateSession(ctx, &auth.Session{ID: auth.SessionID{1}, UserID: "u"}),
		s.ChangeCredentials(ctx, auth.Change{New: &auth.Credential{Kind: "k", Key: "1", UserID: "u"}}),
		s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "1"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Count(ctx, "c", time.Minute, t0); err != nil {
		t.Fatal(err)
	}
	for name, part := range stores {
		_, noSession := part.LoadSession(ctx, auth.SessionID{1})
		_, noCredential := part.LoadCredential(ctx, "k", "1")
		_, noTicket := part.LoadTicket(ctx, "p", "1")
		n, _, err := part.Count(ctx, "c", time.Minute, t0)
		if err != nil {
			t.Fatal(err)
		}
		for what, there := range map[string]bool{"sessions": noSession == nil, "credentials": noCredential == nil, "tickets": noTicket == nil, "limiter": n == 2} {
			if there != (what == name) {
				t.Errorf("%s has %s: %v", name, what, there)
			}
		}
	}
	parts, ok := auth.As[interface{ Parts() auth.Parts }](auth.InRealm(s, "r"))
	if !ok || parts.Parts() != (auth.Parts{Sessions: stores["sessions"], Credentials: stores["credentials"], Tickets: stores["tickets"], Limiter: stores["limiter"]}) {
		t.Error("the parts cannot be looked at")
	}
}

// New says what is wrong with a composition, all of it, beside what else is wrong.
func TestNewReportsCompositions(t *testing.T) {
	db := memory.New(nil)
	var nilDB *memory.Store
	for name, tt := range map[string]struct {
		store auth.Store
		want  []string // none: nothing is wrong
	}{
		"whole":                     {auth.Combine(db, auth.Parts{}), nil},
		"no base, all parts":        {auth.Combine(nil, auth.Parts{db, db, db, db}), nil},
		"no base":                   {auth.Combine(nil, auth.Parts{Sessions: db, Limiter: db}), []string{"Parts.Credentials", "Parts.Tickets"}},
		"nil base":                  {auth.Combine(nilDB, auth.Parts{Sessions: db}), []string{"nil *memory.Store", "Parts.Credentials", "Parts.Tickets", "Parts.Limiter"}},
		"nil base, not needed":      {auth.Combine(nilDB, auth.Parts{db, db, db, db}), nil},
		"nil parts":                 {auth.Combine(db, auth.Parts{Sessions: nilDB, Limiter: nilDB}), []string{"Parts.Sessions of Combine is a nil *memory.Store", "Parts.Limiter"}},
		"no place":                  {noCredentials{db}, []string{errNoPlace.Error()}},
		"no place, as base":         {auth.Combine(noCredentials{db}, auth.Parts{}), []string{errNoPlace.Error()}},
		"no place, for credentials": {auth.Combine(db, auth.Parts{Credentials: noCredentials{db}}), []string{errNoPlace.Error()}},
		"no place, decorated":       {unwrapper{noCredentials{db}}, []string{errNoPlace.Error()}},
		"no place, for the rest":    {auth.Combine(noCredentials{db}, auth.Parts{Credentials: db}), nil},
		"kinds": {auth.Combine(db, auth.Parts{Credentials: auth.ByKind(nil, map[string]auth.CredentialStore{
			"a": nil, "account": db, "": db, "b": noCredentials{db}, "c": nilDB, "d": db})}),
			[]string{"the rest", `kind "a"`, `kind "account"`, `"" is no kind`, `kind "b"`, errNoPlace.Error(), `kind "c"`}},
		"kinds, nil rest":         {auth.Combine(db, auth.Parts{Credentials: auth.ByKind(nilDB, nil)}), []string{"the rest"}},
		"kinds, rest is no place": {auth.Combine(db, auth.Parts{Credentials: auth.ByKind(noCredentials{db}, nil)}), []string{errNoPlace.Error()}},
		"kinds, whole":            {auth.Combine(db, auth.Parts{Credentials: auth.ByKind(db, map[string]auth.CredentialStore{"a": memory.New(nil)})}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.New(auth.UserFunc((&accounts{}).byID), tt.store, nil)
			if (err == nil) != (len(tt.want) == 0) {
				t.Fatalf("New said %v; want %q", err, tt.want)
			}
			if err == nil {
				return
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("nothing about %s in:\n%v", want, err)
				}
			}
			if got := len(strings.Split(err.Error(), "\n")); name != "kinds" && name != "nil base" && got > len(tt.want) {
				t.Errorf("%d complaints, want %d:\n%v", got, len(tt.want), err)
			}
			_, all := auth.New(nil, tt.store, &auth.Options{Realm: "Ä"})
			for _, want := range append(tt.want, "UserLoader", "Options.Realm") {
				if all == nil || !strings.Contains(all.Error(), want) {
					t.Errorf("with more that is wrong, nothing about %s in:\n%v", want, all)
				}
			}
		})
	}
}

// sweeping counts how often it is swept.
type sweeping struct {
	auth.Store
	n    int
	fail error
	left int // how many things, beside one batch
}

func (s *sweeping) Sweep(_ context.Context, _ time.Time, limit int) (int, error) {
	s.n++
	if s.fail != nil {
		return 1, s.fail
	}
	swept := min(s.left, limit)
	s.left -= swept
	return swept, nil
}

// A composition is swept part by part, each once; one that fails hinders no other.
func TestCombineSweeps(t *testing.T) {
	a, b, c, d := &sweeping{left: 3}, &sweeping{left: 4}, &sweeping{fail: errors.New("down")}, &sweeping{left: 5}
	unused := &sweeping{}
	store := auth.Combine(a, auth.Parts{
		Sessions: unwrapper{b},
		Credentials: auth.ByKind(a, map[string]auth.CredentialStore{
			"x": c, "y": d, "z": auth.ByKind(c, map[string]auth.CredentialStore{"z": b})}),
		Tickets: b,
	})
	s, ok := auth.As[auth.Sweeper](auth.InRealm(store, "r"))
	if !ok {
		t.Fatal("it is no Sweeper")
	}
	n, err := s.Sweep(t.Context(), t0, 100)
	if n != 3+4+1+5 || !errors.Is(err, c.fail) {
		t.Errorf("swept %d, %v; want 13 and that one is down", n, err)
	}
	for i, part := range []*sweeping{a, b, c, d} {
		if part.n != 1 {
			t.Errorf("part %d was swept %d times", i, part.n)
		}
	}
	all := auth.Combine(unused, auth.Parts{a, a, a, a})
	if s, _ := auth.As[auth.Sweeper](all); s == nil {
		t.Fatal("it is no Sweeper")
	} else if _, err := s.Sweep(t.Context(), t0, 1); err != nil || unused.n != 0 || a.n != 2 {
		t.Errorf("a base that nothing is kept in was swept %d times, the rest %d; %v", unused.n, a.n, err)
	}
}

// Run sweeps each part until it is clean, also beside one that is down.
func TestRunSweepsEveryPart(t *testing.T) {
	a, b := &sweeping{Store: memory.New(nil), left: 3500}, &sweeping{Store: memory.New(nil), fail: errors.New("down")}
	m, err := auth.New(auth.UserFunc((&accounts{}).byID), auth.Combine(a, auth.Parts{Sessions: b}), &auth.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if a.n != 0 || b.n != 0 {
		t.Errorf("swept %d and %d times after its end", a.n, b.n)
	}
	auth.Sweep(m, t.Context())
	if a.left != 0 || b.n != 1 {
		t.Errorf("%d are left, and the one that is down was asked %d times", a.left, b.n)
	}
}

// There is InTx if the part with the credentials has it.
func TestCombineTransactions(t *testing.T) {
	db, other := onSQLite(t), memory.New(nil)
	type transactor interface {
		InTx(ctx context.Context, f func(ctx context.Context) error) error
	}
	for name, tt := range map[string]struct {
		store auth.Store
		want  bool
	}{
		"none":           {auth.Combine(other, auth.Parts{}), false},
		"sessions":       {auth.Combine(other, auth.Parts{Sessions: db}), false},
		"credentials":    {auth.Combine(other, auth.Parts{Credentials: db}), true},
		"base":           {auth.Combine(db, auth.Parts{Sessions: other}), true},
		"not base":       {auth.Combine(db, auth.Parts{Credentials: other}), false},
		"rest":           {auth.Combine(db, auth.Parts{Credentials: auth.ByKind(db, map[string]auth.CredentialStore{"k": other})}), true},
		"kind":           {auth.Combine(db, auth.Parts{Credentials: auth.ByKind(other, map[string]auth.CredentialStore{"k": db})}), false},
		"rest, in realm": {auth.InRealm(auth.Combine(db, auth.Parts{Credentials: auth.ByKind(db, map[string]auth.CredentialStore{"k": other})}), "r"), true},
	} {
		if _, got := auth.As[transactor](tt.store); got != tt.want {
			t.Errorf("%s: has InTx: %v", name, got)
		}
	}
}

// Sessions that are kept elsewhere end with the credentials; if they cannot be
// ended, the credentials stay as they are, and who hears of an error can begin again.
func TestChangeWithSessionsElsewhere(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) auth.Store{
		"memory": func(*testing.T) auth.Store { return memory.New(nil) },
		"SQLite": onSQLite,
	} {
		t.Run(name, func(t *testing.T) {
			sessions := newFaults(memory.New(nil))
			s := newSiteOn(t, auth.Combine(open(t), auth.Parts{Sessions: sessions}), nil)
			ctx := t.Context()
			key := auth.Credential{Kind: "key", Key: "1", UserID: "ada", Generation: 1, CreatedAt: t0}
			if err := s.m.ChangeCredentials(ctx, "ada", auth.Change{New: &key}); err != nil {
				t.Fatal(err)
			}
			v := s.visitor().logIn("ada")
			next := key
			next.Version, next.Generation = 1, 2
			change := func() error {
				is, err := s.store.LoadCredential(ctx, "key", "1")
				if err != nil {
					t.Fatal(err)
				}
				next := is
				next.Generation++
				return s.m.ChangeCredentials(ctx, "ada", auth.Change{Old: &is, New: &next})
			}
			sessions.failAll("DeleteUserSessions")
			err := change()
			if err == nil || !errors.Is(err, errDown) {
				t.Fatalf("the sessions could not be ended, and the change said %v", err)
			}
			is, err := s.store.LoadCredential(ctx, "key", "1")
			if err != nil {
				t.Fatal(err)
			}
			if changed := is.Generation != 1; changed != (name == "memory") {
				t.Errorf("the credential was changed: %v", changed)
			}
			if got := v.who(); got != "ada" {
				t.Errorf("who is logged in is %s", got)
			}
			sessions.heal()
			if err := change(); err != nil {
				t.Errorf("again: %v", err)
			}
			if got := v.who(); got != "nobody" {
				t.Errorf("after the change who was logged in is %s", got)
			}
		})
	}
}

// A user who cannot be given credentials is not created, wherever the sessions are:
// the row is taken back by the transaction of the part that has both.
func TestCreateUserWithSessionsElsewhere(t *testing.T) {
	db := onSQLite(t).(*bunstore.Store)
	s := newFaults(db)
	m, err := auth.New(db.Users(), auth.Combine(s, auth.Parts{Sessions: memory.New(nil)}), &auth.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.failAll("ChangeCredentials")
	if _, err := m.CreateUser(t.Context(), auth.Profile{Email: "ada@example.com"}, nil); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	if n, err := db.DB(t.Context()).NewSelect().Table("gatehouse_users").Count(t.Context()); err != nil || n != 0 {
		t.Errorf("%d users are left over, %v", n, err)
	}
	s.heal()
	if _, err := m.CreateUser(t.Context(), auth.Profile{Email: "ada@example.com"}, nil); err != nil {
		t.Error(err)
	}
}
