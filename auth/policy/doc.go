// Package policy puts authorizers together and has ready-made ones.
//
// An [auth.Authorizer] is one method, and a whole policy may be one function. Where it
// grows, it grows out of parts: [AllOf], [AnyOf], [FirstOf], [Not], [ByPrefix], [For]
// and [PerRequest] make one authorizer of others; [Owner] is for whoever something
// belongs to; [Fresh] and [Proof] want another proof, and have the client told which.
//
// [Filter] asks which objects of many somebody may read, for a list, and [Select]
// picks them where an authorizer cannot say so. [Describe] is for adapters to policy
// engines, such as those in contrib: it puts a question into plain values.
package policy
