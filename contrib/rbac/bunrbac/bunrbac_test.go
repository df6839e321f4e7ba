package bunrbac_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/contrib/internal/decisiontable"
	"github.com/gatehouse-go/gatehouse/contrib/rbac"
	"github.com/gatehouse-go/gatehouse/contrib/rbac/bunrbac"
	"github.com/gatehouse-go/gatehouse/internal/perrequest"
	bunstore "github.com/gatehouse-go/gatehouse/stores/bun"
	"github.com/gatehouse-go/gatehouse/stores/bun/open"
)

// each runs f on every database that there is: the function opens another connection
// to it, as another process would.
func each(t *testing.T, f func(t *testing.T, open func(t *testing.T) *bunstore.Store)) {
	t.Run("SQLite", func(t *testing.T) {
		dsn := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_pragma=synchronous(off)"
		f(t, func(t *testing.T) *bunstore.Store { return opened(t, dsn, "gatehouse_") })
	})
	for name, variable := range map[string]string{"PostgreSQL": "GATEHOUSE_TEST_POSTGRES", "MariaDB": "GATEHOUSE_TEST_MYSQL"} {
		t.Run(name, func(t *testing.T) {
			dsn := os.Getenv(variable)
			if dsn == "" {
				t.Skipf("server: set %s", variable)
			}
			prefix := "rb" + strings.ToLower(rand.Text()[:10]) + "_"
			t.Cleanup(func() { drop(t, dsn, prefix) })
			f(t, func(t *testing.T) *bunstore.Store { return opened(t, dsn, prefix) })
		})
	}
}

