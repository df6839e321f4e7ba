// Package account is the life of an account after it is made: its address is verified, a
// forgotten password is replaced, the address changes, the owner is told of what
// happened, and the account is closed.
//
// Start with [New], which needs a [mail.Courier]: everything here is asked for on the
// site and answered by mail.
//
// # Links
//
// A link opens a page and acts when its form is sent: whoever only looks, such as a
// scanner of mail, uses nothing up. Its token is 256 random bits, of which the store
// keeps a digest; it is good once, for one purpose, until its time is over by the clock
// of the Manager, while it is the newest, and while the address that it was mailed to is
// still the user's. Whatever changes how a user can log in ends all of theirs. What is
// refused for what was typed uses nothing up.
//
// # Who has an account
//
// Nothing here tells. Who asks for mail is answered the same, after the same steps,
// whether or not there is an account: the answer is in the mail. So is registering, with
// [Options.RequireVerification]. Without it, registering tells whether an address is
// taken.
//
// # Whose account it is
//
// Anybody can register with an address that they do not have. Until its owner has proved
// that it is theirs, an account proves nothing of them: who then resets its password, or
// takes it over by the link in the mail, drops whatever was there before. A link alone
// does not verify an address: it takes the browser that is logged in or has registered,
// or the password that was chosen. A claim to an address does not expire by itself.
//
// Nobody is logged in by a link of this package, and no second factor is passed by.
package account
