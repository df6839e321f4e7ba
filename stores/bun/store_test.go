package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

var day = time.UnixMilli(1_700_000_000_000).UTC()

func newSession(n byte, userID string) *auth.Session {
	return &auth.Session{
		ID: auth.SessionID{n, 1}, UserID: userID, Label: "Firefox on Linux",
		Proofs:    []auth.Proof{{Method: "password", At: day, Kind: "password", Key: userID, Generation: 1}},
		CreatedAt: day, SeenAt: day, EndsAt: day.Add(24 * time.Hour), ExpiresAt: day.Add(time.Hour),
	}
}

func credential(kind, key, userID string) *auth.Credential {
	return &auth.Credential{Kind: kind, Key: key, UserID: userID, CreatedAt: day}
}

func create(kind, key, userID string) auth.Change {
	return auth.Change{New: credential(kind, key, userID)}
}

func TestNewReportsEverything(t *testing.T) {
	_, err := bunstore.New(nil, &bunstore.Options{Prefix: "Robert'); --"})
	if err == nil || !strings.Contains(err.Error(), "Options.Prefix") || !strings.Contains(err.Error(), "db is nil") {
		t.Errorf("got %v, want an error that names Prefix and db", err)
	}
	db, err := open.DB(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, prefix := range []string{"G", "1a", "a-b", "a b", "a.b", `a"`, strings.Repeat("a", 33), "é"} {
		if _, err := bunstore.New(db, &bunstore.Options{Prefix: prefix}); err == nil {
			t.Errorf("prefix %q is accepted", prefix)
		}
	}
}

// TestNewTouchesNothing gives New a database that cannot be reached.
func TestNewTouchesNothing(t *testing.T) {
	db, err := open.DB(newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	s, err := bunstore.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	outages(t, s, context.Background(), nil)
}

// outages calls every verb and wants an error that wraps none of the outcomes
// of a store, and want if it is not nil.
func outages(t *testing.T, s *bunstore.Store, ctx context.Context, want error) {
	t.Helper()
	bad := string([]byte{0xff})
	for name, f := range map[string]func() error{
		"CreateSession":      func() error { return s.CreateSession(ctx, newSession(1, "u")) },
		"LoadSession":        func() error { _, err := s.LoadSession(ctx, auth.SessionID{1}); return err },
		"UpdateSession":      func() error { return s.UpdateSession(ctx, newSession(1, "u")) },
		"DeleteSession":      func() error { return s.DeleteSession(ctx, auth.SessionID{1}) },
		"DeleteUserSessions": func() error { return s.DeleteUserSessions(ctx, "u") },
		"UserSessions":       func() error { _, err := s.UserSessions(ctx, "u"); return err },
		"LoadCredential":     func() error { _, err := s.LoadCredential(ctx, "k", "x"); return err },
		"UserCredentials":    func() error { _, err := s.UserCredentials(ctx, "u"); return err },
		"ChangeCredentials":  func() error { return s.ChangeCredentials(ctx, create("k", "x", "u")) },
		"ChangeCredentials2": func() error { return s.ChangeCredentials(ctx, create("k", "x", "u"), create("k", "y", "u")) },
		"PutTicket":          func() error { return s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: "k"}) },
		"LoadTicket":         func() error { _, err := s.LoadTicket(ctx, "p", "k"); return err },
		"TakeTicket":         func() error { _, err := s.TakeTicket(ctx, "p", "k"); return err },
		"DeleteUserTickets":  func() error { return s.DeleteUserTickets(ctx, "u") },
		"Count":              func() error { _, _, err := s.Count(ctx, "k", time.Minute, day); return err },
		"Forget":             func() error { return s.Forget(ctx, "k") },
		"Sweep":              func() error { _, err := s.Sweep(ctx, day, 10); return err },
		"InTx":               func() error { return s.InTx(ctx, func(context.Context) error { return nil }) },
		"Migrate":            func() error { return s.Migrate(ctx) },
		"LoadUser":           func() error { _, err := s.Users().LoadUser(ctx, "u"); return err },
		"CreateUser":         func() error { _, err := s.Users().CreateUser(ctx, auth.Profile{}); return err },
		"SetDisabled":        func() error { return s.Users().SetDisabled(ctx, "u", true) },
		"DeleteUser":         func() error { return s.Users().DeleteUser(ctx, "u") },
		"Grants":             func() error { return third(s.Roles().Grants(ctx, "u")) },
		"Roles":              func() error { return third(s.Roles().Roles(ctx)) },
		"SetRole":            func() error { return s.Roles().SetRole(ctx, bunstore.Role{Name: "r"}) },
		"DeleteRole":         func() error { return s.Roles().DeleteRole(ctx, "r") },
		"Grant":              func() error { return s.Roles().Grant(ctx, bunstore.Grant{UserID: "u", Role: "r"}) },
		"Revoke":             func() error { return s.Roles().Revoke(ctx, bunstore.Grant{UserID: "u", Role: "r"}) },
		"RevokeAll":          func() error { return s.Roles().RevokeAll(ctx, "u") },
		"Holders":            func() error { return third(s.Roles().Holders(ctx, "r", "", 10)) },
	} {
		err := f()
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: got %v, want an outage, %v", name, err, want)
		}
		for _, outcome := range []error{auth.ErrNotFound, auth.ErrExists, auth.ErrConflict, auth.ErrInvalid} {
			if errors.Is(err, outcome) {
				t.Errorf("%s: outage %q wraps %q", name, err, outcome)
			}
		}
	}
	if want == nil {
		return
	}
	// Also where the answer is known without asking the database.
	for name, err := range map[string]error{
		"LoadCredential": second(s.LoadCredential(ctx, bad, bad)),
		"TakeTicket":     second(s.TakeTicket(ctx, bad, bad)),
		"LoadUser":       second(s.Users().LoadUser(ctx, bad)),
		"Forget":         s.Forget(ctx),
		"no changes":     s.ChangeCredentials(ctx),
		"Grants":         third(s.Roles().Grants(ctx, bad)),
		"SetRole":        s.Roles().SetRole(ctx, bunstore.Role{Name: bad}),
		"DeleteRole":     s.Roles().DeleteRole(ctx, bad),
		"Grant":          s.Roles().Grant(ctx, bunstore.Grant{UserID: bad, Role: bad}),
		"Revoke":         s.Roles().Revoke(ctx, bunstore.Grant{UserID: bad, Role: bad}),
		"RevokeAll":      s.Roles().RevokeAll(ctx, bad),
		"Holders":        third(s.Roles().Holders(ctx, bad, bad, 0)),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%s of what cannot be there: got %v, want %v", name, err, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestOutage(t *testing.T) {
	t.Run("ended context", func(t *testing.T) {
		s := newStore(t, newFile(t), nil)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		outages(t, s, ctx, context.Canceled)
	})
	t.Run("deadline", func(t *testing.T) {
		s := newStore(t, newFile(t), nil)
		ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
		defer cancel()
		outages(t, s, ctx, context.DeadlineExceeded)
	})
	t.Run("closed", func(t *testing.T) {
		s := newStore(t, newFile(t), nil)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		outages(t, s, context.Background(), nil)
	})
	t.Run("no tables", func(t *testing.T) {
		s, err := open.Open(newFile(t))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx := context.Background()
		if _, err := s.LoadSession(ctx, auth.SessionID{1}); err == nil || errors.Is(err, auth.ErrNotFound) {
			t.Errorf("LoadSession: got %v, want an outage", err)
		}
		// A statement that could not be prepared is prepared again.
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := s.LoadSession(ctx, auth.SessionID{1}); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("LoadSession after Migrate: got %v, want ErrNotFound", err)
		}
	})
}

