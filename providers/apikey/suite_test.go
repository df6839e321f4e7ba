package apikey_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
	"github.com/gatehouse-go/gatehouse/auth/authtest"
	"github.com/gatehouse-go/gatehouse/providers/apikey"
	"github.com/gatehouse-go/gatehouse/stores/memory"
)

var (
	_ auth.Provider      = (*apikey.Provider)(nil)
	_ auth.Owner         = (*apikey.Provider)(nil)
	_ auth.RequestLoader = (*apikey.Provider)(nil)
)

// What holds for every provider. Nobody logs in by a key, so there is no login to
// test.
func TestProvider(t *testing.T) {
	authtest.TestProvider(t, authtest.ProviderTest{
		New:   func(*testing.T) auth.Provider { return apikey.New(nil) },
		Store: func(*testing.T) auth.Store { return memory.New(nil) },
		Options: func(o *auth.Options) {
			o.Loaders = []auth.RequestLoader{o.Providers[0].(*apikey.Provider)}
		},
	})
}

// What holds for every request loader, by either way in and for everything that
// can be wrong with a key.
func TestRequestLoader(t *testing.T) {
	onEveryStore(t, func(t *testing.T, store auth.Store) {
		s := newSiteOn(t, store, &apikey.Options{Header: "X-API-Key"})
		key := s.create("ada", apikey.NewKey{}).Secret
		expired := s.create("ada", apikey.NewKey{Lifetime: 1e9})
		revoked := s.create("ada", apikey.NewKey{})
		if err := s.keys.Revoke(t.Context(), "ada", revoked.ID); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(2e9)
		for way, carry := range map[string]func(key string) *http.Request{
			"bearer": bearer,
			"header": func(key string) *http.Request { return request(http.MethodGet, "/me", "X-API-Key", key) },
		} {
			for what, bad := range map[string]string{
				"malformed": "gk_x", "checksum": key[:len(key)-1] + "-", "expired": expired.Secret, "revoked": revoked.Secret,
			} {
				t.Run(way+"/"+what, func(t *testing.T) {
					authtest.TestRequestLoader(t, s.keys, "ada",
						func() *http.Request { return carry(key) }, func() *http.Request { return carry(bad) })
				})
			}
		}
	})
}
