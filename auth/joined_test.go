package auth_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// A registry is a table of users beside the sessions of a store: it finds both at once.
type registry struct {
	*accounts
	store *spy

	asked int
	fail  error
	other bool // returns somebody else
}

func (r *registry) LoadUser(ctx context.Context, id string) (auth.User, error) {
	return r.byID(ctx, id)
}

func (r *registry) JoinsSessionsOf(s auth.SessionStore) bool { return s == auth.SessionStore(r.store) }

func (r *registry) LoadSessionUser(ctx context.Context, id auth.SessionID) (*auth.Session, auth.User, error) {
	r.asked++
	if r.fail != nil {
		return nil, nil, r.fail
	}
	sess, err := r.store.Store.LoadSession(ctx, id) // not counted
	if err != nil {
		return nil, nil, err
	}
	if r.other {
		return sess, &account{id: "bob"}, nil
	}
	u, err := r.byID(ctx, sess.UserID)
	if errors.Is(err, auth.ErrNotFound) {
		return sess, nil, nil
	}
	return sess, u, err
}

// newJoined is a site whose loader is a registry of the given store, as New sees it.
func newJoined(t *testing.T, as func(users *registry, store *spy) (auth.UserLoader, auth.Store), change func(*auth.Options)) (*site, *registry) {
	t.Helper()
	s := newSite(t, nil)
	users := &registry{accounts: s.accounts, store: s.store}
	loader, store := as(users, s.store)
	o := &auth.Options{Providers: []auth.Provider{trust{}}, Pages: plain{}, Now: s.clock.Now}
	if change != nil {
		change(o)
	}
	m, err := auth.New(loader, store, o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	m.Mount(mux)
	mux.Handle("/me", m.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := auth.UserFrom[*account](r.Context()); ok {
			w.Write([]byte(a.id))
		}
	})))
	s.m, s.h = m, m.Handler(mux)
	return s, users
}

func itself(users *registry, store *spy) (auth.UserLoader, auth.Store) { return users, store }

// TestJoined: a session and its user are asked for at once, and everything that may
// be wrong with either is what it always is.
func TestJoined(t *testing.T) {
	for _, test := range []struct {
		name   string
		harm   func(s *site, users *registry)
		status int
		asked  int // by LoadSession of the store
	}{
		{"as it should be", func(*site, *registry) {}, 200, 0},
		{"revoked", func(s *site, _ *registry) { _ = s.store.Store.DeleteUserSessions(context.Background(), "ada") }, 401, 0},
		{"expired", func(s *site, _ *registry) { s.clock.Advance(1000e9 * 3600) }, 401, 0},
		{"disabled", func(s *site, _ *registry) { s.accounts.change("ada", func(a *account) { a.disabled = true }) }, 401, 0},
		{"changed", func(s *site, _ *registry) { s.accounts.change("ada", func(a *account) { a.version = "2" }) }, 401, 0},
		{"deleted", func(s *site, _ *registry) { delete(s.accounts.m, "ada") }, 401, 0},
		{"outage", func(_ *site, users *registry) { users.fail = errors.New("down") }, 503, 0},
		{"outage that says forbidden", func(_ *site, users *registry) { users.fail = auth.ErrForbidden }, 503, 0},
		{"outage that says nobody", func(_ *site, users *registry) { users.fail = auth.ErrNoCredentials }, 503, 0},
		{"another user", func(_ *site, users *registry) { users.other = true }, 503, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, users := newJoined(t, itself, nil)
			v := s.visitor("Accept", "application/json").logIn("ada")
			before := s.store.count("LoadSession")
			test.harm(s, users)
			users.asked = 0
			if res := v.get("/me"); res.StatusCode != test.status {
				t.Errorf("got %d, want %d", res.StatusCode, test.status)
			}
			if got := s.store.count("LoadSession") - before; got != test.asked || users.asked != 1 {
				t.Errorf("%d sessions and %d joined were asked for, want %d and 1", got, users.asked, test.asked)
			}
		})
	}
}

// TestNotJoined: whoever stands in front of the loader or the sessions is asked, and in
// a realm users have other names.
func TestNotJoined(t *testing.T) {
	for _, test := range []struct {
		name   string
		as     func(users *registry, store *spy) (auth.UserLoader, auth.Store)
		change func(*auth.Options)
		want   int // requests that are joined
	}{
		{"itself", itself, nil, 1},
		{"with tickets elsewhere", func(users *registry, store *spy) (auth.UserLoader, auth.Store) {
			return users, auth.Combine(store, auth.Parts{Tickets: memory.New(nil)})
		}, nil, 1},
		{"with sessions elsewhere", func(users *registry, store *spy) (auth.UserLoader, auth.Store) {
			return users, auth.Combine(store, auth.Parts{Sessions: memory.New(nil)})
		}, nil, 0},
		{"a loader in front", func(users *registry, store *spy) (auth.UserLoader, auth.Store) {
			return auth.UserFunc(users.byID), store
		}, nil, 0},
		{"a store in front", func(users *registry, store *spy) (auth.UserLoader, auth.Store) {
			return users, &spy{Store: store, calls: map[string]int{}}
		}, nil, 0},
		{"a realm", itself, func(o *auth.Options) { o.Realm = "staff" }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, users := newJoined(t, test.as, test.change)
			v := s.visitor("Accept", "application/json").logIn("ada")
			users.asked = 0
			if res := v.get("/me"); res.StatusCode != 200 {
				t.Fatalf("got %d", res.StatusCode)
			}
			if users.asked != test.want {
				t.Errorf("%d requests were joined, want %d", users.asked, test.want)
			}
		})
	}
}