// TestDamagedSession wants a session that cannot be read to be an outage.
func TestDamagedSession(t *testing.T) {
	ctx := context.Background()
	for _, column := range []string{"proofs = x'01ff'", "proofs = x''", "addr = 'nonsense'"} {
		s := newStore(t, newFile(t), nil)
		if err := s.CreateSession(ctx, newSession(1, "u")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DB(ctx).NewRaw("UPDATE gatehouse_sessions SET " + column).Exec(ctx); err != nil {
			t.Fatal(err)
		}
		if got, err := s.LoadSession(ctx, auth.SessionID{1, 1}); err == nil || errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%s: LoadSession: got %v, %v, want an outage", column, got, err)
		}
		if got, err := s.UserSessions(ctx, "u"); err == nil || errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%s: UserSessions: got %v, %v, want an outage", column, got, err)
		}
	}
}

// TestHostColumns adds columns to every table, as a host may.
func TestHostColumns(t *testing.T) {
	ctx := context.Background()
	s := newStore(t, newFile(t), nil)
	for _, table := range []string{"sessions", "credentials", "tickets", "counters", "users", "roles", "role_version", "role_grants", "outbox", "audit"} {
		if _, err := s.DB(ctx).NewRaw("ALTER TABLE ? ADD COLUMN of_the_host TEXT NOT NULL DEFAULT 'x'", bun.Ident("gatehouse_"+table)).Exec(ctx); err != nil {
			t.Fatal(err)
		}
	}
	everyVerb(t, s)
}

