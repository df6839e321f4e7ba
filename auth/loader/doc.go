// Package loader has ready-made [auth.RequestLoader]s, for requests that say
// themselves who asks: [Bearer] and [Basic] for the Authorization header, [Header]
// for a key in a header of its own, and [InsecureQueryKey] for a key in the URL.
// They go, in the order in which they are asked, into Options.Loaders of package
// auth; several for the Authorization header work side by side.
//
// # Verifying
//
// Each is given a function of the host's that says whose a credential is. It gets
// the request's context, returns an Identity with a UserID, perhaps with Actor and
// Scopes, and leaves loading and checking the user to the Manager. It is called
// concurrently, at most once per request, and with every request that carries a
// credential. Its errors are
//
//   - [auth.ErrBadCredentials]: the credential is wrong, expired or revoked;
//   - [auth.ErrNotFound], which a store returns where there is no such credential:
//     to whoever sent it the same. A function that does not want that, since what
//     it did not find is something that must be there, returns another error;
//   - [auth.ErrNoCredentials]: the same again. What was sent is something, and
//     the request is never answered from the session instead;
//   - any other: an outage, answered with 503.
//
// Keep digests of tokens, and find them by their digest: a SHA-256 is enough for
// what is random and long, and a look-up by it takes no time that tells anything.
// Whoever compares secrets themselves uses [crypto/subtle]. Guesses are not counted
// here, and [auth.Options.Limits] are for what is typed at a login: tokens need
// 128 random bits or more.
//
// # What is refused
//
// A request that does not carry what a loader looks for, or names another scheme,
// is none of its business. All that is of its own sort and not exactly as it
// should be is a bad credential: malformed, empty, too long, sent twice, with
// control characters. So is a credential of a user who is unknown or disabled.
// Bad credentials are final: 401 where a user is required, and never the session
// instead.
package loader
