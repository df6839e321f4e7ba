// Package authtest has a conformance suite for every interface that others
// implement, and helpers for the tests of hosts.
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
// [TestAuthorizer], [TestProvider].
//
// A failure names the rule that was broken. A suite skips nothing: an ability
// that is there is tested. No suite sleeps, and none needs a clock, because
// stores read none. The suites do most when run with the race detector.
package authtest