// everyVerb calls every verb with success and returns what it kept that a log
// should not show.
func everyVerb(t *testing.T, s *bunstore.Store) (secrets []string) {
	t.Helper()
	ctx := context.Background()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	ss := newSession(1, "u")
	ss.Binding = "binding-of-the-session"
	must("CreateSession", s.CreateSession(ctx, ss))
	must("CreateSession", s.CreateSession(ctx, newSession(2, "u")))
	ss, err := s.LoadSession(ctx, ss.ID)
	must("LoadSession", err)
	must("UpdateSession", s.UpdateSession(ctx, ss))
	if err := s.UpdateSession(ctx, ss); !errors.Is(err, auth.ErrConflict) {
		t.Fatalf("UpdateSession: %v", err)
	}
	must("UserSessions", second(s.UserSessions(ctx, "u")))
	must("DeleteUserSessions", s.DeleteUserSessions(ctx, "u", ss.ID))
	must("DeleteUserSessions", s.DeleteUserSessions(ctx, "nobody"))
	must("DeleteSession", s.DeleteSession(ctx, ss.ID))

	c, d := credential("password", "u", "u"), credential("email", "ada@example.com", "u")
	c.Data = []byte("data-of-the-credential")
	must("ChangeCredentials", s.ChangeCredentials(ctx, auth.Change{New: c}, auth.Change{New: d}))
	got, err := s.LoadCredential(ctx, "password", "u")
	must("LoadCredential", err)
	next := got
	next.Data = []byte("next-data-of-the-credential")
	must("ChangeCredentials", s.ChangeCredentials(ctx, auth.Change{Old: &got, New: &next}))
	if err := s.ChangeCredentials(ctx, auth.Change{Old: &got}); !errors.Is(err, auth.ErrConflict) {
		t.Fatalf("ChangeCredentials: %v", err)
	}
	must("UserCredentials", second(s.UserCredentials(ctx, "u")))
	must("UserCredentials", second(s.UserCredentials(ctx, "u", "password", "email")))
	got.Version++
	must("ChangeCredentials", s.ChangeCredentials(ctx, auth.Change{Old: &got}))

	tk := auth.Ticket{Purpose: "reset", Key: "digest", UserID: "u", Slot: "u", Data: []byte("data-of-the-ticket"), CreatedAt: day, ExpiresAt: day}
	must("PutTicket", s.PutTicket(ctx, tk))
	must("LoadTicket", second(s.LoadTicket(ctx, "reset", "digest")))
	must("TakeTicket", second(s.TakeTicket(ctx, "reset", "digest")))
	must("DeleteUserTickets", s.DeleteUserTickets(ctx, "u"))
	must("DeleteUserTickets", s.DeleteUserTickets(ctx, "u", "reset", "login"))

	_, _, err = s.Count(ctx, "account", time.Minute, day)
	must("Count", err)
	must("Forget", s.Forget(ctx, "account", "network"))
	must("Sweep", second(s.Sweep(ctx, day, 100)))

	id, err := s.Users().CreateUser(ctx, auth.Profile{Email: "ada@example.com", Name: "Ada"})
	must("CreateUser", err)
	must("LoadUser", second(s.Users().LoadUser(ctx, id)))
	must("SetDisabled", s.Users().SetDisabled(ctx, id, true))
	must("UpdateUser", s.Users().UpdateUser(ctx, id, auth.Profile{Email: "grace@example.com"}))
	must("DeleteUser", s.Users().DeleteUser(ctx, id))

	roles, g := s.Roles(), bunstore.Grant{UserID: "u", Role: "editor", Tenant: "acme", Object: "post/17"}
	must("SetRole", roles.SetRole(ctx, bunstore.Role{Name: "editor", Permissions: []string{"posts:*"}, Inherits: []string{"viewer"}}))
	must("SetRole", roles.SetRole(ctx, bunstore.Role{Name: "editor"}))
	must("Grant", roles.Grant(ctx, g))
	must("Grant", roles.Grant(ctx, g))
	must("Grant", roles.Grant(ctx, bunstore.Grant{UserID: "v", Role: "editor"}))
	must("Grants", third(roles.Grants(ctx, "u")))
	must("Roles", third(roles.Roles(ctx)))
	_, more, err := roles.Holders(ctx, "editor", "", 1)
	must("Holders", err)
	must("Holders", third(roles.Holders(ctx, "editor", more, 1)))
	must("Revoke", roles.Revoke(ctx, g))
	must("RevokeAll", roles.RevokeAll(ctx, "v"))
	must("DeleteRole", roles.DeleteRole(ctx, "editor"))

	box, e := s.Outbox(), newEntry("1", "u")
	e.Data = []byte("data-of-the-entry")
	must("Enqueue", box.Enqueue(ctx, e))
	must("Claim", second(box.Claim(ctx, "nowhere", day, day, 10)))
	claimed, err := box.Claim(ctx, "", day, day, 10)
	must("Claim", err)
	e = claimed[0]
	must("Postpone", box.Postpone(ctx, e))
	if err := box.Done(ctx, e); !errors.Is(err, auth.ErrConflict) {
		t.Fatalf("Done: %v", err)
	}
	e.Version++
	must("Done", box.Done(ctx, e))
	must("DeleteUser", box.DeleteUser(ctx, "", "u"))

	log := s.Audit()
	must("Append", log.Append(ctx, newRecord("1", "u")))
	must("Append", log.Append(ctx, newRecord("2", "u")))
	must("UserRecords", second(log.UserRecords(ctx, "", "u", "", 1)))
	must("UserRecords", second(log.UserRecords(ctx, "", "u", "2", 1)))
	must("DeleteUser", log.DeleteUser(ctx, "", "u"))
	return []string{"binding-of-the-session", "data-of-the-credential", "data-of-the-ticket", "data-of-the-entry"}
}

