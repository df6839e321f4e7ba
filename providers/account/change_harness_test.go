package account_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/mail"
	"github.com/gatehouse-go/gatehouse/auth/outbox"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

const week = 7 * 24 * time.Hour

// A place is where a site keeps things, to be opened again by the next one.
type place func(set *setup)

// inMemory is a place for a site and those that are started after it.
func inMemory() place {
	store, users, outbox, audit := memory.New(nil), memory.NewUsers(), memory.NewOutbox(), memory.NewAudit()
	return func(set *setup) {
		set.store, set.users, set.outbox, set.account.Activity = store, users, outbox, audit
	}
}

// inSQL is one in a database.
func inSQL(t testing.TB, dsn string) place {
	t.Helper()
	db, err := open.DB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := bunstore.New(db, &bunstore.Options{Prefix: "t" + strings.ToLower(rand.Text()[:12]) + "_", CloseDB: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return func(set *setup) {
		set.store, set.users, set.outbox, set.account.Activity = s, s.Users(), s.Outbox(), s.Audit()
	}
}

func sqlite(t testing.TB) place {
	return inSQL(t, "file:"+filepath.Join(t.TempDir(), "test.db")+"?_pragma=synchronous(off)")
}

// onBoth runs f in memory and on SQLite.
func onBoth(t *testing.T, f func(t *testing.T, at place)) {
	t.Run("memory", func(t *testing.T) { f(t, inMemory()) })
	t.Run("SQLite", func(t *testing.T) { f(t, sqlite(t)) })
}

// everywhere runs f on the servers as well.
func everywhere(t *testing.T, f func(t *testing.T, at place)) {
	onBoth(t, f)
	for name, variable := range map[string]string{"PostgreSQL": "GATEHOUSE_TEST_POSTGRES", "MariaDB": "GATEHOUSE_TEST_MYSQL"} {
		t.Run(name, func(t *testing.T) {
			dsn := os.Getenv(variable)
			if dsn == "" {
				t.Skipf("server: set %s", variable)
			}
			f(t, inSQL(t, dsn))
		})
	}
}

// mailed is the newest mail of that ID to the address.
func (s *site) mailed(to, id string) mail.Message {
	s.t.Helper()
	all := s.mails(to)
	i := slices.IndexFunc(all, func(m mail.Message) bool { return m.ID == id })
	if i < 0 {
		s.t.Fatalf("no mail %q to %s: %v", id, to, ids(all))
	}
	return all[i]
}

// ids are those of mails.
func ids(all []mail.Message) (ids []string) {
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

// want fails the test unless the answer is that.
func (r reply) want(t testing.TB, status int, code string) reply {
	t.Helper()
	if r.Code != status || r.code() != code {
		t.Fatalf("%d %q, want %d %q: %s", r.Code, r.code(), status, code, r.text)
	}
	return r
}

// moves changes the address of who is logged in in b, and returns once that is done.
func (b *browser) moves(to string) *browser {
	b.s.t.Helper()
	b.post("/email", "email", to).want(b.s.t, http.StatusAccepted, "")
	b.post("/email", "token", b.s.token(b.s.mailed(to, "account.email"))).want(b.s.t, http.StatusOK, "")
	return b
}

// closes closes the account of who is logged in in b.
func (b *browser) closes() { b.s.t.Helper(); b.post("/close").want(b.s.t, http.StatusOK, "") }

// credentials are the kinds of what a user has, but for those that logins leave behind.
func (s *site) credentials(userID string) (kinds []string) {
	s.t.Helper()
	held, err := s.m.Store().UserCredentials(s.t.Context(), userID)
	s.must(err)
	for _, c := range held {
		if c.Kind != "device" {
			kinds = append(kinds, c.Kind)
		}
	}
	return kinds
}

// crashes runs flow on a fresh site, again and again, and each time the process dies
// before the next call of the store; then check is given a site on the same data.
func crashes(t *testing.T, at func(t *testing.T) place, begin func(s *site) func(), check func(s *site)) {
	n := 0
	for k := 1; ; k++ {
		where := at(t)
		s := newSite(t, where)
		flow := begin(s)
		s.store.Reset()
		died := s.store.On().At(k).Kill()
		flow()
		if died.Hits() == 0 {
			break
		}
		n++
		check(reopened(t, where, s))
	}
	if n < 5 {
		t.Fatalf("only %d crashes: the flow was not run", n)
	}
	t.Logf("%d crashes", n)
}

// reopened is the site that is started after s has died.
func reopened(t *testing.T, at place, s *site) *site {
	n := newSite(t, at, func(set *setup) { set.mailer = s.box })
	n.box = s.box
	n.clock.Advance(s.clock.Now().Sub(n.clock.Now()) + 10*time.Minute) // what was claimed is due again
	return n
}

// addKey gives the user another way to log in, as a provider of the host's would.
func addKey(ctx context.Context, m *auth.Manager, userID, key string) error {
	return m.ChangeCredentials(ctx, userID, auth.Change{New: &auth.Credential{Kind: "trust", Key: key, UserID: userID, CreatedAt: m.Now()}})
}

// A trust is a provider whose credentials are a way in.
type trust struct{}

func (trust) Name() string                        { return "trust" }
func (trust) Mount(*auth.Manager, auth.Mux) error { return nil }
func (trust) Kinds() []auth.Kind {
	return []auth.Kind{{Name: "trust", Role: auth.FirstFactor, Title: "Trust"}}
}

func withTrust(set *setup) { set.auth.Providers = append(set.auth.Providers, trust{}) }

type (
	ctx         = context.Context
	mailMessage = mail.Message
)

func sqlitePlace(t *testing.T) place { return sqlite(t) }

// emailOf is the address of a user of a table in a database.
func emailOf(u auth.User) string { return u.(*bunstore.User).Email }

// A brokenOutbox takes nothing while it is down.
type brokenOutbox struct {
	outbox.Store
	down atomic.Bool
}

func (o *brokenOutbox) Enqueue(ctx context.Context, e outbox.Entry) error {
	if o.down.Load() {
		return errors.New("the outbox is down")
	}
	return o.Store.Enqueue(ctx, e)
}

// A failing mailer loses what it is given while it is down, and says so.
type failing struct {
	mail.Mailer
	down atomic.Bool
	lost []mail.Message
}

func (f *failing) Send(ctx context.Context, m *mail.Message) error {
	if f.down.Load() {
		f.lost = append(f.lost, *m)
		return errors.New("the mail server is down")
	}
	return f.Mailer.Send(ctx, m)
}
