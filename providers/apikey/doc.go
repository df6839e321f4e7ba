// Package apikey is the [auth.Provider] for API keys: what a program sends with
// each request, in the name of the user who made the key.
//
// [New] is where to start. What it makes goes into both lists of [auth.Options],
// since it serves routes and reads requests:
//
//	keys := apikey.New(nil)
//	auth.Options{
//		Providers: []auth.Provider{password.New(nil), keys},
//		Loaders:   []auth.RequestLoader{keys},
//	}
//
// A request carries a key as Authorization: Bearer (RFC 6750), or in a header of
// the host's choosing, [Options.Header]. The routes, below [auth.Options.Prefix],
// take a form or JSON and the same fields, and need a session: a key cannot
// manage keys.
//
//	GET /keys           the user's keys
//	POST /keys          name, scopes, days: makes one, and shows it once
//	POST /keys/rename   id, name
//	POST /keys/revoke   id
//
// The handlers are thin: [Provider.Create], [Provider.List], [Provider.Rename] and
// [Provider.Revoke] do the same for a host's own code. The page "keys" has a
// [Listing] as its Data, the page "key", which shows a new one, a [Created].
//
// # What a key looks like
//
//	gk_4fTq0Zk1vXwSdm3Ac_r7M...
//
// [Options.Prefix], an ID of 101 random bits that is no secret, and behind it a
// secret of 256 random bits and a checksum (CRC-32), all in letters and digits and
// joined by underscores: a double click selects it whole, a scanner for leaked
// secrets recognises it, and a typing error is told without asking the store. The
// prefix and the ID are how the pages name the key.
//
// # What is kept
//
// A SHA-256 digest over the realm, the ID and the secret, in a credential of kind
// "apikey" whose key is the ID. The secret needs no slow hash: nobody guesses 256
// bits.
//
// # What a key may do
//
// All that its user may, if [Options.Scopes] is empty. Otherwise what it is limited
// to is in [auth.Identity.Scopes], which is never nil then. Guards such as
// RequireUser do not look at it: an [auth.Authorizer] does, or the handler, with
// [auth.Identity.HasScope]. A key is never fresh, so what needs a fresh proof is out
// of its reach. Which key it was is in [auth.Identity.Credential].
//
// # How a key ends
//
// When it expires; when it is revoked, at once; when its user is disabled or gone,
// or their AuthVersion has changed. A new password does not end it, nor does
// logging out everywhere or [auth.Options.Epoch]: those end logins, of which a key
// is none, and programs that nobody thought of would stop. Whoever
// suspects that somebody else has made keys revokes them; a host that wants
// them to go with the password changes the user's AuthVersion.
package apikey
