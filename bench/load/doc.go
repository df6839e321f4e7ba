// Package load puts a site that runs in several processes under load and checks
// every answer: the right user, at once nobody after a log-out or a revocation in
// another process, and never another user.
//
// Start with the command in ../cmd/load. [NewSite] is a site, [Run] are its users,
// who report what they saw.
package load
