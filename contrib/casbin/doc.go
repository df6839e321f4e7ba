// Package casbinauthz lets Casbin decide (github.com/casbin/casbin/v3). Begin with
// [Open], which reads a model and a policy from files; [New] is for an enforcer that
// the host has already.
//
//	engine, err := casbinauthz.Open(os.DirFS("policy"), &casbinauthz.Options{Roles: roles.RolesOf})
//	…
//	go engine.Run(ctx) // takes new versions of the files
//	auth.New(users, store, &auth.Options{Authorizer: engine})
//
// # The model
//
// Casbin asks, for every row of the policy, a condition: the matcher. In ours the
// request is r = sub, obj, act: who asks, a [*Subject]; about what, a
// [*auth.Object]; to do what, a string. A fourth, env, is an [*Env]. A good model to
// begin with, the whole of model.conf:
//
//	[request_definition]
//	r = sub, obj, act
//
//	[policy_definition]
//	p = sub, act
//
//	[policy_effect]
//	e = some(where (p.eft == allow))
//
//	[matchers]
//	m = actionMatch(r.act, p.act) && subjectMatch(r.sub, r.obj, p.sub)
//	# end of policy
//
// And a policy.csv for it:
//
//	p, users, posts:list
//	p, owner, posts:*
//	p, role:viewer, posts:read
//	p, user:17, admin:view
//	# end of policy
//
// What a matcher may say beside Casbin's own functions:
//
//	subjectMatch(r.sub, r.obj, p.sub)  p.sub is role:NAME, user:ID, owner (whose r.obj is),
//	                                   users (who are logged in) or everybody (even nobody)
//	actionMatch(r.act, p.act)          p.act is posts:edit, posts:*, *:view or *, as everywhere
//	objectMatch(r.obj, p.obj)          p.obj is post, post/17, or * for any and none
//	hasRole(r.sub, 'admin')            a role that r.sub has where r.obj is
//	isUser(r.sub)                      is logged in
//	isOwner(r.sub, r.obj)              what is nobody's has no owner
//	proved(r.sub, 'totp')              proved by this method, whenever
//	fresh(r.sub, 600)                  proved who they are within so many seconds
//	attr(r.obj, 'status') == 'draft'   one of the object's Attrs: a string, bool or number; or nil
//	attrHas(r.obj, 'tags', 'go')       one that is a slice of strings
//	r.sub.ID, r.sub.Actor, r.obj.Type, r.obj.ID, r.obj.Owner, r.obj.Tenant
//	r.env.Tenant, r.env.Unix, r.env.Hour, r.env.Weekday
//
// r.obj.Tenant is whose data the question is about ([policy.TenantOf]), with or without
// an object; what belongs to another tenant than that of the context is denied before
// Casbin is asked. To have a client asked for a fresh proof, put [policy.Fresh] around
// the Authorizer: a matcher's no is a no.
//
// Roles come from [Options.Roles]. Rows g add to them, if the model has [role_definition]
// with g = _, _ and the matcher does not call g itself: "g, role:admin, role:editor" for
// who has a role, "g, user:17, role:admin" for one user, everywhere.
//
// A model with other values, such as the classical r = sub, dom, obj, act, has
// [Options.Request]. Let it begin the user's ID with "user:", and the policy its roles
// with "role:": g(r.sub, p.sub) holds whenever the two are the same, and a user may be
// called "admin".
//
// # Nobody
//
// Nobody's ID is "". In Casbin that is what an empty column matches, and keyMatch with
// "*", and the Owner of what is nobody's; and a policy without rows is asked about as if it
// had one of empty columns. So nobody is asked about with those rows alone in which the
// word everybody stands, or a role, if [Options.Roles] gives it to nobody; and with all
// that deny. An enforcer of [New] is never asked about nobody.
//
// # What is refused
//
// Open is stricter than Casbin, and says which line is meant. Casbin would find out at the
// first question, or never, about: a line of the model that is no definition, such as a
// matcher's second line if the first does not end in \, a second matcher, and a section
// that does not count; a matcher that cannot be parsed, or names what there is
// not; a text in quotes that Casbin or govaluate makes another of,
// such as '2026-11-29' or, where a matcher has "in" anywhere, '^[0-9]+$'; the wrong
// number of columns; a column that no matcher looks at, such as an
// effect that is not called eft; an empty column, one that ends in a space or in a
// comment; two rows that are one to Casbin; an effect or a priority that it does not
// know; deny where policy_effect does not look at it; a policy_effect that says yes
// to what no row is about; a pattern, a subject or an expression that makes no sense; a
// policy that allows nothing.
//
// # Traps that stay
//
// Each is Casbin's, or that of its language, govaluate:
//
//   - regexMatch finds the pattern anywhere: write ^posts:read$.
//   - keyMatch knows nothing of segments: "posts*" matches "postscript". Take actionMatch.
//   - eval(p.rule) runs what stands in the policy, which may call all functions: whoever
//     writes rows writes code. The matcher is compiled anew for every decision.
//   - A method of a value cannot be called without arguments; 'x' in r.sub.Roles is an
//     error. Numbers are float64.
//   - g(…) remembers all that it was asked about until the policy is reloaded, 150 bytes
//     for each user and each name in the rows: 1,000 users of 1,000 roles are 150 MB. Do
//     not call it with IDs that clients make up, nor for many users with many roles: rows
//     g that the matcher does not call cost nothing. It ends 10 roles up.
//   - Every row is looked at until one matches, and every one for a no. Put what is cheap
//     and seldom true first in the matcher: comparing the action.
//
// With [New] also those: a SyncedEnforcer is made for changes while it is asked, an
// Enforcer is not; EnableEnforce(false) says yes to everything; what is under "What is
// refused" is not. [Functions] have to be added. A cache of decisions joins the values with
// "$$", so that two requests may be one to it: those with a "$" in them are not asked
// of it. And it does not notice that a role was taken away by RemoveGroupingPolicy: call
// InvalidateCache. A logger of the host's is told who asked for what.
//
// # Errors
//
// A no is a [*auth.Denial]: its Policy is the row that denied, "policy.csv:12". Every
// error and panic in Casbin is an outage, and never a no. Its text has no values of the
// request in it. Casbin knows no contexts: a matcher that takes long is not stopped, and
// its yes does not count.
//
// Which objects of many somebody may read Casbin cannot say: policy.Filter returns
// policy.ErrNoFilter, and policy.Select asks about one after the other.
//
// # Concurrency and costs
//
// What Open has read is never changed, so that no lock is taken; a new version is an
// enforcer of its own. Casbin's own part is nearly all of what a decision costs: 5 µs for
// the dozen rows of a small site, to which the adapter adds 8 %; 170 µs and 3,000
// allocations for 1,000 rows and roles by g. BenchmarkAdapter and BenchmarkByHand
// compare.
package casbinauthz
