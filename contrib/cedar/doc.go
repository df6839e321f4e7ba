// Package cedarauthz is an [auth.Authorizer] whose policies are written in Cedar
// (https://docs.cedarpolicy.com). Begin with [Open]:
//
//	policies, err := cedarauthz.Open(os.DirFS("policy"), &cedarauthz.Options{Roles: roles.RolesOf})
//	…
//	go policies.Run(ctx) // takes new versions of the files
//	auth.Options{Authorizer: policies}
//
// [New] is for policies that a host keeps elsewhere. The engine is cedar-go, in this
// process: no decision leaves it.
//
// # What policies are asked
//
//	principal  User::"…" by the user's ID, in Role::"…" for each of Options.Roles; with
//	           id, a String. Who has not logged in is Nobody::"", without id
//	action     Action::"posts:edit", in Action::"posts:*" and Action::"*"
//	resource   post::"17" by type and ID of the auth.Object; Site::"" if there is none;
//	           with id and tenant, Strings; owner, a User; and what is in Attrs
//	context    tenant, a String; methods, a Set of Strings, of the proofs; now, a datetime;
//	           proofAge, a duration, of the newest proof; actor, a User, who acts as
//	           principal. The last two only where there is one
//
// Other users, such as an owner, have their id, and no roles that policies would know.
// Tenant is whose data the question is about, see [policy.TenantOf]. An owner that
// nobody is, is User::"", which is no principal. Attrs become Strings, Booleans,
// Longs and Sets of Strings; id, owner and tenant in Attrs do not count. A type of
// objects that is no name of a type in Cedar, or is one of the five above, is an outage
// unless [Options.Types] has another for it. [Options.Entities] and [Options.Context]
// add what a host has beside that.
//
// Actions are as in package contrib/rbac: the groups are patterns, and end with "*".
// Action::"posts:list" has nothing in it but itself.
//
// # What is no
//
// What no policy permits is denied, and what one forbids; and every action of more than
// 255 bytes. The [auth.Denial] names the
// policies that forbid, by file and @id or line, and has the @reason of the first.
//
// What cannot be told is an outage: a policy that fails, an attribute of an object that
// a policy names and that is of another Go type, a host's function that fails.
//
// # Traps
//
// A policy fails where it looks at an attribute that is not there. Cedar skips it, so
// that a forbid forbids nothing; here that is an outage, see
// [Authorizer.Authorize]. For what need not be there, ask first:
//
//	forbid (principal, action in Action::"admin:*", resource)
//	unless { context has proofAge && context.proofAge < duration("10m") };
//
// A name with an error in it, such as Action::"post:edit", is a policy that never
// applies, and no mistake to Cedar. A schema finds those: see docs/cedar.md.
//
// A principal can be nobody: write "principal is User" in what is for users.
//
// There is no [policy.Filterer]: what cedar-go has to evaluate a part of a policy is an
// experiment. [policy.Select] picks from a list.
package cedarauthz
