package policy

import (
	"context"

	"github.com/gatehouse-go/gatehouse/auth"
)

type tenantKey struct{}

// WithTenant returns a context in which everything is about one tenant: the host sets
// it where a request says so, by its host name or path. What belongs to another tenant
// is then denied, whoever asks.
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
// what is about to be made. The error is a denial if the two are not the same.
func TenantOf(ctx context.Context, a auth.Access) (string, error) {
	o, ok := a.Describe()
	here := Tenant(ctx)
	switch {
	case !ok, o.ID == "" && o.Tenant == "":
		return here, nil
	case here != "" && here != o.Tenant:
		return "", &auth.Denial{Policy: "tenant", Reason: "the object is another tenant's"}
	}
	return o.Tenant, nil
}