// TestTwoStores has two stores on one file, as two processes would.
func TestTwoStores(t *testing.T) {
	ctx := context.Background()
	dsn := newFile(t)
	stores := []*bunstore.Store{newStore(t, dsn, nil), newStore(t, dsn, nil)}
	const each = 20
	numbers := make(chan int64, 16*each)
	var wg sync.WaitGroup
	for i := range 16 {
		s := stores[i%2]
		wg.Go(func() {
			for j := range each {
				n, _, err := s.Count(ctx, "k", 0, day)
				if err != nil {
					t.Error(err)
				}
				numbers <- n
				// Creates, reads and commits of several statements meet.
				key := fmt.Sprint(i, "/", j)
				if err := s.ChangeCredentials(ctx, create("a", key, "u"), create("b", key, "u")); err != nil {
					t.Error(err)
				}
				if _, err := stores[(i+1)%2].LoadCredential(ctx, "b", key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(numbers)
	seen := map[int64]bool{}
	for n := range numbers {
		seen[n] = true
	}
	if len(seen) != 16*each {
		t.Errorf("%d callers got %d numbers", 16*each, len(seen))
	}
}

// TestPrefixes has two stores with different prefixes in one database.
func TestPrefixes(t *testing.T) {
	ctx := context.Background()
	dsn := newFile(t)
	a, b := newStore(t, dsn, &bunstore.Options{Prefix: "a_"}), newStore(t, dsn, &bunstore.Options{Prefix: "b_"})
	if err := a.CreateSession(ctx, newSession(1, "u")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.LoadSession(ctx, auth.SessionID{1, 1}); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestSweep(t *testing.T) {
	ctx := context.Background()
	s := newStore(t, newFile(t), nil)
	fill := func() {
		for i := range byte(10) {
			ss := newSession(i+1, "u")
			ss.ExpiresAt = day.Add(time.Duration(i) * time.Hour)
			c := credential("k", fmt.Sprint(i), "u")
			c.ExpiresAt = ss.ExpiresAt
			forever := credential("forever", fmt.Sprint(i), "u")
			if err := errors.Join(
				s.CreateSession(ctx, ss),
				s.ChangeCredentials(ctx, auth.Change{New: c}, auth.Change{New: forever}),
				s.PutTicket(ctx, auth.Ticket{Purpose: "p", Key: fmt.Sprint(i), CreatedAt: day, ExpiresAt: ss.ExpiresAt}),
				third(s.Count(ctx, fmt.Sprint(i), time.Duration(i+1)*time.Hour, day.Add(-time.Hour))),
				third(s.Count(ctx, fmt.Sprint("forever", i), 0, day)),
			); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill()
	for _, step := range []struct {
		now   time.Time
		limit int
		want  int
	}{
		{day.Add(-time.Millisecond), 100, 0},
		{day, 0, 0},
		{day, 100, 4}, // what ends now has ended
		{day.Add(5*time.Hour + time.Minute), 2, 8},
		{day.Add(5*time.Hour + time.Minute), 100, 12},
		{day.Add(5*time.Hour + time.Minute), 100, 0},
		{day.Add(9999 * time.Hour), 100, 16},
		{day.Add(9999 * time.Hour), 100, 0},
	} {
		if n, err := s.Sweep(ctx, step.now, step.limit); n != step.want || err != nil {
			t.Errorf("Sweep(%v, %d): got %d, %v, want %d", step.now, step.limit, n, err, step.want)
		}
	}
	if list, err := s.UserCredentials(ctx, "u"); len(list) != 10 || err != nil {
		t.Errorf("%d credentials that never expire are left, %v, want 10", len(list), err)
	}
	if n, _, err := s.Count(ctx, "forever3", 0, day); n != 2 || err != nil {
		t.Errorf("counter that lasts until forgotten: got %d, %v, want 2", n, err)
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

// TestCloseLeavesTheHostsDatabase closes a store whose database is the host's.
func TestCloseLeavesTheHostsDatabase(t *testing.T) {
	ctx := t.Context()
	db, err := open.DB("file::memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := bunstore.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	everyVerb(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LoadSession(ctx, auth.SessionID{1}); err == nil || errors.Is(err, auth.ErrNotFound) {
		t.Errorf("closed store: got %v, want an outage", err)
	}
	if err := db.PingContext(ctx); err != nil {
		t.Errorf("the host's database: %v", err)
	}
}
