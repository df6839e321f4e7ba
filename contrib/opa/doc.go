// Package opaauthz is an authorizer that asks Open Policy Agent, embedded: a policy in
// Rego, in files that are reloaded, without a server beside the site. Begin with
// [Open]:
//
//	opa, err := opaauthz.Open(os.DirFS("policy"), &opaauthz.Options{Roles: roles.RolesOf})
//	m, err := auth.New(users, store, &auth.Options{Authorizer: opa})
//	go opa.Run(ctx) // looks at the files now and then
//
// The rule data.gatehouse.allow decides, in Rego as of version 1 of OPA:
//
//	package gatehouse
//
//	default allow := false
//
//	allow if {
//		input.action in {"posts:read", "posts:edit"}
//		input.object.owner == input.user.id
//	}
//
//	reasons contains "the post is somebody else's" if input.object.owner != input.user.id
//
//	# end of policy
//
// reasons is optional, and asked after a no: its strings go into [auth.Denial]'s
// Reason, and so into logs and events, and never to the client. So let there be no
// names or addresses in them. The last line lets a half-written file be told from a
// whole one, see package policyfile.
//
// A policy cannot say that another proof would help: put [policy.Fresh] and
// [policy.Proof] beside it, with [policy.AllOf].
//
// # The input
//
//	input.user            is not there for nobody, so that all that asks for it is undefined
//	input.user.id         string
//	input.user.actor      string: who acts as the user; not there if nobody does
//	input.user.roles      list of strings, see Options.Roles
//	input.user.methods    list of strings: by which methods the user proved who they are
//	input.user.proof_age  number: how old the newest proof is; not there if none counts
//	input.action          string
//	input.object          is not there if there is none
//	input.object.type     string
//	input.object.id       string, "" if it has none yet
//	input.object.tenant   string, "" if it is in none
//	input.object.owner    string, "" if it has none
//	input.object.…        each of its Attrs, by its name
//	input.tenant          string: the object's, or else the request's, see policy.TenantOf
//	input.now             number: the time of the question, as of time.now_ns()
//
// Times and durations are in nanoseconds, like all of Rego's, so that
// input.user.proof_age < time.parse_duration_ns("10m") is what it looks like.
//
// [Open] checks a policy against that list: a rule about input.user.role, which there
// never is, is an error then and not a silent no; or, behind a "not", a silent yes. So is
// data that is in no file and that no rule makes, such as a list of those who are banned
// that a new version has not. What is in such a list, what a function is given, and what
// else an object has, is not checked.
//
// # What is a no, and what an outage
//
// False and undefined are a no, and so is what is no name of an action, such as "posts:*",
// of which no policy is asked. True is the only yes: "true", 1, a set, an object, and
// more results than one are outages, as are two rules that contradict each other
// (allow := true and allow := false), and errors in functions. Rego by itself has
// to_number("x") be undefined, and not to_number("x") be true; here it is an outage.
//
// A rule deny in the package, which is what many policies call their prohibitions,
// decides nothing by itself. If allow does not ask it, Open refuses the policy.
//
// The text of an outage is OPA's, and may quote values of the input. It goes to the log
// alone.
//
// When the context ends, OPA stops at the next expression. Nothing waits for that: a
// decision starts no goroutine and no timer. A function that is at work is not stopped,
// and has no bounds: bits.lsh(1, n), by an n that a client sends, takes all the memory
// that there is and ends the process.
//
// Policies do not reach out: [Capabilities] says what they may use. What print prints
// goes nowhere, and nothing is logged of a decision but what the Manager logs of all.
//
// # Lists
//
// The authorizer is no [policy.Filterer]: take [policy.Select], which asks about one
// object after the other. OPA's partial evaluation is not used.
package opaauthz
