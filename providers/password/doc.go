// Package password is the [auth.Provider] for logging in with a password:
// registering, logging in, changing the password, and confirming who one is.
//
// [New] is where to start; what it makes goes into [auth.Options]. The routes,
// below [auth.Options.Prefix], take a form or JSON and the same fields:
//
//	POST /login           email (username, login), password, remember, next
//	GET,POST /register    email, username, name, password, next
//	GET,POST /password    current, password, next
//	POST /confirm         password, next
//
// The handlers are thin: [Provider.Register], [Provider.Verify],
// [Provider.Change] and [Provider.Set] do the same for a host's own code, with
// the same checks and hooks.
//
// # What is kept
//
// A hash by [Bcrypt] or [Argon2id], or by another [Hasher], in the
// credential of kind "password", whose key is the user's ID; or, with a [Table],
// in the host's own column. A password is taken as it was typed, in Unicode
// normal form C and otherwise unchanged: every byte of it counts, up to 1,024.
// Hashes of other formats, parameters and pepper keys are read as well, and are
// replaced at the next login if nobody has changed the password meanwhile: those
// of Flask by [Werkzeug].
//
// # What is promised
//
// A login that is refused takes the same steps and gives the same answer,
// whether the name is unknown, the password wrong or too long, or the user
// disabled or without password. Only a hash that is still to be replaced takes
// longer to refuse. Guesses are counted before anything is hashed.
// At most a few hashes are computed at once, and a bounded number wait.
//
// New passwords follow NIST SP 800-63B-4: at least 15 characters, no rules on
// which, not one of the common ones or one made of the user's or the site's
// name, and, if the host wishes, not one that was published in a breach.
package password
