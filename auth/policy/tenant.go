package policy

import (
	"context"

	"github.com/gatehouse-go/gatehouse/auth"
)

type tenantKey struct{}

// WithTenant returns a context in which everything is about one tenant: the host sets
// it where a request says so, by its host name or path. What belongs to another tenant
// is then denied, whoever asks, by everything here and in contrib that allows anything;
// a function of the host's own asks [TenantOf]. An object that says nothing of itself
// ([auth.Access.Describe]) is then an outage.
//
// The tenant "" is none, with which nothing is denied: a host that does not know the
// tenant that a request names ends it. Look out for [http.Request.PathValue], which is ""
// in what stands around the mux.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// Tenant returns what [WithTenant] has set, or "".
func Tenant(ctx context.Context) string {
	t, _ := ctx.Value(tenantKey{}).(string)
	return t
}

// TenantOf returns whose data the question is about: the object's tenant, or that of
// the context if there is no object, or one without ID and tenant, such as a list or
// what is about to be made. The error is a denial if the two are not the same, and an
// outage if the context has a tenant and the object says nothing of itself.
func TenantOf(ctx context.Context, a auth.Access) (string, error) {
	o, ok := a.Describe()
	if !ok && a.Object != nil && Tenant(ctx) != "" {
		return "", saysNothing(a.Object)
	}
	return tenantOf(ctx, o, ok)
}

// tenantOf is TenantOf for an object that has been described, if it could be.
func tenantOf(ctx context.Context, o auth.Object, ok bool) (string, error) {
	here := Tenant(ctx)
	switch {
	case !ok, o.ID == "" && o.Tenant == "":
		return here, nil
	case here != "" && here != o.Tenant:
		return "", &auth.Denial{Policy: "tenant", Reason: "the object is another tenant's"}
	}
	return o.Tenant, nil
}
