package bunstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/feature"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/gatehouse-go/gatehouse/auth"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
)

// nowhere is a database that cannot be reached.
type nowhere struct{}

func (nowhere) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("nowhere") }
func (nowhere) Driver() driver.Driver                        { return nil }

// renamed is a dialect that says it is another.
type renamed struct {
	bunschema.Dialect
	name dialect.Name
}

func (r renamed) Name() dialect.Name { return r.name }
func (r renamed) Init(*sql.DB)       {}

// without is a dialect that lacks a feature.
type without struct {
	bunschema.Dialect
	feature feature.Feature
}

func (w without) Features() feature.Feature { return w.Dialect.Features().Remove(w.feature) }
func (w without) Init(*sql.DB)              {}

// TestDialects asks for features, not for names: those of a dialect depend on
// the server's version.
func TestDialects(t *testing.T) {
	for _, c := range []struct {
		name    string
		dialect bunschema.Dialect
		want    string // in the error, or "" for none
	}{
		{"SQLite", sqlitedialect.New(), ""},
		{"PostgreSQL", pgdialect.New(), ""},
		{"MySQL", renamed{mysqldialect.New(), dialect.MySQL}, ""},
		{"SQL Server", renamed{sqlitedialect.New(), dialect.MSSQL}, "not supported"},
		{"Oracle", renamed{sqlitedialect.New(), dialect.Oracle}, "not supported"},
		{"SQLite without RETURNING", without{sqlitedialect.New(), feature.InsertReturning | feature.DeleteReturning}, "DeleteReturning"},
		{"PostgreSQL without ON CONFLICT", without{pgdialect.New(), feature.InsertOnConflict}, "InsertOnConflict"},
		{"MySQL without ON DUPLICATE KEY", without{mysqldialect.New(), feature.InsertOnDuplicateKey}, "InsertOnDuplicateKey"},
		{"MySQL without DELETE LIMIT", without{mysqldialect.New(), feature.DeleteOrderLimit}, "DeleteOrderLimit"},
	} {
		db := bun.NewDB(sql.OpenDB(nowhere{}), c.dialect)
		_, err := bunstore.New(db, nil)
		if (err == nil) != (c.want == "") || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// TestSchemaRules reads the SQL of every schema.
func TestSchemaRules(t *testing.T) {
	anyDatabase(t, func(t *testing.T, open func(bunstore.Options) *bunstore.Store) {
		s := open(bunstore.Options{})
		for _, m := range s.Migrations() {
			for _, q := range m.SQL {
				// IDs are those of the application, so that nothing depends on what
				// a database says of the last it made.
				if regexp.MustCompile(`(?i)auto_?increment|serial|identity|current_timestamp|now\(`).MatchString(q) {
					t.Errorf("the database makes a value: %s", q)
				}
				if !strings.Contains(q, "IF NOT EXISTS") && !strings.HasPrefix(q, "INSERT IGNORE") {
					t.Errorf("a statement that cannot be repeated: %s", q)
				}
				switch s.Backend() {
				case "mysql":
					if regexp.MustCompile(`CREATE (UNIQUE )?INDEX|VARCHAR|TEXT|DATETIME|TIMESTAMP`).MatchString(q) {
						t.Errorf("what MySQL does not do, or not by bytes: %s", q)
					}
					if strings.HasPrefix(q, "CREATE") && !strings.Contains(q, "ENGINE=InnoDB") {
						t.Errorf("an engine that may have no transactions: %s", q)
					}
				case "postgres":
					if regexp.MustCompile(`VARCHAR|TEXT|TIMESTAMP`).MatchString(q) {
						t.Errorf("what compares by a collation, or has a zone: %s", q)
					}
				}
			}
		}
		// As a host's tool may, twice.
		for range 2 {
			for _, m := range s.Migrations() {
				for _, q := range m.SQL {
					raw(t, s, q)
				}
			}
		}
		everyVerb(t, s)
		for range 2 {
			for _, m := range slices.Backward(s.Migrations()) {
				for _, q := range m.Down {
					raw(t, s, q)
				}
			}
		}
		must(t, s.Migrate(t.Context()))
		whole(t, s)
	})
}

// TestZonesOfTheConnection has servers and drivers in zones of their own.
func TestZonesOfTheConnection(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		params := "timezone=Asia/Kolkata"
		if v.name == "MySQL" {
			params = "time_zone=%27%2B05:30%27&loc=America%2FSt_Johns&parseTime=false"
		}
		s := v.store(t, params, bunstore.Options{})
		ctx := t.Context()
		zone := time.FixedZone("", -9*3600-1800)
		at := time.Date(2026, 3, 29, 2, 30, 0, 123456789, zone)
		want := at.UTC().Truncate(time.Millisecond)
		ss := newSession(1, "u")
		ss.CreatedAt, ss.SeenAt, ss.EndsAt, ss.ExpiresAt = at, at, at.Add(time.Hour), at.Add(time.Minute)
		must(t, s.CreateSession(ctx, ss))
		got, err := s.LoadSession(ctx, ss.ID)
		must(t, err)
		for _, d := range []time.Duration{got.CreatedAt.Sub(want), got.SeenAt.Sub(want), got.EndsAt.Sub(want.Add(time.Hour)), got.ExpiresAt.Sub(want.Add(time.Minute))} {
			if d != 0 {
				t.Errorf("a time is %v off", d)
			}
		}
		for _, c := range []struct {
			now  time.Time
			want int
		}{{at.Add(time.Minute - time.Second), 0}, {at.Add(time.Minute), 1}} {
			if n, err := s.Sweep(ctx, c.now, 10); n != c.want || err != nil {
				t.Errorf("swept at %v: %d, %v, want %d", c.now, n, err, c.want)
			}
		}
		_, until, err := s.Count(ctx, "k", time.Minute, at)
		if must(t, err); !until.Equal(want.Add(time.Minute)) {
			t.Errorf("until %v, want %v", until, want.Add(time.Minute))
		}
		list, err := s.MigrationStatus(ctx)
		must(t, err)
		if d := time.Since(list[0].AppliedAt).Abs(); d > time.Minute {
			t.Errorf("applied %v ago", d)
		}
		if f := s.Check(ctx, time.Now()); f != nil {
			if _, detail := found(f, "clock"); !strings.Contains(detail, "agree") {
				t.Errorf("clock: %s", detail)
			}
		}
	})
}

