// Package backends opens every store that Gatehouse has, on real servers, for
// tests that have to hold on all of them: memory, SQLite, PostgreSQL, MariaDB,
// and Redis, which keeps sessions, tickets and counters beside credentials in
// SQLite. It is for tests.
//
// Where to start: [Each] runs a test on each of them. [At] opens one on a server
// of the test's own, see package servers.
//
// Where the servers are is read from the environment, see CONTRIBUTING.md; a test
// on a server that is not named there is skipped, with a message that begins with
// "server:". Every [Backend] has tables and keys of its own, with a prefix that
// nobody else has, and removes them at the end of the test.
package backends
