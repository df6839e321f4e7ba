// Package servers starts servers of a test's own: PostgreSQL, MariaDB and Redis
// that it may kill, stop, start again on the same data and configure as it likes,
// and a proxy that loses connections and replies. It is for tests.
//
// Where to start: [Postgres], [MariaDB] and [Redis] start one and return when it
// can be used; [NewProxy] stands in front of one, or of anything else that
// listens. All of them listen on the loopback interface only, and end with the
// test. A test is skipped, with a message that begins with "server:", where the
// programs are not installed. They are started on Linux only.
package servers