// TestHooksOfServersSeeNoSecret is TestHooksSeeNoSecret for servers.
func TestHooksOfServersSeeNoSecret(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		for _, noPrepare := range []bool{false, true} {
			r := new(recorder)
			s, err := bunstore.New(v.db(t, "").WithQueryHook(r), &bunstore.Options{Prefix: v.prefix(t), NoPrepare: noPrepare})
			must(t, err)
			defer s.Close()
			must(t, s.Migrate(t.Context()))
			wantNoSecrets(t, r, everyVerb(t, s))
		}
	})
}

// TestSlotReplacesEverything puts a ticket into the place of another: nothing
// of the old one is left, its end least of all.
func TestSlotReplacesEverything(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		put := []auth.Ticket{
			{Purpose: "p", Key: "1", UserID: "a", Slot: "s", Data: []byte("one"), CreatedAt: day, ExpiresAt: day.Add(time.Hour)},
			{Purpose: "p", Key: "2", UserID: "b", Slot: "s", Data: []byte("two"), CreatedAt: day.Add(time.Minute), ExpiresAt: day.Add(2 * time.Hour)},
			{Purpose: "p", Key: "3", Slot: "s"},
			{Purpose: "p", Key: "4", UserID: "d", Slot: "s", Data: []byte("four"), ExpiresAt: day.Add(time.Second)},
		}
		for i, want := range put {
			must(t, s.PutTicket(ctx, want))
			got, err := s.LoadTicket(ctx, "p", want.Key)
			must(t, err)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%d: got %v, want %v", i, got, want)
			}
			for _, old := range put[:i] {
				if _, err := s.LoadTicket(ctx, "p", old.Key); !errors.Is(err, auth.ErrNotFound) {
					t.Errorf("%s is left: %v", old.Key, err)
				}
			}
			// What is refused changes nothing of it.
			again := want
			again.Data, again.UserID, again.ExpiresAt = []byte("other"), "other", day.Add(99*time.Hour)
			for _, slot := range []string{"s", "other", ""} {
				again.Slot = slot
				if err := s.PutTicket(ctx, again); !errors.Is(err, auth.ErrExists) {
					t.Errorf("again in slot %q: %v, want ErrExists", slot, err)
				}
			}
			if got, err := s.LoadTicket(ctx, "p", want.Key); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("after it was refused: got %v, %v, want %v", got, err, want)
			}
		}
	})
}

