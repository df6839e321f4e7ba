// Package rbac is the [auth.Authorizer] for roles: who has a role has its permissions,
// which are the names of actions.
//
// Start with [NewMemory] and [New], where roles are defined in Go; with [Open], where
// they are in a YAML file; or with package bunrbac beside this one, where they are in
// the database:
//
//	roles, err := rbac.NewMemory(
//		rbac.Role{Name: "viewer", Permissions: []string{"posts:read"}},
//		rbac.Role{Name: "editor", Permissions: []string{"posts:edit"}, Inherits: []string{"viewer"}},
//		rbac.Role{Name: "admin", Permissions: []string{"*"}, Inherits: []string{"editor"}},
//	)
//	…
//	authorizer, err := rbac.New(roles, &rbac.Options{Actions: []string{"posts:read", "posts:edit", "posts:delete"}})
//	…
//	auth.Options{Authorizer: authorizer}
//
// Nobody has any role until it is granted: there is no default admin, and no name of a
// role means anything. The host grants the first one, see the example.
//
// # Permissions
//
// A permission is the name of an action, "posts:edit", or a pattern: a segment "*"
// stands for any one segment, and as the last one for any number of them, one at
// least. "posts:*" covers "posts:edit" and "posts:comments:edit", and not "posts";
// "*:view" covers "posts:view"; "*" covers everything. The case counts.
//
// With [Options.Actions], the list of all actions there are, wildcards cover these and
// nothing else: what is misspelt in a handler is then denied to everybody, admins
// too, and what is misspelt in a role is an error. Without it "*" covers any name.
//
// # Where a role holds
//
// A [Grant] gives a role everywhere, in one tenant, for one object, or for one object
// in one tenant: all that it names has to fit. Whose data a question is about is said by
// policy.TenantOf: the object says it, or the context, if there is no object. An
// object of another tenant than the context's is denied, whatever was granted. An object that
// says nothing of itself ([auth.Access.Describe]) is an outage: nobody could say whether
// it is another tenant's.
//
// A grant of a role that is not defined grants nothing. It is no error, since
// definitions and grants may be kept apart: it is logged, as a warning, and counts from
// when the role is defined.
//
// # How fast a change counts
//
// What is changed in a [Memory] counts from the next decision on. What is changed in
// another [Source], by whatever process, counts from the next request on: what a user
// was granted is read once per request, and the definitions are read again when they
// are others than before. A file is looked at by [Authorizer.Run] and
// [Authorizer.Reload]. Where a source cannot be reached, nothing is allowed, and the
// answer is an outage.
//
// Roles say nothing of who owns what. Put that beside them:
// policy.AnyOf(authorizer, policy.Owner(nil)).
package rbac
