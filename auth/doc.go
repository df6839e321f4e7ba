// Package auth logs people in, remembers who is asking, and guards handlers.
//
// Start with [New]: it puts a [Manager] together from the host's own users (a
// [UserLoader]), a [Store] and, in [Options], ways to log in ([Provider]),
// pages, request loaders and an [Authorizer]. Wrap the host's handler in
// [Manager.Handler], serve Gatehouse's routes with [Manager.Mount], and guard
// handlers with [Manager.RequireUser] and its like, or a whole mux with
// [Manager.Protect]. Behind a guard [UserFrom] returns the host's own user.
//
// The package decides everything that has to do with validity, time, cookies
// and refusals, once; what plugs in is small and decides nothing. Exactly one
// function brings a session into being, whatever the provider, and only when
// every gate has passed.
//
// Four outcomes are never mistaken for one another: nobody
// ([ErrNoCredentials]), wrong ([ErrBadCredentials]), refused ([ErrForbidden])
// and broken (any other error, answered with a 5xx).
//
// Package auth imports the standard library and nothing else. Package authtest
// has a conformance suite for every interface, and helpers for tests of hosts.
package auth