func opened(t *testing.T, dsn, prefix string) *bunstore.Store {
	t.Helper()
	db, err := open.DB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := bunstore.New(db, &bunstore.Options{Prefix: prefix, CloseDB: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// drop drops the tables with that prefix.
func drop(t *testing.T, dsn, prefix string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := open.DB(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	query := "SELECT tablename FROM pg_tables"
	if strings.HasPrefix(dsn, "mysql") {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = database()"
	}
	var names []string
	if err := db.NewRaw(query).Scan(ctx, &names); err != nil {
		t.Error(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			if _, err := db.DB.ExecContext(ctx, "DROP TABLE "+name); err != nil {
				t.Error(err)
			}
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// A site answers requests, with sessions in the same database.
type site struct {
	t       *testing.T
	handler http.Handler
	cookies map[string]*http.Cookie
}

func newSite(t *testing.T, db *bunstore.Store, users ...string) *site {
	t.Helper()
	a, err := rbac.New(bunrbac.New(db), &rbac.Options{Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	m, err := auth.New(authtest.NewUsers(users...), db, &auth.Options{Authorizer: a, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	s := &site{t: t, cookies: make(map[string]*http.Cookie)}
	s.handler = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant := r.FormValue("tenant")
		err := m.Authorize(r.Context(), r.FormValue("action"), auth.Object{Type: "post", ID: "17", Tenant: tenant})
		switch {
		case err == nil:
			fmt.Fprint(w, "yes")
		case errors.Is(err, auth.ErrForbidden):
			fmt.Fprint(w, "no")
		default:
			fmt.Fprint(w, "outage")
		}
	}))
	for _, user := range users {
		s.cookies[user] = authtest.LogIn(t, m, user)
	}
	return s
}

func (s *site) ask(user, action, tenant string) string {
	r := httptest.NewRequest("GET", "/?action="+action+"&tenant="+tenant, nil)
	r.AddCookie(s.cookies[user])
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Body.String()
}

func (s *site) want(want, user, action, tenant string) {
	s.t.Helper()
	if got := s.ask(user, action, tenant); got != want {
		s.t.Errorf("%s, %s in %q: %s, want %s", user, action, tenant, got, want)
	}
}

// What another process changes counts from the next request on.
func TestNextRequest(t *testing.T) {
	each(t, func(t *testing.T, open func(t *testing.T) *bunstore.Store) {
		ctx := t.Context()
		s, other := newSite(t, open(t), "ada", "bob"), bunrbac.New(open(t))
		s.want("no", "ada", "posts:edit", "")
		must(t, other.SetRole(ctx, rbac.Role{Name: "editor", Permissions: []string{"posts:edit"}}))
		s.want("no", "ada", "posts:edit", "")
		everywhere := rbac.Grant{UserID: "ada", Role: "editor"}
		must(t, other.Grant(ctx, everywhere), other.Grant(ctx, everywhere))
		s.want("yes", "ada", "posts:edit", "")
		s.want("yes", "ada", "posts:edit", "acme")
		s.want("no", "bob", "posts:edit", "")
		must(t, other.Revoke(ctx, everywhere))
		s.want("no", "ada", "posts:edit", "")
		if err := other.Revoke(ctx, everywhere); !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("Revoke again: %v", err)
		}
		inAcme := rbac.Grant{UserID: "ada", Role: "editor", Tenant: "acme", Object: "post/17"}
		must(t, other.Grant(ctx, inAcme))
		s.want("yes", "ada", "posts:edit", "acme")
		s.want("no", "ada", "posts:edit", "other")
		must(t, other.SetRole(ctx, rbac.Role{Name: "editor", Permissions: []string{"posts:look"}}))
		s.want("no", "ada", "posts:edit", "acme")
		must(t, other.SetRole(ctx, rbac.Role{Name: "editor", Inherits: []string{"poster"}}), other.SetRole(ctx, rbac.Role{Name: "poster", Permissions: []string{"posts:*"}}))
		s.want("yes", "ada", "posts:edit", "acme")
		must(t, other.DeleteRole(ctx, "editor"))
		s.want("no", "ada", "posts:edit", "acme")
		must(t, other.SetRole(ctx, rbac.Role{Name: "editor", Inherits: []string{"poster"}}))
		s.want("no", "ada", "posts:edit", "acme") // it was taken from everybody
		must(t, other.Grant(ctx, inAcme))
		s.want("yes", "ada", "posts:edit", "acme")
		must(t, other.RevokeAll(ctx, "ada"))
		s.want("no", "ada", "posts:edit", "acme")
		for _, g := range []rbac.Grant{{UserID: "ada", Role: "editor", Object: "post"}, {Role: "editor"}} {
			if err := other.Grant(ctx, g); !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("Grant %+v: %v", g, err)
			}
		}
	})
}

// While roles and grants change from several processes, nobody gets what they were not
// granted, and nobody loses what they have.
func TestWhileChanging(t *testing.T) {
	each(t, func(t *testing.T, open func(t *testing.T) *bunstore.Store) {
		ctx := t.Context()
		first, second := bunrbac.New(open(t)), bunrbac.New(open(t))
		must(t,
			first.SetRole(ctx, rbac.Role{Name: "editor", Permissions: []string{"posts:edit"}}),
			first.SetRole(ctx, rbac.Role{Name: "viewer", Permissions: []string{"posts:read"}}),
			first.Grant(ctx, rbac.Grant{UserID: "ada", Role: "editor"}),
			first.Grant(ctx, rbac.Grant{UserID: "bob", Role: "viewer"}))
		s := newSite(t, open(t), "ada", "bob", "cleo")
		var readers, writers sync.WaitGroup
		stop := make(chan struct{})
		for range 2 {
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					s.want("yes", "ada", "posts:edit", "")
					s.want("no", "bob", "posts:edit", "")
				}
			})
		}
		writers.Go(func() {
			for i := range 20 {
				if err := first.SetRole(ctx, rbac.Role{Name: fmt.Sprint("r", i%3), Permissions: []string{"*"}}); err != nil {
					t.Error(err)
				}
			}
		})
		writers.Go(func() {
			for range 20 {
				g := rbac.Grant{UserID: "cleo", Role: "editor"}
				if err := second.Grant(ctx, g); err != nil {
					t.Error(err)
				}
				s.want("yes", "cleo", "posts:edit", "")
				if err := second.Revoke(ctx, g); err != nil {
					t.Error(err)
				}
				s.want("no", "cleo", "posts:edit", "")
			}
		})
		writers.Wait()
		close(stop)
		readers.Wait()
	})
}

// What a transaction has changed counts in it, and for nobody else before it is committed:
// not for other requests of the same process, and not after it was rolled back.
func TestUncommitted(t *testing.T) {
	each(t, func(t *testing.T, open func(t *testing.T) *bunstore.Store) {
		outside := context.WithValue(t.Context(), perrequest.Key{}, new(perrequest.Memo)) // of a request
		db := open(t)
		roles := bunrbac.New(db)
		must(t,
			roles.SetRole(outside, rbac.Role{Name: "viewer", Permissions: []string{"posts:read"}}),
			roles.Grant(outside, rbac.Grant{UserID: "ada", Role: "viewer"}))
		for name, source := range map[string]rbac.Source{"alone": roles, "combined": rbac.Combine(roles, roles)} {
			a, err := rbac.New(source, &rbac.Options{Logger: slog.New(slog.DiscardHandler)})
			must(t, err)
			want := func(want bool, when string, ctx context.Context, user string) {
				t.Helper()
				err := a.Authorize(ctx, auth.Access{Identity: &auth.Identity{UserID: user}, Action: "posts:edit"})
				if want != (err == nil) || err != nil && !errors.Is(err, auth.ErrForbidden) {
					t.Errorf("%s, %s, %s: %v, want %t", name, user, when, err, want)
				}
			}
			want(false, "before", t.Context(), "ada")
			rolledBack := errors.New("rolled back")
			err = db.InTx(outside, func(ctx context.Context) error {
				must(t,
					roles.SetRole(ctx, rbac.Role{Name: "viewer", Permissions: []string{"posts:*"}}),
					roles.Grant(ctx, rbac.Grant{UserID: "bob", Role: "viewer"}))
				want(true, "in the transaction", ctx, "ada")
				want(true, "in the transaction", ctx, "bob")
				want(false, "beside it", t.Context(), "ada")
				want(false, "beside it", t.Context(), "bob")
				must(t, roles.RevokeAll(ctx, "bob"))
				want(false, "in the transaction, revoked", ctx, "bob")
				must(t, roles.Grant(ctx, rbac.Grant{UserID: "bob", Role: "viewer"}))
				if err := a.Reload(ctx); err == nil {
					t.Errorf("%s: Reload in the transaction: no error", name)
				}
				return rolledBack
			})
			if err != rolledBack {
				t.Fatal(err)
			}
			want(false, "after it", t.Context(), "ada")
			want(false, "after it", t.Context(), "bob")
			want(false, "after it, in the same request", outside, "ada")
			want(false, "after it, in the same request", outside, "bob")
		}
	})
}

func TestHolders(t *testing.T) {
	each(t, func(t *testing.T, open func(t *testing.T) *bunstore.Store) {
		ctx := t.Context()
		memory, err := rbac.NewMemory()
		must(t, err)
		for _, s := range []rbac.Store{bunrbac.New(open(t)), memory} { // they agree
			var want []rbac.Grant
			for i := range 5 {
				g := rbac.Grant{UserID: fmt.Sprint("u", i), Role: "editor"}
				in := g
				in.Tenant, in.Object = "acme", "post/1"
				want = append(want, g, in)
				must(t, s.Grant(ctx, in), s.Grant(ctx, g), s.Grant(ctx, rbac.Grant{UserID: g.UserID, Role: "viewer"}))
			}
			var got []rbac.Grant
			after := ""
			for pages := 0; ; pages++ {
				page, next, err := s.Holders(ctx, "editor", after, 4)
				must(t, err)
				got = append(got, page...)
				if after = next; next == "" || pages > 9 {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%T: %v, want %v", s, got, want)
			}
			grants, _, err := s.Grants(ctx, "u3")
			if len(grants) != 3 || err != nil {
				t.Errorf("%T: u3 was granted %v, %v", s, grants, err)
			}
			if grants, _, err := s.Grants(ctx, ""); grants != nil || err != nil {
				t.Errorf("%T: nobody was granted %v, %v", s, grants, err)
			}
			if _, _, err := s.Holders(ctx, "editor", "!", 4); !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("%T: %v", s, err)
			}
		}
	})
}

// A database that is away is an outage.
func TestOutage(t *testing.T) {
	db, err := open.DB("file::memory:")
	must(t, err)
	store, err := bunstore.New(db, nil)
	must(t, err)
	must(t, store.Migrate(t.Context()))
	a, err := rbac.New(bunrbac.New(store), nil)
	must(t, err)
	access := auth.Access{Identity: &auth.Identity{UserID: "ada"}, Action: "posts:edit"}
	if err := a.Authorize(t.Context(), access); !errors.Is(err, auth.ErrForbidden) {
		t.Errorf("while it is here: %v", err)
	}
	must(t, db.Close())
	if err := a.Authorize(t.Context(), access); err == nil || errors.Is(err, auth.ErrForbidden) {
		t.Errorf("while it is away: %v", err)
	}
}

// The table of the site, with roles and grants in a database.
func TestDecisionTable(t *testing.T) {
	db := opened(t, "file::memory:", "gatehouse_")
	roles := bunrbac.New(db)
	text, err := os.ReadFile("../testdata/policy/roles.yaml")
	must(t, err)
	defs, _, err := rbac.ParseYAML(text)
	must(t, err)
	for _, r := range defs {
		must(t, roles.SetRole(t.Context(), r))
	}
	for _, g := range decisiontable.Grants {
		must(t, roles.Grant(t.Context(), rbac.Grant(g)))
	}
	decisiontable.Run(t, func(t *testing.T, _ policy.Roles) auth.Authorizer {
		a, err := rbac.New(roles, &rbac.Options{User: "user", Logger: slog.New(slog.DiscardHandler)})
		must(t, err)
		return policy.AnyOf(a, policy.For(policy.Owner(nil), "posts:read", "posts:edit", "posts:delete"))
	})
}
