// Package authtest has a conformance suite for every interface that others
// implement, and helpers for the tests of hosts. It needs nothing but package
// auth, those below it, and the standard library, and is not for programs.
//
// # Somebody who wrote a store
//
// Call [TestStore] with a function that opens an empty one:
//
//	func TestStore(t *testing.T) {
//		authtest.TestStore(t, func(t *testing.T) auth.Store { return mystore.New(db(t)) })
//	}
//
// A store of one part only has [TestSessionStore], [TestCredentialStore],
// [TestTicketStore] or [TestLimiter]. There is a suite for each of the other
// things to plug in, too: [TestUserLoader], [TestRequestLoader],
// [TestAuthorizer], [TestProvider], [TestFlashes], [TestOutboxStore], [TestAuditStore].
//
// A failure names the rule that was broken. A suite skips nothing: an ability
// that is there is tested. No suite sleeps, and none needs a clock, because
// stores read none. The suites do most when run with the race detector.
//
// # A host's tests
//
// A handler behind a guard is tested with [Request], which somebody makes
// without having logged in; a whole host with [Client], a browser in which
// somebody is logged in, or with the cookie that [LogIn] returns. An [Option] says
// how: fresh or not, remembered or not, by which proofs, with which headers and
// from where. Nothing here goes around the gate: a user who may not log in is
// refused in tests as well.
//
// A policy is tested with [Policy], a table of who may do what to which object; who
// they are is said by [Identity].
//
// For the composition there are [Users] for a host's table, a [Clock] for
// [auth.Options.Now], an [Outbox] for [auth.Options.Events], a [Factor] to be
// owed, a [Hasher] that costs nothing, and two things to put in front of the store:
// [Faults], which makes it fail, be slow, lose its replies, die, and keep callers
// waiting for one another, and a [Recorder], which is the same with shorter words.
package authtest
