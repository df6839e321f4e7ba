package auth_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-go/gatehouse/auth"
)

// What one Manager takes from another site another one inside it takes for nobody's,
// and does not refuse. One outside has to be told.
func TestHostileCrossSiteTwoManagers(t *testing.T) {
	var bypass http.CrossOriginProtection
	bypass.AddInsecureBypassPattern("POST /admin/auth/box/answer")
	s := newSite(t, func(o *auth.Options) {
		o.Providers = append(o.Providers, newPostbox())
		o.CrossOrigin = &bypass
	})
	admin := newSite(t, func(o *auth.Options) {
		o.Realm, o.Prefix = "admin", "/admin/auth"
		o.Providers = append(o.Providers, newPostbox())
	})
	mux := http.NewServeMux()
	s.m.Mount(mux)
	admin.m.Mount(mux)
	s.h = s.m.Handler(admin.m.Handler(mux))
	v := s.visitor()
	v.logIn("ada")
	v.post("/admin/auth/trust?user=ada", "")
	v.fromAnotherSite()
	for _, path := range []string{"/auth/box/answer", "/admin/auth/box/answer"} {
		res := v.post(path, "code=x")
		var got sight
		if res.StatusCode != 200 {
			t.Errorf("%s: %s %s", path, res.Status, code(res))
			continue
		}
		if decode(t, res, &got); got.User != "" || got.Cookies != 0 || got.Identity != auth.ErrNoCredentials.Error() {
			t.Errorf("%s sees %+v", path, got)
		}
	}
	for _, path := range []string{"/auth/box/other", "/admin/auth/box/other", "/auth/logout", "/admin/auth/logout"} {
		if res := v.post(path, "code=x"); res.StatusCode != 403 {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}
