// Package policy puts authorizers together and has ready-made ones.
//
// An [auth.Authorizer] is one method, and a whole policy may be one function. Where it
// grows, it grows out of parts: [AllOf], [AnyOf], [FirstOf], [Not], [ByPrefix], [For]
// and [PerRequest] make one authorizer of others; [Users] and [Everybody] are for all who
// are known, and for all; [Owner] is for whoever something belongs to; [Fresh] and [Proof]
// want another proof, and have the client told which. Begin with the example of the package.
//
// An outage of one part is never a yes of the whole, and never hidden by another's no;
// only in AnyOf a yes of another part counts more. Each no has a policy and a reason,
// for the log. What is put together wrongly, such as with a nil, is an outage whenever it
// is asked, and says so in a method Validate() error, which asks all its parts.
//
// [Filter] asks which objects of many somebody may read, for a list, and [Select]
// picks them where an authorizer cannot say so. [Describe] is for adapters to policy
// engines, such as those in contrib: it puts a question into plain values. Package
// policytest tests authorizers that filter, and policyfile keeps policies that are files.
package policy
