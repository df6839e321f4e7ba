// Package oauthtest is an identity provider for tests, development and demos:
// logins with OAuth 2.0, OpenID Connect and OAuth 1.0a run against it without a network, without
// secrets and without accounts. It needs nothing but the standard library.
//
// It believes whoever presses a button. Never let strangers reach it, and never
// give it to an application that they can reach.
//
// [New] is where to start. A [Server] is several providers at once, each a
// [Service]: an OpenID provider of its own ([OIDC]), and imitations of GitHub,
// Google, Apple and Twitter that speak as the real ones do, down to their paths,
// their errors and the parameters that they add to callbacks.
//
// # Reaching it
//
// As an [http.RoundTripper], the Server takes the requests for its own URL and
// for the hosts of those that it imitates, and refuses all others: an
// [http.Client] with it has a small internet that is safe. [Server.Visit] and
// [Server.VisitAs] are the browser, in a function call: from an authorization
// URL to the callback. Nothing of this listens anywhere.
//
// For real browsers, [Server.Start] listens on the loopback, or the program
// serves the Server, which is an [http.Handler], by itself. The authorization
// endpoint is a page with a button for each [Person] then, and
// [Server.AuthURL] turns an authorization URL of GitHub into one of that page.
//
// # Testing what goes wrong
//
// [Server.SetScript] changes what the Server does. A [Script] can take over the answer
// of any [Endpoint], with a [Handler] of its own or with [Reply], [Delay],
// [Hang], [Cut], [Flood] and [RedirectTo]; it can change the fields of answers,
// the claims of ID tokens, how they are signed, the finished token, and the
// parameters of callbacks. [Server.SetKeys] and [Server.RotateKeys] change the keys,
// [Server.ChangePerson] the people, [Server.Withdraw] ends what was granted.
//
// [Server.Requests] has everything that was received: headers, bodies, and what
// was sent to other hosts. [Server.Issued] has all codes and tokens, to look for
// where they must not be.
//
// # What it insists on
//
// Without a script the providers are strict, so that a client that works with
// them is right: redirect URIs compared exactly; codes good once, for five minutes and with the
// redirect_uri and code_verifier that belong to them (S256 only, and none without a
// challenge); a second use of a code or of a rotated refresh token ends the
// grant; no parameter twice.
//
// [OIDC] gives an ID token for the scope openid and a refresh token for
// offline_access, and announces and sends iss in its responses (RFC 9207).
package oauthtest
