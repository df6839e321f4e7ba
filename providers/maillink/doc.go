// Package maillink logs people in by a link that is sent to their address. Start with
// [New], which needs a [mail.Courier].
//
// Whoever asks for a link, at POST /link, is answered alike whether or not anybody has an
// account with that address: the mail says which. The link is good for 15 minutes, once, until
// another one is asked for, and in the browser that has asked for it: that browser holds
// a secret in a cookie, and anywhere else the link opens a page that says so and is not
// used up. Opening it does nothing; it is the button on its page that logs in.
//
// A login by link proves that the address is the user's. If nobody has proved that
// before, whoever made the account may be somebody else: it is "account.reclaimed" first, so
// that nothing that they log in with is left, see [auth.Manager.Apply]. Where the user is
// logged in already, with a link to confirm who they are, it is "email.verified".
package maillink
