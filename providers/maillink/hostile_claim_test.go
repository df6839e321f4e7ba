package maillink_test

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

// keys is a loader of requests: a cookie says whose they are.
type keys struct{}

func (keys) LoadRequest(r *http.Request) (*auth.Identity, error) {
	c, err := r.Cookie("key")
	if err != nil {
		return nil, auth.ErrNoCredentials
	}
	return &auth.Identity{UserID: c.Value}, nil
}

// Only the user's own login, which holds to the end, shows that the account is theirs: an
// address that is proved without it takes the account over, or nothing is done at all.
func TestHostileClaimProvedWithoutALogin(t *testing.T) {
	for name, tt := range map[string]struct {
		is   func(s *site, b *browser, faults *authtest.Faults, userID string)
		code int
		kept bool
	}{
		"by who acts as them": {func(s *site, b *browser, _ *authtest.Faults, userID string) {
			b.post("/login", "email", ada, "password", secret)
			all, err := s.m.Store().UserSessions(t.Context(), userID)
			if err != nil || len(all) != 1 {
				t.Fatalf("%d sessions, %v", len(all), err)
			}
			all[0].Actor = "root"
			if err := s.m.Store().UpdateSession(t.Context(), all[0]); err != nil {
				t.Fatal(err)
			}
		}, http.StatusOK, false},
		"by a key of theirs": {func(_ *site, b *browser, _ *authtest.Faults, userID string) {
			b.cookies["key"] = userID
		}, http.StatusOK, false},
		"by a login that has ended since it was looked at": {func(s *site, b *browser, faults *authtest.Faults, userID string) {
			b.post("/login", "email", ada, "password", secret)
			routes := http.NewServeMux()
			s.m.Mount(routes)
			s.handler = s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := s.m.IdentityFrom(r.Context()); err != nil {
					t.Error(err)
				}
				routes.ServeHTTP(w, r)
			}))
			faults.On("LoadTicket").At(1).Before(func(ctx context.Context) error { return s.m.Store().DeleteUserSessions(ctx, userID) })
		}, http.StatusGone, true},
		"by a login that ends while the link is used": {func(s *site, b *browser, faults *authtest.Faults, userID string) {
			b.post("/login", "email", ada, "password", secret)
			faults.On("TakeTicket").At(1).Before(func(ctx context.Context) error { return s.m.Store().DeleteUserSessions(ctx, userID) })
		}, http.StatusGone, true},
		"while nobody can tell who is logged in": {func(_ *site, b *browser, faults *authtest.Faults, _ string) {
			b.post("/login", "email", ada, "password", secret)
			faults.On("LoadSession").At(1).Fail(authtest.ErrDown)
		}, http.StatusServiceUnavailable, true},
	} {
		faults := authtest.NewFaults(memory.New(nil))
		s := newSite(t, func(c *config) { c.store, c.auth.Loaders = faults, []auth.RequestLoader{keys{}} })
		id := s.register(ada, false)
		b := s.browser()
		token := b.asks(ada)
		tt.is(s, b, faults, id)
		if r := b.post("/link", "token", token); r.Code != tt.code {
			t.Errorf("%s: %d %s", name, r.Code, r.text)
		}
		verified := !s.address(ada).VerifiedAt.IsZero()
		reclaimed := len(s.named("account.reclaimed")) == 1
		if kept := slices.Contains(s.held(id), "password"); kept != tt.kept || reclaimed == tt.kept || verified == tt.kept || len(s.named("email.verified")) != 0 {
			t.Errorf("%s: the password is kept: %v, the account taken over: %v, the address verified: %v", name, kept, reclaimed, verified)
		}
	}
}