// TestWindowBeginsAnew counts into the next window: with a counter goes its end.
func TestWindowBeginsAnew(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		for i, c := range []struct {
			after  time.Duration
			window time.Duration
			n      int64
			until  time.Duration
		}{
			{0, time.Minute, 1, time.Minute},
			{time.Second, time.Hour, 2, time.Minute}, // the first one's window
			{time.Minute - time.Millisecond, time.Minute, 3, time.Minute},
			{time.Minute, 2 * time.Minute, 1, 3 * time.Minute},
			{2 * time.Minute, time.Minute, 2, 3 * time.Minute},
		} {
			count := func(ctx context.Context, key string) error {
				n, until, err := s.Count(ctx, key, c.window, day.Add(c.after))
				if n != c.n || !until.Equal(day.Add(c.until)) || err != nil {
					t.Errorf("%d %s: got %d until %v, %v, want %d until %v", i, key, n, until.Sub(day), err, c.n, c.until)
				}
				return err
			}
			must(t, count(t.Context(), "k"), s.InTx(t.Context(), func(ctx context.Context) error { return count(ctx, "in tx") }))
		}
	})
}

// TestHostColumnsOnServers is TestHostColumns on servers.
func TestHostColumnsOnServers(t *testing.T) {
	everyServer(t, func(t *testing.T, v server) {
		prefix := v.prefix(t)
		s := v.store(t, "", bunstore.Options{Prefix: prefix})
		for _, table := range []string{"sessions", "credentials", "tickets", "counters", "users"} {
			raw(t, s, "ALTER TABLE ? ADD COLUMN tenant VARCHAR(20) NOT NULL DEFAULT 'x'", bun.Ident(prefix+table))
		}
		everyVerb(t, s)
		whole(t, s)
	})
}

// TestManyKinds asks for more kinds than the database is given at once.
func TestManyKinds(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		var kinds []string
		for i := range 20 {
			kinds = append(kinds, fmt.Sprintf("kind %02d", i))
			must(t, s.ChangeCredentials(ctx, create(kinds[i], "k", "u"), create(kinds[i], "other", "v")))
		}
		for n := range 15 {
			ask := append(slices.Clone(kinds[:n]), kinds[:n]...) // twice each
			ask = append(ask[:n], "none", "")
			list, err := s.UserCredentials(ctx, "u", ask...)
			must(t, err)
			var got []string
			for _, c := range list {
				got = append(got, c.Kind)
			}
			if !slices.Equal(got, kinds[:n]) {
				t.Errorf("%d kinds: got %v", n, got)
			}
		}
	})
}

// TestEnableTwice enables a user who is enabled, which changes nothing: MySQL
// says that it affected no row.
func TestEnableTwice(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		id, err := s.Users().CreateUser(t.Context(), auth.Profile{})
		must(t, err, s.Users().SetDisabled(t.Context(), id, false), s.Users().SetDisabled(t.Context(), id, false))
		if err := s.Users().SetDisabled(t.Context(), "nobody", false); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	})
}

// TestLargest keeps the largest of everything, in the table that has the least
// room for it.
func TestLargest(t *testing.T) {
	everyDatabase(t, func(t *testing.T, s *bunstore.Store, _ string) {
		ctx := t.Context()
		long := func(c string) string { return strings.Repeat(c, 255)[:255] }
		a := long("a")
		ss := &auth.Session{ID: auth.SessionID{1}, UserID: a, Actor: long("b"), AuthVersion: long("c"), Binding: long("d"), Label: strings.Repeat("é", 127)}
		for range 200 {
			ss.Proofs = append(ss.Proofs, auth.Proof{Method: a, At: day, Kind: a, Key: a, Generation: 1 << 62})
		}
		data := make([]byte, 1<<16-1)
		for i := range data {
			data[i] = byte(i * 7)
		}
		must(t, s.CreateSession(ctx, ss),
			s.ChangeCredentials(ctx, auth.Change{New: &auth.Credential{Kind: a, Key: long("k"), UserID: long("u"), Data: data, Label: long("l")}}),
			s.PutTicket(ctx, auth.Ticket{Purpose: a, Key: long("k"), UserID: long("u"), Slot: long("s"), Data: data}),
			third(s.Count(ctx, a, 0, day)))
		got, err := s.LoadSession(ctx, ss.ID)
		must(t, err)
		if len(got.Proofs) != 200 || got.Proofs[199] != ss.Proofs[199] || got.Label != ss.Label {
			t.Errorf("got %d proofs", len(got.Proofs))
		}
		c, err := s.LoadCredential(ctx, a, long("k"))
		must(t, err)
		tk, err := s.TakeTicket(ctx, a, long("k"))
		must(t, err)
		if !slices.Equal(c.Data, data) || !slices.Equal(tk.Data, data) || tk.Slot != long("s") {
			t.Error("data came back otherwise")
		}
	})
}
