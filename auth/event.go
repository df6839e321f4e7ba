package auth

import (
	"net/netip"
	"time"
)

// An Event is something that matters to security. Every event is logged with
// log/slog, under its name and with the same facts, and handed to
// each of [Options.Events]. It holds no secret.
//
// The names, which are stable:
//
//	login               a session began
//	login.owed          a factor is still owed
//	login.failed        what the visitor gave is wrong; Reason says more
//	login.refused       right, and refused: unknown, disabled, changed meanwhile
//	login.limited       too many guesses
//	account.locked      so many guesses were wrong that there are no more; tell the user
//	limiter.down        what counts guesses is down, and a small one stands in
//	logout              the user ended the session, or somebody else logged in
//	user.switched       somebody logged in where somebody else was logged in
//	remembered          a session began for a remembered browser
//	remember.reused     a remembered browser's token was used twice; tell the user
//	reauthenticated     a proof was added to a session
//	registered          a user was created
//	sessions.revoked    sessions were ended from elsewhere
//	credential.changed  what the user can log in with changed; Reason says how
//	credential.added    there is one more way to log in; tell the user
//	credential.removed  there is one less; tell the user
//	password.changed    the password was changed by who knows the old one; tell the user
//	password.reset      it was changed by who can read mail to the address; tell the user
//	email.verified      the user has proved that the address is theirs
//	email.changed       the user has another address; tell both
//	email.reverted      the change of an address was undone from the old one
//	account.reclaimed   who owns the address has taken over an account made with it
//	account.disowned    the owner has said of a change that it was not them
//	account.closed      the user closed the account
//	account.kept        they have kept it after all
//	account.purged      an account that was closed was deleted
//	device.added        a login in a browser that was not known; tell the user
//	key.created         an API key was created; tell the user
//	key.revoked         an API key was revoked
//	mail.refused        the mail server has refused a mail for good; Reason begins with which
//	mail.given_up       it has not taken a mail for about 3 days, which is given up
//	binding.changed     a session is used from elsewhere
//	forbidden           somebody tried what the authorizer denies: Action, Object, and why
//	allowed             the authorizer said yes; only with [Options.AuditDecisions]
//	denied              it said no where that is not forbidden; only with that
//	undecided           it could not tell; only with that
//	loaded              the request itself said who asks
//	unauthenticated     a user was required, and nobody asked: Reason says why
//	not_fresh           a newer proof was required, or one by another method
//
// From "credential.added" to "account.closed" the names are rows of the table of
// consequences, see [Manager.Apply]: such an event comes after the "credential.changed"
// of what was changed. A provider may have more of them.
//
// The last three, "allowed" and "denied", which can come with every request, are
// logged at Debug.
//
// A decision is "forbidden" if somebody who is known has tried something, and no other
// proof would help: what to look at when somebody is probing, and so with their
// address and device. What else is asked, for templates and lists, by [Manager.Decide],
// about nobody, and where another proof is wanted or the session has ended meanwhile, is
// "denied". It, "allowed" and "undecided" have no address and no device, and name users
// and objects by their IDs.
type Event struct {
	Name   string
	At     time.Time
	UserID string     // "" if not known
	Actor  string     // who acted as UserID, or ""
	Method string     // the provider, or ""
	Addr   netip.Addr // the client's; invalid if the event has no request
	Label  string     // the client's device, or ""
	Reason string     // for people, in English

	// Of a decision:
	Action string        // what somebody wanted to do
	Object string        // to what, by its type and ID; "" if it has none
	Policy string        // what said no, or ""
	Took   time.Duration // how long the decision took; 0 without [Options.AuditDecisions]
}
