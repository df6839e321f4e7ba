package decisiontable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/auth/policy"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// fresh is how lately an admin must have proved that it is them.
const fresh = 10 * time.Minute

// Compose puts around an engine what is the same for all: what needs a fresh proof.
func Compose(engine auth.Authorizer) auth.Authorizer {
	return policy.AllOf(engine, policy.ByPrefix(map[string]auth.Authorizer{
		"admin:roles":    policy.Fresh(fresh),
		"admin:sessions": policy.Fresh(fresh),
		"":               policy.Everybody(),
	}))
}

// Run asks the authorizer that open returns every question of the table, as requests
// to a site: people log in, and what is said is what a client is told. Open is given
// the roles of the site; whoever has them from elsewhere leaves them.
func Run(t *testing.T, open func(t *testing.T, roles policy.Roles) auth.Authorizer) {
	s := newSite(t, Compose(open(t, Roles)))
	for _, row := range rows {
		name := fmt.Sprintf("%s %s %s", named(row.who), row.action, row.post)
		if row.tenant != "" {
			name += " in " + row.tenant
		}
		t.Run(name, func(t *testing.T) {
			if got := s.ask(t, row); got != row.want {
				t.Errorf("%s wants to %q post %q in tenant %q: told %q, want %q", named(row.who), row.action, row.post, row.tenant, got, row.want)
			}
		})
	}
}

func named(who string) string {
	if who == "" {
		return "nobody"
	}
	return who
}

type site struct {
	handler http.Handler
	manager *auth.Manager
	clock   *authtest.Clock
	users   users
}

func newSite(t *testing.T, authorizer auth.Authorizer) *site {
	t.Helper()
	s := &site{clock: authtest.NewClock(time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)), users: newUsers()}
	m, err := auth.New(auth.UserFunc(s.users.load), memory.New(nil), &auth.Options{
		Authorizer: authorizer,
		Providers:  []auth.Provider{owed{}},
		Loaders:    []auth.RequestLoader{keys{}},
		Lifetime:   24 * time.Hour, IdleTimeout: 24 * time.Hour,
		Now:    s.clock.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		err := m.LogIn(w, r, r.FormValue("who"), auth.Proof{Method: "password"})
		if owed := (*auth.OwedError)(nil); err != nil && !errors.As(err, &owed) {
			t.Errorf("%s: log in: %v", r.FormValue("who"), err)
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if tenant := r.FormValue("tenant"); tenant != "" {
			ctx = policy.WithTenant(ctx, tenant)
		}
		var object any
		if id := r.FormValue("post"); id != "" {
			object = Posts[id]
		}
		if err := m.Authorize(ctx, r.FormValue("action"), object); err != nil {
			m.Refuse(w, r, err)
		}
	})
	s.manager, s.handler = m, m.Handler(mux)
	return s
}

// ask returns what row.who is told.
func (s *site) ask(t *testing.T, row row) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://example.com/", nil)
	r.Header.Set("Accept", "application/json")
	q := r.URL.Query()
	for name, value := range map[string]string{"action": row.action, "post": row.post, "tenant": row.tenant} {
		q.Set(name, value)
	}
	r.URL.RawQuery = q.Encode()

	userID, state, _ := strings.Cut(row.who, "/")
	scopes, key := strings.CutPrefix(state, "key ")
	switch {
	case userID == "":
	case key:
		r.Header.Set("X-Key", userID)
		r.Header.Set("X-Scopes", scopes)
	default:
		for _, c := range s.logIn(t, userID) {
			r.AddCookie(c)
		}
	}
	switch state {
	case "tired":
		s.clock.Advance(time.Hour)
	case "disabled":
		s.users[userID].Store(true)
		defer s.users[userID].Store(false)
	}

	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code == http.StatusOK {
		return yes
	}
	var problem struct{ Code string }
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return answer(fmt.Sprintf("%d %s", w.Code, problem.Code))
}

func (s *site) logIn(t *testing.T, userID string) []*http.Cookie {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://example.com/login", io.NopCloser(strings.NewReader("")))
	q := r.URL.Query()
	q.Set("who", userID)
	r.URL.RawQuery = q.Encode()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Result().Cookies()
}

// keys are API keys that say themselves whose they are, and what they are limited to.
type keys struct{}

func (keys) LoadRequest(r *http.Request) (*auth.Identity, error) {
	userID := r.Header.Get("X-Key")
	if userID == "" {
		return nil, auth.ErrNoCredentials
	}
	id := &auth.Identity{UserID: userID, Scopes: []string{}}
	if s := r.Header.Get("X-Scopes"); s != "" {
		id.Scopes = strings.Split(s, ",")
	}
	return id, nil
}

// owed is a factor that only hal owes, and that nobody can give.
type owed struct{}

func (owed) Name() string { return "code" }

func (owed) Mount(*auth.Manager, auth.Mux) error { return nil }

func (owed) Owed(_ context.Context, u auth.User, _ []auth.Proof) (bool, error) {
	return u.AuthID() == "hal", nil
}
