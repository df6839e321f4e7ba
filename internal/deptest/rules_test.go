package deptest_test

import "github.com/gatehouse-go/gatehouse/internal/deptest"

// rules is the table of docs/design.md, section 2. Special folders come before
// general ones. A new folder gets its line here, and the line is the decision.
var rules = []deptest.Rule{
	// For tests only: real stores on real servers, and servers to kill.
	{Part: "stores/internal/backends", May: []string{"auth", "auth/...", "internal/...", "stores/..."}, Third: []string{"*"}},
	{Part: "internal/servers", May: nil, Third: []string{"*"}},
	{Part: "internal", May: nil},
	{Part: "auth/authtest", May: []string{"auth", "auth/audit", "auth/outbox", "internal/..."}},
	{Part: "auth/policy", May: []string{"auth", "internal/..."}},
	// Mail that waits in an outbox, in the visitor's language.
	{Part: "auth/mail", May: []string{"auth", "auth/outbox", "internal/..."}},
	{Part: "auth/*", May: []string{"auth", "internal/..."}},
	{Part: "auth", May: []string{"internal/..."}},

	// Nothing of ours and of others: what is tested against it has nothing in common with it.
	{Part: "providers/oauth/oauthtest", May: nil},
	// Everything that is asked for on the site and answered by mail.
	{Part: "providers/account", May: []string{"auth", "auth/audit", "auth/mail", "auth/outbox", "internal/..."}},
	{Part: "providers/maillink", May: []string{"auth", "auth/mail", "auth/outbox", "internal/..."}},
	{Part: "providers/*", May: []string{"auth", "internal/..."}, Third: []string{"*"}},

	{Part: "stores/memory", May: []string{"auth", "auth/audit", "auth/outbox", "internal/..."}},
	{Part: "stores/cache", May: []string{"auth", "internal/..."}},
	{Part: "stores/redis", May: []string{"auth", "auth/health", "internal/..."}, Third: []string{"github.com/redis/go-redis/v9", "github.com/redis/go-redis/v9/..."}},
	{Part: "stores/bun/open", May: []string{"auth", "auth/audit", "auth/health", "auth/outbox", "auth/policy", "internal/...", "stores/bun"}, Third: []string{"*"}},
	// No driver and no dialect: the host has chosen both.
	{Part: "stores/bun", May: []string{"auth", "auth/audit", "auth/health", "auth/outbox", "auth/policy", "internal/..."},
		Third: []string{"github.com/uptrace/bun", "github.com/uptrace/bun/schema",
			"github.com/uptrace/bun/dialect", "github.com/uptrace/bun/dialect/feature"}},
	{Part: "stores/*", May: []string{"auth", "auth/audit", "auth/health", "auth/outbox", "auth/policy", "internal/...", "stores/..."}, Third: []string{"*"}},

	{Part: "pages", May: []string{"auth", "internal/..."}},
	// The table that every authorizer with an engine has to pass, over real logins.
	{Part: "contrib/internal/decisiontable", May: []string{"auth", "auth/...", "internal/...", "stores/memory"}},
	// Roles and grants in SQL are kept by the store of the same database.
	{Part: "contrib/rbac/bunrbac", May: []string{"auth", "auth/...", "internal/...", "contrib/rbac", "stores/bun"}, Third: []string{"*"}},
	{Part: "contrib/rbac", May: []string{"auth", "auth/policy", "auth/policy/policyfile", "internal/..."}, Third: []string{"go.yaml.in/yaml/v4"}},
	{Part: "contrib/mail", May: []string{"auth", "auth/mail", "auth/outbox", "internal/..."}, Third: []string{"*"}},
	{Part: "contrib/*", May: []string{"auth", "auth/policy", "auth/policy/policyfile", "internal/..."}, Third: []string{"*"}},

	{Part: "cmd", May: []string{"..."}, Never: []string{"contrib/...", "examples/...", "bench/...", "auth/authtest"}, Third: []string{"*"}},
	{Part: "examples", May: []string{"..."}, Never: []string{"bench/..."}, Third: []string{"*"}},
	{Part: "bench", May: []string{"..."}, Never: []string{"examples/..."}, Third: []string{"*"}},
}
